"""Sensitive by inference: what reveals a special category is nowhere, though all of it is sealed.

The grocery pack judges its own catalogue. Here two dozen households buy some of every type
that it lists, spelled in other ways, beside a dozen harmless ones. Whatever is then made for
a purpose without a ground of Art. 9(2) is searched for each of their names.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.kinds import RECOMMENDERS, segmenters
from tests.world import START, written

import privet
from privet.errors import AccessDenied
from privet.policy import load
from privet.recommend import ItemItem, Popularity
from privet.segments import KMeans, pictures
from privet.testing import FakeClock

PACK = load("pack:grocery").items
SPECIAL = sorted({v for rule in PACK.reveals.values() if rule.special for v in rule.values["type"]})
GROWN = sorted({v for rule in PACK.reveals.values() if rule.min_age for v in rule.values["type"]})
SPELLED: Sequence[Callable[[str], str]] = (
    str.upper,
    str.title,
    lambda name: f"\t{name.upper()} ",
    lambda name: name.upper().replace(" ", "  "),
    lambda name: name.replace(" ", "\u00a0"),
    lambda name: f"\u200b{name.upper()}\ufeff",
    lambda name: name.upper().translate({n: n + 0xFEE0 for n in range(0x41, 0x5B)}),
)
"""The ways in which a supplier may write the name of a type."""
WORDS = ("bread", "milk", "tea", "rice", "soup", "soap", "salt", "jam", "corn", "fish", "leek")
PLAIN = [f"PLAIN {word}" for word in WORDS]
HOUSEHOLDS = [f"household-{n:02}" for n in range(24)]
FEATURES = ["frequency", "monetary", "share:type", "share:department"]
LONG = 1000
RENAMED = "PLAIN jam"
"""What turns out to be sensitive after it was bought, learned and put live."""
GROUND = (
    ("never: [health, ", "never: ["),
    ("    renew: 12mo", "    renew: 12mo\n    special: {health: explicit-consent}"),
    (
        "    models: {deadline: 24h, least: 2}",
        "    models: {deadline: 24h, least: 2}\n    special: {health: explicit-consent}",
    ),
)


def plainly(text: object) -> str:
    """Any output as the pack would spell it."""
    whole = text.decode() if isinstance(text, bytes) else str(text)
    whole = whole.encode().decode("unicode_escape", "replace") if "\\u" in whole else whole
    visible = "".join(c for c in unicodedata.normalize("NFKC", whole) if c not in "\u200b\ufeff")
    return " ".join(visible.replace("\\t", " ").casefold().split())


def spelled(n: int, name: str) -> str:
    return SPELLED[n % len(SPELLED)](name)


ITEMS = [
    *({"item": f"zqh-{n}", "type": spelled(n, name)} for n, name in enumerate(SPECIAL)),
    {"item": "zqh-diet", "type": "PLAIN but", "category": " Restricted  Diet"},
    *({"item": f"zqa-{n}", "type": spelled(n, name)} for n, name in enumerate(GROWN)),
    *({"item": f"plain-{n}", "type": name} for n, name in enumerate(PLAIN)),
]
NEAT = [{**item, "type": plainly(item["type"]).upper()} for item in ITEMS]
"""The same, as the pack spells them."""
NEVER = re.compile("|".join(["zqh-", *(re.escape(name) for name in SPECIAL)]))
OF_AGE = re.compile("|".join(["zqa-", *(rf"\b{re.escape(name)}\b" for name in GROWN)]))


def policy(root: Path, edits: Iterable[tuple[str, str]]) -> Path:
    root.mkdir(exist_ok=True)
    for name, text in load("pack:grocery").documents.items():
        changed = text.replace("co_count_floor: 10, least: 20", "co_count_floor: 2, least: 2")
        changed = changed.replace("least: 50", "least: 2")
        for seen in ("purchase.basket, view.item]", "purchase.quantity, view.*, shown.*, click.*]"):
            changed = changed.replace(seen, f"{seen[:-1]}, profile.age]")
        for old, new in edits if name == "policy" else ():
            assert old in changed
            changed = changed.replace(old, new, 1)
        (root / f"{name}.yaml").write_text(changed)
    return root / "policy.yaml"


class Market:
    """A shop of two dozen households who buy some of everything, and the doors to it."""

    def __init__(
        self,
        where: str,
        root: Path,
        *,
        edits: Iterable[tuple[str, str]] = (),
        special: bool = True,
        ways: Sequence[str] = ("kmeans", "hdbscan"),
    ) -> None:
        self.clock = FakeClock(START)
        self.root = root
        root.mkdir(exist_ok=True)
        self.shop = privet.open(
            where,
            policy=policy(root / "p", edits),
            keyring=f"file:{root / 'k'}",
            clock=self.clock,
            sync="OFF",
        )
        self.admin = self.shop.principal("op", roles=["operator"]).admin
        self.admin.load_items(
            [{"department": "d", "category": "", **item} for item in (ITEMS if not edits else NEAT)]
        )
        till = self.shop.principal("till", roles=["storefront"])
        for person in HOUSEHOLDS:
            till.consent.begin(person, "orders")
            everything = dict.fromkeys(("recommendations", "segmentation", "newsletter"), True)
            herself = self.shop.subject(person, proof="s").consent
            herself.answer(everything, notice="n", how="web")
            till.purpose("orders").describe(person, email=f"{person}@example.com", age="35-44")
        trainer = self.shop.principal("t", roles=["trainer"])
        self.models = trainer.purpose("recommendations").models
        self.grouping = trainer.purpose("segmentation")
        self.web = till.purpose("recommendations")
        marketer = self.shop.principal("m", roles=["marketer"])
        self.mail = marketer.purpose("newsletter").segments
        self.special = special
        found = segmenters(FEATURES)
        self.ways = {name: found[name] for name in ways or found}
        self.buy()

    def buy(self) -> None:
        """Of every household some of everything in the last months; always in the same order."""
        now = self.clock.now()
        rows = []
        for n, person in enumerate(HOUSEHOLDS):
            dice = random.Random(f"{person} {now}")
            for basket in range(3 + 4 * (n % 3)):
                at = now - timedelta(days=dice.randint(1, 80), minutes=basket)
                bought = [f"plain-{(n % 3) * 3 + k}" for k in range(4)]
                bought += [i["item"] for i in dice.sample(ITEMS, 12)]
                rows += [(person, at, item, f"{person} {now} {basket}") for item in set(bought)]
        if not self.special:
            rows = [row for row in rows if not row[2].startswith("zqh")]
        frame = pd.DataFrame(sorted(rows), columns=["subject", "at", "item", "basket"])
        frame = frame.assign(quantity=1, value=2, discount=0, coupon=0, store="s")
        loading = self.shop.principal("op", roles=["operator"]).purpose("orders")
        assert loading.load("purchase", frame, columns={c: c for c in frame}).sealed == len(frame)

    def learn(self, by: str) -> None:
        for name, spec in RECOMMENDERS.items():
            text = getattr(spec, "text", ())
            words = {"text": ("type", "department")} if text else {}
            self.models.serve(self.models.train(f"{name} {by}", replace(spec, by=by, **words)))

    def lists(self, **asked: Any) -> dict[str, object]:
        """What every model says to some households and to a stranger, as long as can be."""
        out: dict[str, object] = {}
        for version in self.models.list():
            told = self.web.recommend_many(
                [*HOUSEHOLDS[:3], "nobody"], LONG, model=version.name, **asked
            )
            out[f"{version.name} {asked}"] = [written(picks) for picks in told.values()]
        out[f"the last served {asked}"] = written(self.web.recommend("nobody", LONG, **asked))
        return out

    def measured(self) -> dict[str, object]:
        out: dict[str, object] = {}
        cut = self.clock.now() - timedelta(days=20)
        for by in ("item", "type"):
            for name in ("hybrid", "pairs", "ease-log"):
                spec = replace(RECOMMENDERS[name], by=by)
                version = self.models.train(f"measured {name} {by}", spec, until=cut)
                found = self.models.evaluate(version, cut=cut), self.models.risk(version, cut=cut)
                card = self.models.card(version)
                out[version.name] = found, card.data, card.html()
        frontier = self.models.frontier(ItemItem(by="type"), floors=[2], cut=cut)
        out["frontier"] = [asdict(t) for t in frontier]
        out["curve"] = self.models.curve("consent", Popularity(least=2), cut=cut, at=[1.0]).to_csv()
        return out

    def grouped(self) -> dict[str, object]:
        """All that is told of segments after two weeks of them."""
        segments = self.grouping.segments
        out: dict[str, object] = {"features": self.grouping.features(FEATURES).to_csv()}
        out["choice"] = segments.choose([KMeans(FEATURES, k=2), KMeans(FEATURES, k=3)]).to_csv()
        version = segments.list()[-1] if segments.list() else None
        for _ in range(0 if version else 2):
            for name, way in self.ways.items():
                version = segments.train(name, way)
                segments.evaluate(version)
                segments.serve(version)
            self.clock.advance(timedelta(days=7))
            self.buy()
        return out | self.shown()

    def shown(self) -> dict[str, object]:
        segments = self.grouping.segments
        out: dict[str, object] = {}
        for name in self.ways:
            version = [v for v in segments.list() if v.name == name][-1]
            out[f"{name} figures"] = self.mail.show(model=name).to_csv()
            out[f"{name} own"] = segments.of_many(HOUSEHOLDS, model=name)
            out[f"{name} moves"] = segments.moves(model=name).to_csv()
            out[f"{name} drift"] = segments.drift(model=name).to_csv()
            for what in ("profile", "silhouette"):
                out[f"{name} {what}"] = segments.picture(version, what)
            for segment in self.mail.show(model=name)["segment"]:
                path = self.root / f"{len(list(self.root.iterdir()))}.csv"
                release = self.mail.release(
                    segment, fields=["profile.email"], to="mailer", model=name
                )
                release.to_csv(path)
                out[f"{name} {segment}"] = path.read_text(), release.withheld
        out["flows"] = pictures.flows(segments.moves(model="kmeans"))
        return out


ASKED: Sequence[Mapping[str, Any]] = (
    {},
    {"unseen": True},
    {"diversity": 0.9},
    {"among": [item[name] for item in ITEMS for name in ("item", "type")]},
    {"stock": [item["item"] for item in ITEMS]},
    {"exclude": [PLAIN[0]], "diversity": 1},
)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    root = tmp_path_factory.mktemp("market")
    made = Market(str(root / "home"), root, ways=())
    for by in ("item", "type"):
        made.learn(by)
    yield made
    made.shop.close()


def found(pattern: re.Pattern[str], told: Mapping[str, object]) -> list[tuple[str, str]]:
    hits = ((name, pattern.search(plainly(text))) for name, text in told.items())
    return [(name, hit.group()) for name, hit in hits if hit]


def test_all_of_it_is_sealed_and_can_be_found(market: Market) -> None:
    """The search can fail: in her own access report it stands."""
    desk = market.shop.principal("desk", roles=["privacy-desk"]).rights
    held = {"access": desk.access(HOUSEHOLDS[0])}
    assert found(NEVER, held)
    assert found(OF_AGE, held)
    assert found(NEVER, {"names": [item["type"] for item in ITEMS]})
    every = [plainly(item["type"]) for item in ITEMS if item["item"].startswith("zqh-")]
    assert all(NEVER.search(name) for name in every[:-1])


@pytest.mark.parametrize("n", range(len(ASKED)))
def test_none_of_it_is_in_a_list_or_a_reason(market: Market, n: int) -> None:
    told = market.lists(**ASKED[n])
    assert "plain" in plainly(told)
    assert not found(NEVER, told)
    assert not found(OF_AGE, told)


def test_who_is_known_to_be_of_age_sees_what_is_for_grown_ups_alone(market: Market) -> None:
    told = market.lists(age=99)
    assert found(OF_AGE, told)
    assert not found(NEVER, told)


def test_none_of_it_is_beside_an_item_nor_may_be_asked_about(market: Market) -> None:
    told: dict[str, object] = {}
    for name in {version.name for version in market.models.list()}:
        named = (
            (PLAIN[4], spelled(0, SPECIAL[0])) if name.endswith("type") else ("plain-4", "zqh-0")
        )
        for item in ("plain-0", "plain-9", named[0]):
            told[f"{name} {item}"] = written(market.web.similar(item, LONG, model=name))
        for item in ("zqh-3", "zqh-diet", named[1]):
            with pytest.raises(AccessDenied) as refused:
                market.web.similar(item, LONG, model=name)
            assert refused.value.reason == "item.hidden"
            told[f"{name} refusal {item}"] = repr(refused.value)
    assert not found(NEVER, told)
    assert not found(OF_AGE, told)


def test_an_item_for_grown_ups_is_asked_about_by_them_alone(market: Market) -> None:
    for name in {version.name for version in market.models.list()}:
        named = spelled(0, GROWN[0]) if name.endswith("type") else "zqa-0"
        for item in ("zqa-0", named):
            with pytest.raises(AccessDenied) as refused:
                market.web.similar(item, LONG, model=name)
            assert refused.value.reason == "item.age"
            with pytest.raises(AccessDenied):
                market.web.similar(item, LONG, model=name, age=17)
    told = written(market.web.similar("zqa-0", LONG, model="pairs item", age=30))
    assert found(OF_AGE, {"told": told})


def test_none_of_it_is_in_a_figure_a_card_or_a_curve(market: Market) -> None:
    told = market.measured()
    assert not found(NEVER, told)
    assert not found(OF_AGE, told)


def test_none_of_it_is_in_a_segment_a_persona_a_picture_or_an_export(market: Market) -> None:
    told = market.grouped()
    assert "plain" in plainly(told)
    assert not found(NEVER, told)
    assert not found(OF_AGE, told)


def test_it_moved_no_byte_of_what_was_learned(market: Market, tmp_path: Path) -> None:
    """A shop where nobody bought any of it learned, said and measured the same."""
    twin = Market(str(tmp_path / "home"), tmp_path, special=False)
    whole = Market(str(tmp_path / "other"), tmp_path / "o")
    for one in (twin, whole):
        one.learn("type")
    digests = [{v.name: v.digest for v in one.models.list()} for one in (twin, whole)]
    assert digests[0] == digests[1]
    assert [plainly(one.measured()) for one in (twin,)] == [plainly(whole.measured())]
    told, of_whole = twin.grouped(), whole.grouped()
    assert [name for name in told if told[name] != of_whole[name]] == []
    for one in (twin, whole):
        one.shop.close()


def test_what_turns_out_to_be_sensitive_is_nowhere_from_then_on(tmp_path: Path) -> None:
    market = Market(str(tmp_path / "home"), tmp_path)
    for by in ("item", "type"):
        market.learn(by)
    told = {**market.lists(), **market.grouped()}
    gone = re.compile(re.escape(RENAMED.casefold()) + "|plain-7|laxatives")
    assert found(gone, told)
    market.admin.load_items([{"item": "plain-7", "type": RENAMED, "category": "RESTRICTED DIET"}])
    told = {**market.lists(), **market.shown()}
    for name in {version.name for version in market.models.list()}:
        told[f"{name} similar"] = written(market.web.similar("plain-0", LONG, model=name))
        with pytest.raises(AccessDenied):
            market.web.similar("plain-7", model=name)
    assert not found(gone, told)
    market.learn("type")
    assert not found(gone, {**market.lists(), **market.measured(), **market.grouped()})
    market.shop.close()


def test_a_purpose_with_a_ground_sees_that_and_nothing_else(tmp_path: Path) -> None:
    market = Market(str(tmp_path / "home"), tmp_path, edits=GROUND)
    market.learn("type")
    sick = [v for v in SPECIAL if v in PACK.reveals["health"].values["type"]]
    health = re.compile("|".join(map(re.escape, sick)))
    others = [v for v in SPECIAL if v not in sick]
    other = re.compile("|".join(map(re.escape, others)))
    for asked in ({}, {"diversity": 0.5}):
        told = market.lists(**asked)
        silent = {name for name, text in told.items() if not health.search(plainly(text))}
        assert silent == set()
        assert not found(other, told)
    for name in ("pairs type", "hybrid type", "content type"):
        for item in (sick[0].upper(), f"zqh-{SPECIAL.index(sick[0])}"):
            found_beside = market.web.similar(item, LONG, model=name).picks
            assert found_beside[0].because.endswith((sick[0].upper(), item))
    told = market.grouped()
    assert health.search(plainly(told["features"]))
    assert found(health, {n: t for n, t in told.items() if n.endswith(("profile", "figures"))})
    assert not found(other, told)
    market.shop.close()


def test_without_any_model_the_catalogue_of_a_purpose_is_its_own(tmp_path: Path) -> None:
    grounds: Sequence[Sequence[tuple[str, str]]] = ((), GROUND)
    for n, edits in enumerate(grounds):
        market = Market(str(tmp_path / f"home{n}"), tmp_path / f"{n}", edits=edits)
        told = {"listed": written(market.web.recommend("nobody", LONG))}
        assert bool(found(NEVER, told)) == bool(edits)
        told["like"] = written(market.web.similar("plain-0", LONG))
        assert not found(OF_AGE, told)
        market.shop.close()
