"""UCI Bank Marketing as a table of leads, where the folder of real data sets holds it."""

from __future__ import annotations

import gzip
import tomllib
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.simulated import MOMENT, Row, Table, value
from ml.profiles import LeadProfile

FILE = Path("leads_bank_marketing", "bank-additional-full.csv.gz")
MAPPING = harness.ROOT / "examples" / "mappings" / "bank_marketing.toml"
#: `duration` is known only once the call is over
LEFT_OUT = frozenset({"duration", "y"})


def table(folder: Path, *, most: int | None) -> Table | None:
    """A copy of the set in `folder`, of its first `most` rows or of all; None where there is no such set."""
    data = harness.data_folder()
    if data is None or not (data / FILE).is_file():
        return None
    path = folder / "bank-marketing.csv"
    with gzip.open(data / FILE, "rt", encoding="utf-8", newline="") as source, path.open("w", newline="") as target:
        target.writelines(islice(source, None if most is None else most + 1))
    return Table(path=path, delimiter=";", profile=_profile, label=lambda row: row["y"] == "yes")


def options() -> dict[str, Any]:
    """How Hearth imports it."""
    return {"profile": "generic", "mapping": tomllib.loads(MAPPING.read_text(encoding="utf-8"))}


def _profile(row: Row) -> LeadProfile:
    own = {name: value(cell) for name, cell in row.items() if name not in LEFT_OUT}
    return LeadProfile(lead_id="", as_of=MOMENT, custom=own)
