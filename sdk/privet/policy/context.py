"""What the checks work on: both forms, their lines, the problems found so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.policy.hierarchy import closures
from privet.policy.kinds import category_kinds, marks
from privet.policy.knowledge import PROFILE
from privet.policy.limits import MAX_NAMED
from privet.policy.problems import Problems, shown
from privet.policy.rules import OWN_ACTIONS
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from privet.policy.composed import Composed
    from privet.policy.dataform import DataForm, FieldForm
    from privet.policy.policyform import DenyForm, PermitForm, PolicyForm, PurposeForm
    from privet.policy.reading import Document, Path

_COLLECTING = frozenset({"collect"})
_MARKETING = "direct-marketing"


@dataclass(frozen=True)
class Context:
    """Both documents under check.

    Attributes:
        data: the data document's form.
        data_document: its lines.
        composed: the policy document with all that it imports.
        problems: where faults go.
        fields: full field name to its form, profile first, in the document's order.
        roles: every role that a rule may name.
        families: each purpose that others stand under, to all of them.
        permits: position and form; one that is for the purposes under its own as well is
            followed by one for each of them.
    """

    data: DataForm
    data_document: Document
    composed: Composed
    problems: Problems
    fields: Mapping[str, FieldForm] = field(init=False)
    roles: frozenset[str] = field(init=False)
    families: Mapping[str, frozenset[str]] = field(init=False)
    permits: Sequence[tuple[int, PermitForm]] = field(init=False)
    _serving: Mapping[str, list[PermitForm]] = field(init=False)
    _kinds: Mapping[str, frozenset[str]] = field(init=False)
    _of_event: Mapping[str, frozenset[str]] = field(init=False)
    _sets: dict[frozenset[str], frozenset[str]] = field(init=False, default_factory=dict)
    _expanded: dict[tuple[str, ...], frozenset[str]] = field(init=False, default_factory=dict)
    _named: dict[tuple[str, bool], frozenset[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Spell out the fields."""
        named = {f"{PROFILE}.{bare}": form for bare, form in self.data.profile.items()}
        for event, spec in self.data.events.items():
            named |= {f"{event}.{bare}": form for bare, form in spec.fields.items()}
        object.__setattr__(self, "fields", named)
        events: dict[str, set[str]] = {}
        for name in named:
            events.setdefault(name.partition(".")[0], set()).add(name)
        object.__setattr__(self, "_of_event", {e: frozenset(f) for e, f in events.items()})
        object.__setattr__(self, "roles", frozenset({*self.policy.roles, SELF_ROLE}))
        object.__setattr__(self, "families", _families(self.policy.purposes))
        object.__setattr__(self, "permits", self._permits())
        serving: dict[str, list[PermitForm]] = {}
        for _, permit in self.permits:
            serving.setdefault(permit.purpose, []).append(permit)
        object.__setattr__(self, "_serving", serving)
        object.__setattr__(self, "_kinds", self._marked())

    @property
    def policy(self) -> PolicyForm:
        """The policy document's form, with all that it imports."""
        return self.composed.form

    @property
    def policy_document(self) -> Document:
        """The policy document itself."""
        return self.composed.document

    def expand(self, patterns: Iterable[str] | None) -> frozenset[str]:
        """The fields that patterns name; an unknown one names nothing."""
        key = tuple(patterns or ())
        if key not in self._expanded:  # many rules name the same
            spelt = self._spelt(key)
            self._expanded[key] = self._sets.setdefault(spelt, spelt)
        return self._expanded[key]

    def named(self) -> list[frozenset[str]]:
        """The different sets of fields that permits and denies name."""
        total = 0
        patterns = [permit.fields for permit in self.policy.permits]
        for listed in (*patterns, *(deny.fields for deny in self.policy.denies)):
            before = len(self._sets)
            found = self.expand(listed)
            total += len(found) if len(self._sets) > before else 0
            if total > MAX_NAMED:
                break
        return list(self._sets)

    def _spelt(self, patterns: tuple[str, ...]) -> frozenset[str]:
        found: set[str] = set()
        for pattern in patterns:
            if pattern == "*":
                found |= set(self.fields)
            elif pattern.endswith(".*"):
                found |= self._of_event.get(pattern[:-2], frozenset())
            elif pattern in self.fields:
                found.add(pattern)
        return frozenset(found)

    def denied(self, deny: DenyForm) -> frozenset[str]:
        """The policy's own purposes that a deny is for."""
        named = frozenset(deny.purposes or self.policy.purposes)
        # What is refused for a purpose is refused for every part of it.
        named = named.union(*(self.families.get(name, frozenset()) for name in named))
        return named if deny.kinds is None else named & self.of_kinds(deny.kinds)

    def withheld(self, deny: DenyForm) -> frozenset[str] | None:
        """The fields that a deny is about; None for any."""
        if deny.categories is None:
            return self.expand(deny.fields) if deny.fields else None
        marked = frozenset(
            name
            for name, form in self.fields.items()
            if not category_kinds(self.data.categories.get(form.category)).isdisjoint(
                deny.categories
            )
        )
        return marked & self.expand(deny.fields) if deny.fields else marked

    def of_kinds(self, kinds: Iterable[str]) -> frozenset[str]:
        """The policy's own purposes that are of all these kinds."""
        wanted = frozenset(kinds)
        return frozenset(name for name, found in self._kinds.items() if wanted <= found)

    def _marked(self) -> dict[str, frozenset[str]]:
        """Each purpose to its kinds: a part has its own ground, and markets if the whole does."""
        policy = self.policy
        markets = {name for name, form in policy.purposes.items() if form.direct_marketing}
        markets |= {part for name in markets for part in self.families.get(name, ())}
        return {
            name: marks(form, policy.recipients) | ({_MARKETING} if name in markets else set())
            for name, form in policy.purposes.items()
        }

    def own(self) -> list[tuple[int, PermitForm]]:
        """Position and form of the permits for the policy's own purposes."""
        return [(i, p) for i, p in self.permits if p.purpose in self.policy.purposes]

    def _permits(self) -> list[tuple[int, PermitForm]]:
        found: list[tuple[int, PermitForm]] = []
        for i, permit in enumerate(self.policy.permits):
            found.append((i, permit))
            for name in sorted(self.families.get(permit.purpose, ())) if permit.children else ():
                # No name in a document has a slash, so no other permit is called so.
                part = {"id": f"{permit.id}/{name}", "purpose": name, "children": False}
                found.append((i, permit.model_copy(update=part)))
        return found

    def told(self, name: str) -> tuple[str | None, str | None]:
        """Text and retention of a purpose: its own, or the nearest above it that has one."""
        texts: list[str | None] = []
        retentions: list[str | None] = []
        seen: set[str] = set()
        above: str | None = name
        while above is not None and above in self.policy.purposes and above not in seen:
            seen.add(above)
            form = self.policy.purposes[above]
            texts.append(form.text)
            retentions.append(form.retention)
            above = form.parent
        return next(filter(None, texts), None), next(filter(None, retentions), None)

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

    def wrong(self, path: Path, what: str, why: str, fix: str, near: str = "") -> None:
        """Note a fault of the policy document: what, why it is refused, how to mend it."""
        document, there = self.composed.where(path)
        self.problems.at(document, there, what, why, fix, near)

    def warn(self, path: Path, what: str, why: str, fix: str) -> None:
        """Warn of something in the policy document."""
        document, there = self.composed.where(path)
        self.problems.warn(document, there, what, why, fix)

    def wrong_data(self, path: Path, what: str, why: str, fix: str, near: str = "") -> None:
        """Note a fault of the data document."""
        self.problems.at(self.data_document, path, what, why, fix, near)

    def known(self, path: Path, names: Iterable[str], among: Iterable[str], what: str) -> None:
        """Note each name that is not among those declared, and each one named twice."""
        declared = among if isinstance(among, frozenset) else frozenset(among)
        listed = list(names)
        for name in listed:
            if name not in declared:
                self.wrong(
                    path,
                    f"{what} {shown(name)} is not declared",
                    "what is named must be declared, so that a slip of the pen grants nothing",
                    "Declare or correct it.",
                    self.problems.near(name, declared),
                )
        self.once(path, listed, what)

    def once(self, path: Path, names: Iterable[str], what: str) -> None:
        """Note each name that is listed twice."""
        names = list(names)
        if len(set(names)) == len(names):
            return
        for name, times in Counter(names).items():
            if times > 1:
                self.wrong(
                    path,
                    f"{what} {shown(name)} is named twice",
                    "one of the two would be overlooked when the other is changed",
                    "Keep one of them.",
                )

    def known_fields(self, path: Path, patterns: Iterable[str] | None) -> None:
        """Note each pattern that names no field, and each one written twice."""
        listed = list(patterns or ())
        for pattern in listed:
            if not self.expand([pattern]):
                self.wrong(
                    path,
                    f"{shown(pattern)} is no field of the data document",
                    "a rule about a field that is not there protects and permits nothing",
                    "Correct the name, or declare the field there.",
                    self.problems.near(pattern, self.fields),
                )
        self.once(path, listed, "the field")


def _families(purposes: Mapping[str, PurposeForm]) -> dict[str, frozenset[str]]:
    """Each purpose that others stand under, to all of them, at any depth."""
    above = closures(
        {name: [form.parent] if form.parent else [] for name, form in purposes.items()}
    )
    under: dict[str, set[str]] = {}
    for name, reached in above.items():
        for higher in reached - {name}:
            under.setdefault(higher, set()).add(name)
    return {name: frozenset(found) for name, found in under.items()}
