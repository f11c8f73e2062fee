"""Send one request to a CRM's API: public addresses only, no redirects, bounded time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
from pydantic import SecretStr

from tasks.crm.adapter import CrmApi, Json
from workers.delivery.callback_target import TargetUnusable
from workers.delivery.webhook import guarded_url, tls_context

#: bytes of an answer that are read; all that is asked of it are ids
LONGEST = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    #: of HTTP; None: nothing came back
    status: int | None
    #: names in lower case
    headers: Mapping[str, str] = field(default_factory=dict)
    #: decoded JSON; None: it was none, or none that anybody could read
    body: Any = None
    #: why nothing came back
    code: str = ""
    #: whether the request may have arrived though nothing came back
    may_have_arrived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Sends requests to one API."""

    #: instead of the API's own address; empty: that
    base_url: str = ""
    #: whether the address may be on this machine
    loopback: bool = False
    #: seconds to connect, to wait for the next part of an answer, and for everything
    connect: float = 5.0
    read: float = 15.0
    whole: float = 20.0

    def send(self, api: CrmApi, token: SecretStr, request: Json) -> Answer:
        """Send a request and return what came back; never raises for what happens on the way."""
        try:
            url, host = guarded_url(f"{self.base_url or api.base_url}{request['path']}", loopback=self.loopback)
        except TargetUnusable as error:
            return Answer(status=None, code=str(error))
        except OSError:
            return Answer(status=None, code="dns")
        body = request.get("body")
        content = None if body is None else json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        headers = {
            "User-Agent": "Hearth",
            **api.headers,
            **api.authorization(token.get_secret_value()),
            **({} if content is None else {"Content-Type": "application/json"}),
            **(request.get("headers") or {}),
            "Host": host,
        }
        return self._send(request["method"], url, headers, content)

    def _send(
        self, method: Literal["POST", "PUT", "DELETE"], url: httpx.URL, headers: dict[str, str], content: bytes | None
    ) -> Answer:
        try:
            return asyncio.run(asyncio.wait_for(self._exchange(method, url, headers, content), self.whole))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Answer(status=None, code="connect")
        except (TimeoutError, httpx.TimeoutException):
            return Answer(status=None, code="timeout", may_have_arrived=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return Answer(status=None, code="protocol", may_have_arrived=True)

    async def _exchange(self, method: str, url: httpx.URL, headers: dict[str, str], content: bytes | None) -> Answer:
        timeout = httpx.Timeout(self.read, connect=self.connect)
        host = httpx.URL(f"https://{headers['Host']}").host
        async with (
            httpx.AsyncClient(verify=tls_context(), timeout=timeout, follow_redirects=False, trust_env=False) as client,
            client.stream(method, url, headers=headers, content=content, extensions={"sni_hostname": host}) as answer,
        ):
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(status=answer.status_code, headers=told, body=await _json(answer))


async def _json(answer: httpx.Response) -> Any:
    """Return the decoded body; None where it is no JSON, is too long, or breaks off: the status has said enough."""
    read = bytearray()
    try:
        async for part in answer.aiter_bytes():
            read += part
            if len(read) > LONGEST:
                return None
        return json.loads(read)
    except (httpx.HTTPError, ValueError, RecursionError):
        return None
