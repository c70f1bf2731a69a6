"""Checkpoints at a file, a function and a real witness; what each says of a log that went back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.witness import TEXT, Served, Witness

from privet.audit import Entry, Log, merkle
from privet.audit.anchors import (
    Anchoring,
    CallbackAnchor,
    FileAnchor,
    Submission,
    WitnessAnchor,
    state,
)
from privet.audit.anchors.specs import anchor, anchors, within
from privet.audit.checkpoint import Checkpoint, sign, unverified
from privet.crypto import Signer
from privet.db import Home
from privet.errors import AuditUnavailable, IntegrityError, InvalidInput, StoreUnavailable

SIGNER = Signer(b"\x05" * 32)
ALWAYS = timedelta(minutes=2)


def log_of(home: Home, clock: Any) -> Log:
    return Log(home.audit, SIGNER, f"privet.dev/{home.deployment.hex()}", clock)


def anchoring(log: Log, home: Home, clock: Any, *kept: Any, limit: timedelta | None = None) -> Any:
    made = Anchoring(home.audit, lambda: log.verifier, anchors(kept), clock, within(limit))
    made.begin()
    made._ended = True  # nobody but the test reaches the anchors
    return made


@pytest.fixture
def log(home: Home, clock: Any) -> Log:
    return log_of(home, clock)


@pytest.fixture
def witness(tmp_path: Path, log: Log) -> Iterator[tuple[Witness, WitnessAnchor]]:
    one = Witness(tmp_path / "witness.json")
    one.trust(log.vkey)
    with Served(one) as served:
        yield one, WitnessAnchor(served.url, one.vkey)


@pytest.fixture
def file(tmp_path: Path) -> FileAnchor:
    return FileAnchor(tmp_path / "kept.anchor", same_volume=True)


def grow(log: Log, size: int) -> None:
    log.append([Entry({"n": n}) for n in range(log.size(), size)])


def test_every_kind_of_anchor_takes_what_grew(
    log: Log, home: Home, clock: Any, file: FileAnchor, witness: Any
) -> None:
    told: list[bytes] = []
    all_of_them = anchoring(log, home, clock, file, witness[1], CallbackAnchor(told.append))
    assert [pushed.size for pushed in all_of_them.push()] == [0, 0, 0]
    for size in (1, 3, 256, 257, 700):
        grow(log, size)
        assert [(p.size, p.error) for p in all_of_them.push()] == [(size, None)] * 3
        assert [p.size for p in all_of_them.push()] == [size] * 3
    assert [unverified(kept.note).size for kept in file.kept()] == [1, 3, 256, 257, 700]
    assert told[-1] == log.checkpoint()
    with home.audit.read() as tx:
        ((name, note),) = state.cosigned(tx)
    assert name == f"witness/{witness[1].cosigner.key_id.hex()}"
    assert note.startswith(log.checkpoint())
    line = note.decode().splitlines()[-1]
    text = note.partition(b"\n\n")[0] + b"\n"
    assert witness[1].cosigner.time_of(line, text) == witness[0].now
    assert witness[1].cosigner.time_of(line, text + b"x") is None


def test_a_request_is_the_one_that_the_protocol_asks_for(
    log: Log, home: Home, clock: Any, witness: Any
) -> None:
    made = anchoring(log, home, clock, witness[1])
    grow(log, 3)
    made.push()
    grow(log, 7)
    made.push()
    first, second = witness[0].asked
    assert first.startswith(b"old 0\n\nprivet.dev/")
    lines = second.split(b"\n")
    assert lines[0] == b"old 3"
    assert lines.index(b"") == 5  # PROOF(3, D[7]) of RFC 6962 section 2.1.3: c, d, g, l
    assert second.endswith(log.checkpoint())


def test_a_witness_that_knows_more_of_this_log_than_the_store_remembers_is_asked_again(
    log: Log, home: Home, clock: Any, witness: Any
) -> None:
    made = anchoring(log, home, clock, witness[1])
    grow(log, 5)
    made.push()
    with home.audit.write() as tx:
        tx.run("DELETE FROM anchor")
    grow(log, 9)
    assert made.push()[0].error is None
    assert [body.split(b"\n")[0] for body in witness[0].asked] == [b"old 0", b"old 0", b"old 5"]


ANSWERS = [
    ((404, TEXT, b""), "anchor.refused"),
    ((403, TEXT, b""), "anchor.refused"),
    ((400, TEXT, b""), "anchor.refused"),
    ((301, TEXT, b""), "anchor.refused"),
    ((422, TEXT, b""), "anchor.forked"),
    ((409, "text/x.tlog.size", b"0\n"), "anchor.refused"),
    ((409, TEXT, b"7\n"), "anchor.refused"),
    ((409, "text/x.tlog.size", b"07\n"), "anchor.refused"),
    ((409, "text/x.tlog.size", b"99\n"), "anchor.ahead"),
    ((429, TEXT, b""), "anchor.unreachable"),
    ((500, TEXT, b""), "anchor.unreachable"),
    ((200, TEXT, b""), "anchor.refused"),
    ((200, TEXT, b"\xe2\x80\x94 witness.example/w1 AAAA\n"), "anchor.refused"),
    ((200, TEXT, b"x" * 70_000), "anchor.unreachable"),
]


def test_whatever_a_witness_answers_is_told_apart(
    log: Log, home: Home, clock: Any, witness: Any
) -> None:
    grow(log, 5)
    for answer, reason in ANSWERS:
        made = anchoring(log, home, clock, witness[1])
        witness[0].answers.append(answer)
        (pushed,) = made.push()
        assert pushed.error is not None
        assert pushed.error.reason == reason, answer
        log.watch = made
        if reason in {"anchor.forked", "anchor.ahead"}:
            with pytest.raises(AuditUnavailable) as refusal:
                log.append([Entry({})])
            assert refusal.value.reason == reason
            with home.audit.write() as tx:
                tx.run("UPDATE anchor SET reason = ''")
        else:
            log.append([Entry({})])
    with home.audit.read() as tx:
        kept = state.read(tx)[witness[1].name]
    assert (kept.failures, kept.size) == (len(ANSWERS), 0)


def submission(log: Log, leaves: list[bytes], known: int) -> Submission:
    head = Checkpoint(log.verifier.name, len(leaves), merkle.root(leaves))
    return Submission(
        sign(head, SIGNER),
        head,
        lambda old: merkle.consistency_proof(old, leaves),
        lambda size: merkle.root(leaves[:size]),
        known,
        0,
    )


@pytest.mark.parametrize("place", ["file", "witness"])
@pytest.mark.parametrize(("size", "reason"), [(3, "ahead"), (5, "forked"), (9, "forked")])
def test_another_tree_under_the_same_key_is_refused(
    log: Log, witness: Any, file: FileAnchor, place: str, size: int, reason: str
) -> None:
    true = [merkle.leaf_hash(b"%d" % n) for n in range(5)]
    other = [merkle.leaf_hash(b"other"), *true[1:], *true][:size]
    kept = file if place == "file" else witness[1]
    kept.add(submission(log, true, 0))
    kept.add(submission(log, true, 5))  # the same again changes nothing
    with pytest.raises(IntegrityError) as refusal:
        kept.add(submission(log, other, 5))
    assert refusal.value.reason == f"anchor.{reason}"


def test_a_cosignature_of_another_key_or_of_other_text_counts_for_nothing(
    log: Log, home: Home, clock: Any, witness: Any, tmp_path: Path
) -> None:
    made = anchoring(log, home, clock, witness[1])
    grow(log, 5)
    other = Witness(tmp_path / "other.json", seed=b"v" * 32)
    text = log.checkpoint().partition(b"\n\n")[0] + b"\n"
    witness[0].answers += [(200, TEXT, other.cosign(text)), (200, TEXT, witness[0].cosign(b"x\n"))]
    for _ in range(2):
        assert made.push()[0].error is not None
    good = witness[0].cosign(text)
    witness[0].answers.append((200, TEXT, other.cosign(text) + good))
    assert made.push()[0].error is None
    with home.audit.read() as tx:
        assert state.cosigned(tx)[0][1] == log.checkpoint() + good


def test_a_dead_witness_is_unreachable_and_holds_no_other_anchor_up(
    log: Log, home: Home, clock: Any, tmp_path: Path, file: FileAnchor
) -> None:
    one = Witness(tmp_path / "w.json")
    with Served(one) as served:
        dead = WitnessAnchor(served.url, one.vkey, timeout=0.5)
    made = anchoring(log, home, clock, dead, file)
    log.watch = made
    grow(log, 2)
    failed, kept = made.push()
    assert failed.error is not None
    assert (failed.error.reason, kept.size, kept.error) == ("anchor.unreachable", 2, None)
    grow(log, 3)  # nothing says that records must be anchored in time


def test_records_that_no_anchor_has_are_refused_after_the_time_that_was_set(
    log: Log, home: Home, clock: Any, file: FileAnchor
) -> None:
    broken = [True]

    def keep(_: bytes) -> None:
        if broken[0]:
            raise OSError("a text that quotes ada@example.org")

    made = anchoring(log, home, clock, CallbackAnchor(keep), file, limit=timedelta(minutes=10))
    log.watch = made
    grow(log, 2)
    made.push()
    clock.advance(timedelta(minutes=9))
    grow(log, 3)
    clock.advance(timedelta(minutes=2))
    with pytest.raises(AuditUnavailable) as refusal:
        grow(log, 4)
    assert refusal.value.reason == "anchor.overdue"
    assert "ada" not in str(refusal.value)
    with pytest.raises(StoreUnavailable):  # nor does it open: the anchor is reached first
        anchoring(log, home, clock, CallbackAnchor(keep), file, limit=timedelta(minutes=10))
    broken[0] = False
    made.push()
    grow(log, 4)


def test_another_process_that_reached_the_anchor_is_enough(
    log: Log, home: Home, clock: Any, file: FileAnchor
) -> None:
    mine = anchoring(log, home, clock, file, limit=timedelta(minutes=10))
    log.watch = mine
    grow(log, 2)
    anchoring(log, home, clock, file).push()
    clock.advance(timedelta(minutes=30))
    grow(log, 3)


def test_a_thread_brings_what_was_recorded_to_the_anchor(log: Log, home: Home, clock: Any) -> None:
    import threading

    reached = threading.Event()
    made = anchoring(log, home, clock, CallbackAnchor(lambda _: reached.set()))
    made._ended = False
    log.watch = made
    grow(log, 1)
    assert reached.wait(20)
    made.close()


def test_closing_reaches_the_anchors_only_where_nobody_did_for_a_minute(
    log: Log, home: Home, clock: Any
) -> None:
    told: list[bytes] = []
    made = anchoring(log, home, clock, CallbackAnchor(told.append))
    log.watch = made
    grow(log, 1)
    made.close()
    assert len(told) == 1
    grow(log, 2)
    clock.advance(timedelta(seconds=59))
    made.close()
    assert len(told) == 1
    clock.advance(timedelta(seconds=2))
    made.close()
    assert len(told) == 2


def test_a_file_on_the_volume_of_the_stores_is_refused_unless_told(
    log: Log, home: Home, clock: Any, tmp_path: Path
) -> None:
    alone = FileAnchor(tmp_path / "a.anchor")
    if home.audit.file is None:
        anchoring(log, home, clock, alone)  # a server's volume is not ours to compare
        return
    with pytest.raises(InvalidInput) as refusal:
        anchoring(log, home, clock, alone)
    assert refusal.value.reason == "anchor.same-volume"


def test_a_torn_line_is_passed_over_and_a_changed_one_is_not(
    log: Log, home: Home, clock: Any, file: FileAnchor, tmp_path: Path
) -> None:
    made = anchoring(log, home, clock, file)
    path = tmp_path / "kept.anchor"
    grow(log, 1)
    made.push()
    whole = path.read_bytes()
    for torn in range(1, len(whole)):
        path.write_bytes(whole + whole[:torn].rstrip(b"\n"))
        grow(log, log.size() + 1)
        assert made.push()[0].error is None
        sizes = [unverified(kept.note).size for kept in file.kept()]
        assert (sizes[0], sizes[-1]) == (1, log.size())
        if torn > 40:
            break
    path.write_bytes(whole.replace(b'"checkpoint"', b'"checkpaint"'))
    with pytest.raises(IntegrityError) as refusal:
        file.kept()
    assert refusal.value.reason == "anchor.damaged"


def test_an_emptied_file_is_told_from_a_new_one(
    log: Log, home: Home, clock: Any, file: FileAnchor, tmp_path: Path
) -> None:
    made = anchoring(log, home, clock, file)
    grow(log, 2)
    made.push()
    (tmp_path / "kept.anchor").unlink()
    with pytest.raises(IntegrityError) as refusal:
        anchoring(log, home, clock, file)
    assert refusal.value.reason == "anchor.emptied"


@pytest.mark.parametrize("kind", ["directory", "missing"])
def test_a_file_that_is_none_is_unreachable_and_closes_only_where_it_must(
    log: Log, home: Home, clock: Any, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "kept.anchor"
    if kind == "directory":
        place.mkdir()
    else:
        place = tmp_path / "gone" / "kept.anchor"
    anchoring(log, home, clock, FileAnchor(place, same_volume=True))
    with pytest.raises(StoreUnavailable):
        anchoring(log, home, clock, FileAnchor(place, same_volume=True), limit=ALWAYS)


def test_a_file_with_checkpoints_of_another_deployment_is_refused(
    log: Log, home: Home, clock: Any, file: FileAnchor, tmp_path: Path
) -> None:
    grow(log, 1)
    anchoring(log, home, clock, file).push()
    path = tmp_path / "kept.anchor"
    foreign = json.loads(path.read_text())
    foreign["checkpoint"] = foreign["checkpoint"].replace(home.deployment.hex(), "0" * 32)
    path.write_text(json.dumps(foreign) + "\n" + path.read_text())
    with pytest.raises(IntegrityError) as refusal:
        anchoring(log, home, clock, file)
    assert refusal.value.reason == "anchor.foreign"


WRONG = [
    "", "file:", "ftp://x", "witness:https://w.example", "witness:http://w.example#k", "file",
    7, None, "witness:https://u@w.example#k", "file:/a\0b",
]  # fmt: skip


@pytest.mark.parametrize("spec", WRONG)
def test_what_names_no_anchor_is_refused(spec: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        anchor(spec)
    assert refusal.value.reason in {"anchor.spec", "anchor.vkey"}


def test_text_names_each_kind(tmp_path: Path) -> None:
    one = Witness(tmp_path / "w.json")
    made = anchors(
        ["file:/a/b", "file+same-volume:/a/c", f"witness:https://w.example/p#{one.vkey}"]
    )
    assert [type(a) for a in made] == [FileAnchor, FileAnchor, WitnessAnchor]
    with pytest.raises(InvalidInput):
        anchors(["file:/a/b", "file:/a/b"])
    with pytest.raises(InvalidInput) as refusal:
        WitnessAnchor("https://w.example", one.vkey.replace("w1+", "w2+"))
    assert refusal.value.reason == "anchor.vkey"


@pytest.mark.parametrize("limit", [timedelta(seconds=60), 5, timedelta(minutes=-5)])
def test_a_time_that_the_pace_cannot_keep_is_refused(limit: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        within(limit)
    assert refusal.value.reason == "anchor.within"
