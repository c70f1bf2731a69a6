"""One policy of a document and the packs that it imports; nothing is overridden silently.

A law pack, one that says whom it ``protects``, gives what law says of everybody's data: its
permits for the built-in purposes, the roles that its rules name, its ``separate``, its
denies and its requirements. Its own purposes, with their permits, are there so that it can
be read and tested by itself, and are given to nobody. Its denies hold for the people whom
it protects, and for everybody of whom it is not known where she is. Any other pack gives
all that it has but what is of its organisation: the controller, approvals and the like.

What two packs say alike is one rule. What they say differently under one name, and what a
policy defines although a pack does, is a fault, unless the policy says so in ``overrides``.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from privet.policy.composed import LISTED, MAPPED, NAMED, Composed, Entry, Override
from privet.policy.hierarchy import closures
from privet.policy.policyform import DutyForm, WhenForm
from privet.policy.problems import Problems
from privet.types import BUILT_IN_PURPOSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from privet.policy.imports import Pack
    from privet.policy.policyform import DenyForm, PolicyForm, TrialForm
    from privet.policy.reading import Document, Path


def compose(
    document: Document, form: PolicyForm, packs: Sequence[Pack], problems: Problems
) -> Composed:
    """The policy with what its packs give; faults are noted in ``problems``."""
    own = _protecting(form)
    if not packs and not form.overrides:
        return Composed(own, document)
    whole = _Whole(document, own, packs, problems)
    return whole.composed(_each(packs))


def _each(packs: Sequence[Pack]) -> dict[str, Pack]:
    found: dict[str, Pack] = {}
    for pack in packs:
        found |= {pack.name: pack, **_each(pack.imports)}
    return dict(sorted(found.items()))


def _protecting(form: PolicyForm) -> PolicyForm:
    """The policy with its denies for the people whom it protects alone."""
    if not form.protects:
        return form
    return form.model_copy(update={"denies": [_limited(d, form.protects) for d in form.denies]})


def _limited(deny: DenyForm, places: list[str]) -> DenyForm:
    said = (deny.roles, deny.purposes, deny.kinds, deny.may_not, deny.fields, deny.categories)
    if deny.when is None and all(part is None for part in said):
        return deny  # it denies everything, which is refused as such
    if deny.when is not None and deny.when.jurisdiction is not None:
        return deny
    when = (deny.when or WhenForm()).model_copy(update={"jurisdiction": places})
    return deny.model_copy(update={"when": when})


class _Whole:
    """A policy while its packs are put together with it."""

    def __init__(
        self, document: Document, form: PolicyForm, packs: Sequence[Pack], problems: Problems
    ) -> None:
        self.document, self.form, self.problems = document, form, problems
        self.named: dict[str, dict[str, Entry]] = {section: {} for section in NAMED}
        self.separate: list[Entry] = []
        self.tests: list[Entry] = []
        self.never: list[str] = []
        self.overrides: list[Override] = []
        for i, pack in enumerate(packs):
            self._import(("imports", i), pack)
        self._own()
        self._needless()

    def _import(self, path: Path, pack: Pack) -> None:
        inner = _Whole(pack.document, _protecting(pack.form), pack.imports, self.problems)
        for section, entries in inner.given(pack.name).items():
            for name, entry in entries.items():
                there = self.named[section].setdefault(name, entry)
                if there.form != entry.form and name not in self.form.overrides:
                    self.problems.at(
                        self.document,
                        path,
                        f"the packs `{there.pack}` and `{pack.name}` both have the "
                        f"{NAMED[section]} `{name}`, and not the same",
                        "nobody could tell which of the two holds",
                        f"Define `{name}` yourself and list it under `overrides`.",
                    )
        # A pack may be reached on two ways; what it says is said once.
        for mine, more in (
            (self.separate, inner.groups(pack.name)),
            (self.tests, inner.applying(pack.name)),
        ):
            known = [entry.form for entry in mine]
            mine += [entry for entry in more if entry.form not in known]
        if not pack.form.protects:
            self.never += inner.never + pack.form.never

    def _own(self) -> None:
        listed = frozenset(self.form.overrides)
        for section, name, entry in self._entries():
            there = self.named[section].get(name)
            if there is not None and there.pack:
                if name not in listed:
                    self.problems.at(
                        self.document,
                        entry.path,
                        f"the pack `{there.pack}` has a {NAMED[section]} `{name}` already",
                        "a rule of a pack is never overridden silently",
                        "Rename or remove it, or list it under `overrides`.",
                    )
                self.overrides.append(Override(section, name, there, entry))
                del self.named[section][name]
            # The same name twice in one document is told where names are checked.
            self.named[section][name] = entry

    def _needless(self) -> None:
        made = {override.name for override in self.overrides}
        imported = {n for s in NAMED for n, e in self.named[s].items() if e.pack}
        for i, name in enumerate(self.form.overrides):
            if name not in made:
                told = "this policy does not define it" if name in imported else "no import has it"
                self.problems.at(
                    self.document,
                    ("overrides", i),
                    f"`{name}` overrides nothing: {told}",
                    "what is listed and not so hides what is overridden in truth",
                    "Define it here, or remove it from `overrides`.",
                    self.problems.near(name, imported) if name not in imported else "",
                )

    def _entries(self) -> Iterator[tuple[str, str, Entry]]:
        for section in MAPPED:
            for name, form in getattr(self.form, section).items():
                yield section, name, Entry(form, self.document, (section, name), "")
        for section in LISTED:
            for i, rule in enumerate(getattr(self.form, section)):
                yield section, rule.id, Entry(rule, self.document, (section, i), "")

    def given(self, pack: str) -> dict[str, dict[str, Entry]]:
        """What an importing policy gets of what is named."""
        found = {
            section: {
                name: entry if entry.pack else entry._replace(pack=pack)
                for name, entry in entries.items()
            }
            for section, entries in self.named.items()
        }
        return self._of_law(found, pack) if self.form.protects else found

    def _of_law(self, found: dict[str, dict[str, Entry]], pack: str) -> dict[str, dict[str, Entry]]:
        """What law says of everybody's data, without the purposes that show it at work."""
        found |= {"purposes": {}, "recipients": {}, "assessments": {}}
        found["permits"] = {
            n: e for n, e in found["permits"].items() if e.form.purpose in BUILT_IN_PURPOSES
        }
        named = chain(
            (e.form.role for e in found["permits"].values()),
            chain.from_iterable(e.form.roles or () for e in found["denies"].values()),
            chain.from_iterable(_members(e.form) for e in self.groups(pack)),
        )
        reached = closures({n: e.form.inherits for n, e in found["roles"].items()})
        acting = frozenset[str]().union(*(reached.get(name, frozenset()) for name in named))
        found["roles"] = {n: e for n, e in found["roles"].items() if n in acting}
        return found

    def groups(self, pack: str) -> list[Entry]:
        """Its groups of ``separate``, those of its imports first."""
        own = [
            Entry(group, self.document, ("separate", i), pack)
            for i, group in enumerate(self.form.separate)
        ]
        return [*self.separate, *own]

    def applying(self, pack: str) -> list[Entry]:
        """Its tests that say something in a policy that imports it."""
        own = [
            Entry(
                trial.model_copy(update={"name": f"{pack}: {trial.name}"}),
                self.document,
                ("tests", i),
                pack,
            )
            for i, trial in enumerate(self.form.tests)
            if not self.form.protects or _general(trial)
        ]
        return [*self._untouched(), *own]

    def composed(self, imports: Mapping[str, Pack]) -> Composed:
        """All of it as one policy."""
        # A name that stands twice in the document is kept twice, to be told.
        own = [(section, entry) for section, _, entry in self._entries()]
        listed = {
            section: [e for e in self.named[section].values() if e.pack]
            + [entry for where, entry in own if where == section]
            for section in LISTED
        }
        listed["separate"] = self.groups("")
        listed["tests"] = [
            *self._untouched(),
            *(Entry(t, self.document, ("tests", i), "") for i, t in enumerate(self.form.tests)),
        ]
        update: dict[str, Any] = {s: [e.form for e in entries] for s, entries in listed.items()}
        places: dict[Path, tuple[Document, Path]] = {
            (section, i): (e.document, e.path)
            for section, entries in listed.items()
            for i, e in enumerate(entries)
        }
        for section in MAPPED:
            imported = {n: e for n, e in self.named[section].items() if e.pack}
            places |= {(section, n): (e.document, e.path) for n, e in imported.items()}
            forms = {n: e.form for n, e in imported.items()}
            update[section] = forms | getattr(self.form, section)
        update["never"] = list(dict.fromkeys([*self.never, *self.form.never]))
        given = {(s, n): e.pack for s in NAMED for n, e in self.named[s].items() if e.pack}
        whole = self.form.model_copy(update=update)
        return Composed(whole, self.document, imports, tuple(self.overrides), given, places)

    def _untouched(self) -> list[Entry]:
        """The imported tests but those about what is overridden."""
        anew = {
            section: {o.name for o in self.overrides if o.section == section} for section in NAMED
        }
        permits = {
            (form.role, form.purpose)
            for o in self.overrides
            if o.section == "permits"
            for form in (o.imported.form, o.own.form)
        }
        denying = {o.imported.pack for o in self.overrides if o.section == "denies"}
        found = []
        for entry in self.tests:
            trial: TrialForm = entry.form
            given = trial.given
            purposes = {trial.purpose, *given.contract, *given.agreed, *given.objected}
            touched = (
                trial.as_ in anew["roles"]
                or not purposes.isdisjoint(anew["purposes"])
                or trial.to in anew["recipients"]
                or (trial.as_, trial.purpose) in permits
                or (entry.pack in denying and trial.then == "AccessDenied")
            )
            if not touched:
                found.append(entry)
        return found


def _members(group: list[str] | DutyForm) -> list[str]:
    """The roles of an entry of ``separate``."""
    return group.roles if isinstance(group, DutyForm) else group


def _general(trial: TrialForm) -> bool:
    """Whether a test of a law says something in every policy: of built-in purposes alone."""
    given = trial.given
    named = (given.contract, given.agreed, given.withdrawn, given.objected)
    wide = all(pattern == "*" for pattern in trial.fields)
    return trial.purpose in BUILT_IN_PURPOSES and wide and not any(named)
