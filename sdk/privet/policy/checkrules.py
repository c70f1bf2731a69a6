"""Checks of permits, denies and tests, and of what no single rule shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.policy.knowledge import PROFILE
from privet.policy.minimize import OPERATIONS, parse_rule
from privet.policy.problems import shown
from privet.policy.rules import (
    BUILT_IN_ACTIONS,
    COHORT_ACTIONS,
    FIELD_ACTIONS,
    OWN_ACTIONS,
    RELEASING,
    WITH_FIELDS,
)
from privet.policy.whenform import check_when
from privet.types import CONSENT, RIGHTS, SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from privet.policy.context import Context
    from privet.policy.policyform import DenyForm, MinimizeForm, PermitForm, WhenForm
    from privet.policy.reading import Path


def check_rules(context: Context) -> None:
    """Note every fault of permits, denies and tests."""
    policy = context.policy
    context.once(("permits",), [p.id for p in policy.permits], "the permit")
    context.once(("denies",), [d.id for d in policy.denies], "the deny")
    for i, permit in enumerate(policy.permits):
        _check_permit(context, ("permits", i), permit)
    for i, permit in context.own():
        _check_sources(context, ("permits", i, "fields"), permit)
    for i, deny in enumerate(policy.denies):
        _check_deny(context, ("denies", i), deny)
    _check_fields(context)
    _check_trials(context)


def _check_permit(context: Context, path: Path, permit: PermitForm) -> None:
    context.known((*path, "role"), [permit.role], context.roles, "the role")
    own = permit.purpose in context.policy.purposes
    if not own and permit.purpose not in BUILT_IN_ACTIONS:
        context.wrong(
            (*path, "for"),
            f"the purpose {shown(permit.purpose)} is not declared",
            "Declare or correct it.",
        )
        return
    if permit.role == SELF_ROLE and permit.purpose not in {RIGHTS, CONSENT}:
        context.wrong(path, "`self` acts for rights and consent alone", "Name another role.")
    allowed = OWN_ACTIONS if own else BUILT_IN_ACTIONS[permit.purpose]
    for action in sorted(set(permit.may) - allowed):
        context.wrong(
            (*path, "may"),
            f"`{action}` is no action of this purpose",
            f"Use some of: {', '.join(sorted(allowed))}.",
        )
    context.once((*path, "may"), permit.may, "the action")
    _check_permit_fields(context, path, permit)
    _check_recipients(context, path, permit, own=own)
    if permit.when is not None:
        _check_condition(context, (*path, "when"), permit, permit.when, own=own)
    if permit.minimize is not None:
        _check_minimize(context, (*path, "minimize"), permit, permit.minimize)


def _check_condition(
    context: Context, path: Path, permit: PermitForm, form: WhenForm, *, own: bool
) -> None:
    if not own:
        context.wrong(
            path,
            "what is built in depends on no condition",
            "Remove `when`.",
            why="a person's rights and consent hold for everybody (Art. 12(2))",
        )
    counted = form.people_from is not None or form.people_under is not None
    if counted and COHORT_ACTIONS.isdisjoint(permit.may):
        context.wrong(
            path,
            "these actions are about one person",
            "Remove `people_from` and `people_under`.",
            why="there are no others to count",
        )
    check_when(context, path, form)


def _check_permit_fields(context: Context, path: Path, permit: PermitForm) -> None:
    takes = permit.purpose in context.policy.purposes or permit.purpose in WITH_FIELDS
    needs = takes and not FIELD_ACTIONS.isdisjoint(permit.may)
    if needs and permit.fields is None:
        context.wrong(path, "this permit names no fields", "Add `fields`.")
    if not needs and permit.fields is not None:
        context.wrong((*path, "fields"), "these actions touch no fields", "Remove `fields`.")
    context.known_fields((*path, "fields"), permit.fields)


def _check_recipients(context: Context, path: Path, permit: PermitForm, *, own: bool) -> None:
    exports = own and "export" in permit.may
    if exports != (permit.to is not None):
        context.wrong(
            path, "an export for a purpose names its recipients, nothing else does", "Mend `to`."
        )
    if exports and set(permit.may) != {"export"}:
        context.wrong((*path, "may"), "an export stands in a permit of its own", "Split it.")
    if not exports or permit.to is None:
        return
    named = context.policy.purposes[permit.purpose].recipients
    context.known((*path, "to"), permit.to, named, "among the purpose's recipients,")
    for name in permit.to:
        recipient = context.policy.recipients.get(name)
        if recipient and context.expand(permit.fields) - context.expand(recipient.receives):
            context.wrong(
                (*path, "to"), "a field here is not among what a recipient receives", "Mend either."
            )


def _check_minimize(context: Context, path: Path, permit: PermitForm, form: MinimizeForm) -> None:
    fields = context.expand(permit.fields)
    if RELEASING.isdisjoint(permit.may):
        context.wrong(path, "these actions release nothing to minimize", "Remove `minimize`.")
    context.known_fields((*path, "drop"), form.drop)
    if context.expand(form.drop) - fields or (form.drop and context.expand(form.drop) == fields):
        context.wrong((*path, "drop"), "drop some of this permit's fields, not others", "Mend it.")
    timed = any(not name.startswith(f"{PROFILE}.") for name in fields)
    for key, value in (("last", form.last), ("time", form.time)):
        if value is not None and not timed:
            context.wrong((*path, key), f"a profile has no `{key}`", "Remove it.")
    if form.least is not None and COHORT_ACTIONS.isdisjoint(permit.may):
        context.wrong((*path, "least"), "these actions are about one person", "Remove `least`.")
    for name, text in form.__pydantic_extra__.items():
        _check_operation(context, (*path, name), name, text, fields)


def _check_operation(
    context: Context, path: Path, name: str, text: str, fields: frozenset[str]
) -> None:
    if name not in fields:
        context.wrong(
            path, f"{shown(name)} is neither a key here nor a field of this permit", "Correct it."
        )
        return
    operation, _ = parse_rule(text)
    kind = context.fields[name].type.partition("(")[0]
    if kind not in OPERATIONS[operation]:
        context.wrong(
            path,
            f"`{operation}` does not fit the type `{kind}`",
            f"It takes {', '.join(sorted(OPERATIONS[operation]))}.",
        )


def _check_sources(context: Context, path: Path, permit: PermitForm) -> None:
    """Refuse reading across purposes, Art. 5(1)(b), and special or device data unasked."""
    purpose = context.policy.purposes[permit.purpose]
    fields = context.expand(permit.fields)
    if set(permit.may) & (OWN_ACTIONS - {"collect"}):
        sources = (permit.purpose, *purpose.reuses)
        reach = frozenset[str]().union(*(context.collected(source) for source in sources))
        for name in sorted(fields - reach):
            context.wrong(
                path,
                f"`{name}` is collected neither for this purpose nor for one it reuses",
                "Add `reuses` with its assessment (Art. 6(4)), or remove the field.",
            )
    if purpose.basis == "consent":
        return
    for name in sorted(fields):
        category = context.data.categories.get(context.fields[name].category)
        if category is not None and category.special:
            context.wrong(
                path, f"`{name}` is of a special category (Art. 9(2)(a))", "Rest it on consent."
            )
        if category is not None and category.from_device and "collect" in permit.may:
            context.wrong(
                path,
                f"`{name}` comes from the device (ePrivacy Art. 5(3))",
                "Collect it for a purpose that rests on consent.",
            )


def _check_deny(context: Context, path: Path, deny: DenyForm) -> None:
    context.known((*path, "roles"), deny.roles or (), context.roles, "the role")
    context.known((*path, "for"), deny.purposes or (), context.policy.purposes, "the purpose")
    context.once((*path, "may_not"), deny.may_not or (), "the action")
    context.known_fields((*path, "fields"), deny.fields)
    if deny.when is not None:
        check_when(context, (*path, "when"), deny.when)
    parts = (deny.roles, deny.purposes, deny.may_not, deny.fields, deny.when)
    if all(part is None for part in parts):
        context.wrong(
            path, "this denies everything", "Say `roles`, `for`, `may_not`, `fields` or `when`."
        )
    for action in sorted(set(deny.may_not or ()) - OWN_ACTIONS):
        context.wrong(
            (*path, "may_not"), f"`{action}` belongs to a built-in purpose", "Remove it here."
        )


def _check_fields(context: Context) -> None:
    """Refuse a field that no purpose needs: data protection by design, Art. 25(1)."""
    purposes = context.policy.purposes
    used = frozenset[str]().union(*(context.used(name) for name in purposes))
    collected = frozenset[str]().union(*(context.collected(name) for name in purposes))
    keys = {f"{n}.{bare}" for n, event in context.data.events.items() for bare in event.unique}
    for name in context.fields:
        event, _, bare = name.partition(".")
        path: Path = ("profile", bare) if event == PROFILE else ("events", event, "fields", bare)
        if name not in used and not (name in keys and name in collected):
            context.wrong_data(
                path, f"no purpose uses `{name}` (Art. 25)", "Remove it, or permit its use."
            )


def _check_trials(context: Context) -> None:
    policy = context.policy
    context.once(("tests",), [t.name for t in policy.tests], "the test")
    for i, trial in enumerate(policy.tests):
        given = trial.given
        path: Path = ("tests", i, "given")
        named: Iterable[str] = {*given.contract, *given.agreed, *given.withdrawn, *given.objected}
        for name in sorted(set(named) - set(policy.purposes)):
            context.wrong(path, f"the purpose {shown(name)} is not declared", "Correct it.")
        if given.data_age is not None and given.at is None:
            context.wrong(
                (*path, "data_age"),
                "an age of data without a moment",
                "Add `at`.",
                why="months have no length of their own",
            )
