"""How figures are taken: ours and the peer in turn, in one process, on the same data.

The absolute numbers are one machine's on one day; what holds elsewhere is the ratio.
"""

from __future__ import annotations

import gc
import os
import platform
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        theme: what it belongs to.
        name: what was done.
        ours: through privet, in ``unit``.
        peer: by what ``note`` names first; None where nothing does the same.
        unit: a unit of time or size, where less is better, or a rate, where more is.
        note: the peer, and what is in the figure.
    """

    theme: str
    name: str
    ours: float
    peer: float | None
    unit: str
    note: str

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return self.ours / self.peer if self.peer else None

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON data, three significant digits being more than the noise allows."""
        return {
            "theme": self.theme,
            "name": self.name,
            "ours": significant(self.ours),
            "peer": significant(self.peer),
            "unit": self.unit,
            "ratio": significant(self.ratio),
            "note": self.note,
        }


def significant(value: float | None) -> float | None:
    """``value`` to three significant digits."""
    return None if value is None else float(f"{value:.3g}")


@dataclass(frozen=True)
class Spans:
    """Durations of many calls, ascending, in microseconds."""

    wall: Sequence[float]
    cpu: Sequence[float]

    def p(self, percent: int) -> float:
        """A percentile of the wall-clock time."""
        return self.wall[len(self.wall) * percent // 100]

    @property
    def cpu50(self) -> float:
        """The median of the thread's CPU time, which others on the machine disturb less."""
        return self.cpu[len(self.cpu) // 2]


def spans(calls: Mapping[str, Callable[[Any], object]], inputs: Iterable[Any]) -> dict[str, Spans]:
    """Every call for every input, in turn; the first tenth warms up and is left out.

    Each begins elsewhere among the inputs: none finds in the machine's caches what another has
    just fetched for the same one.
    """
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    values = list(inputs)
    for turn in range(len(values)):
        for place, (name, call) in enumerate(calls.items()):
            value = values[(turn + place * len(values) // len(calls)) % len(values)]
            began, worked = time.perf_counter_ns(), time.thread_time_ns()
            call(value)
            cpu[name].append((time.thread_time_ns() - worked) / 1e3)
            wall[name].append((time.perf_counter_ns() - began) / 1e3)
    warm = len(next(iter(wall.values()))) // 10
    return {n: Spans(sorted(wall[n][warm:]), sorted(cpu[n][warm:])) for n in calls}


def fastest(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The best of several rounds of each call, in turn; seconds."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            gc.collect()
            best[name] = min(best[name], seconds(call))
    return best


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def machine() -> dict[str, Any]:
    """What the figures were taken on; nothing that names the machine."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load_before": [round(x, 2) for x in os.getloadavg()],
    }


def shown(value: float | None) -> str:
    """A number for people: no more digits than it has."""
    if value is None:
        return "none"
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"
