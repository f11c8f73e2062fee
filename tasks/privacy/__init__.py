"""What people may ask of those who keep data on them, and what they said of being contacted."""

from tasks.privacy.consent import consent, decide, doubts
from tasks.privacy.reread import reread
from tasks.privacy.rights import compact, export, forget, purge, readmit, restrict

__all__ = ["compact", "consent", "decide", "doubts", "export", "forget", "purge", "readmit", "reread", "restrict"]
