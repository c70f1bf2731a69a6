"""What the checks work on: both forms, their lines, the problems found so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.policy.knowledge import PROFILE
from privet.policy.problems import Problems, shown
from privet.policy.rules import OWN_ACTIONS
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from privet.policy.dataform import DataForm, FieldForm
    from privet.policy.policyform import PermitForm, PolicyForm
    from privet.policy.reading import Document, Path

_COLLECTING = frozenset({"collect"})


@dataclass(frozen=True)
class Context:
    """Both documents under check.

    Attributes:
        data: the data document's form.
        policy: the policy document's form.
        data_document: its lines.
        policy_document: its lines.
        problems: where faults go.
        fields: full field name to its form, profile first, in the document's order.
        roles: every role that a rule may name.
    """

    data: DataForm
    policy: PolicyForm
    data_document: Document
    policy_document: Document
    problems: Problems
    fields: Mapping[str, FieldForm] = field(init=False)
    roles: frozenset[str] = field(init=False)
    _serving: Mapping[str, list[PermitForm]] = field(init=False)
    _expanded: dict[tuple[str, ...], frozenset[str]] = field(init=False, default_factory=dict)
    _named: dict[tuple[str, bool], frozenset[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Spell out the fields."""
        named = {f"{PROFILE}.{bare}": form for bare, form in self.data.profile.items()}
        for event, spec in self.data.events.items():
            named |= {f"{event}.{bare}": form for bare, form in spec.fields.items()}
        object.__setattr__(self, "fields", named)
        object.__setattr__(self, "roles", frozenset({*self.policy.roles, SELF_ROLE}))
        serving: dict[str, list[PermitForm]] = {}
        for permit in self.policy.permits:
            serving.setdefault(permit.purpose, []).append(permit)
        object.__setattr__(self, "_serving", serving)

    def expand(self, patterns: Iterable[str] | None) -> frozenset[str]:
        """The fields that patterns name; an unknown one names nothing."""
        key = tuple(patterns or ())
        if key not in self._expanded:  # many rules name the same
            self._expanded[key] = self._spelt(key)
        return self._expanded[key]

    def _spelt(self, patterns: tuple[str, ...]) -> frozenset[str]:
        found: set[str] = set()
        for pattern in patterns:
            if pattern == "*":
                found |= set(self.fields)
            elif pattern.endswith(".*"):
                found |= {name for name in self.fields if name.startswith(pattern[:-1])}
            elif pattern in self.fields:
                found.add(pattern)
        return frozenset(found)

    def own(self) -> list[tuple[int, PermitForm]]:
        """Position and form of the permits for the policy's own purposes."""
        return [
            (i, p) for i, p in enumerate(self.policy.permits) if p.purpose in self.policy.purposes
        ]

    def serving(self, purpose: str) -> Sequence[PermitForm]:
        """The permits for a purpose."""
        return self._serving.get(purpose, ())

    def collected(self, purpose: str) -> frozenset[str]:
        """The fields that permits let anyone collect for a purpose."""
        return self._touched(purpose, collecting=True)

    def used(self, purpose: str) -> frozenset[str]:
        """The fields that permits let anyone use, other than by collecting, for a purpose."""
        return self._touched(purpose, collecting=False)

    def _touched(self, purpose: str, *, collecting: bool) -> frozenset[str]:
        key = (purpose, collecting)
        if key not in self._named:
            actions = _COLLECTING if collecting else OWN_ACTIONS - _COLLECTING
            self._named[key] = frozenset[str]().union(
                *{
                    self.expand(p.fields)
                    for p in self.serving(purpose)
                    if not actions.isdisjoint(p.may)
                }
            )
        return self._named[key]

    def wrong(self, path: Path, what: str, fix: str, why: str = "", near: str = "") -> None:
        """Note a fault of the policy document."""
        self.problems.at(self.policy_document, path, what, fix, why, near)

    def wrong_data(self, path: Path, what: str, fix: str, why: str = "", near: str = "") -> None:
        """Note a fault of the data document."""
        self.problems.at(self.data_document, path, what, fix, why, near)

    def known(self, path: Path, names: Iterable[str], among: Iterable[str], what: str) -> None:
        """Note each name that is not among those declared, and each one named twice."""
        declared = among if isinstance(among, frozenset) else frozenset(among)
        listed = list(names)
        for name in listed:
            if name not in declared:
                self.wrong(path, f"{what} {shown(name)} is not declared", "Declare or correct it.")
        self.once(path, listed, what)

    def once(self, path: Path, names: Iterable[str], what: str) -> None:
        """Note each name that is listed twice."""
        names = list(names)
        if len(set(names)) == len(names):
            return
        for name, times in Counter(names).items():
            if times > 1:
                self.wrong(path, f"{what} {shown(name)} is named twice", "Keep one of them.")

    def known_fields(self, path: Path, patterns: Iterable[str] | None) -> None:
        """Note each pattern that names no field, and each one written twice."""
        listed = list(patterns or ())
        for pattern in listed:
            if not self.expand([pattern]):
                self.wrong(
                    path,
                    f"{shown(pattern)} is no field of the data document",
                    "Correct the name, or declare the field there.",
                )
        self.once(path, listed, "the field")
