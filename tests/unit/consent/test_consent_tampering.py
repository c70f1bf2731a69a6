"""Rows changed outside privet are refused before anything in them is believed."""

from __future__ import annotations

import pickle

import pytest
from pyroaring import BitMap

from privet.consent import Change, Ledger
from privet.consent.chunk import Sheaf, decode
from privet.consent.macs import Macs
from privet.db import Home
from privet.errors import IntegrityError

KEY = b"m" * 32
BASES = {"recommendations": "consent", "analytics": "legitimate-interest"}
RECS = "recommendations"


@pytest.fixture
def ledger(home: Home) -> Ledger:
    made = Ledger(home.data, KEY, BASES)
    leaves = [Change(s, "*", "known", 1) for s in range(20)]
    leaves += [Change(s, RECS, "yes", 2, expires=100 + s) for s in range(10)]
    leaves += [Change(3, "analytics", "objected", 3), Change(4, RECS, "withdrawn", 3)]
    with home.data.write() as tx:
        made.apply(tx, list(enumerate(leaves)))
    return made


def tamper(home: Home, sql: str, *params: object) -> None:
    on = "" if home.data.dialect == "sqlite" else " ON ledger"
    with home.data.write() as tx:
        for trigger in ("no_update", "only_grows"):  # whoever owns the tables can do this
            tx.run(f"DROP TRIGGER IF EXISTS ledger_{trigger}{on}")
        assert tx.run(sql, params) > 0


def fold(home: Home, ledger: Ledger) -> None:
    with home.data.write() as tx:
        ledger.fold(tx)


@pytest.mark.parametrize("place", range(0, 54, 3))
def test_a_changed_ground_is_refused(home: Home, ledger: Ledger, place: int) -> None:
    """Whichever byte: of a purpose, its status, its place in the log, an instant."""
    with home.data.read() as tx:
        ((body,),) = tx.all("SELECT body FROM ground WHERE sno = 4")
    changed = bytearray(body)
    changed[place] ^= 1
    tamper(home, "UPDATE ground SET body = ? WHERE sno = 4", bytes(changed))
    _refused(home, ledger)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ground SET pending = 1 WHERE sno = 4",
        "UPDATE ground SET mac = (SELECT mac FROM ground WHERE sno = 5) WHERE sno = 4",
        (
            "UPDATE ground SET body = (SELECT body FROM ground WHERE sno = 5), "
            "mac = (SELECT mac FROM ground WHERE sno = 5) WHERE sno = 4"
        ),
    ],
)
def test_the_grounds_of_somebody_else_are_refused(home: Home, ledger: Ledger, sql: str) -> None:
    tamper(home, sql)
    _refused(home, ledger)


def _refused(home: Home, ledger: Ledger) -> None:
    for ask in (
        lambda tx: ledger.why_not(tx, [RECS], 4, 50),
        lambda tx: ledger.standing(tx, 4, RECS, 50),
    ):
        with home.data.read() as tx, pytest.raises(IntegrityError) as refused:
            ask(tx)
        assert refused.value.reason == "ground.mac"


def test_a_hidden_objection_is_refused_where_she_is_looked_at(home: Home, ledger: Ledger) -> None:
    tamper(home, "UPDATE ground SET pending = 0 WHERE sno = 3")
    with home.data.read() as tx, pytest.raises(IntegrityError):
        ledger.why_not(tx, ["analytics"], 3, 50)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ground_delta SET active = 1 - active WHERE sno = 4 AND purpose = ?",
        "UPDATE ground_delta SET expires = 999 WHERE sno = 5 AND purpose = ?",
        "UPDATE ground_delta SET sno = 15 WHERE sno = 5 AND purpose = ?",
    ],
)
def test_a_changed_delta_is_refused(home: Home, ledger: Ledger, sql: str) -> None:
    tamper(home, sql, RECS)
    with home.data.read() as tx, pytest.raises(IntegrityError):
        ledger.eligible(tx, [RECS], 50)
    with home.data.write() as tx, pytest.raises(IntegrityError):
        ledger.fold(tx)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ground_set SET due = NULL WHERE purpose = ?",
        "UPDATE ground_set SET upto = 0 WHERE purpose = ?",
        "UPDATE ground_set SET chunk = 1 WHERE purpose = ?",
        (
            "UPDATE ground_set SET bits = (SELECT bits FROM ground_set WHERE purpose = '*') "
            "WHERE purpose = ?"
        ),
    ],
)
def test_a_changed_bitmap_is_refused(home: Home, ledger: Ledger, sql: str) -> None:
    fold(home, ledger)
    tamper(home, sql, RECS)
    with home.data.read() as tx, pytest.raises(IntegrityError):
        ledger.eligible(tx, [RECS], 50)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM ground_end WHERE purpose = ?",
        "UPDATE ground_end SET period = period + 1 WHERE purpose = ?",
        "UPDATE ground_end SET ends = substr(ends, 9) WHERE purpose = ?",
        "UPDATE ground_end SET who = (SELECT bits FROM ground_set LIMIT 1) WHERE purpose = ?",
        (
            "INSERT INTO ground_end SELECT '*', chunk, period, who, ends "
            "FROM ground_end WHERE purpose = ?"
        ),
    ],
)
def test_an_expiry_that_was_taken_away_or_moved_is_refused(
    home: Home, ledger: Ledger, sql: str
) -> None:
    fold(home, ledger)
    tamper(home, sql, RECS)
    with home.data.read() as tx, pytest.raises(IntegrityError):
        ledger.eligible(tx, [RECS], 50)


def test_bytes_that_parse_but_were_not_written_are_never_parsed(
    home: Home, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of mutated roaring bitmaps many still parse: a flipped bit would be a consent."""
    fold(home, ledger)
    with home.data.read() as tx:
        bits = bytes(tx.all("SELECT bits FROM ground_set WHERE purpose = ?", (RECS,))[0][0])

    parsed: list[bytes] = []

    def watched(number: int, given: bytes) -> Sheaf:
        parsed.append(given)
        return decode(number, given)

    monkeypatch.setattr("privet.consent.chunk.decode", watched)
    for at in range(0, len(bits), 7):
        flipped = bits[:at] + bytes([bits[at] ^ 4]) + bits[at + 1 :]
        tamper(home, "UPDATE ground_set SET bits = ? WHERE purpose = ?", flipped, RECS)
        with home.data.read() as tx, pytest.raises(IntegrityError):
            ledger.eligible(tx, [RECS], 50)
        assert flipped not in parsed


def test_a_changed_entry_is_not_folded_into_a_ground(home: Home, ledger: Ledger) -> None:
    with home.data.read() as tx:
        ((body,),) = tx.all("SELECT body FROM ledger WHERE seq = 31")
    changed = bytes(body).replace(b"withdrawn", b"yes")
    tamper(home, "UPDATE ledger SET body = ? WHERE seq = 31", changed)
    with home.data.write() as tx, pytest.raises(IntegrityError):
        ledger.apply(tx, [(50, Change(4, "analytics", "objected", 9))])
    with home.data.write() as tx, pytest.raises(IntegrityError):
        ledger.rebuild(tx)
    with home.data.read() as tx, pytest.raises(IntegrityError):
        ledger.entries(tx, 4)


def test_another_key_reads_nothing(home: Home, ledger: Ledger) -> None:
    fold(home, ledger)
    tamper(home, "DELETE FROM meta WHERE key = 'ground_bases'")
    other = Ledger(home.data, b"n" * 32, BASES)
    with home.data.read() as tx:
        for ask in (
            lambda: other.why_not(tx, [RECS], 1, 50),
            lambda: other.eligible(tx, [RECS], 50),
            lambda: other.eligible(tx, ["analytics"], 50, BitMap([1])),
            lambda: other.entries(tx, 1),
        ):
            with pytest.raises(IntegrityError):
                ask()


def test_the_key_shows_nowhere() -> None:
    macs = Macs(b"canarycanarycanarycanarycanaryca")
    assert "canary" not in repr(macs)
    with pytest.raises(TypeError):
        pickle.dumps(macs)


def test_texts_cannot_slide_into_each_other() -> None:
    macs = Macs(KEY)
    assert macs.bases({"a": "bc"}) != macs.bases({"ab": "c"})
    assert macs.entry(1, 2, b"x") != macs.entry(2, 1, b"x")
    assert macs.grounds(b"t" * 16, 1, 0, b"x") != macs.grounds(b"t" * 16, 0, 1, b"x")
    assert macs.grounds(b"t" * 16, 1, 0, b"x") != macs.grounds(b"u" * 16, 1, 0, b"x")
