"""Texts that try to be something else: SQL, log lines, look-alikes (attacks 24, 26, 28)."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import privet
from privet.errors import InvalidInput, PrivetError, UnknownSubject
from privet.recommend import ContentTFIDF
from privet.testing import FakeClock, agrees

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SQL = [
    "'; DROP TABLE subject_ref; --",
    '" OR 1=1 --',
    "ada' UNION SELECT wrapped FROM subject_key --",
    "%s %(x)s ? :x $1 {0} %",
    "\\'; DELETE FROM record; --",
    "x'); INSERT INTO fence VALUES (1,'',1); --",
    "Robert'); DROP TABLE cell;--",
    "/* */ 1; ATTACH 'x' AS y",
    "${jndi:ldap://x} $(id) `id` <script>",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "_%_%",
    "NULL",
    "0 or 1",
]
LINES = ["a\nb", 'a\r\n{"event":"forged"}', "\x1b[31mred", "a\u2028b", "a\u202eb", "a\x00b", "\x85"]
TABLES = {
    "keys": ("subject_ref", "subject_key", "secret", "domain"),
    "data": ("cell", "head", "ledger", "ground", "fence", "item", "meta", "request"),
    "audit": ("record", "single"),
}
LOOK_ALIKES = [
    ("user1", "user①", "uѕer1", "user１", "user¹"),
    ("Zoë", "Zoe\u0301", "Zoe\u0308", "Zoe"),
    ("paypal", "pаypal", "paypa1", "paypaI"),
    ("ada", "Ada", "ADA", "ada ", " ada", "a\u200bda", "ada\ufeff", "ad\u00ada"),
    ("ﬁne", "fine"),
    ("straße", "strasse", "STRASSE"),
    ("4711", 4711, "4711.0", "04711", "+4711"),
    ("İd", "id", "ıd", "ID"),
    ("\u212bngstrom", "Ångstrom"),
]


@pytest.fixture
def shop(where: str, tmp_path: Path) -> Iterator[privet.Deployment]:
    with privet.open(
        where,
        policy="pack:shop",
        keyring=f"file:{tmp_path / 'keyring'}",
        clock=FakeClock(START),
        sync="OFF",
    ) as opened:
        yield opened


def counts(shop: privet.Deployment) -> dict[str, int]:
    found = {}
    for store, tables in TABLES.items():
        with getattr(shop._parts.home, store).read() as tx:
            for table in tables:
                row = tx.one(f"SELECT COUNT(*) FROM {table}")
                found[f"{store}.{table}"] = row[0] if row else -1
    return found


def till(shop: privet.Deployment) -> privet.Access:
    return shop.principal("till", roles=["storefront"]).purpose("orders")


def test_sql_in_ids_and_fields_is_text(shop: privet.Deployment) -> None:
    herself = {text: agrees(shop, text, "orders", "recommendations") for text in SQL}
    before = counts(shop)
    for text in SQL:
        till(shop).describe(text, email=text)
        bought = {"item": text, "order": text, "quantity": 1, "value": 1}
        assert till(shop).record(text, "purchase", **bought).new
    after = counts(shop)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert set(grown) <= {"data.cell", "data.head", "keys.subject_key", "audit.record",
                          "audit.single"}  # fmt: skip
    assert grown["audit.record"] == grown["audit.single"] == 2 * len(SQL)
    for text in SQL:
        kept = herself[text].rights.access()
        assert kept["ids"] == [text]
        assert kept["profile"]["email"] == text
        (row,) = kept["events"]["purchase"]
        assert (row["item"], row["order"]) == (text, text)


def test_sql_in_everything_else_is_text_or_refused(shop: privet.Deployment) -> None:
    agrees(shop, "ada-lovelace", "orders", "recommendations")
    before = counts(shop)
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    for text in SQL:
        for act in (
            lambda t=text: web.recommend("ada-lovelace", model=t, among=[t]),
            lambda t=text: web.features([t, f"share:{t}", f"profile:{t}"]),
            lambda t=text: till(shop).profile("ada-lovelace", t),
            lambda t=text: till(shop).record("ada-lovelace", t, x=t),
            lambda t=text: shop.principal("x", roles=[t]),
            lambda t=text: shop.principal("x", roles=["storefront"]).purpose(t),
            lambda t=text: shop.subject("ada-lovelace", proof="p").consent.withdraw(t),
        ):
            try:
                act()
            except PrivetError as refusal:
                assert text not in str(refusal)
    after = counts(shop)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"audit.record", "audit.single"}


def test_items_with_sql_are_catalogue_entries(shop: privet.Deployment) -> None:
    rows = [{"item": text, "title": text, "text": f"word {text}"} for text in SQL]
    operator = shop.principal("op", roles=["operator"])
    assert operator.admin.load_items(rows) == len(SQL)
    assert shop.catalogue.ids == tuple(SQL)
    assert shop.catalogue.attributes["title"] == tuple(SQL)
    models = shop.principal("n", roles=["trainer"]).purpose("recommendations").models
    for name in SQL:
        models.serve(models.train(name[:60], ContentTFIDF(text=("text",), event="view")))
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    picks = web.recommend("nobody", k=50, model=SQL[0][:60])
    assert sorted(p.item for p in picks) == sorted(SQL)


@pytest.mark.parametrize("text", [t for t in LINES if "\u2028" not in t], ids=ascii)
def test_what_could_forge_a_line_is_refused_as_an_id(shop: privet.Deployment, text: str) -> None:
    agrees(shop, "ada-lovelace", "orders")
    before = counts(shop)
    good = {"item": "i", "order": "o", "quantity": 1, "value": 1}
    for act in (
        lambda: agrees(shop, text, "orders"),
        lambda: till(shop).record(text, "purchase", **good),
        lambda: till(shop).record("ada-lovelace", "purchase", **{**good, "order": text}),
        lambda: till(shop).record("ada-lovelace", "purchase", **{**good, "item": text}),
        lambda: shop.principal(text, roles=["storefront"]),
        lambda: shop.subject("ada-lovelace", proof=text),
    ):
        with pytest.raises(InvalidInput) as refusal:
            act()
        assert refusal.value.reason in {"id.characters", "id.form", "field.type"}
        assert text not in str(refusal.value)
    assert counts(shop) == before


def test_an_event_is_one_line_whatever_it_is_about(shop: privet.Deployment) -> None:
    """Free text may hold line breaks: it is sealed literally and forges no line."""
    stream = io.StringIO()
    handler, log = logging.StreamHandler(stream), logging.getLogger("privet")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        herself = agrees(shop, "ada-lovelace", "orders")
        for text in LINES:
            till(shop).describe("ada-lovelace", email=text)
            assert herself.rights.access()["profile"]["email"] == text
            from privet.log import get_logger

            get_logger("vault").error("step-failed", step=text, reason=text, error=ValueError(text))
            logging.getLogger("privet").warning("%s", text)
        shop.maintenance.run()
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    ours = [line for line in lines if line.startswith("{")]
    assert len(ours) >= 2 * len(LINES)
    for line in ours:
        assert isinstance(json.loads(line), dict)
        assert line.isascii()
        assert line.isprintable()
        assert "forged" not in line
    for _, body in shop._parts.log.leaves(0, 10_000):
        written = json.dumps(body, ensure_ascii=False)
        assert not any(text in written for text in LINES)


@pytest.mark.parametrize("group", LOOK_ALIKES, ids=lambda g: ascii(g[0]))
def test_look_alikes_are_different_people_or_refused(
    shop: privet.Deployment, group: tuple[str | int, ...]
) -> None:
    taken: dict[str | int, str] = {}
    for n, who in enumerate(group):
        try:
            agrees(shop, who, "orders")
        except InvalidInput as refusal:
            assert refusal.reason in {"id.form", "id.characters"}
            assert isinstance(who, str)
            assert unicodedata.normalize("NFC", who) != who or any(
                unicodedata.category(c) in {"Cf", "Cc"} for c in who
            )
            with pytest.raises(InvalidInput):
                shop.subject(who, proof="p")
            continue
        taken[who] = f"mail-{n}@example.org"
        till(shop).describe(who, email=taken[who])
    assert len(taken) >= 2 or len(group) == 2
    for who, email in taken.items():
        assert till(shop).profile(who, "email") == {"email": email}
        kept = shop.subject(who, proof="p").rights.access()
        assert kept["ids"] == [who]
        assert type(kept["ids"][0]) is type(who)
    first = next(iter(taken))
    shop.subject(first, proof="p").rights.erase()
    for who, email in list(taken.items())[1:]:
        assert till(shop).profile(who, "email") == {"email": email}


def test_a_frame_keeps_look_alikes_apart(shop: privet.Deployment) -> None:
    good = [w for g in LOOK_ALIKES for w in g]
    people = []
    for who in good:
        try:
            agrees(shop, who, "orders")
        except InvalidInput:
            continue
        people.append(who)
    frame = pd.DataFrame(
        {
            "who": pd.Series(good, dtype=object),
            "at": pd.Timestamp(START),
            "order": [f"o{n}" for n in range(len(good))],
            "item": "kettle",
            "quantity": 1,
            "value": 2,
        }
    )
    operator = shop.principal("operator", roles=["operator"]).purpose("orders")
    columns = {"who": "subject", **{c: c for c in frame.columns if c != "who"}}
    report = operator.load("purchase", frame, columns=columns)
    assert report.sealed == len(people)
    assert report.reasons() == {"subject:form": len(good) - len(people)}
    for who in people:
        (row,) = shop.subject(who, proof="p").rights.access()["events"]["purchase"]
        assert row["order"] == f"o{good.index(who)}"


@pytest.fixture(scope="module")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[privet.Deployment]:
    from privet.testing import deployment

    with deployment(tmp_path_factory.mktemp("texts"), clock=FakeClock(START)) as opened:
        yield opened


@given(st.text(max_size=40), st.text(max_size=300))
def test_any_text_is_kept_exactly_or_refused_typed(
    one_shop: privet.Deployment, who: str, email: str
) -> None:
    try:
        herself = agrees(one_shop, who, "orders")
        till(one_shop).describe(who, email=email)
    except InvalidInput as refusal:
        assert refusal.reason.startswith(("id.", "field."))
        return
    kept = herself.rights.access()
    assert kept["ids"] == [who]
    assert kept["profile"]["email"] == email


@given(st.integers())
def test_any_number_is_one_person_or_refused_typed(one_shop: privet.Deployment, who: int) -> None:
    try:
        agrees(one_shop, who, "orders")
    except InvalidInput as refusal:
        assert refusal.reason == "id.range"
        with pytest.raises((InvalidInput, UnknownSubject)):
            one_shop.subject(who, proof="p").rights.access()
        return
    assert one_shop.subject(who, proof="p").rights.access()["ids"] == [who]
