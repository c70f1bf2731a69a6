"""Whatever fails, the answer is no: typed, documented, and nothing comes out or goes in.

OWASP ASVS 5.0, 16.5.3: a system fails securely, also on an exception.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.audit import Log
from privet.audit.commits import Commits
from privet.consent import Ledger
from privet.crypto import Signer
from privet.db import Store, store
from privet.gate.parts import Parts
from privet.policy import Policy
from privet.vault import Keys, Subjects, Vault
from privet.vault.keyring.file import FileKeyring

PURPOSE = "recommendations"
ROOT = Path(__file__).resolve().parents[3]
CANARY = "item-canary-7f3a"


class Fault(Exception):
    """What nobody expected; its text is personal."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__(CANARY)


def failing(*_: Any, **__: Any) -> Any:
    raise Fault


@contextmanager
def failing_block(*_: Any, **__: Any) -> Iterator[Any]:
    raise Fault
    yield


COLLABORATORS: dict[str, tuple[Any, str, Any]] = {
    "the log": (Log, "append", failing),
    "the log's commit": (Commits, "_write", failing),
    "the ledger, of one": (Ledger, "why_not", failing),
    "the ledger, of many": (Ledger, "eligible", failing),
    "the ledger's position": (Ledger, "position", failing),
    "a snapshot's marks": (Parts, "marks", failing),
    "the keys": (Keys, "of_subjects", failing),
    "a secret": (Keys, "secret", failing),
    "the keyring": (FileKeyring, "unwrap", failing),
    "the policy": (Policy, "decide", failing),
    "the signer": (Signer, "sign", failing),
    "the index of ids": (Subjects, "find", failing),
    "the cells": (Vault, "fetch", failing),
    "a write of the vault": (Vault, "commit", failing),
    "any read": (Store, "read", failing_block),
    "any write": (Store, "write", failing_block),
}


def reads(shop: privet.Deployment) -> dict[str, Callable[[], Any]]:
    web = shop.principal("web", roles=["storefront"])
    own = shop.subject("p0", proof="t")
    return {
        "one list": lambda: web.purpose(PURPOSE).recommend("p0", model="pairs"),
        "many lists": lambda: web.purpose(PURPOSE).recommend_many(["p0", "p1"], model="pairs"),
        "a profile": lambda: web.purpose("orders").profile("p0", "email"),
        "her own access": own.rights.access,
    }


def writes(shop: privet.Deployment) -> dict[str, Callable[[], Any]]:
    web = shop.principal("web", roles=["storefront"])
    own = shop.subject("p0", proof="t")
    frame = pd.DataFrame(
        {"who": ["p0"], "when": [pd.Timestamp("2026-01-05", tz="UTC")], "what": [CANARY], "k": "k"}
    )
    columns = {"who": "subject", "when": "at", "what": "item", "k": "event_id"}
    return {
        "an event": lambda: web.purpose(PURPOSE).record("p0", "view", event_id="x", item=CANARY),
        "a load": lambda: web.purpose(PURPOSE).load("view", frame, columns=columns),
        "a profile": lambda: web.purpose("orders").describe("p0", email=CANARY),
        "a yes": lambda: own.consent.answer({"newsletter": True}, notice="n", how=CANARY),
    }


def cells(shop: privet.Deployment) -> list[Any]:
    with shop._parts.home.data.read() as tx:
        return [
            tx.all("SELECT sno, dom, seq, grp FROM cell ORDER BY sno, dom, seq, grp"),
            tx.all("SELECT seq, sno, body FROM ledger ORDER BY seq"),
        ]


def texts(error: BaseException) -> str:
    seen, said = error, []
    while seen is not None:
        said.append(f"{seen!r} {seen} {seen.args}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " ".join(said)


def harmless(answer: Any) -> bool:
    """Whether an answer holds nothing of anybody."""
    lists = list(answer.values()) if isinstance(answer, dict) else [answer]
    return all(isinstance(x, privet.Picks) and not x.personal for x in lists)


@pytest.mark.parametrize("what", COLLABORATORS)
def test_a_read_that_cannot_be_answered_for_lets_nothing_out(
    stall: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    shop = stall.stocked(2)
    web = shop.principal("web", roles=["storefront"])
    web.consent.begin("p0", "orders")
    web.purpose("orders").describe("p0", email="p0@example.org")
    asked = reads(shop)
    for ask in asked.values():
        assert not harmless(ask())
    shop._parts.keys.forget()  # what a process holds in memory may answer for a while
    owner, name, fault = COLLABORATORS[what]
    monkeypatch.setattr(owner, name, fault)
    passed = 0
    for ask in asked.values():
        try:
            answer = ask()
        except Exception as error:
            refused(error)
        else:
            passed += not harmless(answer)
    # A read writes no cell and takes the position from the marks; what it needs was asked above.
    unneeded = {"a write of the vault", "the ledger's position"}
    assert passed in ({4} if what in unneeded else {0, *passing(what)})


def passing(what: str) -> set[int]:
    """How many of the reads do not depend on a collaborator at all."""
    return {
        "the ledger, of one": {1, 2},  # many are read by bitmaps; her rights rest on no ground
        "the ledger, of many": {2, 3},
        "the signer": {0},
    }.get(what, set())


def refused(error: Exception) -> None:
    """An unexpected fault may pass as it is, but a typed one says nothing personal."""
    if isinstance(error, privet.PrivetError):
        assert CANARY not in texts(error)
        assert documented(error)
    else:
        assert isinstance(error, Fault)


def documented(error: privet.PrivetError) -> bool:
    page = (ROOT / "docs" / "reference" / "reasons.md").read_text()
    return error.reason == error.code or f"| `{error.reason}` |" in page


@pytest.mark.parametrize("what", COLLABORATORS)
def test_a_write_that_cannot_be_answered_for_leaves_nothing(
    stall: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    shop = stall.stocked(2)
    shop.principal("web", roles=["storefront"]).consent.begin("p0", "orders")
    asked = writes(shop)
    before = cells(shop)
    owner, name, fault = COLLABORATORS[what]
    shop._parts.keys.forget()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fault)
        for ask in asked.values():
            try:
                ask()
            except Exception as error:
                refused(error)
    after = cells(shop)
    unneeded = {"the ledger, of one", "the ledger, of many", "the cells", "the keys"}
    if what in {*unneeded, "a snapshot's marks"}:
        return  # some writes do not need it: they were done, and properly
    leaves = [row for row in after[1] if row not in before[1]]
    assert after[0] == before[0]
    assert not leaves or what == "a write of the vault"  # her answer stands; its proof is to come


# --- the machine's own faults ----------------------------------------------------------------


def raises(kind: type[privet.PrivetError], reasons: set[str], ask: Callable[[], Any]) -> None:
    with pytest.raises(kind) as caught:
        ask()
    assert caught.value.reason in reasons, caught.value
    assert documented(caught.value)


def sealed_off(monkeypatch: pytest.MonkeyPatch, driver: str) -> None:
    """Let SQLite answer every commit of a writer as it does on such a machine."""
    real = store.translated

    @contextmanager
    def full(self: Store) -> Iterator[Any]:
        raise real(sqlite3.OperationalError(driver), self)
        yield

    monkeypatch.setattr(Store, "write", full)


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        ("database or disk is full", "store.full"),
        ("attempt to write a readonly database", "store.read-only"),
        ("database is locked", "store.busy"),
        ("disk I/O error", "store.io"),
        ("database disk image is malformed", "store.corrupt"),
    ],
)
def test_what_the_driver_says_becomes_a_documented_refusal(
    stall: Any, monkeypatch: pytest.MonkeyPatch, driver: str, reason: str
) -> None:
    shop = stall.stocked(1)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    sealed_off(monkeypatch, driver)
    for ask in (
        lambda: web.recommend("p0", model="pairs"),
        lambda: web.record("p0", "view", event_id="x", item="item-0"),
        lambda: shop.subject("p0", proof="t").consent.withdraw(PURPOSE),
    ):
        raises(privet.PrivetError, {reason}, ask)


FULL = """
import resource, sys
import privet
where, policy, keyring = sys.argv[1:]
shop = privet.open(where, policy=policy, keyring="file:" + keyring)
web = shop.principal("w", roles=["storefront"]).purpose("recommendations")
assert web.recommend("p0", model="pairs").personal
import os
most = max(os.stat(os.path.join(where, n)).st_size for n in os.listdir(where)) + 4096
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
done = 0
try:
    while done < 5000:
        web.record("p0", "view", event_id=f"f{done}", item="item-0")
        done += 1
except privet.PrivetError as error:
    print(done, type(error).__name__, error.reason)
for _ in range(3):
    try:
        print("personal", web.recommend("p0", model="pairs").personal)
    except privet.PrivetError as error:
        print("refused", type(error).__name__)
os._exit(0)
"""


def test_a_disk_that_fills_up_refuses_and_loses_nothing(stall: Any, tmp_path: Path) -> None:
    from privet.clock import SystemClock

    stall.clock = SystemClock()
    stall.stocked(1)
    stall.close()
    script = tmp_path / "full.py"
    script.write_text(FULL)
    arguments = [sys.executable, script, stall.where, stall.policy, stall.keyring]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    acknowledged, kind, reason = first.split()
    assert kind in {"AuditUnavailable", "StoreUnavailable"}
    assert reason in {"store.full", "store.io"}
    assert rest == ["refused AuditUnavailable"] * 3
    shop = stall.open()  # there is room again
    told = shop.subject("p0", proof="t").rights.access()["events"]["view"]
    kept = {row["event_id"] for row in told}
    assert {f"f{n}" for n in range(int(acknowledged))} <= kept
    assert len(told) == len(kept)
    export = tmp_path / "log"
    shop.principal("auditor", roles=["auditor"]).audit.export(export)
    from privet.audit.verifier import verify_directory

    assert verify_directory(export).ok


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser writes to what is read-only")
def test_a_home_that_can_only_be_read_is_refused(stall: Any) -> None:
    stall.stocked(1)
    stall.close()
    for file in Path(stall.where).iterdir():
        file.chmod(0o400)
    Path(stall.where).chmod(0o500)
    raises(privet.StoreUnavailable, {"store.read-only"}, stall.open)


@contextmanager
def another(script: str, *arguments: Any) -> Iterator[None]:
    """Another process that holds something until it is told to let go."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield
    process.communicate("go\n")


FLOCK = (
    "import fcntl, os, sys\nfd = os.open(sys.argv[1], os.O_RDWR)\n"
    "fcntl.flock(fd, fcntl.LOCK_EX)\nprint('held', flush=True)\ninput()\n"
)
BEGIN = (
    "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "c.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\ninput()\n"
)


@pytest.mark.parametrize(("script", "suffix"), [(FLOCK, "lock"), (BEGIN, "db")])
@pytest.mark.parametrize("name", ["audit", "data"])
def test_a_store_that_another_process_holds_is_waited_for_and_then_refused(
    stall: Any, monkeypatch: pytest.MonkeyPatch, script: str, suffix: str, name: str
) -> None:
    monkeypatch.setattr(store, "LOCK_DEADLINE_S", 0.2)
    monkeypatch.setattr("privet.db.home.BUSY_WAIT_MS", 200)
    shop = stall.stocked(1)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    stall.close()
    shop = stall.open()
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    with another(script, Path(stall.where) / f"{name}.{suffix}"):
        raises(
            privet.PrivetError,
            {"store.busy"},
            lambda: web.record("p0", "view", event_id="late", item="item-0"),
        )
        if name == "audit":
            raises(
                privet.AuditUnavailable, {"store.busy"}, lambda: web.recommend("p0", model="pairs")
            )
    assert web.record("p0", "view", event_id="late", item="item-0").new
