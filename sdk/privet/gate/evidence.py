"""What those who answer for the processing may see of the log. GDPR Art. 5(2), 30."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from privet.audit import ExportReport, export
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry, flush_counts
from privet.types import ACCOUNTABILITY

PAGE = 1000


def history(parts: Parts, caller: Caller, sno: int) -> list[dict[str, Any]]:
    """Every record that names this subject; the look itself is recorded as well."""
    decide(parts, caller, ACCOUNTABILITY, "prove", (), about=(sno,))
    parts.log.append(
        [entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="prove", subjects=(sno,))]
    )
    return parts.log.history(sno)


def records(
    parts: Parts, caller: Caller, since: int, until: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a period, oldest first, page by page; the look itself is recorded before.

    Args:
        parts: the open deployment.
        caller: who asks.
        since: UTC microseconds of the first.
        until: UTC microseconds before which the last one is.

    Raises:
        AccessDenied: no permit to export the log.
    """
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    flush_counts(parts)
    size = parts.log.size()
    parts.log.append([entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="export")])
    return _between(parts, _first(parts, since, size), size, until)


def _between(
    parts: Parts, start: int, size: int, until: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    while start < size:
        page = parts.log.leaves(start, min(PAGE, size - start))
        for seq, body in page:
            if int(body["ts"]) >= until:
                return
            yield seq, body
        start += PAGE


def _first(parts: Parts, since: int, size: int) -> int:
    """Index of the first record that is not older: times in the log never fall."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        ((_, body),) = parts.log.leaves(middle, 1)
        low, high = (middle + 1, high) if int(body["ts"]) < since else (low, middle)
    return low


def members(parts: Parts, seq: int) -> Sequence[int]:
    """Ordinals of whom a record is about, to be counted and never told."""
    return parts.log.members(seq)


def export_log(
    parts: Parts, caller: Caller, directory: Path, progress: Callable[[int], None] | None = None
) -> ExportReport:
    """Write the whole log as a directory that anybody can verify offline."""
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    flush_counts(parts)
    parts.log.append([entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="export")])
    return export(parts.home.audit, parts.log.vkey, directory)
