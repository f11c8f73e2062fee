"""What benchmarks say: percentiles, ratios against goals, the machine, the page."""

import json

import pytest

from benchmarks import machine, report
from benchmarks.figures import Outcome, Ratio, median, percentile, rounded, spread
from tests.support.pages.document import Document, can_be_heard, keeps_to_itself


def test_percentiles_lie_between_neighbours():
    values = [4.0, 1.0, 3.0, 2.0]
    assert (percentile(values, 0), percentile(values, 1)) == (1.0, 4.0)
    assert median(values) == 2.5
    assert percentile(values, 0.95) == pytest.approx(3.85)
    assert percentile([7.0], 0.95) == 7.0


def test_nothing_has_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_spread_names_count_and_percentiles():
    assert spread([1.0, 2.0, 3.0]) == {"count": 3, "p50": 2.0, "p95": 2.9, "max": 3.0}


@pytest.mark.parametrize(("value", "shown"), [(1234.567, 1235.0), (0.00123456, 0.001235), (0.0, 0.0)])
def test_figures_have_four_digits(value, shown):
    assert rounded(value) == shown


@pytest.mark.parametrize(
    ("value", "better", "met"),
    [(1.5, "lower", True), (1.51, "lower", False), (1.5, "higher", True), (1.49, "higher", False)],
)
def test_a_goal_is_met_from_its_own_side(value, better, met):
    shown = Ratio(value=value, goal=1.5, better=better, of="a over b").shown()
    assert shown == {"value": value, "goal": 1.5, "better": better, "met": met, "of": "a over b"}


def test_an_outcome_needs_no_ratios():
    assert Outcome(data="d", rows=1, seed=7).ratios == {}


def test_the_machine_is_described_in_json():
    told = machine.facts()
    assert told["cores"] >= 1
    assert told["python"].count(".") == 2
    assert set(told["libraries"]) == set(machine.LIBRARIES)
    json.dumps(told, allow_nan=False)


def test_the_processor_is_the_first_model_named(tmp_path):
    table = tmp_path / "cpuinfo"
    table.write_text("processor\t: 0\nmodel name\t: Quick One\nmodel name\t: Quick Two\n")
    assert machine.processor(table) == "Quick One"
    assert machine.processor(tmp_path / "none")


@pytest.fixture
def told():
    ratio = Ratio(value=2.0, goal=1.5, better="lower", of="ours <over> theirs").shown()
    return {
        "name": "pipeline", "quick": True, "data": "simulated", "rows": 10, "seed": 7, "seconds": 1.0,
        "machine": {"cores": 2, "libraries": {"celery": "5"}}, "figures": {"sqlite": {"assess": {"p50": 3.0}}},
        "ratios": {"p95": ratio},
    }  # fmt: skip


def test_the_page_shows_ratios_figures_and_failures(told, tmp_path):
    failed = {"name": "backfill", "error": report.failure(2)}
    report.write([told, failed], tmp_path / "build")
    page = (tmp_path / "build" / "benchmarks.html").read_text()
    for part in ("2.0 (short)", "≤ 1.5", "sqlite.assess.p50", "libraries.celery", "ours &lt;over&gt;", "code 2"):
        assert part in page
    keeps_to_itself(Document(page))
    can_be_heard(Document(page))
    assert json.loads((tmp_path / "build" / "benchmarks.json").read_text()) == {"benchmarks": [told, failed]}


def test_every_module_of_the_report_is_there():
    for name in report.MODULES:
        assert (report.ROOT / "benchmarks" / f"{name}.py").is_file()
