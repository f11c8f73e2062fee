"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

import gc
import os
from itertools import islice
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tasks.runtime import workspace

pytest_plugins = ["tests.databases"]

# collecting makes what stays: to look for garbage among it takes a tenth of the time
gc.disable()

#: what starts real processes and so waits much, the longest first
LONG = (
    "tests/faults/test_workers.py",
    "tests/faults/test_stores.py",
    "tests/faults/",
    "tests/integration/callers/",
    "tests/integration/cluster/",
)
#: files whose tests share one cluster
SHARED = {
    f"tests/integration/{folder}test_{name}.py": f"tests/integration/{folder}"
    for folder, names in {
        "callers/": ("bytes", "callers", "cli_cluster", "gathering", "quickstart", "terminal"),
        "cluster/": ("held", "internal_keys", "results", "running", "shapes"),
    }.items()
    for name in names
}
#: files whose tests share nothing and take long
APART = ("tests/integration/callers/test_demo.py", "tests/integration/cluster/test_ending.py")


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait much begin early, one at a time among files that compute, so that no core is idle."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(_scope(item.nodeid), []).append(item)
    long = sorted((name for name in files if name.startswith(LONG)), key=_length)
    short = iter([name for name in files if not name.startswith(LONG)])
    beside = (len(files) - len(long)) // (2 * len(long) or 1)
    order = [name for slow in long for name in (slow, *islice(short, beside))]
    items[:] = [item for name in (*order, *short) for item in files[name]]


def _length(scope: str) -> int:
    return next(at for at, name in enumerate(LONG) if scope.startswith(name))


def _scope(nodeid: str) -> str:
    """A file goes to one process, the files of one cluster too, and each test that shares nothing by itself."""
    path = nodeid.partition("::")[0]
    return nodeid if path in APART else SHARED.get(path, path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as cores for `-n auto`: a fifth of the time is spent in waiting."""
    return max(3, 3 * (os.cpu_count() or 1) // 2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Tests of one file go to one process, since they share what is costly."""
    return ByCluster(config, log)


class ByCluster(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Hands out what shares something together."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real data sets; skips where they are absent."""
    folder = Path(os.environ.get("HEARTH_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set HEARTH_DATA to their folder")
    return folder


@pytest.fixture
def workspace_folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tasks keep their files in this test; files that tests write elsewhere may be imported."""
    home = tmp_path / "home"
    workspace.bind(home, import_roots=[tmp_path_factory.getbasetemp()])
    return home
