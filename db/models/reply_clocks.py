"""When a tenant's leads answer, and on which channels: counts over all of them."""

from datetime import datetime

from sqlalchemy import Double
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject


class ReplyClock(Base):
    """The replies of a tenant's leads by two-hour slot on each lead's own clock, and the messages by channel."""

    __tablename__ = "reply_clocks"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    #: counts of the 12 slots, under `slots`
    counts: Mapped[JsonObject]
    #: replies that they count as for one lead
    strength: Mapped[float] = mapped_column(Double)
    #: channel -> sent, replied, strength
    channels: Mapped[JsonObject]
    replies: Mapped[int]
    #: leads that were counted
    leads: Mapped[int]
    computed_at: Mapped[datetime]
