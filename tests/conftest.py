"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks import workspace

pytest_plugins = ["tests.databases"]


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
