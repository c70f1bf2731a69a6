"""Whatever happens in between, a model that forgot is the one that never knew.

The oracle keeps each training's contributions as they were recorded, drops whoever leaves,
and fits anew. It shares no step with the removal.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import privet
from privet.clock import micros
from privet.errors import AccessDenied, ConsentMissing, Erased, ModelUnavailable
from privet.gate import artifact, versions
from privet.gate.parts import Caller
from privet.gate.record import entry
from privet.policy import load
from privet.recommend import ItemItem, Popularity
from privet.recommend.codec import Artifact, pack, unpack
from privet.recommend.state import from_bytes
from privet.types import FORGETTING

PEOPLE = [f"person-{n}" for n in range(5)]
ITEMS = [f"item-{n}" for n in range(6)]
PURPOSE = "recommendations"
SPECS = {
    "pairs": ItemItem(event="view", floor=1),
    "popular": Popularity(event="purchase", least=1),
}
people = st.sampled_from(PEOPLE)
items = st.sampled_from(ITEMS)


class Clock:
    """A clock that stands still until told otherwise."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant


def documents(directory: Path, *, narrow: bool) -> Path:
    """The shop's policy with floors of one; the narrow one learns from fewer fields."""
    texts = dict(load("pack:shop").documents)
    policy = texts["policy"].replace("co_count_floor: 10, least: 5", "co_count_floor: 1, least: 1")
    if narrow:
        wide = "[purchase.item, purchase.order, purchase.quantity, view.*]"
        assert wide in policy
        policy = policy.replace(wide, "[purchase.item, view.*]")
    directory.mkdir()
    (directory / "policy.yaml").write_text(policy)
    (directory / "data.yaml").write_text(texts["data"])
    return directory


def contributions(parts: Any, version: versions.Version) -> dict[int, np.ndarray]:
    """What is recorded of each person in a version's lineage, opened as the gate opens it."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT sno, ct FROM contribution WHERE model = ? AND lineage = ?",
            (version.model, version.lineage),
        )
    sealed = {int(sno): bytes(ct) for sno, ct in rows}
    if not sealed:
        return {}
    asked = entry(
        parts,
        Caller("test", frozenset({"privet"})),
        "access",
        purpose=FORGETTING,
        action="erase",
        subjects=sealed,
    )
    label = versions.contribution_label(version.model, version.lineage)
    opened = parts.vault.open_many(parts.log.authorise(asked), version.purpose, label, sealed)
    return {sno: from_bytes(plain) for sno, plain in opened.items()}


def fit(
    spec: Any, names: tuple[str, ...], added: dict[int, np.ndarray], without: set[int]
) -> Artifact:
    """A fit of the recorded contributions without some people."""
    state = spec.empty(len(names))
    for sno, entries in added.items():
        if sno not in without:
            spec.add(state, entries)
    return Artifact(spec, names, state)


class Forgetting(RuleBasedStateMachine):
    """A shop's life in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="privet-forgetting-"))
        self.clock = Clock()
        self.wide = documents(self.root / "wide", narrow=False)
        self.narrow = documents(self.root / "narrow", narrow=True)
        self.shop = privet.open(self.root / "home", policy=self.wide, clock=self.clock, sync="OFF")
        operator = self.shop.principal("operator", roles=["operator"])
        operator.admin.load_items([{"item": i, "title": i, "text": i} for i in ITEMS])
        self.narrowed = False
        self.events = 0
        self.until: dict[str, int] = {}  # until when each person's consent holds
        self.trained: dict[str, tuple[int, dict[int, np.ndarray]]] = {}
        self.left: dict[str, set[int]] = {name: set() for name in SPECS}

    def teardown(self) -> None:
        self.shop.close()
        shutil.rmtree(self.root)

    # --- doors -----------------------------------------------------------------------------

    @property
    def parts(self) -> Any:
        return self.shop._parts

    def web(self, purpose: str) -> privet.Access:
        return self.shop.principal("web", roles=["storefront"]).purpose(purpose)

    def agreed(self, person: str) -> bool:
        return self.until.get(person, -1) > micros(self.clock.now())

    def sno(self, person: str) -> int | None:
        return self.parts.subjects.find([person])[0]

    def leaves(self, snos: set[int]) -> None:
        for name in self.left:
            self.left[name] |= snos

    def settled(self) -> None:
        """Whose consent lapsed has left once maintenance ran."""
        late = {p for p, until in self.until.items() if until <= micros(self.clock.now())}
        self.leaves({s for p in late if (s := self.sno(p)) is not None})
        for person in late:
            del self.until[person]

    # --- life ------------------------------------------------------------------------------

    @initialize(given_by=st.lists(people, min_size=2, unique=True))
    def opening(self, given_by: list[str]) -> None:
        for person in given_by:
            self.agree(person)
            self.view(person, ITEMS[len(person) % 6])
            self.view(person, ITEMS[PEOPLE.index(person)])
        self.train("pairs")

    @rule(person=people)
    def agree(self, person: str) -> None:
        self.shop.subject(person, proof="test").consent.answer(
            {PURPOSE: True}, notice="n", how="web"
        )
        renew = self.shop.policy.purposes[PURPOSE].renew
        assert renew is not None
        self.until[person] = renew.after(micros(self.clock.now()))

    @rule(person=people, item=items, days=st.integers(0, 300))
    def view(self, person: str, item: str, days: int = 0) -> None:
        self.events += 1
        at = self.clock.now() - timedelta(days=days)
        try:
            self.web(PURPOSE).record(person, "view", at=at, event_id=f"e{self.events}", item=item)
        except (ConsentMissing, Erased):
            assert not self.agreed(person)

    @rule(person=people, item=items)
    def buy(self, person: str, item: str) -> None:
        self.events += 1
        try:
            self.shop.principal("web", roles=["storefront"]).consent.begin(person, "orders")
        except Erased:  # only she herself can come back
            return
        self.web("orders").record(
            person, "purchase", item=item, order=f"o{self.events}", quantity=1, value="9.50"
        )

    @rule(person=people, address=st.sampled_from(["a@example.org", "b@example.org"]))
    def rectify(self, person: str, address: str) -> None:
        try:
            self.web("orders").describe(person, email=address)
        except (ConsentMissing, Erased):
            return

    @rule(name=st.sampled_from(sorted(SPECS)))
    @precondition(lambda self: not self.narrowed)
    def train(self, name: str) -> None:
        desk = self.shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
        try:
            version = desk.models.train(name, SPECS[name])
        except AccessDenied:
            assert not any(self.agreed(p) for p in PEOPLE), "nobody is left to learn from"
            return
        desk.models.serve(version)
        self.trained[name] = (version.lineage, contributions(self.parts, version))
        self.left[name] = set()

    @rule(days=st.integers(1, 200))
    def sweep(self, days: int) -> None:
        self.clock.instant += timedelta(days=days)
        self.shop.maintenance.run()
        self.settled()

    @rule()
    def compact(self) -> None:
        self.shop.maintenance.run()
        self.settled()

    @rule()
    @precondition(lambda self: not self.narrowed)
    def permit_less(self) -> None:
        operator = self.shop.principal("operator", roles=["operator"])
        operator.admin.activate(self.narrow)
        self.shop.close()
        self.shop = privet.open(self.root / "home", clock=self.clock, sync="OFF")
        self.narrowed = True

    @rule()
    def restart(self) -> None:
        self.shop.close()
        self.shop = privet.open(self.root / "home", clock=self.clock, sync="OFF")

    def fenced(self, sno: int) -> bool:
        with self.parts.home.data.read() as tx:
            return tx.one("SELECT 1 FROM fence WHERE sno = ?", (sno,)) is not None

    # --- leaving ---------------------------------------------------------------------------

    @rule(person=people)
    def withdraw(self, person: str) -> None:
        sno = self.sno(person)
        if sno is None:
            return
        try:
            self.shop.subject(person, proof="test").consent.withdraw(PURPOSE)
        except Erased:  # only a hold is left of her: there is nothing to withdraw from
            assert self.fenced(sno)
            return
        self.until.pop(person, None)
        self.leaves({sno})

    @rule(person=people)
    def erase(self, person: str) -> None:
        sno = self.sno(person)
        if sno is None:
            return
        done = self.shop.subject(person, proof="test").rights.erase()
        assert done.state in {"done", "held"}
        assert done.certificate
        self.until.pop(person, None)
        self.leaves({sno})

    # --- what holds ------------------------------------------------------------------------

    @invariant()
    def every_model_is_a_fit_without_those_who_left(self) -> None:
        for name, (lineage, added) in self.trained.items():
            (version,) = artifact.versions(self.parts, PURPOSE, name)
            assert version.lineage == lineage
            held = unpack(self.state_of(version))
            fresh = fit(SPECS[name], held.names, added, self.left[name])
            assert held.state.arrays.keys() == fresh.state.arrays.keys()
            for array in fresh.state.arrays:
                np.testing.assert_array_equal(held.state.arrays[array], fresh.state.arrays[array])
            assert version.digest == versions.digest(version.spec, pack(fresh))
            remaining = added.keys() - self.left[name]
            assert version.subjects == len(remaining)
            assert contributions(self.parts, version).keys() == remaining

    def state_of(self, version: versions.Version) -> bytes:
        try:
            return artifact.load(self.parts, version.version)[1]
        except ModelUnavailable:
            if not self.narrowed:
                raise
        with self.parts.home.data.read() as tx:
            pages = tx.all(
                "SELECT part, ct FROM model_page WHERE version = ? ORDER BY part",
                (version.version,),
            )
        return versions.unseal(self.parts, version, pages)

    @invariant()
    def nothing_waits(self) -> None:
        waiting = self.shop.maintenance.overdue()
        assert waiting["erasures"] == 0


TestForgetting = Forgetting.TestCase
TestForgetting.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    # Tracing every line of a whole deployment, to explain a failure, takes minutes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def test_two_homes_one_never_fed_her_have_equal_models(tmp_path: Path) -> None:
    """Her erasure leaves what a home holds that never saw her."""
    clock = Clock()
    wide = documents(tmp_path / "wide", narrow=False)
    digests = []
    for fed in (True, False):
        with privet.open(tmp_path / f"home-{fed}", policy=wide, clock=clock, sync="OFF") as shop:
            lived(shop, [*PEOPLE[:3], *(["ada"] if fed else []), *PEOPLE[3:]])
            if fed:
                before = digests_of(shop)
                shop.subject("ada", proof="test").rights.erase()
                assert digests_of(shop) != before
            digests.append(digests_of(shop))
    assert digests[0] == digests[1]


def lived(shop: privet.Deployment, population: list[str]) -> None:
    operator = shop.principal("operator", roles=["operator"])
    operator.admin.load_items([{"item": i, "title": i, "text": i} for i in ITEMS])
    web = shop.principal("web", roles=["storefront"])
    for person in population:
        shop.subject(person, proof="t").consent.answer({PURPOSE: True}, notice="n", how="web")
        web.consent.begin(person, "orders")
        for n in range(3):
            item = ITEMS[(sum(map(ord, person)) * (n + 1)) % 6]
            web.purpose(PURPOSE).record(person, "view", event_id=f"v{n}", item=item)
            web.purpose("orders").record(
                person, "purchase", item=item, order=f"o{n}", quantity=1, value="1.00"
            )
    desk = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    for name, spec in SPECS.items():
        desk.models.serve(desk.models.train(name, spec))


def digests_of(shop: privet.Deployment) -> dict[str, str]:
    return {v.name: v.digest.hex() for v in artifact.versions(shop._parts, PURPOSE)}


def test_an_erased_person_is_unknown_afterwards(tmp_path: Path) -> None:
    wide = documents(tmp_path / "wide", narrow=False)
    with privet.open(tmp_path / "home", policy=wide, clock=Clock(), sync="OFF") as shop:
        lived(shop, PEOPLE[:2])
        shop.subject(PEOPLE[0], proof="t").rights.erase()
        desk = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
        version = desk.models.train("pairs", SPECS["pairs"])
        assert version.subjects == 1
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        with pytest.raises((ConsentMissing, Erased)):
            web.record(PEOPLE[0], "view", event_id="late", item=ITEMS[0])


def test_the_oracle_sees_a_removal_that_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = documents(tmp_path / "wide", narrow=False)
    with privet.open(tmp_path / "home", policy=wide, clock=Clock(), sync="OFF") as shop:
        lived(shop, PEOPLE[:3])
        before = digests_of(shop)
        monkeypatch.setattr(shop._parts, "unlearn", lambda spec, state, gone: state)
        shop.subject(PEOPLE[0], proof="t").rights.erase()
        assert digests_of(shop) == before
