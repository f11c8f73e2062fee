"""Draw figures as inline SVG: drawn by matplotlib, coloured and lettered by the page's style.

A figure holds fixed words only, never a name from data; the same points give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from xml.etree import ElementTree as ET

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
#: drawn in these, shown in the page's colours, which change with light and dark
INK, MUTED, LINE, ACCENT, OTHER = "#010101", "#020202", "#030303", "#040404", "#050505"
_TOKENS = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent", OTHER: "--other"}
_STYLE = {
    "svg.fonttype": "none",  # text stays text: read aloud, found, and set in the page's letters
    "svg.hashsalt": "hearth",  # ids that do not change from run to run
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same lay-out on every machine
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.labelpad": 7,
    "axes.edgecolor": LINE,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "xtick.major.pad": 7,
    "ytick.major.size": 0,
}
#: left, bottom, width and height of the axes, as shares of the figure
_INSIDE = (0.145, 0.135, 0.825, 0.845)
#: inches of a figure, of one of its rows where it has rows, and of what is below them
_WIDE, _HIGH, _ROW, _BELOW = 4.8, 3.8, 0.34, 0.62
#: share of a figure's width that the names of its rows take
_NAMES = 0.37
_UNDATED = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure for a page."""

    #: unique in its page
    name: str
    #: what is shown, in a few words
    title: str
    #: what there is to see, for who cannot see it
    text: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Point:
    """An observed share with its bounds, at a predicted share."""

    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share, or a difference of two, with its bounds and its name, which is a fixed word."""

    name: str
    value: float
    low: float
    high: float
    #: drawn in the page's other colour
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of a trial, by its number."""

    number: int
    loss: float
    #: drawn as the line that the others are compared with
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One figure over time: days before the last one (0 and below), and its name, which is a fixed word."""

    name: str
    days: Sequence[float]
    values: Sequence[float]
    #: drawn in the page's other colour, and dashed: it is expected, not measured
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment at which something was found: days before the last one."""

    day: float
    #: drawn as a whole line; others are dashed
    sure: bool


def calibration(name: str, points: Sequence[Point], *, title: str, text: str) -> Drawing:
    """Return the calibration plot: predicted against observed shares; equal on the diagonal."""

    def draw(axes: Axes) -> None:
        reach = _reach(points)
        axes.plot([0, reach], [0, reach], color=MUTED, linewidth=1.2, dashes=(4, 3))
        axes.vlines(
            [p.predicted for p in points], [p.low for p in points], [p.high for p in points], color=ACCENT, lw=1.4
        )
        axes.plot([p.predicted for p in points], [p.observed for p in points], "o", color=ACCENT, markersize=6)
        axes.set(xlim=(0, reach), ylim=(0, reach), xlabel="score: the probability", ylabel="observed share")
        _in_percent(axes, 0.2 if reach > 0.5 else 0.1)

    return _drawing(name, title, text, draw)


def lift(name: str, reached: Sequence[tuple[float, float]], *, title: str, text: str) -> Drawing:
    """Return the share of all hits reached by taking the highest scores first, against any order."""

    def draw(axes: Axes) -> None:
        depth, wins = zip((0.0, 0.0), *reached, strict=True)
        axes.fill_between(depth, wins, depth, color=ACCENT, alpha=0.12, linewidth=0)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, dashes=(4, 3))
        axes.plot(depth, wins, "o-", color=ACCENT, linewidth=2, markersize=4)
        middle = min(range(len(depth)), key=lambda index: abs(depth[index] - 0.5))
        _label(axes, "highest first", (depth[middle], wins[middle]), (-7, 7), ACCENT)
        _label(axes, "any order", (0.6, 0.6), (8, -12), MUTED)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="leads, highest score first", ylabel="share reached")
        _in_percent(axes, 0.2)

    return _drawing(name, title, text, draw)


def estimates(name: str, rows: Sequence[Estimate], *, across: str, unit: str = " %", title: str, text: str) -> Drawing:
    """Return estimates below each other, in hundredths of a unit, with a line at zero where some are negative."""

    def draw(axes: Axes) -> None:
        for place, row in enumerate(rows):
            color = OTHER if row.apart else ACCENT
            axes.plot([row.low, row.high], [place, place], color=color, linewidth=1.6)
            axes.plot([row.value], [place], "o", color=color, markersize=6)
        low, high = _across(rows)
        if low < 0:
            axes.axvline(0, color=MUTED, linewidth=1.2, dashes=(4, 3))
        axes.set(xlim=(low, high), ylim=(len(rows) - 0.4, -0.6), xlabel=across)
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MultipleLocator(_step(high - low)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}{unit}"))

    high = _ROW * len(rows) + _BELOW
    inside = (_NAMES, _BELOW / high, 0.965 - _NAMES, 1 - _BELOW / high)
    return _drawing(name, title, text, draw, high=high, inside=inside)


def losses(name: str, tried: Sequence[Loss], *, title: str, text: str) -> Drawing:
    """Return losses in the order of trials, with the least so far and a line where the usual one lies."""

    def draw(axes: Axes) -> None:
        numbers, values = [each.number for each in tried], [each.loss for each in tried]
        for usual in (each for each in tried if each.usual):
            axes.axhline(usual.loss, color=MUTED, linewidth=1.2, dashes=(4, 3))
        axes.step(numbers, list(accumulate(values, min)), where="post", color=ACCENT, linewidth=2)
        axes.plot(numbers, values, "o", color=OTHER, markersize=5)
        axes.set(xlabel="trial", ylabel="log loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))

    return _drawing(name, title, text, draw)


def over_time(name: str, lines: Sequence[Line], marks: Sequence[Mark], *, up: str, title: str, text: str) -> Drawing:
    """Return lines over days, each named at its end, with a vertical line where something was found."""

    def draw(axes: Axes) -> None:
        for mark in marks:
            axes.axvline(mark.day, color=INK, linewidth=1.4, dashes=(1, 0) if mark.sure else (2, 3))
        for line in lines:
            color = OTHER if line.apart else ACCENT
            style = "--o" if line.apart else "-o"
            axes.plot(line.days, line.values, style, color=color, linewidth=2, markersize=4)
            _label(axes, line.name, (line.days[-1], line.values[-1]), (-7, 7), color)
        earliest = min((day for line in lines for day in line.days), default=0.0)
        axes.set(xlim=(min(earliest, -1.0), 0.5), ylim=(0, None), xlabel="days before the last check", ylabel=up)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))

    return _drawing(name, title, text, draw)


def _across(rows: Sequence[Estimate]) -> tuple[float, float]:
    """Return the ends of the axis: some room on both sides, from zero without negative values."""
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    room = 0.05 * max(high - min(low, 0.0), 0.02)
    return (low - room if low < 0 else 0.0), max(high, 0.0) + room


def _step(width: float) -> float:
    """Return a round distance between ticks, so that at most six fit."""
    return next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if width / step <= 6)


def _label(axes: Axes, text: str, at: tuple[float, float], away: tuple[int, int], color: str) -> None:
    axes.annotate(text, at, away, textcoords="offset points", ha="right" if away[0] < 0 else "left", color=color)


def _reach(points: Iterable[Point]) -> float:
    """Return the end of both axes: small when all predictions are small."""
    far = max(max(point.predicted, point.high) for point in points)
    return min(1.0, (int(far * 10) + 1) / 10)


def _in_percent(axes: Axes, step: float) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(step))
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))


def _drawing(
    name: str,
    title: str,
    text: str,
    draw: Callable[[Axes], None],
    *,
    high: float = _HIGH,
    inside: tuple[float, float, float, float] = _INSIDE,
) -> Drawing:
    # without pyplot: no window system is looked for and no state is shared
    with rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(_WIDE, high))
        draw(figure.add_axes(inside))  # a place of its own: a computed lay-out draws everything twice
        drawn = BytesIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata=_UNDATED)
    return Drawing(name=name, title=title, text=text, svg=_inlined(name, title, text, drawn.getvalue()))


def _inlined(name: str, title: str, text: str, drawn: bytes) -> Markup:
    """Return the drawing as an inline element, with unique ids, a title and a description."""
    root = ET.fromstring(drawn)  # noqa: S314 - drawn a moment ago by ourselves
    _rename_ids(root, name)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-text"}
    for place, (tag, words) in enumerate((("title", title), ("desc", text))):
        label = ET.Element(f"{{{SVG}}}{tag}", id=f"{name}-{'text' if place else 'title'}")
        label.text = words
        root.insert(place, label)
    return Markup(_in_tokens(_without_namespaces(root)))  # noqa: S704 - serialised from a tree, so its texts are escaped


def _rename_ids(root: ET.Element, name: str) -> None:
    """Keep the ids that are referred to, under this figure's name; drop matplotlib's others."""
    text = ET.tostring(root, encoding="unicode")
    for element in root.iter():
        link = element.attrib.pop(_LINK, None)
        if link:
            element.set("href", f"#{name}-{link[1:]}")
        clip = element.get("clip-path", "")
        if clip.startswith("url(#"):
            element.set("clip-path", f"url(#{name}-{clip[5:]}")
        old_id = element.attrib.pop("id", None)
        if old_id and f"#{old_id}" in text:
            element.set("id", f"{name}-{old_id}")


def _without_namespaces(root: ET.Element) -> str:
    for style in [(parent, child) for parent in root.iter() for child in parent if child.tag == f"{{{SVG}}}style"]:
        style[0].remove(style[1])  # it would dress the whole page
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def _in_tokens(svg: str) -> str:
    for drawn, token in _TOKENS.items():
        svg = svg.replace(drawn, f"var({token})")
    return svg
