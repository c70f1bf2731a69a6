"""Columns of an app's own tables: what reaches its database, who may read it, and what ends it."""

from __future__ import annotations

import copy
import io
import logging
import pickle
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from sqlalchemy import Column, Engine, MetaData, create_engine, event, func, insert, text
from sqlalchemy import select as sql_select
from sqlalchemy.orm import DeclarativeBase, Mapped, load_only, mapped_column, registry
from sqlmodel import Field, Session, SQLModel, select

import privet
from privet.columns.value import PENDING, ciphertext
from privet.testing import scan

DATA = """\
privet: data/1
subject: {is: customer, id: handle}
timezone: UTC
categories: {contact: {}, taste: {}}
profile:
  phone: {type: text, category: contact, optional: true}
  age: {type: band, values: [19-24, 25-34, 35-44], category: contact, optional: true}
  visits: {type: int, category: taste, optional: true}
  spent: {type: decimal(2), category: taste, optional: true}
  stayed: {type: seconds, category: taste, optional: true}
  member: {type: bool, category: taste, optional: true}
  number: {type: id, category: contact, optional: true}
  likes: {type: item, category: taste, optional: true}
  bill: {type: text, category: contact, optional: true}
items: {fields: {title: text}}
"""
POLICY = """\
privet: policy/1
name: corner
data: data.yaml
controller: {name: Corner shop, contact: mail@example.org}
purposes:
  service:
    text: We serve you.
    basis: {contract: order}
    retention: 2y
    hold: {fields: [profile.bill], for: 7y, law: Keeping of tax records}
  news: {text: News., basis: consent, reuses: {service: {assessment: CA}}, retention: 1y}
  other: {text: Something else., basis: consent, retention: 1y}
assessments: {CA: {is: compatibility, text: Close to it.}}
roles: {shop: {}, mailer: {}, ops: {}, desk: {}}
permits:
  - {id: collect, role: shop, for: service, may: [collect, read], fields: ["*"]}
  - {id: ages, role: mailer, for: news, may: [read], fields: [profile.age, profile.phone],
     minimize: {profile.age: band(20)}}
  - {id: news, role: shop, for: news, may: [collect], fields: [profile.phone]}
  - {id: other, role: shop, for: other, may: [collect, read], fields: [profile.phone]}
  - {id: contracts, role: shop, for: "privet:consent", may: [begin, end]}
  - {id: own, role: self, for: "privet:consent", may: [answer, withdraw]}
  - {id: own-rights, role: self, for: "privet:rights", may: [read, erase, export], fields: ["*"]}
  - {id: admin, role: ops, for: "privet:administration", may: [administer]}
  - {id: log, role: desk, for: "privet:accountability", may: [prove, export]}
"""
PHONE = "canary-0301234567"


def sealed(purpose: str, field: str) -> Any:
    kind = privet.Sealed(purpose, f"profile.{field}", subject="handle")
    return Field(default=None, sa_column=Column(kind))


TABLES = MetaData()


class Own(SQLModel, registry=registry(metadata=TABLES)):
    """The app's tables, in a registry that no other test sees."""


class Customer(Own, table=True):
    id: int | None = Field(default=None, primary_key=True)
    handle: str
    phone: Any = sealed("service", "phone")
    age: Any = sealed("service", "age")


class Reader(Own, table=True):
    handle: str = Field(primary_key=True)
    letter: Any = sealed("news", "phone")


class Everything(Own, table=True):
    handle: str = Field(primary_key=True)
    visits: Any = sealed("service", "visits")
    spent: Any = sealed("service", "spent")
    stayed: Any = sealed("service", "stayed")
    member: Any = sealed("service", "member")
    number: Any = sealed("service", "number")
    likes: Any = sealed("service", "likes")
    phone: Any = sealed("service", "phone")


class Bill(Own, table=True):
    handle: str = Field(primary_key=True)
    bill: Any = sealed("service", "bill")


class Shown(BaseModel):
    phone: privet.SealedValue | None


class App:
    """An app with tables of its own beside a deployment."""

    def __init__(self, shop: privet.Deployment, engine: Engine) -> None:
        self.shop, self.engine = shop, engine
        self.till = shop.principal("till", roles=["shop"])
        self.service = self.till.purpose("service")
        for person in ("ada", "bob"):
            self.till.consent.begin(person, "service")

    def fill(self) -> None:
        with Session(self.engine) as session, self.service.sealing(session):
            session.add(Customer(handle="ada", phone=PHONE, age="25-34"))
            session.add(Customer(handle="bob", phone="canary-2", age="35-44"))
            session.commit()

    def said(self, person: str, **answers: bool) -> None:
        self.shop.subject(person, proof="t").consent.answer(answers, notice="1", how="web")

    def records(self) -> list[dict[str, Any]]:
        return [body for _, body in self.shop._parts.log.leaves(0, 10_000)]


def opened(where: str, root: Path, clock: Any) -> privet.Deployment:
    (root / "data.yaml").write_text(DATA)
    (root / "policy.yaml").write_text(POLICY)
    return privet.open(
        where, policy=root / "policy.yaml", keyring=f"file:{root / 'ring'}", clock=clock, sync="OFF"
    )


@pytest.fixture
def app(where: str, tmp_path: Path, clock: Any) -> Iterator[App]:
    at = f"sqlite:///{tmp_path / 'app.db'}"
    if "://" in where:
        at = where.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(at)
    TABLES.create_all(engine)
    with opened(where, tmp_path, clock) as shop:
        app = App(shop, engine)
        app.fill()
        yield app
    engine.dispose()


@pytest.fixture
def small(tmp_path: Path, clock: Any) -> Iterator[App]:
    """The same on SQLite alone: what is tried does not depend on the database."""
    engine = create_engine(f"sqlite:///{tmp_path / 'app.db'}")
    TABLES.create_all(engine)
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        app = App(shop, engine)
        app.fill()
        yield app
    engine.dispose()


def values(app: App, access: Any, kind: type = Customer, name: str = "phone") -> list[Any]:
    with Session(app.engine) as session, access.opening(session):
        rows = session.exec(select(kind)).all()
        return [getattr(row, name).value for row in rows]


def reason_of(work: Callable[[], object]) -> str:
    with pytest.raises(privet.PrivetError) as caught:
        work()
    assert "canary" not in str(caught.value)
    return caught.value.reason


def test_what_is_sealed_comes_back_through_the_gate_alone(app: App) -> None:
    before = len(app.records())
    assert values(app, app.service) == [PHONE, "canary-2"]
    told = app.records()[before:]
    assert [(r["kind"], r["action"], r["fields"], r["set"]["n"]) for r in told] == [
        ("access", "read", ["profile.phone"], 2)
    ]
    with Session(app.engine) as session:
        ada = session.exec(select(Customer).where(Customer.handle == "ada")).one()
        assert repr(ada.phone) == str(ada.phone) == f"{ada.phone}" == "SealedValue(<sealed>)"
        assert "canary" not in repr(ada)
        assert reason_of(lambda: ada.phone.value) == "sealed.closed"
        with app.service.opening(session):
            assert ada.phone.value == PHONE
        assert reason_of(lambda: ada.phone.value) == "sealed.closed"
    with app.engine.connect() as raw:
        rows = raw.execute(text("SELECT phone FROM customer")).all()
        assert all(b"canary" not in bytes(row[0]) for row in rows)
    assert app.shop.maintenance.check().faults == ()


def test_a_write_is_a_collection(app: App) -> None:
    (told,) = [record for record in app.records() if "columns" in record]
    assert (told["action"], told["purpose"], told["set"]["n"]) == ("collect", "service", 2)
    assert told["fields"] == ["profile.age", "profile.phone"]
    with Session(app.engine) as session, app.service.sealing(session):
        ada = session.exec(select(Customer).where(Customer.handle == "ada")).one()
        ada.phone = "canary-3"
        session.commit()
    assert sorted(values(app, app.service)) == ["canary-2", "canary-3"]
    with Session(app.engine) as session, app.service.sealing(session):
        session.add(Customer(handle="eve", phone="canary-4"))
        assert reason_of(session.commit) == "ground.missing"
        session.rollback()
        assert session.exec(select(func.count()).select_from(Customer)).one() == 2
    assert app.records()[-1]["kind"] == "denial"
    assert "set" not in app.records()[-1]  # the log does not track who said no


def test_she_is_told_that_there_are_such_values_and_an_erasure_plan_names_them(app: App) -> None:
    ada = app.shop.subject("ada", proof="t").rights
    assert ada.access()["columns"] == ["service"]
    lines = {(line.what, line.name): line.fate for line in ada.plan()}
    assert lines["column", "service"] == "destroyed"


def test_a_withdrawal_ends_the_values_of_its_purpose_and_an_erasure_all(app: App) -> None:
    app.said("ada", news=True)
    app.said("bob", news=True)
    news = app.till.purpose("news")
    with Session(app.engine) as session, news.sealing(session):
        session.add_all([Reader(handle="ada", letter="canary-5"), Reader(handle="bob", letter="c")])
        session.commit()
    mailer = app.shop.principal("m", roles=["mailer"]).purpose("news")
    assert sorted(values(app, mailer, Reader, "letter")) == ["c", "canary-5"]
    app.shop.subject("ada", proof="t").consent.withdraw("news")
    with Session(app.engine) as session, mailer.opening(session):
        ada, bob = session.get(Reader, "ada"), session.get(Reader, "bob")
        assert ada is not None
        assert bob is not None
        assert bob.letter.value == "c"
        assert reason_of(lambda: ada.letter.value) == "ground.missing"
    app.said("ada", news=True)  # she comes back: what was sealed before does not
    with Session(app.engine) as session, mailer.opening(session):
        ada = session.get(Reader, "ada")
        assert ada is not None
        assert reason_of(lambda: ada.letter.value) == "sealed.destroyed"
    assert sorted(values(app, app.service)) == [PHONE, "canary-2"]
    assert app.shop.subject("ada", proof="t").rights.erase().state == "done"
    parts = app.shop._parts
    assert parts.vault.keyed_domains([1]) == {}
    app.till.consent.begin("bob", "service")
    with Session(app.engine) as session, app.service.opening(session):
        rows = {row.handle: row for row in session.exec(select(Customer)).all()}
        assert rows["bob"].phone.value == "canary-2"
        assert reason_of(lambda: rows["ada"].phone.value) == "ground.missing"
    assert app.shop.maintenance.check().faults == ()


FROM_BOB = "(SELECT c.phone FROM customer c WHERE c.handle = 'bob')"
CUT = "CAST(substr(phone, 1, length(phone) - 1) || x'00' AS BLOB)"
MOVES = {
    f"phone = {FROM_BOB}": "sealed.destroyed",
    "phone = age": "sealed.place",
    "id = 77": "sealed.place",
    "handle = 'bob'": "sealed.destroyed",
    "phone = x'0102'": "sealed.destroyed",
    f"phone = {CUT}": "sealed.place",
}


def test_a_value_that_was_moved_or_changed_is_refused(small: App) -> None:
    with small.engine.begin() as raw:
        whole = raw.execute(text("SELECT id, handle, phone FROM customer")).all()
    for change, reason in MOVES.items():
        with small.engine.begin() as raw:
            raw.execute(text(f"UPDATE customer SET {change} WHERE handle = 'ada'"))
        with Session(small.engine) as session, small.service.opening(session):
            rows = session.exec(select(Customer)).all()
            (ada,) = [row for row in rows if row.id != whole[1][0]]
            (bob,) = [row for row in rows if row.id == whole[1][0]]
            assert reason_of(lambda ada=ada: ada.phone.value) == reason, change
            assert bob.phone.value == "canary-2"
        with small.engine.begin() as raw:
            put = text("UPDATE customer SET id = :i, handle = :h, phone = :p WHERE id = :n")
            row = whole[0]
            raw.execute(put, {"i": row[0], "h": row[1], "p": row[2], "n": ada.id})
    assert values(small, small.service) == [PHONE, "canary-2"]


def test_a_sealed_column_is_in_no_filter_and_no_order(small: App) -> None:
    statements: list[Callable[[], Any]] = [
        lambda: select(Customer).where(Customer.phone == PHONE),
        lambda: select(Customer).where(Customer.phone.in_([PHONE])),
        lambda: select(Customer).where(Customer.phone.like("canary%")),
        lambda: select(Customer).where(Customer.phone < PHONE),
        lambda: select(Customer).order_by(Customer.phone),
        lambda: select(Customer).order_by(Customer.phone.desc()),
        lambda: select(Customer.phone).group_by(Customer.phone),
    ]
    with Session(small.engine) as session:
        for statement in statements:
            assert reason_of(lambda s=statement: session.exec(s()).all()) == "sealed.compare"
        assert session.exec(select(Customer).where(Customer.phone.is_(None))).all() == []
        assert len(session.exec(select(Customer).where(Customer.phone != None)).all()) == 2  # noqa: E711


def test_no_way_of_writing_goes_past_the_seal(small: App) -> None:
    def added(session: Session) -> None:
        session.add(Customer(handle="ada", phone=PHONE))
        session.flush()

    def changed(session: Session) -> None:
        session.exec(select(Customer)).first().phone = PHONE  # type: ignore[union-attr]
        session.flush()

    ways: list[Callable[[Session], object]] = [
        added,
        changed,
        lambda s: s.execute(insert(Customer).values(handle="ada", phone=PHONE)),
        lambda s: s.bulk_insert_mappings(Customer, [{"handle": "ada", "phone": PHONE}]),
        lambda s: s.execute(insert(Customer), [{"handle": "ada", "phone": PHONE}]),
    ]
    for way in ways:
        with Session(small.engine) as session:
            assert reason_of(lambda way=way, session=session: way(session)) == "sealed.plain"


def test_a_sealed_value_stays_with_its_row_and_person(small: App) -> None:
    with Session(small.engine) as session, small.service.sealing(session):
        ada, bob = session.exec(select(Customer).order_by(Customer.handle)).all()
        bob.phone = ada.phone
        assert reason_of(session.flush) == "sealed.moved"
        session.rollback()
        ada.handle = "bob"
        assert reason_of(session.flush) == "sealed.moved"
        session.rollback()
        bare = session.exec(select(Customer.phone)).first()
        with small.service.opening(session):
            assert reason_of(lambda: bare.value) == "sealed.row"


def test_what_leaves_the_process_is_the_ciphertext(small: App) -> None:
    with Session(small.engine) as session, small.service.opening(session):
        ada = session.exec(select(Customer).where(Customer.handle == "ada")).one()
        assert ada.phone.value == PHONE
        assert b"canary" not in pickle.dumps(ada) + pickle.dumps(ada.phone)
        assert Shown(phone=ada.phone).model_dump_json() == '{"phone":"<sealed>"}'
        with pytest.raises(PydanticSerializationError) as caught:
            ada.model_dump_json()
        assert "canary" not in str(caught.value)
        assert "canary" not in repr(copy.deepcopy(ada.phone))
        assert pickle.loads(pickle.dumps(ada.phone)) != ada.phone
        assert ada.phone  # a value is there
        assert reason_of(lambda: ada.phone < ada.phone) == "sealed.compare"
    assert reason_of(lambda: ada.phone.value) == "sealed.closed"


def test_neither_files_nor_logs_hold_the_value(small: App, tmp_path: Path) -> None:
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    logging.getLogger("sqlalchemy.engine").addHandler(handler)
    loud = create_engine(f"sqlite:///{tmp_path / 'app.db'}", echo=True)
    with loud.connect() as raw:
        raw.exec_driver_sql("PRAGMA journal_mode=WAL")
    try:
        with Session(loud) as session, small.service.sealing(session):
            session.add(Customer(handle="ada", phone="canary-loud"))
            session.commit()
            with small.service.opening(session):
                assert len([row.phone.value for row in session.exec(select(Customer)).all()]) == 3
        with Session(loud) as session:
            session.add(Customer(handle="ada", phone="canary-refused"))
            assert reason_of(session.commit) == "sealed.plain"
        held = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {"app.db", "app.db-wal"} <= {path.name for path in held}
        assert scan(tmp_path, PHONE, "canary-loud", "canary-refused") == []
    finally:
        logging.getLogger("sqlalchemy.engine").removeHandler(handler)
        loud.dispose()
    assert "INSERT INTO customer" in shown.getvalue()
    assert "canary" not in shown.getvalue()


def test_other_purposes_read_what_the_policy_lets_them_reuse_and_no_more(small: App) -> None:
    small.said("ada", news=True, other=True)
    mailer = small.shop.principal("m", roles=["mailer"]).purpose("news")
    with Session(small.engine) as session, mailer.opening(session):
        ada = session.exec(select(Customer).where(Customer.handle == "ada")).one()
        assert ada.age.value == "20-39"  # minimized as the permit says
    other = small.till.purpose("other")
    with Session(small.engine) as session, other.opening(session):
        ada = session.exec(select(Customer).where(Customer.handle == "ada")).one()
        assert reason_of(lambda: ada.phone.value) == "sealed.purpose"
        assert reason_of(lambda: ada.age.value) == "sealed.purpose"
    news = small.till.purpose("news")
    with Session(small.engine) as session, news.sealing(session):
        session.add(Customer(handle="ada", phone=PHONE))
        assert reason_of(session.flush) == "sealed.purpose"


def test_a_value_past_its_retention_is_none(small: App, clock: Any) -> None:
    clock.advance(timedelta(days=729))
    assert values(small, small.service) == [PHONE, "canary-2"]
    clock.advance(timedelta(days=3))
    assert values(small, small.service) == [None, None]


def test_what_the_policy_does_not_know_is_denied(small: App) -> None:
    with Session(small.engine) as session, small.service.sealing(session):
        session.add(Bill(handle="ada", bill="canary-6"))
        assert reason_of(session.flush) == "sealed.held"
    for purpose, field, reason in (
        ("service", "profile.unheard", "field.unknown"),
        ("unheard", "profile.phone", "purpose.unknown"),
    ):
        from privet.gate.columns import field_of

        assert reason_of(lambda p=purpose, f=field: field_of(small.shop._parts, p, f)) == reason
    for wrong in (("", "profile.phone"), ("service", "phone"), (1, "profile.phone")):
        assert reason_of(lambda w=wrong: privet.Sealed(*w, subject="id")) == "sealed.declared"


def test_nothing_is_sealed_for_whom_the_ground_ends_meanwhile(
    small: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.said("ada", news=True)
    parts = small.shop._parts
    found = parts.vault.found

    def withdrawn_first(*args: Any) -> Any:
        made = found(*args)
        small.shop.subject("ada", proof="t").consent.withdraw("news")
        return made

    monkeypatch.setattr(parts.vault, "found", withdrawn_first)
    news = small.till.purpose("news")
    with Session(small.engine) as session, news.sealing(session):
        session.add(Reader(handle="ada", letter="canary-7"))
        assert reason_of(session.flush) == "ground.withdrawn"
    assert "news/column" not in parts.vault.keyed_domains([1])[1]


def test_a_rolled_back_flush_leaves_nothing_pending(small: App) -> None:
    with Session(small.engine) as session, small.service.sealing(session):
        new = Customer(handle="ada", phone="canary-8")
        session.add(new)
        session.flush()
        assert ciphertext(new.phone) != PENDING
        session.rollback()
    assert sorted(values(small, small.service)) == [PHONE, "canary-2"]


def test_one_access_at_a_time_opens(small: App) -> None:
    with Session(small.engine) as session, small.service.opening(session):
        again = small.service.opening(session)
        assert reason_of(again.__enter__) == "sealed.closed"


def test_a_failed_record_opens_and_seals_nothing(
    small: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> Any:
        raise privet.AuditUnavailable("the audit record was not made durable")

    monkeypatch.setattr(small.shop._parts.log, "append", down)
    with Session(small.engine) as session, small.service.sealing(session):
        session.add(Customer(handle="ada", phone=PHONE))
        assert reason_of(session.flush) == "audit.unavailable"
        session.rollback()
        with small.service.opening(session):
            row = session.exec(select(Customer)).first()
            assert row is not None
            assert reason_of(lambda: row.phone.value) == "audit.unavailable"


class Base(DeclarativeBase):
    pass


class Parcel(Base):
    """Plain SQLAlchemy, with a key of two parts."""

    __tablename__ = "parcel"
    number: Mapped[UUID] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    to: Mapped[Any] = mapped_column(privet.Sealed("service", "profile.phone", subject="owner"))
    more: Mapped[Any] = mapped_column(
        privet.Sealed("service", "profile.phone", subject="owner"), nullable=True
    )


def test_plain_sqlalchemy_keys_of_several_parts_and_columns_loaded_alone(small: App) -> None:
    Base.metadata.create_all(small.engine)
    number = UUID(int=7)
    with Session(small.engine) as session, small.service.sealing(session):
        for part in ("1,1", "1"):
            session.add(Parcel(number=number, part=part, owner="ada", to=f"street {part}"))
        session.commit()
    with Session(small.engine) as session, small.service.opening(session):
        found = session.execute(sql_select(Parcel).options(load_only(Parcel.to))).scalars().all()
        assert sorted(parcel.to.value for parcel in found) == ["street 1", "street 1,1"]
        assert found[0].more is None
        session.expire(found[0], ["to"])
        assert found[0].to.value == f"street {found[0].part}"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    visits=st.integers(-(2**53), 2**53),
    spent=st.decimals(-(10**9), 10**9, places=2),
    stayed=st.floats(0, 1e9, allow_nan=False),
    member=st.booleans(),
    number=st.integers(-(2**63), 2**63 - 1),
    likes=st.from_regex(r"[a-z0-9 -]{1,20}\Z", fullmatch=False).filter(str.isprintable),
    phone=TEXTS,
)
def test_every_kind_of_value_comes_back_as_it_was(small: App, **given_: Any) -> None:
    with Session(small.engine) as session, small.service.sealing(session):
        session.merge(Everything(handle="ada", **given_))
        session.commit()
    with Session(small.engine) as session, small.service.opening(session):
        row = session.get(Everything, "ada")
        assert row is not None
        got = {name: getattr(row, name).value for name in given_}
    assert got == {
        **given_,
        "spent": str(given_["spent"].quantize(given_["spent"])),
        "number": str(given_["number"]),
    }


def test_a_host_without_sealed_columns_is_left_alone(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'plain.db'}")
    seen: list[str] = []
    event.listen(engine, "before_execute", lambda *args: seen.append(str(args[1])))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
        assert connection.execute(text("SELECT a FROM t ORDER BY a")).all() == []
    assert len(seen) == 2
