"""The tasks `hearth.privacy.*`: access, erasure and restriction of a person's data, and the consent ledger."""

from typing import TYPE_CHECKING

from tasks.runtime.task_packages import name_tasks

if TYPE_CHECKING:
    from tasks.privacy.consent import consent, decide, doubts
    from tasks.privacy.people import correct, find
    from tasks.privacy.reread import reread
    from tasks.privacy.retention import purge
    from tasks.privacy.rights import compact, export, forget, readmit, restrict

__all__ = [
    "compact",
    "consent",
    "correct",
    "decide",
    "doubts",
    "export",
    "find",
    "forget",
    "purge",
    "readmit",
    "reread",
    "restrict",
]

name_tasks(
    __name__,
    {
        "consent": ("consent", "decide", "doubts"),
        "people": ("correct", "find"),
        "reread": ("reread",),
        "retention": ("purge",),
        "rights": ("compact", "export", "forget", "readmit", "restrict"),
    },
)
