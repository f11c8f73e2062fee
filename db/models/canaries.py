"""How long messages wait in each queue, told by messages that only tell that."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Canary(Base):
    """The newest canary of a queue; times are the database's."""

    __tablename__ = "canaries"

    #: `*`: a queue is everybody's
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime]
    ran_at: Mapped[datetime | None]
