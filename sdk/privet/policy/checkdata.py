"""Checks of the data document that go beyond its form."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from privet.policy.dataform import RevealForm
from privet.policy.knowledge import PROFILE, fold
from privet.policy.problems import shown

if TYPE_CHECKING:
    from privet.policy.context import Context
    from privet.policy.dataform import EventForm, FieldForm
    from privet.policy.reading import Path


def check_data(context: Context) -> None:
    """Note every fault of the data document."""
    data = context.data
    try:
        ZoneInfo(data.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        context.wrong_data(
            ("timezone",),
            "the time zone is unknown",
            "hours and days have no meaning without it",
            "Use an IANA name such as `Europe/Berlin`.",
        )
    _check_age(context)
    for bare, form in data.profile.items():
        _check_field(context, ("profile", bare), form)
    for name, event in data.events.items():
        _check_event(context, name, event)
    _check_categories(context)
    _check_items(context)


def _check_age(context: Context) -> None:
    name = context.data.subject.age
    if name is None:
        return
    event, _, bare = name.partition(".")
    form = context.data.profile.get(bare) if event == PROFILE else None
    if form is None or form.type not in {"int", "band"}:
        fitting = [
            f"{PROFILE}.{other}"
            for other, field in context.data.profile.items()
            if field.type in {"int", "band"}
        ]
        context.wrong_data(
            ("subject", "age"),
            f"{shown(name)} is no number or band of a profile",
            "nothing else tells an age in years",
            "Name a field of the profile of type `int` or `band`, or remove `age`.",
            context.problems.near(name, fitting),
        )


def _check_event(context: Context, name: str, event: EventForm) -> None:
    path: Path = ("events", name)
    if name == PROFILE:
        context.wrong_data(
            path,
            "an event may not be called `profile`",
            "`profile.*` means the fields of a profile",
            "Choose another name.",
        )
    for bare, form in event.fields.items():
        _check_field(context, (*path, "fields", bare), form)
    if len(set(event.unique)) < len(event.unique):
        context.wrong_data(
            (*path, "unique"),
            "a field is named twice",
            "a key that repeats a field tells no more events apart",
            "Keep one of them.",
        )
    for bare in event.unique:
        declared = event.fields.get(bare)
        if declared is None:
            context.wrong_data(
                (*path, "unique"),
                f"{shown(bare)} is no field of this event",
                "the app's own key is made of the event's fields",
                "Name fields of the event.",
                context.problems.near(bare, event.fields),
            )
        elif declared.optional:
            context.wrong_data(
                (*path, "unique"),
                f"{shown(bare)} is optional, so it cannot tell events apart",
                "two events without it would be taken for one",
                "Make it mandatory or choose another key.",
            )


def _check_field(context: Context, path: Path, form: FieldForm) -> None:
    if form.category not in context.data.categories:
        context.wrong_data(
            (*path, "category"),
            f"the category {shown(form.category)} is not declared",
            "its category says whether a field is special or from a device (Art. 9(1))",
            "Declare it under `categories`.",
            context.problems.near(form.category, context.data.categories),
        )
    if (form.type == "band") != (form.values is not None):
        context.wrong_data(
            path,
            "`values` belongs to the type `band`, and only to it",
            "a band is known by its bounds, and nothing else has any",
            "Add or remove `values`.",
        )
    bounds = [_bounds(band) for band in form.values or ()]
    if any(low > high for low, high in bounds) or any(
        before[1] >= after[0] for before, after in itertools.pairwise(bounds)
    ):
        context.wrong_data(
            (*path, "values"),
            "the bands overlap or do not ascend",
            "a number must lie in one band alone",
            "Order them: `0-17`, `18+`.",
        )


def _bounds(band: str) -> tuple[int, float]:
    if band.endswith("+"):
        return int(band[:-1]), float("inf")
    low, _, high = band.partition("-")
    return int(low), int(high)


def _check_categories(context: Context) -> None:
    used = {form.category for form in context.fields.values()}
    for name in context.data.categories:
        if name not in used:
            context.wrong_data(
                ("categories", name),
                "no field belongs to this category",
                "what nothing uses is mistaken for a protection",
                "Remove it.",
            )


def _check_items(context: Context) -> None:
    items = context.data.items
    for reserved in sorted(set(RevealForm.model_fields) & set(items.fields)):
        context.wrong_data(
            ("items", "fields", reserved),
            f"`{reserved}` is a word of `reveals`",
            "a rule could not tell the two apart",
            "Rename it.",
        )
    for name, rule in items.reveals.items():
        path: Path = ("items", "reveals", name)
        groups: list[tuple[Path, dict[str, list[str]]]] = [
            ((*path, "because", i), group.__pydantic_extra__)
            for i, group in enumerate(rule.because or ())
        ]
        if rule.__pydantic_extra__ or not groups:
            groups.insert(0, (path, rule.__pydantic_extra__))
        seen: set[tuple[str, str]] = set()
        for place, found in groups:
            _check_values(context, place, found, seen)


def _check_values(
    context: Context, path: Path, found: dict[str, list[str]], seen: set[tuple[str, str]]
) -> None:
    """One group of values; ``seen`` are those that earlier groups of the rule name."""
    if not found:
        context.wrong_data(
            path,
            "the rule names no catalogue field",
            "it would hide nothing",
            "Say what reveals it.",
        )
    for name, values in found.items():
        if name not in context.data.items.fields:
            context.wrong_data(
                (*path, name),
                f"{shown(name)} is no catalogue field",
                "a rule about a field that no item has would hide nothing",
                "Declare it under `items.fields`.",
                context.problems.near(name, context.data.items.fields),
            )
        for i, value in enumerate(values):
            if (name, fold(value)) in seen:
                context.wrong_data(
                    (*path, name, i),
                    f"{shown(value)} stands twice in one rule",
                    "of two reasons for one value only one would be told",
                    "Keep it under the reason that fits best.",
                )
            seen.add((name, fold(value)))
