"""From names of features to columns: the same code for one subject and for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput
from privet.features import daytime, people, rhythm, spending, taste
from privet.features.rows import select
from privet.features.spec import Cohort, Feature
from privet.types import check_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import tzinfo

    from privet.features.catalogue import Catalogue
    from privet.types import Events

BUILT_IN: Mapping[str, Feature] = {
    feature.name: feature
    for feature in (
        rhythm.recency(),
        rhythm.frequency(),
        rhythm.visits_30_days(),
        rhythm.days_between_visits(),
        spending.monetary(),
        spending.average_order(),
        spending.discount_share(),
        daytime.time_of_day(),
    )
}
"""The features that need no argument."""

FAMILIES: Mapping[str, Callable[[str], Feature]] = {
    "share": taste.category_share,
    "profile": people.demographic,
}
"""Features over a named attribute or field: ``"share:department"``, ``"profile:age"``."""

OVER: Mapping[str, Callable[[str, str], Feature]] = {
    "recency": rhythm.recency,
    "frequency": rhythm.frequency,
    "visits_30_days": rhythm.visits_30_days,
    "days_between_visits": rhythm.days_between_visits,
    "monetary": spending.monetary,
    "time_of_day": daytime.time_of_day,
}
"""Features that read one field of one event, so that ``"frequency@watch.play"`` names another."""

_TELLING = frozenset({"id", "text", "item"})
_KINDS = {"monetary": frozenset({"int", "decimal", "seconds"}), "share": frozenset({"item"})}
"""Of which types a feature's one field may be; what tells visits apart, for all others."""


def feature(name: str | Feature) -> Feature:
    """The feature of this name; a ``Feature`` declared by the caller is taken as it is.

    After an ``@`` stands the field that it reads in place of the shop's own, for a
    deployment whose events are called otherwise.

    Example:
        >>> sorted(feature("share:genre@watch.item").needs)
        ['watch.item']

    Raises:
        InvalidInput: there is no such feature.
    """
    if isinstance(name, Feature):
        return name
    check_type(name, str, "a feature", "Name features of docs/guide/features.md, as a list.")
    bare, over, field = name.partition("@")
    family, _, argument = bare.partition(":")
    event, _, read = field.partition(".")
    if event and read:
        if bare in OVER:
            return OVER[bare](event, read)
        if family == "share" and argument:
            return taste.category_share(argument, event, read)
    if not over:
        if bare in BUILT_IN:
            return BUILT_IN[bare]
        if family in FAMILIES and argument:
            return FAMILIES[family](argument)
    raise InvalidInput(
        "there is no such feature",
        why=f"known are {', '.join(BUILT_IN)}, share:<attribute> and profile:<field>; "
        f"{', '.join(OVER)} and share:<attribute> take @<event>.<field>",
        remedy="Use one of these, or declare your own with features.Feature.",
        reason="features.unknown",
    )


def needs(names: Iterable[str | Feature]) -> frozenset[str]:
    """The fields that these features read, and no more (GDPR Art. 5(1)(c)).

    Example:
        >>> sorted(needs(["monetary", "share:department"]))
        ['purchase.item', 'purchase.value']

    Raises:
        InvalidInput: there is no such feature.
    """
    return frozenset().union(*(feature(name).needs for name in names))


def check_kinds(names: Iterable[str | Feature], kinds: Mapping[str, str]) -> None:
    """Refuse features over fields of a type that says nothing: a sum of codes is no amount.

    Args:
        names: names of features; those that a caller declares are his own to know.
        kinds: fields by full name, each with its type; one that is not there is refused
            where it is asked for.

    Raises:
        InvalidInput: reason ``features.kind``.
    """
    for name in names:
        family = "" if isinstance(name, Feature) else name.partition("@")[0].partition(":")[0]
        if family not in OVER and family != "share":
            continue
        taken = _KINDS.get(family, _TELLING)
        (field,) = feature(name).needs
        if kinds.get(field) not in {None, *taken}:
            raise InvalidInput(
                "a feature cannot be made of this field",
                why=f"{family} reads a field of type {' or '.join(sorted(taken))}",
                remedy="Name another field after the @.",
                reason="features.kind",
            )


def compute(
    names: Iterable[str | Feature],
    events: Mapping[str, Events],
    profiles: Events | None,
    catalogue: Catalogue,
    now_us: int,
    zone: tzinfo,
    *,
    scales: Mapping[str, int] | None = None,
) -> dict[str, np.ndarray]:
    """Feature columns of a cohort at an instant; later rows are not looked at.

    A subject's row is the same to the bit whoever else is in the cohort: integers are
    added exactly, and every float comes from them by one operation.

    Args:
        names: names of features, or features declared by the caller.
        events: event name to its opened rows, all for the same subjects.
        profiles: at most one row per subject, for the same subjects; None when unread.
        catalogue: the items.
        now_us: the instant, UTC microseconds.
        zone: the deployment's time zone.
        scales: decimal places of ``decimal(n)`` fields by full name; others count whole.

    Returns:
        column name to values, each of one row per subject: float64, int64 for counts,
        object (str or None) for bands.

    Raises:
        InvalidInput: an unknown feature, two with one column, a field that was not
            read, or events of different subjects.
    """
    tables = [*events.values(), *([profiles] if profiles is not None else [])]
    cohort = Cohort(
        subjects=_same_subjects(tables),
        events={name: select(rows, rows.at <= now_us) for name, rows in events.items()},
        profiles=profiles,
        catalogue=catalogue,
        now=now_us,
        zone=zone,
        scales=scales or {},
    )
    result: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(names):  # one that is named twice is one column
        found = feature(name).columns(cohort)
        if result.keys() & found.keys():
            raise InvalidInput(
                "two features have one column",
                why="the second would take the place of the first",
                remedy="Name the feature over one field only.",
                reason="features.double",
            )
        result.update(found)
    return result


def _same_subjects(tables: list[Events]) -> np.ndarray:
    if not tables or any(
        not np.array_equal(tables[0].subjects, table.subjects) for table in tables[1:]
    ):
        raise InvalidInput(
            "the tables of a cohort differ in their subjects",
            why="each row of the result belongs to one subject of every table",
            remedy="Open all events and profiles for the same subjects.",
            reason="features.cohort",
        )
    return tables[0].subjects
