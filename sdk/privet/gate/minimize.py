"""What the gate does to opened values before it lets them out. GDPR Art. 5(1)(c).

Pure functions over ``Events``: a window of instants, coarser times, the last n,
rounded amounts, wider bands. Each returns new arrays and never changes its input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from privet.clock import EPOCH, MICRO
from privet.errors import AccessDenied
from privet.policy import Minimize
from privet.types import Events

NULL = np.iinfo(np.int64).min
QUARTER_US = 900_000_000
QUARTERS = 1 << 22  # until the year 2089: their floors are looked up
UNKNOWN = 0  # a floor that is to be worked out; that of 1970 is, each time


def window(events: Events, since: int | None, until: int | None) -> Events:
    """Keep the rows with ``since < at <= until`` (UTC microseconds), exact, before coarsening."""
    if since is None and until is None:
        return events
    keep = np.ones(len(events), dtype=bool)
    if since is not None:
        keep &= events.at > since
    if until is not None:
        keep &= events.at <= until
    return select(events, keep)


def minimize(events: Events, event: str, how: Minimize, zone: ZoneInfo) -> Events:
    """Apply a decision's minimization to the opened rows of one event type.

    Args:
        events: opened rows.
        event: the event type, or ``"profile"``.
        how: what the policy asks.
        zone: the deployment's zone, whose days and hours ``time:`` means.

    Raises:
        AccessDenied: the policy asks for an operation that this version does not know.
    """
    if how.last is not None and event != "profile":
        events = _last(events, how.last)
    columns = dict(events.columns)
    for name in how.drop:
        columns.pop(name.removeprefix(f"{event}."), None)
    for name, operation, argument in how.rules:
        owner, _, bare = name.partition(".")
        if owner == event and bare in columns:
            columns[bare] = _apply(columns[bare], operation, argument)
    at = events.at if how.time is None or event == "profile" else coarsen(events.at, how.time, zone)
    return Events(events.subjects, events.starts, at, columns, events.extra)


def select(events: Events, keep: np.ndarray) -> Events:
    """The rows where ``keep`` is true; every subject stays, with fewer rows."""
    totals = np.concatenate(([0], np.cumsum(keep)))
    return Events(
        events.subjects,
        totals[events.starts].astype(np.int64),
        events.at[keep],
        {name: values[keep] for name, values in events.columns.items()},
        events.extra,
    )


def coarsen(at: np.ndarray, unit: str, zone: ZoneInfo) -> np.ndarray:
    """Cut instants down to the beginning of their hour, day, week or month in ``zone``.

    Args:
        at: UTC microseconds, shape (R,).
        unit: ``"hour"``, ``"day"``, ``"week"`` (from Monday) or ``"month"``.
        zone: whose local calendar counts; days of 23 and 25 hours are days.

    Returns:
        UTC microseconds, shape (R,).
    """
    if not len(at):
        return at
    # Every zone's offset is a multiple of a quarter of an hour, so its days and hours are too.
    quarters = at // QUARTER_US
    if int(quarters.min()) < 0 or int(quarters.max()) >= QUARTERS:
        return _worked_out(quarters, unit, zone)
    table = _table(unit, zone)
    found: np.ndarray = table[quarters]
    if not found.all():
        fresh = quarters[found == UNKNOWN]
        table[fresh] = _worked_out(fresh, unit, zone)
        found = table[quarters]
    return found


def coarsened(at: int, unit: str, zone: ZoneInfo) -> int:
    """As ``coarsen``, one instant."""
    quarter = at // QUARTER_US
    found = _table(unit, zone).item(quarter) if 0 <= quarter < QUARTERS else UNKNOWN
    return found if found != UNKNOWN else int(coarsen(np.array([at]), unit, zone)[0])


@lru_cache(maxsize=16)
def _table(unit: str, zone: ZoneInfo) -> np.ndarray:
    """The floor of each quarter that was ever asked for; memory is taken as it is filled."""
    return np.zeros(QUARTERS, np.int64)


def _worked_out(quarters: np.ndarray, unit: str, zone: ZoneInfo) -> np.ndarray:
    distinct, inverse = np.unique(quarters, return_inverse=True)
    floors = [_floor(quarter, unit, zone) for quarter in distinct.tolist()]
    return np.array(floors, np.int64)[inverse]


def _floor(quarter: int, unit: str, zone: ZoneInfo) -> int:
    local = (EPOCH + timedelta(minutes=15 * quarter)).astimezone(zone)
    local = local.replace(minute=0, second=0, microsecond=0)
    if unit in {"day", "week", "month"}:
        local = local.replace(hour=0, fold=0)
    if unit == "week":
        local -= timedelta(days=local.weekday())
    if unit == "month":
        local = local.replace(day=1)
    # Through UTC: subtraction of aware times in one zone ignores its offsets.
    return (local.astimezone(EPOCH.tzinfo) - EPOCH) // MICRO


def _last(events: Events, count: int) -> Events:
    ends = np.repeat(events.starts[1:], np.diff(events.starts))
    return select(events, np.arange(len(events)) >= ends - count)


def _apply(values: np.ndarray, operation: str, argument: int) -> np.ndarray:
    if operation == "round":
        return _round(values, argument)
    if operation == "band":
        return np.array([_band(v, argument) for v in values], dtype=object)
    raise AccessDenied(
        "the policy asks for a minimization that is unknown here",
        why=f"operation {operation!r}",
        remedy="Use a version of privet that knows it, or another minimization.",
        reason="minimize.unknown",
    )


def _round(values: np.ndarray, step: int) -> np.ndarray:
    """To the nearest multiple of ``step`` in the field's own unit, halves away from zero."""
    if values.dtype.kind == "f":
        return np.round(values / step) * step
    rounded = np.sign(values) * ((np.abs(values) + step // 2) // step * step)
    return np.where(values == NULL, NULL, rounded)


_BAND = re.compile(r"(\d+)(?:-(\d+)|\+)?\Z")


def _band(value: object, width: int) -> str | None:
    """A number or a band as the wider band of ``width`` that holds its lower end."""
    if value is None:
        return None
    match = _BAND.match(str(value))
    if match is None:
        return None
    low = int(match[1]) // width * width
    return f"{low}-{low + width - 1}"


def rounding_step(scale: int, argument: int) -> int:
    """``round(1)`` on a decimal(2) column of cents means steps of 100."""
    return int(argument * 10**scale)


def scaled(how: Minimize, scales: Mapping[str, int]) -> Minimize:
    """``how`` with its rounding steps in the units that columns are kept in."""
    if not how.rules:
        return how
    rules = tuple(
        (name, op, rounding_step(scales.get(name, 0), arg) if op == "round" else arg)
        for name, op, arg in how.rules
    )
    return Minimize(drop=how.drop, last=how.last, time=how.time, rules=rules)
