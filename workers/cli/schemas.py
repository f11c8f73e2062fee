"""`hearth schemas`: write the contract as JSON Schemas, for callers in other languages."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tasks.runtime import registry
from workers.cli.base.command import Command, example, json_option
from workers.cli.base.output import emit, say

DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command(cls=Command, epilog=example("hearth schemas build/schemas"))
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@json_option
def schemas(directory: Path, as_json: bool) -> None:
    """Write the JSON Schemas of the contract to DIR: of arguments, of answers and of events."""
    written = [_write(directory / f"{name}.json", schema) for name, schema in sorted(registry.schemas().items())]
    if as_json:
        emit({"files": written})
    else:
        for path in written:
            say(path)


def _write(path: Path, schema: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return str(path)
