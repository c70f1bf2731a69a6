"""Permits and denies, compiled: every wildcard is spelt out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from privet.types import ACCOUNTABILITY, ADMINISTRATION, CONSENT, FORGETTING, RIGHTS

if TYPE_CHECKING:
    from privet.policy.minimize import Minimize
    from privet.policy.period import Period
    from privet.policy.when import When

OWN_ACTIONS = frozenset(
    {"collect", "read", "recommend", "train", "evaluate", "serve", "derive", "export", "correct"}
)
"""What a permit may allow for one of the policy's own purposes."""

BUILT_IN_ACTIONS = {
    CONSENT: frozenset({"read", "begin", "end", "answer", "withdraw", "object", "restrict"}),
    RIGHTS: frozenset({"read", "correct", "restrict", "object", "export", "erase"}),
    ACCOUNTABILITY: frozenset({"prove", "export"}),
    FORGETTING: frozenset({"erase"}),
    ADMINISTRATION: frozenset({"administer"}),
}
"""What a permit may allow for each built-in purpose."""

FIELD_ACTIONS = frozenset({"collect", "read", "recommend", "train", "derive", "export", "correct"})
MODEL_ACTIONS = frozenset({"evaluate", "serve"})
"""What is done with a model that needs fields, which its own permit may name."""
RELEASING = frozenset({"read", "recommend", "train", "derive", "export"})
COHORT_ACTIONS = frozenset({"train", "derive", "export"})
WITH_FIELDS = frozenset({RIGHTS})
"""Built-in purposes whose permits name fields."""


EMERGENCY_ACTIONS = frozenset({"read", "derive", "export"})
"""What an emergency permit may allow: what it opens is looked at, nothing learns from it."""


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """How an emergency permit is opened.

    Attributes:
        minutes: how long it is open, and how long it may wait for the second person.
        second: roles of whom one person, another than asks, must confirm it.
    """

    minutes: int
    second: frozenset[str]


@dataclass(frozen=True, slots=True)
class Permit:
    """One role may do these actions with these fields for one purpose.

    Attributes:
        id: its name in records and explanations.
        role: who.
        purpose: why.
        actions: what.
        fields: full names, wildcards expanded.
        minimize: what happens to values before release.
        least: fewest people a release may be about; 1 without a floor.
        to: recipients of an export.
        when: the condition on which it grants.
        break_glass: how it is opened, where it is for an emergency.
    """

    id: str
    role: str
    purpose: str
    actions: frozenset[str]
    fields: frozenset[str]
    minimize: Minimize
    least: int
    to: frozenset[str]
    when: When | None = None
    break_glass: BreakGlass | None = None


@dataclass(frozen=True, slots=True)
class Duty:
    """Roles that one person may hold and not use together (dynamic separation, INCITS 359 6.4).

    Attributes:
        roles: no two of them are active in one request, by inheritance either.
        per: nor used one after the other about the same person (``"subject"``) or version of
            a model (``"version"``); ``"session"`` for no such bound.
        period: nor within so long; None for no such bound.
    """

    roles: frozenset[str]
    per: Literal["session", "subject", "version"]
    period: Period | None

    @property
    def within(self) -> str:
        """As a document says it."""
        return self.per if self.period is None else str(self.period)


@dataclass(frozen=True, slots=True)
class Deny:
    """What is refused whatever permits say. None stands for 'any'.

    Attributes:
        id: its name in records and explanations.
        text: why, in words.
        roles: whom it binds.
        purposes: for which of the policy's own purposes.
        actions: which actions.
        fields: full names, wildcards expanded.
        when: the condition on which it denies.
    """

    id: str
    text: str
    roles: frozenset[str] | None
    purposes: frozenset[str]
    actions: frozenset[str] | None
    fields: frozenset[str] | None
    when: When | None = None
