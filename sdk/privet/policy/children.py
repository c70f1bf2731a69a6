"""From which age a person consents by herself (GDPR Art. 8): pure.

For services that are offered to children directly, a consent is the child's own from
sixteen years on, or from an age down to thirteen that a country's law names. Below it,
who holds parental responsibility gives or authorises it. Where the country is not known,
sixteen holds. The ages are those of the provisions named; a controller checks them
against the law in force before it relies on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from privet.policy.places import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST: Final = 150


@dataclass(frozen=True, slots=True)
class OwnConsentAge:
    """From which age a consent is a child's own.

    Attributes:
        years: whole years of age.
        source: the provision that says so.
    """

    years: int
    source: str


STRICTEST: Final = OwnConsentAge(16, "GDPR Art. 8(1)")

AGES: Final = {
    "AT": OwnConsentAge(14, "Datenschutzgesetz § 4(4)"),
    "BE": OwnConsentAge(13, "Act of 30 July 2018, Art. 7"),
    "BG": OwnConsentAge(14, "Personal Data Protection Act, Art. 25c"),
    "BR": OwnConsentAge(12, "LGPD Art. 14(1); Law 8.069/1990 Art. 2"),
    "CY": OwnConsentAge(14, "Law 125(I)/2018, s. 8"),
    "CZ": OwnConsentAge(15, "Act 110/2019, § 7"),
    "DK": OwnConsentAge(15, "Databeskyttelsesloven § 6(2), from 1 January 2024"),
    "EE": OwnConsentAge(13, "Isikuandmete kaitse seadus § 8"),
    "ES": OwnConsentAge(14, "Ley Orgánica 3/2018, Art. 7"),
    "FI": OwnConsentAge(13, "Tietosuojalaki 1050/2018, § 5"),
    "FR": OwnConsentAge(15, "Loi 78-17, Art. 45"),
    "GB": OwnConsentAge(13, "UK GDPR Art. 8(1); Data Protection Act 2018, s. 9"),
    "GR": OwnConsentAge(15, "Law 4624/2019, Art. 21"),
    "IS": OwnConsentAge(13, "Act 90/2018, Art. 10"),
    "IT": OwnConsentAge(14, "Codice privacy, Art. 2-quinquies"),
    "LT": OwnConsentAge(14, "Law I-1374, Art. 6"),
    "LV": OwnConsentAge(13, "Fizisko personu datu apstrādes likums, s. 33"),
    "MT": OwnConsentAge(13, "S.L. 586.11"),
    "NO": OwnConsentAge(13, "Personopplysningsloven § 5"),
    "PT": OwnConsentAge(13, "Lei 58/2019, Art. 16"),
    "SE": OwnConsentAge(13, "Lag 2018:218, ch. 2 § 4"),
    "SI": OwnConsentAge(15, "ZVOP-2, Art. 8"),
    "US": OwnConsentAge(13, "COPPA, 15 U.S.C. 6501(1)"),
}
"""By ISO 3166-1 code; every country that is not named has ``STRICTEST``."""


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


def own_consent(jurisdiction: str, stricter: Mapping[str, int] = _NOTHING) -> OwnConsentAge:
    """The age of a country, or of the country that a part such as ``US-CA`` lies in.

    Args:
        jurisdiction: ISO 3166 code; a text that is none stands for an unknown place.
        stricter: place to the age that a policy asks for there, in years: the greatest of all
            that may hold counts.

    >>> own_consent("FR").years, own_consent("DE").years, own_consent("").years
    (15, 16, 16)
    """
    country = jurisdiction[:2]
    least = AGES.get(country, STRICTEST)
    asked = [
        years
        for code, years in stricter.items()
        if country not in COUNTRIES
        or code in {country, jurisdiction}
        or (jurisdiction == country and code[:2] == country)  # whichever part of it
    ]
    if max(asked, default=0) <= least.years:
        return least
    return OwnConsentAge(max(asked), "a requirement of the policy")
