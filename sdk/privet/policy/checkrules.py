"""Checks of permits, denies and tests, and of what no single rule shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.policy.checkemergency import check_emergencies
from privet.policy.knowledge import PROFILE
from privet.policy.minimize import OPERATIONS, parse_rule
from privet.policy.policyform import OptOutBasis, VitalBasis
from privet.policy.problems import shown
from privet.policy.rules import (
    BUILT_IN_ACTIONS,
    COHORT_ACTIONS,
    FIELD_ACTIONS,
    MODEL_ACTIONS,
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

_COLLECTING = frozenset({"collect"})


def check_rules(context: Context) -> None:
    """Note every fault of permits, denies and tests."""
    policy = context.policy
    context.once(("permits",), [p.id for p in policy.permits], "the permit")
    context.once(("denies",), [d.id for d in policy.denies], "the deny")
    for i, permit in context.permits:
        _check_permit(context, ("permits", i), permit)
    for i, permit in context.own():
        _check_sources(context, ("permits", i, "fields"), permit)
        _check_grounds(context, ("permits", i, "fields"), permit)
    for i, deny in enumerate(policy.denies):
        _check_deny(context, ("denies", i), deny)
    check_emergencies(context)
    _check_fields(context)
    _check_trials(context)


def _check_permit(context: Context, path: Path, permit: PermitForm) -> None:
    context.known((*path, "role"), [permit.role], context.roles, "the role")
    own = permit.purpose in context.policy.purposes
    if not own and permit.purpose not in BUILT_IN_ACTIONS:
        known = (*context.policy.purposes, *BUILT_IN_ACTIONS)
        context.wrong(
            (*path, "for"),
            f"the purpose {shown(permit.purpose)} is not declared",
            "data is used for purposes that people were told (Art. 5(1)(b))",
            "Declare or correct it.",
            context.problems.near(permit.purpose, known),
        )
        return
    if permit.role == SELF_ROLE and permit.purpose not in {RIGHTS, CONSENT}:
        context.wrong(
            path,
            "`self` acts for rights and consent alone",
            "the person herself has rights, and is no part of the organisation",
            "Name another role.",
        )
    allowed = OWN_ACTIONS if own else BUILT_IN_ACTIONS[permit.purpose]
    for action in sorted(set(permit.may) - allowed):
        context.wrong(
            (*path, "may"),
            f"`{action}` is no action of this purpose",
            "a permit for what cannot be done is mistaken for one that works",
            f"Use some of: {', '.join(sorted(allowed))}.",
            context.problems.near(action, allowed),
        )
    context.once((*path, "may"), permit.may, "the action")
    if permit.children and permit.purpose not in context.families:
        context.wrong(
            (*path, "children"),
            "no purpose stands under this one",
            "a permit for parts that there are not would cover those that come later",
            "Remove `children`, or give a purpose this `parent`.",
        )
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
            "a person's rights and consent hold for everybody (Art. 12(2))",
            "Remove `when`.",
        )
    counted = form.people_from is not None or form.people_under is not None
    if counted and COHORT_ACTIONS.isdisjoint(permit.may):
        context.wrong(
            path,
            "these actions are about one person",
            "there are no others to count",
            "Remove `people_from` and `people_under`.",
        )
    check_when(context, path, form)


def _check_permit_fields(context: Context, path: Path, permit: PermitForm) -> None:
    takes = permit.purpose in context.policy.purposes or permit.purpose in WITH_FIELDS
    needs = takes and not FIELD_ACTIONS.isdisjoint(permit.may)
    if needs and permit.fields is None:
        context.wrong(
            path,
            "this permit names no fields",
            "only the fields that a purpose needs are used (Art. 5(1)(c))",
            "Add `fields`.",
        )
    of_models = takes and not MODEL_ACTIONS.isdisjoint(permit.may)
    if not needs and not of_models and permit.fields is not None:
        context.wrong(
            (*path, "fields"),
            "these actions touch no fields",
            "what is accepted is enforced, and here is nothing to enforce",
            "Remove `fields`.",
        )
    context.known_fields((*path, "fields"), permit.fields)


def _check_recipients(context: Context, path: Path, permit: PermitForm, *, own: bool) -> None:
    exports = own and "export" in permit.may
    if exports != (permit.to is not None):
        context.wrong(
            path,
            "an export for a purpose names its recipients, nothing else does",
            "people are told who receives their data (Art. 13(1)(e))",
            "Mend `to`.",
        )
    if exports and set(permit.may) != {"export"}:
        context.wrong(
            (*path, "may"),
            "an export stands in a permit of its own",
            "its recipients would seem to be those of the other actions",
            "Split it.",
        )
    if not exports or permit.to is None:
        return
    named = context.policy.purposes[permit.purpose].recipients
    context.known((*path, "to"), permit.to, named, "among the purpose's recipients,")
    for name in permit.to:
        recipient = context.policy.recipients.get(name)
        if recipient and context.expand(permit.fields) - context.expand(recipient.receives):
            context.wrong(
                (*path, "to"),
                "a field here is not among what a recipient receives",
                "a recipient gets what its contract is about (Art. 28(3))",
                "Mend either.",
            )


def _check_minimize(context: Context, path: Path, permit: PermitForm, form: MinimizeForm) -> None:
    fields = context.expand(permit.fields)
    if RELEASING.isdisjoint(permit.may):
        context.wrong(
            path,
            "these actions release nothing to minimize",
            "a minimization of nothing is mistaken for one that works",
            "Remove `minimize`.",
        )
    context.known_fields((*path, "drop"), form.drop)
    if context.expand(form.drop) - fields or (form.drop and context.expand(form.drop) == fields):
        context.wrong(
            (*path, "drop"),
            "drop some of this permit's fields, not others",
            "of a permit for nothing, or of other fields, nothing is left to permit",
            "Mend it.",
        )
    timed = any(not name.startswith(f"{PROFILE}.") for name in fields)
    for key, value in (("last", form.last), ("time", form.time)):
        if value is not None and not timed:
            context.wrong(
                (*path, key),
                f"a profile has no `{key}`",
                "its fields have one value and no time",
                "Remove it.",
            )
    if form.least is not None and COHORT_ACTIONS.isdisjoint(permit.may):
        context.wrong(
            (*path, "least"),
            "these actions are about one person",
            "there are no others to count",
            "Remove `least`.",
        )
    for name, text in form.__pydantic_extra__.items():
        _check_operation(context, (*path, name), name, text, fields)


def _check_operation(
    context: Context, path: Path, name: str, text: str, fields: frozenset[str]
) -> None:
    if name not in fields:
        context.wrong(
            path,
            f"{shown(name)} is neither a key here nor a field of this permit",
            "what is accepted is enforced, and here is nothing to enforce",
            "Correct it.",
            context.problems.near(name, (*fields, "drop", "last", "time", "least")),
        )
        return
    operation, _ = parse_rule(text)
    kind = context.fields[name].type.partition("(")[0]
    if kind not in OPERATIONS[operation]:
        context.wrong(
            path,
            f"`{operation}` does not fit the type `{kind}`",
            "the value would be released as it is",
            f"It takes {', '.join(sorted(OPERATIONS[operation]))}.",
        )


def _check_sources(context: Context, path: Path, permit: PermitForm) -> None:
    """Refuse reading across purposes: Art. 5(1)(b), 6(4)."""
    if not set(permit.may) & (OWN_ACTIONS - _COLLECTING):
        return
    sources = (permit.purpose, *context.policy.purposes[permit.purpose].reuses)
    reach = frozenset[str]().union(*(context.collected(source) for source in sources))
    for name in sorted(context.expand(permit.fields) - reach):
        context.wrong(
            path,
            f"`{name}` is collected neither for this purpose nor for one it reuses",
            "data is not used for what it was not collected for (Art. 5(1)(b), 6(4))",
            "Add `reuses` with its assessment (Art. 6(4)), or remove the field.",
        )


def _check_grounds(context: Context, path: Path, permit: PermitForm) -> None:
    """Refuse special and device data without the ground that each of them needs."""
    basis = context.policy.purposes[permit.purpose].basis
    # Where a purpose stands until people opt out, neither Art. 9 nor ePrivacy holds.
    if basis == "consent" or isinstance(basis, OptOutBasis):
        return
    for name in sorted(context.expand(permit.fields)):
        category = context.data.categories.get(context.fields[name].category)
        vital = permit.break_glass is not None and _rests_on_vital_interests(context, permit)
        if category is not None and category.special and not vital:  # Art. 9(2)(c)
            context.wrong(
                path,
                f"`{name}` is of a special category (Art. 9(2)(a))",
                "such data is used with explicit consent, or not at all (Art. 9(1))",
                "Rest it on consent.",
            )
        if category is not None and category.from_device and "collect" in permit.may:
            context.wrong(
                path,
                f"`{name}` comes from the device (ePrivacy Art. 5(3))",
                "what lies on a person's device is read with her consent alone",
                "Collect it for a purpose that rests on consent.",
            )


def _rests_on_vital_interests(context: Context, permit: PermitForm) -> bool:
    return isinstance(context.policy.purposes[permit.purpose].basis, VitalBasis)


def _check_deny(context: Context, path: Path, deny: DenyForm) -> None:
    context.known((*path, "roles"), deny.roles or (), context.roles, "the role")
    context.known((*path, "for"), deny.purposes or (), context.policy.purposes, "the purpose")
    context.once((*path, "may_not"), deny.may_not or (), "the action")
    context.once((*path, "kinds"), deny.kinds or (), "the kind")
    context.once((*path, "categories"), deny.categories or (), "the kind")
    context.known_fields((*path, "fields"), deny.fields)
    if deny.when is not None:
        check_when(context, (*path, "when"), deny.when)
    about = (deny.roles, deny.purposes, deny.kinds, deny.may_not, deny.fields, deny.categories)
    if deny.when is None and all(part is None for part in about):
        context.wrong(
            path,
            "this denies everything",
            "no permit would say anything any more",
            "Say `roles`, `for`, `kinds`, `may_not`, `fields`, `categories` or `when`.",
        )
    for action in sorted(set(deny.may_not or ()) - OWN_ACTIONS):
        context.wrong(
            (*path, "may_not"),
            f"`{action}` belongs to a built-in purpose",
            "a person's rights and consent cannot be denied (Art. 12(2))",
            "Remove it here.",
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
                path,
                f"no purpose uses `{name}` (Art. 25)",
                "what no purpose needs is not collected (Art. 5(1)(c))",
                "Remove it, or permit its use.",
            )


def _check_trials(context: Context) -> None:
    policy = context.policy
    context.once(("tests",), [t.name for t in policy.tests], "the test")
    for i, trial in enumerate(policy.tests):
        given = trial.given
        path: Path = ("tests", i, "given")
        named: Iterable[str] = {
            *given.contract,
            *given.agreed,
            *given.withdrawn,
            *given.objected,
            *given.opted_out,
        }
        for name in sorted(set(named) - set(policy.purposes)):
            context.wrong(
                path,
                f"the purpose {shown(name)} is not declared",
                "nobody has a ground for what there is not",
                "Correct it.",
                context.problems.near(name, policy.purposes),
            )
        if given.data_age is not None and given.at is None:
            context.wrong(
                (*path, "data_age"),
                "an age of data without a moment",
                "months have no length of their own",
                "Add `at`.",
            )
