"""A child's consent is her parent's to give (GDPR Art. 8), until she is of age."""

from __future__ import annotations

from privet.errors import InvalidInput
from privet.gate import subject as people
from privet.gate.parts import Caller, Parts
from privet.gate.record import refused_child
from privet.policy.children import OLDEST, own_consent
from privet.types import Id, check_subject


def check(
    parts: Parts, caller: Caller, subject: Id, age: int | None, country: str, *, parent: bool
) -> None:
    """Refuse a child's yes without her parent, and a parent's for somebody of age.

    Args:
        parts: the open deployment.
        caller: who records it.
        subject: the app's own id of the person.
        age: her age in years; None where the app does not know it.
        country: ISO 3166 code, or empty: then the strictest age holds.
        parent: whether her parent gives it.

    Raises:
        AccessDenied: ``consent.child``: she is below the age, or her last consent was her
            parent's and no age was told. It is recorded, without her.
        InvalidInput: ``age.range``, or ``consent.adult``: nobody consents for her any more.
    """
    if age is not None and (type(age) is not int or not 0 <= age <= OLDEST):
        raise InvalidInput(
            "an age is out of range",
            remedy=f"Give whole years from 0 to {OLDEST}, or leave it out.",
            reason="age.range",
        )
    least = own_consent(country, parts.policy.own_consent)
    if parent:
        if age is not None and age >= least.years:
            raise InvalidInput(
                "a parent's consent was refused",
                why=f"from {least.years} years on it is her own ({least.source})",
                remedy="Ask the person herself.",
                reason="consent.adult",
            )
        return
    if age is None:
        (sno,) = parts.subjects.find([check_subject(subject)])
        child = sno is not None and people.was_child(parts, sno)
    else:
        child = age < least.years
    if child:
        raise refused_child(parts, caller, f"below {least.years} years ({least.source})")
