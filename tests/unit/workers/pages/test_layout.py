"""The layout: legible colours, whole files, and what is said when its libraries are missing."""

import doctest
import re
import subprocess
import sys

import pytest

from workers.pages import columns, figures, layout, load, quality, write

STYLE = (layout.TEMPLATES / "style.css").read_text(encoding="utf-8")
SCHEMES = dict(zip(("light", "dark"), re.findall(r":root \{([^}]*--ink[^}]*)\}", STYLE), strict=True))
GROUNDS = {"ink": ("paper", "surface", "bad-soft"), "muted": ("paper", "surface"), "accent": ("paper", "surface")}
STATES = {"accent": ("accent-soft",), "good": ("good-soft",), "bad": ("bad-soft",)}
PAIRS = [(text, ground) for told in (GROUNDS, STATES) for text, grounds in told.items() for ground in grounds]


def luminance(color):
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_every_text_stands_out_from_its_ground(scheme, text, ground):
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", SCHEMES[scheme]))
    dark, bright = sorted(luminance(colors[name]) for name in (text, ground))
    assert (bright + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2, level AA


@pytest.mark.parametrize("module", [layout, columns, quality])
def test_examples(module):
    tried = doctest.testmod(module)
    assert (tried.failed, tried.attempted > 0) == (0, True)


def test_colours_of_figures_are_all_the_pages_own():
    drawn = figures.lift("f", [(0.5, 0.8), (1.0, 1.0)], title="t", text="d").svg
    assert set(re.findall(r"var\(--([a-z]+)\)", drawn)) == {"line", "muted", "accent"}
    assert not re.findall(r"#[0-9a-f]{6}\b", drawn)


def test_two_figures_share_no_id():
    first, second = (figures.lift(name, [(0.5, 0.8), (1.0, 1.0)], title="t", text="d").svg for name in "ab")
    ids = [set(re.findall(r'id="([^"]*)"', drawn)) for drawn in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for drawn, own in zip((first, second), ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^)"]*)', drawn)) <= own


def test_a_page_takes_the_place_of_the_one_before(tmp_path):
    for text in ("first", "secönd"):
        write(text, tmp_path / "card.html")
    assert (tmp_path / "card.html").read_text(encoding="utf-8") == "secönd"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_page_that_cannot_be_put_in_its_place_leaves_nothing(tmp_path):
    (tmp_path / "card.html").mkdir()
    with pytest.raises(OSError):
        write("text", tmp_path / "card.html")
    assert [path.name for path in tmp_path.iterdir()] == ["card.html"]


@pytest.mark.slow
def test_workers_load_nothing_that_draws_pages():
    code = "import sys, workers.bootstrap; print([name for name in ('jinja2', 'matplotlib') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_a_page_that_is_not_there_is_a_fault_of_ours():
    with pytest.raises(ModuleNotFoundError, match="no_such_page"):
        load("no_such_page")
