"""Checks of controller, recipients, roles and purposes: what law asks of the declarations."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from privet.policy.policyform import InterestBasis, PurposeForm
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from privet.policy.context import Context
    from privet.policy.reading import Path


def check_policy(context: Context) -> None:
    """Note every fault of the declarations; permits and denies are checked elsewhere."""
    _check_roles(context)
    _check_recipients(context)
    _check_never(context)
    for name, form in context.policy.purposes.items():
        _check_purpose(context, name, form)
    supports = {n: p.builds_on for n, p in context.policy.purposes.items()}
    for name in circular(supports):
        context.wrong(
            ("purposes", name, "builds_on"), "purposes build on each other", "Break the circle."
        )
    _check_assessments(context)


def closures(parents: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Each name with all it leads to: the least fixpoint of inheritance.

    >>> sorted(closures({"a": ["b"], "b": ["c"], "c": []})["a"])
    ['a', 'b', 'c']
    """
    done: dict[str, frozenset[str]] = {}
    for name in parents:
        seen: set[str] = set()
        ahead = [name]
        while ahead:
            step = ahead.pop()
            if step in done:
                seen |= done[step]
            elif step not in seen:
                seen.add(step)
                ahead += [parent for parent in parents[step] if parent in parents]
        done[name] = frozenset(seen)
    return done


def circular(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """The names that lead back to themselves, sorted."""
    return _back_to_themselves(parents, closures(parents))


def _back_to_themselves(
    parents: Mapping[str, Iterable[str]], reached: Mapping[str, frozenset[str]]
) -> list[str]:
    return sorted(
        name
        for name, direct in parents.items()
        if any(name in reached.get(parent, frozenset()) for parent in direct)
    )


def _check_roles(context: Context) -> None:
    roles = context.policy.roles
    if SELF_ROLE in roles:
        context.wrong(
            ("roles", SELF_ROLE), "`self` is the subject herself", "Do not declare this role."
        )
    for name, form in roles.items():
        context.known(("roles", name, "inherits"), form.inherits, roles, "the role")
    parents = {name: form.inherits for name, form in roles.items()}
    reached = closures(parents)
    for name in _back_to_themselves(parents, reached):
        context.wrong(("roles", name), "roles inherit from each other", "Break the circle.")
    for i, group in enumerate(context.policy.separate):
        path: Path = ("separate", i)
        context.known(path, group, roles, "the role")
        for name, closure in reached.items():
            if len(closure.intersection(group)) > 1:
                context.wrong(
                    path,
                    f"the role `{name}` alone holds two roles that are kept apart",
                    "Change what it inherits.",
                )


def _check_recipients(context: Context) -> None:
    policy = context.policy
    named = set(chain.from_iterable(p.recipients for p in policy.purposes.values()))
    for name, form in policy.recipients.items():
        path: Path = ("recipients", name)
        context.known_fields((*path, "receives"), form.receives)
        if form.is_ == "processor" and form.contract is None:
            context.wrong(path, "a processor without a contract (Art. 28(3))", "Add `contract`.")
        if name not in named:
            context.wrong(path, "no purpose names this recipient", "Name it there or remove it.")


def _check_never(context: Context) -> None:
    reveals = context.data.items.reveals
    context.known(("never",), context.policy.never, reveals, "the rule of `items.reveals`")
    grounded = set(chain.from_iterable(p.special for p in context.policy.purposes.values()))
    for name, rule in reveals.items():
        if rule.special and name not in grounded | set(context.policy.never):
            context.wrong(
                ("never",),
                f"`{name}` reveals a special category and is not under `never` (Art. 9(1))",
                "Add it to `never`, or name a ground under `special` of a purpose (Art. 9(2)).",
            )


def _check_special(context: Context, name: str, form: PurposeForm) -> None:
    path: Path = ("purposes", name, "special")
    reveals, never = context.data.items.reveals, context.policy.never
    context.known(path, form.special, reveals, "the rule of `items.reveals`")
    for reveal, ground in form.special.items():
        if reveal in never:
            context.wrong(
                (*path, reveal), f"`{reveal}` is under `never`", "Take it out of one of the two."
            )
        if reveal in reveals and not reveals[reveal].special:
            context.wrong(
                (*path, reveal), f"`{reveal}` is no special category", "It needs no ground here."
            )
        if ground == "explicit-consent" and form.basis != "consent":
            context.wrong(
                (*path, reveal),
                "an explicit consent is a consent of its own (Art. 9(2)(a))",
                "Rest the purpose on consent, or name the law that allows it.",
            )


def _check_purpose(context: Context, name: str, form: PurposeForm) -> None:
    path: Path = ("purposes", name)
    others = set(context.policy.purposes) - {name}
    context.known((*path, "builds_on"), form.builds_on, others, "the purpose")
    context.known(
        (*path, "recipients"), form.recipients, context.policy.recipients, "the recipient"
    )
    if form.renew is not None and form.basis != "consent":
        context.wrong((*path, "renew"), "only a consent is renewed", "Remove `renew`.")
    if not context.serving(name):
        context.wrong(path, "no permit serves this purpose", "Add a permit or remove it.")
    trained = any("train" in p.may for p in context.serving(name))
    if form.models is not None and not trained:
        context.wrong((*path, "models"), "no permit trains for this purpose", "Remove `models`.")
    for source in form.reuses:
        _check_reuse(context, name, source)
    _check_special(context, name, form)
    if form.hold is not None:
        _check_hold(context, name, form.hold.fields)


def _check_reuse(context: Context, name: str, source: str) -> None:
    path: Path = ("purposes", name, "reuses", source)
    if source not in context.policy.purposes or source == name:
        context.wrong(path, "this is no other purpose of the policy", "Name one, or remove it.")
    elif context.used(name).isdisjoint(context.collected(source)):
        context.wrong(path, "no permit reads what that purpose collects", "Remove this reuse.")


def _check_hold(context: Context, name: str, patterns: Iterable[str]) -> None:
    path: Path = ("purposes", name, "hold", "fields")
    context.known_fields(path, patterns)
    if context.expand(patterns) - context.collected(name):
        context.wrong(
            path, "a held field is not collected for this purpose", "Hold what is collected."
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
            found = policy.assessments.get(reference)
            if found is None or found.is_ != kind:
                context.wrong(
                    path,
                    f"the assessment of kind `{kind}` that this names is not written",
                    "Write it under `assessments`.",
                )
    for reference in policy.assessments:
        if reference not in named:
            context.wrong(
                ("assessments", reference), "nothing refers to this assessment", "Remove it."
            )
