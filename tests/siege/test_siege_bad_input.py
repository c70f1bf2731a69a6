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


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Shared: whatever a test leaves in it is a failure of its own."""
    made = Shop(tmp_path_factory.mktemp("doors"))
    yield made
    made.open.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Shop]:
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


# --- what only looks like several ----------------------------------------------------------------


def test_a_generator_is_as_good_as_a_list(fresh: Shop) -> None:
    ids = ["ada", "bob"]
    assert set(fresh.web.recommend_many(i for i in ids)) == set(ids)
    assert fresh.desk.consent.eligible((i for i in ids), "orders") == {"ada": True, "bob": False}
    asked = fresh.ada.consent.ask(name for name in ("orders", PURPOSE))
    assert [question["purpose"] for question in asked] == ["orders", PURPOSE]


def test_an_id_of_numpy_is_the_number_that_it_is(fresh: Shop) -> None:
    agrees(fresh.open, 4711, PURPOSE)
    assert fresh.web.recommend(np.int64(4711)).personal  # type: ignore[arg-type]
    assert fresh.web.recommend_many(np.array([4711]))[4711].personal  # type: ignore[arg-type]


# --- answers in bulk -----------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, ""])
def test_answers_without_an_event_id_are_not_one_answer(fresh: Shop, nothing: object) -> None:
    """A missing id read as the text 'nan' would make every later answer a repeat."""
    kinds = ["yes", "withdrawn", "yes", "withdrawn"]
    frame = pd.concat(
        told(kind=kind, event_id=nothing, at=START - timedelta(hours=len(kinds) - n))
        for n, kind in enumerate(kinds)
    )
    assert fresh.desk.consent.load(frame, **SAID) == len(kinds)
    assert fresh.ada.consent.state()["newsletter"] == "withdrawn"


def test_answers_with_one_event_id_are_one_answer(fresh: Shop) -> None:
    frame = pd.concat([told(event_id="e1"), told(event_id="e1"), told(event_id=7)])
    assert fresh.desk.consent.load(frame, **SAID) == 2
    refused(lambda: fresh.desk.consent.load(frame, **SAID), "import.repeated")


def test_answers_are_all_taken_or_none(fresh: Shop) -> None:
    before = fresh.rows()
    for wrong in (
        told(at=START + timedelta(days=1)),
        told(purpose="orders"),  # no consent: a contract
        told(subject=""),
        told(event_id=CANARY + "\ud800"),
    ):
        refused(
            lambda x=wrong: fresh.desk.consent.load(pd.concat([told(subject="new"), x]), **SAID)
        )
    double = told().rename(columns={"at": "kind"})
    refused(lambda: fresh.desk.consent.load(double, **SAID), "load.columns")
    assert fresh.rows() == before
    assert fresh.desk.consent.load(told().iloc[:0], **SAID) == 0


# --- frames --------------------------------------------------------------------------------------


def rows(n: int, **other: Any) -> pd.DataFrame:
    """``n`` good rows, each an order of its own."""
    frame = pd.DataFrame(
        {
            "who": ["ada"] * n,
            "when": pd.to_datetime([START] * n),
            "item": ["kettle"] * n,
            "order": [f"order-{i}" for i in range(n)],
            "quantity": [1] * n,
            "value": [1.5] * n,
        }
    )
    return frame.assign(**other)


NO_TIMES = pd.Series([pd.NaT] * 2, dtype="datetime64[ns, UTC]")
ODD_FRAMES: dict[str, tuple[pd.DataFrame, tuple[int, dict[str, int]] | str]] = {
    "empty": (rows(0), (0, {})),
    "without a column": (pd.DataFrame(index=range(3)), "load.columns"),
    "a name twice": (pd.concat([rows(2), rows(2)[["who"]]], axis=1), "load.columns"),
    "a name twice that is not mapped": (
        pd.concat([rows(2), pd.DataFrame(0, columns=["x", "x"], index=[0, 1])], axis=1),
        (2, {}),
    ),
    "an index of levels": (rows(2).set_index(["order", "item"], drop=False), (2, {})),
    "an index that repeats": (rows(2).set_index(pd.Index([5, 5])), (2, {})),
    "columns of levels": (pd.concat({"a": rows(2)}, axis=1), "load.columns"),
    "all rows bad": (rows(3, quantity=np.inf), (0, {"purchase.quantity:type": 3})),
    "all people missing": (rows(2, who=None), (0, {"subject:form": 2})),
    "nobody known": (rows(2, who=CANARY), (0, {"ground.missing": 2})),
    "naive times": (rows(2, when=pd.Timestamp("2026-01-01")), "time.naive"),
    "times as text": (rows(2, when="2026-01-01"), "time.naive"),
    "no times": (rows(2, when=NO_TIMES), (0, {"at:range": 2})),
    "ancient": (rows(2, when=pd.Timestamp("1677-09-22", tz="UTC")), (0, {"at:range": 2})),
    "far ahead": (rows(2, when=pd.Timestamp("2262-04-11", tz="UTC")), (0, {"at:range": 2})),
    "in seconds": (rows(2).astype({"when": "datetime64[s, UTC]"}), (2, {})),
    "fractional ids": (rows(2, who=1.5), (0, {"subject:form": 2})),
    "truths as ids": (rows(2, who=True), (0, {"subject:form": 2})),
    "bytes as ids": (rows(2, who=b"ada"), (0, {"subject:form": 2})),
    "infinite amounts": (rows(2, value=[np.inf, -np.inf]), (0, {"purchase.value:type": 2})),
    "no amounts": (rows(2, value=np.nan), (0, {"purchase.value:missing": 2})),
    "texts as amounts": (rows(2, value=["NaN", "Infinity"]), (0, {"purchase.value:type": 2})),
    "complex amounts": (rows(2, value=1j), (0, {"purchase.value:type": 2})),
    "long floats": (rows(2, value=np.float16("inf")), (0, {"purchase.value:type": 2})),
    "categories": (rows(2).astype({"item": "category"}), (2, {})),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD_FRAMES)
def test_a_frame_of_any_shape_is_refused_or_accounts_for_every_row(fresh: Shop, what: str) -> None:
    frame, expected = ODD_FRAMES[what]
    before = fresh.rows()
    if isinstance(expected, str):
        refused(lambda: fresh.bulk.load("purchase", frame, columns=COLUMNS), expected)
        sealed = 0
    else:
        report = fresh.bulk.load("purchase", frame, columns=COLUMNS)
        sealed, reasons = expected
        assert (report.sealed, report.reasons()) == (sealed, reasons)
        assert report.rows == len(frame) == sealed + len(report.refused)
        assert CANARY not in f"{report!r}{report.refused.to_csv()}"
        assert list(report.refused["row"]) == sorted(set(report.refused["row"]))
    kept = fresh.ada.rights.access()["events"].get("purchase", [])
    assert len(kept) == sealed
    if not sealed:
        assert fresh.rows() == before


NUMBERS = {"quantity": "int", "value": "decimal", "dwell": "seconds"}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value",
    [float("inf"), float("-inf"), Decimal("Infinity"), Decimal("sNaN"), np.float32("inf"), "inf"],
)
def test_no_number_is_infinite_or_signals(fresh: Shop, name: str, value: object) -> None:
    before = fresh.rows()
    if name == "dwell":
        act = lambda: fresh.web.record("ada", "view", event_id="1", item="kettle", dwell=value)
    else:
        act = lambda: fresh.till.record("ada", "purchase", **{**GOOD, name: value})
    refused(act, "field.type")
    assert fresh.rows() == before


# --- documents -----------------------------------------------------------------------------------


def write(directory: Path, policy: bytes | None, data: bytes | None) -> Path:
    directory.mkdir()
    for name, text in (("policy.yaml", policy), ("data.yaml", data)):
        if text is not None:
            (directory / name).write_bytes(text)
    return directory


TEXTS = {name: text.encode() for name, text in load("pack:shop").documents.items()}
SPOILS: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda text: None,
    "empty": lambda text: b"",
    "no YAML": lambda text: text + b"\n- [",
    "a wrong header": lambda text: text.replace(b"/1\n", b"/2\n", 1),
    "no header": lambda text: text.replace(b"\nprivet: ", b"\n# ", 1),
    "a key that is unknown": lambda text: text + f"\nzz: {CANARY}\n".encode(),
    "a key twice": lambda text: text + b"\nprivet: policy/1\n",
    "tabs": lambda text: text.replace(b"\n  ", b"\n\t"),
    "not UTF-8": lambda text: text + b"# \xff\n",
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "binary": lambda text: bytes(range(256)) * 8,
    "another kind": lambda text: TEXTS["data" if b"policy/1" in text else "policy"],
    "two documents": lambda text: text + b"\n---\n" + text,
    "too long": lambda text: text + b"# " + b"x" * (1 << 22),
}


@pytest.mark.parametrize("which", ["policy", "data"])
@pytest.mark.parametrize("how", SPOILS)
def test_a_document_that_is_not_right_creates_nothing(tmp_path: Path, which: str, how: str) -> None:
    texts: dict[str, bytes | None] = {**TEXTS, which: SPOILS[how](TEXTS[which])}
    place = write(tmp_path / "documents", texts["policy"], texts["data"])
    home = tmp_path / "home"
    error = refused(lambda: privet.open(home, policy=place))
    assert isinstance(error, privet.PolicyError)
    assert error.problems
    for problem in error.problems:
        assert CANARY not in repr(problem)
        assert problem["what"]
        assert problem["fix"]
    assert not home.exists()


def test_a_place_without_a_document_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for place in (tmp_path / "empty", tmp_path / "nowhere", loop, Path("/dev/zero")):
        error = refused(lambda x=place: privet.open(tmp_path / "home", policy=x))
        assert isinstance(error, privet.PolicyError)
    assert not (tmp_path / "home").exists()


# --- homes and handles ---------------------------------------------------------------------------


def test_a_home_that_is_a_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for home in (file, file / "below"):
        refused(lambda x=home: privet.open(x, policy="pack:shop"), "store.read-only")
        refused(lambda x=home: privet.open(x), "store.missing", "store.read-only")
    assert file.read_text() == "mine"


CLOSED: dict[str, Callable[[Shop], Any]] = {
    "principal": lambda s: s.open.principal("x", roles=["trainer"]),
    "record": lambda s: s.till.record("ada", "purchase", **GOOD),
    "describe": lambda s: s.till.describe("ada", email="e"),
    "profile": lambda s: s.till.profile("ada", "email"),
    "load": lambda s: s.bulk.load("purchase", rows(2), columns=COLUMNS),
    "features": lambda s: s.web.features(["recency"]),
    "recommend": lambda s: s.web.recommend("ada"),
    "recommend_many": lambda s: s.web.recommend_many(["ada", "bob"]),
    "train": lambda s: s.models.train("picks", PICKS),
    "evaluate": lambda s: s.models.evaluate(s.version, cut=START),
    "serve": lambda s: s.models.serve(s.version),
    "list": lambda s: s.models.list(),
    "ask": lambda s: s.ada.consent.ask([PURPOSE]),
    "answer": lambda s: s.ada.consent.answer({"newsletter": True}, notice="n", how="w"),
    "withdraw": lambda s: s.ada.consent.withdraw(PURPOSE),
    "state": lambda s: s.ada.consent.state(),
    "begin": lambda s: s.as_("storefront").consent.begin("ada", "orders"),
    "answers": lambda s: s.desk.consent.load(told(), **SAID),
    "plan": lambda s: s.desk.rights.plan("ada"),
    "erase": lambda s: s.ada.rights.erase(),
    "access": lambda s: s.ada.rights.access(),
    "history": lambda s: s.audit.history("ada"),
    "items": lambda s: s.admin.load_items([{"item": "new"}]),
    "activate": lambda s: s.admin.activate("pack:grocery"),
    "catalogue": lambda s: s.open.catalogue,
    "maintenance": lambda s: s.open.maintenance.run(),
    "rotate": lambda s: s.open.maintenance.rotate(),
    "overdue": lambda s: s.open.maintenance.overdue(),
}


def test_no_door_of_a_closed_deployment_opens(tmp_path: Path) -> None:
    made = Shop(tmp_path)
    made.open.close()
    passed = {}
    for name, act in CLOSED.items():
        try:
            passed[name] = act(made)
        except privet.HandleInvalid as error:
            assert error.reason == "handle.closed"
    # What a name is called by is worked out without a store.
    assert set(passed) <= {"principal"}
    for name in ("export", "audit"):
        refused(lambda x=name: DOORS[x][1](made, tmp_path / "out"), "handle.closed")
    assert not (tmp_path / "out").exists()
