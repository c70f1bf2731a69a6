"""Keys and origins that follow one another, anchors with many checkpoints, and witnesses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.witness import Witness

from privet.audit.verifier import verify_directory


def vouched(old: Any, new: Any) -> str:
    text = f"privet-log-successor/1\n{old.vkey}\n{new.vkey}\n".encode()
    return base64.b64encode(old.key.sign(text)).decode()


def handed(kit: Any, seq: int, old: Any, new: Any, **more: Any) -> bytes:
    fields = {"kind": "key.signing", "previous": old.vkey, "vkey": new.vkey, "set": None}
    return kit.record(seq, **(fields | {"signature": vouched(old, new)} | more))


def restored(kit: Any, seq: int, log: Any, old: Any, new: Any, **more: Any) -> bytes:
    """A record that begins a new origin after ``seq`` records of an old log of any size."""
    leaves = [kit.leaf(body) for body in log.bodies]
    fields = {
        "kind": "log.succeeds",
        "size": seq,
        "root": kit.root(leaves[:seq]).hex(),
        "checkpoint": old.note(len(leaves), kit.root(leaves)).decode(),
    }
    return handed(kit, seq, old, new, **(fields | more))


def judge(kit: Any, path: Any, files: dict[str, bytes], **options: Any) -> Any:
    return verify_directory(kit.write(files, path), **options)


def bodies(kit: Any, count: int, start: int = 0) -> list[bytes]:
    return [kit.record(seq) for seq in range(start, start + count)]


@pytest.fixture
def old(kit: Any) -> Any:
    return kit.signer(b"a" * 32)


@pytest.fixture
def new(kit: Any) -> Any:
    return kit.signer(b"b" * 32)


def test_the_old_key_leads_to_the_new_one(kit: Any, old: Any, new: Any, tmp_path: Any) -> None:
    records = [*bodies(kit, 300), handed(kit, 300, old, new), *bodies(kit, 9, 301)]
    files = kit.export(records, signer=new).files()
    for vkey in (None, old.vkey, new.vkey):
        verdict = judge(kit, tmp_path, files, vkey=vkey)
        assert verdict.ok, verdict
    assert any("300" in note for note in judge(kit, tmp_path, files, vkey=old.vkey).notes)
    stranger = judge(kit, tmp_path, files, vkey=kit.signer(b"c" * 32).vkey)
    assert not stranger.ok
    for size, signer in ((200, old), (301, old), (301, new), (310, new)):
        note = signer.note(size, kit.root([kit.leaf(b) for b in records[:size]]))
        assert judge(kit, tmp_path, files, anchor=note).ok


def test_after_a_hand_over_the_old_key_signs_nothing(kit: Any, old: Any, new: Any, tmp_path: Any):
    records = [*bodies(kit, 20), handed(kit, 20, old, new)]
    assert judge(kit, tmp_path / "a", kit.export(records, signer=old).files()).ok  # not yet
    late = judge(kit, tmp_path / "b", kit.export([*records, kit.record(21)], signer=old).files())
    assert (late.ok, late.first_bad) == (False, 20)


@pytest.mark.parametrize("change", ["unsigned", "by the new key", "of another name", "no keys"])
def test_a_key_that_nobody_vouched_for_is_told(
    kit: Any, old: Any, new: Any, tmp_path: Any, change: str
) -> None:
    more: dict[str, Any] = {
        "unsigned": {"signature": ""},
        "by the new key": {"signature": vouched(new, old)},
        "of another name": {},
        "no keys": {"previous": 5},
    }[change]
    last = kit.signer(b"b" * 32, "privet.dev/other") if change == "of another name" else new
    records = [*bodies(kit, 5), handed(kit, 5, old, last, **more), *bodies(kit, 2, 6)]
    verdict = judge(kit, tmp_path, kit.export(records, signer=last).files(), vkey=old.vkey)
    assert (verdict.ok, verdict.first_bad) == (False, 5)


def test_two_hand_overs_that_do_not_join_are_told(kit: Any, old: Any, new: Any, tmp_path: Any):
    third = kit.signer(b"c" * 32)
    records = [kit.record(0), handed(kit, 1, old, new), handed(kit, 2, old, third), kit.record(3)]
    verdict = judge(kit, tmp_path, kit.export(records, signer=third).files(), vkey=old.vkey)
    assert (verdict.ok, verdict.first_bad) == (False, 2)


@pytest.fixture
def begun(kit: Any) -> Any:
    return kit.signer(b"a" * 32, "privet.dev/0f1e2d3c4b5a69788796a5b4c3d2e1f0/2")


def test_a_restore_says_what_is_lost(kit: Any, old: Any, begun: Any, tmp_path: Any) -> None:
    before = kit.export(bodies(kit, 12), signer=old)
    for kept, told in ((12, "nothing that was signed is lost"), (9, "records 9 to 11 of")):
        records = [*before.bodies[:kept], restored(kit, kept, before, old, begun), kit.record(kept)]
        files = kit.export(records, signer=begun).files()
        verdict = judge(kit, tmp_path / str(kept), files, vkey=old.vkey)
        assert verdict.ok, verdict
        assert any(told in note for note in verdict.notes), verdict.notes
        for size in (5, 9):
            assert judge(kit, tmp_path / str(kept), files, anchor=before.checkpoint(size)).ok
        beyond = judge(kit, tmp_path / str(kept), files, anchor=before.checkpoint(12))
        assert beyond.ok == (kept == 12)
        if kept == 9:
            assert beyond.first_bad == 9
            assert "9 to 11" in beyond.problems[0].what
            assert "says so" in beyond.problems[0].what


def test_a_restore_that_hides_what_an_anchor_knows_is_told(
    kit: Any, old: Any, begun: Any, tmp_path: Any
) -> None:
    before = kit.export(bodies(kit, 12), signer=old)
    hidden = kit.export(before.bodies[:9], signer=old)
    records = [*hidden.bodies, restored(kit, 9, hidden, old, begun), kit.record(10)]
    files = kit.export(records, signer=begun).files()
    assert judge(kit, tmp_path, files, vkey=old.vkey).ok
    verdict = judge(kit, tmp_path, files, vkey=old.vkey, anchor=before.checkpoint(12))
    assert (verdict.ok, verdict.first_bad) == (False, 9)
    assert "does not say so" in verdict.problems[0].what


@pytest.mark.parametrize(
    "change", [{"size": 8}, {"root": "00" * 32}, {"checkpoint": "x"}, {"signature": "AAAA"}]
)
def test_a_restore_whose_record_is_not_true_is_told(
    kit: Any, old: Any, begun: Any, tmp_path: Any, change: dict[str, Any]
) -> None:
    before = kit.export(bodies(kit, 12), signer=old)
    records = [*before.bodies[:9], restored(kit, 9, before, old, begun, **change), kit.record(10)]
    verdict = judge(kit, tmp_path, kit.export(records, signer=begun).files())
    assert (verdict.ok, verdict.first_bad) == (False, 9)


def test_a_restore_without_the_old_key_is_only_trusted_by_its_new_one(
    kit: Any, old: Any, begun: Any, tmp_path: Any
) -> None:
    before = kit.export(bodies(kit, 12), signer=old)
    lost = restored(kit, 12, before, old, begun, signature="")
    files = kit.export([*before.bodies, lost], signer=begun).files()
    assert judge(kit, tmp_path, files, vkey=begun.vkey).ok
    assert not judge(kit, tmp_path, files, vkey=old.vkey).ok


def kept(*notes: bytes) -> bytes:
    lines = [json.dumps({"at": "2026-03-02T09:30:00Z", "checkpoint": n.decode()}) for n in notes]
    return "".join(f"{line}\n" for line in lines).encode()


def test_many_checkpoints_bracket_the_first_bad_record(kit: Any, tmp_path: Any) -> None:
    true = kit.make(700)
    forged = kit.export([*true.bodies])
    forged.bodies[444] = kit.record(444, who=9)
    every = kept(*(true.checkpoint(size) for size in (100, 300, 400, 445, 600)))
    verdict = judge(kit, tmp_path / "a", forged.files(), anchor=every)
    assert not verdict.ok
    assert "one of 400 to 444" in verdict.problems[0].what
    near = kept(*(true.checkpoint(size) for size in (444, 445)))
    assert judge(kit, tmp_path / "a", forged.files(), anchor=near).first_bad == 444
    assert judge(kit, tmp_path / "b", true.files(), anchor=every).ok
    cut = judge(kit, tmp_path / "c", kit.make(410).files(), anchor=every)
    assert cut.first_bad == 410
    assert "410 to 599" in cut.problems[0].what


def test_an_earlier_export_names_the_first_bad_record(kit: Any, tmp_path: Any) -> None:
    true = kit.make(500)
    kit.write(true.files(), tmp_path / "earlier")
    forged = kit.export([*true.bodies, *bodies(kit, 100, 500)])
    forged.bodies[333] = kit.record(333, who=9)
    verdict = judge(kit, tmp_path / "now", forged.files(), anchor=tmp_path / "earlier")
    assert verdict.first_bad == 333


@pytest.mark.parametrize("torn", [b'{"at": "2', b'{"at"', b"{"])
def test_a_torn_end_of_an_anchor_is_passed_over(kit: Any, tmp_path: Any, torn: bytes) -> None:
    log = kit.make(20)
    assert judge(kit, tmp_path, log.files(), anchor=kept(log.checkpoint(7)) + torn).ok
    broken = kept(log.checkpoint(7)) + torn + b"}\n"
    assert judge(kit, tmp_path, log.files(), anchor=broken).exit_code == 2


def test_what_a_witness_cosigned_is_this_tree(kit: Any, tmp_path: Any) -> None:
    log, one = kit.make(600), Witness(tmp_path / "w.json")
    note = log.checkpoint(500)
    cosigned = note + one.cosign(note.partition(b"\n\n")[0] + b"\n")
    name = f"witness/{one.vkey.split('+')[1]}"
    files = log.files() | {name: cosigned}
    verdict = judge(kit, tmp_path / "a", files, witnesses=[one.vkey])
    assert verdict.ok, verdict
    assert any("500 records, 100 came after" in note for note in verdict.notes)
    other = Witness(tmp_path / "v.json", seed=b"v" * 32)
    for wrong in ({"witnesses": [other.vkey]}, {"witnesses": [one.vkey, other.vkey]}):
        assert not judge(kit, tmp_path / "a", files, **wrong).ok
    assert not judge(kit, tmp_path / "b", log.files(), witnesses=[one.vkey]).ok
    forged = kit.make(600)
    forged.bodies[3] = kit.record(3, who=9)
    assert not judge(kit, tmp_path / "c", forged.files() | {name: cosigned}).ok
    whole = log.checkpoint(600)
    files["checkpoint"] = whole + one.cosign(whole.partition(b"\n\n")[0] + b"\n")
    assert judge(kit, tmp_path / "d", files, witnesses=[one.vkey]).ok
    key = judge(kit, tmp_path / "d", files, witnesses=[log.signer.vkey])
    assert key.exit_code == 2  # a log's key is no witness's


def test_no_byte_of_a_cosigned_checkpoint_can_be_changed(kit: Any, tmp_path: Any) -> None:
    log, one = kit.make(40), Witness(tmp_path / "w.json")
    note = log.checkpoint(30)
    cosigned = note + one.cosign(note.partition(b"\n\n")[0] + b"\n")
    name = f"witness/{one.vkey.split('+')[1]}"
    files = log.files()
    place = kit.write(files, tmp_path / "x")
    (place / "witness").mkdir()
    for at in range(0, len(cosigned), 2):
        changed = bytearray(cosigned)
        changed[at] ^= 1
        (place / name).write_bytes(changed)
        assert not verify_directory(place, witnesses=[one.vkey]).ok, at


def test_an_origin_that_a_restore_began_says_what_it_goes_on_from(
    kit: Any, begun: Any, tmp_path: Any
) -> None:
    verdict = judge(kit, tmp_path, kit.export(bodies(kit, 5), signer=begun).files())
    assert not verdict.ok
    assert "no record says what it goes on from" in verdict.problems[0].what
