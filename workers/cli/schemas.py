"""`hearth schemas`: write the contract as JSON Schemas, OpenAPI and TypeScript, for callers in other languages."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tasks.runtime import registry
from workers.cli.base.command import Command, example, json_option
from workers.cli.base.output import emit, say
from workers.gateway import openapi, typescript

DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command(cls=Command, epilog=example("hearth schemas build/schemas"))
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@json_option
def schemas(directory: Path, as_json: bool) -> None:
    """Write the contract to DIR: JSON Schemas of arguments, answers and events, openapi.json and hearth.d.ts."""
    found = registry.schemas()
    texts = {f"{name}.json": _json(schema) for name, schema in sorted(found.items())}
    texts |= {"openapi.json": _json(openapi.document()), "hearth.d.ts": typescript.declarations(found)}
    written = [_write(directory / name, text) for name, text in texts.items()]
    if as_json:
        emit({"files": written})
    else:
        for path in written:
            say(path)


def _json(schema: object) -> str:
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)
