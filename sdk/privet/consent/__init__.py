"""Grounds: the ledger of who agreed to what, where each purpose stands, who is eligible."""

from privet.consent.change import EVERYTHING, GIVING, IMPORTED, KINDS, Change, effect
from privet.consent.entries import Heard
from privet.consent.epochs import AGES
from privet.consent.ledger import APPLIED_KEY, Ledger, position_of
from privet.consent.project import ABSOLUTE, expiry
from privet.consent.sheet import Said, Shared, Sheet, sheet
from privet.consent.sheet import from_leaf as changes_of
from privet.consent.standing import Standing
from privet.consent.told import KIND as NOTICE
from privet.consent.told import Told

__all__ = [
    "ABSOLUTE",
    "AGES",
    "APPLIED_KEY",
    "EVERYTHING",
    "GIVING",
    "IMPORTED",
    "KINDS",
    "NOTICE",
    "Change",
    "Heard",
    "Ledger",
    "Said",
    "Shared",
    "Sheet",
    "Standing",
    "Told",
    "changes_of",
    "effect",
    "expiry",
    "position_of",
    "sheet",
]
