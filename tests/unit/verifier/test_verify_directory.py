"""The verifier finds what was changed in an export, and names the first bad record."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from privet.audit.verifier import verify_directory

SIZE = 600


@pytest.fixture
def export(kit):
    return kit.make(SIZE, bulk=300)


@pytest.fixture
def files(export):
    return export.files()


def judge(kit, tmp_path, files, **options):
    return verify_directory(kit.write(files, tmp_path / "export"), **options)


def bundle(kit, bodies):
    return b"".join(len(body).to_bytes(2, "big") + body for body in bodies)


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 512, 513, 65_536, 65_537])
def test_a_whole_export_is_intact_at_every_shape_of_the_tree(kit, tmp_path, count):
    verdict = judge(kit, tmp_path, kit.make(count).files())
    assert verdict.ok, verdict.problems
    assert (verdict.size, verdict.first_bad, verdict.exit_code) == (count, None, 0)


def test_a_bulk_set_an_anchor_and_the_known_key_are_accepted(kit, tmp_path, export, files):
    for size in (1, 255, 256, 300, 512, 513, SIZE):
        verdict = judge(
            kit, tmp_path, files, anchor=export.checkpoint(size), vkey=export.signer.vkey
        )
        assert verdict.ok, verdict.problems


@pytest.mark.parametrize("seq", [0, 1, 255, 256, 299, 511, 512, 599])
def test_an_edited_record_is_named_exactly(kit, tmp_path, export, files, seq):
    export.bodies[seq] = export.bodies[seq].replace(b'"allow"', b'"a11ow"')
    files |= export.entry_files()
    verdict = judge(kit, tmp_path, files)
    assert verdict.first_bad == seq
    assert verdict.exit_code == 1
    assert verdict.problems[0].seq == seq
    assert verdict.problems[0].file.startswith("tile/entries/00")


def test_an_edited_record_is_named_when_its_line_was_edited_as_well(kit, tmp_path, export, files):
    export.bodies[77] = export.bodies[77].replace(b'"allow"', b'"a11ow"')
    files |= export.entry_files() | {"records.jsonl": export.files()["records.jsonl"]}
    verdict = judge(kit, tmp_path, files)
    assert verdict.first_bad == 77
    assert [p.file for p in verdict.problems] == ["tile/entries/000"]


def forged(change, files, export, kit):
    """Bundles with ``change`` applied to all bodies, under the old file names."""
    bodies = list(export.bodies)
    change(bodies)
    names = [n for n in files if n.startswith("tile/entries/")]
    edges = [0, 256, 512, len(bodies)]
    return {n: bundle(kit, bodies[a:b]) for n, a, b in zip(names, edges, edges[1:], strict=False)}


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (lambda b: b.pop(100), 100),
        (lambda b: b.insert(100, b[5]), 100),
        (lambda b: b.insert(101, b[100]), 101),
        (lambda b: b.__setitem__(slice(90, 92), b[90:92][::-1]), 90),
        (lambda b: b.__setitem__(200, b[100]), 200),
        (lambda b: b.__delitem__(slice(590, 600)), 590),
        (lambda b: b.append(b[0]), 600),
    ],
    ids=["deleted", "inserted", "doubled", "swapped", "copied over", "tail cut", "appended"],
)
def test_records_moved_about_are_named_at_the_first(kit, tmp_path, export, files, change, first):
    verdict = judge(kit, tmp_path, files | forged(change, files, export, kit))
    assert verdict.first_bad == first
    assert not verdict.ok


def test_a_record_deleted_within_one_bundle_is_named(kit, tmp_path, export, files):
    files["tile/entries/001"] = bundle(kit, export.bodies[256:400] + export.bodies[401:512])
    assert judge(kit, tmp_path, files).first_bad == 400


def test_a_bundle_that_ends_early_names_the_first_missing_record(kit, tmp_path, export, files):
    files["tile/entries/001"] = bundle(kit, export.bodies[256:500])
    verdict = judge(kit, tmp_path, files)
    assert verdict.first_bad == 500
    assert "missing" in verdict.problems[0].what


def test_a_changed_hash_of_a_tile_names_its_record(kit, tmp_path, files):
    tile = bytearray(files["tile/0/001"])
    tile[32 * 10] ^= 1
    files["tile/0/001"] = bytes(tile)
    verdict = judge(kit, tmp_path, files)
    assert verdict.first_bad == 266


def test_a_forged_leaf_tile_is_found_one_level_up(kit, tmp_path, export, files):
    export.bodies[300] = kit.record(300, who=4)
    forged = export.files()
    files |= {n: forged[n] for n in ("records.jsonl", "tile/0/001", "tile/entries/001")}
    verdict = judge(kit, tmp_path, files)
    assert [p.file for p in verdict.problems if p.file.startswith("tile")] == ["tile/1/000.p/2"]
    assert "level 1, hash 1" in verdict.problems[-1].what or any(
        "level 1, hash 1" in p.what for p in verdict.problems
    )


def test_tiles_forged_at_every_level_are_found_by_the_signed_root(kit, tmp_path, export, files):
    export.bodies[300] = export.bodies[300].replace(b'"who":3', b'"who":4')
    forged = export.files()
    keep = ("checkpoint", "manifest.json")
    verdict = judge(kit, tmp_path, forged | {name: files[name] for name in keep})
    assert [(p.file, p.what.split(":")[0]) for p in verdict.problems] == [
        ("checkpoint", "root mismatch")
    ]


def test_the_higher_levels_are_compared_in_a_log_of_more_than_65536(kit, tmp_path):
    export = kit.make(65_600)
    files = export.files()
    assert "tile/2/000.p/1" in files
    export.bodies[700] = kit.record(700, who=9)
    forged = export.files()
    lower = {
        n: forged[n] for n in ("records.jsonl", "tile/0/002", "tile/1/000", "tile/entries/002")
    }
    verdict = judge(kit, tmp_path, files | lower)
    assert [p.file for p in verdict.problems] == ["tile/2/000.p/1"]
    assert "level 2, hash 0" in verdict.problems[0].what
    assert "records 0 to 65535" in verdict.problems[0].what


def test_a_listing_that_differs_is_named_by_its_record(kit, tmp_path, files):
    lines = files["records.jsonl"].splitlines(keepends=True)
    lines[411] = lines[411].replace(b'"allow"', b'"a11ow"')
    verdict = judge(kit, tmp_path, files | {"records.jsonl": b"".join(lines)})
    assert [(p.seq, p.file) for p in verdict.problems] == [(411, "records.jsonl")]


@pytest.mark.parametrize(
    ("change", "seq"),
    [(lambda f: f[:-1], 599), (lambda f: f + b"\n", None), (lambda f: b"", 0)],
    ids=["last byte", "one more", "empty"],
)
def test_a_listing_ends_where_the_records_do(kit, tmp_path, files, change, seq):
    files["records.jsonl"] = change(files["records.jsonl"])
    verdict = judge(kit, tmp_path, files)
    assert [(p.seq, p.file) for p in verdict.problems] == [(seq, "records.jsonl")]


def test_a_listing_since_an_instant_is_the_tail_of_the_records(kit, tmp_path):
    export = kit.make(SIZE)
    export.since = json.loads(export.bodies[450])["ts"]
    files = export.files()
    assert files["records.jsonl"].count(b"\n") == 150
    assert judge(kit, tmp_path, files).ok
    lines = files["records.jsonl"].splitlines(keepends=True)
    verdict = judge(kit, tmp_path, files | {"records.jsonl": b"".join(lines[1:])})
    assert verdict.first_bad == 450


def test_time_that_falls_is_named_though_everything_is_signed(kit, tmp_path):
    export = kit.make(300)
    export.bodies[280] = kit.record(280, ts=kit.export(export.bodies[:1]).since or 5)
    verdict = judge(kit, tmp_path, export.files())
    assert [(p.seq, "older" in p.what) for p in verdict.problems] == [(280, True)]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"ts":1.5}',
        b'{"ts":true}',
        b'{"ts":"now"}',
        b'{"a":{"ts":5}}',
        b'{"ts":-1}',
        b"\xff\xfe",
        b'{"set":{"n":1,"snos":[1]},"ts":99}}',
        b'{"ts":' + b"9" * 5000 + b"}",
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"a":1,"a":2,"ts":NaN}',
    ],
)
def test_a_signed_record_of_no_known_form_is_named(kit, tmp_path, body):
    export = kit.export([kit.record(0), body, kit.record(2)])
    verdict = judge(kit, tmp_path, export.files())
    assert verdict.first_bad == 1
    assert len(verdict.problems) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"set": {"n": 2, "snos": [1, 2]}},
        {"set": {"n": 1, "snos": [2**40]}},
        {"set": None},
        {"change": {"set": {"n": 1, "snos": [1, 5]}, "ts": 3}, "set": None},
        {"notice": 'a "ts":5,"set": b', "set": None},
        {"zone": {"ts": 3}},
        {"version": 'käse"}', "who": None},
    ],
)
def test_unusual_records_are_read_in_full(kit, tmp_path, body):
    export = kit.export([kit.record(0), kit.record(1, **body)])
    verdict = judge(kit, tmp_path, export.files())
    assert verdict.ok, verdict.problems


@pytest.mark.parametrize(
    "committed",
    [
        {"n": 2, "snos": [2, 1]},
        {"n": 2, "snos": [1, 1]},
        {"n": 2, "snos": [1]},
        {"n": 0, "snos": []},
        {"n": 1, "snos": [-1]},
        {"n": True, "snos": [1]},
        {"n": 1, "snos": [True]},
        {"n": 65, "snos": list(range(65))},
        {"n": 1, "snos": 7},
        {"n": 70, "chunks": [], "root": "00" * 32},
        {"n": 70, "chunks": [1, 0], "root": "00" * 32},
        {"n": 70, "chunks": ["../../etc"], "root": "00" * 32},
        {"n": 70, "root": "00" * 32},
        {"n": 1, "snos": [1], "more": 1},
        [],
        7,
    ],
)
def test_a_set_of_no_known_form_is_named(kit, tmp_path, committed):
    export = kit.export([kit.record(0), kit.record(1, set=committed)])
    assert judge(kit, tmp_path, export.files()).first_bad == 1


def test_a_subject_added_to_a_bulk_set_is_found(kit, tmp_path, files):
    for name in [n for n in files if n.startswith("sets/")]:
        bits = bytearray(files[name])
        bits[4000] ^= 4
        verdict = judge(kit, tmp_path / name.replace("/", "-"), files | {name: bytes(bits)})
        assert verdict.first_bad == 300
        assert verdict.problems[0].file == "sets/300"


def test_a_subject_moved_within_a_bulk_set_is_found(kit, tmp_path, files):
    bits = bytearray(files["sets/300/0.bits"])
    bits[0] ^= 0b11
    verdict = judge(kit, tmp_path, files | {"sets/300/0.bits": bytes(bits)})
    assert verdict.first_bad == 300


def test_a_set_with_an_empty_chunk_or_a_wrong_count_is_found(kit, tmp_path):
    committed, sets = kit.subjects(0, list(range(100)))
    committed["n"] = 101
    export = kit.export([kit.record(0, set=committed)], sets=sets)
    assert judge(kit, tmp_path / "count", export.files()).first_bad == 0
    empty = bytes(8192)
    slices = [kit.leaf(empty[:128])] * 64
    both = kit.subjects(0, list(range(100)))[1]["sets/0/0.bits"]
    leaves = [kit.leaf(both[i : i + 128]) for i in range(0, 8192, 128)] + slices
    committed = {"n": 100, "chunks": [0, 7], "root": kit.root(leaves).hex()}
    sets = {"sets/0/0.bits": both, "sets/0/7.bits": empty}
    export = kit.export([kit.record(0, set=committed)], sets=sets)
    verdict = judge(kit, tmp_path / "empty", export.files())
    assert [p.what for p in verdict.problems] == ["holds no subject"]


def test_a_cut_tail_signed_again_shows_only_against_an_anchor(kit, tmp_path, export):
    anchor = export.checkpoint(SIZE)
    cut = kit.export(export.bodies[:280])
    assert judge(kit, tmp_path, cut.files()).ok
    verdict = judge(kit, tmp_path, cut.files(), anchor=anchor)
    assert (verdict.ok, verdict.first_bad) == (False, 280)
    assert "anchor names 600" in verdict.problems[0].what


@pytest.mark.parametrize("anchored", [100, 256, 257, 512, 599])
def test_rewritten_history_signed_again_shows_only_against_an_anchor(
    kit, tmp_path, export, anchored
):
    anchor = export.checkpoint(anchored)
    export.bodies[50] = kit.record(50, who=8)
    assert judge(kit, tmp_path, export.files()).ok
    verdict = judge(kit, tmp_path, export.files(), anchor=anchor)
    assert [p.what.split(":")[0] for p in verdict.problems] == ["history was rewritten"]


def test_an_anchor_of_another_key_is_told(kit, tmp_path, files, export):
    other = kit.export(export.bodies, signer=kit.signer(b"o" * 32))
    verdict = judge(kit, tmp_path, files, anchor=other.checkpoint(10))
    assert not verdict.ok
    assert verdict.usable
    assert "another key" in verdict.problems[0].what


def test_a_log_signed_anew_under_another_key_shows_only_with_the_known_key(kit, tmp_path, export):
    forged = kit.export(export.bodies[:10], signer=kit.signer(b"o" * 32))
    assert judge(kit, tmp_path, forged.files()).ok
    verdict = judge(kit, tmp_path, forged.files(), vkey=export.signer.vkey)
    assert not verdict.ok
    assert {p.file for p in verdict.problems} >= {"log.vkey", "checkpoint"}


def test_each_manifest_member_must_be_true(kit, tmp_path, files):
    manifest = json.loads(files["manifest.json"])
    for name in manifest:
        changed = dict(manifest, **{name: 3 if name == "since" else "x"})
        data = kit.canonical(changed) + b"\n"
        verdict = judge(kit, tmp_path / name, files | {"manifest.json": data})
        assert not verdict.ok or name == "since"
    data = kit.canonical(manifest | {"note": "more"}) + b"\n"
    assert not judge(kit, tmp_path / "more", files | {"manifest.json": data}).ok


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/003",
        "tile/0/000.p/255",
        "tile/0/x000/000",
        "tile/00/000",
        "tile/3/000",
        "tile/entries/002",
        "tile/0/readme",
        "sets/299/0.bits",
        "sets/300/9.bits",
        "sets/300/00.bits",
        "sets/notes",
        "notes.txt",
        "new\nline\x1b[31m\u202e",
    ],
)
def test_what_no_checkpoint_calls_for_is_named(kit, tmp_path, files, name):
    verdict = judge(kit, tmp_path, files | {name: b"x"})
    assert not verdict.ok
    assert len(verdict.problems) == 1
    told = verdict.problems[0].file
    assert told.isascii()
    assert told.isprintable()


def test_a_missing_file_is_named_whichever_it_is(kit, tmp_path, files):
    for name in files:
        rest = {n: data for n, data in files.items() if n != name}
        verdict = judge(kit, tmp_path / name.replace("/", "-"), rest)
        assert verdict.exit_code == 1, name
        assert any(p.file == name for p in verdict.problems), (name, verdict.problems)


@pytest.mark.parametrize(
    "size",
    ["1" + "0" * 17, "601", "1024", str(2**63), "1" + "0" * 5000, "", "-1", "0600", "6e2", "٦"],
    ids=lambda size: size[:20],
)
def test_a_size_that_the_files_do_not_bear_out_ends_quickly(kit, tmp_path, files, size):
    note = kit.signer().note(size, bytes(32))
    verdict = judge(kit, tmp_path, files | {"checkpoint": note})
    assert verdict.exit_code == 1


def test_links_pipes_and_directories_in_place_of_files_are_refused(kit, tmp_path, files):
    for name in [n for n in files if n != "sets"]:
        root = kit.write(files, tmp_path / name.replace("/", "-"))
        path = root / name
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(elsewhere)
        assert verify_directory(root).exit_code == 1, name
        path.unlink()
        os.mkfifo(path)
        assert verify_directory(root).exit_code == 1, name
        path.unlink()
        path.mkdir()
        assert verify_directory(root).exit_code == 1, name


def test_a_linked_directory_within_the_export_is_refused(kit, tmp_path, files):
    root = kit.write(files, tmp_path / "export")
    shutil.move(root / "tile", tmp_path / "tile")
    (root / "tile").symlink_to(tmp_path / "tile")
    assert not verify_directory(root).ok


def test_oversized_files_are_not_read_to_their_end(kit, tmp_path, files):
    for name in files:
        root = kit.write(files, tmp_path / name.replace("/", "-"))
        with (root / name).open("ab") as file:
            file.truncate(1 << 40)  # sparse
        assert verify_directory(root).exit_code == 1, name


@pytest.mark.parametrize("where", ["nowhere", "file", "empty", "a\x00b", "long" * 2000])
def test_what_is_no_export_is_unusable(tmp_path, where):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    verdict = verify_directory(str(tmp_path / where))
    assert (verdict.usable, verdict.exit_code) == (False, 2)


@pytest.mark.parametrize("anchor", [b"", b"\xff", b"x\n1\n", b"x" * 100_000])
def test_an_argument_that_is_no_note_or_no_key_is_unusable(kit, tmp_path, files, anchor):
    assert judge(kit, tmp_path, files, anchor=anchor).exit_code == 2
    vkey = anchor.decode("latin-1")
    assert judge(kit, tmp_path, files, vkey=vkey).exit_code == 2


def test_an_anchor_of_the_empty_tree_is_unusable(kit, tmp_path, files, export):
    assert judge(kit, tmp_path, files, anchor=export.checkpoint(0)).exit_code == 2


def test_thousands_of_problems_are_counted_and_not_kept(kit, tmp_path):
    bodies = [kit.record(seq, ts=10_000 - seq) for seq in range(3000)]
    verdict = judge(kit, tmp_path, kit.export(bodies).files())
    assert len(verdict.problems) == 101
    assert verdict.problems[-1].what == "2899 more problems are not listed"
    assert verdict.first_bad == 1


def test_a_second_signature_of_an_unknown_key_is_ignored_and_a_false_own_one_is_not(
    kit, tmp_path, files
):
    witness = kit.signer(b"w" * 32, "witness.example/w").note(1, bytes(32)).splitlines(True)[-1]
    own = files["checkpoint"]
    assert judge(kit, tmp_path, files | {"checkpoint": own + witness}).ok
    false = kit.signer().note(5, bytes(32)).splitlines(keepends=True)[-1]
    assert not judge(kit, tmp_path, files | {"checkpoint": own + false}).ok


def test_random_garbage_for_every_file_is_a_verdict(kit, tmp_path, files):
    dice = random.Random(7)
    for name in files:
        garbage = dice.randbytes(dice.randrange(5000))
        root = kit.write(files | {name: garbage}, tmp_path / name.replace("/", "-"))
        assert verify_directory(Path(root)).exit_code == 1, name


def test_a_signature_has_one_text_only(kit, tmp_path, files):
    note = files["checkpoint"]
    end = note[-3:]
    assert end == note[-3:-2] + b"=\n"
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = alphabet[alphabet.index(end[0]) + 1]  # the same bytes to a lenient reader
    changed = note[:-3] + bytes([spare]) + end[1:]
    assert judge(kit, tmp_path, files | {"checkpoint": changed}).exit_code == 1


def test_a_checkpoint_of_another_origin_is_refused_though_the_key_signed_it(kit, tmp_path, files):
    signer = kit.signer()
    text = files["checkpoint"].partition(b"\n\n")[0].replace(b"privet.dev", b"priwet.dev") + b"\n"
    note = text + b"\n" + signer.line(text)
    verdict = judge(kit, tmp_path, files | {"checkpoint": note})
    assert "another origin" in verdict.problems[0].what
