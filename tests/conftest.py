"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

import gc
import os
from functools import cache
from itertools import islice
from pathlib import Path

import hypothesis
import pytest

from tasks.runtime.files import workspace

TESTS = Path(__file__).parent

pytest_plugins = ["tests.support.databases"]

# a thread each, as in workers: test processes side by side would fight for the cores; read when the libraries load
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# collecting makes what stays: to look for garbage among it takes a tenth of the time
gc.disable()

# how long an example takes tells of the machine, not of the code
hypothesis.settings.register_profile(
    "hearth", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("hearth")


def pytest_collection_finish() -> None:
    """What was collected stays: no use in looking for garbage among it again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test as unit or integration, group it, and begin with the groups that wait much.

    A group goes to one process: a file, or all files that share a cluster. Groups of real processes begin early, one at
    a time among groups that compute, so that no core is idle.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if _folder(item) in ("unit", "contracts"):
            item.add_marker(pytest.mark.unit)
        elif _folder(item) == "integration":
            item.add_marker(pytest.mark.integration)
        groups.setdefault(_group(item), []).append(item)
    for name, members in groups.items():
        for item in members:
            _tell_group(item, name)
    waiting = [name for name, members in groups.items() if _waits(members[0])]
    computing = iter([name for name in groups if name not in set(waiting)])
    beside = (len(groups) - len(waiting)) // (2 * len(waiting) or 1)
    order = [name for slow in waiting for name in (slow, *islice(computing, beside))]
    items[:] = [item for name in (*order, *computing) for item in groups[name]]


@cache
def _place(path: Path) -> Path:
    return path.relative_to(TESTS)


def _folder(item: pytest.Item) -> str:
    return _place(item.path).parts[0]


def _group(item: pytest.Item) -> str:
    """Return the name of what goes to one process together."""
    marker = item.get_closest_marker("cluster")
    if marker is None:
        return str(_place(item.path))
    if marker.kwargs.get("apart"):
        return item.nodeid
    return str(marker.args[0]) if marker.args else str(_place(item.path))


def _tell_group(item: pytest.Item, group: str) -> None:
    """Append the group to the id of a test in a process of pytest-xdist, which reads it there.

    pytest-xdist 3.8 does so from its marker `xdist_group`, but with pytest 9.2 in vain (pytest-dev/pytest-xdist#1386):
    every test went to any process, and each process started every cluster and trained every model anew.
    """
    if not item.config.getoption("loadgroup", default=False):
        return
    item._id = type(item.id).parse(f"{item.nodeid}@{group}")
    assert item.nodeid.endswith(f"@{group}"), "pytest has another way to hold the id of a test"


def _waits(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("cluster", "faults"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Half as many processes again as cores for `-n auto`: a fifth of the time is spent in waiting.

    Units compute: for them `-n logical` starts a process a core, since each spends some seconds in collecting.
    """
    return max(3, 3 * (os.cpu_count() or 1) // 2) if config.option.numprocesses == "auto" else None


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real data sets; skips where they are absent."""
    folder = Path(os.environ.get("HEARTH_DATA") or "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set HEARTH_DATA to their folder")
    return folder


@pytest.fixture
def workspace_folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tasks keep their files in this test; files that tests write elsewhere may be imported."""
    home = tmp_path / "home"
    workspace.bind(home, import_roots=[tmp_path_factory.getbasetemp()])
    return home
