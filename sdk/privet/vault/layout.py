"""Stable numbers for what the policy names: cell groups (event and atom) and key domains.

A number is given once and never taken back, so that a cell sealed years ago still says
what it holds. The policy's present atoms are the *current* layouts; older ones stay
readable as long as they hold no more than the current atoms that a read was granted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from privet.errors import PolicyError, StoreUnavailable
from privet.vault.codec import KINDS, Field, Layout

if TYPE_CHECKING:
    from privet.db import Store

KEY_SUFFIX: Final = "#key"
TAG: Final = "#tag"
_NO: Final = frozenset[str]()
MAX_NUMBER: Final = 2**16 - 1

Atom = tuple[str, tuple[str, ...]]
Kinds = Mapping[str, tuple[str, int]]


@dataclass(frozen=True)
class Layouts:
    """All layouts and domains of a home, and which of them the policy now uses."""

    by_grp: Mapping[int, Layout]
    current: Mapping[str, tuple[Layout, ...]]
    kinds: Kinds
    domains: Mapping[str, int]
    purposes: Mapping[int, str]

    def of_event(self, event: str) -> list[Layout]:
        """Every layout, current or old, that holds fields of this event."""
        return [layout for layout in self.by_grp.values() if layout.event == event]

    def key_layout(self, event: str) -> Layout:
        """The layout of an event's exactly-once tags."""
        return self.current[event + KEY_SUFFIX][0]

    def first_field(self, event: str) -> str:
        """The event's first field in document order: it decides where its tags live."""
        prefix = event + "."
        return next(name[len(prefix) :] for name in self.kinds if name.startswith(prefix))

    def readable(self, event: str, fields: Iterable[str]) -> list[Layout]:
        """The layouts, current and old, that hold any of these fields.

        Raises:
            StoreUnavailable: a field that no current layout has (reason ``layout.unknown``).
        """
        wanted = frozenset(fields)
        if not wanted <= self._granted(event, wanted):
            raise StoreUnavailable(
                "a field is in no layout of this home",
                why="the active policy's layout was not installed",
                reason="layout.unknown",
            )
        return [layout for layout in self.of_event(event) if layout.names & wanted]

    def too_wide(self, event: str, grps: Iterable[int], fields: Iterable[str]) -> list[int]:
        """The cell groups that hold more than the current atoms around ``fields``."""
        granted = self._granted(event, frozenset(fields))
        return [grp for grp in grps if not self.by_grp[grp].names <= granted]

    def _granted(self, event: str, wanted: frozenset[str]) -> frozenset[str]:
        atoms = (atom.names for atom in self.current.get(event, ()))
        return frozenset().union(*(names for names in atoms if names & wanted))

    def wide(self) -> list[int]:
        """Numbers of the groups that hold together what the current atoms keep apart.

        A read of any of their fields that is in use is refused until they are re-sealed.
        """
        found = []
        for grp, layout in self.by_grp.items():
            atoms = self.current.get(layout.event, ())
            touched = [atom.names for atom in atoms if atom.names & layout.names]
            if touched and not any(layout.names <= names for names in touched):
                found.append(grp)
        return found

    def outdated(self) -> list[int]:
        """Numbers of the groups that compaction re-seals into current ones.

        Not of those all of whose fields the policy has dropped: nothing takes them over.
        """
        now = {layout.grp for atoms in self.current.values() for layout in atoms}
        held = {e: frozenset().union(*(a.names for a in x)) for e, x in self.current.items()}
        return [
            g for g, x in self.by_grp.items() if g not in now and x.names & held.get(x.event, _NO)
        ]

    def dom(self, name: str) -> int:
        """A domain's number.

        Raises:
            StoreUnavailable: the active policy's layout was not installed.
        """
        try:
            return self.domains[name]
        except KeyError:
            raise StoreUnavailable(
                "a domain is not known in this home",
                why="the active policy's layout was not installed",
                reason="layout.unknown",
            ) from None

    def family(self, doms: Iterable[int]) -> list[int]:
        """These domains and all others of the same collecting purposes."""
        purposes = {self.purposes[dom] for dom in doms}
        return sorted(dom for dom, purpose in self.purposes.items() if purpose in purposes)


def unknown() -> StoreUnavailable:
    """Cells were re-sealed, by another process, under a layout that this one has not read yet."""
    return StoreUnavailable(
        "a home has cells of a layout that this process does not know",
        why="another process installed a newer policy",
        remedy="Try again; if it stays, open the deployment again.",
        reason="layout.unknown",
    )


def outdated() -> StoreUnavailable:
    """Older cells would open fields that a read was not granted: re-seal first, then permit."""
    return StoreUnavailable(
        "older cells hold more fields together than this read may open",
        why="the policy's atoms became finer and not all cells were re-sealed",
        remedy="Run `privet maintain` (re-sealing) before activating the policy.",
        reason="layout.outdated",
    )


def install(
    data: Store,
    keys: Store,
    atoms: Sequence[Atom],
    domains: Sequence[tuple[str, str, str]],
    kinds: Kinds,
) -> Layouts:
    """Give numbers to new atoms and domains and read all of them back; safe to repeat."""
    wanted = _wanted(atoms, kinds)
    layouts = _install_layouts(data, wanted)
    rest = _rest(layouts, wanted)
    if rest:
        layouts = _install_layouts(data, [*wanted, *rest])
    numbers, purposes = _install_domains(keys, domains)
    current: dict[str, tuple[Layout, ...]] = {}
    for event, fields in wanted:
        found = next(x for x in layouts if x.event == event and x.fields == fields)
        current[event] = (*current.get(event, ()), found)
    return Layouts({x.grp: x for x in layouts}, current, dict(kinds), numbers, purposes)


def _wanted(atoms: Sequence[Atom], kinds: Kinds) -> list[tuple[str, tuple[Field, ...]]]:
    wanted = []
    for event, names in atoms:
        fields = tuple(Field(n, *kinds[f"{event}.{n}"]) for n in names)
        if any(field.kind not in KINDS for field in fields):
            raise PolicyError("a field has a kind that cells cannot hold", reason="layout.kind")
        wanted.append((event, fields))
    events = dict.fromkeys(event for event, _ in atoms if event != "profile")
    wanted += [(event + KEY_SUFFIX, (Field(TAG, "tag"),)) for event in events]
    return wanted


def _rest(
    layouts: Sequence[Layout], wanted: Sequence[tuple[str, tuple[Field, ...]]]
) -> list[tuple[str, tuple[Field, ...]]]:
    """What of older layouts no atom has any more: where its values go when the rest is re-sealed.

    Without a layout of their own they would stay together with fields that reads open.
    """
    held: dict[str, set[str]] = {}
    for event, fields in wanted:
        held.setdefault(event, set()).update(field.name for field in fields)
    found = []
    for layout in layouts:
        names = held.get(layout.event, set())
        left = tuple(field for field in layout.fields if field.name not in names)
        if names and left and left != layout.fields:
            found.append((layout.event, left))
    return list(dict.fromkeys(found))


def _install_layouts(data: Store, wanted: Sequence[tuple[str, tuple[Field, ...]]]) -> list[Layout]:
    with data.read() as tx:
        layouts = [_parse(*row) for row in tx.all("SELECT grp, event, fields FROM layout")]
    known = {(x.event, x.fields) for x in layouts}
    if all(w in known for w in wanted):
        return layouts
    with data.write() as tx:
        tx.one(f"SELECT value FROM meta WHERE key = 'deployment'{tx.for_update}")
        layouts = [_parse(*row) for row in tx.all("SELECT grp, event, fields FROM layout")]
        for event, fields in wanted:
            if any(x.event == event and x.fields == fields for x in layouts):
                continue
            _check_kinds(layouts, event, fields)
            made = Layout(_next(x.grp for x in layouts), event, fields)
            text = json.dumps([[f.name, f.kind, f.scale] for f in fields])
            tx.run(
                "INSERT INTO layout (grp, event, fields) VALUES (?, ?, ?)",
                (made.grp, event, text),
            )
            layouts.append(made)
    return layouts


def _install_domains(
    keys: Store, domains: Sequence[tuple[str, str, str]]
) -> tuple[dict[str, int], dict[int, str]]:
    with keys.read() as tx:
        rows = tx.all("SELECT dom, name, purpose FROM domain")
    if not {name for name, _, _ in domains} <= {row[1] for row in rows}:
        with keys.write() as tx:
            tx.one(f"SELECT value FROM meta WHERE key = 'deployment'{tx.for_update}")
            rows = tx.all("SELECT dom, name, purpose FROM domain")
            known = {row[1] for row in rows}
            for name, purpose, hold in domains:
                if name not in known:
                    dom = _next(row[0] for row in rows)
                    tx.run(
                        "INSERT INTO domain (dom, name, purpose, hold) VALUES (?, ?, ?, ?)",
                        (dom, name, purpose, hold),
                    )
                    rows.append((dom, name, purpose))
                    known.add(name)
    return {name: dom for dom, name, _ in rows}, {dom: purpose for dom, _, purpose in rows}


def _check_kinds(layouts: Iterable[Layout], event: str, fields: Iterable[Field]) -> None:
    kinds = {f.name: f for x in layouts if x.event == event for f in x.fields}
    for field in fields:
        if kinds.get(field.name, field) != field:
            raise PolicyError(
                "a field was given another type than its sealed values have",
                why=f"{event}.{field.name} is stored as {kinds[field.name].kind}",
                remedy="Give the field a new name, or its old type.",
                reason="layout.kind",
            )


def _next(numbers: Iterable[int]) -> int:
    number = max(numbers, default=0) + 1
    if number > MAX_NUMBER:
        raise StoreUnavailable("this home has used up its layout numbers", reason="vault.exhausted")
    return number


def _parse(grp: int, event: str, fields: str) -> Layout:
    return Layout(grp, event, tuple(Field(*field) for field in json.loads(fields)))
