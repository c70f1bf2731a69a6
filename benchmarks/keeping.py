"""What it costs to keep: keys, ciphertexts, the log, rotation, erasures, and how that grows."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from statistics import median
from struct import pack
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks import audit, shop
from benchmarks.forgetting import watching
from benchmarks.measure import Row, fastest, seconds
from benchmarks.point import FEATURES
from privet.audit import Entry
from privet.crypto import Aead
from privet.db import create_stores, locate
from privet.vault import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Bench
    from privet.deployment import Deployment

MANY = 100_000
GROUP = 1000
BATCH = 100
IN_FLIGHT = 16


def rows(bench: Bench) -> Iterator[Row]:
    """All of them; growth last, for which other homes are made."""
    yield _one_cell(bench)
    yield _all_cells(bench)
    yield from _log(bench)
    yield _in_flight(bench)
    yield from _ending(bench)
    yield from _growth(bench)


def _one_cell(bench: Bench) -> Row:
    key, ad, plain = b"k" * 32, b"a" * 87, b"p" * 400
    nonce, bare, ours = b"n" * 12, AESGCM(key), Aead(key)
    sealed = ours.seal(plain, ad, nonce)
    ct = sealed[12:]
    count = 20_000 if bench.size.points > 100 else 200

    def through() -> None:
        for _ in range(count):
            ours.open(sealed, ad)

    def directly() -> None:
        for _ in range(count):
            bare.decrypt(nonce, ct, ad)

    found = fastest({"ours": through, "bare": directly}, 5)
    note = "a bare AESGCM.decrypt of the same bytes; the key is known"
    return _row(
        "open one cell",
        found["ours"] / count * 1e6,
        found["bare"] / count * 1e6,
        "µs",
        note,
    )


def _all_cells(bench: Bench) -> Row:
    bench.compact()
    parts = bench.shop._parts
    snos = [s for s in parts.subjects.find(sorted(set(bench.ids))) if s is not None]
    plan = Plan("purchase", shop.FIELDS, _domains(bench.shop), None)
    with parts.home.data.read() as tx:
        fetched = parts.vault.fetch(tx, plan, sorted(snos))
    warrant = parts.log.authorise(Entry(audit.BODY, frozenset(snos), "recommendations"))
    bare = _bare(bench.shop, fetched)
    found = fastest({"ours": lambda: parts.vault.open(warrant, fetched), "bare": bare}, 5)
    note = (
        "a bare loop that unwraps each key and decrypts each head and cell of the same bytes; "
        "ours also reads the keys, checks what must be there and gives columns"
    )
    return _row("open everybody's cells", found["ours"] * 1e3, found["bare"] * 1e3, "ms", note)


def _domains(opened: Deployment) -> tuple[str, ...]:
    with opened._parts.home.keys.read() as tx:
        names = [str(name) for (name,) in tx.all("SELECT name FROM domain ORDER BY dom")]
    return tuple(name for name in names if name.startswith("orders") and "/column" not in name)


def _bare(opened: Deployment, fetched: Any) -> Callable[[], None]:
    """Opens the same bytes as the vault, and does nothing else."""
    parts = opened._parts
    deployment = parts.home.deployment
    with parts.home.keys.read() as tx:
        keys = {
            (int(sno), int(dom)): (int(gen), int(kek), bytes(wrapped), bytes(kc))
            for sno, dom, gen, kek, wrapped, kc in tx.all(
                "SELECT sno, dom, gen, kek_id, wrapped, kc FROM subject_key"
            )
        }
    pairs = sorted({tuple(head[:2]) for head in fetched.heads})
    kek = AESGCM(b"k" * 32)
    label = b"privet-skey-v1".ljust(16, b"\0")
    wrapped = {}
    for sno, dom in pairs:  # the same lengths under a key of our own: the deployment's is hidden
        gen, number, _, kc = keys[sno, dom]
        ad = pack("<16s16sqqqq16s", label, deployment, number, sno, dom, gen, kc)
        wrapped[sno, dom] = (kek.encrypt(b"n" * 12, b"s" * 32, ad), ad)
    own = AESGCM(b"s" * 32)
    sealed: dict[tuple[int, int], list[tuple[bytes, bytes]]] = {pair: [] for pair in pairs}
    for row in (*fetched.heads, *fetched.cells):
        ct, ad = bytes(row[-1]), b"a" * 87
        sealed[row[0], row[1]].append((own.encrypt(b"n" * 12, b"p" * (len(ct) - 35), ad), ad))

    def loop() -> None:
        for pair, texts in sealed.items():
            ct, ad = wrapped[pair]
            key = AESGCM(kek.decrypt(b"n" * 12, ct, ad))
            for ct, ad in texts:
                key.decrypt(b"n" * 12, ct, ad)

    return loop


def _log(bench: Bench) -> Iterator[Row]:
    count = GROUP if bench.size.points > 100 else 20
    with closing(create_stores(locate(bench.directory / "keeping-log"))) as home:
        log = audit.log_of(home)

        def one_by_one() -> None:
            for n in range(count):
                log.append([audit.entry(n)])

        alone = seconds(one_by_one) / count
        group = min(
            seconds(lambda: log.append([audit.entry(n) for n in range(count)])) for _ in range(5)
        )
        note = "a durable append each, one after the other"
        yield _row("a record of a group of 1,000", group / count * 1e6, alone * 1e6, "µs", note)
        people = frozenset(range(0, 10 * MANY, 10) if count == GROUP else range(0, 3000, 10))
        bulk = Entry(audit.BODY, people, "recommendations")
        found = fastest(
            {"ours": lambda: log.append([bulk]), "one": lambda: log.append([audit.entry(1)])}, 9
        )
        note = f"a record of one person; ours names {len(people):,} of ten times as many"
        yield _row("a record of very many", found["ours"] * 1e3, found["one"] * 1e3, "ms", note)


def _in_flight(bench: Bench) -> Row:
    web = bench.web(bench.shop)
    count = max(len(bench.ids) // 2, 8)
    asked = [bench.ids[n % len(bench.ids)] for n in range(count)]
    for person in asked[:4]:
        web.recommend(person)
    alone = count / seconds(lambda: [web.recommend(person) for person in asked])
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        many = count / seconds(lambda: list(pool.map(web.recommend, asked)))
    note = "the same by one caller; durable, on threads"
    return _row("recommend, 16 in flight", many, alone, "requests/s", note)


def _ending(bench: Bench) -> Iterator[Row]:
    """Erasures together, then a new epoch: what wraps each key that is left."""
    desk = bench.shop.principal("desk", roles=["privacy-desk"]).rights
    people = bench.sales["subject"].drop_duplicates().tolist()[-BATCH - 1 :]
    people = people[: max(2, min(len(people), len(bench.ids) // 2))]
    with watching() as one:
        desk.erase(people[0])
    with watching() as many:
        took = seconds(lambda: desk.erase_many(people[1:]))
    of = len(people) - 1
    yield _row("erase one person: commits", one.commits, None, "commits", "until done")
    note = f"{of} people erased together, in {many.commits} commits and {took:.2g} s"
    yield _row("erase many: commits a person", many.commits / of, one.commits, "commits", note)
    with bench.shop._parts.home.keys.read() as tx:
        ((keys,),) = tx.all("SELECT COUNT(*) FROM subject_key")
    began = time.process_time()
    bench.shop._parts.keys.rotate()
    spent = (time.process_time() - began) / int(keys)
    yield _row("wrap a key under a new epoch", spent * 1e6, None, "µs", f"CPU; {keys:,} keys")


def _growth(bench: Bench) -> Iterator[Row]:
    """How a read and an erasure grow with the number of people: the slope of their logarithms."""
    most = min(400_000, bench.size.people)
    sizes = [max(10, most // 400), max(20, most // 20), most]
    reads, erasures = [], []
    for people in sizes:
        read, erased = _at(bench.directory / f"of-{people}", people, bench.size.points)
        reads.append(read)
        erasures.append(erased)
    of = f"from {sizes[0]:,} to {sizes[-1]:,} people"
    for name, found in (("read one person", reads), ("erase one person", erasures)):
        note = " → ".join(f"{1e3 * one:.3g}" for one in found) + f" ms of CPU, {of}"
        yield _row(f"{name}: growth", max(0.0, _slope(sizes, found)), None, "slope", note)


def _at(directory: Path, people: int, points: int) -> tuple[float, float]:
    """Median CPU seconds of a read and of an erasure, in a home of so many people."""
    size = shop.Size(subjects=people)
    with shop.opened(directory / "home", directory / "keyring", durable=False) as opened:
        shop.begin(opened, size)
        till = opened.principal("till", roles=["storefront"]).purpose("orders")
        chosen = [f"person-{n * (people // min(people, points)):06d}" for n in range(40)]
        chosen = [name for name in dict.fromkeys(chosen) if int(name[7:]) < people][:30]
        for n, person in enumerate(chosen):
            till.record(
                person,
                "purchase",
                basket=str(n),
                item="item-1",
                quantity=1,
                value="1.00",
                discount="0.00",
                coupon="0.00",
                store=300,
            )
        looking = opened.principal("nightly", roles=["trainer"]).purpose("segmentation")
        desk = opened.principal("desk", roles=["privacy-desk"]).rights
        gc.collect()
        read = [_cpu(lambda p=p: looking.features(FEATURES, subjects=[p])) for p in chosen * 3]
        erased = [_cpu(lambda p=p: desk.erase(p)) for p in chosen[: len(chosen) // 2]]
    return median(read[len(chosen) :]), median(erased[1:] or erased)


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _slope(sizes: list[int], found: list[float]) -> float:
    """Least squares through the logarithms: 0 is flat, 1 is proportional."""
    xs, ys = [math.log(n) for n in sizes], [math.log(s) for s in found]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
        (a - x) ** 2 for a in xs
    )


def _row(name: str, ours: float, peer: float | None, unit: str, note: str) -> Row:
    return Row("keeping", name, ours, peer, unit, note)
