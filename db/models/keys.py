"""Which keys of the ring this database was sealed under: their marks, from which no key can be told."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class KeyMark(Base):
    """A key that has sealed, or may have: whoever starts with another ring is told."""

    __tablename__ = "key_marks"

    #: `*`: the ring is the installation's
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    #: eight hexadecimal digits
    key_id: Mapped[str] = mapped_column(primary_key=True)
    #: keyed hash that only the same key beside the same lookup key gives
    mark: Mapped[bytes]
    created_at: Mapped[datetime]
