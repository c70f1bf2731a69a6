"""Old records end: sealed, exported, dropped, and every proof goes on. On both homes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.audit import proof
from privet.audit.verifier import Verdict, verify_directory, verify_history
from privet.gate import sharding
from privet.gate.parts import Caller
from privet.policy import load
from privet.testing import FakeClock

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
VIEWS = 320


@dataclass
class Life:
    """A shop of which the first days are a shard, with an export that has it."""

    shop: privet.Deployment
    clock: FakeClock
    root: Path
    opened: Callable[[], privet.Deployment]

    @property
    def audit(self) -> privet.AuditDesk:
        return self.shop.principal("inspector", roles=["auditor"]).audit

    @property
    def admin(self) -> privet.AdminDesk:
        return self.shop.principal("ops", roles=["operator"]).admin

    def look(self, subject: str, count: int = 1) -> None:
        web = self.shop.principal("web", roles=["storefront"]).purpose("recommendations")
        for n in range(count):
            self.clock.advance(timedelta(seconds=1))
            web.record(subject, "view", event_id=f"{self.clock.now()}-{n}", item="kettle")

    def exported(self, name: str) -> Path:
        self.audit.export(self.root / name)
        return self.root / name

    def history(self, subject: str) -> bytes:
        return self.audit.prove_history(subject)


@pytest.fixture
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    root = tmp_path_factory.mktemp("shards")
    yield from begun(str(root / "home"), root)


@pytest.fixture
def both(where: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """The same on either kind of home."""
    yield from begun(where, tmp_path_factory.mktemp("shards"))


def begun(where: str, root: Path) -> Iterator[Life]:
    (root / "policy").mkdir()
    for name, text in load("pack:shop").documents.items():
        more = "\nafter_erasure: {kept: 7d}\n" if name == "policy" else ""
        (root / "policy" / f"{name}.yaml").write_text(text + more)
    clock = FakeClock(START)

    def opened() -> privet.Deployment:
        policy, keys = root / "policy" / "policy.yaml", f"file:{root / 'keys'}"
        return privet.open(where, policy=policy, keyring=keys, clock=clock, sync="OFF")

    made = Life(opened(), clock, root, opened)
    made.admin.load_items([{"item": "kettle"}])
    for name in ("ada", "bob"):
        answer = made.shop.subject(name, proof="t").consent.answer
        answer({"recommendations": True}, notice="1", how="web")
    made.look("ada", VIEWS // 2)
    made.look("bob", VIEWS // 2)
    clock.advance(timedelta(days=2))
    made.look("ada", 3)
    yield made
    made.shop.close()


def dropped(life: Life) -> Path:
    """Seal what is two days old, export, wait for as long as the policy says, and drop."""
    life.admin.seal_shard(before=life.clock.now() - timedelta(days=1))
    export = life.exported("shard-1")
    life.clock.advance(timedelta(days=8))
    life.admin.drop_shard(1, export)
    return export


def test_a_shard_ends_and_every_proof_goes_on(both: Life) -> None:
    life = both
    before = life.history("ada")
    kept = life.shop._parts.log.checkpoint()
    export = dropped(life)
    (shard,) = life.admin.shards()
    assert (shard.state, shard.first, shard.upto % 256) == ("dropped", 0, 0)
    assert 0 < shard.gone < shard.upto
    life.look("ada")
    late = life.exported("late")
    found = verify_directory(late, anchor=kept, vkey=life.audit.verifier_key)
    assert found.ok, found
    assert f"{shard.gone} records were dropped" in found.notes[0]
    whole = verify_directory(late, anchor=export, shards=[export])
    assert whole.ok
    assert "as the log says" in whole.notes[0]
    assert f"{shard.gone} of them are in the shards that you gave" in whole.notes[0]
    assert "only the hash is here" not in whole.notes[0]
    assert json.loads((late / "manifest.json").read_bytes())["dropped"] == shard.gone
    # What was proved of the records that are gone holds under the log as it is now.
    assert verify_history(before, export=late, shards=[export]).ok
    assert verify_history(life.history("ada"), export=life.exported("late")).ok
    log = life.shop._parts.log
    assert log.prove_growth(kept)["hashes"]
    with pytest.raises(privet.InvalidInput) as refusal:
        life.audit.prove(30)
    assert refusal.value.reason == "record.dropped"


def test_what_state_is_rebuilt_from_stays(life: Life) -> None:
    at = START + timedelta(hours=1)
    desk = life.shop.principal("desk", roles=["privacy-desk"])
    told = desk.consent.state("ada", at=at)
    dropped(life)
    desk = life.shop.principal("desk", roles=["privacy-desk"])
    assert desk.consent.state("ada", at=at) == told
    assert desk.consent.state("ada", at=at)["recommendations"] == "active"
    assert [f.state for f in life.shop.maintenance.examine() if f.check == "audit log"] == ["ok"]
    access = desk.rights.access("ada")
    assert "recommendations" in {g["purpose"] for g in access["grounds"]}
    life.shop.close()
    life.shop = life.opened()
    assert life.shop.maintenance.check().ok
    assert life.shop.subject("ada", proof="t").rights.erase().state == "done"


def test_the_history_says_from_when_on_it_is_whole(life: Life) -> None:
    assert life.audit.complete_from is None
    many = len(life.audit.history("ada"))
    dropped(life)
    found = life.audit.history("ada")
    assert len(found) < many
    (shard,) = life.admin.shards()
    since = life.audit.complete_from
    assert since is not None
    kept = [r for r in found if r["seq"] < shard.upto]
    assert {r["kind"] for r in kept} == {"ground"}
    assert all(r["seq"] >= shard.upto for r in found if r["kind"] == "access")


def test_only_what_the_policy_lets_go_goes_and_only_with_a_good_export(life: Life) -> None:
    life.admin.seal_shard(before=life.clock.now() - timedelta(days=1))
    early = life.exported("shard-1")

    def refused(number: int, export: Path, reason: str) -> None:
        with pytest.raises(privet.PrivetError) as refusal:
            life.admin.drop_shard(number, export)
        assert refusal.value.reason == reason
        assert life.admin.shards()[0].state == "sealed"

    refused(1, early, "shard.kept")
    life.clock.advance(timedelta(days=8))
    refused(2, early, "shard.unknown")
    refused(1, life.root, "shard.export")
    torn = life.root / "torn"
    shutil.copytree(early, torn)
    bundle = torn / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(b"storefront", b"storefronT", 1))
    refused(1, torn, "shard.export")
    with pytest.raises(privet.AccessDenied):
        life.shop.principal("web", roles=["storefront"]).admin.drop_shard(1, early)
    with pytest.raises(privet.InvalidInput) as refusal:
        life.admin.seal_shard(before=START)
    assert refusal.value.reason == "shard.empty"
    life.admin.drop_shard(1, early)
    with pytest.raises(privet.InvalidInput) as refusal:
        life.admin.drop_shard(1, early)
    assert refusal.value.reason == "shard.gone"


def test_the_database_itself_lets_nothing_else_go(both: Life) -> None:
    life = both
    audit = life.shop._parts.home.audit

    def refused(sql: str) -> None:
        with pytest.raises(privet.PrivetError), audit.write() as tx:
            tx.run(sql)

    refused("DELETE FROM record WHERE seq = 40")
    life.admin.seal_shard(before=life.clock.now() - timedelta(days=1))
    refused("DELETE FROM record WHERE seq = 40")  # sealed, and not being dropped
    refused("DELETE FROM single WHERE seq = 40")
    with audit.write() as tx:
        tx.run("UPDATE shard SET state = 'dropping'")
        redo = tx.one("SELECT MIN(seq) FROM record WHERE redo = 1")
    assert redo is not None
    refused(f"DELETE FROM record WHERE seq = {redo[0]}")  # what state is rebuilt from
    refused("DELETE FROM single WHERE seq = 40")  # an index of a record that is still there
    refused("DELETE FROM record WHERE seq = (SELECT MAX(seq) FROM record)")
    refused("UPDATE record SET ts = 0 WHERE seq = 40")
    refused("DELETE FROM tile")


def test_a_drop_that_was_broken_off_is_gone_on_with(life: Life) -> None:
    life.admin.seal_shard(before=life.clock.now() - timedelta(days=1))
    export = life.exported("shard-1")
    life.clock.advance(timedelta(days=8))

    def stop(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("privet.audit.shards.PAGE", 64)
        with pytest.raises(KeyboardInterrupt):
            life.admin.drop_shard(1, export, progress=stop)
    (shard,) = life.admin.shards()
    assert shard.state == "dropping"
    assert verify_directory(life.exported("between"), shards=[export]).ok
    assert life.admin.drop_shard(1, life.root).state == "dropped"
    assert verify_directory(life.exported("after"), shards=[export]).ok


def test_a_hole_that_the_log_does_not_tell_of_is_found(life: Life) -> None:
    export = life.exported("whole")
    hollow(export, 40)
    found: Verdict = verify_directory(export)
    assert not found.ok
    assert found.first_bad == 40
    assert any("no record says so" in problem.what for problem in found.problems)


def test_an_export_without_one_body_is_not_enough_though_the_log_says_it_went(life: Life) -> None:
    # A drop that stopped after its record and before its first deletion leaves such a log.
    shard = life.admin.seal_shard(before=life.clock.now() - timedelta(days=1))
    caller = Caller("p-0", frozenset({"operator"}))
    sharding._record(life.shop._parts, caller, "dropped", shard.first, shard.upto)
    export = life.exported("whole")
    hollow(export, 40)
    assert verify_directory(export).ok
    life.clock.advance(timedelta(days=8))
    with pytest.raises(privet.IntegrityError) as refusal:
        life.admin.drop_shard(1, export)
    assert refusal.value.reason == "shard.export"
    assert life.admin.shards()[0].state == "sealed"


def hollow(export: Path, seq: int) -> None:
    """Take a body out of an export of the log, as if it had been dropped."""
    bundle = export / "tile" / "entries" / "000"
    data, at = bundle.read_bytes(), 0
    for _ in range(seq):
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    after = at + 2 + int.from_bytes(data[at : at + 2], "big")
    bundle.write_bytes(data[:at] + b"\0\0" + data[after:])
    lines = (export / "records.jsonl").read_bytes().splitlines(keepends=True)
    (export / "records.jsonl").write_bytes(b"".join(lines[:seq] + lines[seq + 1 :]))
    told = json.loads((export / "manifest.json").read_bytes())
    told |= {"records": told["records"] - 1, "dropped": 1}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    (export / "manifest.json").write_text(text + "\n")


def test_a_second_shard_begins_where_the_first_ended(life: Life) -> None:
    first = dropped(life)
    life.look("bob", 300)
    life.clock.advance(timedelta(days=1))
    life.look("bob")
    second = life.admin.seal_shard(before=life.clock.now() - timedelta(hours=1))
    assert second.first == life.admin.shards()[0].upto
    export = life.exported("shard-2")
    with pytest.raises(privet.PrivetError) as refusal:
        life.clock.advance(timedelta(days=8))
        life.admin.drop_shard(2, first)  # an export from before it
    assert refusal.value.reason == "shard.export"
    life.admin.drop_shard(2, export)
    last = life.exported("last")
    gone = sum(shard.gone for shard in life.admin.shards())
    assert (
        f"{gone} of them are in the shards"
        in verify_directory(last, shards=[first, export]).notes[0]
    )


def test_the_erased_are_in_no_way_told_by_what_stays(life: Life) -> None:
    life.shop.subject("bob", proof="t").rights.erase()
    dropped(life)
    with pytest.raises(privet.UnknownSubject):
        life.audit.history("bob")
    audit: Any = life.shop._parts.home.audit
    with audit.read() as tx:
        kinds = {
            json.loads(bytes(body))["kind"]
            for (body,) in tx.all("SELECT body FROM record WHERE seq < 256")
        }
        assert proof.membership(tx, int(tx.one("SELECT MIN(seq) FROM record")[0]), 1) is None
    assert kinds <= {"admin", "ground", "erase.intent", "erase.forget", "erase.done"}
