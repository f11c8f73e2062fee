"""The tokens of a CRM, read anew each time, so that a file that changes counts at once. No error or log holds one."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from workers.base.settings import Settings

#: bytes of a token's file
_LONGEST = 8192


class TokenUnusable(Exception):  # noqa: N818 - says the fact
    """There is no usable token for a tenant; the only argument is a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Where the tokens are: a folder of files, or one token of one tenant."""

    folder: Path | None = None
    single: SecretStr | None = field(default=None, repr=False)
    #: of the single token
    tenant: str = ""

    def of(self, tenant_id: str) -> SecretStr:
        """Return the token of a tenant.

        Raises:
            TokenUnusable: there is none, others may read its file, or it is no token.

        """
        if self.single is not None and tenant_id == self.tenant:
            return _checked(self.single.get_secret_value())
        if self.folder is None:
            raise TokenUnusable("token.missing")
        return _checked(_read(self.folder, tenant_id))


def tokens_of(settings: Settings) -> Tokens:
    """Return where the tokens are by the settings of this process."""
    return Tokens(folder=settings.sender_tokens, single=settings.sender_token, tenant=settings.sender_tenant)


def _read(folder: Path, tenant_id: str) -> str:
    name = f"{tenant_id}.token"
    if name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
        raise TokenUnusable("token.name")
    try:
        # another file may take its place between a look at it and its reading
        with (folder / name).open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or (os.name == "posix" and facts.st_mode & 0o077):
                raise TokenUnusable("token.mode")
            return file.read(_LONGEST).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise TokenUnusable("token.missing" if isinstance(error, FileNotFoundError) else "token.unreadable") from None


def _checked(token: str) -> SecretStr:
    """Return a token that may stand in a header: a client would quote another one in its error."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenUnusable("token.malformed" if token else "token.empty")
    return SecretStr(token)
