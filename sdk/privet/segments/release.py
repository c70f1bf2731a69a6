"""A list of a segment's people for another purpose: a campaign, to a named recipient.

Somebody is on it who is placed in the segment and has a ground for *both* purposes now.
The list names its people to the recipient: that is what they agreed to. What it must not
tell is how somebody moved, and who is not on it. So the segment is that of
``privet.segments.placing``, and what is withheld is counted in tens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pyroaring import BitMap

from privet.errors import AccessDenied, InvalidInput
from privet.features.rows import NULL
from privet.gate import membership
from privet.gate.membership import Figures
from privet.gate.parts import Caller, Parts
from privet.gate.read import Reading, read
from privet.gate.record import authorise, decide, explained, too_few
from privet.gate.versions import Version
from privet.policy import Ask, Decision
from privet.segments import table
from privet.segments.placing import coarse
from privet.segments.serving import find, quarantine
from privet.types import Events, check_list, check_path, check_type

PROFILE = "profile."


@dataclass(frozen=True, slots=True, repr=False)
class Release:
    """A list that may leave, with what was withheld.

    Attributes:
        record: index of the audit record that names everybody on it.
        people: how many are on it.
        withheld: why others are not, with how many: in whole tens, 0 for fewer than the
            least that a release may be about.
    """

    record: int
    people: int
    withheld: Mapping[str, int]
    _reading: Reading
    _columns: tuple[str, ...]
    _rows: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def to_csv(self, path: str | Path) -> None:
        """Write the list as a new CSV file of mode 0600; spreadsheets run nothing in it.

        Whoever has lost a ground since the release is left out.

        Raises:
            InvalidInput: the path is none, or something is there (reason ``export.path``).
            AccessDenied: too few are left, or the policy was replaced.
            StoreUnavailable: the file system refused.
        """
        target = check_path(path, "the list", "export.path")
        still = self._still()
        rows = [row for sno, row in self._rows.items() if sno in still]
        table.write(target, self._columns, rows)

    def _still(self) -> BitMap:
        reading = self._reading.again()
        with reading.parts.home.data.read() as tx:
            reading.parts.check_policy(tx)  # a list that was kept is no job that is running
            still = reading.still(tx, BitMap(self._rows))
        if len(still) < max(reading.decision.least, 1):
            raise AccessDenied(
                "nothing was written",
                why="so many left since the list was made that it is smaller than may be released",
                remedy="Release again later.",
                reason="cohort.small",
            )
        return still

    def __repr__(self) -> str:
        return f"Release(record={self.record}, people={self.people})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a release cannot be pickled; write it with to_csv")


def release(
    parts: Parts,
    caller: Caller,
    purpose: str,
    segment: str,
    fields: Sequence[str],
    to: str,
    model: str | None = None,
) -> Release:
    """The people of a segment with named fields of their profiles, for one recipient.

    Args:
        parts: the open deployment.
        caller: who releases.
        purpose: what for; it builds on the purpose of the segments, or is it.
        segment: a segment's id.
        fields: full names of profile fields, such as ``"profile.email"``.
        to: the recipient, as the policy names it.
        model: the segmentation's name; the last served one when left out.

    Raises:
        AccessDenied: no permit to export these fields to this recipient, or fewer people
            than may be released (reason ``cohort.small``).
        InvalidInput: no such segment, or a field that is none of the profile's.
        ModelUnavailable: no segmentation serves.
    """
    wanted = _profile_fields(fields)
    check_type(segment, str, "a segment", "Give the id of a segment, as `show` lists them.")
    check_type(to, str, "a recipient", "Name a recipient of the policy.")
    ask = Ask(caller.roles, purpose, "export", frozenset(wanted), to)
    decision = decide(parts, caller, purpose, "export", wanted, to=to, at_all=True)
    served, figures = find(parts, purpose, model)
    quarantine(parts, served.purpose)
    known = _figure(figures, segment)
    least = max(decision.least, parts.policy.purposes[served.purpose].models.least)
    if served.purpose not in decision.grounds:
        raise AccessDenied(
            "segments are not released for this purpose",
            why="it does not build on the purpose that they were made for",
            remedy="Add it to `builds_on`, and ask people for both.",
            reason="purpose.not-built-on",
        )
    members = _members(parts, caller, ask, decision, served, segment)
    if len(members) < least:
        raise too_few(parts, caller, purpose, "export", least)
    reading = read(parts, caller, purpose, "export", wanted, members, to=to)
    rows: dict[int, tuple[str, ...]] = {}
    for chunk in reading.chunks():
        rows |= _rows(parts, wanted, chunk.events["profile"])
    if len(rows) < least:
        raise too_few(parts, caller, purpose, "export", least)
    withheld = _withheld(parts, purpose, decision.grounds, known, len(rows), least)
    return Release(reading.record, len(rows), withheld, reading, tuple(wanted), rows)


def _profile_fields(fields: Sequence[str]) -> list[str]:
    wanted = check_list(fields, "fields")
    if not wanted or not all(isinstance(f, str) and f.startswith(PROFILE) for f in wanted):
        raise InvalidInput(
            "a list holds fields of profiles, and at least one",
            why="it has one row for each person",
            remedy="Name fields such as profile.email.",
            reason="release.fields",
        )
    return list(dict.fromkeys(wanted))


def _figure(figures: Figures, segment: str) -> Mapping[str, Any]:
    found: Mapping[str, Mapping[str, Any]] = figures.detail["segments"]
    if segment not in found:
        raise InvalidInput(
            "there is no such segment",
            why="none of this id is large enough to be shown",
            remedy="Take one that `show` lists.",
            reason="segment.unknown",
        )
    return found[segment]


def _members(
    parts: Parts,
    caller: Caller,
    ask: Ask,
    decision: Decision,
    served: Version,
    segment: str,
) -> BitMap:
    """Who is placed in the segment, of those with every ground and no rule against it."""
    placed = membership.placed(parts, served.model)
    decision, eligible = membership.allowed(parts, caller, ask, decision, placed)
    if not eligible:
        return eligible
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=ask.purpose,
        action="export",
        subjects=eligible,
        model=served.model,
        version=served.version,
        **explained(decision),
    )
    opened = membership.placements(parts, warrant, decision, served, eligible)
    return BitMap(sno for sno, path in opened.items() if json.loads(path)[-1] == segment)


def _rows(parts: Parts, wanted: Sequence[str], events: Events) -> dict[int, tuple[str, ...]]:
    columns = [events.columns[name.removeprefix(PROFILE)] for name in wanted]
    scales = [parts.policy.fields[name].scale for name in wanted]
    return {
        int(sno): tuple(
            _text(column[row], scale) for column, scale in zip(columns, scales, strict=True)
        )
        for sno, row in zip(events.subjects, events.starts[:-1], strict=True)
    }


def _text(value: object, scale: int) -> str:
    if value is None or (isinstance(value, np.integer) and value == NULL):
        return ""
    if isinstance(value, np.integer) and scale:
        whole, part = divmod(abs(int(value)), 10**scale)
        return f"{'-' if value < 0 else ''}{whole}.{part:0{scale}}"
    return str(value)


def _withheld(
    parts: Parts,
    purpose: str,
    grounds: Sequence[str],
    figure: Mapping[str, Any],
    released: int,
    least: int,
) -> dict[str, int]:
    """Why others are not on the list; no cell of theirs is opened to count them."""
    told = membership.withheld(parts, grounds)
    if len(grounds) > 1:
        told[purpose] = max(int(figure["members"]) - released, 0)
    return {
        f"no {_word(parts, name)} to {name}": coarse(n, least)
        for name, n in sorted(told.items())
        if n
    }


def _word(parts: Parts, purpose: str) -> str:
    return "consent" if parts.policy.purposes[purpose].basis == "consent" else "ground"
