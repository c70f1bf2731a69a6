"""What must hold after any fault: each invariant yields sentences about what is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.siege.crash.place import GONE, HERS, PEOPLE, PURPOSE, QUIET, VIEWS, Place, canary

from privet.audit.selfcheck import check as check_log
from privet.audit.verifier import verify_directory
from privet.errors import PrivetError

EVERYBODY = [*PEOPLE, QUIET, GONE]


@dataclass
class Heard:
    """What the acts told, by person."""

    begun: dict[str, set[str]] = field(default_factory=dict)
    done: dict[str, set[str]] = field(default_factory=dict)
    views_begun: dict[str, set[str]] = field(default_factory=dict)
    views_done: dict[str, set[str]] = field(default_factory=dict)
    opened: list[tuple[int, set[int]]] = field(default_factory=list)

    @classmethod
    def of(cls, place: Place) -> Heard:
        heard = cls()
        for did, about in place.told():
            if did == "opens":
                heard.opened.append((about["record"], set(about["whose"])))
            elif did in {"begins", "did"} and "who" in about:
                who, first = about["who"], did == "begins"
                (heard.begun if first else heard.done).setdefault(who, set()).add(about["to"])
                if "key" in about:
                    keys = heard.views_begun if first else heard.views_done
                    keys.setdefault(who, set()).add(about["key"])
        return heard

    def before(self, who: str) -> set[str]:
        """Her views when the home was prepared."""
        return {f"v{n}" for n in range(VIEWS)} if who in PEOPLE else set()


def unopened(place: Place, traces: dict[str, list[bytes]]) -> Iterator[str]:
    """Before anything is opened: no value in any file, and no key of whom is erased."""
    if place.url is not None:
        return  # what PostgreSQL leaves in its pages is promised by date: see the threat model
    erased = [who for who, did in Heard.of(place).done.items() if "erase" in did]
    needles = [(who, t) for who in [GONE, *erased] for t in traces.get(who, ())]
    needles += [(who, canary(who).encode()) for who in EVERYBODY]
    for path in sorted(place.root.rglob("*")):
        # Older copies of the keys open until their epoch ends; nothing of them is plain. What a
        # person was given of herself is: it is hers.
        if path.is_file() and path.name != HERS and place.root / "copies" not in path.parents:
            data = path.read_bytes()
            for who, needle in needles:
                if needle in data:
                    yield f"{path.name} holds something of {who} that is gone or sealed"


def opened(place: Place, *, finished: bool) -> Iterator[str]:
    """Of the open home. ``finished``: the operation was done after all, maintenance has run."""
    yield from _nothing_lost(place, Heard.of(place), finished=finished)
    yield from structure(place, finished=finished)
    for finding in place.shop.maintenance.examine():
        if finding.state == "fail" or (finished and finding.state != "ok"):
            yield f"doctor on {finding.check}: {finding.what}"


def structure(place: Place, *, finished: bool = False) -> Iterator[str]:
    """The log and its records, the ledger, the grounds, the cells: each agrees with the others."""
    yield from _nothing_without_record(place, Heard.of(place))
    yield from _log_is_whole(place, finished=finished)
    yield from ledger_is_of_the_log(place)
    yield from grounds_are_rebuilt(place)
    yield from _cells_have_heads(place, finished=finished)
    examined = place.shop.maintenance.check()
    if not examined.ok:
        yield f"store check: {examined.faults}"


def _nothing_lost(place: Place, heard: Heard, *, finished: bool) -> Iterator[str]:
    for who in {*EVERYBODY, *heard.begun}:
        done, begun = heard.done.get(who, set()), heard.begun.get(who, set())
        if "erase" in done or who == GONE:
            yield from erased(place, who)
            continue
        if "erase" in begun:  # she is still there, or her erasure goes on
            continue
        if place.sno(who) is None:
            if who in EVERYBODY or done:
                yield f"{who} is not known any more"
            continue
        if not finished and (begun or who == PEOPLE[-1]):  # ``summary`` tells the others
            yield from views(place, heard, who)
        state = place.as_("privacy-desk").consent.state(who)[PURPOSE]
        active = state.startswith("active")
        if ("withdraw" in done or who == QUIET) and active and "agree" not in begun:
            yield f"the withdrawal of {who} was lost"
        if "agree" in done and not active and not begun & {"withdraw", "object", "restrict"}:
            yield f"the answer of {who} was lost: {state}"


def views(place: Place, heard: Heard, who: str) -> Iterator[str]:
    """Her events: all that were acknowledged, none that nobody recorded, each once."""
    begun = heard.begun.get(who, set())
    if begun & {"withdraw", "object", "lapse"} or who == QUIET:
        return  # her rows of this purpose go with her consent
    found = [row["event_id"] for row in place.life(who)["events"].get("view", ())]
    needed = heard.before(who) | heard.views_done.get(who, set())
    possible = needed | heard.views_begun.get(who, set())
    if len(found) != len(set(found)):
        yield f"an event of {who} is there twice"
    if not needed <= set(found):
        yield f"acknowledged events of {who} are lost: {sorted(needed - set(found))}"
    if not set(found) <= possible:
        yield f"{who} has events that nobody recorded"


def erased(place: Place, who: str) -> Iterator[str]:
    """Nothing of hers is told or used, and nobody is known under her id but for a hold."""
    if place.sno(who) is not None and not _held(place, who):
        yield f"{who} was erased and is known"
    try:
        place.life(who)
        if not _held(place, who):
            yield f"the life of {who} is told after her erasure"
    except PrivetError:
        pass
    try:
        if place.as_("storefront").purpose(PURPOSE).recommend(who, k=2).personal:
            yield f"{who} is served from her own data after her erasure"
    except PrivetError:
        pass


def _held(place: Place, who: str) -> bool:
    sno = place.sno(who)
    with place.stores[1].read() as tx:
        rows = tx.all("SELECT held FROM subject_ref WHERE sno = ?", (sno,))
    return bool(rows) and all(held for (held,) in rows)


def _nothing_without_record(place: Place, heard: Heard) -> Iterator[str]:
    log = place.shop._parts.log
    size = log.size()
    for seq, snos in heard.opened:
        if seq >= size or not snos <= set(log.members(seq)):
            yield f"keys were used under record {seq}, which is not in the log or names others"


def _log_is_whole(place: Place, *, finished: bool) -> Iterator[str]:
    log = place.shop._parts.log
    try:
        check_log(place.stores[2], log.vkey)
    except PrivetError as error:
        yield f"the log: {error}"
    if finished:
        with tempfile.TemporaryDirectory() as directory:
            place.as_("auditor").audit.export(Path(directory) / "export")
            verdict = verify_directory(str(Path(directory) / "export"), vkey=log.vkey)
            if not verdict.ok:
                yield f"the verifier: {verdict}"


def ledger_is_of_the_log(place: Place) -> Iterator[str]:
    """The ledger has every entry that the log tells of the living, and no other."""
    parts = place.shop._parts
    said, gone = set(), set()
    for seq, body in parts.log.redo(-1):
        if body["kind"] == "ground":
            said.add((int(body["ground"]["sno"]), seq))
        elif str(body["kind"]).startswith("erase."):
            gone.add(int(str(body["sno"])))
    with place.stores[0].read() as tx:
        kept = {(int(sno), int(seq)) for sno, seq in tx.all("SELECT sno, seq FROM ledger")}
    if {line for line in said if line[0] not in gone} != {
        line for line in kept if line[0] not in gone
    }:
        yield "the ledger is not what the log says"


class _Back(Exception):
    """Ends a transaction that must change nothing."""


def grounds_are_rebuilt(place: Place) -> Iterator[str]:
    """Rows and bitmaps of the grounds are those that the ledger gives; changes nothing."""
    parts = place.shop._parts
    found: list[Any] = []
    try:
        with place.stores[0].write() as tx:
            for again in (False, True):
                if again:
                    parts.ledger.rebuild(tx)
                rows = [(int(s), bytes(b)) for s, b in tx.all("SELECT sno, body FROM ground")]
                may = {
                    name: sorted(parts.ledger.eligible(tx, [name], parts.now))
                    for name in parts.policy.purposes
                }
                found.append((sorted(rows), may))
            raise _Back
    except _Back:
        pass
    if found[0] != found[1]:
        yield "the grounds are not those that the ledger gives"


def _cells_have_heads(place: Place, *, finished: bool) -> Iterator[str]:
    with place.stores[0].read() as tx:
        cells = {(int(a), int(b)) for a, b in tx.all("SELECT DISTINCT sno, dom FROM cell")}
        heads = {(int(a), int(b)) for a, b in tx.all("SELECT sno, dom FROM head")}
        fences = {int(sno) for (sno,) in tx.all("SELECT sno FROM fence")}
    with place.stores[1].read() as tx:
        keyed = {(int(a), int(b)) for a, b in tx.all("SELECT sno, dom FROM subject_key")}
    loose = {pair for pair in cells - heads if finished or pair[0] not in fences}
    if loose:
        yield f"{len(loose)} lots of cells have no head"
    if finished and heads - keyed:
        yield f"{len(heads - keyed)} lots of cells have no key"


def summary(place: Place) -> dict[str, Any]:
    """The home in plain words: what it must be, whether or not a fault befell it on the way."""
    named = {about["who"] for _, about in place.told() if "who" in about}
    told: dict[str, Any] = {who: _person(place, who) for who in sorted({*EVERYBODY[-3:], *named})}
    models = place.as_("trainer").purpose(PURPOSE).models.list()
    told["models"] = {v.name: [v.digest.hex(), v.subjects] for v in models if v.state == "live"}
    told["items"] = len(place.shop.catalogue.ids)
    told["policy"] = place.shop.policy.hash
    told["overdue"] = place.shop.maintenance.overdue()
    with place.stores[0].read() as tx:
        told["requests"] = sorted(str(s) for (s,) in tx.all("SELECT state FROM request"))
    return told


def _person(place: Place, who: str) -> Any:
    if place.sno(who) is None:
        return "unknown"
    if _held(place, who):
        return "held"
    life = place.life(who)
    return {
        "states": place.as_("privacy-desk").consent.state(who),
        "profile": life["profile"],
        "views": sorted(row["event_id"] for row in life["events"].get("view", ())),
        "orders": sorted(row["order"] for row in life["events"].get("purchase", ())),
    }
