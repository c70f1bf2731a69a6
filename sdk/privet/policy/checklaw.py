"""Checks of what a law asks of purposes, of places that it protects, and of its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.policy.children import own_consent
from privet.policy.kinds import ground
from privet.policy.period import Period, longer
from privet.policy.places import spelt, within
from privet.policy.policyform import OptOutBasis
from privet.policy.whenform import check_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy.context import Context
    from privet.policy.lawform import RequirementForm
    from privet.policy.policyform import PurposeForm
    from privet.policy.reading import Path

_PARTS = frozenset(
    {"basis", "retention", "renew", "recipients_in", "contracts", "officer", "own_consent"}
)


def check_law(context: Context) -> None:
    """Note every purpose that falls short of a requirement, and every fault of those."""
    policy = context.policy
    check_places(context, ("protects",), policy.protects)
    context.once(("overrides",), policy.overrides, "the name")
    _check_protected(context)
    context.once(("requires",), [r.id for r in policy.requires], "the requirement")
    for i, rule in enumerate(policy.requires):
        path: Path = ("requires", i)
        if _PARTS.isdisjoint(rule.model_fields_set):
            context.wrong(
                path,
                "this requires nothing",
                "a requirement without content is mistaken for one that holds",
                f"Say {', '.join(f'`{part}`' for part in sorted(_PARTS))}.",
            )
        check_places(context, (*path, "own_consent"), list(rule.own_consent or ()))
        check_places(context, (*path, "recipients_in"), rule.recipients_in or ())
        _check_requirement(context, rule)


def stricter_ages(context: Context) -> dict[str, int]:
    """Place to the greatest age that a requirement names for it, where it is above the law's."""
    found: dict[str, int] = {}
    for rule in context.policy.requires:
        for code, years in (rule.own_consent or {}).items():
            for place in spelt(frozenset({code})):
                if years > own_consent(place).years:
                    found[place] = max(years, found.get(place, 0))
    return dict(sorted(found.items()))


def _check_protected(context: Context) -> None:
    """A deny of a law holds where the law does, and nowhere else."""
    inside = spelt(frozenset(context.policy.protects))
    for i, deny in enumerate(context.policy.denies):
        named = deny.when.jurisdiction if deny.when else None
        if not inside or named is None:
            continue
        if not all(within(code, inside) for code in spelt(frozenset(named))):
            context.wrong(
                ("denies", i, "when", "jurisdiction"),
                "a place that this law does not protect",
                "a pack denies for the people under `protects` alone",
                "Name places of `protects`, or leave `jurisdiction` out.",
            )


def _check_requirement(context: Context, rule: RequirementForm) -> None:
    purposes = context.policy.purposes
    named = context.of_kinds(rule.kinds) if rule.kinds else frozenset(purposes)
    for name in sorted(named):
        form = purposes[name]
        path: Path = ("purposes", name)
        for key, what, fix in _short(context, rule, name, form):
            context.wrong((*path, key), f"`{name}` {what} (`{rule.id}`)", _why(rule), fix)
    if rule.officer and context.policy.controller.officer is None:
        context.wrong(
            ("controller",),
            f"no data protection officer is named (`{rule.id}`)",
            _why(rule),
            "Add `officer`: where a person reaches the officer.",
        )
    if rule.recipients_in is not None or rule.contracts:
        _check_recipients(context, rule, named)


def _why(rule: RequirementForm) -> str:
    return rule.text.rstrip(".")


def _short(
    context: Context, rule: RequirementForm, name: str, form: PurposeForm
) -> Iterator[tuple[str, str, str]]:
    """Where one purpose falls short: the key, what is wrong, how to mend it."""
    if rule.basis is not None and ground(form) not in rule.basis and _stands(context, rule, form):
        yield "basis", "rests on another ground", f"Rest it on one of: {', '.join(rule.basis)}."
    kept = context.told(name)[1]
    if rule.retention and not _within(context, rule, form, "retention", kept):
        yield "retention", "keeps data for longer", f"Shorten it to {rule.retention} at most."
    consent = form.basis == "consent"
    if rule.renew and consent and not _within(context, rule, form, "renew", form.renew):
        fix = f"Add `renew: {rule.renew}`, or less."
        yield "renew", "has a consent that lapses later, or never", fix


def _protected(context: Context, rule: RequirementForm) -> frozenset[str]:
    """The places of the law that a requirement comes from; none where it is the policy's own."""
    pack = context.composed.given.get(("requires", rule.id))
    form = context.composed.imports[pack].form if pack else context.policy
    return spelt(frozenset(form.protects))


def _stands(context: Context, rule: RequirementForm, form: PurposeForm) -> bool:
    """Whether the ground of a purpose is one where the law of a requirement protects people."""
    protected = _protected(context, rule)
    if not isinstance(form.basis, OptOutBasis) or not protected:
        return True
    where = spelt(frozenset(form.basis.where))
    # A part of a place that is protected, or a whole that has a protected part.
    return any(
        within(here, protected) is not False or within(there, where) is not False
        for here in where
        for there in protected
    )


def _within(
    context: Context, rule: RequirementForm, form: PurposeForm, key: str, everywhere: str | None
) -> bool:
    """Whether a period is short enough everywhere, or wherever the law protects people."""
    bound = Period.parse(getattr(rule, key))
    if everywhere and not longer(Period.parse(everywhere), bound):
        return True
    strict = [
        spelt(frozenset({code}))
        for code, rules in form.jurisdictions.items()
        if (here := getattr(rules, key)) and not longer(Period.parse(here), bound)
    ]
    protected = _protected(context, rule)
    reached = frozenset[str]().union(*strict)
    return bool(protected) and all(within(code, reached) for code in protected)


def _check_recipients(context: Context, rule: RequirementForm, purposes: frozenset[str]) -> None:
    safe = spelt(frozenset(rule.recipients_in or ()))
    named = {r for name in purposes for r in context.policy.purposes[name].recipients}
    for name in sorted(named & context.policy.recipients.keys()):
        form = context.policy.recipients[name]
        if rule.contracts and form.contract is None:
            context.wrong(
                ("recipients", name, "contract"),
                f"`{name}` is bound by no contract (`{rule.id}`)",
                _why(rule),
                "Add `contract`.",
            )
        if rule.recipients_in is None:
            continue
        if form.safeguard is None and not within(form.country, safe):
            context.wrong(
                ("recipients", name, "country"),
                f"`{name}` sits where nothing is known to protect the data (`{rule.id}`)",
                _why(rule),
                "Add `safeguard`: what protects it there, such as standard contractual clauses.",
            )
