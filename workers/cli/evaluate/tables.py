"""Open the files that `hearth evaluate` measures on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from workers.cli.base.output import notice
from workers.cli.base.terminal import line
from workers.cli.evaluate import csv_table
from workers.cli.evaluate.csv_table import Table

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def open_tables(paths: Sequence[Path], columns: str | None, target: str, *, option: str = "--target") -> Table:
    """Read and join files; print what was left out. Raise TableUnreadable; a missing target is wrong usage.

    `option` is the one that named the target.
    """
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    read = [csv_table.read(path, names) for path in paths]
    for file in read:
        if file.misfits:
            notice(
                f"{file.name}: {file.misfits} rows with another number of cells are left out, "
                f"the first on line {file.first_misfit}"
            )
    joined = csv_table.join(read, target)
    require_column(joined, target, option)
    return joined


def require_column(read: Table, name: str, option: str) -> None:
    """Raise a wrong usage of an option that names a column which is not there."""
    if name not in read.columns:
        raise click.BadParameter(f"no column {name!r}; there are: {line(', '.join(read.columns))}", param_hint=option)
