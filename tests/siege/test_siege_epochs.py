"""Every copy of every store, kept from many moments, against the living keyring.

Somebody is erased and the epoch ends. Whoever kept copies of all three stores, from whatever
moment, and holds the living stores and the living keyring, opens nothing of hers, and is led
from her id to nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

import privet
from privet.crypto import Aead
from privet.db import locate, open_stores
from privet.errors import IntegrityError, KeyUnavailable
from privet.gate import keylife
from privet.maintenance import CALLER
from privet.recommend import Popularity
from privet.vault import FileKeyring, Keys
from privet.vault.keyroom.own import SECRETS
from privet.vault.keyroom.wrapping import SECRET, SUBJECT
from privet.vault.tags import encode_id, tags_of

PURPOSE = "recommendations"
HER = "ada"


@dataclass
class Life:
    """A deployment whose stores are copied at every moment; the keyring never is."""

    root: Path
    clock: object
    copies: list[Path] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def ring(self) -> str:
        return f"file:{self.root / 'ring'}"

    def __call__(self, act: Callable[[privet.Deployment], object]) -> object:
        """Do something, and keep a copy of the stores as they are then."""
        with privet.open(
            self.home, policy="pack:shop", keyring=self.ring, clock=self.clock, sync="OFF"
        ) as shop:
            done = act(shop)
        copy = self.root / f"copy{len(self.copies)}"
        shutil.copytree(self.home, copy)
        self.copies.append(copy)
        return done

    def stores(self) -> Iterator[Path]:
        yield from (*self.copies, self.home)


def loot(life: Life, sno: int) -> tuple[int, int]:
    """How many of her keys open, and how many links lead to her, over all copies together."""
    keks: dict[int, list[Aead]] = {}
    stores = [open_stores(locate(str(place)), "OFF") for place in life.stores()]
    rooms = [
        Keys(s.keys, FileKeyring(life.root / "ring", life.clock), s.deployment, life.clock)
        for s in stores
    ]
    for keys in rooms:
        with keys.store.read() as tx:
            numbers = [int(row[0]) for row in tx.all("SELECT ver FROM secret WHERE name = 'kek'")]
        for number in numbers:
            try:
                keks.setdefault(number, []).append(keys.wraps.kek(number))
            except KeyUnavailable:
                continue
    opened, refs, tags = 0, set(), set()
    for keys in rooms:
        with keys.store.read() as tx:
            rows = [
                (SUBJECT, (int(k), int(s), int(d), int(g)), bytes(w), bytes(kc))
                for table in ("subject_key", "former_key")
                for s, d, g, k, w, kc in tx.all(
                    f"SELECT sno, dom, gen, kek_id, wrapped, kc FROM {table} WHERE sno = ?",
                    (sno,),
                )
            ]
            rows += [
                (SECRET, (int(k), SECRETS.index("ref"), int(v), 0), bytes(w), bytes(kc))
                for v, k, w, kc in tx.all(
                    "SELECT ver, kek_id, wrapped, kc FROM secret WHERE name = 'ref'"
                )
            ]
            tags |= {bytes(row[0]) for row in tx.all("SELECT tag FROM subject_ref")}
        for label, place, wrapped, kc in rows:
            for kek in keks.get(place[0], []):
                keys.wraps._keks[place[0]] = (kek, 1e18)
                try:
                    key = keys.wraps.unwrap(label, place, wrapped, kc)
                except IntegrityError:
                    continue
                if label == SUBJECT:
                    opened += 1
                else:
                    refs.add(key)
    links = sum(tags_of(ref, [encode_id(HER)])[0] in tags for ref in refs)
    for store in stores:
        store.close()
    return opened, links


def begin(shop: privet.Deployment) -> None:
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
    for name in (HER, "bob", "eve"):
        shop.subject(name, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")


def use(shop: privet.Deployment) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for name in (HER, "bob", "eve"):
        web.record(name, "view", event_id="1", item="kettle")
    models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    models.serve(models.train("popular", Popularity(event="view")))


def leave(shop: privet.Deployment) -> None:
    """Begin a new epoch and index, and re-wrap her keys; then the process dies."""
    shop._parts.keys.begin_epoch()
    from privet.gate import indexing

    indexing.begin(shop._parts)


def erase(shop: privet.Deployment) -> dict[str, str | None]:
    erasure = shop.subject(HER, proof="t").rights.erase()
    assert erasure.state == "done"
    return json.loads(erasure.certificate)["certificate"]["backups"]


@pytest.mark.parametrize("when", ["calm", "half a rotation", "after a rotation", "keys renewed"])
def test_no_copy_opens_who_was_erased_once_the_epoch_has_ended(
    tmp_path: Path, clock, when: str
) -> None:
    life = Life(tmp_path, clock)
    life(begin)
    life(use)
    sno = life(lambda shop: shop._parts.subjects.find([HER])[0])
    if when == "half a rotation":
        life(leave)
        life(lambda shop: shop._parts.keys._rewrapping.run(lambda *_: None))
    if when == "after a rotation":
        clock.advance(timedelta(days=3))
        life(lambda shop: keylife.rotate_keys(shop._parts, CALLER))
        life(lambda shop: keylife.rotate_index(shop._parts, CALLER))
    if when == "keys renewed":
        life(lambda shop: shop._parts.vault.rekeying.renew(*renewed(shop, sno)))
        life(lambda shop: keylife.go_on(shop._parts, CALLER))
    told = life(erase)
    opened, links = loot(life, sno)
    assert opened
    assert links
    # Maintenance of the day that the certificate names, and none before it.
    until = privet_time(told["until"])
    clock.advance(until - clock.now() - timedelta(days=1))
    life(lambda shop: shop.maintenance.run())
    clock.advance(until - clock.now())
    life(lambda shop: shop.maintenance.run())
    assert loot(life, sno) == (0, 0)
    with privet.open(life.home, keyring=life.ring, clock=clock, sync="OFF") as shop:
        assert shop._parts.subjects.suppressed([HER]) == [True]
        assert shop._parts.subjects.find(["bob", "eve"]) == [sno + 1, sno + 2]
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        assert not web.record("bob", "view", event_id="1", item="kettle").new
        assert shop.maintenance.check().ok


def renewed(shop: privet.Deployment, sno: int) -> tuple[object, ...]:
    from privet.gate import rekeying

    warrant = rekeying._recorded(shop._parts, CALLER, sno)
    return warrant, sno, rekeying._own(shop._parts, sno)


def privet_time(text: str | None):
    from datetime import datetime

    assert text is not None
    return datetime.fromisoformat(text)


def test_every_copy_of_before_is_refused_with_the_living_keyring(tmp_path: Path, clock) -> None:
    life = Life(tmp_path, clock)
    life(begin)
    life(use)
    life(erase)
    before = list(life.copies)
    life(lambda shop: shop.maintenance.rotate())
    for copy in before:
        with pytest.raises(KeyUnavailable):
            privet.open(copy, keyring=life.ring, clock=clock, sync="OFF")


def test_a_date_is_stated_only_where_the_keyring_destroys(
    tmp_path: Path, clock, monkeypatch
) -> None:
    life = Life(tmp_path, clock)
    life(begin)
    with monkeypatch.context() as patched:
        patched.setattr(FileKeyring, "destroys_within", lambda _self: None)
        told = life(erase)
    assert told["until"] is None
    assert "no date can be stated" in told["why"]


def test_a_date_counts_the_keyrings_delay_and_its_copies(
    tmp_path: Path, clock, monkeypatch
) -> None:
    life = Life(tmp_path, clock)
    life(begin)
    days = 86_400_000_000
    life(lambda s: s.principal("o", roles=["operator"]).keys.terms(every_days=10, backup_days=5))
    monkeypatch.setattr(FileKeyring, "destroys_within", lambda _self: 7 * days)
    told = life(erase)
    assert privet_time(told["until"]) == clock.now() + timedelta(days=22)
    # A date that was named is kept when epochs are made longer.
    life(lambda s: s.principal("o", roles=["operator"]).keys.terms(every_days=90))
    clock.advance(timedelta(days=10))
    assert life(lambda shop: shop.maintenance.run())["epochs"]
