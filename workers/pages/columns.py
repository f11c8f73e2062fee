"""Describe the columns of a model version: names, weights, and why some were left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.documents import JsonMapping, JsonObject
from ml.features.catalogue import CUSTOM, FEATURES, group_of
from ml.features.meanings import meaning_of
from ml.features.prohibited import reasons, refusal

_TOP = 15
#: where the words of a reason ("came in 40 days ago") make no title
_TITLES = {
    "activity_trend": "trend of activity",
    "age_days": "days since it came in",
    "baths_min": "bathrooms wanted",
    "beds_min": "bedrooms wanted",
    "stage_days": "days since its stage was entered",
}
_GROUPS = ("behavioral", "temporal", "contextual", "emotional")
#: reasons of refusal that tell who a person is, as no law would have to say
_IDENTITY = frozenset({"name", "e-mail", "phone", "photo", "identifier"})
_PLACES = frozenset({"country", "city", "postal code", "neighbourhood"})
#: kind of a refusal -> its heading
REFUSALS = {
    "law": "Refused by law: protected attributes, and where a person lives",
    "identity": "Refused: names, ways of contact and identifiers",
    "leak": "Refused: they know the outcome",
    "end": "Left out: known or stamped at the end of a deal",
    "useless": "Nothing to learn from",
}
#: what a column's reason begins with, or holds -> kind of its refusal
_MARKS = {
    "leaks the outcome": "leak",
    "counts the days to the end": "end",
    "is set by the end": "end",
    "at or after the end": "end",
    "its absence may tell the outcome": "end",
}
_PROHIBITED, _LEAKS = "may not be a feature: ", "leaks the outcome: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, and the words people read."""

    name: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How far the features of one meaning move scores together, and its share of the strongest meaning."""

    meaning: str
    columns: tuple[Column, ...]
    #: mean size of the contribution, in log-odds
    log_odds: float
    #: bounds of the share, nine times in ten; None: not recorded
    bounds: tuple[float, float] | None
    #: of the movement of all meanings, 0 to 1
    share: float
    #: length of its bar, 0 to 1
    bar: float

    def view(self) -> JsonObject:
        """Return it as finite JSON."""
        names = [column.words for column in self.columns]
        interval = None if self.bounds is None else list(self.bounds)
        told = {"meaning": self.meaning, "share": self.share, "log_odds": self.log_odds, "columns": names}
        return {**told, "interval": interval}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A column that was not learnt from: which kind of refusal, one of `REFUSALS`, and the reason in words."""

    column: Column
    kind: str
    reason: str

    def view(self) -> JsonObject:
        """Return it as finite JSON."""
        return {"column": self.column.words, "kind": self.kind, "why": REFUSALS[self.kind], "reason": self.reason}


def column(name: str) -> Column:
    """Return a column's name, and what people call it.

    >>> column("showings").words, column("reply_days").words, column("custom:Pool wanted").words
    ('showings', 'days since last reply', 'Pool wanted')
    """
    return Column(name=name, words=_TITLES.get(name) or _title(name))


def _title(name: str) -> str:
    feature = FEATURES.get(name)
    if feature is None:
        return name.removeprefix(CUSTOM).replace("_", " ")
    phrase = feature.words[-1].replace("{}", "").strip()
    return f"days since {phrase}" if feature.kind == "days" else phrase


def weights(report: JsonMapping) -> Iterator[Weight]:
    """Return what moves scores most, by meaning, strongest first.

    An older version stored single features only; theirs are added up.
    """
    found = report.get("meanings") or _added(report.get("top", {}))
    whole = sum(each["log_odds"] for each in found)
    strongest = max((each["log_odds"] for each in found), default=0.0)
    for each in found[:_TOP]:
        size, low, high = each["log_odds"], each.get("low"), each.get("high")
        if size > 0:
            yield Weight(
                meaning=each["meaning"],
                columns=tuple(map(column, each["features"])),
                log_odds=size,
                share=size / whole,
                bar=size / strongest,
                bounds=None if low is None or high is None else (low / whole, high / whole),
            )


def _added(effects: Mapping[str, float]) -> list[JsonMapping]:
    names: dict[str, list[str]] = {}
    for name in sorted(effects, key=lambda name: -effects[name]):
        names.setdefault(meaning_of(name), []).append(name)
    sizes = {meaning: sum(effects[name] for name in members) for meaning, members in names.items()}
    return [
        {"meaning": meaning, "features": names[meaning], "log_odds": sizes[meaning]}
        for meaning in sorted(sizes, key=lambda meaning: -sizes[meaning])
    ]


def groups(report: JsonMapping) -> dict[str, tuple[Column, ...]]:
    """Return the columns that the version was trained on, by group."""
    names = report.get("features", ())
    members = {group: tuple(column(name) for name in names if group_of(name) == group) for group in _GROUPS}
    return {group: named for group, named in members.items() if named}


def refusals(report: JsonMapping) -> Iterator[Refusal]:
    """Return the columns that were not learnt from, those refused by law first."""
    dropped: Mapping[str, str] = report.get("dropped", {})
    found = [_refused(name, reason) for name, reason in dropped.items()]
    kinds = list(REFUSALS)
    yield from sorted(found, key=lambda each: (kinds.index(each.kind), each.reason, each.column.words))


def _refused(name: str, reason: str) -> Refusal:
    plain = reason.removeprefix(_PROHIBITED)
    if plain in _IDENTITY:
        return Refusal(column=column(name), kind="identity", reason=plain)
    if plain in reasons():
        words = "where a person lives" if plain in _PLACES else "a protected attribute, or one that stands for it"
        return Refusal(column=column(name), kind="law", reason=f"{plain}: {words}")
    kind = next((kind for mark, kind in _MARKS.items() if mark in plain), "useless")
    return Refusal(column=column(name), kind=kind, reason=plain.removeprefix(_LEAKS))


def refused_today(report: JsonMapping) -> tuple[Column, ...]:
    """Return columns that a version learnt from, and that no version learns from any more."""
    names = report.get("features", ())
    return tuple(
        column(name) for name in names if name.startswith(CUSTOM) and refusal(name.removeprefix(CUSTOM)) is not None
    )


def leaks(report: JsonMapping) -> Iterator[tuple[Column, float, bool, str]]:
    """Return leaking columns, their AUC alone, whether they were used all the same, and how they were found out."""
    reasons = report.get("leak_reasons", {})
    for name, alone in report.get("leaks", {}).items():
        # older versions looked at the AUC alone and did not store a reason
        yield column(name), alone, name in report.get("features", ()), reasons.get(name, "its AUC alone")


def strongest(alone: Mapping[str, float]) -> tuple[Column, float] | None:
    """Return the column that predicts best alone, and its AUC."""
    if not alone:
        return None
    name = max(alone, key=lambda name: alone[name])
    return column(name), alone[name]
