"""Read stages: those of the tenant's settings, else those that an account begins with; others are never guessed.

The names that an account begins with, and what they mean, are those of the export profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.leads import LIFECYCLE
from tasks.crm.followupboss.notification import PROVIDER, as_id
from tasks.intake import payload
from tasks.intake.csv.columns.export_profiles import load_profile
from tasks.intake.parsed_event import Closing, ReaderContext
from tasks.intake.payload import Raw
from tasks.intake.values import vocabulary

_ENDS: Mapping[str, Closing] = {"won": "won", "lost": "lost", "abandoned": "abandoned"}
#: our stage -> how a lead ended that came there
_OUTCOMES: Mapping[str, str] = {"lost": "lost", **load_profile(PROVIDER).outcomes}
_NAMES: Mapping[str, str] = load_profile(PROVIDER).words["stage"]


class Stage(NamedTuple):
    """The stage of a person or a deal."""

    #: as the account calls it
    name: str | None
    #: ours; None = it has no meaning for us
    ours: str | None

    @property
    def is_unmapped(self) -> bool:
        """Return whether the account has a stage that Hearth does not know."""
        return self.name is not None and self.ours is None

    @property
    def outcome(self) -> Closing | None:
        """Return how a lead of this stage ended; a stage on the way to a sale means open, one beside it nothing."""
        end = _ENDS.get(_OUTCOMES.get(self.ours or "", ""))
        return end or ("open" if self.ours in LIFECYCLE else None)


def stage_of(resource: Raw, setup: ReaderContext, *, name: str, id_name: str = "stageId") -> Stage:
    """Return the stage of a resource, by its id or its name in the settings, else by the name accounts begin with."""
    called, stage_id = payload.text(resource, name), as_id(resource.get(id_name))
    told = setup.stages.get(stage_id or "") or setup.stages.get(called or "")
    return Stage(called or stage_id, told or _NAMES.get(vocabulary.level_key(called or "")))
