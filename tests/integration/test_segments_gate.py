"""Segments behind the gate: trained, shown, released, forgotten."""

from __future__ import annotations

import csv
import pickle
import random
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.errors import (
    AccessDenied,
    AuditUnavailable,
    ConsentMissing,
    InvalidInput,
    ModelUnavailable,
    UnknownSubject,
)
from privet.gate import forget, membership
from privet.policy import load
from privet.segments import Agglomerative, GaussianMixture, KMeans, Release
from privet.testing import scan

ITEMS = {f"item-{n}": f"d{n % 3}" for n in range(9)}
HABITS = {"often": (12, 1), "seldom": (2, 1), "big": (4, 9)}  # baskets, items in each
SPEC = KMeans(["frequency", "monetary", "average_order"], k=3)
LEAST = 4


def policy(root: Path) -> Path:
    """The grocery pack, with a least size that suits three dozen people."""
    root.mkdir(exist_ok=True)
    for name, text in load("pack:grocery").documents.items():
        loose = text.replace("least: 50", f"least: {LEAST}").replace("least: 20", "least: 4")
        (root / f"{name}.yaml").write_text(loose)
    return root / "policy.yaml"


class Market:
    """A shop with three dozen people of three habits, and the doors to it."""

    def __init__(self, where: str, tmp: Path, clock: Any) -> None:
        self.clock = clock
        self.shop = privet.open(
            where, policy=policy(tmp / "p"), keyring=f"file:{tmp / 'k'}", clock=clock, sync="OFF"
        )
        operator = self.shop.principal("op", roles=["operator"])
        operator.admin.load_items(
            [{"item": i, "type": d, "department": d} for i, d in ITEMS.items()]
        )
        till = self.shop.principal("till", roles=["storefront"])
        self.till, self.orders = till, till.purpose("orders")
        self.loading = operator.purpose("orders")
        self.group = self.shop.principal("n", roles=["trainer"]).purpose("segmentation").segments
        self.look = self.shop.principal("a", roles=["analyst"]).purpose("segmentation").segments
        self.mail = self.shop.principal("m", roles=["marketer"]).purpose("newsletter").segments

    def people(self, habits: dict[str, str], silent: frozenset[str] = frozenset()) -> None:
        """New people, all of whom agree to segmentation and all but the silent to the mail."""
        for name in habits:
            self.till.consent.begin(name, "orders")
            answers = {"segmentation": True, "newsletter": name not in silent}
            self.shop.subject(name, proof="s").consent.answer(answers, notice="n", how="web")
            self.orders.describe(name, email=f"{name}@example.com", age="35-44")
        self.buy(habits)

    def buy(self, habits: dict[str, str], days: int = 20) -> None:
        """Purchases of the last days."""
        rows: list[tuple[Any, ...]] = []
        for name, habit in habits.items():
            rng = random.Random(f"{name} {habit} {self.clock.now()}")
            baskets, size = HABITS[habit]
            for basket in range(baskets):
                at = self.clock.now() - timedelta(days=rng.randint(1, days), minutes=basket)
                rows += [
                    (name, at, item, f"{name} {at} {basket}", 1, rng.randint(100, 300) / 100, 0, 0)
                    for item in list(ITEMS)[:size]
                ]
        names = ["subject", "at", "item", "basket", "quantity", "value", "discount", "coupon"]
        frame = pd.DataFrame(rows, columns=names).assign(store="s")
        self.loading.load("purchase", frame, columns={n: n for n in [*names, "store"]})

    def live(self, name: str = "habits", spec: KMeans = SPEC, **more: Any) -> privet.Version:
        version = self.group.train(name, spec, **more)
        self.group.evaluate(version)
        self.group.serve(version)
        return version

    def segment_of(self, name: str) -> str:
        found = self.group.of(name)
        assert found is not None
        return found

    def withdraw(self, name: str, purpose: str) -> None:
        self.shop.subject(name, proof="s").consent.withdraw(purpose)

    def digest(self) -> str:
        return self.group.list()[-1].digest.hex()


@pytest.fixture
def open_market(clock: Any, tmp_path: Path) -> Iterator[Callable[..., Market]]:
    made: list[Market] = []

    def opened(place: str = "") -> Market:
        place = place or str(tmp_path / "home")
        made.append(Market(place, tmp_path / f"m{len(made)}", clock))
        return made[-1]

    (tmp_path / "m0").mkdir()
    (tmp_path / "m1").mkdir()
    yield opened
    for market in made:
        market.shop.close()


PEOPLE = {f"person-{n:02}": sorted(HABITS)[n % 3] for n in range(24)}
SILENT = frozenset(name for n, name in enumerate(PEOPLE) if n % 4 == 3)


def filled(market: Market, without: tuple[str, ...] = ()) -> Market:
    market.people({n: h for n, h in PEOPLE.items() if n not in without}, SILENT)
    return market


@pytest.fixture
def market(open_market: Callable[..., Market]) -> Market:
    return filled(open_market())


@pytest.fixture
def somewhere(open_market: Callable[..., Market], where: str) -> Market:
    """The same, on SQLite and on PostgreSQL."""
    return filled(open_market(where))


def emails(release: Release, path: Path) -> set[str]:
    release.to_csv(path)
    with path.open(newline="") as file:
        return {email for (email,) in list(csv.reader(file))[1:]}


def members(habit: str) -> set[str]:
    return {name for name, h in PEOPLE.items() if h == habit}


def addresses(names: set[str]) -> set[str]:
    return {f"{name}@example.com" for name in names}


def test_a_day_with_segments(somewhere: Market, tmp_path: Path) -> None:
    version = somewhere.live()
    assert version.subjects == 24
    shown = somewhere.look.show()
    assert list(shown.columns) == ["segment", "size", "persona", "traits"]
    assert sorted(shown["size"]) == [8, 8, 8]
    often = somewhere.segment_of("person-01")
    assert "comes often" in shown.set_index("segment").loc[often, "persona"]
    release = somewhere.mail.release(often, fields=["profile.email"], to="mailer")
    assert emails(release, tmp_path / "campaign.csv") == addresses(members("often") - SILENT)
    assert stat.S_IMODE((tmp_path / "campaign.csv").stat().st_mode) == 0o600
    assert release.people == 6
    history = somewhere.shop.principal("d", roles=["auditor"]).audit.history("person-01")
    assert any(r.get("to") == "mailer" and r["purpose"] == "newsletter" for r in history)
    told = somewhere.shop.subject("person-01", proof="s").rights.access()
    assert "segmentation/habits" in told["models"]
    assert any(r.get("to") == "mailer" for r in told["reads"])
    assert told["segments"] == {"segmentation/habits": often}


def test_withdrawing_is_never_having_been_there(
    market: Market, open_market: Callable[..., Market],
    tmp_path: Path,
) -> None:  # fmt: skip
    other = filled(open_market(str(tmp_path / "twin")), without=("person-04",))
    for one in (market, other):
        one.live()
    assert market.digest() != other.digest()
    market.withdraw("person-04", "segmentation")
    assert market.digest() == other.digest()
    market.clock.advance(timedelta(days=7))
    for one in (market, other):
        one.buy({"person-01": "seldom", "person-02": "often"})
        one.live()
    assert market.digest() == other.digest()
    for one in (market, other):
        one.shop.subject("person-07", proof="s").rights.erase()
    assert market.digest() == other.digest()


def test_forgetting_reaches_through_the_weeks(
    somewhere: Market, open_market: Callable[..., Market], tmp_path: Path
) -> None:
    """Whoever leaves after the second week is not in the first either."""
    other = filled(open_market(str(tmp_path / "twin")), without=("person-04", "person-09"))
    for one in (somewhere, other):
        one.live()
    somewhere.clock.advance(timedelta(days=7))
    for one in (somewhere, other):
        one.buy({"person-01": "seldom", "person-02": "often"})
        one.live()
    somewhere.withdraw("person-04", "segmentation")
    done = somewhere.shop.principal("d", roles=["privacy-desk"]).rights.erase("person-09")
    assert somewhere.digest() == other.digest()
    assert b"habits" in done.certificate


def test_segments_keep_their_ids(market: Market) -> None:
    market.live()
    before = {name: market.segment_of(name) for name in PEOPLE}
    assert len(set(before.values())) == 3
    market.clock.advance(timedelta(days=7))
    market.buy(PEOPLE)
    market.live()
    assert {name: market.segment_of(name) for name in PEOPLE} == before
    moves = market.look.moves()
    assert all(len(path) == 2 and path[0] == path[1] for path in moves["path"])
    assert set(market.look.drift()["feature"]) == {"frequency", "monetary", "average_order"}


def test_one_who_moves_is_not_told(market: Market) -> None:
    market.live()
    shown, was = market.look.show(), market.segment_of("person-00")
    market.clock.advance(timedelta(days=7))
    changed = {**PEOPLE, "person-00": "often"}
    market.buy(changed)
    market.buy({"person-00": "often"})
    market.live(spec=KMeans(SPEC.features, k=3, smoothing=0, hysteresis=0))
    assert market.segment_of("person-00") == was
    assert list(market.look.show()["size"]) == list(shown["size"])
    ways = [tuple(path) for path in market.look.moves()["path"]]
    assert all(len(set(way)) == 1 for way in ways)


def test_many_who_move_are_told_with_why(market: Market) -> None:
    spec = KMeans(SPEC.features, k=3, smoothing=0, hysteresis=0)
    market.live(spec=spec)
    big, often = market.segment_of("person-00"), market.segment_of("person-01")
    seldom = market.segment_of("person-02")
    market.clock.advance(timedelta(days=7))
    movers = sorted(members("seldom"))[:LEAST]
    market.buy(dict.fromkeys(movers, "often"))
    market.live(spec=spec)
    assert {market.segment_of(name) for name in movers} == {often}
    moves = market.look.moves().set_index("path")
    assert dict(moves["people"]) == {
        (big, big): 8, (often, often): 8, (seldom, seldom): 4, (seldom, often): 4
    }  # fmt: skip
    assert "more: frequency" in moves.loc[[(seldom, often)], "why"].iloc[0]
    assert moves.loc[[(often, often)], "why"].iloc[0] == ()
    assert sorted(market.look.show()["size"]) == [4, 8, 12]


def test_who_left_is_in_no_list_and_no_figure_tells_it(market: Market, tmp_path: Path) -> None:
    market.live()
    often = market.segment_of("person-01")
    before = market.look.show()
    first = market.mail.release(often, fields=["profile.email"], to="mailer")
    market.withdraw("person-01", "newsletter")
    market.withdraw("person-04", "segmentation")
    assert emails(first, tmp_path / "late.csv") == addresses(
        members("often") - SILENT - {"person-01", "person-04"}
    )
    again = market.mail.release(often, fields=["profile.email"], to="mailer")
    assert "person-01@example.com" not in emails(again, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(market.look.show(), before)
    market.live()  # trained again without anybody new: nothing may be told either
    pd.testing.assert_frame_equal(market.look.show(), before)


def test_what_is_withheld_is_counted_by_reason(market: Market) -> None:
    market.people({f"new-{n}": "often" for n in range(5)})
    for n in range(5):
        market.withdraw(f"new-{n}", "segmentation")
    market.live()
    often = market.segment_of("person-01")
    release = market.mail.release(often, fields=["profile.email"], to="mailer")
    assert release.withheld == {"no consent to segmentation": 4, "no consent to newsletter": 0}


def test_too_few_are_not_released(market: Market) -> None:
    market.live()
    often = market.segment_of("person-01")
    for name in sorted(members("often") - SILENT)[:3]:
        market.withdraw(name, "newsletter")
    with pytest.raises(AccessDenied) as refusal:
        market.mail.release(often, fields=["profile.email"], to="mailer")
    assert refusal.value.reason == "cohort.small"


def test_a_list_that_shrank_is_not_written(market: Market, tmp_path: Path) -> None:
    market.live()
    often = market.segment_of("person-01")
    release = market.mail.release(often, fields=["profile.email"], to="mailer")
    for name in sorted(members("often") - SILENT)[:3]:
        market.withdraw(name, "newsletter")
    with pytest.raises(AccessDenied) as refusal:
        release.to_csv(tmp_path / "list.csv")
    assert refusal.value.reason == "cohort.small"
    assert not (tmp_path / "list.csv").exists()


def of(asked: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {**asked, "fields": list(fields)}


def test_what_is_not_permitted_is_refused(market: Market) -> None:
    with pytest.raises(ModelUnavailable) as none:
        market.look.show()
    assert none.value.reason == "segments.none"
    market.live()
    often = market.segment_of("person-01")
    mail, look, group = market.mail, market.look, market.group
    email = {"fields": ["profile.email"], "to": "mailer"}
    refusals: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (
            AccessDenied,
            "recipient.refused",
            lambda: mail.release(often, **{**email, "to": "other"}),
        ),
        (AccessDenied, "field.refused", lambda: mail.release(often, **of(email, "profile.age"))),
        (InvalidInput, "release.fields", lambda: mail.release(often, **of(email, "purchase.item"))),
        (InvalidInput, "release.fields", lambda: mail.release(often, **of(email))),
        (InvalidInput, "segment.unknown", lambda: mail.release("nobody", **email)),
        (AccessDenied, "action.refused", lambda: look.train("habits", SPEC)),
        (AccessDenied, "action.refused", lambda: look.serve(group.list()[-1])),
        (AccessDenied, "action.refused", lambda: look.list()),
        (AccessDenied, "action.refused", lambda: look.release(often, **email)),
        (AccessDenied, "cohort.small", lambda: look.of("person-01")),
        (UnknownSubject, "subject.unknown", lambda: group.of("a stranger")),
    ]
    for kind, reason, asked in refusals:
        with pytest.raises(kind) as refusal:
            asked()
        assert refusal.value.reason == reason
    both = ["person-01", "person-02", "a stranger"]
    assert group.of_many(both) == {
        "person-01": group.of("person-01"),
        "person-02": group.of("person-02"),
        "a stranger": None,
    }
    with pytest.raises(AccessDenied):
        look.of_many(both)
    market.withdraw("person-01", "segmentation")
    with pytest.raises(ConsentMissing):
        market.group.of("person-01")
    assert group.of_many(both)["person-01"] is None
    assert group.of_many(both)["person-02"] == group.of("person-02")


def test_other_purposes_have_no_segments(market: Market) -> None:
    market.live()
    suggesting = market.till.purpose("recommendations").segments
    with pytest.raises(AccessDenied):
        suggesting.show()
    learning = market.shop.principal("n", roles=["trainer"]).purpose("recommendations")
    with pytest.raises(ModelUnavailable) as refusal:
        learning.segments.serve(market.group.list()[-1])
    assert refusal.value.reason == "model.purpose"


def test_choosing_tells_how_well_each_number_does(market: Market) -> None:
    kinds = (KMeans, GaussianMixture, Agglomerative)
    table = market.group.choose([kind(SPEC.features, k=k) for kind in kinds for k in (2, 3, 4)])
    assert list(table["k"]) == [2, 3, 4] * 3
    assert table.set_index("k")["silhouette"].idxmax() == 3
    assert table.groupby("method")["bic"].idxmin().map(table["k"]).eq(3).all()
    best = table[(table["method"] == "KMeans") & (table["k"] == 3)].iloc[0]
    assert (best["stability"], best["smallest"], best["placed"]) == (1, 8, 1)
    with pytest.raises(InvalidInput) as refusal:
        market.group.choose([SPEC, KMeans(["frequency"])])
    assert refusal.value.reason == "segments.choice"


def test_segments_with_somebody_who_left_long_ago_are_quarantined(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.live()
    often = market.segment_of("person-01")
    with monkeypatch.context() as cut_off:
        cut_off.setattr(forget, "remove", lambda *_: [])
        market.withdraw("person-04", "segmentation")
    assert len(market.look.show()) == 3
    market.clock.advance(timedelta(hours=25))
    release = market.mail.release
    for asked in (
        market.look.show,
        market.look.moves,
        lambda: market.group.of("person-01"),
        lambda: release(often, fields=["profile.email"], to="mailer"),
    ):
        with pytest.raises(ModelUnavailable) as refusal:
            asked()
        assert refusal.value.reason == "model.quarantined"
    market.shop.maintenance.run()
    assert len(market.look.show()) == 3


def test_no_store_holds_anything_in_clear(market: Market, tmp_path: Path) -> None:
    market.live()
    market.shop.close()
    assert scan(tmp_path / "home", "person-01@example.com", "person-01") == []


def test_an_erased_person_is_in_nothing(market: Market, tmp_path: Path) -> None:
    market.live()
    often = market.segment_of("person-01")
    desk = market.shop.principal("d", roles=["privacy-desk"]).rights
    assert any(line.name == "segmentation/habits" for line in desk.plan("person-01"))
    done = desk.erase("person-01")
    assert b"habits" in done.certificate
    with market.shop._parts.home.data.read() as tx:
        assert len(tx.all("SELECT sno FROM segment_member")) == 23
    release = market.mail.release(often, fields=["profile.email"], to="mailer")
    assert "person-01@example.com" not in emails(release, tmp_path / "list.csv")


def test_a_release_says_nothing_by_itself(market: Market) -> None:
    market.live()
    often = market.segment_of("person-01")
    release = market.mail.release(often, fields=["profile.email"], to="mailer")
    assert "example.com" not in repr(release)
    with pytest.raises(TypeError):
        pickle.dumps(release)


def test_serving_again_changes_nothing(market: Market) -> None:
    version = market.live()
    before = market.look.show(), market.look.moves()
    for leaves in (False, True):
        if leaves:
            market.withdraw("person-01", "segmentation")
        market.group.serve(version)
        for was, now in zip(before, (market.look.show(), market.look.moves()), strict=True):
            pd.testing.assert_frame_equal(was, now)


def test_nothing_of_who_withdrew_is_kept(market: Market) -> None:
    market.live()
    sno = market.shop._parts.subjects.find(["person-01"])[0]
    market.withdraw("person-01", "segmentation")
    with market.shop._parts.home.data.read() as tx:
        for table in ("segment_member", "contribution"):
            assert tx.all(f"SELECT sno FROM {table} WHERE sno = ?", (sno,)) == []


def test_a_serving_that_was_cut_off_releases_nothing_until_it_is_done(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = market.group.train("habits", SPEC)
    with monkeypatch.context() as patched:
        patched.setattr(membership, "replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            market.group.serve(version)
    with pytest.raises(ModelUnavailable) as refusal:
        market.look.show()
    assert refusal.value.reason == "segments.unfinished"
    market.group.serve(version)
    assert len(market.look.show()) == 3


def test_another_policy_ends_the_segments(market: Market, clock: Any, tmp_path: Path) -> None:
    market.live()
    documents = tmp_path / "m0" / "p"
    changed = (
        (documents / "policy.yaml").read_text().replace("never: [health", "never: [adult, health")
    )
    (documents / "policy.yaml").write_text(changed)
    market.shop.principal("op", roles=["operator"]).admin.activate(documents / "policy.yaml")
    with privet.open(
        tmp_path / "home", keyring=f"file:{tmp_path / 'm0' / 'k'}", clock=clock
    ) as again:
        look = again.principal("a", roles=["analyst"]).purpose("segmentation").segments
        with pytest.raises(ModelUnavailable) as refusal:
            look.show()
        assert refusal.value.reason == "model.policy-changed"


def test_nothing_after_the_instant_is_looked_at(
    market: Market, open_market: Callable[..., Market], tmp_path: Path
) -> None:
    cut = market.clock.now()
    other = filled(open_market(str(tmp_path / "twin")))
    market.clock.advance(timedelta(days=3))
    other.buy(dict.fromkeys(PEOPLE, "big"), days=2)
    for one in (market, other):
        one.live(at=cut)
    assert market.digest() == other.digest()
    assert market.look.show().equals(other.look.show())


def test_bad_arguments_are_refused_before_anything_is_looked_at(market: Market) -> None:
    group, mail = market.group, market.mail
    odd: Any
    for odd in (None, 5, b"x", object(), [], {"a": 1}, "", "a\0b", float("nan")):
        for asked in (
            lambda: group.train(odd, SPEC),  # noqa: B023
            lambda: group.train("habits", odd),  # noqa: B023
            lambda: group.train("habits", SPEC, at=odd or 5),  # noqa: B023
            lambda: group.choose(odd),  # noqa: B023
            lambda: group.choose([odd]),  # noqa: B023
            lambda: group.evaluate(odd),  # noqa: B023
            lambda: group.serve(odd),  # noqa: B023
            lambda: group.of(odd if odd != 5 else True),  # noqa: B023
            lambda: group.show(model=odd or 5),  # noqa: B023
            lambda: mail.release(odd, fields=["profile.email"], to="mailer"),  # noqa: B023
            lambda: mail.release("a", fields=odd, to="mailer"),  # noqa: B023
            lambda: mail.release("a", fields=[odd], to="mailer"),  # noqa: B023
            lambda: mail.release("a", fields=["profile.email"], to=odd or 5),  # noqa: B023
        ):
            with pytest.raises(privet.PrivetError):
                asked()
    assert group.list() == []


def test_who_withdraws_while_a_version_is_put_live_is_placed_nowhere(
    market: Market, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version = market.group.train("habits", SPEC)
    replace = membership.replace

    def overtaken(*args: Any) -> None:
        market.withdraw("person-01", "segmentation")
        replace(*args)

    monkeypatch.setattr(membership, "replace", overtaken)
    market.group.serve(version)
    sno = market.shop._parts.subjects.find(["person-01"])[0]
    with market.shop._parts.home.data.read() as tx:
        assert tx.all("SELECT sno FROM segment_member WHERE sno = ?", (sno,)) == []
    often = market.segment_of("person-04")
    release = market.mail.release(often, fields=["profile.email"], to="mailer")
    assert "person-01@example.com" not in emails(release, tmp_path / "list.csv")


@pytest.mark.parametrize("nth", [1, 2])
def test_nothing_leaves_without_its_record(
    market: Market, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    market.live()
    often = market.segment_of("person-01")
    log = market.shop._parts.log
    authorise, calls = log.authorise, []

    def failing(record: Any) -> Any:
        calls.append(record)
        if len(calls) == nth:
            raise AuditUnavailable("the log is not there")
        return authorise(record)

    monkeypatch.setattr(log, "authorise", failing)
    with pytest.raises(AuditUnavailable):
        market.mail.release(often, fields=["profile.email"], to="mailer")
    assert len(calls) == nth
