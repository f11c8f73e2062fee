"""What checks of models found: figures of windows of time, and drift."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject


class MonitoringWindow(Base):
    """One check of one model: how it did in the window that ended then. The last check of a day stays."""

    __tablename__ = "monitoring_windows"
    __table_args__ = (Index(None, "tenant_id", "kind", "computed_at"),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    #: a kind of model, or `online_` and the target of an online learner
    kind: Mapped[str] = mapped_column(primary_key=True)
    #: UTC day of the check, as text
    day: Mapped[str] = mapped_column(primary_key=True)
    #: who answered then
    version: Mapped[str]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    #: leads that were scored in the window, and labels that came in it
    scored: Mapped[int]
    labels: Mapped[int]
    action: Mapped[str]
    direction: Mapped[str | None]
    #: figures, and alerts; they name nobody
    body: Mapped[JsonObject]
    computed_at: Mapped[datetime]


class DriftFinding(Base):
    """One drift of one model, told once however often checks come over it."""

    __tablename__ = "drift_findings"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "version", "series", "level", "at", name="uq_drift_findings_moment"),
        Index(None, "tenant_id", "kind", "at"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    finding_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    version: Mapped[str]
    #: performance, estimate, score, or `feature:` and its name
    series: Mapped[str]
    level: Mapped[str]
    direction: Mapped[str]
    #: when it became sure, and since when it is so
    at: Mapped[datetime]
    since: Mapped[datetime]
    #: change of the mean squared error, measured or expected; above 0 is worse
    effect: Mapped[float] = mapped_column(Double)
    reason: Mapped[str]
    found_at: Mapped[datetime]
