"""A host has tables, logging and processes of its own; neither side changes the other's."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

import privet
from privet.db.schema import METADATA

PURPOSE = "recommendations"


@pytest.fixture
def hosted(where: str, tmp_path: Path, clock: Any) -> Iterator[privet.Deployment]:
    with privet.open(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
    ) as shop:
        yield shop


def lived(shop: privet.Deployment) -> privet.Picks:
    shop.principal("o", roles=["operator"]).admin.load_items([{"item": "kettle", "title": "k"}])
    shop.subject("ada", proof="t").consent.answer({PURPOSE: True}, notice="n", how="web")
    web = shop.principal("w", roles=["storefront"]).purpose(PURPOSE)
    web.record("ada", "view", event_id="1", item="kettle")
    return web.recommend("ada")


HOST = """
import sys, json
from sqlalchemy import create_engine, inspect
from sqlmodel import Field, Session, SQLModel, select

class Meta(SQLModel, table=True):      # names that privet's stores have too
    __tablename__ = "meta"
    id: int = Field(primary_key=True)
    text: str = ""

class Record(SQLModel, table=True):
    __tablename__ = "record"
    id: int = Field(primary_key=True)

first = sys.argv[1] == "host-first"
engine = create_engine("sqlite:///" + sys.argv[2] + "/host.db")
if first:
    SQLModel.metadata.create_all(engine)
import privet
import privet.db.schema
shop = privet.open(sys.argv[2] + "/home", policy="pack:shop", sync="OFF")
if not first:
    SQLModel.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Meta(id=1, text="the host's"))
    session.commit()
    found = [m.text for m in session.exec(select(Meta))]
shop.subject("ada", proof="t").consent.answer({"recommendations": True}, notice="n", how="web")
state = shop.subject("ada", proof="t").consent.state()["recommendations"]
shop.close()
print(json.dumps([sorted(inspect(engine).get_table_names()), found, state]))
"""


@pytest.mark.parametrize("order", ["host-first", "privet-first"])
def test_the_tables_of_a_host_and_of_privet_never_meet(tmp_path: Path, order: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HOST, order, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tables, found, state = json.loads(done.stdout)
    assert tables == ["meta", "record"]
    assert found == ["the host's"]
    assert state == "active"


def test_privet_is_not_in_the_registry_that_hosts_create() -> None:
    from sqlmodel import SQLModel

    assert all(SQLModel.metadata is not metadata for metadata in METADATA.values())
    assert not SQLModel.metadata.tables.keys() & {"subject_key", "cell", "ground", "contribution"}


@pytest.fixture
def host_logging() -> Iterator[io.StringIO]:
    """A host that shows everything it is given, as it came."""
    stream = io.StringIO()
    root = logging.getLogger()
    handler = logging.StreamHandler(stream)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield stream
    structlog.reset_defaults()
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_host_that_configures_structlog_changes_nothing_of_privets(
    hosted: privet.Deployment, host_logging: io.StringIO
) -> None:
    assert lived(hosted) is not None
    hosted.subject("ada", proof="t").rights.erase()
    hosted.maintenance.run()
    structlog.get_logger("host").info("the host's own", subject="ada")
    lines = host_logging.getvalue().splitlines()
    assert [line for line in lines if "ada" in line] == [
        line for line in lines if "the host's own" in line
    ]
    from privet.log import get_logger

    get_logger("test").warning("step-failed", subject="ada", item="kettle", error="ada@example")
    told = host_logging.getvalue()[len("\n".join(lines)) :]
    assert "ada" not in told
    assert "kettle" not in told


def test_opening_configures_nothing_of_the_hosts(tmp_path: Path, clock: Any) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), structlog.get_config())
    with privet.open(tmp_path / "home", policy="pack:shop", clock=clock, sync="OFF") as shop:
        lived(shop)
    assert (root.level, list(root.handlers), structlog.get_config()) == before
    assert logging.getLogger("privet").propagate
