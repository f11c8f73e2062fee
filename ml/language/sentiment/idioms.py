"""Rewrite phrases that word lists and word counts read the wrong way round: "no problem", "not bad", "nothing :)"."""

from __future__ import annotations

import re

_NOT = r"(?:not|isn't|wasn't|aren't|ain't|isnt|wasnt|never)"
_CANNOT = r"(?:can't|cannot|cant|couldn't|couldnt|could\ not|can\ not)"
_TROUBLE = r"(?:problem|prob|worry|worrie|issue|complaint|trouble|concern|objection|hassle|big\ deal)s?"
#: what is written -> what it means, in words that both lexicons know
_IDIOMS = tuple(
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE | re.VERBOSE), meaning)
    for pattern, meaning in (
        (rf"(?:no|zero|without\ any|without\ a|nothing\ but\ no)\ {_TROUBLE}(?:\ at\ all|\ so\ far|\ here)?", "good"),
        (r"no\ (?:rush|hurry|pressure|stress)", "fine"),
        (rf"{_NOT}\ (?:a|an|any|really\ a)\ {_TROUBLE}", "good"),
        (rf"{_NOT}\ (?:too\ |so\ |that\ |all\ that\ |half\ |at\ all\ )?(?:bad|terrible|horrible|awful|shabby)", "good"),
        (rf"{_CANNOT}\ complain", "good"),
        (r"nothing\ (?:to\ complain\ about|to\ complain|wrong|bad)", "good"),
        (rf"(?:{_CANNOT}|never|never\ been)\ (?:be\ |been\ |have\ been\ |felt\ |feel\ )?(?:better|happier)", "great"),
        (rf"{_CANNOT}\ wait(?!\ (?:any|much|that|long|forever|until|till|around|here))", "excited"),
        (r"(?:no|without\ a|without\ any)\ doubts?", "certainly"),
        (r"not\ only", "only"),
    )
)
#: a text without any of these has no idiom; far quicker than the idioms themselves
_MAY_BE = re.compile(
    r"\b(?:no|not|zero|without|nothing|never|can|cannot|cant|could|couldnt|\w{1,6}n'?t)\b", re.IGNORECASE
)
#: the name of an account is no word: "@united" praises nobody
_HANDLE = re.compile(r"(?<![\w.])@\w{1,64}")
#: pictures whose official names say nothing of how they are meant
_MEANT = {
    "\U0001f44d": " good ",
    "\U0001f44c": " good ",
    "\U0001f44e": " bad ",
    "\U0001f620": " angry ",
    "\U0001f621": " angry ",
    "\U0001f92c": " angry ",
    "\U0001f624": " angry ",
    "\U0001f644": " annoyed ",
    "\U0001f612": " annoyed ",
    "\U0001f64f": " thanks ",
}
_MEANINGS = str.maketrans(_MEANT)
_PICTURE = re.compile(
    r"(?<![\w<>])(?:[:;=][-o^']?[)\](\[dDpP/|*]{1,3}(?!\w)|<3+(?!\d))|[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?"
)


def literal(text: str) -> str:
    """Return a text that says literally what its idioms mean, with emoticons before the words where one is negated.

    A lexicon turns what follows "nothing" or "not" round, although no emoticon is meant by it.

    >>> literal("No problem, it was not bad"), literal("Nothing else :)")
    ('good, it was good', ':) Nothing else ')
    """
    straight = text if text.isascii() else text.replace("\u2019", "'")
    if "@" in straight:
        straight = _HANDLE.sub(" ", straight)
    if _MAY_BE.search(straight):
        straight = _without_idioms(straight)
    return straight if straight.isascii() else straight.translate(_MEANINGS)


def _without_idioms(straight: str) -> str:
    for idiom, meaning in _IDIOMS:
        straight = idiom.sub(meaning, straight)
    pictures = _PICTURE.findall(straight)
    return f"{' '.join(pictures)} {_PICTURE.sub('', straight)}" if pictures else straight
