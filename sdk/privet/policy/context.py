"""What the checks work on: both forms, their lines, the problems found so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.policy.knowledge import PROFILE
from privet.policy.problems import Problems, shown
from privet.policy.rules import OWN_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from privet.policy.dataform import DataForm, FieldForm
    from privet.policy.policyform import PermitForm, PolicyForm
    from privet.policy.reading import Document, Path


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
    """

    data: DataForm
    policy: PolicyForm
    data_document: Document
    policy_document: Document
    problems: Problems
    fields: Mapping[str, FieldForm] = field(init=False)

    def __post_init__(self) -> None:
        """Spell out the fields."""
        named = {f"{PROFILE}.{bare}": form for bare, form in self.data.profile.items()}
        for event, spec in self.data.events.items():
            named |= {f"{event}.{bare}": form for bare, form in spec.fields.items()}
        object.__setattr__(self, "fields", named)

    def expand(self, patterns: Iterable[str] | None) -> frozenset[str]:
        """The fields that patterns name; an unknown one names nothing."""
        found: set[str] = set()
        for pattern in patterns or ():
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

    def collected(self, purpose: str) -> frozenset[str]:
        """The fields that permits let anyone collect for a purpose."""
        return self._named(purpose, frozenset({"collect"}))

    def used(self, purpose: str) -> frozenset[str]:
        """The fields that permits let anyone use, other than by collecting, for a purpose."""
        return self._named(purpose, OWN_ACTIONS - {"collect"})

    def _named(self, purpose: str, actions: frozenset[str]) -> frozenset[str]:
        return frozenset[str]().union(
            *(
                self.expand(p.fields)
                for p in self.policy.permits
                if p.purpose == purpose and not actions.isdisjoint(p.may)
            )
        )

    def wrong(self, path: Path, what: str, fix: str) -> None:
        """Note a fault of the policy document."""
        self.problems.at(self.policy_document, path, what, fix)

    def wrong_data(self, path: Path, what: str, fix: str) -> None:
        """Note a fault of the data document."""
        self.problems.at(self.data_document, path, what, fix)

    def known(self, path: Path, names: Iterable[str], among: Iterable[str], what: str) -> None:
        """Note each name that is not among those declared, and each one named twice."""
        declared = frozenset(among)
        listed = list(names)
        for name in listed:
            if name not in declared:
                self.wrong(path, f"{what} {shown(name)} is not declared", "Declare or correct it.")
        self.once(path, listed, what)

    def once(self, path: Path, names: Iterable[str], what: str) -> None:
        """Note each name that is listed twice."""
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
