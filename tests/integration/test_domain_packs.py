"""The packs of a streaming service and of a newspaper, from a first consent to a certificate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.audit.verifier import verify_certificate
from privet.errors import AccessDenied, InvalidInput, PrivetError
from privet.policy import load
from privet.recommend import ItemItem, Popularity
from privet.segments import KMeans
from privet.testing import scan

PEOPLE = [f"person-{n:03}" for n in range(110)]
AGREED = ("recommendations", "segmentation", "newsletter")


@dataclass(frozen=True)
class Domain:
    """One pack, what its catalogue holds, and how its people are known."""

    pack: str
    contracts: tuple[str, ...]
    event: str
    key: str
    purpose: str
    """For which purpose such an event is collected."""
    kind: str
    """The field of the catalogue that groups are told by."""
    items: Mapping[str, dict[str, str]]
    profile: Mapping[str, str]
    more: Mapping[str, object]
    """What else an event has."""
    bill: tuple[str, str]
    """The event that tax law holds, and its key."""

    @property
    def sensitive(self) -> set[str]:
        """The items that reveal something, by the pack's own lists."""
        rules = load(f"pack:{self.pack}").items
        return {item for item, fields in self.items.items() if rules.hidden(fields)}

    def features(self) -> list[str]:
        visits, items = f"{self.event}.{self.key}", f"{self.event}.item"
        return [f"recency@{visits}", f"frequency@{visits}", f"share:{self.kind}@{items}"]


MEDIA = Domain(
    pack="media",
    contracts=("watching",),
    event="watch",
    key="play",
    purpose="watching",
    kind="genre",
    items={
        "harbour": {"genre": "Thriller", "rating": "0"},
        "storm": {"genre": "Thriller", "rating": "0"},
        "kitchen": {"genre": "Sitcom", "rating": "0"},
        "garden": {"genre": "Sitcom", "rating": "0"},
        "pursuit": {"genre": "Action", "rating": "16"},
        "psalms": {"genre": "Religious music", "rating": "0"},
        "our party": {"genre": "Socialism", "rating": "0"},
        "her wedding": {"genre": "Romance", "theme": "LGBTQ", "rating": "0"},
        "living with it": {"genre": "Reality", "theme": "Cancer", "rating": "0"},
    },
    profile={"age": "18+", "email": "someone@example.com"},
    more={"seconds": 2400},
    bill=("charge", "invoice"),
)
NEWS = Domain(
    pack="news",
    contracts=("subscription", "paywall"),
    event="article",
    key="opened",
    purpose="recommendations",
    kind="topic",
    items={
        "final": {"topic": "Sport"},
        "transfer": {"topic": "Sport"},
        "museum": {"topic": "Culture"},
        "concert": {"topic": "Culture"},
        "harvest": {"topic": "Weather"},
        "congress": {"topic": "Political convention"},
        "why I vote": {"topic": "Taxation", "form": "opinion"},
        "diocese": {"topic": "Catholicism"},
        "remedy": {"topic": "Mental health"},
    },
    profile={"plan": "digital", "email": "someone@example.com"},
    more={},
    bill=("invoice", "number"),
)


class Service:
    """A hundred and ten people who agreed to everything: two tastes, and some of what reveals."""

    def __init__(self, domain: Domain, where: str, tmp: Path, clock: Any) -> None:
        self.domain, self.clock, self.tmp = domain, clock, tmp
        self.home = privet.open(
            where,
            policy=f"pack:{domain.pack}",
            keyring=f"file:{tmp / 'ring'}",
            clock=clock,
            sync="OFF",
        )
        operator = self.home.principal("ops", roles=["operator"])
        operator.admin.load_items([{"item": i, **f} for i, f in domain.items.items()])
        operator.admin.add_notice(f"pack:{domain.pack}")
        self.web = self.home.principal("web", roles=["storefront"])
        said = {**dict.fromkeys(domain.contracts, "begun"), **dict.fromkeys(AGREED, "yes")}
        grounds = [(person, purpose, kind) for person in PEOPLE for purpose, kind in said.items()]
        desk = self.home.principal("import", roles=["privacy-desk", "storefront"])
        desk.consent.load(
            pd.DataFrame(grounds, columns=["subject", "purpose", "kind"]).assign(at=clock.now()),
            notice=f"{domain.pack}/2026-11/en",
            channel="generated",
            evidence="none",
        )
        described = pd.DataFrame({"subject": PEOPLE}).assign(at=clock.now(), **domain.profile)
        account = operator.purpose(domain.contracts[0])
        account.load("profile", described, columns={c: c for c in described})
        clock.advance(timedelta(days=30))
        self.loaded = operator.purpose(domain.purpose).load(
            domain.event, self.rows(), columns={c: c for c in self.rows()}
        )
        nightly = self.home.principal("nightly", roles=["trainer"])
        self.models = nightly.purpose("recommendations").models
        self.group = nightly.purpose("segmentation")

    def rows(self) -> pd.DataFrame:
        """Two tastes, and once of everything that reveals something."""
        now, names = self.clock.now(), [*self.domain.items]
        taken = [
            (person, now - timedelta(days=2 + days, minutes=n), item)
            for n, person in enumerate(PEOPLE)
            for days, item in enumerate((*names[2 * (n % 2) :][:2], *names[4:]))
        ]
        frame = pd.DataFrame(taken, columns=["subject", "at", "item"])
        return frame.assign(**{self.domain.key: range(len(frame))}, **self.domain.more).astype(
            {self.domain.key: str}
        )

    @property
    def suggestions(self) -> privet.principals.Access:
        return self.web.purpose("recommendations")

    def serve(self) -> None:
        event = self.domain.event
        for name, spec in (
            ("kinds", Popularity(event=event, by=self.domain.kind)),
            ("alike", ItemItem(event=event)),
            ("popular", Popularity(event=event)),  # the last is what anybody gets
        ):
            self.models.serve(self.models.train(name, spec))
        groups = self.group.segments
        groups.serve(groups.train("habits", KMeans(self.domain.features(), k=2)))

    def said(self) -> str:
        """All that lists, reasons, similar items, cards, segments and features say, as one text."""
        lists = [
            (pick.item, pick.because)
            for model in ("alike", "popular", "kinds")
            for picks in self.suggestions.recommend_many(
                [*PEOPLE[:4], "a stranger"], k=20, model=model, age=40
            ).values()
            for pick in picks
        ]
        beside = [
            (pick.item, pick.because)
            for item in sorted(set(self.domain.items) - self.domain.sensitive)
            for pick in self.suggestions.similar(item, k=20, model="alike", age=40)
        ]
        cards = [self.models.card(version).html() for version in self.models.list()]
        groups = self.group.segments
        shown = [groups.show().to_json(), groups.describe().to_json()]
        columns = [*self.group.features(self.domain.features())]
        return repr([lists, beside, cards, shown, columns])


@pytest.fixture(params=[MEDIA, NEWS], ids=lambda domain: domain.pack)
def service(
    request: pytest.FixtureRequest, where: str, tmp_path: Path, clock: Any
) -> Iterator[Service]:
    made = Service(request.param, where, tmp_path, clock)
    assert made.loaded.sealed == len(made.rows())
    yield made
    made.home.close()


def test_from_consent_to_a_list_a_withdrawal_and_a_certificate(service: Service) -> None:
    service.serve()
    picks = service.suggestions.recommend(PEOPLE[0], k=4, model="alike")
    assert picks.personal
    assert picks
    herself = service.home.subject(PEOPLE[0], proof="session").consent
    herself.withdraw("recommendations")
    assert not service.suggestions.recommend(PEOPLE[0], k=4, model="alike").personal
    assert service.suggestions.recommend(PEOPLE[1], k=4, model="alike").personal
    assert {service.group.segments.of(person) for person in PEOPLE[1:3]} == {"habits-1", "habits-2"}
    bill, number = service.domain.bill
    billing = service.home.principal("ops", roles=["operator"]).purpose(service.domain.contracts[0])
    billing.record(PEOPLE[0], bill, **{number: "2026-17", "value": "9.99"})
    desk = service.home.principal("desk", roles=["privacy-desk"]).rights
    done = desk.erase(PEOPLE[0], request="R-1")
    key = service.home.principal("carl", roles=["auditor"]).audit.verifier_key
    assert verify_certificate(done.certificate, vkey=key).ok
    said = json.loads(done.certificate)["certificate"]
    assert done.state == "held"  # the bill alone, for tax law, under a key of its own
    assert [(h["law"], h["until"][:4]) for h in said["held"]] == [
        ("Keeping of tax records", "2033")
    ]
    with pytest.raises(PrivetError):
        service.web.consent.begin(PEOPLE[0], service.domain.contracts[0])
    live = [v for v in service.models.list() if v.state == "live"]
    assert [v.subjects for v in live] == [len(PEOPLE) - 1] * 3
    assert scan(service.tmp, PEOPLE[0]) == []


def test_nothing_that_reveals_is_in_a_list_a_reason_a_card_or_a_segment(service: Service) -> None:
    domain = service.domain
    assert len(domain.sensitive) == 4
    service.serve()
    said = service.said()
    open_items = set(domain.items) - domain.sensitive
    assert all(
        item in said for item in open_items
    )  # what may be told is, so silence means something
    values = {domain.items[item][domain.kind] for item in domain.sensitive}
    values -= {fields[domain.kind] for item, fields in domain.items.items() if item in open_items}
    assert any(word in said for word in ("much Thriller", "much Sport"))
    for word in domain.sensitive | values - {"Romance", "Reality", "Taxation"}:
        assert word not in said, word
    for item in domain.sensitive:
        with pytest.raises(AccessDenied) as refusal:
            service.suggestions.similar(item, model="alike")
        assert refusal.value.reason == "item.hidden"
    known = service.home.principal("desk", roles=["privacy-desk"]).rights.access(PEOPLE[0])
    assert domain.sensitive <= {row["item"] for row in known["events"][domain.event]}


def test_what_reveals_moves_no_byte_of_a_model_or_a_segment(
    service: Service, tmp_path: Path, clock: Any
) -> None:
    rows, domain = service.rows(), service.domain
    service.serve()
    digests = sorted(v.digest for v in (*service.models.list(), *service.group.segments.list()))

    class Without(Service):
        def rows(self) -> pd.DataFrame:
            return rows[~rows["item"].isin(domain.sensitive)]

    clock.instant -= timedelta(days=30)
    place = tmp_path / "without"
    place.mkdir()
    other = Without(domain, str(place / "home"), place, clock)
    other.serve()
    found = sorted(v.digest for v in (*other.models.list(), *other.group.segments.list()))
    other.home.close()
    assert found == digests


@pytest.fixture
def media(where: str, tmp_path: Path, clock: Any) -> Iterator[Service]:
    made = Service(MEDIA, where, tmp_path, clock)
    yield made
    made.home.close()


def test_a_child_has_no_list_of_her_own_and_is_not_learnt_from(media: Service) -> None:
    media.serve()
    child, unknown = PEOPLE[0], "somebody new"
    media.web.purpose("watching").describe(child, age="0-12")
    media.web.consent.begin(unknown, "watching")
    herself = media.home.subject(unknown, proof="session").consent
    herself.answer(dict.fromkeys(AGREED, True), notice="media/2026-11/en", how="web")
    for person in (child, unknown):
        picks = media.suggestions.recommend(person, k=20, model="alike", age=9)
        assert not picks.personal
        ratings = {MEDIA.items[pick.item]["rating"] for pick in picks}
        assert ratings == {"0"}
    like_any = [
        [pick.item for pick in media.suggestions.recommend(person, k=20, model="alike", age=40)]
        for person in (child, "a stranger")
    ]
    assert like_any[0] == like_any[1]
    media.serve()  # what is trained from now on learns nothing of her
    live = [v for v in media.models.list() if v.state == "live"]
    assert [v.subjects for v in live] == [len(PEOPLE) - 1] * 3


def test_a_minor_is_in_no_segment_and_gets_no_newsletter(media: Service) -> None:
    minor, adult = PEOPLE[0], PEOPLE[2]
    media.serve()
    segment = media.group.segments.of(minor)
    assert segment == media.group.segments.of(adult)
    media.web.purpose("watching").describe(minor, age="16-17")
    with pytest.raises(AccessDenied) as refusal:
        media.group.segments.of(minor)
    assert refusal.value.reason == "deny"
    assert media.group.segments.of_many([minor, adult]) == {minor: None, adult: segment}
    assert media.group.segments.show()["segment"].tolist() == ["habits-1", "habits-2"]
    mail = media.home.principal("ines", roles=["marketer"]).purpose("newsletter").segments
    release = mail.release(str(segment), fields=["profile.email"], to="mailer")
    assert release.people == 54


def test_a_feature_over_a_field_that_says_nothing_is_refused_before_anything_is_read(
    media: Service,
) -> None:
    segments = media.group.segments
    asks: list[Any] = [
        media.group.features,
        lambda names: segments.train("x", KMeans(names, k=2)),
        lambda names: segments.choose([KMeans(names, k=2)]),
    ]
    for name in ("monetary@watch.item", "share:genre@watch.play"):
        for ask in asks:
            with pytest.raises(InvalidInput) as refusal:
                ask([name])
            assert refusal.value.reason == "features.kind"
