"""The files that benchmarks run on, as a bare script reads them."""

import gzip

import pytest

from benchmarks import bank, bare, harness, simulated
from db.session import EVERY_TENANT, transaction
from ml.features import extract


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return simulated.write(tmp_path_factory.mktemp("leads"), 400)


def test_simulated_rows_become_profiles_and_labels(table):
    rows = [row for batch in bare.batches(table) for row in batch]
    labels = [table.label(row) for row in rows]
    assert {True, False, None} == set(labels)
    profile = table.profile(next(row for row in rows if row["showings"] == "2"))
    assert profile.numbers["showings"] == 2.0
    assert profile.created_at <= profile.as_of <= simulated.MOMENT
    assert profile.custom.keys() <= set(simulated.CUSTOM)


def test_the_same_file_is_written_again(table, tmp_path):
    assert simulated.write(tmp_path, 400).path.read_bytes() == table.path.read_bytes()


def test_batches_hold_every_row_once(table):
    sizes = [len(batch) for batch in bare.batches(table)]
    assert sum(sizes) == len(table.path.read_text().splitlines()) - 1
    assert max(sizes) <= bare.BATCH


def test_a_fitted_scorer_tells_leads_apart(table):
    scorer = simulated.fit(table)
    rows = next(bare.batches(table))
    chances = scorer.probabilities(extract([table.profile(row) for row in rows]))
    assert chances.max() - chances.min() > 0.3


def test_the_bank_set_is_cut_to_the_rows_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTH_DATA", str(tmp_path))
    assert bank.table(tmp_path, most=2) is None
    (tmp_path / bank.FILE).parent.mkdir()
    with gzip.open(tmp_path / bank.FILE, "wt") as out:
        out.write('"campaign";"duration";"y"\n' + '3;9;"yes"\n' * 5)
    table = bank.table(tmp_path, most=2)
    rows = next(bare.batches(table))
    assert [table.label(row) for row in rows] == [True, True]
    assert table.profile(rows[0]).custom == {"campaign": 3.0}
    assert bank.options()["profile"] == "generic"


def test_settings_of_the_shell_are_forgotten(monkeypatch):
    for name in ("REDIS_URL", "DATABASE_URL", "HEARTH_HOME", "HEARTH_DATA"):
        monkeypatch.setenv(name, "x")
    harness.forget_settings()
    assert not [name for name in ("REDIS_URL", "DATABASE_URL", "HEARTH_HOME") if name in harness.os.environ]
    assert harness.os.environ["HEARTH_DATA"] == "x"


@pytest.mark.slow
def test_the_bare_script_copies_every_row(table, postgresql_database):
    assert bare.run(table, simulated.fit(table), postgresql_database) > 0
    with transaction(EVERY_TENANT) as session:
        told = session.connection().exec_driver_sql("SELECT count(*), min(probability) FROM bare_leads").one()
        session.connection().exec_driver_sql("DROP TABLE bare_leads")
    assert told[0] == sum(len(batch) for batch in bare.batches(table))
    assert 0 < told[1] < 1
