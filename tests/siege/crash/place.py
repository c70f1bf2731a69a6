"""Where one home lives while faults befall it, and what was told about it outside of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import privet
from privet.db import Store
from privet.errors import StoreUnavailable
from privet.policy import load
from privet.recommend import ItemItem, Popularity
from privet.vault import Vault

PURPOSE = "recommendations"
ITEMS = [f"item-{n}" for n in range(6)]
PEOPLE = [f"person-{n}" for n in range(6)]
BOUGHT = PEOPLE[4]  # she bought something: a law holds it
GONE = "person-gone"  # erased long before
QUIET = "person-quiet"  # withdrew long before
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HERS = "hers.json"  # what a person is given of herself
VIEWS = 3  # of each person, when the home is prepared


class Clock:
    """Stands still until told otherwise."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def advance(self, by: timedelta) -> None:
        self.instant += by


def canary(person: str) -> str:
    """A value of hers that must never be seen outside of its seal."""
    return f"canary.{person}@mail.example"


@contextmanager
def by_hand() -> Iterator[None]:
    """What an operator does with files beside privet; where a fault befalls that, it is refused."""
    try:
        yield
    except OSError:
        raise StoreUnavailable("a command of the operator's failed", reason="store.full") from None


class Place:
    """One home of a small shop, in a slot of its own.

    Args:
        root: the slot: the keyring, and the home unless ``url`` names a database.
        policy: directory of the shop's policy.
        told: file outside the slot where acts tell what they began and what they have done.
        url: a PostgreSQL home.
        sync: ``FULL`` for who is killed, as an application has it; others need not wait.
    """

    def __init__(
        self,
        root: Path,
        policy: Path,
        told: Path,
        url: str | None = None,
        sync: Literal["FULL", "OFF"] = "OFF",
    ) -> None:
        self.root, self.policy, self.url, self.sync = root, policy, url, sync
        self.where = url or str(root / "home")
        self.clock = Clock(START)
        self._told = told
        self._writer: int | None = None

    # --- opening ---------------------------------------------------------------------------

    @property
    def anchor(self) -> Path:
        """Where checkpoints are carried, if a scenario makes the directory."""
        return self.root / "anchor"

    @cached_property
    def shop(self) -> privet.Deployment:
        """The deployment, opened when it is first asked for."""
        return self.open()

    def open(self, **more: Any) -> privet.Deployment:
        """Open the home; with an anchor where there is a place for one."""
        if self.anchor.exists():
            more["anchors"] = [f"file+same-volume:{self.anchor / 'log'}"]
        return privet.open(
            self.where,
            keyring=f"file:{self.root / 'keyring'}",
            clock=self.clock,
            sync=self.sync,
            **more,
        )

    def close(self) -> None:
        """Close what ``shop`` opened; the next use of it opens again."""
        if "shop" in vars(self):
            self.__dict__.pop("shop").close()

    def as_(self, *roles: str) -> privet.Principal:
        """Somebody in these roles."""
        return self.shop.principal("-".join(roles), roles=roles)

    # --- telling ---------------------------------------------------------------------------

    def tell(self, did: str, **about: object) -> None:
        """Write one line outside the home, whole or not at all."""
        if self._writer is None:
            self._writer = os.open(self._told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._writer, json.dumps([did, about]).encode() + b"\n")

    def told(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What was told, in order."""
        if self._told.exists():
            for line in self._told.read_text().splitlines():
                did, about = json.loads(line)
                yield did, about

    def watch(self) -> None:
        """Tell of each use of a subject's key, just before it: its record, and whose."""
        for name in ("open", "profiles", "prepare", "seal_many", "open_many"):
            setattr(Vault, name, self._watched(getattr(Vault, name)))

    def _watched(self, real: Any) -> Any:
        def call(vault: Vault, warrant: Any, what: Any, *rest: Any, **named: Any) -> Any:
            snos = what.snos if hasattr(what, "snos") else rest[-1]
            self.tell("opens", record=warrant.seq, whose=sorted({int(s) for s in snos}))
            return real(vault, warrant, what, *rest, **named)

        return call

    # --- life of the shop ------------------------------------------------------------------

    def found(self) -> None:
        """The home that every scenario begins with."""
        self.__dict__["shop"] = self.open(policy=self.policy)
        self.as_("operator").admin.load_items([{"item": i, "title": i, "text": i} for i in ITEMS])
        for who in [*PEOPLE, QUIET, GONE]:
            self.agree(who)
            for n in range(VIEWS):
                self.view(who, f"v{n}", day=n)
        self.as_("storefront").consent.begin(BOUGHT, "orders")
        self.buy(BOUGHT, "o1")
        self.train()
        self.shop.subject(QUIET, proof="t").consent.withdraw(PURPOSE)
        self.shop.subject(GONE, proof="t").rights.erase()
        self.shop.maintenance.run()

    def agree(self, who: str) -> None:
        """A yes of hers, and her address under a contract."""
        self.tell("begins", to="agree", who=who)
        self.shop.subject(who, proof="t").consent.answer({PURPOSE: True}, notice="n", how="web")
        web = self.as_("storefront")
        web.consent.begin(who, "orders")
        web.purpose("orders").describe(who, email=canary(who))
        self.tell("did", to="agree", who=who)

    def view(self, who: str, key: str, day: int = 0) -> None:
        """She looks at something."""
        self.tell("begins", to="view", who=who, key=key)
        item = ITEMS[(sum(map(ord, who)) * (day + 1)) % len(ITEMS)]
        at = START - timedelta(days=9 - day)
        web = self.as_("storefront").purpose(PURPOSE)
        web.record(who, "view", at=at, event_id=key, item=item)
        self.tell("did", to="view", who=who, key=key)

    def buy(self, who: str, order: str) -> None:
        """She buys something."""
        self.as_("storefront").purpose("orders").record(
            who, "purchase", at=START, item=ITEMS[0], order=order, quantity=1, value="2.50"
        )

    def train(self) -> None:
        """Train and serve both models."""
        desk = self.as_("trainer").purpose(PURPOSE).models
        for name, spec in (
            ("pairs", ItemItem(event="view", floor=1)),
            ("popular", Popularity(event="view", least=1)),
        ):
            desk.serve(desk.train(name, spec))

    def withdraw(self, who: str) -> None:
        """She withdraws."""
        self.tell("begins", to="withdraw", who=who)
        self.shop.subject(who, proof="t").consent.withdraw(PURPOSE)
        self.tell("did", to="withdraw", who=who)

    def erase(self, who: str) -> None:
        """She is erased; told as done only where it is done, not pending."""
        self.tell("begins", to="erase", who=who)
        done = self.as_("privacy-desk").rights.erase(who)
        if done.state in {"done", "held"}:
            self.tell("did", to="erase", who=who)

    def recommend(self, who: str) -> None:
        """Something is released to her."""
        picks = self.as_("storefront").purpose(PURPOSE).recommend(who, k=2)
        self.tell("released", who=who, personal=picks.personal)

    # --- reading it again ------------------------------------------------------------------

    @property
    def stores(self) -> Sequence[Store]:
        """The three stores of the open home."""
        home = self.shop._parts.home
        return home.data, home.keys, home.audit

    def sno(self, who: str) -> int | None:
        """Her ordinal, None where nobody is known under her id."""
        return self.shop._parts.subjects.find([who])[0]

    def traces(self) -> dict[str, list[bytes]]:
        """Of each person, the bytes that must be gone once she is erased: wrapped keys, tags.

        Of whom a law holds, not those of the held domains, nor what leads to her.
        """
        with self.stores[1].read() as tx:
            held = {
                int(dom)
                for dom, name, hold in tx.all("SELECT dom, name, hold FROM domain")
                if hold or name == "identity"
            }
            keys = tx.all("SELECT sno, dom, wrapped FROM subject_key")
            tags = tx.all("SELECT sno, tag FROM subject_ref")
        found: dict[str, list[bytes]] = {}
        for who in PEOPLE:
            sno = self.sno(who)
            kept = held if who == BOUGHT else set()
            found[who] = [bytes(w) for s, dom, w in keys if s == sno and int(dom) not in kept]
            if who != BOUGHT:
                found[who] += [bytes(tag) for s, tag in tags if s == sno]
        return found

    def life(self, who: str) -> Mapping[str, Any]:
        """All that is kept about her, as a desk tells it."""
        return self.as_("privacy-desk").rights.access(who)


def documents(directory: Path, *, narrow: bool = False) -> Path:
    """The shop's policy with floors of one; the narrow one learns from fewer fields."""
    texts = dict(load("pack:shop").documents)
    floors = "co_count_floor: 10, least: 5"
    assert floors in texts["policy"]
    policy = texts["policy"].replace(floors, "co_count_floor: 1, least: 1")
    if narrow:
        wide = "[purchase.item, purchase.order, purchase.quantity, view.*]"
        assert wide in policy
        policy = policy.replace(wide, "[purchase.item, view.*]")
    directory.mkdir(parents=True)
    (directory / "policy.yaml").write_text(policy)
    (directory / "data.yaml").write_text(texts["data"])
    return directory
