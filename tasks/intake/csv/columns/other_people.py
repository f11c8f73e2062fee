"""Find the columns that are not the lead's own although their headers could be: a second person's, a deal's title.

`Secondary Email` is the lead's other address in most files. Where the file also has `Secondary First Name`, it is
somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tasks.intake.csv.columns import header_words

#: words and figures that tell a second person's columns from the lead's own
_SECOND = re.compile(
    r"(?:^|[\W_])(secondary|second|2nd|alternate|alternative|alt|other|additional|2|3)(?=[\W_]|$)|(?<=[a-z])([23])(?=[\W_]|$)",
    re.IGNORECASE,
)
#: rows that can show a title
_FEWEST = 2
#: share of the rows in which a person's name must stand in the whole name
_HARDLY = 0.2


def second_person(header: Sequence[str]) -> frozenset[int]:
    """Return the positions of the columns of a second person whose name the file has too.

    >>> sorted(second_person(["First Name", "Email", "Secondary First Name", "Secondary Email", "Email 2"]))
    [2, 3]
    >>> second_person(["First Name", "Email", "Secondary Email"])
    frozenset()
    """
    marks = {mark for name in header if (mark := _mark(name)) and _is_name(name)}
    return frozenset(index for index, name in enumerate(header) if marks and _mark(name) in marks)


def _mark(header: str) -> str | None:
    match = _SECOND.search(header)
    return (match[1] or match[2]).casefold() if match else None


def _is_name(header: str) -> bool:
    bare = _SECOND.sub(" ", header)
    return header_words.name_part(bare) is not None or header_words.is_full_name(bare)


def is_title(whole_and_parts: Iterable[tuple[str, Sequence[str]]]) -> bool:
    """Return whether a column of whole names is a title: the parts of the name of its row hardly ever stand in it.

    >>> is_title([("Call 305", ["Ann", "Lee"]), ("Elm St", ["Bob", "Ray"])]), is_title([("Lee, Ann", ["Ann", "Lee"])])
    (True, False)
    """
    rows = [(whole.casefold(), parts) for whole, parts in whole_and_parts if whole and any(parts)]
    shown = sum(1 for whole, parts in rows if any(part.casefold() in whole for part in parts if part))
    return len(rows) >= _FEWEST and shown < _HARDLY * len(rows)
