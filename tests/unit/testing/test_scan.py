"""A canary is found in whatever form it was written, and nothing else is."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from privet.errors import IntegrityError, InvalidInput, MissingExtra, PrivetError
from privet.testing import Hit, scan

CANARY = "Zoë.Canary-4711@例え.example"
KEY = bytes(range(200, 232))


def _zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member.txt", data)
    return out.getvalue()


def _npz(text: str) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, names=np.array([text, "other"]))
    return out.getvalue()


def _parquet(text: str) -> bytes:
    out = io.BytesIO()
    pd.DataFrame({"name": [text, None], "n": [1, 2]}).to_parquet(out, compression="zstd")
    return out.getvalue()


PLAIN = CANARY.encode()
FORMS = {
    "utf-8": PLAIN,
    "utf-16-le": CANARY.encode("utf-16-le"),
    "utf-16-be": CANARY.encode("utf-16-be"),
    "utf-32": CANARY.encode("utf-32-le"),
    "hex": PLAIN.hex().encode(),
    "hex in capitals": PLAIN.hex().upper().encode(),
    "hex of utf-16": CANARY.encode("utf-16-le").hex().encode(),
    "json": json.dumps({"a": CANARY}).encode(),
    "json in capitals": re.sub(
        r"u([0-9a-f]{4})", lambda m: "u" + m[1].upper(), json.dumps(CANARY)
    ).encode(),
    "json, every letter": "".join(f"\\u{ord(c):04x}" for c in CANARY).encode(),
    "percent": quote(CANARY, safe="").encode(),
    "percent, small letters": re.sub(
        "%([0-9A-F]{2})", lambda m: "%" + m[1].lower(), quote(CANARY, safe="")
    ).encode(),
    "percent, every byte": "".join(f"%{b:02X}" for b in PLAIN).encode(),
    "zlib": zlib.compress(PLAIN * 3),
    "zlib, fast": zlib.compress(b"x" * 100 + PLAIN, 1),
    "gzip": gzip.compress(PLAIN),
    "zip": _zip(PLAIN),
    "zip within gzip": gzip.compress(_zip(PLAIN)),
    "npz": _npz(CANARY),
    "parquet": _parquet(CANARY),
}
FORMS |= {f"base64, alignment {n}": base64.b64encode(b"<" * n + PLAIN + b"?>") for n in range(3)}
FORMS |= {
    f"base64 for urls, alignment {n}": base64.urlsafe_b64encode(b"\xff" * n + PLAIN)
    for n in range(3)
}
EMBEDDED = {name for name in FORMS if name != "parquet"}  # parquet pages need their file's footer


NOISE = np.random.default_rng(1).bytes(500_000)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Hit]]:
    """What one search finds: a file for each form, by itself and between other bytes."""
    place = tmp_path_factory.mktemp("planted")
    for n, data in enumerate(FORMS.values()):
        (place / "deep" / str(n)).mkdir(parents=True)
        (place / "deep" / str(n) / "alone").write_bytes(data)
        (place / "deep" / str(n) / "between").write_bytes(NOISE[n:] + data + NOISE[:1000])
    found: dict[str, list[Hit]] = {}
    for hit in scan(place, "somebody-else", CANARY):
        found.setdefault(str(hit.file), []).append(hit)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_canary_is_found(form: str, searched: dict[str, list[Hit]]) -> None:
    hits = searched[f"deep/{list(FORMS).index(form)}/alone"]
    assert {(hit.canary, hit.number) for hit in hits} == {(CANARY, 1)}


@pytest.mark.parametrize("form", sorted(EMBEDDED))
def test_it_is_found_between_other_bytes(form: str, searched: dict[str, list[Hit]]) -> None:
    assert searched[f"deep/{list(FORMS).index(form)}/between"]


def test_it_is_found_across_the_edge_of_a_block(tmp_path: Path) -> None:
    size = len(PLAIN)
    offsets = (-size - 1, -size, -size + 1, -7, -6, -5, -1, 0, 1)
    for offset in offsets:
        start = (1 << 22) + offset
        (tmp_path / str(offset)).write_bytes(b"." * start + PLAIN + b"." * 10)
    assert {int(str(h.file)) for h in scan(tmp_path, CANARY)} == set(offsets)


@pytest.mark.parametrize(
    "written",
    [KEY, KEY.hex().encode(), base64.b64encode(b"k" + KEY), zlib.compress(KEY)],
    ids=["raw", "hex", "base64", "zlib"],
)
def test_a_key_is_found(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "core").write_bytes(b"\0" * 7 + written + b"\0")
    assert [h.canary for h in scan(tmp_path, KEY)][:1] == [KEY]


def test_a_long_number_is_found_in_a_column_of_integers(tmp_path: Path) -> None:
    (tmp_path / "ids.bin").write_bytes(np.array([5, 4_711_000_222_333, 6]).tobytes())
    assert [h.form for h in scan(tmp_path, "4711000222333")] == ["integer"]


def test_it_is_found_in_a_file_name(tmp_path: Path) -> None:
    (tmp_path / f"export-{CANARY}.json").touch()
    assert [h.inside for h in scan(tmp_path, CANARY)] == ["its name"]


def test_it_is_found_in_a_write_ahead_log(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "data.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "wal_autocheckpoint=0"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("CREATE TABLE t (v)")
    database.execute("INSERT INTO t VALUES (?)", (CANARY,))
    found = {str(h.file) for h in scan(tmp_path, CANARY)}
    database.close()
    assert found >= {"data.db-wal", "data.db"}


def test_it_is_found_in_a_row_that_pages_cut(tmp_path: Path) -> None:
    """A compressed blob over several pages is one stream in the row and none in the file."""
    database = sqlite3.connect(tmp_path / "data.db")
    noise = np.random.default_rng(2).bytes(30_000)
    database.execute("CREATE TABLE t (v)")
    database.execute("INSERT INTO t VALUES (?)", (zlib.compress(noise + PLAIN),))
    database.commit()
    database.close()
    assert "table t > zlib" in {h.inside for h in scan(tmp_path, CANARY)}


def test_a_deleted_row_is_found_where_its_bytes_were_left(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "data.db")
    database.executescript("PRAGMA secure_delete=OFF; CREATE TABLE t (v)")
    database.execute("INSERT INTO t VALUES (?)", (CANARY,))
    database.commit()
    database.execute("DELETE FROM t")
    database.commit()
    database.close()
    assert [h.inside for h in scan(tmp_path, CANARY)] == [""]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    (tmp_path / "noise").write_bytes(rng.bytes(4_000_000))
    (tmp_path / "text").write_bytes(base64.b64encode(rng.bytes(1_000_000)))
    assert scan(tmp_path, CANARY, KEY, *(f"canary-{i:04}" for i in range(600))) == []
    assert scan(tmp_path) == []


def test_many_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("canary-0007 canary-0399")
    hits = scan(tmp_path, *(f"canary-{i:04}" for i in range(400)))
    assert [(h.number, h.form, h.inside) for h in hits] == [(7, "plain", ""), (399, "plain", "")]


def test_a_hit_does_not_show_what_was_found() -> None:
    assert CANARY not in repr(Hit(CANARY, 0, Path("a"), "plain", ""))


@pytest.mark.parametrize("canary", ["ada", b"12345", "", 4711])
def test_what_would_turn_up_by_chance_is_refused(canary: object, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        scan(tmp_path, canary)  # type: ignore[arg-type]
    assert refusal.value.reason == "scan.canary"


def test_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        scan(tmp_path / "nowhere", CANARY)
    assert refusal.value.reason == "scan.place"


def test_what_cannot_be_read_to_its_end_is_no_clean_result(tmp_path: Path) -> None:
    whole = _parquet("nothing")
    (tmp_path / "lists.parquet").write_bytes(whole[:4] + b"\0" * 60 + whole[-20:])
    with pytest.raises(IntegrityError) as refusal:
        scan(tmp_path, CANARY)
    assert refusal.value.reason == "scan.unreadable"


def test_parquet_without_its_reader_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lists.parquet").write_bytes(_parquet(CANARY))
    searching = sys.modules[scan.__module__]
    child = "import sys; sys.modules['pyarrow'] = None\n" + searching._CHILD
    monkeypatch.setattr(searching, "_CHILD", child)
    with pytest.raises(MissingExtra):
        scan(tmp_path / "lists.parquet", CANARY)


def test_the_search_leaves_a_stores_locks_alone(tmp_path: Path) -> None:
    """A store that is locked here is still locked for others after a scan."""
    database = sqlite3.connect(tmp_path / "data.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=DELETE")
    database.execute("CREATE TABLE t (v)")
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO t VALUES (1)")
    assert scan(tmp_path, CANARY) == []
    other = textwrap.dedent(
        """
        import sqlite3, sys
        other = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            print("locked")
        """
    )
    args = [sys.executable, "-c", other, str(tmp_path / "data.db")]
    said = subprocess.run(args, capture_output=True, text=True).stdout
    database.close()
    assert said == "locked\n"


def test_every_refusal_is_typed_and_says_what_to_do() -> None:
    with pytest.raises(PrivetError) as refusal:
        scan(os.sep, "x")
    assert refusal.value.remedy
