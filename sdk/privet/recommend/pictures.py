"""Curves and the frontier as pictures; needs the extra ``plots``. Equal figures, equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from privet.errors import MissingExtra
from privet.recommend.split import TASKS

if TYPE_CHECKING:
    import pandas as pd

    from privet.recommend.studies import Tradeoff

Format = Literal["svg", "png"]
INCHES = (6.4, 4.0)
PLAIN: dict[Any, str] = {
    "svg.hashsalt": "privet",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
}
"""No random ids in an SVG, and text that can be read aloud and searched."""
COLOURS = {"new": "#0072b2", "repeat": "#d55e00"}
"""Told apart with any colour vision (Okabe and Ito, "Color Universal Design", 2008)."""
MARKS = {"new": "o", "repeat": "s"}


def draw_curve(points: pd.DataFrame, x_label: str, form: Format = "svg") -> bytes:
    """Quality with its 95 % interval along a curve; the worst tenth of people dashed.

    Args:
        points: what ``models.curve`` returned.
        x_label: what its points stand for, such as ``"share of people who agree"``.
        form: of the picture.

    Raises:
        MissingExtra: without matplotlib.
    """
    figure, axes = _empty(x_label, "nDCG")
    for task in TASKS:
        rows = points[points["task"] == task]
        if rows.empty:
            continue
        look: dict[str, Any] = {"color": COLOURS[task], "marker": MARKS[task]}
        at = rows["at"].to_numpy(float)
        low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
        axes.plot(at, rows["ndcg"].to_numpy(float), label=task, **look)
        axes.fill_between(at, low, high, color=COLOURS[task], alpha=0.2, linewidth=0)
        worst = rows["worst_decile"].astype(float).to_numpy()
        axes.plot(at, worst, label=f"{task}, worst tenth", linestyle="--", **look)
    return _saved(figure, axes, form)


def draw_frontier(tradeoffs: Sequence[Tradeoff], form: Format = "svg") -> bytes:
    """Quality against the risk from lists and from scores, one named point per setting.

    Args:
        tradeoffs: what ``models.frontier`` returned.
        form: of the picture.

    Raises:
        MissingExtra: without matplotlib.
    """
    figure, axes = _empty("AUC of membership inference (0.5 is guessing)", "nDCG@10")
    settings, names = _settings(tradeoffs)
    for task in TASKS:
        for attack, line in (("lists", "-"), ("scores", "--")):
            shown = [
                (risk.auc, one.ndcg[task], name)
                for one, name in zip(tradeoffs, names, strict=True)
                for risk in one.risks
                if risk.attack == attack
            ]
            if not shown:
                continue
            risks, values, _ = zip(*shown, strict=True)
            look: dict[str, Any] = {"color": COLOURS[task], "marker": MARKS[task]}
            axes.plot(risks, values, label=f"{task}, from {attack}", linestyle=line, **look)
            for risk, value, name in shown:
                axes.annotate(name, (risk, value), textcoords="offset points", xytext=(4, 4))
    return _saved(figure, axes, form, f"points: {settings}")


def _settings(tradeoffs: Sequence[Tradeoff]) -> tuple[str, list[str]]:
    """What tells settings apart, and the name of each."""
    floors = {one.floor for one in tradeoffs}
    strengths = {one.regularization for one in tradeoffs}
    if len(strengths) <= 1:
        return "release floor", [f"{one.floor}" for one in tradeoffs]
    if len(floors) <= 1:
        return "regularization", [f"{one.regularization:g}" for one in tradeoffs]
    both = [f"{one.regularization:g} / {one.floor}" for one in tradeoffs]
    return "regularization / release floor", both


def _empty(x_label: str, y_label: str) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a picture", "plots") from None
    figure = Figure(figsize=INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    return figure, axes


def _saved(figure: Any, axes: Any, form: Format, title: str | None = None) -> bytes:
    from matplotlib import rc_context

    if axes.get_legend_handles_labels()[0]:
        axes.legend(title=title)
    held = BytesIO()
    nothing = {"Date": None} if form == "svg" else {"Software": None}
    with rc_context(PLAIN):
        figure.savefig(held, format=form, metadata=nothing)
    return held.getvalue()
