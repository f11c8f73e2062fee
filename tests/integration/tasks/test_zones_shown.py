"""In which zone times are told, the lead's or the tenant's; and which score of a lead is its newest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from db.repositories.leads import leads
from db.session import reading
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.tenants import configure
from tests.support.databases import TEST_KEYRING
from tests.support.interventions import T, brokerage
from workers.base.settings import settings
from workers.cli.base import zones
from workers.cli.base.command import Command, CommandFailed, tenant_option
from workers.cli.base.formatting import moment
from workers.cli.leads.scores import newest_score

pytestmark = [
    pytest.mark.usefixtures("database", "workspace_folder"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
AT = datetime(2024, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def tenant(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tenant, and settings that name the test's database, as the commands read them."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("HEARTH_KEYS", TEST_KEYRING)
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    brokerage()
    yield
    settings.cache_clear()


def lead_id(external_id: str) -> str:
    with reading(T) as session:
        return leads.find(session, T, external_id=external_id) or ""


def test_a_lead_has_a_zone_by_its_own_or_by_a_state_with_one() -> None:
    places = {"A": {"timezone": "America/Denver"}, "B": {"state": "CA"}, "C": {"state": "FL"}, "D": {}}
    upsert(tenant_id=T, leads=[{"external_id": name, **place} for name, place in places.items()])
    found = zones.lead_zones(T, [lead_id(name) for name in places])
    assert found == {lead_id("A"): "America/Denver", lead_id("B"): "America/Los_Angeles"}, "Florida has two zones"
    assert zones.lead_zones(T, ["nobody"]) == {}


def test_a_command_tells_times_in_its_tenants_zone() -> None:
    @click.command(cls=Command)
    @tenant_option
    def told(tenant: str) -> None:
        click.echo(moment(AT))

    configure(tenant_id=T, settings={"timezone": "Europe/Berlin"}, actor="ada.quill")
    assert CliRunner().invoke(told, ["--tenant", T]).output == "2024-07-01 14:00 Berlin time\n"
    assert CliRunner().invoke(told, ["--tenant", "nobody"]).output == "2024-07-01 12:00 UTC\n"
    assert moment(AT) == "2024-07-01 12:00 UTC", "it ends with the command"


def test_the_newest_score_is_found_by_either_id_and_a_failure_says_why() -> None:
    upsert(tenant_id=T, leads=[{"external_id": "A"}])
    with pytest.raises(CommandFailed, match="no score yet"):
        newest_score(T, "A")
    score(tenant_id=T, lead_id=lead_id("A"))
    assert newest_score(T, "A") == newest_score(T, lead_id("A"))
    with pytest.raises(CommandFailed, match="no lead of this tenant"):
        newest_score(T, "nobody")
