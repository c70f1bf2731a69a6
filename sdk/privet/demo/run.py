"""The demo's story, step by step, and the one object that it ends with."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet import report
from privet.demo import (
    answers,
    groups,
    measuring,
    memory,
    refusals,
    results,
    sensitive,
    studying,
    tax,
    trust,
)
from privet.demo.tables import ITEM_COLUMNS, PERSON_COLUMNS, SALE_COLUMNS, Tables, tables
from privet.deployment import Deployment, open_deployment
from privet.errors import InvalidInput
from privet.recommend import (
    EASE,
    ContentTFIDF,
    Hybrid,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
    Recommender,
)

if TYPE_CHECKING:
    import pandas as pd

    from privet.gate.versions import Version

SEED = 7
HELD_OUT = timedelta(days=28)
FEATURES = ("recency", "frequency", "monetary", "average_order", "discount_share", "profile:age")
Advance = Callable[[int], None]
Stage = Callable[[str, int], Any]

MODELS: Mapping[str, Recommender] = {
    "content": ContentTFIDF(text=("department", "category", "type", "brand"), by="type"),
    "popularity": Popularity(least=20, by="type"),
    "item-item": ItemItem(by="type"),
    "ease": EASE(weights="recency", by="type"),
    "tifu_knn": NextBasket(floor=10, least=20, by="type"),
    "personal": PersonalFrequency(least=20, by="type"),
    "hybrid": Hybrid(floor=10, least=20, text=("department", "category", "type"), by="type"),
}
"""What the demo compares."""
SERVED = "hybrid"
"""The last one, which answers where no model is named."""


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        out: directory of everything the demo leaves behind.
        data: directory of the tables; None for the package's.
        households: only the first so many.
        all_consents: everybody agrees to everything.
        seed: what the answers are drawn from.
        home: a PostgreSQL URL instead of a directory in ``out``.
        keyring: needed with ``home``.
    """

    out: Path
    data: Path | None = None
    households: int | None = None
    all_consents: bool = False
    seed: int = SEED
    home: str | None = None
    keyring: str | None = None


@dataclass
class StandingClock:
    """The demo's clock: it stands when the shop opens, then a day after the last sale."""

    instant: datetime

    def now(self) -> datetime:
        """The instant at which it stands."""
        return self.instant


@dataclass
class Story:
    """What the demo has found out so far; ``summary`` is its JSON form."""

    options: Options
    tables: Tables
    drawn: list[answers.Answer]
    cut: pd.Timestamp
    shop: Deployment
    stage: Stage
    facts: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)

    @property
    def eligible(self) -> list[int]:
        """Households that agreed to recommendations and still do, ascending."""
        agreed = answers.agreed(self.drawn, "recommendations")
        return [h for h in self.tables.households if h in agreed]


@contextmanager
def quiet(_name: str, _total: int) -> Iterator[Advance]:
    """A stage that shows nothing."""
    yield lambda _n: None


def run(options: Options, stage: Stage = quiet) -> dict[str, Any]:
    """Run the demo.

    Args:
        options: what to run.
        stage: context manager factory ``stage(name, total)``; what it yields is called
            with the number of rows or steps done.

    Returns:
        The documented object of ``privet demo --json``; see ``docs/tutorial/demo.md``.

    Raises:
        PrivetError: see each step; nothing personal is in it.
    """
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    with stage("reading the tables", 1):
        found = tables(options.data, options.households)
        memory.give_back()
    drawn = answers.draw(options.seed, found.households, everybody=options.all_consents)
    ends = {purpose: last_sale(found, drawn, purpose) for purpose in answers.PURPOSES}
    cut = ends["recommendations"] - HELD_OUT
    clock = StandingClock(_instant(cut - timedelta(days=answers.OPENED)))
    home = options.home or options.out / "home"
    with open_deployment(home, policy="pack:grocery", keyring=options.keyring, clock=clock) as shop:
        # Told before anybody answers: an answer names a text that was live when it was given.
        shop.principal("operator", roles=["operator"]).admin.add_notice("pack:grocery")
        clock.instant = _instant(max(ends.values()) + timedelta(days=1))
        story = Story(options, found, drawn, cut, shop, stage)
        del found  # so that what is only of use for sealing goes when it is sealed
        for step in (_grounds, _seal, _features, _learn, _lists, _segment, _study, _show):
            step(story)
            memory.give_back()
        story.facts["tax"], story.facts["tax_detail"] = tax.measure(story)
        trust.withdraw_and_erase(story)
        trust.audit(story)
        shop.maintenance.run()
    summary = _summary(story, time.monotonic() - began)
    report.write(options.out / "report.html", summary, story.pictures)
    return summary


def last_sale(found: Tables, drawn: list[answers.Answer], purpose: str) -> pd.Timestamp:
    """The last sale of those who agreed to a purpose.

    Of those alone: what is made for a purpose as of this instant must not change by the
    sales of others.
    """
    mine = found.sales["household_id"].isin(answers.agreed(drawn, purpose))
    times = found.sales["transaction_timestamp"]
    last: pd.Timestamp = (times[mine] if mine.any() else times).max()
    return last


def _instant(at: pd.Timestamp) -> datetime:
    return at.to_pydatetime().astimezone(UTC)


@contextmanager
def _again() -> Iterator[None]:
    """A demo that goes on in its home tells what was told before: that is nothing new."""
    try:
        yield
    except InvalidInput as refusal:
        if refusal.reason != "import.repeated":
            raise


def _grounds(story: Story) -> None:
    import pandas as pd

    with story.stage("recording grounds", 2) as advance:
        contracts = pd.DataFrame(
            {
                "subject": [str(h) for h in story.tables.households],
                "purpose": "orders",
                "kind": "begun",
                "at": story.cut - pd.Timedelta(days=700),
                "event_id": [f"demo-{h}-orders" for h in story.tables.households],
            }
        )
        clerk = story.shop.principal("till", roles=["storefront"])
        with _again():
            clerk.consent.load(contracts, notice="", channel="account", evidence="loyalty contract")
        advance(1)
        desk = story.shop.principal("desk", roles=["privacy-desk"])
        given = answers.frame(story.drawn, story.cut)
        with _again():
            desk.consent.load(
                given, notice=answers.NOTICE, channel="import", evidence="drawn by the demo"
            )
        advance(1)


def _seal(story: Story) -> None:
    found = story.tables
    operator = story.shop.principal("operator", roles=["operator"])
    began = time.monotonic()
    with story.stage("loading the catalogue", 1):
        operator.admin.load_items(found.items, columns=ITEM_COLUMNS)
    loading = operator.purpose("orders")
    with story.stage("sealing profiles", len(found.people)) as advance:
        loading.load("profile", found.people, columns=PERSON_COLUMNS, progress=advance)
    with story.stage("sealing sales", len(found.sales)) as advance:
        report = loading.load("purchase", found.sales, columns=SALE_COLUMNS, progress=advance)
    story.tables = found.sealed()
    story.facts["households"] = len(found.households)
    story.facts["rows"] = {
        "in": report.rows,
        "sealed": report.sealed + report.repeated,
        "refused": len(report.refused),
        "new": report.sealed,
        "repeated": report.repeated,
        "reasons": report.reasons(),
    }
    story.facts["ingest_seconds"] = round(time.monotonic() - began, 2)


def _features(story: Story) -> None:
    grouping = story.shop.principal("nightly", roles=["trainer"]).purpose("segmentation")
    with story.stage("computing features", 1):
        at = last_sale(story.tables, story.drawn, "segmentation").to_pydatetime()
        frame = grouping.features(FEATURES, at=at)
    story.facts["features"] = {
        "subjects": len(frame),
        "columns": list(frame.columns),
        # Equal whatever those without a ground did; compare it between two runs.
        "sha256": hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest(),
    }


def _learn(story: Story) -> None:
    learning = story.shop.principal("nightly", roles=["trainer"]).purpose("recommendations")
    cut = story.cut.to_pydatetime()
    with story.stage("training and evaluating", len(MODELS)) as advance:
        for name, recommender in MODELS.items():
            version = learning.models.train(name, recommender, until=cut)
            if name == SERVED:  # of all others the lists are measured, on the raw tables
                learning.models.evaluate(version, cut=cut, baselines=False)
            learning.models.serve(version)
            story.versions[name] = version
            memory.give_back()
            advance(1)
    story.facts["models"] = {n: v.digest.hex() for n, v in story.versions.items()}


def _lists(story: Story) -> None:
    with story.stage("writing every list", 2 * len(MODELS)) as advance:
        lists = results.write_lists(story, MODELS, advance)
    found = measuring.quality(story.tables, lists, MODELS, story.cut, story.eligible)
    story.facts["quality"], story.facts["evaluated"] = found
    with story.stage("writing the grounds", 1):
        results.write_grounds(story)


def _segment(story: Story) -> None:
    least = story.shop.policy.purposes["segmentation"].models.least
    if len(answers.agreed(story.drawn, "segmentation")) < least:
        groups.write(story, [])  # too few to be told of
        return
    end = last_sale(story.tables, story.drawn, "segmentation").to_pydatetime()
    with story.stage("choosing and following segments", groups.STEPS) as advance:
        story.facts["segments"], story.pictures = groups.follow(story, end, advance)


def _study(story: Story) -> None:
    with story.stage("drawing curves and attacking models", studying.STEPS) as advance:
        story.facts |= studying.study(story, advance)
    memory.give_back()
    # Not the hybrid: choosing its weights once more takes longer than all of these together.
    compared = {name: MODELS[name] for name in ("popularity", "personal", "tifu_knn")}
    with story.stage("measuring what sensitive items cost", len(compared)) as advance:
        story.facts["sensitive"] = sensitive.cost(story, compared, advance)


def _show(story: Story) -> None:
    web = story.shop.principal("web", roles=["storefront"]).purpose("recommendations")
    shown = []
    without = [h for h in story.tables.households if h not in set(story.eligible)]
    for household in (*story.eligible[:2], *without[:1]):
        picks = web.recommend(str(household), k=5)
        shown.append(
            {
                "household": household,
                "personal": picks.personal,
                "why": picks.why,
                "picks": [{"item": p.item, "because": p.because} for p in picks],
            }
        )
    story.facts["shown"] = shown
    story.facts["refusals"] = refusals.show(story)


def _summary(story: Story, seconds: float) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 1024 if sys.platform != "darwin" else 1024 * 1024
    home = story.options.out / "home"
    disk = sum(f.stat().st_size for f in home.rglob("*") if f.is_file()) if home.exists() else 0
    return {
        "form": "privet:demo/1",
        "out": str(story.options.out),
        "seed": story.options.seed,
        "cut": story.cut.isoformat(),
        "eligible": len(story.eligible),
        **story.facts,
        "seconds": round(seconds, 2),
        "peak_mb": round(peak / scale, 1),
        "disk_mb": round(disk / 1e6, 1),
    }
