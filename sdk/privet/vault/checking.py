"""Looking at everything sealed of some people: does it open, and is it what the heads list?

Nothing of a person leaves this room: faults are codes and counts, rows are told by their
instants alone, a head by a digest of its ciphertext. Writers go on meanwhile: whatever two
snapshots can make look wrong (a key made or destroyed in between) is looked at again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from privet.errors import IntegrityError, KeyUnavailable
from privet.vault.cells import HEADER
from privet.vault.codec import decode
from privet.vault.heads import Manifest
from privet.vault.rows import by_subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from privet.types import Warrant
    from privet.vault.cells import SubjectKey
    from privet.vault.codec import Ints
    from privet.vault.keys import Pair
    from privet.vault.reading import Room, Row

_LOOKS: Final = 3
_DIGEST: Final = 16
_HEADS: Final = "SELECT sno, dom, ver, ct FROM head"
_CELLS: Final = "SELECT sno, dom, seq, grp, n, lapses, ct FROM cell"


class HeadState(NamedTuple):
    """One head as it stands: what a later look at the store is compared with.

    Attributes:
        sno: whose.
        dom: number of the domain.
        ver: how often it was written; grows by one with each write under a key.
        gen: generation of the key that it is sealed under.
        digest: the first 16 bytes of SHA-256 of its ciphertext.
    """

    sno: int
    dom: int
    ver: int
    gen: int
    digest: bytes


class Aged(NamedTuple):
    """Rows of one domain and cell group by their instants alone.

    Attributes:
        dom: number of the domain.
        grp: number of the cell group.
        snos: whose each row is, shape (R,), int64.
        at: instants, UTC microseconds, shape (R,), int64.
        lapses: week in which the row's cell is to be swept, shape (R,), int64.
    """

    dom: int
    grp: int
    snos: Ints
    at: Ints
    lapses: Ints


@dataclass(slots=True, repr=False)
class Examined:
    """What was seen of some people.

    Attributes:
        heads: the heads, ascending by person and domain.
        cells: how many cells.
        faults: how often each fault was found, by code.
        dataless: keys with neither a head nor a cell.
        keyless: heads without a key.
        aged: the rows that opened.
    """

    heads: list[HeadState] = field(default_factory=list)
    cells: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    dataless: list[Pair] = field(default_factory=list)
    keyless: list[Pair] = field(default_factory=list)
    aged: list[Aged] = field(default_factory=list)


@dataclass(slots=True, repr=False)
class _Person:
    """What one look saw of one person; ``doubtful``: two snapshots may have made it so."""

    heads: list[HeadState] = field(default_factory=list)
    cells: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    dataless: list[Pair] = field(default_factory=list)
    keyless: list[Pair] = field(default_factory=list)
    opened: list[tuple[Row, bytes]] = field(default_factory=list)
    doubtful: bool = False


def examine(room: Room, warrant: Warrant, snos: Sequence[int]) -> Examined:
    """Look at all heads, cells and keys of these people.

    Args:
        room: the open vault.
        warrant: of whomever it names the heads and cells are opened; of others, who came
            since it was given, nothing is.
        snos: ascending ordinals.

    Raises:
        KeyUnavailable: the keyring gives no key at all.
    """
    found = _look(room, warrant, snos)
    for _ in range(_LOOKS):
        doubtful = sorted(sno for sno, person in found.items() if person.doubtful)
        if not doubtful:
            break
        found |= _look(room, warrant, doubtful)
    told = Examined()
    opened: list[tuple[Row, bytes]] = []
    for sno in sorted(found):
        person = found[sno]
        told.heads += person.heads
        told.cells += person.cells
        told.faults += person.faults
        told.dataless += person.dataless
        told.keyless += person.keyless
        opened += person.opened
    told.aged = _aged(room, opened, told.faults)
    return told


def _look(room: Room, warrant: Warrant, snos: Sequence[int]) -> dict[int, _Person]:
    with room.data.read() as tx:
        heads = by_subject(tx, _HEADS, snos)
        cells = by_subject(tx, _CELLS, snos, "sno, dom, seq, grp")
    keys, people = _keys(room, snos)
    there: dict[Pair, list[Row]] = {}
    for cell in cells:
        there.setdefault((cell[0], cell[1]), []).append(cell)
    for sno, dom, ver, ct in heads:
        person = people.setdefault(sno, _Person())
        person.heads.append(_state(sno, dom, ver, bytes(ct)))
        mine = there.pop((sno, dom), [])
        person.cells += len(mine)
        if not warrant.covers(sno):
            continue
        key = keys.get((sno, dom))
        if key is None:
            person.keyless.append((sno, dom))
            person.doubtful = True
            continue
        _open(room, key, (sno, dom, ver, bytes(ct)), mine, person)
    for (sno, _), mine in there.items():  # no head stands beside them
        person = people.setdefault(sno, _Person())
        person.cells += len(mine)
        person.faults["cell.orphan"] += len(mine)
    headed = {(h[0], h[1]) for h in heads} | there.keys()
    for sno, dom in keys.keys() - headed:
        person = people.setdefault(sno, _Person())
        person.dataless.append((sno, dom))
        person.doubtful = True
    return people


def _open(room: Room, key: SubjectKey, head: Row, cells: list[Row], person: _Person) -> None:
    """Open one head, compare its list with the cells there, and open those that it lists."""
    sno, dom, ver, ct = head
    try:
        manifest = Manifest.parse(room.sealer.open_head(key, sno, dom, ver, ct))
    except IntegrityError:
        person.faults["head.sealed"] += 1
        person.doubtful = True  # the key may have been renewed since the head was read
        return
    listed = {(seq, grp): n for seq, grp, n in manifest.cells()}
    for cell in cells:
        n = listed.pop((cell[2], cell[3]), None)
        if cell[3] not in room.layouts.by_grp:
            person.faults["cell.layout"] += 1
        elif n is None:
            person.faults["cell.orphan"] += 1
        elif n != cell[4]:
            person.faults["cell.count"] += 1
        else:
            _open_cell(room, key, cell, person)
    if listed:
        person.faults["cell.missing"] += len(listed)


def _open_cell(room: Room, key: SubjectKey, cell: Row, person: _Person) -> None:
    try:
        plain = room.sealer.open_cell(key, cell[:6], bytes(cell[6]))
    except IntegrityError:
        person.faults["cell.sealed"] += 1
        person.doubtful = True
        return
    person.opened.append((cell[:6], plain))


def _keys(room: Room, snos: Sequence[int]) -> tuple[dict[Pair, SubjectKey], dict[int, _Person]]:
    """The keys of these people; whose do not open are told as faults of theirs."""
    doms = sorted(room.layouts.domains.values())
    people: dict[int, _Person] = {}
    try:
        return room.keys.of_subjects(snos, doms), people
    except (IntegrityError, KeyUnavailable) as error:
        if error.reason not in {IntegrityError.code, "key.missing"}:
            raise  # the keyring itself, not a key of somebody
    keys: dict[Pair, SubjectKey] = {}
    for sno, mine in room.keys.domains(snos).items():
        for dom in sorted(mine):
            try:
                keys |= room.keys.of_subjects([sno], [dom])
            except (IntegrityError, KeyUnavailable):
                people.setdefault(sno, _Person()).faults["key.closed"] += 1
    return keys, people


def _state(sno: int, dom: int, ver: int, ct: bytes) -> HeadState:
    gen = HEADER.unpack_from(ct)[2] if len(ct) >= HEADER.size else 0
    return HeadState(sno, dom, ver, gen, hashlib.sha256(ct).digest()[:_DIGEST])


def _aged(room: Room, opened: Iterable[tuple[Row, bytes]], faults: Counter[str]) -> list[Aged]:
    grouped: dict[tuple[int, int], list[tuple[Row, bytes]]] = {}
    for cell, plain in opened:
        grouped.setdefault((cell[1], cell[3]), []).append((cell, plain))
    found = []
    for (dom, grp), some in sorted(grouped.items()):
        kept = some
        try:
            at = _instants(room, grp, kept)
        except IntegrityError:
            kept = [one for one in some if _whole(room, grp, one)]
            faults["cell.form"] += len(some) - len(kept)
            if not kept:
                continue
            at = _instants(room, grp, kept)
        counts = [cell[4] for cell, _ in kept]
        snos, lapses = (
            np.repeat(np.array([cell[i] for cell, _ in kept], np.int64), counts) for i in (0, 5)
        )
        found.append(Aged(dom, grp, snos, at, lapses))
    return found


def _instants(room: Room, grp: int, some: Sequence[tuple[Row, bytes]]) -> Ints:
    plains, counts = [plain for _, plain in some], [cell[4] for cell, _ in some]
    return decode(room.layouts.by_grp[grp], plains, counts, frozenset()).at


def _whole(room: Room, grp: int, one: tuple[Row, bytes]) -> bool:
    try:
        _instants(room, grp, [one])
    except IntegrityError:
        return False
    return True
