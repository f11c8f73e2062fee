"""Who answered when: promotions, rollbacks, and what was decided about challengers."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject


class ModelChange(Base):
    """One change of a kind's champion, or one verdict on a challenger. Rows are added and never changed."""

    __tablename__ = "model_changes"
    __table_args__ = (Index(None, "tenant_id", "kind", "at"),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    #: sorts by the time of writing
    change_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    #: promotion, rollback, shadow, waiting, refusal or comparison
    change: Mapped[str]
    #: the model that it is about
    version: Mapped[str]
    #: champion before and after; None: what is written, or what is shared, answered
    from_version: Mapped[str | None]
    to_version: Mapped[str | None]
    actor: Mapped[str]
    #: one sentence with figures
    reason: Mapped[str]
    #: number of the comparison among those with the champion of then; None: nothing was compared
    look: Mapped[int | None]
    #: the decision, the rule of its rollback, and the bands that changed
    detail: Mapped[JsonObject]
    at: Mapped[datetime]
