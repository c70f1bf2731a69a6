"""Fifty people with values like no other live a whole life; then every byte is looked at.

Attacks on the catalogue: raw files (1), errors and logs (2), public objects (3), and what
is left after an erasure (30).
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import pickle
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import structlog

import privet
from privet.audit.verifier import verify_certificate, verify_directory
from privet.errors import InvalidInput, PrivetError
from privet.recommend import (
    EASE,
    ContentTFIDF,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
)
from privet.testing import FakeClock, deployment, scan

PEOPLE = 50
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PACKS = ("shop", "grocery")
TEXTS = ("email", "income", "home_ownership", "marital_status", "household_size", "kids_count")
ITEMS = [f"item-{n:02}" for n in range(24)]


def token(*parts: object) -> str:
    """A value like no other, in two scripts, that passes wherever exact text does."""
    return f"Cañry-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"


def number(*parts: object) -> int:
    """An integer that no counter and no clock reaches, and that fits every numeric field."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return 2**42 + int.from_bytes(digest[:5], "big")


@dataclass
class Person:
    """One person's own values, told to privet and to nobody else."""

    pack: str
    n: int
    used: list[str] = field(default_factory=list)

    def say(self, what: str) -> str:
        value = token(self.pack, self.n, what)
        self.used.append(value)
        return value

    def count(self, what: str) -> int:
        value = number(self.pack, self.n, what)
        self.used.append(str(value))
        return value

    def amount(self, what: str) -> Decimal:
        value = Decimal(self.count(what)).scaleb(-2)
        self.used.append(str(value))
        return value

    @property
    def id(self) -> str:
        return token(self.pack, self.n, "id")


@dataclass
class Life:
    """What there is to look at."""

    pack: str
    root: Path
    clock: FakeClock
    shop: privet.Deployment
    people: list[Person]
    disclosed: list[Path] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    objects: list[object] = field(default_factory=list)

    @property
    def canaries(self) -> list[str]:
        return [value for p in self.people for value in (p.id, *p.used)]

    def of(self, name: str, role: str, purpose: str) -> privet.Access:
        return self.shop.principal(name, roles=[role]).purpose(purpose)

    def met(self, act: Callable[[], object]) -> PrivetError:
        """The refusal that an act met, kept to be looked at."""
        try:
            act()
        except PrivetError as error:
            self.objects.append(error)
            self.texts.append(traceback.format_exc())
            return error
        raise AssertionError("nothing was refused")


def columns(pack: str, p: Person, n: int) -> dict[str, object]:
    # The last thing bought is something that no catalogue knows: it may tell who she is.
    item = p.say("item") if n == 5 else ITEMS[(p.n * 5 + n * (1 + p.n % 3)) % len(ITEMS)]
    order = p.say(f"order-{n}")
    quantity, value = p.count(f"quantity-{n}"), p.amount(f"value-{n}")
    if pack == "shop":
        return {"item": item, "order": order, "quantity": quantity, "value": value}
    money = {name: p.amount(f"{name}-{n}") for name in ("discount", "coupon")}
    return {
        "item": item, "basket": order, "quantity": quantity, "value": value,
        "store": p.say(f"store-{n}"), **money,
    }  # fmt: skip


def begin(life: Life, p: Person) -> None:
    shop = life.shop
    clerk = shop.principal(p.say("clerk"), roles=["storefront"])
    clerk.consent.begin(p.id, "orders", reference=p.say("contract"))
    desk = shop.principal(p.say("agent"), roles=["privacy-desk"])
    desk.consent.on_behalf(
        p.id,
        {"recommendations": True, "newsletter": True},
        notice=p.say("notice"),
        channel=p.say("channel"),
        evidence=p.say("evidence"),
    )
    herself = shop.subject(p.id, proof=p.say("proof"))
    answers = {name: True for name in life.shop.policy.purposes if name == "segmentation"}
    herself.consent.answer(
        {"newsletter": False, **answers},
        notice=p.say("own notice"),
        how=p.say("how"),
        event_id=p.say("answer"),
    )


def act(life: Life, p: Person) -> None:
    till = life.of("till", "storefront", "orders")
    web = life.of("web", "storefront", "recommendations")
    texts = TEXTS if life.pack == "grocery" else TEXTS[:1]
    till.describe(p.id, **{name: p.say(name) for name in texts})
    for n in range(5):
        at = life.clock.now() - timedelta(days=40 - 7 * n, minutes=p.n)
        till.record(p.id, "purchase", at=at, **columns(life.pack, p, n))
    web.record(p.id, "view", event_id=p.say("view"), item=p.say("viewed"), dwell=3.5)


def load(life: Life) -> None:
    rows = [
        {
            "who": p.id,
            "when": life.clock.now() - timedelta(days=2),
            "secret": p.say("never mapped"),
            **columns(life.pack, p, 5),
        }
        for p in life.people
    ]
    frame = pd.DataFrame([*rows, {**rows[0], "quantity": life.people[0].say("no number")}])
    mapping = {"who": "subject", "when": "at"}
    mapping |= {name: name for name in frame.columns if name not in {"who", "when", "secret"}}
    report = life.of("operator", "operator", "orders").load("purchase", frame, columns=mapping)
    assert (report.rows, report.sealed, len(report.refused)) == (51, 50, 1)
    life.objects.append(report)
    life.texts.append(report.refused.to_string())


def learn(life: Life) -> None:
    basket = "basket" if life.pack == "grocery" else "order"
    text = ("text",) if life.pack == "shop" else ("type", "brand")
    models = life.of("nightly", "trainer", "recommendations").models
    cut = life.clock.now() - timedelta(days=5)
    for name, spec in {
        "content": ContentTFIDF(text=text),
        "popularity": Popularity(least=20),
        "pairs": ItemItem(floor=10),
        "habits": PersonalFrequency(least=20, basket=basket),
        "ease": EASE(weights="log"),
        "next": NextBasket(basket=basket),
    }.items():
        version = models.train(name, spec, until=cut)
        life.objects += [version, models.evaluate(version, cut=cut)]
        models.serve(version)
    if life.pack == "grocery":
        grouping = life.of("nightly", "trainer", "segmentation")
        frame = grouping.features(["recency", "monetary", "discount_share", "profile:age"])
        assert len(frame) == PEOPLE


def recommend(life: Life) -> None:
    web = life.of("web", "storefront", "recommendations")
    for name in ("content", "popularity", "pairs", "habits", "ease", "next"):
        single = web.recommend(life.people[0].id, k=3, model=name)
        many = web.recommend_many([p.id for p in life.people], k=3, model=name)
        assert single.personal
        assert all(picks.personal for picks in many.values())
        life.objects += [single, *single, *many.values()]
    stranger = life.people[0].say("stranger")
    assert not web.recommend(stranger, k=2).personal


def refuse(life: Life) -> None:
    shop, p = life.shop, life.people[0]
    till = life.of("till", "storefront", "orders")
    web = life.of("web", "storefront", "recommendations")
    good = {**columns(life.pack, p, 0), "item": ITEMS[0]}
    stranger, odd = p.say("unknown"), p.say("odd") + "\u200b"
    life.people[0].used.append(odd)
    mistakes: list[Callable[[], object]] = [
        lambda: till.record(p.id, "purchase", **{**good, "quantity": p.say("text")}),
        lambda: till.record(p.id, "purchase", **{**good, "quantity": [p.say("list")]}),
        lambda: till.record(p.id, "purchase", **{**good, "value": {p.say("key"): 1}}),
        lambda: till.record(p.id, "purchase", **{**good, "item": p.say("half") + "\ud800"}),
        lambda: till.record(p.id, "purchase", **{**good, "item": odd}),
        lambda: till.record(p.id, "purchase", **{p.say("field"): 1}),
        lambda: till.record(p.id, p.say("event"), x=1),
        lambda: till.record(odd, "purchase", **good),
        lambda: till.record(stranger, "purchase", **good),
        lambda: till.describe(p.id, **{p.say("profile field"): "x"}),
        lambda: till.describe(p.id, email=p.say("half email") + "\ud800"),
        lambda: till.describe(p.id, email=b"bytes"),
        lambda: till.profile(p.id, p.say("asked")),
        lambda: till.profile(stranger, "email"),
        lambda: web.profile(p.id, "email"),
        lambda: web.record(p.id, "purchase", **good),
        lambda: web.features([p.say("feature")]),
        lambda: web.recommend(odd),
        lambda: web.recommend(p.id, k=0),
        lambda: shop.principal(odd, roles=["storefront"]),
        lambda: shop.principal("x", roles=[p.say("role")]),
        lambda: shop.principal("web", roles=["storefront"]).purpose(p.say("purpose")),
        lambda: shop.subject(p.id, proof=odd),
        lambda: shop.subject(p.id, proof="x").consent.answer(
            {p.say("asked for"): True}, notice="n", how="h"
        ),
        lambda: shop.subject(p.id, proof="x").consent.answer(
            {"recommendations": p.say("maybe")}, notice="n", how="h"  # type: ignore[dict-item]
        ),
        lambda: shop.subject(p.id, proof="x").consent.ask([p.say("ask")]),
        lambda: shop.subject(p.id, proof="x").consent.withdraw(p.say("withdraw")),
        lambda: shop.subject(stranger, proof="x").rights.plan(),
        lambda: shop.principal("op", roles=["operator"]).admin.load_items(
            [{"item": "a", p.say("column"): "x"}], columns={p.say("column"): p.say("target")}
        ),
        lambda: shop.principal("op", roles=["operator"]).admin.activate("nowhere/policy.yaml"),
        lambda: shop.principal("a", roles=["auditor"]).audit.history(stranger),
        lambda: deployment(life.root / p.say("nowhere"), policy="pack:none"),
    ]  # fmt: skip
    for mistake in mistakes:
        life.met(mistake)


def disclose(life: Life) -> None:
    p = life.people[1]
    herself = life.shop.subject(p.id, proof="session").rights
    everything = json.dumps(herself.access(), ensure_ascii=False)
    kept = [v for v in p.used if v in everything]
    assert len(kept) >= 22, "the access answer must hold what was sealed"
    path = life.root / "out" / "access.json"
    herself.export(path)
    life.met(lambda: herself.export(path))
    life.disclosed.append(path)
    audit = life.shop.principal("auditor", roles=["auditor"]).audit
    life.objects += audit.history(p.id)
    life.objects.append(audit.export(life.root / "out" / "audit"))
    assert verify_directory(life.root / "out" / "audit").ok


def change_minds(life: Life) -> None:
    for p in life.people[40:44]:
        life.shop.subject(p.id, proof="x").consent.withdraw("recommendations")
    desk = life.shop.principal("desk", roles=["privacy-desk"])
    for p in life.people[44:46]:
        desk.consent.withdraw(p.id, "recommendations", evidence=p.say("letter"))
    desk.consent.restrict(life.people[46].id, reason=life.people[46].say("dispute"))
    rows = [
        {
            "subject": p.id,
            "purpose": "newsletter",
            "kind": "yes",
            "at": life.clock.now(),
            "event_id": p.say("imported answer"),
        }
        for p in life.people[10:20]
    ]
    life.clock.advance(timedelta(seconds=1))
    said = {"notice": "n", "channel": rows[0]["event_id"], "evidence": rows[1]["event_id"]}
    assert desk.consent.load(pd.DataFrame(rows), **said) == 10
    with pytest.raises(InvalidInput):  # a repeat changes nothing
        desk.consent.load(pd.DataFrame(rows), **said)


def activate(life: Life) -> None:
    """Another policy takes over; the deployment is opened again, as a host would."""
    place = life.root / "policy"
    place.mkdir()
    for name, text in life.shop.policy.documents.items():
        (place / f"{name}.yaml").write_text(text.replace("retention: 2y", "retention: 23mo"))
    life.shop.principal("op", roles=["operator"]).admin.activate(place / "policy.yaml")
    web = life.of("till", "storefront", "orders")
    life.met(lambda: web.profile(life.people[0].id, "email"))
    life.shop.close()
    life.shop = deployment(life.root, place / "policy.yaml", clock=life.clock)
    for name in ("policy", "data"):
        (place / f"{name}.yaml").unlink()


@contextlib.contextmanager
def a_talkative_host(directory: Path) -> Iterator[None]:
    """A host that logs everything to a file, SQL included, in a console that shows locals."""
    handler = logging.FileHandler(directory / "host.log", encoding="utf-8")
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    chatty = [logging.getLogger(name) for name in ("sqlalchemy.engine", "privet")]
    levels = [logger.level for logger in chatty]
    for logger in chatty:
        logger.setLevel(logging.DEBUG)
    with (directory / "console.log").open("w", encoding="utf-8") as console:
        structlog.configure(
            processors=[
                structlog.processors.dict_tracebacks,
                structlog.dev.ConsoleRenderer(
                    exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=True)
                ),
            ],
            logger_factory=structlog.PrintLoggerFactory(console),
        )
        try:
            yield
        finally:
            structlog.reset_defaults()
            root.removeHandler(handler)
            root.setLevel(level)
            for logger, was in zip(chatty, levels, strict=True):
                logger.setLevel(was)
            handler.close()


@pytest.fixture(scope="module", params=PACKS)
def life(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    root = tmp_path_factory.mktemp(f"siege-{request.param}")
    for name in ("out", "tmp"):
        (root / name).mkdir()
    clock = FakeClock(START)
    with pytest.MonkeyPatch.context() as patch, a_talkative_host(root / "out"):
        patch.setattr(tempfile, "tempdir", str(root / "tmp"))
        shop = deployment(root, f"pack:{request.param}", clock=clock)
        people = [Person(request.param, n) for n in range(PEOPLE)]
        life = Life(request.param, root, clock, shop, people)
        words = {"title": "kettle steel", "text": "kettle", "type": "kettle", "brand": "acme"}
        names = set(shop.policy.items.fields) & set(words)
        shop.principal("op", roles=["operator"]).admin.load_items(
            [{"item": i, **{n: f"{words[n]} {i}" for n in names}} for i in ITEMS]
        )
        for p in people:
            begin(life, p)
            act(life, p)
        for step in (load, learn, recommend, refuse, disclose, change_minds, activate):
            step(life)
        life.shop.maintenance.run()
        yield life
        life.shop.close()


def stored(home: Path, store: str, sql: str) -> list[list[bytes]]:
    """Blobs of a store, read by a process of its own."""
    code = (
        "import sqlite3, sys; db = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\n"
        "for row in db.execute(sys.argv[2]): print(*(v.hex() for v in row))"
    )
    args = [sys.executable, "-c", code, str(home / f"{store}.db"), sql]
    said = subprocess.run(args, check=True, capture_output=True, text=True).stdout
    return [[bytes.fromhex(v) for v in line.split()] for line in said.splitlines()]


def shown(value: object) -> Iterator[str]:
    """Everything that a careless program makes of an object."""
    yield repr(value)
    yield str(value)
    yield f"{value}"
    for make in (copy.copy, copy.deepcopy):
        with contextlib.suppress(TypeError):
            yield repr(make(value))
    if isinstance(value, BaseException):
        yield repr(value.args)
        yield repr(vars(value))
        yield repr(value.__cause__)
        if not value.__suppress_context__:
            yield repr(value.__context__)
    if isinstance(value, PrivetError):
        yield json.dumps(value.to_json(), ensure_ascii=False)


def handles(life: Life) -> list[object]:
    """One of every public object that holds on to something."""
    p, shop = life.people[0], life.shop
    desk = shop.principal(p.say("a desk"), roles=["privacy-desk"])
    auditor = shop.principal(p.say("an auditor"), roles=["auditor"])
    operator = shop.principal(p.say("an operator"), roles=["operator"])
    access = life.of(p.say("a till"), "storefront", "orders")
    herself = shop.subject(p.id, proof=p.say("a proof"))
    return [
        shop, shop.policy, shop.catalogue, shop.maintenance, desk, desk.consent, desk.rights,
        auditor.audit, operator.admin, access, access.models, herself, herself.consent,
        herself.rights, *desk.rights.plan(p.id),
    ]  # fmt: skip


def found_in(text: str, canaries: list[str]) -> list[str]:
    return [c for c in canaries if c in text or ascii(c)[1:-1] in text]


def test_no_canary_is_in_the_clear_while_people_are_there(life: Life) -> None:
    hits = scan(life.root, *life.canaries)
    given = {path.relative_to(life.root) for path in life.disclosed}
    assert {h.file for h in hits} == given, sorted(
        {(str(h.file), h.form, h.inside, h.canary) for h in hits if h.file not in given}
    )[:20]


def test_no_error_shows_what_it_met(life: Life) -> None:
    assert len(life.texts) > 30
    errors = [o for o in life.objects if isinstance(o, PrivetError)]
    for text in (*life.texts, *(t for e in errors for t in shown(e))):
        assert not found_in(text, life.canaries)
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
        assert not found_in(pickle.dumps(error).decode("latin1"), life.canaries)


def test_no_public_object_shows_what_it_holds(life: Life) -> None:
    for value in (*life.objects, *handles(life)):
        for text in shown(value):
            assert not found_in(text, life.canaries), type(value)


def test_no_handle_can_be_carried_away(life: Life) -> None:
    for value in handles(life):
        if type(value).__name__ in {"Policy", "Items", "PlanLine"}:
            continue  # plain data, nobody's
        for carry in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="open it in each process"):
                carry(value)


def test_a_withdrawal_leaves_no_byte_of_the_key(life: Life) -> None:
    """Keys of a domain that only the withdrawn consent covered are gone at once."""
    home = life.root / "home"
    sql = "SELECT k.wrapped FROM subject_key k JOIN domain d ON d.dom = k.dom WHERE d.name = "
    before = stored(home, "keys", f"{sql}'recommendations'")
    life.shop.subject(life.people[30].id, proof="x").consent.withdraw("recommendations")
    after = stored(home, "keys", f"{sql}'recommendations'")
    gone = [row[0] for row in before if row not in after]
    assert len(gone) == 1
    assert scan(home, *gone) == []


def test_after_the_erasures_nothing_is_left(life: Life) -> None:
    for path in life.disclosed:
        path.unlink()  # the person took it with her
    home = life.root / "home"
    keys = [r[0] for r in stored(home, "keys", "SELECT wrapped FROM subject_key")]
    tags = [r[0] for r in stored(home, "keys", "SELECT tag FROM subject_ref")]
    assert len(tags) == PEOPLE
    assert {h.canary for h in scan(home, *keys, *tags)} == {*keys, *tags}
    desk = life.shop.principal("desk", roles=["privacy-desk"]).rights
    for p in life.people:
        if p.n % 2:
            done = desk.erase(p.id, request=p.say("request"))
        else:
            done = life.shop.subject(p.id, proof="x").rights.erase()
        assert done.state == "held"
        assert verify_certificate(done.certificate).ok
        (life.root / "out" / f"certificate-{p.n}.json").write_bytes(done.certificate)
    living = [r[0] for r in stored(home, "keys", "SELECT wrapped FROM subject_key")]
    destroyed = [key for key in keys if key not in living]
    assert destroyed
    assert scan(life.root, *life.canaries, *destroyed) == []
    life.clock.advance(timedelta(days=8 * 366))  # the law holds no longer
    assert life.shop.maintenance.run()["holds"] == PEOPLE
    assert stored(home, "keys", "SELECT tag FROM subject_ref") == []
    assert stored(home, "keys", "SELECT wrapped FROM subject_key") == []
    auditor = life.shop.principal("auditor", roles=["auditor"]).audit
    auditor.export(life.root / "out" / "audit-after")
    assert scan(life.root, *life.canaries, *keys, *tags) == []
    life.shop.close()
    assert scan(life.root, *life.canaries, *keys, *tags) == []


def test_a_planted_canary_is_found(life: Life) -> None:
    planted = life.root / "tmp" / "forgotten"
    planted.write_bytes(life.people[7].id.encode("utf-16-le"))
    hits = [h for h in scan(life.root, *life.canaries) if life.root / h.file not in life.disclosed]
    planted.unlink()
    assert [(h.canary, str(h.file)) for h in hits] == [(life.people[7].id, "tmp/forgotten")]
