"""What a feature is: a name, the fields it needs, and a pure function of a cohort."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput
from privet.features.rows import sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from privet.features.catalogue import Catalogue
    from privet.types import Events


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Cohort:
    """What a feature is computed from; one subject is a cohort of one.

    Attributes:
        subjects: ordinals, shape (S,), int64; one result row each, in this order.
        events: event name to its rows up to ``now``, all for exactly these subjects.
        profiles: at most one row per subject, for the same subjects; None when unread.
        catalogue: the items.
        now: the instant the features hold for, UTC microseconds.
        zone: the deployment's time zone.
        scales: decimal places of ``decimal(n)`` fields, such as ``{"purchase.value": 2}``.
    """

    subjects: np.ndarray
    events: Mapping[str, Events]
    profiles: Events | None
    catalogue: Catalogue
    now: int
    zone: tzinfo
    scales: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Cohort(subjects={len(self.subjects)})"

    def event(self, name: str) -> Events:
        """The rows of one event.

        Raises:
            InvalidInput: this event was not read.
        """
        if name not in self.events:
            raise _unread(f"the event {name!r}")
        return self.events[name]

    def profile(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the subjects with a profile, and their values of one field.

        Raises:
            InvalidInput: profiles were not read, or not with this field.
        """
        if self.profiles is None or name not in self.profiles.columns:
            raise _unread(f"the field 'profile.{name}'")
        have = np.diff(self.profiles.starts) > 0
        rows = self.profiles.starts[:-1][have]
        return np.flatnonzero(have), self.profiles.columns[name][rows]

    def total(self, event: str, name: str) -> tuple[np.ndarray, int]:
        """Exact sum of a numeric field per subject, in units of ``10**-scale``, and the scale.

        Raises:
            InvalidInput: the event or field was not read.
        """
        rows = self.event(event)
        if name not in rows.columns:
            raise _unread(f"the field '{event}.{name}'")
        return sums(rows.columns[name], rows.starts), self.scales.get(f"{event}.{name}", 0)


@dataclass(frozen=True, slots=True)
class Feature:
    """A declared feature.

    Attributes:
        name: how it is asked for.
        needs: the fields it reads, such as ``"purchase.value"``; never more.
        columns: the pure function; maps a cohort to named columns of S rows.
        meaning: what it says, in one sentence.
        unit: what its numbers count; empty where the meaning says it.
    """

    name: str
    needs: frozenset[str]
    columns: Callable[[Cohort], Mapping[str, np.ndarray]] = field(repr=False)
    meaning: str
    unit: str = ""


def _unread(what: str) -> InvalidInput:
    return InvalidInput(
        f"{what} is not among what was read",
        remedy="Read what `features.needs(names)` lists.",
        reason="features.unread",
    )
