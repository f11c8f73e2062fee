"""The relay, with a hand that kills it between publishing and noting that: `python -m benchmarks.faults.relay`."""

from __future__ import annotations

import os
import signal
from typing import Any

from workers.app import app
from workers.base.settings import settings
from workers.delivery import relay
from workers.delivery.publishing import Publisher


class Killed(Publisher):
    """Dies after a batch while `home/kill_relay` is there; the file goes with it."""

    def publish(self, rows: Any, letters: Any, **more: Any) -> None:
        """Publish, then perhaps die."""
        super().publish(rows, letters, **more)
        told = settings().home / "kill_relay"
        if rows and told.exists():
            told.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


relay.Publisher = Killed  # type: ignore[attr-defined]
#: how long a silent broker is believed, as by the workers
SOCKET = int(os.environ.get("FAULTS_SOCKET", "10"))
app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "socket_timeout": SOCKET,
    "health_check_interval": SOCKET,
}

if __name__ == "__main__":
    relay.main()
