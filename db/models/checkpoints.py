"""How far online learners are, what they know up to there, and the scores of the signals that they learnt."""

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_MARKED = text("rebuild_at IS NOT NULL")


class OnlineHead(Base):
    """How far the learner of a tenant and target is. Its row is locked while what it learnt is written."""

    __tablename__ = "online_heads"
    __table_args__ = (Index("ix_online_heads_rebuild", "tenant_id", sqlite_where=_MARKED, postgresql_where=_MARKED),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    #: counted up at each rebuild: what an earlier generation knew is not compared with this one
    generation: Mapped[int]
    #: number of the newest signal that this generation has learnt; 0: none
    cursor: Mapped[int] = mapped_column(BigInteger)
    #: since when the learner is to be built anew from its signals; None = it stands
    rebuild_at: Mapped[datetime | None]
    #: the newest snapshot that was looked at for an online score; None = none yet
    scored_through: Mapped[str | None]
    #: cursor of the newest checkpoint, and when it was written; None = there is none
    checkpoint_cursor: Mapped[int | None] = mapped_column(BigInteger)
    checkpointed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class OnlineCheckpoint(Base):
    """What a learner knew after a signal. Its state is sealed under the key ring; a replay of signals replaces it."""

    __tablename__ = "online_checkpoints"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "target"], ["online_heads.tenant_id", "online_heads.target"], ondelete="CASCADE"
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True)
    cursor: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    #: None: only the report was kept
    state: Mapped[bytes | None]
    #: bytes of the state before it was sealed
    size: Mapped[int] = mapped_column(BigInteger)
    #: figures of the learner up to this signal; they name nobody
    report: Mapped[JsonObject]
    taken_at: Mapped[datetime]


class SignalScore(Base):
    """The online score of a signal that was learnt: as it was served, and again before its label was learnt."""

    __tablename__ = "signal_scores"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    #: the signal's number
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    lead_id: Mapped[str]
    snapshot_id: Mapped[str]
    label: Mapped[bool]
    #: generation that learnt it first
    generation: Mapped[int]
    #: at serve time; None: the snapshot had no online score then
    served_probability: Mapped[float | None] = mapped_column(Double)
    #: expert -> probability at serve time, by which the experts' weights are judged, in a rebuild too
    served: Mapped[JsonObject | None]
    #: at label time, before the label was learnt
    probability: Mapped[float] = mapped_column(Double)
    confidence: Mapped[float] = mapped_column(Double)
    learnt_at: Mapped[datetime]
