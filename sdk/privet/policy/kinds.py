"""What kind a purpose or a field is, whatever it is called: how rules of a law name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy.dataform import CategoryForm
    from privet.policy.policyform import PurposeForm, RecipientForm


def ground(form: PurposeForm) -> str:
    """The ground of a purpose: the word that its document uses for it."""
    basis = form.basis
    if isinstance(basis, str):
        return basis
    name, field = next(iter(type(basis).model_fields.items()))  # the ground comes first
    return field.alias or name


def marks(form: PurposeForm, recipients: Mapping[str, RecipientForm]) -> frozenset[str]:
    """The kinds of a purpose by itself: its ground, and what else a law looks at.

    Args:
        form: the purpose.
        recipients: those that the policy declares.
    """
    found = {ground(form)}
    if form.direct_marketing:
        found.add("direct-marketing")
    if form.automated_decision is not None:
        found.add("automated-decision")
    if form.special:
        found.add("special")
    if any(recipients[n].is_ != "processor" for n in form.recipients if n in recipients):
        found.add("third-party")
    return frozenset(found)


def category_kinds(form: CategoryForm | None) -> frozenset[str]:
    """The kinds of a field by its category; none of one that is not declared."""
    if form is None:
        return frozenset()
    told = (("special", form.special), ("from-device", form.from_device))
    return frozenset(name for name, holds in told if holds)
