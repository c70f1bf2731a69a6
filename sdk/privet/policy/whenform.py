"""Conditions and circumstances, from their forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.policy.minimize import parse_least
from privet.policy.period import Period, longer
from privet.policy.places import is_place, spelt
from privet.policy.when import (
    DAYS,
    Circumstances,
    When,
    Window,
    parse_age,
    parse_hours,
    parse_instant,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from privet.policy.context import Context
    from privet.policy.policyform import GivenForm, WhenForm
    from privet.policy.reading import Path

_NOBODY = "a condition that holds for nobody makes its rule say nothing"
_MISTAKEN = {"UK": "GB", "EL": "GR"}


def condition(form: WhenForm) -> When:
    """The compiled condition."""
    return When(
        places=spelt(frozenset(form.jurisdiction or ())),
        age_from=form.age_from,
        age_under=form.age_under,
        window=_window(form),
        people_from=parse_least(form.people_from) if form.people_from else None,
        people_under=parse_least(form.people_under) if form.people_under else None,
        data_from=Period.parse(form.data_from) if form.data_from else None,
        data_under=Period.parse(form.data_under) if form.data_under else None,
        environment=tuple(
            (name, frozenset(values)) for name, values in sorted((form.environment or {}).items())
        ),
    )


def _window(form: WhenForm) -> Window | None:
    if form.hours is None and form.days is None and form.from_ is None and form.until is None:
        return None
    begin, end = parse_hours(form.hours) if form.hours else (0, 0)
    days = frozenset(DAYS.index(day) for day in form.days or DAYS)
    return Window(begin, end, days, form.from_ or "", form.until or "")


def circumstances(form: GivenForm) -> Circumstances:
    """What a test says of the person and the moment."""
    at = parse_instant(form.at) if form.at else None
    old = Period.parse(form.data_age) if form.data_age else None
    return Circumstances(
        jurisdiction=form.jurisdiction,
        age=parse_age(str(form.age)) if form.age is not None else None,
        at=at,
        people=parse_least(form.people) if form.people else None,
        oldest=old.before(at) if old is not None and at is not None else None,
        environment=dict(form.environment),
        emergencies=frozenset(form.emergency),
    )


def check_when(context: Context, path: Path, form: WhenForm) -> None:
    """Note every fault of a condition."""
    if not form.model_fields_set:
        context.wrong(
            path,
            "this condition has no part",
            "a rule without a condition is written without `when`",
            "Say on what it depends, or remove `when`.",
        )
    check_places(context, (*path, "jurisdiction"), form.jurisdiction or ())
    context.once((*path, "days"), form.days or (), "the day")
    for name, values in (form.environment or {}).items():
        context.once((*path, "environment", name), values, "the value")
    _check_bounds(context, path, form)


def check_places(context: Context, path: Path, codes: Collection[str]) -> None:
    """Note each code that is no place, and each one named twice."""
    for i, code in enumerate(codes):
        if not is_place(code):
            context.wrong(
                (*path, i),
                f"`{code}` is no country",
                "a law of nowhere protects nobody",
                "Use codes of ISO 3166-1, of parts such as `US-CA`, `EU` or `EEA`.",
                _MISTAKEN.get(code, ""),
            )
    context.once(path, codes, "the place")


def _check_bounds(context: Context, path: Path, form: WhenForm) -> None:
    built = condition(form)
    bounds = (
        ("age_under", built.age_from, built.age_under),
        ("people_under", built.people_from, built.people_under),
    )
    for key, least, under in bounds:
        if least is not None and under is not None and least >= under:
            context.wrong(
                (*path, key), f"`{key}` is not above its lower bound", _NOBODY, "Mend it."
            )
    if form.from_ and form.until and form.from_ > form.until:
        context.wrong((*path, "until"), "`until` lies before `from`", _NOBODY, "Mend it.")
    if built.data_from and built.data_under and not longer(built.data_under, built.data_from):
        context.wrong(
            (*path, "data_under"), "`data_under` is not above `data_from`", _NOBODY, "Mend it."
        )
