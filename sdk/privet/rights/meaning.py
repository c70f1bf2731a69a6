"""What an answer means for the ledger, by what its purpose rests on: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from privet.errors import InvalidInput
from privet.policy import PurposeSpec

Purposes = Mapping[str, PurposeSpec]

CHOSEN = frozenset({"consent", "opt-out"})
"""What rests on her own word: there is something to choose."""
_GIVING = frozenset({"yes", "authorised", "opted-in"})


def said(purposes: Purposes, answers: Mapping[str, bool], *, parent: bool) -> dict[str, str]:
    """The kind of change that each answer is, and what follows of it for parts of a purpose.

    Args:
        purposes: of the policy.
        answers: purpose to yes or no.
        parent: whether her parent gives them.

    Raises:
        InvalidInput: she opts out of a purpose and says yes to a part of it
            (``consent.answer``).
    """
    kinds = {name: _kind(purposes, name, yes=yes, parent=parent) for name, yes in answers.items()}
    return with_parts(purposes, kinds)


def _kind(purposes: Purposes, purpose: str, *, yes: bool, parent: bool) -> str:
    out = stands_until_out(purposes, purpose)
    if not yes:
        return "opted-out" if out else "no"
    if parent:
        return "authorised"
    return "opted-in" if out else "yes"


def withdrawal(purposes: Purposes, purpose: object) -> str:
    """The kind of a withdrawal: of what stands until she opts out, an opt-out."""
    return "opted-out" if stands_until_out(purposes, purpose) else "withdrawn"


def stands_until_out(purposes: Purposes, purpose: object) -> bool:
    """Whether a purpose stands until the person opts out; none that is not known does."""
    spec = purposes.get(purpose) if isinstance(purpose, str) else None
    return spec is not None and spec.basis == "opt-out"


def with_parts(purposes: Purposes, kinds: Mapping[str, str]) -> dict[str, str]:
    """The same, and for each opt-out the end of her word for whatever is a part of the purpose.

    What she said of a part before, she opts out of as well: it is done to her no more until
    she consents again (Cal. Civ. Code 1798.120(d)).

    Raises:
        InvalidInput: she says yes to a part in the same breath.
    """
    found = dict(kinds)
    for name in [name for name, kind in kinds.items() if kind == "opted-out"]:
        for part, end in ended_with(purposes, name):
            if found.setdefault(part, end) in _GIVING:
                raise InvalidInput(
                    "she opts out of a purpose and says yes to a part of it",
                    why="nobody could tell which of the two holds",
                    remedy="Ask again, for one of the two.",
                    reason="consent.answer",
                )
    return found


def following(
    purposes: Purposes, said: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """What follows of each pair of purpose and kind for the parts of the purpose."""
    ends = [pair for pair in said if pair[1] in {"opted-out", "objected"}]
    return {pair: ended_with(purposes, pair[0]) for pair in ends}


def ended_with(purposes: Purposes, purpose: object) -> list[tuple[str, str]]:
    """The parts that end with a purpose of which people opt out, each with the kind of its end.

    Only a yes that came later, or that saw it, gives one of them again.
    """
    if not isinstance(purpose, str) or not stands_until_out(purposes, purpose):
        return []
    return [(part, withdrawal(purposes, part)) for part in _parts_of(purposes, purpose)]


def _parts_of(purposes: Purposes, purpose: str) -> list[str]:
    """The purposes under one, at any depth, that rest on her own word."""
    return [
        name
        for name, spec in purposes.items()
        if spec.basis in CHOSEN and purpose in above(purposes, name)
    ]


def above(purposes: Purposes, name: str) -> list[str]:
    """The purposes that one is a part of, the nearest first."""
    found: list[str] = []
    at = purposes[name].parent
    while at is not None:
        found.append(at)
        at = purposes[at].parent
    return found
