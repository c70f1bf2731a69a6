"""What those who answer for the processing may see of the log. GDPR Art. 5(2), 30."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from privet.audit import ExportReport, Extract, Selection, export, extract
from privet.errors import InvalidInput
from privet.gate import choosing
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry, flush_counts
from privet.types import ACCOUNTABILITY

FOLLOWED = 1000  # records of a log that is followed, at once


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
    """The records of a period; see ``chosen``."""
    return chosen(parts, caller, "replay", Selection(since=since, until=until))


def chosen(
    parts: Parts, caller: Caller, task: str, selection: Selection
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Records up to now, oldest first, page by page; the look itself is recorded before.

    Args:
        parts: the open deployment.
        caller: who asks.
        task: what for, for the record of the look.
        selection: which of them; by subject they are not chosen here.

    Raises:
        AccessDenied: no permit to export the log.
    """
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    flush_counts(parts)
    size = parts.log.size()
    _note(parts, caller, (), task=task)
    return parts.log.chosen(selection, size)


def newest(parts: Parts, caller: Caller, count: int) -> list[tuple[int, dict[str, Any]]]:
    """The newest records, oldest first; the look itself is recorded after them.

    Raises:
        AccessDenied: no permit to export the log.
    """
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    flush_counts(parts)
    size = parts.log.size()
    _note(parts, caller, (), task="tail")
    found = parts.log.leaves(max(0, size - count), count) if count else []
    return [(seq, body) for seq, body in found if seq < size]


def follow(parts: Parts, caller: Caller) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """What is recorded from now on, so much at once as came since it was last asked for.

    One record says that somebody follows; each look would else be the next thing to see.

    Raises:
        AccessDenied: no permit to export the log, or the policy was replaced meanwhile.
    """
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    _note(parts, caller, (), task="tail")
    return _following(parts, parts.log.size())


def _following(parts: Parts, start: int) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    while True:
        parts.check_current()
        found = parts.log.leaves(start, FOLLOWED)
        start = found[-1][0] + 1 if found else start
        yield found


def pseudonym(parts: Parts, caller: Caller, principal: str) -> str:
    """What the log calls a principal of this name.

    Raises:
        AccessDenied: no permit to export the log.
    """
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    found = choosing.pseudonym(parts, principal)
    _note(parts, caller, (), task="pseudonym", asked=found)
    return found


def members(parts: Parts, seq: int) -> Sequence[int]:
    """Ordinals of whom a record is about, to be counted and never told."""
    return parts.log.members(seq)


def export_log(
    parts: Parts,
    caller: Caller,
    directory: Path,
    form: Literal["tiles", "jsonl", "csv", "parquet"],
    selection: Selection,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport | Extract:
    """Write the log, or the records that are meant, to a directory.

    Raises:
        AccessDenied: no permit to export the log.
        InvalidInput: the whole log was asked for, and only a part of it (``export.whole``).
    """
    asked = selection.asked
    about = () if selection.subject is None else (selection.subject,)
    decide(parts, caller, ACCOUNTABILITY, "export", (), about=about)
    if form == "tiles" and not asked.keys() <= {"since"}:
        raise InvalidInput(
            "the whole log cannot be chosen from",
            why="tiles prove that nothing is missing, so that nothing may be",
            remedy="Choose the form jsonl, csv or parquet; or leave the choice out.",
            reason="export.whole",
        )
    flush_counts(parts)
    # The names of what was asked, not their values: those may be a caller's own words.
    _note(parts, caller, about, task="export", form=form, by=sorted(asked))
    store, vkey = parts.home.audit, parts.log.vkey
    if form == "tiles":
        return export(store, vkey, directory, since=selection.since, progress=progress)
    return extract(store, vkey, directory, form, selection, progress or _silent)


def _note(parts: Parts, caller: Caller, about: Sequence[int] = (), **more: Any) -> None:
    purpose, action = ACCOUNTABILITY, "export"
    made = entry(parts, caller, "access", purpose=purpose, action=action, subjects=about, **more)
    parts.log.append([made])


def _silent(_done: int, _of: int) -> None:
    pass
