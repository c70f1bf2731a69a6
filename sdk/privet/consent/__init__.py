"""Grounds: the ledger of who agreed to what, where each purpose stands, who is eligible."""

from privet.consent.change import EVERYTHING, KINDS, Change
from privet.consent.ledger import APPLIED_KEY, Ledger, position_of
from privet.consent.project import expiry
from privet.consent.standing import Standing

__all__ = [
    "APPLIED_KEY",
    "EVERYTHING",
    "KINDS",
    "Change",
    "Ledger",
    "Standing",
    "expiry",
    "position_of",
]
