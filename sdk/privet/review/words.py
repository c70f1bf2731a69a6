"""How rules are said in words, so that every tool says the same thing alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from privet.policy import Policy


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


def who(roles: Iterable[str]) -> str:
    """One or several roles that one person holds at a time."""
    named = ["the person herself" if role == SELF_ROLE else role for role in sorted(roles)]
    return named[0] if len(named) == 1 else f"who is both {listed(named)}"


def fields(names: Iterable[str], policies: Sequence[Policy]) -> str:
    """Fields as a sentence has them: an event's that are all there are in one word."""
    wanted = set(names)
    every = {name for policy in policies for name in policy.fields}
    if len(every) > 1 and wanted >= every:
        return "every field"
    parts = []
    for event in sorted({name.partition(".")[0] for name in wanted}):
        of_event = {name for name in every if name.startswith(f"{event}.")}
        if len(of_event) > 1 and wanted >= of_event:
            parts.append(f"{event}.*")
        else:
            parts += sorted(name for name in wanted if name.startswith(f"{event}."))
    return listed(parts)


def width(operation: str, number: int) -> str:
    """What one operation does to a value."""
    return f"in bands of {number}" if operation == "band" else f"rounded to {number}"


def imported(policy: Policy) -> list[str]:
    """What a policy takes over from packs, a sentence for each of them."""
    return [
        f"imports {pack.name} {pack.hash[:16]}"
        + (f", which protects people in {listed(pack.protects)}" if pack.protects else "")
        + (f", and says anew {listed(pack.overridden)}" if pack.overridden else "")
        for pack in policy.imports
    ]


def origin(policy: Policy, rule: str) -> str:
    """`` of the pack NAME`` for an imported permit or deny; empty for the policy's own."""
    found = (p.name for p in policy.imports if rule in p.permits or rule in p.denies)
    return "".join(f" of the pack {name}" for name in found)
