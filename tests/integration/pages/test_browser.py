"""The pages in a real browser: they render in every window, in silence, and ask nobody for anything."""

import io
from contextlib import ExitStack

import pytest
from PIL import Image

from tests.support.browser import Browser, BrowserGone, find
from tests.support.pages import checks, report_answers, tuning_answers
from tests.support.pages.model_records import NEWER, REPORT, SECTIONS, model
from workers.pages import interventions, monitoring, tuning, value, write
from workers.pages.model_card import page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(find() is None, reason="no chromium on PATH (Debian: apt-get install chromium)"),
]
WIDE, NARROW = 1280, 360
LONG = {"custom:" + "Averylongcolumnname" * 12: "the same value everywhere"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with ExitStack() as running:
        try:
            started = running.enter_context(Browser(find(), tmp_path_factory.mktemp("profile")))
        except BrowserGone:
            pytest.skip(f"{find()} is no browser that starts here")
        yield started


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "card.html"
    write(page(model(report={**REPORT, **NEWER, "dropped": LONG}), tenant="acme"), path)
    return path.as_uri()


def photograph(browser):
    return Image.open(io.BytesIO(browser.photograph())).convert("RGB")


def brightness(image):
    return sum(image.convert("L").resize((1, 1)).tobytes())


def shown(browser, selector):
    """How large the elements are on the screen, as pairs of width and height."""
    boxes = f"[...document.querySelectorAll('{selector}')].map(e => e.getBoundingClientRect())"
    return browser.tell(f"{boxes}.map(box => [box.width, box.height])")


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_renders_in_silence(browser, url, width, scheme):
    seen = browser.look(url, width=width, scheme=scheme)
    assert seen.requests == [url]
    assert seen.complaints == []
    assert browser.tell("document.title") == "Model card lead_score-0001 · Hearth"
    assert len(photograph(browser).getcolors(1 << 24)) > 100, "a blank page has one colour"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_section_and_figure_is_seen_and_nothing_sticks_out(browser, url, width):
    browser.look(url, width=width)
    assert browser.tell("[...document.querySelectorAll('main > section')].map(e => e.id)") == list(SECTIONS)
    assert all(wide > 300 and high > 60 for wide, high in shown(browser, "main > section"))
    assert len(shown(browser, "figure svg")) == 2
    assert all(wide > 250 and high > 180 for wide, high in shown(browser, "figure svg"))
    assert browser.tell("document.documentElement.scrollWidth") <= width


def test_dark_is_dark_and_print_is_light_and_whole(browser, url):
    browser.look(url, scheme="light")
    light = photograph(browser)
    browser.look(url, scheme="dark")
    assert brightness(photograph(browser)) < 80 < 200 < brightness(light)
    browser.look(url, scheme="dark", media="print")
    assert brightness(photograph(browser)) > 200
    assert shown(browser, "nav") == [[0, 0]]
    assert all(high > 60 for _, high in shown(browser, "main > section"))


def test_what_got_in_all_the_same_would_not_load_and_not_run(browser, url):
    browser.look(url)
    got_in = "<img src=http://127.0.0.1:9/seen onerror=document.title=1>"
    browser.tell(f"document.body.insertAdjacentHTML('beforeend', '{got_in}')")
    browser.tell("document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 2'}))")
    browser.until("Network.loadingFailed")
    seen = browser.seen()
    assert seen.requests == [url]
    assert "http://127.0.0.1:9/seen" in seen.refused
    assert [line for line in seen.complaints if "inline script" in line]
    assert browser.tell("document.title") == "Model card lead_score-0001 · Hearth"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_search_renders_in_silence_and_nothing_sticks_out(browser, tmp_path, width):
    path = tmp_path / "tuning.html"
    write(tuning.page(tuning_answers.STUDY, tenant="acme", at=tuning_answers.AT), path)
    seen = browser.look(path.as_uri(), width=width)
    assert (seen.requests, seen.complaints) == ([path.as_uri()], [])
    assert browser.tell("document.documentElement.scrollWidth") <= width
    assert all(wide > 250 and high > 60 for wide, high in shown(browser, "main > section"))
    assert [wide > 250 and high > 80 for wide, high in shown(browser, "figure svg")] == [True]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(
    "module, answer",
    [(interventions, report_answers.REPORT), (value, report_answers.VALUE)],
    ids=["interventions", "value"],
)
def test_the_reports_render_in_silence_and_nothing_sticks_out(browser, tmp_path, module, answer, width):
    path = tmp_path / "report.html"
    write(module.page(answer, at=report_answers.AT), path)
    seen = browser.look(path.as_uri(), width=width)
    assert (seen.requests, seen.complaints) == ([path.as_uri()], [])
    assert browser.tell("document.documentElement.scrollWidth") <= width
    assert all(wide > 250 and high > 60 for wide, high in shown(browser, "main > section"))
    assert [wide > 250 and high > 80 for wide, high in shown(browser, "figure svg")] == [True]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_models_over_time_are_drawn_with_their_drift(browser, tmp_path, width, scheme):
    path = tmp_path / "monitoring.html"
    write(monitoring.page(checks.RECORDS, checks.FINDINGS, tenant="acme", at=checks.AT), path)
    seen = browser.look(path.as_uri(), width=width, scheme=scheme)
    assert (seen.requests, seen.complaints) == ([path.as_uri()], [])
    assert browser.tell("document.documentElement.scrollWidth") <= width
    assert [wide > 250 and high > 180 for wide, high in shown(browser, "figure svg")] == [True] * 3
    assert len(photograph(browser).getcolors(1 << 24)) > 100, "a blank page has one colour"
