"""The vault: the one door to sealed values, and it opens only for a warrant.

- ``fetch`` reads sealed rows in the caller's snapshot and opens nothing.
- ``open`` reads keys afterwards, in a later snapshot: whoever was erased in between has
  ciphertext without a key, and nothing of hers comes out.
- ``prepare`` seals outside of any transaction; ``commit`` puts it in if nobody else wrote.
- Every encryption has a fresh number of its own; a head lists the cells that live.
- No key of a subject outlives the call that asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from privet.errors import StoreUnavailable
from privet.vault import checking, columns, compaction, moving, reading, separating, shred, writing
from privet.vault.cells import Renewed, Sealer
from privet.vault.layout import Atom, Kinds, install
from privet.vault.reading import Fetched, Plan, Room
from privet.vault.rekeying import Rekeying, gen_of
from privet.vault.rows import by_subject, ordinals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from pyroaring import BitMap

    from privet.clock import Clock
    from privet.db import Home, Tx
    from privet.errors import Erased, IntegrityError
    from privet.types import Events, Warrant
    from privet.vault.batch import Rows
    from privet.vault.checking import Examined
    from privet.vault.columns import Founded, Value
    from privet.vault.compaction import Overdue
    from privet.vault.keys import Keys
    from privet.vault.shred import Ending
    from privet.vault.subjects import Subjects
    from privet.vault.writing import Committed, Prepared


UNKNOWN: Final = "layout.unknown"
T = TypeVar("T")


def twice(work: Callable[[], T]) -> T:
    """Fetch and open; once more where that may be because of when it was fetched.

    Cells have a layout that this process did not know, or were sealed anew in between.
    """
    try:
        return work()
    except Renewed:
        pass
    except StoreUnavailable as error:
        if error.reason != UNKNOWN:
            raise
    return work()


@dataclass(frozen=True, slots=True)
class Holding:
    """How much of one event type a domain holds of a subject: for plans, nothing is opened."""

    domain: str
    event: str
    rows: int


class Vault:
    """The sealed store of one deployment.

    Args:
        home: the open stores.
        keys: the deployment's keys, initialised.
        subjects: ids to ordinals; kept here as the vault's own door to them.
        clock: the deployment's clock.
    """

    def __init__(self, home: Home, keys: Keys, subjects: Subjects, clock: Clock) -> None:
        self.subjects = subjects
        self._home = home
        self._keys = keys
        self._clock = clock
        self._installed: Room | None = None

    def __repr__(self) -> str:
        return "Vault(<sealed>)"

    def install(
        self,
        policy_atoms: Sequence[Atom],
        domains: Sequence[tuple[str, str, str]],
        kinds: Kinds,
    ) -> None:
        """Take over the layout that a policy derives; gives numbers to what is new.

        Args:
            policy_atoms: (event, bare fields) of every atom, ``profile`` being an event.
            domains: (name, purpose, hold) of every domain.
            kinds: ``"purchase.value"`` to ``("decimal", 2)``, in document order.

        Raises:
            PolicyError: a field changed its type (reason ``layout.kind``).
        """
        self._asked = (policy_atoms, domains, kinds)
        self._installed = self._made()

    def _made(self) -> Room:
        layouts = install(self._home.data, self._keys.store, *self._asked)
        sealer = Sealer(self._home.deployment, self._keys.timeline())
        return Room(self._home.data, self._keys, layouts, sealer)

    def _anew(self, work: Callable[[Room], T]) -> T:
        """Work in snapshots of its own; once more where cells have a layout that is new here.

        Another process re-seals under the layout of a policy that is to be activated, or
        under a key that was renewed.
        """
        try:
            return work(self._room)
        except Renewed:
            return work(self._room)
        except StoreUnavailable as error:
            if error.reason != UNKNOWN:
                raise
        self._installed = self._made()
        return work(self._room)

    def _opened(self, how: Callable[[Room, Fetched], Events], fetched: Fetched) -> Events:
        try:
            return how(self._room, fetched)
        except StoreUnavailable as error:
            if error.reason == UNKNOWN:  # what is fetched next is of layouts that are known
                self._installed = self._made()
            raise

    # --- reading -------------------------------------------------------------------------

    def fetch(self, tx: Tx, plan: Plan, snos: BitMap | Sequence[int]) -> Fetched:
        """Sealed rows of a plan in the caller's snapshot of the data store.

        Raises:
            StoreUnavailable: the plan needs a layout that is not installed, or cells await
                re-sealing (reasons ``layout.unknown``, ``layout.outdated``).
        """
        return reading.fetch(self._room, tx, plan, snos)

    def open(self, warrant: Warrant, fetched: Fetched) -> Events:
        """Open fetched events.

        Every subject asked for is in ``Events.subjects``, with or without rows. An ``id``
        column is int64 where every id in it is a canonical decimal number, else text.

        Raises:
            AccessDenied: the warrant does not name every subject (``warrant.missing``).
            IntegrityError: a cell, head or key is not what privet wrote.
            StoreUnavailable: cells have a layout that was not known here (``layout.unknown``):
                fetch again.
            KeyUnavailable: the keyring gives no key.
        """
        reading.require(warrant, fetched.snos)
        return self._opened(reading.open_events, fetched)

    def profiles(self, warrant: Warrant, fetched: Fetched) -> Events:
        """Open fetched profiles: one row per subject asked for, null where nothing is known.

        Raises:
            AccessDenied, IntegrityError, KeyUnavailable: as ``open``.
        """
        reading.require(warrant, fetched.snos)
        return self._opened(reading.open_profiles, fetched)

    # --- writing -------------------------------------------------------------------------

    def prepare(self, warrant: Warrant, rows: Rows) -> Prepared:
        """Tell repeats, encode and seal, outside of any transaction.

        Raises:
            AccessDenied: the warrant does not name every subject (``warrant.missing``).
            InvalidInput: a value that its field's kind cannot hold.
        """
        reading.require(warrant, set(rows.snos.tolist()))
        return self._anew(lambda room: writing.prepare(room, rows))

    def commit(self, tx: Tx, prepared: Prepared, allowed: BitMap) -> Committed | None:
        """Write what was prepared, for those allowed; in the caller's transaction.

        Returns:
            None, and nothing was written, where somebody else wrote one of these heads in
            between: prepare again.
        """
        return writing.commit(self._room, tx, prepared, allowed)

    # --- values that other rooms keep ----------------------------------------------------

    def seal_for(
        self, warrant: Warrant, sno: int, dom_name: str, label: bytes, plaintext: bytes
    ) -> bytes:
        """Seal a value under a subject's domain key, so that it dies with it."""
        return self.seal_many(warrant, dom_name, label, {sno: plaintext})[sno]

    def seal_many(
        self, warrant: Warrant, dom_name: str, label: bytes, values: Mapping[int, bytes]
    ) -> dict[int, bytes]:
        """Seal one value for each of many subjects; makes keys where there are none."""
        reading.require(warrant, values)
        dom, room = self._room.layouts.dom(dom_name), self._room
        keys = self._keys.of_subjects(sorted(values), (dom,))
        keys |= self._keys.make_for_subjects({(sno, dom) for sno in values} - keys.keys())
        return {
            sno: room.sealer.seal_value(keys[sno, dom], sno, dom, label, value)
            for sno, value in values.items()
        }

    def open_many(
        self, warrant: Warrant, dom_name: str, label: bytes, sealed: Mapping[int, bytes]
    ) -> dict[int, bytes]:
        """Open one value of each of many subjects; those without a key are left out."""
        reading.require(warrant, sealed)
        dom, room = self._room.layouts.dom(dom_name), self._room
        keys = self._keys.of_subjects(sorted(sealed), (dom,))
        return {
            sno: room.sealer.open_value(keys[sno, dom], sno, dom, label, ct)
            for sno, ct in sealed.items()
            if (sno, dom) in keys
        }

    def sealed_now(self, dom_name: str, sealed: Mapping[int, bytes]) -> bool:
        """Whether values are sealed under the keys of now: asked where they are put in.

        A key may have been renewed since they were sealed; nothing of it may come later.
        """
        dom = self._room.layouts.dom(dom_name)
        gens = self._keys.gens([(sno, dom) for sno in sealed])
        return all(gen_of(ct) == gens.get((sno, dom), gen_of(ct)) for sno, ct in sealed.items())

    @property
    def rekeying(self) -> Rekeying:
        """What renews the keys of people."""
        return Rekeying(self._room)

    # --- values that an app keeps in tables of its own -----------------------------------

    def found(self, warrant: Warrant, domain: str, snos: Sequence[int]) -> Founded:
        """Make ready keys and heads in a domain for those of these people who have none."""
        reading.require(warrant, snos)
        dom = self._room.layouts.dom(domain)
        return self._anew(lambda room: columns.found(room, dom, snos))

    def commit_found(self, tx: Tx, founded: Founded, allowed: BitMap) -> bool:
        """Write them, for those allowed; False where others were faster: begin again."""
        return columns.commit(self._room, tx, founded, allowed)

    def seal_column(self, warrant: Warrant, domain: str, values: Sequence[Value]) -> list[bytes]:
        """Seal values of a column under keys that exist; see ``vault.columns``.

        Raises:
            Erased: somebody's key is destroyed (``sealed.destroyed``).
        """
        reading.require(warrant, {sno for sno, _, _ in values})
        return columns.seal(self._room, self._room.layouts.dom(domain), values)

    def open_column(
        self, warrant: Warrant, domain: str, values: Sequence[Value]
    ) -> list[bytes | Erased | IntegrityError]:
        """Open values of a column; each that does not open has its reason instead."""
        reading.require(warrant, {sno for sno, _, _ in values})
        return columns.opened(self._room, self._room.layouts.dom(domain), values)

    # --- ends ----------------------------------------------------------------------------

    def shred(self, sno: int, domains: Sequence[str] | None = None) -> list[int]:
        """Destroy a subject's keys in these domains (None: all) and delete what they sealed.

        Returns:
            Numbers of the domains whose key was destroyed. (GDPR Art. 17.)
        """
        return shred.shred(self._room, sno, domains)

    def end(self, endings: Sequence[Ending], versions: Sequence[tuple[int, int]]) -> None:
        """Keep people out and destroy their keys and references, with those of models."""
        shred.end(self._room, self.subjects, endings, versions)

    def clear(self, tx: Tx, endings: Sequence[Ending]) -> None:
        """Delete what was sealed under keys that ``end`` destroyed."""
        shred.clear(self._room, tx, endings)

    def compact(self, warrant: Warrant, sno: int) -> int:
        """Merge small cells and re-seal outdated layouts; how many cells fewer there are."""
        reading.require(warrant, (sno,))
        return self._anew(lambda room: compaction.compact(room, sno))

    def separate(
        self,
        warrant: Warrant,
        sno: int,
        beside: Mapping[str, str],
        fields: Mapping[str, frozenset[str]],
        revealing: npt.NDArray[np.bool_],
    ) -> int:
        """Move a subject's rows of some items to the domains beside theirs; how many.

        Args:
            warrant: names her.
            sno: whose.
            beside: name of a domain to that of the one beside it.
            fields: event to its fields that hold items.
            revealing: by item code, which are to be apart, shape (I,), bool.
        """
        reading.require(warrant, (sno,))
        doms = {self._room.layouts.dom(a): self._room.layouts.dom(b) for a, b in beside.items()}
        what = separating.Separation(doms, fields, revealing)
        return self._anew(lambda room: separating.separate(room, sno, what))

    def move(
        self, warrant: Warrant, sno: int, moves: Sequence[tuple[str, frozenset[str], str, str]]
    ) -> int:
        """Move a subject's columns to the domains that they belong to; how many cells went.

        Args:
            warrant: names her.
            sno: whose.
            moves: event, bare fields, the domain that they are in, and the one that they belong
                to, by name.
        """
        reading.require(warrant, (sno,))
        dom = self._room.layouts.dom
        found = [moving.Move(event, names, dom(a), dom(b)) for event, names, a, b in moves]
        return self._anew(lambda room: moving.move(room, sno, found))

    def sweep(
        self,
        warrant: Warrant,
        now: int,
        cutoffs: Mapping[str, int],
        among: BitMap | None = None,
        *,
        every: bool = False,
    ) -> int:
        """Drop events older than their domain's cutoff, of the warrant's subjects.

        Each subject's cells are put in place in a transaction of their own: a sweep that is
        broken off has swept some of them, and leaves the others as they were.

        Args:
            warrant: names the subjects.
            now: UTC µs.
            cutoffs: by domain name, UTC µs; domains left out are not swept.
            among: whose cutoffs these are; of all that the warrant names where left out.
            every: look at all cells, not those alone whose week has come: the retention was
                shortened since they were sealed. All are cut anew, with the week of now.

        Returns:
            Events dropped; one with fields in two domains counts in each.
        """
        snos = sorted(warrant.subjects if among is None else among)
        reading.require(warrant, snos)
        by_dom = {self._room.layouts.dom(name): us for name, us in cutoffs.items()}
        if not by_dom:
            return 0
        due = snos if every else compaction.due(self._room, now, sorted(by_dom), snos)
        return sum(self._swept(sno, now, by_dom, every=every) for sno in due)

    def _swept(self, sno: int, now: int, by_dom: Mapping[int, int], *, every: bool) -> int:
        return self._anew(lambda room: compaction.sweep(room, sno, now, by_dom, every=every))

    def wide(self, tx: Tx) -> BitMap:
        """Subjects with cells that open more than the installed atoms allow: to be re-sealed."""
        return compaction.wide(self._room, tx)

    def lapsed(self, now: int) -> BitMap:
        """Subjects with cells whose first event has passed its retention at ``now`` (UTC µs)."""
        with self._home.data.read() as tx:
            return compaction.lapsed(tx, now)

    def scattered(self) -> BitMap:
        """Subjects whose cells are many and small, or of a layout that is used no more."""
        with self._home.data.read() as tx:
            return compaction.crowded(tx) | compaction.outdated(self._room, tx)

    def overdue(self, now: int) -> Overdue:
        """Subjects whose cells maintenance should visit at ``now`` (UTC µs)."""
        with self._home.data.read() as tx:
            return compaction.overdue(self._room, tx, now)

    # --- looking at everything -----------------------------------------------------------

    def renew_layout(self) -> None:
        """Read all layouts and domains again: others may have added some."""
        self._installed = self._made()

    def examine(self, warrant: Warrant, snos: Sequence[int]) -> Examined:
        """Look at all heads, cells and keys of these people; no value leaves.

        Args:
            warrant: names whom to open; of others nothing is opened.
            snos: ascending ordinals.
        """
        return checking.examine(self._room, warrant, snos)

    @property
    def domain_names(self) -> dict[int, str]:
        """Names of all domains of this home by their numbers."""
        return {dom: name for name, dom in self._room.layouts.domains.items()}

    @property
    def groups(self) -> dict[int, tuple[str, frozenset[str]]]:
        """Event and bare fields of all cell groups of this home by their numbers."""
        return {grp: (x.event, x.names) for grp, x in self._room.layouts.by_grp.items()}

    # --- what there is, unopened ---------------------------------------------------------

    def domains_of(self, tx: Tx, sno: int) -> list[str]:
        """Names of the domains that hold something of a subject."""
        names = {dom: name for name, dom in self._room.layouts.domains.items()}
        rows = by_subject(tx, "SELECT sno, dom FROM head", [sno])
        return [names[dom] for _, dom in rows]

    def keyed_domains(self, snos: Sequence[int]) -> dict[int, set[str]]:
        """Names of the domains in which each of these subjects has a key."""
        names = {dom: name for name, dom in self._room.layouts.domains.items()}
        return {s: {names[d] for d in doms} for s, doms in self._keys.domains(snos).items()}

    def holders(self, tx: Tx, domain: str) -> BitMap:
        """Ordinals of everybody of whom a domain holds something."""
        return ordinals(tx, "SELECT sno FROM head WHERE dom = ?", (self._room.layouts.dom(domain),))

    def half_shredded(self, domain: str, holders: BitMap) -> BitMap:
        """Those whose key in a domain is destroyed though cells are left: shred them again.

        Args:
            domain: its name.
            holders: as ``holders`` gave them, before: a key is made before what it seals.
        """
        return holders - self._keys.holders(self._room.layouts.dom(domain))

    def holdings(self, tx: Tx, sno: int) -> list[Holding]:
        """How many rows of which event each domain holds of a subject."""
        layouts = self._room.layouts
        names = {dom: name for name, dom in layouts.domains.items()}
        sums = tx.all("SELECT dom, grp, SUM(n) FROM cell WHERE sno = ? GROUP BY dom, grp", (sno,))
        most: dict[tuple[str, str], int] = {}
        for dom, grp, rows in sums:
            place = (names[dom], layouts.by_grp[grp].event)
            if "#" not in place[1]:
                most[place] = max(most.get(place, 0), int(rows))
        return [Holding(domain, event, rows) for (domain, event), rows in sorted(most.items())]

    @property
    def _room(self) -> Room:
        if self._installed is None:
            raise StoreUnavailable(
                "the vault has no layout yet",
                why="no policy's atoms were installed in this process",
                reason="layout.unknown",
            )
        return self._installed
