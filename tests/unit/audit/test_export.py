"""The export, read back by nothing but its own description."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from privet.audit import Entry, Log, export, sets
from privet.audit import head as heads
from privet.audit.checkpoint import Verifier
from privet.crypto import Signer
from privet.db import Home
from privet.errors import IntegrityError, InvalidInput, PrivetError, StoreUnavailable

SIGNER = Signer(b"\x05" * 32)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture
def log(home: Home, clock: Any) -> Log:
    made = Log(home.audit, SIGNER, f"privet.dev/{home.deployment.hex()}", clock)
    made.append([Entry({"n": i}, frozenset({i})) for i in range(700)])
    clock.advance(timedelta(seconds=5))
    made.append([Entry({"n": 700}, frozenset(range(0, 70_000, 7)))])
    return made


def files(directory: Path) -> dict[str, bytes]:
    return {
        p.relative_to(directory).as_posix(): p.read_bytes()
        for p in directory.rglob("*")
        if p.is_file()
    }


def entries(found: dict[str, bytes], size: int) -> list[bytes]:
    bodies = []
    for n in range(-(-size // 256)):
        width = min(256, size - n * 256)
        bundle = found[f"tile/entries/{n:03d}" + ("" if width == 256 else f".p/{width}")]
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            bodies.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
    return bodies


def delete(home: Home, table: str, where: str) -> None:
    """Delete rows as an administrator would who first takes the guards away."""
    with home.audit.write() as tx:
        if home.audit.dialect == "postgresql":
            tx.run(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        elif table != "head":
            tx.run(f"DROP TRIGGER {table}_no_delete")
        tx.run(f"DELETE FROM {table} WHERE {where}")


def root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        pairs = [
            sha256(b"\x01" + hashes[i] + hashes[i + 1]).digest()
            for i in range(0, len(hashes) - 1, 2)
        ]
        hashes = pairs + hashes[len(pairs) * 2 :]
    return hashes[0]


def test_an_export_holds_exactly_the_files_of_its_description(
    home: Home, log: Log, place: Path
) -> None:
    report = export(home.audit, log.vkey, place / "out")
    found = files(place / "out")
    assert sorted(found) == sorted(
        [
            "checkpoint",
            "log.vkey",
            "manifest.json",
            "records.jsonl",
            "sets/700/0.bits",
            "sets/700/1.bits",
            *[f"tile/{kind}/{n}" for kind in ("0", "entries") for n in ("000", "001", "002.p/189")],
            "tile/1/000.p/2",
        ]
    )
    assert found["checkpoint"] == log.checkpoint()
    assert found["log.vkey"].decode() == log.vkey + "\n"
    assert (report.size, report.records, report.sets) == (701, 701, 2)


def test_the_bundles_hash_to_the_tiles_and_to_the_signed_root(
    home: Home, log: Log, place: Path
) -> None:
    export(home.audit, log.vkey, place)
    found = files(place)
    leaves = [sha256(b"\x00" + body).digest() for body in entries(found, 701)]
    assert len(leaves) == 701
    assert found["tile/0/001"] == b"".join(leaves[256:512])
    assert found["tile/0/002.p/189"] == b"".join(leaves[512:])
    assert found["tile/1/000.p/2"] == root(leaves[:256]) + root(leaves[256:512])
    assert Verifier.parse(log.vkey).open(found["checkpoint"]).root == root(leaves)


def test_the_readable_lines_are_the_bodies(home: Home, log: Log, place: Path) -> None:
    export(home.audit, log.vkey, place)
    found = files(place)
    lines = found["records.jsonl"].splitlines()
    assert lines == [
        b'{"body":%b,"seq":%d}' % (body, seq) for seq, body in enumerate(entries(found, 701))
    ]
    assert json.loads(lines[700])["body"]["set"]["n"] == 10_000


def test_since_shortens_the_lines_and_nothing_else(home: Home, log: Log, place: Path) -> None:
    since = log.leaves(700, 1)[0][1]["ts"]
    whole, short = place / "whole", place / "short"
    export(home.audit, log.vkey, whole)
    report = export(home.audit, log.vkey, short, since=since)
    assert report.records == 1
    a, b = files(whole), files(short)
    assert [json.loads(line)["seq"] for line in b.pop("records.jsonl").splitlines()] == [700]
    assert json.loads(b.pop("manifest.json"))["since"] == since
    assert a.keys() - b.keys() == {"records.jsonl", "manifest.json"}
    assert all(a[name] == data for name, data in b.items())


def test_the_chunks_prove_who_was_in_a_bulk_access(home: Home, log: Log, place: Path) -> None:
    export(home.audit, log.vkey, place)
    found = files(place)
    value = json.loads(entries(found, 701)[700])["set"]
    chunks = {c: found[f"sets/700/{c}.bits"] for c in value["chunks"]}
    for sno in (0, 1, 65_534, 65_539, 69_993):
        assert sets.contains(value, sno, sets.prove(value, chunks, sno)) == (sno % 7 == 0)


def test_the_manifest_says_what_is_there(home: Home, log: Log, place: Path) -> None:
    report = export(home.audit, log.vkey, place)
    manifest = json.loads((place / "manifest.json").read_bytes())
    assert manifest == {
        "format": "privet-audit-export",
        "version": 1,
        "origin": f"privet.dev/{home.deployment.hex()}",
        "vkey": log.vkey,
        "size": 701,
        "root": report.root,
        "since": None,
        "records": 701,
        "sets": 2,
    }


def test_exporting_again_brings_the_directory_up_to_date(home: Home, log: Log, place: Path) -> None:
    again, fresh = place / "again", place / "fresh"
    export(home.audit, log.vkey, again)
    log.append([Entry({"n": i}) for i in range(400)])
    export(home.audit, log.vkey, again)
    export(home.audit, log.vkey, fresh)
    assert files(again) == files(fresh)
    assert not list(again.rglob("002.p"))


def test_progress_is_told_to_the_end(home: Home, log: Log, place: Path) -> None:
    told: list[tuple[int, int]] = []
    export(home.audit, log.vkey, place, progress=lambda done, size: told.append((done, size)))
    assert told == [(256, 701), (512, 701), (701, 701)]


def test_an_export_stopped_at_its_first_write_is_begun_again(
    home: Home, log: Log, place: Path
) -> None:
    (place / "manifest.json.draft").write_text("{")
    export(home.audit, log.vkey, place)
    assert "manifest.json.draft" not in files(place)


@pytest.mark.parametrize(
    "content", [{"notes.txt": "mine"}, {"manifest.json": "{}"}, {"manifest.json": "x", "a": ""}]
)
def test_a_directory_with_something_else_is_refused_and_left_alone(
    home: Home, log: Log, place: Path, content: dict[str, str]
) -> None:
    for name, text in content.items():
        (place / name).write_text(text)
    with pytest.raises(InvalidInput) as caught:
        export(home.audit, log.vkey, place)
    assert caught.value.reason == "export.foreign"
    assert {n: t.decode() for n, t in files(place).items()} == content


def test_the_export_of_another_log_is_refused(home: Home, log: Log, place: Path) -> None:
    export(home.audit, log.vkey, place)
    other = Verifier(f"privet.dev/{home.deployment.hex()}", Signer(b"\x09" * 32).public).vkey
    text = (place / "manifest.json").read_text().replace(log.vkey, other)
    (place / "manifest.json").write_text(text)
    with pytest.raises(InvalidInput):
        export(home.audit, log.vkey, place)


def test_a_checkpoint_of_another_key_is_not_exported(home: Home, log: Log, place: Path) -> None:
    other = Verifier(f"privet.dev/{home.deployment.hex()}", Signer(b"\x09" * 32).public).vkey
    with pytest.raises(IntegrityError):
        export(home.audit, other, place)
    assert not files(place)


def test_an_interrupted_first_export_is_finished_by_the_next(
    home: Home, log: Log, place: Path
) -> None:
    class Interrupted(Exception):
        pass

    def stop(done: int, size: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        export(home.audit, log.vkey, place / "a", progress=stop)
    assert "checkpoint" not in files(place / "a")
    export(home.audit, log.vkey, place / "a")
    export(home.audit, log.vkey, place / "b")
    assert files(place / "a") == files(place / "b")


def test_a_log_that_went_back_behind_an_export_is_named(
    home: Home, log: Log, clock: Any, place: Path
) -> None:
    with home.audit.read() as tx:
        old = tx.one("SELECT size, frontier, note, ts FROM head")
    log.append([Entry({})])
    export(home.audit, log.vkey, place)
    before = files(place)
    with home.audit.write() as tx:
        tx.run("UPDATE head SET size = ?, frontier = ?, note = ?, ts = ?", old)
    with pytest.raises(IntegrityError) as caught:
        export(home.audit, log.vkey, place)
    assert caught.value.reason == "audit.rolled-back"
    assert files(place) == before


def test_a_history_signed_anew_is_told_from_the_exported_one(
    home: Home, log: Log, clock: Any, place: Path
) -> None:
    export(home.audit, log.vkey, place)
    # Whoever holds the key can sign another past; the earlier export still convicts it.
    origin = f"privet.dev/{home.deployment.hex()}"
    delete(home, "record", "seq = 700")
    delete(home, "head", "log = 0")
    with home.audit.write() as tx:
        rows = tx.all("SELECT leaf FROM record ORDER BY seq")
        leaves = [bytes(leaf) for (leaf,) in rows]
        new = heads.empty(origin, SIGNER).grown(leaves, 0, origin, SIGNER)
        tx.run(
            "INSERT INTO head (log, size, frontier, note, ts) VALUES (0, ?, ?, ?, ?)",
            (new.size, b"".join(new.frontier), new.note, 0),
        )
    Log(home.audit, SIGNER, origin, clock).append([Entry({"n": "instead"})])
    with pytest.raises(IntegrityError) as caught:
        export(home.audit, log.vkey, place)
    assert caught.value.reason == "audit.rolled-back"


@pytest.mark.parametrize(
    ("table", "rows", "named"),
    [
        ("record", "seq = 300", "record 300"),
        ("record", "seq = 700", "record 700"),
        ("tile", "idx = 1", "tile 1 of level 0"),
        ("set_chunk", "chunk = 1", "record 700"),
    ],
)
def test_a_store_with_a_hole_is_named(
    home: Home, log: Log, place: Path, table: str, rows: str, named: str
) -> None:
    delete(home, table, rows)
    with pytest.raises(IntegrityError) as caught:
        export(home.audit, log.vkey, place)
    assert named in caught.value.why
    assert "checkpoint" not in files(place)


def test_nothing_recorded_is_nothing_to_export(home: Home, clock: Any, place: Path) -> None:
    empty = Log(home.audit, SIGNER, "privet.dev/none", clock)
    with pytest.raises(InvalidInput) as caught:
        export(home.audit, empty.vkey, place / "out")
    assert caught.value.reason == "audit.empty"


def test_a_place_that_cannot_be_written_is_a_typed_error(home: Home, log: Log, place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(StoreUnavailable) as caught:
        export(home.audit, log.vkey, place / "file" / "out")
    assert caught.value.reason == "export.unwritable"
    assert isinstance(caught.value, PrivetError)
