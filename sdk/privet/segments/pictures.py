"""Pictures of segments, drawn from figures of many people: as PNG or SVG, always the same bytes.

Colours are those of Okabe & Ito (2008), told apart by colour-blind readers; every segment
also has its number or name in words. Nothing here sees a person: see ``charts``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from privet.errors import MissingExtra
from privet.segments.base import NOBODY
from privet.segments.charts import QUANTILES, Cell

if TYPE_CHECKING:
    import pandas as pd

Form = Literal["svg", "png"]
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
NONE = "#999999"


def map_of(cells: Sequence[Cell], title: str, form: Form = "svg") -> bytes:
    """A map of hexagons, coloured by the segment that most of their people are in.

    Args:
        cells: from ``charts.cells``.
        title: what is shown.
        form: ``"svg"`` or ``"png"``.

    Raises:
        MissingExtra: the extra ``plots`` is not installed.
    """
    figure, axes = _figure(7, 6)
    from matplotlib.patches import RegularPolygon

    most = max((cell.people for cell in cells), default=1)
    for cell in cells:
        shade = 0.35 + 0.65 * cell.people / most
        axes.add_patch(
            RegularPolygon(
                (cell.x, cell.y), 6, radius=0.577, facecolor=_colour(cell.label), alpha=shade,
                edgecolor="white", linewidth=0.5,
            )
        )  # fmt: skip
        axes.text(cell.x, cell.y, _number(cell.label), ha="center", va="center", fontsize=6)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.set_axis_off()
    axes.set_title(f"{title}\nthe fuller the colour, the more people; sparse places are left out")
    return _bytes(figure, form)


def silhouette(quantiles: Mapping[int, Sequence[float]], form: Form = "svg") -> bytes:
    """How well people lie in their segments: one band of quantiles for each, best on top.

    Args:
        quantiles: from ``charts.silhouettes``.
        form: ``"svg"`` or ``"png"``.
    """
    figure, axes = _figure(7, 1.5 + 0.7 * len(quantiles))
    heights = [q / (QUANTILES - 1) for q in range(QUANTILES)]
    for at, (label, values) in enumerate(reversed(list(quantiles.items()))):
        levels = [1.2 * at + height for height in heights]
        axes.fill_betweenx(levels, 0, values, color=_colour(label), linewidth=0)
        axes.plot(values, levels, color="black", linewidth=0.8)
    middles = [1.2 * at + 0.5 for at in range(len(quantiles))]
    axes.set_yticks(middles, [_number(label) for label in reversed(list(quantiles))])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_ylabel("segment")
    axes.set_xlabel("silhouette; below 0 another segment is nearer")
    axes.set_title("How well people lie in their segments")
    return _bytes(figure, form)


def profile(profiles: Mapping[Any, Mapping[str, float]], form: Form = "svg") -> bytes:
    """A heat map of how segments differ from everybody, in deviations, with the numbers.

    Args:
        profiles: from ``charts.profiles``; keys are numbers or ids of segments.
        form: ``"svg"`` or ``"png"``.
    """
    names = list(dict.fromkeys(name for of_segment in profiles.values() for name in of_segment))
    figure, axes = _figure(max(2.5 + 0.9 * len(profiles), 6), 1.5 + 0.35 * len(names))
    for column, of_segment in enumerate(profiles.values()):
        for row, name in enumerate(names):
            value = of_segment.get(name)
            if value is not None:
                tint = min(abs(value) / 2, 1.0)
                colour = COLOURS[5] if value > 0 else COLOURS[0]
                axes.bar(column, 1, 1, row - 0.5, color=colour, alpha=0.75 * tint, linewidth=0)
                axes.text(column, row, f"{value:+.1f}", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(profiles)), [str(label) for label in profiles])
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlabel("segment")
    axes.set_title("How segments differ from everybody, in deviations")
    return _bytes(figure, form)


def flows(moves: pd.DataFrame, form: Form = "svg") -> bytes:
    """Who went where between the last two servings, as bands as wide as people are many.

    Args:
        moves: from ``Segments.moves``: columns ``path`` and ``people``.
        form: ``"svg"`` or ``"png"``.
    """
    both: dict[tuple[str, str], int] = {}
    for path, people in zip(moves["path"], moves["people"], strict=True):
        if len(path) > 1:
            both[path[-2], path[-1]] = both.get((path[-2], path[-1]), 0) + int(people)
    names = sorted({name for pair in both for name in pair})
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    figure, axes = _figure(7, 5)
    left, right = (_stacked(both, names, end) for end in (0, 1))
    for pair, people in sorted(both.items()):
        _band(axes, left[pair], right[pair], people, colour[pair[0]])
    for x, place, end in ((0.0, left, 0), (1.0, right, 1)):
        for name in names:
            own = [(at, both[pair]) for pair, at in place.items() if pair[end] == name]
            if own:
                begin, size = min(own)[0], sum(people for _, people in own)
                aside = "right" if end == 0 else "left"
                label = f" {name}, {size} "
                axes.text(x, begin + size / 2, label, ha=aside, va="center", fontsize=9)
    axes.set_xlim(-0.35, 1.35)
    axes.autoscale_view(scalex=False)
    axes.invert_yaxis()
    axes.set_axis_off()
    axes.set_title("From one serving to the next (people in tens; ways of few are left out)")
    return _bytes(figure, form)


def choice(table: pd.DataFrame, form: Form = "svg") -> bytes:
    """Silhouette and stability of each way that was tried.

    Args:
        table: from ``Segments.choose``.
        form: ``"svg"`` or ``"png"``.
    """
    figure, axes = _figure(7, 1.5 + 0.35 * len(table))
    at = range(len(table))
    for name, marker, colour in (("silhouette", "o", COLOURS[0]), ("stability", "s", COLOURS[5])):
        axes.plot(table[name], at, marker, color=colour, label=name)
    named = zip(table["method"], table["segments"], strict=True)
    axes.set_yticks(at, [f"{method}, {k}" for method, k in named])
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.set_title("Ways to segment (more is better)")
    return _bytes(figure, form)


def _stacked(
    both: Mapping[tuple[str, str], int], names: Sequence[str], end: int
) -> dict[tuple[str, str], float]:
    """Where each band begins on one side: by segment, then by where it goes."""
    gap = 0.03 * sum(both.values())
    found: dict[tuple[str, str], float] = {}
    at = 0.0
    for name in names:
        for pair in sorted(both, key=lambda pair: pair[1 - end]):
            if pair[end] == name:
                found[pair] = at
                at += both[pair]
        at += gap
    return found


def _band(axes: Any, left: float, right: float, people: int, colour: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    steps = [(0, left), (0.5, left), (0.5, right), (1, right)]
    back = [(1, right + people), (0.5, right + people), (0.5, left + people), (0, left + people)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    outline = Path([*steps, *back, steps[0]], codes)
    axes.add_patch(PathPatch(outline, facecolor=colour, alpha=0.6, linewidth=0))


def _colour(label: int) -> str:
    return NONE if label == NOBODY else COLOURS[label % len(COLOURS)]


def _number(label: int) -> str:
    return "none" if label == NOBODY else str(label)


def check_installed() -> None:
    """Find out before anything is opened whether a picture can be drawn.

    Raises:
        MissingExtra: the extra ``plots`` is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: F401  # only whether it is there
    except ImportError:
        raise MissingExtra("drawing segments", "plots") from None


def _figure(width: float, height: float) -> tuple[Any, Any]:
    check_installed()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _bytes(figure: Any, form: Form) -> bytes:
    """The picture, without a date or random names: the same figures give the same bytes."""
    from matplotlib import rc_context

    out = io.BytesIO()
    fixed: dict[Any, Any] = {
        "svg.hashsalt": "privet",
        "svg.fonttype": "none",
        "font.family": "DejaVu Sans",
    }
    with rc_context(fixed):
        about = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, dpi=150, metadata=about)
    return out.getvalue()
