"""Checks of roles, recipients, assessments and what no purpose may learn from."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from privet.policy.checkpurposes import check_purposes
from privet.policy.hierarchy import closures, looping
from privet.policy.policyform import InterestBasis
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy.context import Context
    from privet.policy.reading import Path


def check_policy(context: Context) -> None:
    """Note every fault of the declarations; permits and denies are checked elsewhere."""
    _check_there(context)
    _check_roles(context)
    _check_recipients(context)
    _check_never(context)
    check_purposes(context)
    _check_assessments(context)


def _check_there(context: Context) -> None:
    """A policy says something, by itself or by what it imports."""
    for key, what in (
        ("purposes", "data is used for purposes that people are told (Art. 5(1)(b))"),
        ("roles", "nobody could do anything"),
        ("permits", "whatever is not permitted is refused, so everything would be"),
    ):
        if not getattr(context.policy, key):
            context.wrong((key,), f"the key `{key}` is missing or empty", what, "Add some.")


def _check_roles(context: Context) -> None:
    roles = context.policy.roles
    if SELF_ROLE in roles:
        context.wrong(
            ("roles", SELF_ROLE),
            "`self` is the subject herself",
            "who could take her role would have her rights (Art. 12(6))",
            "Do not declare this role.",
        )
    for name, form in roles.items():
        context.known(("roles", name, "inherits"), form.inherits, roles, "the role")
    parents = {name: form.inherits for name, form in roles.items()}
    reached = closures(parents)
    for name in looping(parents, reached):
        context.wrong(
            ("roles", name),
            "roles inherit from each other",
            "each of them would have the permits of all, and none would be above another",
            "Break the circle.",
        )
    _check_separate(context, reached)


def _check_separate(context: Context, reached: Mapping[str, frozenset[str]]) -> None:
    """No role may hold two of a group by itself (static separation, INCITS 359 6.3)."""
    roles = context.policy.roles
    for i, duty in context.policy.duties:
        context.known(("separate", i, "roles"), duty.roles, roles, "the role")
    for i, group in context.policy.apart:
        path: Path = ("separate", i)
        context.known(path, group, roles, "the role")
        for name, closure in reached.items():
            if len(closure.intersection(group)) > 1:
                context.wrong(
                    path,
                    f"the role `{name}` alone holds two roles that are kept apart",
                    "whoever has it would check her own work",
                    "Change what it inherits.",
                )


def _check_recipients(context: Context) -> None:
    policy = context.policy
    named = set(chain.from_iterable(p.recipients for p in policy.purposes.values()))
    for name, form in policy.recipients.items():
        path: Path = ("recipients", name)
        context.known_fields((*path, "receives"), form.receives)
        if form.is_ == "processor" and form.contract is None:
            context.wrong(
                path,
                "a processor without a contract (Art. 28(3))",
                "a processor acts under a contract alone",
                "Add `contract`.",
            )
        if name not in named:
            context.wrong(
                path,
                "no purpose names this recipient",
                "people are told of recipients for each purpose (Art. 13(1)(e))",
                "Name it there or remove it.",
            )


def _check_never(context: Context) -> None:
    reveals = context.data.items.reveals
    context.known(("never",), context.policy.never, reveals, "the rule of `items.reveals`")
    grounded = set(chain.from_iterable(p.special for p in context.policy.purposes.values()))
    for name, rule in reveals.items():
        if rule.special and name not in grounded | set(context.policy.never):
            context.wrong(
                ("never",),
                f"`{name}` reveals a special category and is not under `never` (Art. 9(1))",
                "such data may be used on a ground of Art. 9(2) alone",
                "Add it to `never`, or name a ground under `special` of a purpose (Art. 9(2)).",
            )


def _check_assessments(context: Context) -> None:
    policy = context.policy
    named: set[str] = set()
    for name, form in policy.purposes.items():
        wanted: list[tuple[Path, str, str]] = [
            (("purposes", name, "reuses", source, "assessment"), reuse.assessment, "compatibility")
            for source, reuse in form.reuses.items()
        ]
        if isinstance(form.basis, InterestBasis):
            reference = form.basis.legitimate_interest
            wanted.append((("purposes", name, "basis"), reference, "legitimate-interest"))
        for path, reference, kind in wanted:
            named.add(reference)
            _check_assessment(context, path, reference, kind)
    for reference in policy.assessments:
        if reference not in named:
            context.wrong(
                ("assessments", reference),
                "nothing refers to this assessment",
                "a weighing of nothing shows nothing (Art. 5(2))",
                "Remove it.",
            )


_ARTICLES = {
    "compatibility": "reading for another purpose is compatible only by an assessment (Art. 6(4))",
    "legitimate-interest": "an interest counts only where it was weighed (Art. 6(1)(f))",
}


def _check_assessment(context: Context, path: Path, reference: str, kind: str) -> None:
    found = context.policy.assessments.get(reference)
    if found is None or found.is_ != kind:
        fitting = [n for n, a in context.policy.assessments.items() if a.is_ == kind]
        context.wrong(
            path,
            f"the assessment of kind `{kind}` that this names is not written",
            _ARTICLES[kind],
            "Write it under `assessments`.",
            context.problems.near(reference, fitting),
        )
