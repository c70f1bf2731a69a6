"""What the formats page says is what a home holds: a reader written from it alone agrees."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from tests.second.exportreader import Export
from tests.second.reader import Reader, Row

from privet.clock import DAY_US, micros
from privet.deployment import Deployment, open_deployment
from privet.recommend import Popularity

BUYERS = 130  # more than a record lists one by one, and two leaves each more than a tile
PURPOSES = ("orders", "recommendations", "newsletter")
KEYED = "SELECT dom FROM subject_key WHERE sno = ?"


@pytest.fixture
def lived(tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """A shop that lived a while: events of every kind, an import, keys that were changed."""
    with open_deployment(
        tmp_path / "home",
        policy="pack:shop",
        keyring=f"file:{tmp_path / 'keys'}",
        clock=clock,
        sync="OFF",
    ) as shop:
        live(shop, clock)
        yield shop


def live(shop: Deployment, clock: Any) -> None:
    people = [f"person {n} \u00e9" for n in range(BUYERS)]
    shop.principal("ops", roles=["operator"]).admin.load_items(
        [{"item": name, "text": name} for name in ("kettle", "teapot", "lamp")]
    )
    web = shop.principal("web", roles=["storefront"])
    desk = shop.principal("desk", roles=["privacy-desk", "storefront"])
    desk.consent.load(
        pd.DataFrame(
            {
                "subject": [p for p in people for _ in PURPOSES],
                "purpose": list(PURPOSES) * BUYERS,
                "kind": ["begun", "yes", "no"] * BUYERS,
                "at": pd.Timestamp(clock.now()) - pd.Timedelta(days=3),
            }
        ),
        notice="crm-2",
        channel="counter",
        evidence="file 7",
    )
    clock.advance(timedelta(hours=1))
    columns = ("subject", "at", "order", "item", "quantity", "value")
    shop.principal("nightly", roles=["operator"]).purpose("orders").load(
        "purchase",
        pd.DataFrame(
            {
                "subject": [p for p in people for _ in range(5)],
                "at": [
                    pd.Timestamp(clock.now()) - pd.Timedelta(minutes=n) for n in range(5 * BUYERS)
                ],
                "order": [f"o-{n}" for n in range(5 * BUYERS)],
                "item": ["kettle", "teapot", "lamp", "unheard of", "kettle"] * BUYERS,
                "quantity": [n % 4 + 1 for n in range(5 * BUYERS)],
                "value": [Decimal(n) / 100 for n in range(5 * BUYERS)],
            }
        ),
        columns={name: name for name in columns},
    )
    for person in people[:3]:
        web.purpose("recommendations").record(
            person, "view", event_id=f"{person}-1", item="lamp", dwell=2.5
        )
    shop.maintenance.run()
    models = shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    models.serve(models.train("popular", Popularity(event="view")))
    shop.subject(people[1], proof="t").consent.withdraw("recommendations")
    shop.maintenance.rotate()
    shop.subject(people[2], proof="t").rights.erase()
    shop.maintenance.run()
    clock.advance(timedelta(days=370))  # what was agreed to lapses


@pytest.fixture
def reader(lived: Deployment, tmp_path: Path) -> Iterator[Reader]:
    opened = Reader(tmp_path / "home", tmp_path / "keys")
    yield opened
    opened.close()


def name(n: int) -> str:
    return f"person {n} \u00e9"


def told(lived: Deployment, n: int) -> dict[str, Any]:
    access: dict[str, Any] = lived.principal("d", roles=["privacy-desk"]).rights.access(name(n))
    return access


def plain(rows: list[Row], scale: dict[str, int]) -> list[dict[str, Any]]:
    """Rows as privet tells them to a person."""
    found = []
    for row in rows:
        values = {name: value for name, value in row.values.items() if value is not None}
        for field, digits in scale.items():
            if field in values:
                values[field] = str(Decimal(values[field]).scaleb(-digits))
        found.append({"at": moment(row.at), **values})
    return found


def moment(us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def test_the_readers_know_nothing_of_privet() -> None:
    code = (
        "import sys, tests.second.reader, tests.second.exportreader\n"
        "print([m for m in sys.modules if m.split('.')[0] == 'privet'])"
    )
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("n", [0, 1, 3, BUYERS - 1])
def test_what_is_sealed_of_a_person_is_what_she_is_told(
    lived: Deployment, reader: Reader, n: int
) -> None:
    sno = reader.person(name(n))
    assert sno is not None
    access = told(lived, n)
    assert plain(reader.events(sno, "purchase"), {"value": 2}) == access["events"]["purchase"]
    assert plain(reader.events(sno, "view"), {}) == access["events"]["view"]
    ids = [json.loads(row.values["id"]) for row in reader.events(sno, "subject")]
    assert ids == access["ids"] == [name(n)]


def test_somebody_has_rows_of_every_event(lived: Deployment, reader: Reader) -> None:
    sno = reader.person(name(0))
    assert sno is not None
    assert len(reader.events(sno, "purchase")) == 5
    (view,) = reader.events(sno, "view")
    assert (view.values["item"], view.values["dwell"]) == ("lamp", 2.5)


def test_of_an_erased_person_only_what_a_law_holds_opens(lived: Deployment, reader: Reader) -> None:
    sno = reader.person(name(2))
    assert reader.all("keys", "SELECT DISTINCT held FROM subject_ref WHERE sno = ?", sno) == [(1,)]
    assert sno is not None
    names = {number: text for text, number in reader.domains().items()}
    left = {names[dom] for (dom,) in reader.all("keys", KEYED, sno)}
    assert left == {"identity", "orders/hold"}
    assert {row.values["order"] for row in reader.events(sno, "purchase")}
    assert reader.events(sno, "view") == reader.entries(sno) == []


def test_the_ledger_is_what_a_person_is_told(lived: Deployment, reader: Reader) -> None:
    sno = reader.person(name(1))
    assert sno is not None
    said = []
    for seq, leaf in reader.entries(sno):
        changes = leaf.get("changes") or [
            [leaf["change"], leaf["purpose"], leaf["at"], leaf["seen"], leaf.get("expires"), ""]
        ]
        said += [(seq, kind, purpose, moment(at)) for kind, purpose, at, *_ in changes]
    access = told(lived, 1)["grounds"]
    assert said == [(g["position"], g["kind"], g["purpose"], g["at"]) for g in access]
    assert ("withdrawn", "recommendations") in {(kind, purpose) for _, kind, purpose, _ in said}


def test_where_purposes_stand_is_what_the_desk_says(lived: Deployment, reader: Reader) -> None:
    desk = lived.principal("d", roles=["privacy-desk"]).consent
    now = micros(lived._parts.clock.now())
    for n in (0, 1, 3):
        sno = reader.person(name(n))
        assert sno is not None
        stands = {}
        for purpose, (status, _, _, expires) in reader.grounds(sno, list(PURPOSES)).items():
            over = status == "active" and expires is not None and expires <= now
            stands[purpose] = "lapsed" if over else status
        state = desk.state(name(n))
        assert {p: stands[p] for p in PURPOSES} == {p: state[p] for p in PURPOSES}


def test_the_bitmaps_are_what_the_desk_says(lived: Deployment, reader: Reader) -> None:
    desk = lived.principal("d", roles=["privacy-desk"]).consent
    known = [n for n in range(BUYERS) if n != 2]
    now = micros(lived._parts.clock.now())
    for back in (0, 30, 370):  # as it was known to last, some days ago
        on, off = reader.holding("recommendations", "consent", now - back * DAY_US)
        assert not on & off
        people = {n for n in known if reader.person(name(n)) in on}
        assert people == (set() if back < 30 else {n for n in known if n != 1})
    agreed = desk.eligible([name(n) for n in known], "recommendations")
    assert not any(agreed.values())
    orders, _ = reader.holding("orders", "contract", now)
    held = desk.eligible([name(n) for n in known], "orders")
    assert all(held[name(n)] == (reader.person(name(n)) in orders) for n in known)


def test_where_an_import_comes_from(lived: Deployment, reader: Reader) -> None:
    sno = reader.person(name(0))
    assert sno is not None
    commitments = {leaf["commitment"] for _, leaf in reader.entries(sno)}
    (kept,) = [reader.provenance(one) for one in commitments]
    assert [kept] == told(lived, 0)["evidence"]
    assert (kept["channel"], kept["evidence"]) == ("counter", "file 7")


@pytest.mark.parametrize("column", ["ct", "lapses", "seq"])
def test_a_changed_cell_does_not_open(lived: Deployment, tmp_path: Path, column: str) -> None:
    lived.close()
    with closing(sqlite3.connect(tmp_path / "home/data.db")) as store:
        ((rowdata, seq, lapses),) = store.execute(
            "SELECT ct, seq, lapses FROM cell WHERE sno = 1 LIMIT 1"
        ).fetchall()
        changed = {
            "ct": rowdata[:-1] + bytes([rowdata[-1] ^ 1]),
            "lapses": lapses - 1,
            "seq": seq + 1000,
        }[column]
        store.execute(
            f"UPDATE cell SET {column} = ? WHERE sno = 1 AND seq = ? AND ct = ?",
            (changed, seq, rowdata),
        )
        store.commit()
    other = Reader(tmp_path / "home", tmp_path / "keys")
    with closing(other), pytest.raises((InvalidTag, AssertionError)):
        other.events(1, "purchase")
        other.events(1, "view")


def test_an_export_is_the_log(lived: Deployment, tmp_path: Path) -> None:
    auditor = lived.principal("a", roles=["auditor"]).audit
    auditor.export(tmp_path / "log")
    export = Export(tmp_path / "log", auditor.verifier_key)
    assert export.size > 256  # more than one tile
    export.higher()
    records = export.records()
    (sno,) = lived._parts.subjects.find([name(1)])
    assert sno is not None
    hers = [seq for seq, body in enumerate(records) if sno in export.people(seq, body)]
    history = [r["seq"] for r in auditor.history(name(1))]
    assert hers == [seq for seq in history if seq < export.size]
    assert any("chunks" in body.get("set", {}) for body in records)
    assert lived._parts.log.leaves(0, export.size) == list(enumerate(records))


def test_an_export_with_one_byte_changed_is_noticed(lived: Deployment, tmp_path: Path) -> None:
    auditor = lived.principal("a", roles=["auditor"]).audit
    auditor.export(tmp_path / "log")
    bundle = tmp_path / "log/tile/entries/000"
    raw = bytearray(bundle.read_bytes())
    raw[len(raw) // 2] ^= 1
    bundle.chmod(0o600)
    bundle.write_bytes(raw)
    with pytest.raises(AssertionError):
        Export(tmp_path / "log", auditor.verifier_key).bodies()
    with pytest.raises(InvalidSignature):
        note = (tmp_path / "log/checkpoint").read_bytes()
        first, second, rest = note.split(b"\n", 2)
        (tmp_path / "log/checkpoint").chmod(0o600)
        (tmp_path / "log/checkpoint").write_bytes(b"\n".join([first, b"9" + second, rest]))
        Export(tmp_path / "log", auditor.verifier_key)
