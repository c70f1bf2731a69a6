"""Warnings of what a policy makes looser than the packs that it imports say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.policy.kinds import ground
from privet.policy.period import Period, longer
from privet.policy.whenform import condition
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy.composed import Override
    from privet.policy.context import Context
    from privet.policy.policyform import DenyForm, PermitForm, PurposeForm
    from privet.policy.when import When

_WHY = "the pack cites the law behind its rule; who departs from it answers for that (Art. 5(2))"


def check_overrides(context: Context) -> None:
    """Warn of each override that denies less, permits more, or takes a right away.

    What cannot be told to be at least as strict counts as looser.
    """
    for override in context.composed.overrides:
        for what in _looser(context, override):
            context.problems.warn(
                context.policy_document,
                override.own.path,
                f"`{override.name}` {what} than the pack `{override.imported.pack}`",
                _WHY,
                "Make it as strict as there, or write down why the law allows it.",
            )


def _looser(context: Context, override: Override) -> Iterator[str]:
    own, imported = override.own.form, override.imported.form
    if override.section == "denies":
        if not _denies_as_much(context, own, imported):
            yield "denies less"
    elif override.section == "permits":
        if not _within(context, own, imported):
            yield "permits more"
        if imported.role == SELF_ROLE and not _within(context, imported, own):
            yield "leaves people fewer rights"
    elif override.section == "roles":
        if set(own.inherits) - set(imported.inherits):
            yield "lets the role inherit more"
    elif override.section == "purposes":
        yield from _purpose(own, imported)
    elif override.section == "requires" and own != imported:
        yield "requires something else"


def _purpose(own: PurposeForm, imported: PurposeForm) -> Iterator[str]:
    if ground(own) != ground(imported):
        yield "rests on another ground"
    if _later(own.retention, imported.retention):
        yield "keeps data for longer"
    if _later(own.renew, imported.renew):
        yield "asks again later"
    if set(own.special) - set(imported.special):
        yield "uses more of what is special"
    if imported.direct_marketing and not own.direct_marketing:
        yield "lets people object less"


def _later(own: str | None, imported: str | None) -> bool:
    """Whether a period is longer than the pack's; none at all is longer than any."""
    if own is None or imported is None:
        return imported is not None
    return longer(Period.parse(own), Period.parse(imported))


def _within(context: Context, one: PermitForm, other: PermitForm) -> bool:
    """Whether one permit allows nothing that another does not; limits alike or none there."""
    return (
        (one.role, one.purpose) == (other.role, other.purpose)
        and set(one.may) <= set(other.may)
        and context.expand(one.fields) <= context.expand(other.fields)
        and set(one.to or ()) <= set(other.to or ())
        and one.children <= other.children
        and other.minimize in (None, one.minimize)
        and other.when in (None, one.when)
        and other.break_glass in (None, one.break_glass)
    )


def _denies_as_much(context: Context, one: DenyForm, other: DenyForm) -> bool:
    """Whether whatever ``other`` denies is denied by ``one``; None means any."""
    pairs = (
        (one.roles, other.roles),
        (one.may_not, other.may_not),
        (context.withheld(one), context.withheld(other)),
    )
    wide = all(
        mine is None or (theirs is not None and set(theirs) <= set(mine)) for mine, theirs in pairs
    )
    held = one.when is None or (
        other.when is not None and _holds_as_often(condition(one.when), condition(other.when))
    )
    return wide and held and context.denied(other) <= context.denied(one)


def _holds_as_often(one: When, other: When) -> bool:
    """Whether a condition holds wherever another does; other parts must be the same."""
    everywhere = not one.places or (bool(other.places) and other.places <= one.places)
    young = one.age_under is None or (
        other.age_under is not None and other.age_under <= one.age_under
    )
    old = one.age_from is None or (other.age_from is not None and other.age_from >= one.age_from)
    rest = ("window", "people_from", "people_under", "data_from", "data_under", "environment")
    same = all(getattr(one, part) in (getattr(other, part), None, ()) for part in rest)
    return everywhere and young and old and same
