"""One person's keys are renewed beside whoever reads and writes, from wherever it stopped."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import privet
from privet.errors import Erased, IntegrityError
from privet.gate import keylife, rekeying
from privet.maintenance import CALLER
from privet.recommend import Popularity
from privet.vault import gen_of
from privet.vault.rekeying import Rekeying

PURPOSE = "recommendations"
TABLES = ("head", "cell", "contribution", "segment_member")


class Stopped(Exception):
    """The process ends here."""


@pytest.fixture
def again(where: str, tmp_path: Path, clock):
    made = []

    def opened() -> privet.Deployment:
        shop = privet.open(
            where, policy="pack:shop", keyring=f"file:{tmp_path / 'ring'}", clock=clock, sync="OFF"
        )
        made.append(shop)
        return shop

    yield opened
    for shop in made:
        shop.close()


@pytest.fixture
def shop(again) -> privet.Deployment:
    shop = again()
    items = [{"item": item} for item in ("kettle", "teapot", "lamp")]
    shop.principal("ops", roles=["operator"]).admin.load_items(items)
    for name in ("ada", "bob"):
        shop.subject(name, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
        for n, item in enumerate(("kettle", "teapot")):
            web(shop).record(name, "view", event_id=str(n), item=item)
    models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    models.serve(models.train("popular", Popularity(event="view")))
    return shop


def web(shop: privet.Deployment):
    return shop.principal("web", roles=["storefront"]).purpose(PURPOSE)


def gens(shop: privet.Deployment, sno: int = 1) -> dict[str, set[int]]:
    """Generations of everything that is sealed under her keys, by table."""
    found = {}
    with shop._parts.home.data.read() as tx:
        for table in TABLES:
            rows = tx.all(f"SELECT ct FROM {table} WHERE sno = ?", (sno,))
            found[table] = {gen_of(bytes(row[0])) for row in rows}
    return found


def keyed(shop: privet.Deployment, sno: int = 1) -> set[int]:
    with shop._parts.home.keys.read() as tx:
        assert tx.all("SELECT 1 FROM former_key") == []
        return {int(r[0]) for r in tx.all("SELECT gen FROM subject_key WHERE sno = ?", (sno,))}


def repeated(shop: privet.Deployment, name: str = "ada") -> bool:
    """Whether both of her events, their tags and her numbers are read as they were sealed."""
    return not any(
        web(shop).record(name, "view", event_id=str(n), item=item).new
        for n, item in enumerate(("kettle", "teapot"))
    )


def test_all_that_is_hers_is_sealed_anew_and_the_old_keys_are_gone(shop, again) -> None:
    before, old = gens(shop), keyed(shop)
    assert before["contribution"]
    assert before["cell"]
    with shop._parts.home.keys.read() as tx:
        wrapped = [bytes(r[0]) for r in tx.all("SELECT wrapped FROM subject_key WHERE sno = 1")]
    assert shop.principal("ops", roles=["operator"]).keys.rotate_subject("ada") == len(old)
    fresh = keyed(shop)
    for table, found in gens(shop).items():
        assert found <= fresh, table
        assert not found & before[table], table
    with shop._parts.home.keys.read() as tx:
        assert not {bytes(r[0]) for r in tx.all("SELECT wrapped FROM subject_key")} & set(wrapped)
    for one in (shop, again()):
        assert repeated(one)
        assert repeated(one, "bob")
    assert shop.maintenance.check().ok
    # Her part of the model is subtracted as it was sealed.
    assert shop.subject("ada", proof="t").rights.erase().state == "done"
    assert gens(shop) == {table: set() for table in TABLES}


@pytest.mark.parametrize("step", ["cells", "value", "left", "drop"])
def test_a_renewal_goes_on_after_any_of_its_steps(shop, again, monkeypatch, step: str) -> None:
    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(Rekeying, step, stop)
        with pytest.raises(Stopped):
            keylife.rotate_subject(shop._parts, CALLER, 1)
    other = again()
    for one in (shop, other):
        assert repeated(one)
    web(other).record("ada", "view", event_id="between", item="lamp")
    status = other.principal("ops", roles=["operator"]).keys.status()
    assert status.renewals == 1
    assert status.under_way
    assert -1 not in other.maintenance.run().values()
    assert all(found <= keyed(other) for found in gens(other).values())
    assert repeated(again())
    assert not web(shop).record("ada", "view", event_id="between", item="lamp").new
    assert other.maintenance.check().ok


def test_an_epoch_that_ends_in_between_takes_both_keys_along(shop, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Rekeying, "drop", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keylife.rotate_subject(shop._parts, CALLER, 1)
    shop._parts.keys.rotate()
    assert repeated(shop)
    shop.maintenance.rotate()
    assert keyed(shop)
    assert repeated(shop)


def test_an_erasure_in_between_destroys_both_keys(shop, again, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Rekeying, "cells", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keylife.rotate_subject(shop._parts, CALLER, 1)
    assert again().subject("ada", proof="t").rights.erase().state == "done"
    with shop._parts.home.keys.read() as tx:
        for table in ("subject_key", "former_key"):
            assert tx.all(f"SELECT 1 FROM {table} WHERE sno = 1") == []
    assert keylife.go_on(shop._parts, CALLER) == 0
    with pytest.raises(Erased):
        rekeying.renew(shop._parts, CALLER, 1, lambda *_: None)


def test_a_read_that_began_before_is_made_again(shop, again, monkeypatch) -> None:
    """Her cells are fetched, her key is renewed whole, then they are opened."""
    other = again()
    real, renewed = other._parts.vault._keys.of_subjects, []

    def late(snos, doms):
        if not renewed:
            renewed.append(keylife.rotate_subject(shop._parts, CALLER, 1))
        return real(snos, doms)

    monkeypatch.setattr(other._parts.vault._keys, "of_subjects", late)
    assert repeated(other)
    assert renewed


def test_what_was_sealed_before_and_comes_after_is_sealed_again(shop, again, monkeypatch) -> None:
    """A part of a model that was sealed under the key before must not be stored later."""
    other = again()
    vault, renewed = type(other._parts.vault), []
    real = vault.seal_many

    def early(self, *args):
        sealed = real(self, *args)
        if not renewed:  # before it is stored
            renewed.append(keylife.rotate_subject(shop._parts, CALLER, 1))
        return sealed

    monkeypatch.setattr(vault, "seal_many", early)
    models = other.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    models.serve(models.train("again", Popularity(event="view")))
    monkeypatch.undo()
    assert renewed
    assert all(found <= keyed(other) for found in gens(other).values())
    assert other.subject("ada", proof="t").rights.erase().state == "done"


def test_readers_and_writers_go_on_while_keys_are_renewed(shop, again) -> None:
    wrong: list[str] = []
    over = threading.Event()

    def work(first: int) -> None:
        mine, n = again(), 0
        try:
            while not over.is_set():
                web(mine).record("ada", "view", event_id=f"{first}.{n}", item="lamp")
                if web(mine).record("ada", "view", event_id=f"{first}.{n}", item="lamp").new:
                    wrong.append("a repeat was not told")
                n += 1
        except privet.PrivetError as error:
            if isinstance(error, IntegrityError) or error.reason != "store.contended":
                wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            try:
                keylife.rotate_subject(shop._parts, CALLER, 1)
            except privet.StoreUnavailable as error:
                assert error.reason == "store.busy"
    finally:
        over.set()
        for thread in threads:
            thread.join()
    keylife.go_on(shop._parts, CALLER)
    assert wrong == []
    assert all(found <= keyed(shop) for found in gens(shop).values())
    assert repeated(shop)


def test_a_damaged_cell_is_damage_still(shop) -> None:
    with shop._parts.home.data.write() as tx:
        (ct,) = tx.one("SELECT ct FROM cell WHERE sno = 1 ORDER BY dom, seq, grp")
        other = bytes(ct[:3]) + bytes([ct[3] ^ 1]) + bytes(ct[4:])
        tx.run("UPDATE cell SET ct = ? WHERE ct = ?", (other, bytes(ct)))
    with pytest.raises(IntegrityError):
        keylife.rotate_subject(shop._parts, CALLER, 1)
