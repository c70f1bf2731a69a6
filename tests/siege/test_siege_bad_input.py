"""Whatever is passed to a door: refused typed and documented, nothing kept, nothing repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import privet
from privet.policy import load
from privet.recommend import ContentTFIDF
from privet.testing import FakeClock, agrees

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
REASONS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "reasons.md"
CANARY = "canary-5d1f"
PURPOSE = "recommendations"
PICKS = ContentTFIDF(text=("text",), event="view")
SAID = {"notice": "n", "channel": "c", "evidence": "e"}
GOOD: dict[str, Any] = {"item": "kettle", "order": "o", "quantity": 1, "value": 1}
TABLES = {
    "data": ("cell", "head", "ledger", "fence", "item", "model_live", "request", "contribution"),
    "keys": ("subject_ref", "subject_key"),
}


class Shop:
    """A shop that Ada buys in, and everybody who may come to its doors."""

    def __init__(self, root: Path) -> None:
        self.keyring = f"file:{root / 'keyring'}"
        self.open = privet.open(
            root / "home",
            policy="pack:shop",
            keyring=self.keyring,
            clock=FakeClock(START),
            sync="OFF",
        )
        self.admin = self.as_("operator").admin
        self.admin.load_items([{"item": "kettle", "text": "tea"}, {"item": "lamp", "text": "desk"}])
        self.ada = agrees(self.open, "ada", "orders", PURPOSE)
        self.web = self.as_("storefront").purpose(PURPOSE)
        self.till = self.as_("storefront").purpose("orders")
        self.models = self.as_("trainer").purpose(PURPOSE).models
        self.version = self.models.train("picks", PICKS)
        self.models.serve(self.version)
        self.desk = self.as_("privacy-desk")
        self.audit = self.as_("auditor").audit
        self.bulk = self.as_("operator").purpose("orders")

    def as_(self, role: str) -> privet.Principal:
        return self.open.principal(role, roles=[role])

    def rows(self) -> dict[str, int]:
        found = {}
        for store, tables in TABLES.items():
            with getattr(self.open._parts.home, store).read() as tx:
                for table in tables:
                    found[table] = int(tx.all(f"SELECT COUNT(*) FROM {table}")[0][0])
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.open.close()


def refused(act: Callable[[], Any], *reasons: str) -> privet.PrivetError:
    """The refusal, which must be typed, documented, mendable and free of what was given."""
    with pytest.raises(privet.PrivetError) as caught:
        act()
    error = caught.value
    told = repr(error.to_json())
    assert not reasons or error.reason in reasons, error
    assert error.reason == error.code or f"| `{error.reason}` |" in REASONS.read_text(), error
    assert error.remedy
    seen: BaseException | None = error
    while seen is not None:
        assert CANARY not in f"{seen!r} {seen} {seen.args} {told}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return error


# --- wrong types at every door -------------------------------------------------------------------

ODD: list[Any] = [
    None,
    CANARY.encode(),
    1.5,
    float("nan"),
    object(),
    pd.NA,
    np.array([1, 2]),
    date(2026, 1, 1),
    lambda: CANARY,
    Ellipsis,
]


def given(values: list[Any]) -> list[Any]:
    """Without None, which stands for what is left out."""
    return [value for value in values if value is not None]


NO_TEXT = [*ODD, True, [CANARY], {CANARY: 1}, CANARY + "\ud800", CANARY + "\x00"]
NO_LIST = [*(odd for odd in ODD if not isinstance(odd, np.ndarray)), 5, CANARY, {CANARY: 1}]
NO_ID = [*ODD, True, [], {}, "", CANARY + "\ud800", CANARY + "\x00", CANARY + "\u200b", 2**63]
NO_TIME = [*given(ODD), START.replace(tzinfo=None), "2026-01-01", 5]
NO_FRAME = [*ODD, 5, CANARY, {CANARY: [1]}, [CANARY]]
NO_MAPPING = [*given(ODD), 5, CANARY, [CANARY]]
NO_PATH = [*ODD, 5, [CANARY], {}, CANARY + "\ud800", CANARY + "\x00"]
NO_OBJECT = [*ODD, 5, CANARY, [CANARY], {CANARY: 1}]

FRAME = pd.DataFrame({"who": ["ada"], "when": [pd.Timestamp(START)], **GOOD})
COLUMNS = {"who": "subject", "when": "at", **{name: name for name in GOOD}}


def told(**other: Any) -> pd.DataFrame:
    row = {"subject": "ada", "purpose": "newsletter", "kind": "yes", "at": START, **other}
    held: dict[str, pd.Series] = {}
    for name, value in row.items():
        column = np.empty(1, dtype=object)
        column[0] = value
        held[name] = pd.Series(column, dtype=object)
    return pd.DataFrame(held)


Door = Callable[[Shop, Any], Any]
DOORS: dict[str, tuple[list[Any], Door]] = {
    "principal": (NO_TEXT, lambda s, x: s.open.principal(x, roles=["trainer"])),
    "roles": (NO_LIST, lambda s, x: s.open.principal("x", roles=x)),
    "role": (NO_TEXT, lambda s, x: s.open.principal("x", roles=[x])),
    "purpose": (NO_TEXT, lambda s, x: s.as_("storefront").purpose(x)),
    "subject": (NO_ID, lambda s, x: s.open.subject(x, proof="t")),
    "proof": (NO_TEXT, lambda s, x: s.open.subject("ada", proof=x)),
    "record: subject": (NO_ID, lambda s, x: s.till.record(x, "purchase", **GOOD)),
    "record: event": (NO_TEXT, lambda s, x: s.till.record("ada", x, **GOOD)),
    "record: at": (NO_TIME, lambda s, x: s.till.record("ada", "purchase", at=x, **GOOD)),
    "record: id": (
        NO_TEXT,
        lambda s, x: s.till.record("ada", "purchase", **{**GOOD, "order": x}),
    ),
    "record: number": (
        NO_TEXT,
        lambda s, x: s.till.record("ada", "purchase", **{**GOOD, "quantity": x}),
    ),
    "describe: subject": (NO_ID, lambda s, x: s.till.describe(x, email="e")),
    "describe: text": (
        [b"x", 1.5, 5, True, [CANARY], {CANARY: 1}, CANARY + "\ud800", np.array([1, 2])],
        lambda s, x: s.till.describe("ada", email=x),
    ),
    "profile: subject": (NO_ID, lambda s, x: s.till.profile(x, "email")),
    "profile: field": (NO_TEXT, lambda s, x: s.till.profile("ada", x)),
    "features": (NO_LIST, lambda s, x: s.web.features(x)),
    "features: one": (NO_TEXT, lambda s, x: s.web.features([x])),
    "features: subjects": (
        given(NO_LIST),
        lambda s, x: s.web.features(["recency"], subjects=x),
    ),
    "features: subject": (NO_ID, lambda s, x: s.web.features(["recency"], subjects=[x])),
    "recommend: subject": (NO_ID, lambda s, x: s.web.recommend(x)),
    "recommend: k": (
        [*ODD, 0, -1, 10**9, True, "5", 5.0],
        lambda s, x: s.web.recommend("ada", k=x),
    ),
    "recommend: model": (
        [x for x in [*ODD, 5, True, [CANARY]] if x is not None],
        lambda s, x: s.web.recommend("ada", model=x),
    ),
    "recommend: among": (
        given(NO_LIST),
        lambda s, x: s.web.recommend("ada", among=x),
    ),
    "recommend: entry": (ODD, lambda s, x: s.web.recommend("ada", among=[x])),
    "recommend: unseen": ([*ODD, 1, CANARY], lambda s, x: s.web.recommend("ada", unseen=x)),
    "recommend: at": (NO_TIME, lambda s, x: s.web.recommend("ada", at=x)),
    "recommend_many": (NO_LIST, lambda s, x: s.web.recommend_many(x)),
    "recommend_many: one": (NO_ID, lambda s, x: s.web.recommend_many(["ada", x])),
    "train: name": (NO_TEXT, lambda s, x: s.models.train(x, PICKS)),
    "train: method": (NO_OBJECT, lambda s, x: s.models.train("m", x)),
    "train: class": ([ContentTFIDF], lambda s, x: s.models.train("m", x)),
    "train: until": (NO_TIME, lambda s, x: s.models.train("m", PICKS, until=x)),
    "evaluate": (NO_OBJECT, lambda s, x: s.models.evaluate(x, cut=START)),
    "evaluate: cut": ([*NO_TIME, None], lambda s, x: s.models.evaluate(s.version, cut=x)),
    "serve": (NO_OBJECT, lambda s, x: s.models.serve(x)),
    "ask": (NO_LIST, lambda s, x: s.ada.consent.ask(x)),
    "ask: one": (NO_TEXT, lambda s, x: s.ada.consent.ask([x])),
    "answer": (NO_OBJECT, lambda s, x: s.ada.consent.answer(x, notice="n", how="w")),
    "answer: one": (
        [*ODD, 1, 0, "yes", CANARY],
        lambda s, x: s.ada.consent.answer({"newsletter": x}, notice="n", how="w"),
    ),
    "answer: notice": (
        [x for x in NO_TEXT if not (isinstance(x, str) and "\0" in x)],
        lambda s, x: s.ada.consent.answer({"newsletter": True}, notice=x, how="w"),
    ),
    "answer: event_id": (
        NO_TEXT,
        lambda s, x: s.ada.consent.answer({"newsletter": True}, notice="n", how="w", event_id=x),
    ),
    "answer: seen": (
        [*ODD, True, "5", 10**9],
        lambda s, x: s.ada.consent.answer({"newsletter": True}, notice="n", how="w", seen=x),
    ),
    "withdraw": (NO_TEXT, lambda s, x: s.ada.consent.withdraw(x)),
    "object": (NO_TEXT, lambda s, x: s.ada.consent.object(x)),
    "begin: subject": (NO_ID, lambda s, x: s.as_("storefront").consent.begin(x, "orders")),
    "begin: purpose": (NO_TEXT, lambda s, x: s.as_("storefront").consent.begin("ada", x)),
    "on_behalf: at": (
        NO_TIME,
        lambda s, x: s.desk.consent.on_behalf("ada", {"newsletter": True}, at=x, **SAID),
    ),
    "eligible": (NO_LIST, lambda s, x: s.desk.consent.eligible(x, "orders")),
    "eligible: one": (NO_ID, lambda s, x: s.desk.consent.eligible([x], "orders")),
    "eligible: purpose": (NO_TEXT, lambda s, x: s.desk.consent.eligible(["ada"], x)),
    "answers": (NO_FRAME, lambda s, x: s.desk.consent.load(x, **SAID)),
    "answers: subject": (NO_ID, lambda s, x: s.desk.consent.load(told(subject=x), **SAID)),
    "answers: purpose": (NO_TEXT, lambda s, x: s.desk.consent.load(told(purpose=x), **SAID)),
    "answers: kind": (NO_TEXT, lambda s, x: s.desk.consent.load(told(kind=x), **SAID)),
    "answers: at": ([*NO_TIME, None], lambda s, x: s.desk.consent.load(told(at=x), **SAID)),
    "answers: event_id": (
        [[CANARY], {CANARY: 1}, CANARY + "\ud800", CANARY + "\x00", object(), b"x", True, 1.5],
        lambda s, x: s.desk.consent.load(told(event_id=x), **SAID),
    ),
    "link": (NO_ID, lambda s, x: s.desk.rights.link("ada", x)),
    "plan": (NO_ID, lambda s, x: s.desk.rights.plan(x)),
    "erase": (NO_ID, lambda s, x: s.desk.rights.erase(x)),
    "erase: request": (
        given(NO_TEXT),
        lambda s, x: s.desk.rights.erase("ada", request=x),
    ),
    "export": (NO_PATH, lambda s, x: s.desk.rights.export("ada", x)),
    "history": (NO_ID, lambda s, x: s.audit.history(x)),
    "audit": (NO_PATH, lambda s, x: s.audit.export(x)),
    "items": ([*ODD, 5, CANARY, {CANARY: 1}, [CANARY]], lambda s, x: s.admin.load_items(x)),
    "items: id": (NO_ID[:-1], lambda s, x: s.admin.load_items([{"item": x}])),
    "items: columns": (
        NO_MAPPING,
        lambda s, x: s.admin.load_items([{"item": "new"}], columns=x),
    ),
    "activate": (NO_PATH, lambda s, x: s.admin.activate(x)),
    "load: event": (NO_TEXT, lambda s, x: s.bulk.load(x, FRAME, columns=COLUMNS)),
    "load: frame": (NO_FRAME, lambda s, x: s.bulk.load("purchase", x, columns=COLUMNS)),
    "load: columns": (
        [*NO_MAPPING, None],
        lambda s, x: s.bulk.load("purchase", FRAME, columns=x),
    ),
    "load: column": (
        NO_TEXT,
        lambda s, x: s.bulk.load("purchase", FRAME, columns={**COLUMNS, "who": x}),
    ),
    "load: progress": (
        [x for x in given([*ODD, 5, CANARY]) if not callable(x)],
        lambda s, x: s.bulk.load("purchase", FRAME, columns=COLUMNS, progress=x),
    ),
    "maintenance": ([*ODD, 5], lambda s, x: s.open.maintenance.run(budget=x)),
    "open: home": (
        given(NO_PATH),
        lambda s, x: privet.open(x, policy="pack:shop"),
    ),
    "open: policy": (
        given(NO_PATH),
        lambda s, x: privet.open(f"{s.open.home}-2", policy=x),
    ),
    "open: keyring": (
        given([*NO_TEXT, 5]),
        lambda s, x: privet.open(s.open.home, keyring=x),
    ),
    "open: clock": (
        given(NO_OBJECT),
        lambda s, x: privet.open(s.open.home, keyring=s.keyring, clock=x),
    ),
    "open: sync": (
        [*NO_TEXT, "Ful", "off", "OFF; --"],
        lambda s, x: privet.open(s.open.home, keyring=s.keyring, sync=x),
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_door_refuses_what_it_does_not_take(
    shop: Shop, door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong, act = DOORS[door]
    before = shop.rows()
    for value in wrong:
        refused(lambda x=value: act(shop, x))
    assert shop.rows() == before
    assert shop.web.recommend("ada").personal
