"""Which rules the tests that a policy carries touch, and which none does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privet.policy import Policy


@dataclass(frozen=True, slots=True)
class Coverage:
    """What tests touch; names in the order of the document.

    Attributes:
        permits: permit to whether some test touches it: it grants there what was asked for,
            or its condition keeps it from that.
        denies: deny to whether it is what refuses in some test.
        purposes: purpose of the policy's own to whether some test asks for it.
    """

    permits: dict[str, bool]
    denies: dict[str, bool]
    purposes: dict[str, bool]

    @property
    def share(self) -> float:
        """How many of all rules and purposes are touched, from 0 to 1."""
        all_of_them = [*self.permits.values(), *self.denies.values(), *self.purposes.values()]
        return sum(all_of_them) / len(all_of_them)

    @property
    def untouched(self) -> dict[str, list[str]]:
        """Names that no test touches, under ``permits``, ``denies`` and ``purposes``."""
        parts = {"permits": self.permits, "denies": self.denies, "purposes": self.purposes}
        return {what: [n for n, hit in part.items() if not hit] for what, part in parts.items()}


def coverage(policy: Policy) -> Coverage:
    """Run the requests of all tests and note what answers them.

    Rules of an imported pack count as touched: the pack's own tests touch each of them, and
    its documents are those that were tested, byte for byte.
    """
    permits = {name for name in policy.permits if _of_a_pack(policy, name)}
    denies: set[str | None] = {name for pack in policy.imports for name in pack.denies}
    for trial in policy.trials:
        decision = policy.decide(trial.ask, trial.given.circumstances)
        permits |= {*decision.permits, *(name for name, _ in decision.unmet)}
        denies.add(decision.deny)
    asked = {trial.ask.purpose for trial in policy.trials}
    asked |= {name for pack in policy.imports for name in pack.purposes}
    return Coverage(
        {name: name in permits for name in policy.permits},
        {deny.id: deny.id in denies for deny in policy.denies},
        {name: name in asked for name in policy.purposes},
    )


def _of_a_pack(policy: Policy, permit: str) -> bool:
    """Whether a permit comes from an import; for a part of a purpose, the part as well."""
    name, _, part = permit.partition("/")
    return any(
        name in pack.permits and (not part or part in pack.purposes) for pack in policy.imports
    )
