"""Types that several records use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Json = Mapping[str, Any]
Policy = Literal["fill_blanks", "overwrite", "skip_existing"]
