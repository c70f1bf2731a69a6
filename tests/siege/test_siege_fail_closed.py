"""Every collaborator fails once in every work (attack 32): closed, typed, healed, nothing twice.

Each work is done again and again, and the first, second, … call of each collaborator
raises: before it did anything, or after it did it and before anybody heard of it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.audit import Log
from privet.audit.commits import Commits
from privet.audit.verifier import verify_certificate, verify_directory
from privet.consent import Ledger
from privet.crypto import Signer
from privet.db import Store
from privet.gate.parts import Parts
from privet.policy import Policy, load
from privet.recommend import ItemItem, Popularity
from privet.testing import FakeClock
from privet.vault import Keys, Subjects, Vault
from privet.vault.keyring.file import FileKeyring

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
REASONS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "reasons.md"
PURPOSE = "recommendations"
ITEMS = [f"item-{n}" for n in range(4)]
CALLS = 3  # a fault in the first, second and third call; later ones are of the same kind
DERIVE = (
    "  - {id: derive, role: trainer, for: recommendations, may: [derive], "
    "fields: [purchase.*], minimize: {time: day}}\n\ntests:\n"
)


class Fault(Exception):
    """What nobody expected, with something personal in its text."""

    def __init__(self) -> None:
        super().__init__("canary-e41c")


class Shop:
    """A shop where four people agreed, bought and looked, with two models that serve."""

    def __init__(self, where: str, root: Path) -> None:
        self.root = root
        self.clock = FakeClock(START)
        self.open = privet.open(
            where,
            policy=policy(root / "policy"),
            keyring=f"file:{root / 'keyring'}",
            clock=self.clock,
            sync="OFF",
        )
        self.as_("operator").admin.load_items([{"item": i, "title": i, "text": i} for i in ITEMS])
        self.web = self.as_("storefront").purpose(PURPOSE)
        self.till = self.as_("storefront").purpose("orders")
        self.models = self.as_("trainer").purpose(PURPOSE).models
        self.deriving = self.as_("trainer").purpose(PURPOSE)
        self.desk = self.as_("privacy-desk")
        for n in range(4):
            self.join(f"p{n}")
        self.train()

    def as_(self, role: str) -> privet.Principal:
        return self.open.principal(role, roles=[role])

    def join(self, who: str) -> None:
        self.as_("storefront").consent.begin(who, "orders")
        self.till.describe(who, email="e@example.org")
        self.till.record(who, "purchase", item=ITEMS[0], order="o", quantity=1, value="2.50")
        own = self.open.subject(who, proof="t")
        own.consent.answer({PURPOSE: True}, notice="n", how="w")
        for n in range(2):
            self.web.record(who, "view", event_id=f"v{n}", item=ITEMS[n])

    def train(self) -> None:
        for name, spec in (
            ("popular", Popularity(event="view", least=1)),
            ("pairs", ItemItem(event="view", floor=1)),
        ):
            self.models.serve(self.models.train(name, spec))

    def views(self, who: str, event_id: str) -> int:
        told = self.open.subject(who, proof="t").rights.access()["events"].get("view", [])
        return sum(row["event_id"] == event_id for row in told)

    def live(self, name: str) -> int:
        with self.open._parts.home.data.read() as tx:
            return int(tx.all("SELECT version FROM model_live WHERE name = ?", (name,))[0][0])

    def learned_from(self, who: str) -> int:
        sno = self.open._parts.subjects.find([who])[0]
        with self.open._parts.home.data.read() as tx:
            return int(tx.all("SELECT COUNT(*) FROM contribution WHERE sno = ?", (sno,))[0][0])


def policy(directory: Path) -> Path:
    """The shop's, with floors of one, and with features."""
    directory.mkdir()
    texts = load("pack:shop").documents
    spoken = texts["policy"].replace("co_count_floor: 10, least: 5", "co_count_floor: 1, least: 1")
    (directory / "data.yaml").write_text(texts["data"])
    (directory / "policy.yaml").write_text(spoken.replace("\ntests:\n", f"{DERIVE}", 1))
    return directory


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(str(tmp_path / "home"), tmp_path)
    yield made
    made.open.close()


def documented(error: privet.PrivetError) -> bool:
    known = error.reason == error.code or f"| `{error.reason}` |" in REASONS.read_text()
    return known and bool(error.remedy) and "canary" not in f"{error!r}{error}{error.to_json()}"


# --- faults --------------------------------------------------------------------------------------


@dataclass
class Trap:
    """Raises at one call."""

    call: int
    calls: int = 0
    fired: bool = False

    def springs(self) -> bool:
        self.calls += 1
        self.fired = self.fired or self.calls == self.call
        return self.calls == self.call


def method(owner: Any, name: str, *, after: bool = False) -> Callable[..., None]:
    def arm(patch: pytest.MonkeyPatch, trap: Trap) -> None:
        real = getattr(owner, name)

        def failing(*args: Any, **kwargs: Any) -> Any:
            springs = trap.springs()
            if springs and not after:
                raise Fault
            done = real(*args, **kwargs)
            if springs:
                raise Fault
            return done

        patch.setattr(owner, name, failing)

    return arm


def block(kind: str, store: str, *, when: str) -> Callable[..., None]:
    """A transaction that does not begin, does not commit, or commits unheard."""

    def arm(patch: pytest.MonkeyPatch, trap: Trap) -> None:
        real = getattr(Store, kind)

        @contextmanager
        def failing(self: Store) -> Iterator[Any]:
            springs = self.name == store and trap.springs()
            if springs and when == "begin":
                raise Fault
            with real(self) as tx:
                yield tx
                if springs and when == "commit":
                    raise Fault
            if springs and when == "unheard":
                raise Fault

        patch.setattr(Store, kind, failing)

    return arm


BEFORE = {
    "the log": method(Log, "append"),
    "the log's warrant": method(Log, "authorise"),
    "the log's commit": method(Commits, "_write"),
    "the log's redo": method(Log, "redo"),
    "the log's size": method(Log, "size"),
    "the ledger of many": method(Ledger, "eligible"),
    "the ledger of one": method(Ledger, "why_not"),
    "the ledger's check": method(Ledger, "check"),
    "the ledger's projection": method(Ledger, "apply"),
    "the ledger's position": method(Ledger, "position"),
    "a snapshot's marks": method(Parts, "marks"),
    "the ledger's epoch": method(Ledger, "epoch"),
    "the ledger's fence": method(Ledger, "fence"),
    "keys of subjects": method(Keys, "of_subjects"),
    "new keys": method(Keys, "make_for_subjects"),
    "keys of models": method(Keys, "model_key"),
    "secrets": method(Keys, "secret"),
    "the keyring": method(FileKeyring, "unwrap"),
    "ids": method(Subjects, "find"),
    "enrolment": method(Subjects, "enrol"),
    "suppression": method(Subjects, "suppress"),
    "the policy": method(Policy, "decide"),
    "the signer": method(Signer, "sign"),
    "the clock": method(FakeClock, "now"),
    "rows": method(Vault, "fetch"),
    "opening": method(Vault, "open"),
    "profiles": method(Vault, "profiles"),
    "sealing": method(Vault, "prepare"),
    "storing": method(Vault, "commit"),
    "sealing of sums": method(Vault, "seal_many"),
    "shredding": method(Vault, "shred"),
    **{f"{s}: no read": block("read", s, when="begin") for s in ("data", "keys", "audit")},
    **{f"{s}: no write": block("write", s, when="begin") for s in ("data", "keys", "audit")},
    **{f"{s}: no commit": block("write", s, when="commit") for s in ("data", "keys", "audit")},
}
AFTER = {
    "the record unheard": method(Log, "append", after=True),
    "the warrant unheard": method(Log, "authorise", after=True),
    "the rows stored unheard": method(Vault, "commit", after=True),
    "the shredding unheard": method(Vault, "shred", after=True),
    **{f"{s}: unheard": block("write", s, when="unheard") for s in ("data", "keys", "audit")},
}
FAULTS = {**BEFORE, **AFTER}

# --- works ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """One work: how it is made ready, done, and looked at.

    Attributes:
        act: does it; the name makes it a work of its own.
        right: whether an answer is the whole one.
        ready: what it needs.
        none: holds after it failed where nothing was done.
        once: holds after it was done, however often it was tried.
        mended: does what housekeeping does where somebody else would go on.
    """

    act: Callable[[Shop, str], Any]
    right: Callable[[Any], bool] = lambda answer: answer is not None
    ready: Callable[[Shop, str], Any] = lambda shop, name: None
    none: Callable[[Shop, str], bool] = lambda shop, name: True
    once: Callable[[Shop, str], bool] = lambda shop, name: True
    never: frozenset[str] = field(default=frozenset())


def frame(name: str) -> pd.DataFrame:
    return pd.DataFrame({"s": ["p0"], "t": [pd.Timestamp(START)], "i": [ITEMS[3]], "e": [name]})


def own(shop: Shop, who: str) -> privet.Subject:
    return shop.open.subject(who, proof="t")


def yeses(shop: Shop, name: str) -> int:
    grounds = own(shop, name).rights.access()["grounds"]
    return sum(g["purpose"] == "newsletter" and g["kind"] == "yes" for g in grounds)


def state(shop: Shop, name: str, purpose: str = PURPOSE) -> str:
    return own(shop, name).consent.state()[purpose]


def named(shop: Shop, name: str) -> int:
    return sum(version.name == name for version in shop.models.list())


def requests(shop: Shop, name: str) -> list[str]:
    with shop.open._parts.home.data.read() as tx:
        return [str(row[0]) for row in tx.all("SELECT state FROM request ORDER BY received")]


def joined(shop: Shop, name: str) -> None:
    shop.join(name)
    shop.train()


def retrained(shop: Shop, name: str) -> None:
    shop.held = shop.models.train("popular", Popularity(event="view", least=1))  # type: ignore[attr-defined]
    shop.was = shop.live("popular")  # type: ignore[attr-defined]


def gone(shop: Shop, name: str) -> bool:
    return not shop.web.recommend(name).personal and shop.learned_from(name) == 0


COLUMNS = {"s": "subject", "t": "at", "i": "item", "e": "event_id"}
WORKS: dict[str, Work] = {
    "profile": Work(
        lambda s, n: s.till.profile("p0", "email"), lambda a: a["email"] == "e@example.org"
    ),
    "features": Work(
        lambda s, n: s.deriving.features(["monetary"], subjects=["p0", "p1"]),
        lambda a: list(a["monetary"]) == [2.5, 2.5],
    ),
    "recommend": Work(lambda s, n: s.web.recommend("p0", model="pairs"), lambda a: a.personal),
    "recommend_many": Work(
        lambda s, n: s.web.recommend_many(["p0", "p1"], model="pairs"),
        lambda a: all(picks.personal for picks in a.values()),
    ),
    "record": Work(
        lambda s, n: s.web.record("p0", "view", event_id=n, item=ITEMS[3]),
        none=lambda s, n: s.views("p0", n) == 0,
        once=lambda s, n: s.views("p0", n) == 1,
    ),
    "load": Work(
        lambda s, n: s.web.load("view", frame(n), columns=COLUMNS),
        lambda a: a.sealed + a.repeated == 1,
        none=lambda s, n: s.views("p0", n) == 0,
        once=lambda s, n: s.views("p0", n) == 1,
    ),
    "train": Work(
        lambda s, n: s.models.train(n, Popularity(event="view", least=1)),
        none=lambda s, n: named(s, n) == 0,
        once=lambda s, n: named(s, n) == 1,
    ),
    "evaluate": Work(
        lambda s, n: s.models.evaluate(s.models.list()[-1], cut=START + timedelta(days=1)),
        lambda a: a.subjects == 4,
    ),
    "serve": Work(
        lambda s, n: s.models.serve(s.held) or s.held,  # type: ignore[attr-defined]
        ready=retrained,
        # What serving leaves to be destroyed may fail after it serves.
        none=lambda s, n: s.live("popular") in {s.was, s.held.version},  # type: ignore[attr-defined]
        once=lambda s, n: s.live("popular") == s.models.list()[-1].version,
    ),
    "answer": Work(
        lambda s, n: own(s, n).consent.answer(
            {"newsletter": True}, notice="n", how="w", event_id=f"a-{n}"
        ),
        ready=lambda s, n: s.as_("storefront").consent.begin(n, "orders"),
        none=lambda s, n: yeses(s, n) <= 1,
        once=lambda s, n: yeses(s, n) == 1 and state(s, n, "newsletter") == "active",
    ),
    "withdraw": Work(
        lambda s, n: own(s, n).consent.withdraw(PURPOSE),
        ready=joined,
        once=lambda s, n: state(s, n) == "withdrawn" and gone(s, n),
    ),
    "erase": Work(
        lambda s, n: own(s, n).rights.erase(),
        lambda a: a.state == "held" and verify_certificate(a.certificate).ok,
        ready=joined,
        once=lambda s, n: requests(s, n).count("held") == len(requests(s, n)) and gone(s, n),
    ),
    "access": Work(
        lambda s, n: own(s, "p0").rights.access(), lambda a: a["profile"]["email"] is not None
    ),
    "export": Work(
        lambda s, n: own(s, "p0").rights.export(s.root / n),
        none=lambda s, n: not (s.root / n).exists(),
        once=lambda s, n: (s.root / n).read_text().count("e@example.org") == 1,
    ),
    "history": Work(lambda s, n: s.as_("auditor").audit.history("p0"), lambda a: len(a) > 3),
}


@pytest.mark.parametrize("work", WORKS)
def test_whatever_fails_once_lets_nothing_out_and_leaves_nothing_twice(
    shop: Shop, work: str
) -> None:
    job, met, swallowed = WORKS[work], set(), set()
    for fault, arm in FAULTS.items():
        for call in range(1, CALLS + 1):
            name = f"{work}-{sorted(FAULTS).index(fault)}-{call}"
            job.ready(shop, name)
            shop.open._parts.keys.forget()
            trap, error = Trap(call), None
            with pytest.MonkeyPatch.context() as patch:
                arm(patch, trap)
                try:
                    answer = job.act(shop, name)
                except (Fault, privet.PrivetError) as raised:
                    error = raised
            if isinstance(error, privet.PrivetError):
                assert documented(error), (fault, call)
            if not trap.fired:
                assert error is None
                break
            met.add(fault)
            if error is None:
                swallowed.add(fault)
                assert job.right(answer), (fault, call)
            elif fault in BEFORE:
                assert job.none(shop, name), (fault, call)
            with suppress(privet.UnknownSubject):  # she is erased: there is nobody left to ask
                assert job.right(job.act(shop, name)), (fault, call)
            assert job.once(shop, name), (fault, call)
    assert {"the log", "data: no read", "audit: no write", "the clock"} <= met
    assert not swallowed


# --- the machine's own faults --------------------------------------------------------------------


@pytest.fixture
def anywhere(where: str, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(where, tmp_path)
    yield made
    made.open.close()


def refused(act: Callable[[], Any], *reasons: str) -> privet.PrivetError:
    with pytest.raises(privet.PrivetError) as caught:
        act()
    assert documented(caught.value)
    assert caught.value.reason in reasons, caught.value
    return caught.value


def asked(shop: Shop) -> dict[str, Callable[[], Any]]:
    """Works whose audit record comes before everything that they do."""
    return {
        "list": lambda: shop.web.recommend("p0", model="pairs"),
        "lists": lambda: shop.web.recommend_many(["p0", "p1"], model="pairs"),
        "features": lambda: shop.deriving.features(["monetary"]),
        "profile": lambda: shop.till.profile("p0", "email"),
        "record": lambda: shop.web.record("p0", "view", event_id="late", item=ITEMS[3]),
        "train": lambda: shop.models.train("late", Popularity(event="view", least=1)),
        "answer": lambda: own(shop, "p0").consent.answer(
            {"newsletter": True}, notice="n", how="w", event_id="late"
        ),
        "withdraw": lambda: own(shop, "p3").consent.withdraw(PURPOSE),
        "erase": lambda: own(shop, "p2").rights.erase(),
        "access": lambda: own(shop, "p1").rights.access(),
    }


def healed(shop: Shop) -> None:
    """Everything works, once."""
    for name, act in asked(shop).items():
        assert act() is not None, name
    shop.open.maintenance.run()
    assert shop.views("p0", "late") == 1
    assert yeses(shop, "p0") == 1
    assert named(shop, "late") == 1
    assert state(shop, "p3") == "withdrawn"
    assert gone(shop, "p3")
    assert requests(shop, "p2") == ["held"]
    log = shop.root / "log"
    shop.as_("auditor").audit.export(log)
    assert verify_directory(log).ok


FUNCTION = (
    "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'canary-e41c'; END $$"
)


def test_a_log_that_takes_no_record_opens_nothing(anywhere: Shop) -> None:
    store = anywhere.open._parts.home.audit
    stop = (
        ["CREATE TRIGGER closed BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'no'); END"]
        if store.dialect == "sqlite"
        else [
            FUNCTION,
            "CREATE TRIGGER closed BEFORE INSERT ON record FOR EACH ROW EXECUTE FUNCTION closed()",
        ]
    )
    go = "DROP TRIGGER closed" + ("" if store.dialect == "sqlite" else " ON record")
    with store.write() as tx:
        for statement in stop:
            tx.run(statement)
    size = anywhere.open._parts.log.size()
    for act in asked(anywhere).values():
        error = refused(act, "store.unavailable", "audit.unavailable", "store.guarded")
        assert isinstance(error, privet.AuditUnavailable)
    assert anywhere.open._parts.log.size() == size
    with store.write() as tx:
        tx.run(go)
    healed(anywhere)


@pytest.mark.parametrize("name", ["audit", "data", "keys"])
def test_a_store_that_is_full_refuses_and_goes_on_when_there_is_room(shop: Shop, name: str) -> None:
    store = getattr(shop.open._parts.home, name)

    def limit(pages: int) -> None:
        for _ in range(2):  # as many connections as one thread uses at once
            with store.read() as tx:
                tx.all(f"PRAGMA max_page_count = {pages}")

    with store.read() as tx:
        ((pages,),) = tx.all("PRAGMA page_count")
    limit(pages)
    done = []
    with pytest.raises(privet.PrivetError) as caught:
        for n in range(3000):
            shop.join(f"new-{n}")
            done.append(f"new-{n}")
    assert documented(caught.value)
    assert caught.value.reason == "store.full"
    if name == "audit":
        assert isinstance(caught.value, privet.AuditUnavailable)
        refused(asked(shop)["list"], "store.full")
    limit(1 << 30)
    for who in done:
        assert shop.views(who, "v1") == 1
    shop.join(f"new-{len(done)}")  # from wherever it stopped
    assert shop.views(f"new-{len(done)}", "v0") == 1
    healed(shop)


HOLD = (
    "import fcntl, os, sqlite3, sys\n"
    "how, path = sys.argv[1:]\n"
    "if how == 'flock':\n"
    "    fd = os.open(path + '.lock', os.O_RDWR)\n"
    "    fcntl.flock(fd, fcntl.LOCK_EX)\n"
    "else:\n"
    "    held = sqlite3.connect(path + '.db', isolation_level=None)\n"
    "    held.execute('BEGIN IMMEDIATE')\n"
    "print('held', flush=True)\n"
    "input()\n"
)


@contextmanager
def another(*arguments: str) -> Iterator[None]:
    """Another process that holds something for the block."""
    command = [sys.executable, "-c", HOLD, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.communicate("go\n")


@pytest.mark.parametrize("how", ["flock", "begin"])
@pytest.mark.parametrize("name", ["audit", "data", "keys"])
def test_a_store_that_another_process_holds_is_refused_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, name: str
) -> None:
    monkeypatch.setattr("privet.db.store.LOCK_DEADLINE_S", 0.05)
    monkeypatch.setattr("privet.db.home.BUSY_WAIT_MS", 50)
    shop = Shop(str(tmp_path / "home"), tmp_path)
    needs = {
        "audit": list(asked(shop)),
        "data": ["record", "train", "answer", "withdraw", "erase"],
        "keys": ["train"],  # a model of its own has a key of its own
    }
    with another(how, str(tmp_path / "home" / name)):
        for work in needs[name]:
            refused(asked(shop)[work], "store.busy")
        if name != "audit":
            assert shop.web.recommend("p0", model="pairs").personal
    shop.open.maintenance.run()
    healed(shop)
    shop.open.close()


def sever(shop: Shop) -> int:
    """End every connection of this database but the one that asks."""
    with shop.open._parts.home.data.read() as tx:
        ended = tx.all(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    return len(ended)


@pytest.fixture
def served(postgres_url: str, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(postgres_url, tmp_path)
    yield made
    made.open.close()


def cut_before(patch: pytest.MonkeyPatch, url: str, name: str, call: int) -> Trap:
    """Let the server end all connections in the middle of the n-th transaction of a store."""
    import psycopg

    trap, real = Trap(call), Store.write

    @contextmanager
    def cutting(self: Store) -> Iterator[Any]:
        springs = self.name == name and trap.springs()
        with real(self) as tx:
            yield tx
            if springs:
                with psycopg.connect(url, autocommit=True) as admin:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )

    patch.setattr(Store, "write", cutting)
    return trap


@pytest.mark.parametrize("name", ["audit", "data", "keys"])
def test_a_server_that_ends_its_connections_is_refused_and_then_goes_on(
    served: Shop, postgres_url: str, name: str
) -> None:
    for work, act in asked(served).items():
        with pytest.MonkeyPatch.context() as patch:
            # One statement alone cannot be cut in its middle.
            patch.setattr("privet.audit.commits.CALM", float("inf"))
            trap = cut_before(patch, postgres_url, name, 1)
            try:
                act()
            except privet.PrivetError as error:
                assert documented(error)
                assert error.reason == "store.unreachable", (work, error)
            else:
                assert not trap.fired, work
    served.open.maintenance.run()
    healed(served)


def test_idle_connections_that_the_server_ended_are_made_anew(served: Shop) -> None:
    for act in (sever, lambda shop: own(shop, "p0").consent.state(), sever):
        assert act(served)
    healed(served)  # nobody is told that a server was restarted over night
