"""Places as a policy names them: ISO 3166 codes of countries and parts of countries.

A place that is not known is no place: a person of whom a wrong code is told is treated
as one of whom nothing is told, and what holds anywhere holds for her.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_CODE = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?\Z")


def _codes(spaced: str) -> frozenset[str]:
    return frozenset(spaced.split())


COUNTRIES = _codes(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ "
    "EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW "
    "GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY "
    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV "
    "MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG "
    "TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM "
    "ZW"
)
"""ISO 3166-1 alpha-2."""

_STATES = _codes(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM "
    "NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC"
)
_PROVINCES = _codes("AB BC MB NB NL NS NT NU ON PE QC SK YT")
PARTS = frozenset({f"US-{s}" for s in _STATES} | {f"CA-{p}" for p in _PROVINCES})
"""ISO 3166-2 of the countries whose parts have privacy laws of their own."""

_EU = _codes("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK")
GROUPS = {"EU": _EU, "EEA": _EU | {"IS", "LI", "NO"}}
"""What a document may write for many: the European Union, and the European Economic Area."""


def is_place(code: str) -> bool:
    """Whether a document may name this code: a group, a country, or a part of one."""
    return code in GROUPS or (_CODE.match(code) is not None and code[:2] in COUNTRIES)


def spelt(codes: AbstractSet[str]) -> frozenset[str]:
    """The codes with every group spelt out."""
    return frozenset[str]().union(*(GROUPS.get(code, {code}) for code in codes))


def place(code: object, named: AbstractSet[str]) -> str | None:
    """Where a person is, as far as rules that name these codes can tell it.

    Args:
        code: what was told of her.
        named: every code that the rules name, spelt out.

    Returns:
        A country, or a part that the rules name or that is known to exist; the country
        of another part, since a misspelt part must not be taken for elsewhere; None for
        what is no place.
    """
    if not isinstance(code, str) or _CODE.match(code) is None or code[:2] not in COUNTRIES:
        return None
    return code if code in named or code in PARTS else code[:2]


def within(where: str | None, codes: AbstractSet[str]) -> bool | None:
    """Whether a place lies in one of these; None where that cannot be told."""
    if where is None:
        return None
    if where in codes or where[:2] in codes:
        return True
    # Somewhere in a country of which only a part is named.
    unsure = len(where) == 2 and any(code[:2] == where for code in codes)
    return None if unsure else False
