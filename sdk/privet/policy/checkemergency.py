"""Checks of emergency permits ("break-glass"): who opens them, and what for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.policy.hierarchy import closures
from privet.policy.policyform import VitalBasis
from privet.policy.problems import shown
from privet.policy.rules import EMERGENCY_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy.context import Context
    from privet.policy.policyform import BreakGlassForm, PermitForm
    from privet.policy.reading import Path


def check_emergencies(context: Context) -> None:
    """Note every fault of permits for an emergency, and of purposes that are for one alone."""
    policy = context.policy
    reached = closures({name: form.inherits for name, form in policy.roles.items()})
    for i, permit in context.permits:
        if permit.break_glass is not None:
            _check(context, ("permits", i), permit, permit.break_glass, reached)
        elif _serves_emergencies(context, permit.purpose):
            context.wrong(
                ("permits", i),
                f"{shown(permit.purpose)} rests on vital interests, and this permit always holds",
                "that ground is for when a life is at stake, not for every day (Art. 6(1)(d))",
                "Add `break_glass`, or rest the purpose on another ground.",
            )
    known = {permit.id for permit in policy.permits if permit.break_glass is not None}
    for i, trial in enumerate(policy.tests):
        path: Path = ("tests", i, "given", "emergency")
        context.known(path, trial.given.emergency, known, "the emergency permit")


def _serves_emergencies(context: Context, purpose: str) -> bool:
    spec = context.policy.purposes.get(purpose)
    return spec is not None and isinstance(spec.basis, VitalBasis)


def _check(
    context: Context,
    path: Path,
    permit: PermitForm,
    form: BreakGlassForm,
    reached: Mapping[str, frozenset[str]],
) -> None:
    path = (*path, "break_glass")
    if permit.purpose not in context.policy.purposes:
        context.wrong(
            path,
            "what is built in is for no emergency",
            "a person's rights, consent and the log have rules of their own",
            "Remove `break_glass`.",
        )
    for action in sorted(set(permit.may) - EMERGENCY_ACTIONS):
        context.wrong(
            path,
            f"`{action}` is not opened by an emergency",
            "what is learned or changed in half an hour stays for good",
            f"Use some of: {', '.join(sorted(EMERGENCY_ACTIONS))}.",
        )
    if permit.children:
        context.wrong(
            path,
            "an emergency is for one purpose",
            "two people who open it must know what they open",
            "Remove `children`, and write a permit for each.",
        )
    context.known((*path, "second"), form.second, context.policy.roles, "the role")
    for role in form.second:
        if role in reached and not _apart(context, reached, permit.role, role):
            context.wrong(
                (*path, "second"),
                f"one person may hold `{permit.role}` and `{role}`",
                "whoever asks for an emergency must not be the one who confirms it",
                f"Keep them apart: `separate: [[{permit.role}, {role}]]`.",
            )


def _apart(context: Context, reached: Mapping[str, frozenset[str]], one: str, other: str) -> bool:
    """Whether nobody may hold both roles, with what they inherit."""
    both = reached.get(one, frozenset()) | reached[other]
    return any(len(both.intersection(group)) > 1 for _, group in context.policy.apart)
