"""The simulated brokerage: repeatable, plausible, messy at a low rate, and silent about its own truth."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples import generate

TIMES = [name for name in generate.COLUMNS if name.endswith("_at") or name == "as_of"]


@pytest.fixture(scope="module")
def table() -> list[generate.Row]:
    return generate.rows(7, 1200)


@pytest.fixture(scope="module")
def big() -> dict[str, generate.Truth]:
    return generate.truth(11, 6000)


def _moment(cell: str) -> datetime:
    return datetime.fromisoformat(cell)


def test_the_committed_sample_is_what_seed_7_writes(table):
    written = io.StringIO()
    generate.write(written, table)
    assert Path(generate.__file__).with_name("leads.csv").read_text(encoding="utf-8") == written.getvalue()


def test_another_seed_gives_other_leads():
    assert generate.rows(1, 20) == generate.rows(1, 20) != generate.rows(2, 20)


def test_about_sixty_per_cent_are_closed_and_about_eighteen_of_those_won(big):
    known = big.values()
    closed = [lead for lead in known if not lead.open]
    assert 0.57 < len(closed) / len(known) < 0.63
    assert 0.15 < sum(lead.converts for lead in closed) / len(closed) < 0.21


def test_the_truth_ranks_with_an_auc_of_about_85(big):
    ranked = sorted(big.values(), key=lambda lead: lead.probability)
    ranks = [rank for rank, lead in enumerate(ranked, 1) if lead.converts]
    won, n = len(ranks), len(ranked)
    assert (sum(ranks) - won * (won + 1) / 2) / (won * (n - won)) == pytest.approx(0.85, abs=0.025)


def test_the_file_does_not_tell_the_truth(table):
    known = generate.truth(7, 1200)
    for row in table:
        lead = known.get(row["external_id"])
        if lead and lead.open:
            assert not any(row[name] for name in ("label", "label_at", "closed_at", "lost_reason"))
            assert row["opportunity_status"] == "open"
        assert lead is None or not any(str(lead.probability)[:6] in cell for cell in row.values())


def test_closed_leads_are_told_as_of_a_moment_before_they_closed(table):
    for row in table:
        if row["label"]:
            assert _moment(row["as_of"]) < _moment(row["closed_at"]) == _moment(row["label_at"])
            assert row["opportunity_status"] == ("won" if row["label"] == "1" else "lost")


def test_nothing_lies_after_the_files_moment_or_the_rows_own(table):
    known_then = [name for name in TIMES if name not in {"closed_at", "label_at"}]
    for row in table:
        assert all(_moment(row[name]) <= generate.NOW for name in TIMES if row.get(name))
        assert all(_moment(row[name]) <= _moment(row["as_of"]) for name in known_then if row.get(name))


def test_the_files_moment_can_be_given():
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    latest = max(_moment(row["as_of"]) for row in generate.rows(7, 50, moment))
    assert latest == moment


def test_the_mess_is_there_at_a_low_rate(table):
    n = len(table)
    ids = [row["external_id"] for row in table if row["external_id"]]
    assert 0.01 < sum(row["email"] != row["email"].lower() for row in table) / n < 0.06
    assert 0.02 < sum(row["budget_min"].startswith("$") for row in table) / n < 0.07
    assert 0.01 < sum(not row["timeline"] for row in table) / n < 0.06
    assert 2 <= len(ids) - len(set(ids)) <= 20
    assert 2 <= sum(not (row["external_id"] or row["email"]) for row in table) <= 20


def test_a_row_that_names_nobody_has_only_a_phone(table):
    for row in table:
        if not row["external_id"]:
            assert row["phone"]
            assert not any(row[name] for name in ("email", "first_name", "last_name"))


def test_every_address_and_number_is_one_nobody_has(table):
    assert all(re.fullmatch(r"[A-Za-z.]+\.\d+@(example\.com|EXAMPLE\.COM)|", row["email"]) for row in table)
    assert all(re.fullmatch(r"\(\d{3}\) 555-01\d\d|", row["phone"]) for row in table)


def test_rows_fit_the_header(table):
    assert set().union(*table) <= set(generate.COLUMNS)
    with Path(generate.__file__).with_name("leads.csv").open(encoding="utf-8", newline="") as source:
        assert {len(cells) for cells in csv.reader(source)} == {len(generate.COLUMNS)}
