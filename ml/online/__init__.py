"""Online learning: eight River learners and a blend that learn from each outcome as it comes."""

from ml.online.blend import EXPERTS
from ml.online.model import OnlineModel
from ml.online.results import OnlineReport, OnlineScore

__all__ = ["EXPERTS", "OnlineModel", "OnlineReport", "OnlineScore"]
