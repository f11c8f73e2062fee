"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tasks import workspace

pytest_plugins = ["tests.databases"]

#: what starts real processes takes longest, and so begins first
FIRST = ("tests/faults/", "tests/integration/callers/", "tests/integration/cluster/")
#: files whose tests share one cluster
CALLERS = tuple(
    f"tests/integration/callers/test_{name}.py" for name in ("bytes", "callers", "cli_cluster", "quickstart")
)
#: files whose tests share nothing and take long
APART = ("tests/integration/callers/test_demo.py", "tests/integration/cluster/test_ending.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Tests of one file go to one process, since they share what is costly."""
    return ByCluster(config, log)


class ByCluster(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """A file goes to one process, the files of one cluster too, and each test that shares nothing by itself."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in APART:
            return nodeid
        return "callers" if path in CALLERS else path


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real data sets; skips where they are absent."""
    folder = Path(os.environ.get("HEARTH_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set HEARTH_DATA to their folder")
    return folder


@pytest.fixture
def workspace_folder(tmp_path: Path) -> Path:
    """Where tasks keep their files in this test."""
    workspace.bind(tmp_path)
    return tmp_path
