"""The settings of one process, read once from the environment: nothing else of Hearth looks there."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.documents import JsonObject

#: what Celery uses where neither REDIS_URL nor a running cluster says otherwise
DEFAULT_BROKER = "redis://127.0.0.1:6379/0"


def _default_database(data: JsonObject) -> SecretStr:
    return SecretStr(f"sqlite:///{data['home'] / 'hearth.db'}")


class Settings(BaseSettings):
    """The settings of this machine's processes: paths, addresses, logging. Frozen; secrets are never printed."""

    model_config = SettingsConfigDict(
        env_prefix="HEARTH_", frozen=True, extra="ignore", validate_default=True, populate_by_name=True
    )

    #: what the embedded cluster keeps: database, keys, broker, logs
    home: Path = Path(".hearth")
    #: a broker of your own, `redis://` or `rediss://`; None: the embedded one
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    #: an SQLAlchemy URL; SQLite in `home` unless given
    database_url: SecretStr = Field(default_factory=_default_database, validation_alias="DATABASE_URL")
    #: the key ring in its text form; None: the file `home/keys`, made at first start
    keys: SecretStr | None = None
    #: a folder of data files, for benchmarks
    data: Path | None = None
    #: folders whose files a message may import, separated as in PATH; none: only what the command line hands over
    import_dirs: str = ""
    #: public keys (PEM, one after another) that may sign HighLevel's webhooks; none: no webhook is believed
    ghl_keys: str = ""
    #: False: the gateway takes no signed webhooks, and starts without `ghl_keys`
    gateway_webhooks: bool = True
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: `user:password` of Flower's basic auth; None: the embedded cluster makes one and keeps it
    flower_auth: SecretStr | None = None
    #: TCP port of Flower on 127.0.0.1; 0: one that the embedded cluster finds free and keeps, elsewhere 5555
    flower_port: int = Field(default=0, ge=0, le=65535)
    #: False lets Flower's users revoke tasks and stop workers
    flower_read_only: bool = True
    #: seconds a worker told to quit (SIGQUIT, or SIGTERM with REMAP_SIGTERM=SIGQUIT) leaves its running tasks
    soft_shutdown: float = Field(default=25.0, ge=0, le=300)

    #: how far workers stand back where the processor is short, as a nice value: who waits at the gateway goes first
    worker_nice: int = Field(default=5, ge=0, le=19)

    #: seconds for which workers keep what they computed of a lead, in memory and in Redis; 0: nothing is kept
    cache_seconds: float = Field(default=900.0, ge=0, le=86_400)

    #: online learners that a worker process holds open; the others are closed to their checkpoint
    online_states: int = Field(default=32, ge=1, le=10_000)

    #: a queue with more messages gets none from the outbox until it is shorter
    queue_depth: int = Field(default=10_000, ge=1)
    #: False: whoever comes first to a queue is served first, however many others wait
    fair_share: bool = True
    #: seconds after which a published follow-up that has not ended is published again; above task_time_limit
    redo_after: float = Field(default=900.0, ge=1)
    #: where the relay serves metrics: who can reach it reads figures of every tenant together, and no names
    metrics_host: str = "127.0.0.1"
    #: TCP port of the metrics; 0: any free one
    metrics_port: int = Field(default=0, ge=0, le=65535)
    #: True lets webhooks go to loopback addresses and by plain http there; None: only from the embedded cluster
    webhook_loopback: bool | None = None
    #: where the HTTP gateway listens; port 0: any free one
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8080, ge=0, le=65535)
    #: certificate chain and key (PEM files) with which the gateway speaks TLS itself; none: a proxy before it does
    gateway_tls_cert: Path | None = None
    gateway_tls_key: Path | None = None

    #: a folder with one file `<tenant>.token` for each tenant for which the sender sends
    sender_tokens: Path | None = None
    #: the token of the one tenant `sender_tenant`, where there is only one
    sender_token: SecretStr | None = None
    sender_tenant: str = ""
    #: True: the sender prints what it would send, and sends nothing
    sender_dry_run: bool = False
    #: another address of the CRM's API, for tests; by plain http only on this machine and with webhook_loopback
    sender_base_url: str = ""

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("redis_url")
    @classmethod
    def _blank_is_none(cls, url: SecretStr | None) -> SecretStr | None:
        return url if url and url.get_secret_value() else None

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, url: SecretStr) -> SecretStr:
        scheme, mark, rest = url.get_secret_value().partition("://")
        return SecretStr(f"postgresql+psycopg://{rest}") if scheme in {"postgres", "postgresql"} and mark else url

    def import_roots(self) -> tuple[Path, ...]:
        """Return the folders whose files a message may import; empty: none."""
        return tuple(Path(folder) for folder in self.import_dirs.split(os.pathsep) if folder)

    def highlevel_keys(self) -> tuple[str, ...]:
        """Return the keys one by one, for `tasks.crm.webhook_signatures.verify_highlevel`."""
        end = "-----END PUBLIC KEY-----"
        # a file of variables often has one line for each
        parts = self.ghl_keys.replace("\\n", "\n").split(end)
        return tuple(f"{text.strip()}\n{end}\n" for text in parts if text.strip())

    @property
    def cluster_file(self) -> Path:
        """Return what a running embedded cluster says of itself; readable by its user only."""
        return self.home / "cluster.json"

    def broker(self) -> SecretStr:
        """Return the broker's URL: REDIS_URL, else that of the cluster running in `home`, else Celery's default."""
        return self.redis_url or SecretStr(read_cluster(self).get("redis_url", DEFAULT_BROKER))


def read_cluster(settings: Settings) -> JsonObject:
    """Return what the cluster running in `home` wrote into cluster.json; empty when none is running."""
    try:
        facts = dict(json.loads(settings.cluster_file.read_text()))
        os.kill(facts["pid"], 0)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return facts


@functools.cache
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings()
