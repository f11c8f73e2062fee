"""Read which kind of property a lead speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from domain.facts import PropertyType
from ml.language.facts.folding import FoldedText, word_set
from ml.language.results import Fact

_KINDS: dict[PropertyType, str] = {
    "single family": r"single[ -]?famil(?:y|ies)(?: (?:homes?|houses?|residences?))?|sfh|sfr|detached (?:homes?"
    r"|houses?)|ranch[ -]style|bungalows?|ranchers?|casa unifamiliar",
    "multi family": r"multi[ -]?famil(?:y|ies)(?: (?:homes?|houses?|propert(?:y|ies)))?|duplex(?:es)?|triplex(?:es)?"
    r"|four ?-?plex(?:es)?|fourplexe?s?|quadplex|2[ -]?4 units?|apartment (?:building|complex)",
    "townhouse": r"town ?-?(?:house|home)s?|row ?-?(?:house|home)s?|casa adosada",
    "condo": r"condo(?:s|minium|minio)?s?|condominios?",
    "apartment": r"apartments?|appartments?|flats?|studio apartment|apartamentos?|departamentos?|apts?\b(?! ?#?\d)",
    "land": r"(?:vacant |raw )?(?<!\bwe )(?<!\bto )(?<!\bi )(?<!\bthey )(?<!\byou )(?<!\bwill )land(?! (?:on"
    r"|at|in|down|\d))|(?:vacant|empty|building) lots?|acreage|terrenos?|lots? to build on"
    r"|build(?:able|ing) lot",
    "commercial": r"commercial (?:propert(?:y|ies)|space|building|real estate|lot|unit)|office (?:space|building)"
    r"|retail (?:space|unit)|warehouse|local comercial",
    "house": r"houses?|casas?",
}
_PATTERN = re.compile("|".join(f"(?P<k{number}>\\b(?:{pattern})\\b)" for number, pattern in enumerate(_KINDS.values())))
_TYPES = tuple(_KINDS)
_WORDS = word_set(
    """single sfh sfr detached ranch bungalow bungalows rancher ranchers multi multifamily duplex duplexes triplex
    triplexes fourplex four quadplex units apartment townhouse townhouses townhome townhomes town rowhouse
    rowhome row adosada unifamiliar condo condos condominium condominiums condominio condominios apartments
    appartment appartments flat flats apartamento apartamentos departamento departamentos apt apts land lot lots
    acreage terreno terrenos commercial office retail warehouse local house houses casa casas"""
)
_OTHER_USE = re.compile(
    r" ?(?:hunting for fun|warming|keep\w{0,5}|hold|poor|call|arrest|sitting|sitter|line(?!s)"
    r"|cleaning|party|lord|mate|rate|fee|broke)\b"
)
_OPEN_HOUSE = re.compile(r"\b(?:open|full|my|our|current|the white) \Z")
_NOT = re.compile(
    r"\b(?:no|not|not an?|don't want an?|don't want|not interested in|no more|anything but an?"
    r"|except|other than an?|hate|nor) \Z"
)
_MOST = 3
_NAMED, _HOUSE = 0.9, 0.6


def read(message: FoldedText) -> Iterator[Fact]:
    """Yield the kinds of property that a message names, in the words of `domain.facts.PROPERTY_TYPES`, each once.

    >>> from ml.language.facts.folding import folded
    >>> [fact.value for fact in read(folded("A townhome or a condo, no duplex. See you at the open house"))]
    ['townhouse', 'condo']
    """
    if message.words.isdisjoint(_WORDS):
        return
    seen: set[PropertyType] = set()
    for match in _PATTERN.finditer(message.text):
        before = message.text[max(0, match.start() - 30) : match.start()]
        kind = _TYPES[int(str(match.lastgroup)[1:])]
        if kind in seen or _NOT.search(before) or _OTHER_USE.match(message.text, match.end()):
            continue
        if kind in {"house", "apartment"} and _OPEN_HOUSE.search(before):
            continue
        seen.add(kind)
        confidence = _HOUSE if kind in {"house", "apartment"} else _NAMED
        yield Fact(
            kind="property_type", value=kind, bound=None, start=match.start(), end=match.end(), confidence=confidence
        )
        if len(seen) == _MOST:
            return
