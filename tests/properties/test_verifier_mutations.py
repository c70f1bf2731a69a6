"""No change to an export passes, and no input makes the verifier stumble."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.audit.verifier import Verdict, verify_certificate, verify_directory


def _generator() -> ModuleType:
    path = Path(__file__).parents[1] / "unit" / "verifier" / "conftest.py"
    spec = importlib.util.spec_from_file_location("export_generator", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


make = _generator()
LOG = make.make(530, bulk=300)
FILES = LOG.files()
NAMES = sorted(FILES)
CONTENT = {"receipt": "b0a7c3", "gone": ["identity"], "held": []}
ERASED = make.erased(37, 20, CONTENT)
CERTIFICATE = make.certificate(ERASED, 20, CONTENT)

names = st.sampled_from(NAMES)


def judged(files: dict[str, bytes], **options: object) -> Verdict:
    with tempfile.TemporaryDirectory() as directory:
        return verify_directory(make.write(files, Path(directory)), **options)


def places(name: str) -> st.SearchStrategy[int]:
    return st.integers(0, len(FILES[name]) - 1)


@settings(max_examples=300)
@given(st.data(), names, st.integers(1, 255))
def test_no_flipped_byte_of_any_file_passes(data, name, mask):
    at = data.draw(places(name))
    changed = bytearray(FILES[name])
    changed[at] ^= mask
    verdict = judged(FILES | {name: bytes(changed)})
    assert verdict.exit_code == 1, (name, at, mask)


@settings(max_examples=150)
@given(st.data(), names, st.binary(max_size=40), st.integers(0, 60))
def test_no_spliced_file_passes(data, name, inserted, removed):
    at = data.draw(places(name))
    changed = FILES[name][:at] + inserted + FILES[name][at + removed :]
    if changed != FILES[name]:
        assert judged(FILES | {name: changed}).exit_code == 1


@given(names, names)
def test_no_two_files_can_change_places_and_none_can_stand_for_another(a, b):
    if FILES[a] != FILES[b]:
        assert not judged(FILES | {a: FILES[b], b: FILES[a]}).ok
        assert not judged(FILES | {a: FILES[b]}).ok


@given(names, st.sampled_from(["{}.1", "tile/0/{}", "sets/{}", "tile/1/001/{}", "{}x"]))
def test_no_copy_of_a_file_passes_under_another_name(name, pattern):
    copy = pattern.format(name)
    if not any(copy.startswith(f"{other}/") for other in NAMES):
        assert not judged(FILES | {copy: FILES[name]}).ok


@settings(max_examples=60)
@given(st.sets(names, min_size=1, max_size=8))
def test_no_file_can_be_missing(gone):
    verdict = judged({name: data for name, data in FILES.items() if name not in gone})
    assert not verdict.ok
    assert verdict.exit_code == 1 or set(NAMES) - gone <= {"records.jsonl", "manifest.json"}


@settings(max_examples=120)
@given(st.data(), st.integers(0, 529), st.booleans())
def test_the_edited_record_is_named_exactly(data, seq, listed):
    body = bytearray(LOG.bodies[seq])
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    edited = make.Export([*LOG.bodies[:seq], bytes(body), *LOG.bodies[seq + 1 :]])
    files = FILES | edited.entry_files()
    if listed:
        files["records.jsonl"] = b"".join(
            b'{"body":%b,"seq":%d}\n' % (b, i) for i, b in enumerate(edited.bodies)
        )
    verdict = judged(files)
    assert (verdict.ok, verdict.first_bad) == (False, seq)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 529), unique=True, min_size=1, max_size=5))
def test_of_several_edited_records_the_first_is_named(seqs):
    bodies = list(LOG.bodies)
    for seq in seqs:
        bodies[seq] = bodies[seq].replace(b'"ts":', b'"tz":')
    assert judged(FILES | make.Export(bodies).entry_files()).first_bad == min(seqs)


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 39), st.data())
def test_an_anchor_fits_exactly_the_logs_that_grew_from_it(old, new, at, data):
    log = make.make(new)
    past = make.Export(make.make(old).bodies)
    rewritten = data.draw(st.booleans()) and at < old
    if rewritten:
        past.bodies[at] = make.record(at, who=99)
    verdict = judged(log.files(), anchor=past.checkpoint(old))
    assert verdict.ok == (old <= new and not rewritten)


@settings(max_examples=200)
@given(st.integers(0, len(CERTIFICATE) - 1), st.integers(1, 255))
def test_no_flipped_byte_of_a_certificate_passes_but_white_space(at, mask):
    changed = bytearray(CERTIFICATE)
    changed[at] ^= mask
    verdict = verify_certificate(bytes(changed), vkey=ERASED.signer.vkey)
    assert not verdict.ok or json.loads(changed) == json.loads(CERTIFICATE)


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.sampled_from(["certificate", "signature", "vkey", "inclusion", "record", "hashes"]),
)
def test_no_json_in_place_of_a_member_passes_or_raises(value, member):
    fields = json.loads(CERTIFICATE)
    target = fields if member in fields else fields["inclusion"]
    if target[member] != value:
        target[member] = value
        assert verify_certificate(json.dumps(fields).encode()).exit_code == 1


@settings(max_examples=60)
@given(names, st.binary(max_size=3000))
def test_any_bytes_in_any_file_are_a_verdict(name, content):
    if content != FILES[name]:
        assert judged(FILES | {name: content}).exit_code == 1
