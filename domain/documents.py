"""Documents whose values have no static type: JSON of callers, providers, settings and columns, and TOML of our tables.

What such a document says is checked where it enters, by a contract or by the code that reads it; a type checker cannot
follow its values. These aliases are the one place that says so: elsewhere `Any` stands for what a library leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

#: an object of JSON that is being made or may be changed
JsonObject: TypeAlias = dict[str, Any]
#: an object of JSON that is only read
JsonMapping: TypeAlias = Mapping[str, Any]
#: a table of a TOML file, as `tomllib` parses it
TomlMapping: TypeAlias = Mapping[str, Any]
