"""The quick look at the log finds what is not as it was signed, on both databases."""

from __future__ import annotations

import pytest

from privet.audit import Entry, Log, selfcheck
from privet.audit.selfcheck import check
from privet.crypto import Signer
from privet.errors import AuditUnavailable, IntegrityError


@pytest.fixture
def log(home, clock):
    made = Log(home.audit, Signer(bytes(32)), "privet.dev/selfcheck", clock)
    made.append([Entry({"kind": "admin", "n": n}) for n in range(300)])
    return made


def change(home, sql):
    """Change the store as its owner can, past the triggers that keep it."""
    with home.audit.write() as tx:
        if home.audit.dialect == "sqlite":
            for (name,) in tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                tx.run(f"DROP TRIGGER {name}")
        else:
            tx.run("ALTER TABLE record DISABLE TRIGGER ALL")
        tx.run(sql)


def test_a_whole_log_is_counted(home, log):
    assert check(home.audit, log.vkey) == 300


def test_an_empty_log_is_no_fault(home, clock):
    empty = Log(home.audit, Signer(bytes(32)), "privet.dev/selfcheck", clock)
    assert check(home.audit, empty.vkey) == 0


def test_another_key_is_refused(home, log, clock):
    other = Log(home.audit, Signer(bytes([1] * 32)), "privet.dev/selfcheck", clock)
    with pytest.raises(AuditUnavailable):
        check(home.audit, other.vkey)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record SET leaf = (SELECT leaf FROM record WHERE seq = 1) WHERE seq = 0",
        "UPDATE record SET body = (SELECT body FROM record WHERE seq = 1) WHERE seq = 0",
        "DELETE FROM record WHERE seq = 128",
        "DELETE FROM record WHERE seq = 299",
    ],
)
def test_a_change_behind_the_log_is_found(home, log, sql):
    change(home, sql)
    with pytest.raises(IntegrityError) as broken:
        check(home.audit, log.vkey)
    assert broken.value.reason == "audit.broken"


def test_leaves_older_than_the_records_recomputed_are_still_under_the_tree(home, log, monkeypatch):
    monkeypatch.setattr(selfcheck, "TAIL", 10)
    change(home, "UPDATE record SET leaf = (SELECT leaf FROM record WHERE seq = 1) WHERE seq = 0")
    with pytest.raises(IntegrityError, match="leaves"):
        check(home.audit, log.vkey)
