"""What a restore refuses, and what it takes only with somebody's word."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.restores import PURPOSE, Shop, database, found, number_of, train

import privet
from privet.audit import Entry
from privet.backup import exported
from privet.gate import keylife
from privet.maintenance import CALLER
from privet.testing import FakeClock


@pytest.fixture
def stand(tmp_path: Path) -> Shop:
    return Shop(str(tmp_path / "home"), tmp_path, FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))


@pytest.fixture
def full(stand: Shop) -> Path:
    """A backup, and a later one under ``later``."""
    with stand.open("pack:shop") as shop:
        found(shop)
        place = stand.back_up(shop, "full")
        shop.subject("p2", proof="t").consent.withdraw(PURPOSE, how="web")
        stand.back_up(shop, "later")
    return place


def refused(stand: Shop, backup: Path, **more: Any) -> str:
    """Why a restore is refused; what it left opens nowhere."""
    where = str(stand.root / "elsewhere")
    with pytest.raises(privet.PrivetError) as refusal:
        stand.brought_back(where, backup, **more)
    with pytest.raises(privet.StoreUnavailable) as closed:
        Shop(where, stand.root, stand.clock).open()
    assert closed.value.reason in {"store.missing", "store.restoring"}
    assert str(stand.root) not in str(refusal.value)
    return refusal.value.reason


# --- what is not whole, or does not fit ------------------------------------------------------


@pytest.mark.parametrize("store", ["data", "keys", "audit"])
def test_a_copy_that_was_cut_or_changed_is_refused(stand: Shop, full: Path, store: str) -> None:
    file = full / store / f"{store}.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:-8192])
    assert refused(stand, full) == "backup.torn"
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    file.write_bytes(changed)
    assert refused(stand, full) == "backup.torn"
    file.unlink()
    assert refused(stand, full) == "backup.torn"


def test_a_copy_without_its_manifest_is_refused(stand: Shop, full: Path) -> None:
    (full / "keys" / "manifest").unlink()
    assert refused(stand, full) == "backup.torn"


def test_a_manifest_that_somebody_else_wrote_is_refused(stand: Shop, full: Path) -> None:
    path = full / "data" / "manifest"
    path.write_bytes(path.read_bytes().replace(b'"position":', b'"position":1', 1))
    assert refused(stand, full) == "backup.forged"
    path.write_bytes(b"privet-backup/1\n{}\n\n")
    assert refused(stand, full) == "backup.form"


def test_copies_of_moments_that_do_not_fit_are_refused(stand: Shop, full: Path) -> None:
    later = stand.backups["later"]
    assert refused(stand, later, audit=full / "audit") == "backup.mixed"
    assert refused(stand, full, keys=later / "keys") == "backup.mixed"
    assert refused(stand, full, keys=later / "data") == "backup.mixed"


def test_a_backup_that_was_cut_off_is_no_backup_until_it_is_made_again(
    stand: Shop, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = stand.root / "cut"
    with stand.open() as shop:
        monkeypatch.setattr("privet.backup.making.sealed", _fails)
        with pytest.raises(privet.StoreUnavailable):
            shop.maintenance.backup(place)
        monkeypatch.undo()
        assert refused(stand, place) == "backup.torn"
        shop.maintenance.backup(place)
        with pytest.raises(privet.InvalidInput) as refusal:
            shop.maintenance.backup(place)
        assert refusal.value.reason == "backup.exists"
    with stand.restored(str(stand.root / "new"), place) as again:
        assert again.subject("p2", proof="t").consent.state()[PURPOSE] == "withdrawn"


def _fails(*_: object) -> bytes:
    raise OSError("power")


def test_two_stores_never_share_a_directory(stand: Shop, full: Path) -> None:
    with stand.open() as shop, pytest.raises(privet.InvalidInput) as refusal:
        shop.maintenance.backup(stand.root / "b", data=stand.root / "b" / "keys")
    assert refusal.value.reason == "backup.together"
    names = {path.name for path in full.rglob("*") if path.is_file()}
    assert names == {"data.db", "keys.db", "audit.db", "manifest"}
    assert {path.stat().st_mode & 0o777 for path in full.rglob("*.db")} == {0o600}


# --- other deployments -----------------------------------------------------------------------


def test_a_restore_into_another_deployment_is_refused(stand: Shop, full: Path) -> None:
    other = Shop(str(stand.root / "other"), stand.root / "o", stand.clock)
    other.open("pack:shop").close()
    with pytest.raises(privet.StoreUnavailable) as refusal:
        stand.brought_back(other.where, full)
    assert refusal.value.reason == "backup.foreign"
    other.open().close()
    with pytest.raises(privet.StoreUnavailable) as refusal:
        stand.brought_back(stand.where, full)
    assert refusal.value.reason == "restore.occupied"
    stand.open().close()


def test_copies_of_two_deployments_are_refused(stand: Shop, full: Path) -> None:
    other = Shop(str(stand.root / "other"), stand.root / "o", stand.clock)
    with other.open("pack:shop") as shop:
        theirs = other.back_up(shop, "theirs")
    assert refused(stand, full, audit=theirs / "audit") == "backup.foreign"


def test_a_stolen_backup_opens_nothing_with_another_keyring(stand: Shop, full: Path) -> None:
    other = Shop(str(stand.root / "other"), stand.root / "o", stand.clock)
    other.open("pack:shop").close()
    where = str(stand.root / "stolen")
    with pytest.raises(privet.KeyUnavailable):
        other.brought_back(where, full)
    with pytest.raises(privet.PrivetError):
        other.restored(where, full)


# --- anchors ---------------------------------------------------------------------------------


def test_a_backup_behind_its_anchor_stays_closed_until_somebody_accepts_the_loss(
    stand: Shop, full: Path
) -> None:
    with stand.open() as shop:
        anchor = stand.root / "checkpoint"
        anchor.write_bytes(shop._parts.log.checkpoint())
        ahead = shop._parts.log.size()
    assert refused(stand, full, anchor=anchor) == "restore.behind"
    assert refused(stand, full, anchor=anchor, accept_loss="  ") == "restore.behind"
    words = "The privacy officer decided it: the disk of that day is gone."
    where = str(stand.root / "elsewhere")
    done = stand.brought_back(where, full, anchor=anchor, accept_loss=words)
    assert done.lost == ahead - done.records
    with Shop(where, stand.root, stand.clock).open() as shop:
        (told,) = shop.maintenance.restores()
        assert (told.lost, told.words) == (done.lost, words)
        ((_, body),) = shop._parts.log.leaves(told.seq, 1)
        assert "privacy officer" not in json.dumps(body)
        assert body["checkpoint"] == anchor.read_text()
    everything = b"".join(p.read_bytes() for p in Path(where).iterdir() if p.is_file())
    assert b"privacy officer" not in everything


def test_an_anchor_that_the_log_has_reached_says_nothing(stand: Shop, full: Path) -> None:
    anchor = stand.root / "checkpoint"
    with stand.open() as shop:
        anchor.write_bytes(shop._parts.log.checkpoint())
    done = stand.brought_back(
        str(stand.root / "new"), full, audit=stand.where, anchor=anchor, accept_loss="nothing"
    )
    assert done.lost == 0


def test_an_anchor_of_another_history_is_refused(stand: Shop, full: Path) -> None:
    anchor = stand.root / "checkpoint"
    with stand.restored(str(stand.root / "a"), full) as shop:
        shop.subject("p3", proof="t").consent.withdraw(PURPOSE, how="web")
        anchor.write_bytes(shop._parts.log.checkpoint())
    with stand.restored(str(stand.root / "b"), full) as shop:  # the same backup, once more
        for who in ("p4", "p5"):
            shop.subject(who, proof="t").consent.withdraw(PURPOSE, how="web")
        theirs = stand.back_up(shop, "of-b")
    assert refused(stand, theirs, anchor=anchor) == "anchor.forked"
    assert refused(stand, theirs, anchor=anchor, accept_loss="all of it") == "anchor.forked"


def test_a_copy_of_another_history_than_the_log_is_refused(stand: Shop, full: Path) -> None:
    with stand.restored(str(stand.root / "a"), full) as shop:
        mine = stand.back_up(shop, "of-a")
    with stand.restored(str(stand.root / "b"), full) as shop:  # the same backup, once more
        for who in ("p3", "p4", "p5"):
            shop.subject(who, proof="t").consent.withdraw(PURPOSE, how="web")
        theirs = stand.back_up(shop, "of-b")
    assert refused(stand, mine, audit=theirs / "audit") == "backup.mixed"


def test_an_anchor_without_a_checkpoint_is_refused(stand: Shop, full: Path) -> None:
    assert refused(stand, full, anchor=_text(stand.root / "x", "none")) == "restore.anchor"
    assert refused(stand, full, anchor=stand.root / "nowhere") == "restore.anchor"


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# --- the newest log --------------------------------------------------------------------------


def test_the_log_of_a_home_that_is_alive_is_the_newest(stand: Shop, full: Path) -> None:
    with stand.open() as shop:
        shop.subject("p3", proof="t").rights.erase()
        done = stand.brought_back(str(stand.root / "new"), full, audit=stand.where)
    assert done.erased == 1
    with Shop(str(stand.root / "new"), stand.root, stand.clock).open() as shop:
        assert number_of(shop, "p3") is None


def _looked(people: set[int]) -> Entry:
    return Entry({"kind": "access", "purpose": PURPOSE}, frozenset(people))


def test_an_export_stands_for_the_log(stand: Shop, full: Path) -> None:
    with stand.open() as shop:
        shop.subject("p3", proof="t").rights.erase()
        auditor = shop.principal("auditor", roles=["auditor"]).audit
        people = [{4}, {4, 5}, set(range(100, 900, 7))]
        shop._parts.log.append([_looked(people[n % 3]) for n in range(300)])
        auditor.export(stand.root / "export")
        mine = shop._parts.home.audit
        tables = ("record", "tile", "single", "set_chunk", "head")
        wanted = {t: sorted(mine.all(f"SELECT * FROM {t}")) for t in tables}
    exported.rebuild(stand.root / "export", stand.root / "rebuilt.db")
    with closing(sqlite3.connect(stand.root / "rebuilt.db")) as made:
        assert {t: sorted(made.execute(f"SELECT * FROM {t}")) for t in tables} == wanted
    done = stand.brought_back(str(stand.root / "new"), full, audit=stand.root / "export")
    assert done.erased == 1
    bundle = next((stand.root / "export" / "tile" / "entries").glob("0*"))
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert refused(stand, full, audit=stand.root / "export") == "backup.torn"


def test_what_was_restored_is_backed_up_and_restored_again(stand: Shop, full: Path) -> None:
    with stand.restored(str(stand.root / "second"), full) as shop:
        before = shop._parts.log.vkey
        shop.subject("p9", proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
        nine = number_of(shop, "p9")
        again = stand.back_up(shop, "again")
    done = stand.brought_back(str(stand.root / "third"), again)
    assert done.timeline == 3
    with Shop(str(stand.root / "third"), stand.root, stand.clock).open() as shop:
        assert number_of(shop, "p9") == nine
        assert [r.timeline for r in shop.maintenance.restores()] == [2, 3]
        assert shop._parts.log.vkey != before
    assert done.first > (nine or 0) + 2**16


def test_a_log_of_a_later_timeline_counts_on_from_there(stand: Shop, full: Path) -> None:
    with stand.restored(str(stand.root / "second"), full) as shop:
        newest = stand.back_up(shop, "newest")
    done = stand.brought_back(str(stand.root / "third"), full, audit=newest / "audit")
    assert done.timeline == 3


def test_a_log_whose_key_was_changed_after_the_backup_is_followed(stand: Shop, full: Path) -> None:
    with stand.open() as shop:
        keylife.rotate_signing(shop._parts, CALLER)
        shop.subject("p3", proof="t").consent.withdraw(PURPOSE, how="web")
        newest = stand.back_up(shop, "newest") / "audit"
        replaced = shop._parts.log.vkey.rpartition("+")[2]
    with stand.restored(str(stand.root / "new"), full, audit=newest) as shop:
        assert shop.subject("p3", proof="t").consent.state()[PURPOSE] == "withdrawn"
        (told,) = shop.maintenance.restores()
        ((_, body),) = shop._parts.log.leaves(told.seq, 1)
        assert (body["signature"], body["previous"].rpartition("+")[2]) == ("", replaced)
        assert shop._parts.log.vkey.rpartition("+")[2] != body["vkey"].rpartition("+")[2]
        again = stand.back_up(shop, "again")
    with stand.restored(str(stand.root / "third"), again) as shop:
        assert len(shop.maintenance.restores()) == 2


# --- either kind into the other --------------------------------------------------------------


@pytest.mark.parametrize("to", ["postgresql", "sqlite"])
def test_a_backup_of_either_kind_is_restored_into_the_other(
    stand: Shop, postgres_server: Any, to: str
) -> None:
    with database(postgres_server) as url:
        homes = [str(stand.root / "files"), url]
        source, target = homes if to == "postgresql" else reversed(homes)
        stand.where = source
        with stand.open("pack:shop") as shop:
            found(shop)
            train(shop)
            full = stand.back_up(shop, "full")
            first = shop.principal("web", roles=["storefront"]).purpose(PURPOSE).recommend("p4")
        with stand.restored(target, full) as shop:
            assert [one for one in shop.maintenance.examine() if one.state != "ok"] == []
            web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
            assert [p.item for p in web.recommend("p4")] == [p.item for p in first]
            assert shop.subject("p4", proof="t").rights.erase().state == "done"


# --- a home that stays where it is -----------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_home_is_renewed_where_it_stands(
    stand: Shop, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgresql":
        stand.where = request.getfixturevalue("postgres_url")
    with stand.open("pack:shop") as shop:
        found(shop)
        old = shop._parts.log.vkey
    worker = stand.open()
    done = privet.restore(
        stand.where, in_place=True, keyring=stand.keyring, clock=stand.clock, sync="OFF"
    )
    assert (done.timeline, done.lost) == (2, 0)
    with pytest.raises(privet.AuditUnavailable):  # a worker of before cannot write any more
        worker.subject("p3", proof="t").consent.withdraw(PURPOSE, how="web")
    worker.close()
    with stand.open() as shop:
        assert shop._parts.log.vkey != old
        assert shop.subject("p3", proof="t").consent.state()[PURPOSE] == "active"


def test_neither_or_both_are_refused(stand: Shop, full: Path) -> None:
    assert refused(stand, full, in_place=True) == "restore.what"
    with pytest.raises(privet.InvalidInput):
        privet.restore(str(stand.root / "x"), keyring=stand.keyring)
    with pytest.raises(privet.StoreUnavailable):
        privet.restore(str(stand.root / "x"), in_place=True, keyring=stand.keyring)


def test_nothing_is_restored_into_a_clock_of_before(stand: Shop, full: Path) -> None:
    stand.clock.advance(timedelta(days=-2))
    assert refused(stand, full) == "clock.backwards"
    stand.clock.advance(timedelta(days=3))
    with stand.restored(str(stand.root / "elsewhere"), full) as shop:
        assert shop.maintenance.restores()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_interrupted_restore_is_closed_until_it_is_run_again(
    stand: Shop,
    full: Path,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = str(stand.root / "elsewhere")
    if kind == "postgresql":
        where = request.getfixturevalue("postgres_url")
    target = Shop(where, stand.root, stand.clock)

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("privet.backup.replaying.replay", stopped)
    with pytest.raises(KeyboardInterrupt):
        stand.brought_back(where, full)
    monkeypatch.undo()
    for policy in (None, "pack:shop"):
        with pytest.raises(privet.StoreUnavailable) as closed:
            target.open(policy)
        assert closed.value.reason == "store.restoring"
    other = Shop(str(stand.root / "other"), stand.root / "o", stand.clock)
    with other.open("pack:shop") as shop:
        theirs = other.back_up(shop, "theirs")
    with pytest.raises(privet.StoreUnavailable) as refusal:
        other.brought_back(where, theirs)
    assert refusal.value.reason == "backup.foreign"
    assert stand.brought_back(where, full).timeline == 2
    target.open().close()


def test_a_backup_of_an_ended_epoch_opens_nothing(stand: Shop, full: Path) -> None:
    with stand.open() as shop:
        shop.maintenance.rotate()
    assert refused(stand, full) == "key.missing"
