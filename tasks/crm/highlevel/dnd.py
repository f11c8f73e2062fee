"""Read do-not-disturb flags: one for everything, or one for each channel; any of them that is set closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ml.language import consent_words
from tasks.crm.highlevel.field_names import reduced

#: what an event calls a channel -> our consent
CHANNELS: Mapping[str, str] = {
    **dict.fromkeys(("sms", "text", "texts", "textmessage", "textmessages", "mms"), "dnd_sms"),
    **dict.fromkeys(("call", "calls", "phone", "phonecall", "phonecalls", "voice"), "dnd_call"),
    **dict.fromkeys(("email", "emails"), "dnd_email"),
    **dict.fromkeys(("all", "any", "every", "everything", "allchannels"), "dnd_all"),
}
_REFUSAL = consent_words.ConsentColumn(means="refusal", channels=consent_words.ALL)
#: names of the flag itself and of its channel in an object
_STATUS = ("status", "value", "enabled", "active", "blocked", "dnd")
_CHANNEL = ("channel", "type", "name", "medium", "key")
#: a switch that is off, where the switch is one that blocks
_OFF = frozenset({"disabled", "deactivated"})

Flag = tuple[str, bool]


def consent(flags: Iterable[Any]) -> dict[str, bool]:
    """Return what is blocked, by what is under `dnd` and `dndSettings`; a block of everything outweighs the rest.

    >>> consent([False, {"SMS": {"status": "active"}, "Email": {"status": "inactive"}}])
    {'dnd_all': False, 'dnd_sms': True, 'dnd_email': False}
    >>> consent(["true", {"SMS": {"status": "inactive"}}]), consent([["sms", "Calls"]]), consent([None, ""])
    ({'dnd_all': True}, {'dnd_sms': True, 'dnd_call': True}, {})
    """
    blocks: dict[str, bool] = {}
    for flag in flags:
        for name, is_blocked in _flags(flag):
            blocks[name] = blocks.get(name, False) or is_blocked
    everything = blocks.get("dnd_all", False)
    return {name: value for name, value in blocks.items() if value or not everything}


def blocked(values: Mapping[str, Any]) -> bool:
    """Return whether every channel is closed, all at once or one by one."""
    one_by_one = all(values.get(name) is True for name in ("dnd_sms", "dnd_call", "dnd_email"))
    return values.get("dnd_all") is True or one_by_one


def closes(value: Any) -> bool | None:
    """Return whether a flag is set; None when it says nothing. A word that nobody knows sets it."""
    if value is None or isinstance(value, bool):
        return value
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    if consent_words.is_blank(text):
        return None
    return text.casefold() not in _OFF and bool(consent_words.read_cell(_REFUSAL, text).refused)


def _flags(value: Any) -> Iterator[Flag]:
    if isinstance(value, bool):
        yield "dnd_all", value
    elif isinstance(value, Mapping):
        yield from _of_object(value)
    elif isinstance(value, list):
        for item in value:
            yield from _flags(item)
    else:
        named = _channels(value) if isinstance(value, str) else []
        is_blocked = True if named else closes(value)
        if is_blocked is not None:
            yield from ((channel, is_blocked) for channel in named or ("dnd_all",))


def _of_object(value: Mapping[str, Any]) -> Iterator[Flag]:
    words = {reduced(str(name)): item for name, item in value.items()}
    named = (CHANNELS.get(reduced(str(words.get(name)))) for name in _CHANNEL)
    channel = next(filter(None, named), "dnd_all")
    by_channel = [(CHANNELS[word], item) for word, item in words.items() if word in CHANNELS]
    for name, item in by_channel or [(channel, words)]:
        is_blocked = closes(_status(item))
        if is_blocked is not None:
            yield name, is_blocked


def _status(setting: Any) -> Any:
    """Return the flag of one channel, which may be an object with more than the flag."""
    if isinstance(setting, list):
        setting = next(iter(setting), None)
    if not isinstance(setting, Mapping):
        return setting
    words = {reduced(str(name)): item for name, item in setting.items()}
    found = next((words[name] for name in _STATUS if name in words), None)
    return None if isinstance(found, Mapping | list) else found


def _channels(text: str) -> list[str]:
    """Return the channels that a text lists, when it lists nothing else."""
    words = [reduced(word) for word in text.replace(";", ",").replace("/", ",").split(",")]
    return [CHANNELS[word] for word in words] if words and all(word in CHANNELS for word in words) else []
