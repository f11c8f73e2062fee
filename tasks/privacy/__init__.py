"""The tasks `hearth.privacy.*`: access, erasure and restriction of a person's data, and the consent ledger."""

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
