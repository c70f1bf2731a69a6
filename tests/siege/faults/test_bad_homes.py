"""Homes, keyrings, documents and values that are not right: refused by a documented code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import privet

PURPOSE = "recommendations"
ROOT = Path(__file__).resolve().parents[3]
SECRET = "canary-91bd"


def refused(ask: Callable[[], Any], kind: type[privet.PrivetError], *reasons: str) -> None:
    with pytest.raises(kind) as caught:
        ask()
    error = caught.value
    assert error.reason in reasons, error
    page = (ROOT / "docs" / "reference" / "reasons.md").read_text()
    assert error.reason == error.code or f"| `{error.reason}` |" in page
    assert error.remedy
    seen: BaseException | None = error
    while seen is not None:
        assert SECRET not in f"{seen!r} {seen} {seen.args} {getattr(seen, 'problems', '')}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


# --- keyrings --------------------------------------------------------------------------------


def key_file(stall: Any) -> Path:
    (found,) = stall.keyring.glob("*.key")
    return Path(found)


def missing(stall: Any, tmp_path: Path) -> None:
    key_file(stall).rename(tmp_path / "elsewhere")


def world_readable(stall: Any, tmp_path: Path) -> None:
    key_file(stall).chmod(0o644)


def open_directory(stall: Any, tmp_path: Path) -> None:
    stall.keyring.chmod(0o755)


def foreign(stall: Any, tmp_path: Path) -> None:
    """A secret of another deployment, in the right place and form."""
    with privet.open(
        tmp_path / "other", policy=stall.policy, keyring=f"file:{tmp_path / 'theirs'}", sync="OFF"
    ):
        (theirs,) = (tmp_path / "theirs").glob("*.key")
    key_file(stall).write_bytes(theirs.read_bytes())


def cut_short(stall: Any, tmp_path: Path) -> None:
    key_file(stall).write_bytes(key_file(stall).read_bytes()[:20])


def a_link(stall: Any, tmp_path: Path) -> None:
    here = key_file(stall)
    shutil.copyfile(here, tmp_path / "copy")
    (tmp_path / "copy").chmod(0o600)
    here.unlink()
    here.symlink_to(tmp_path / "copy")


KEYRINGS = [
    (missing, "key.missing"),
    (world_readable, "key.readable"),
    (open_directory, "key.readable"),
    (foreign, "key.foreign"),
    (cut_short, "key.malformed"),
    (a_link, "key.malformed"),
]


@pytest.mark.parametrize(("spoil", "reason"), KEYRINGS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_keyring_that_is_not_right_opens_nothing(
    stall: Any, tmp_path: Path, spoil: Callable[..., None], reason: str
) -> None:
    stall.stocked(1)
    stall.close()
    name = key_file(stall)
    spoil(stall, tmp_path)
    refused(stall.open, privet.KeyUnavailable, reason)
    if spoil is missing:  # nothing was made anew in its place
        assert list(stall.keyring.iterdir()) == []
        (tmp_path / "elsewhere").rename(name)
        assert stall.open().subject("p0", proof="t").consent.state()[PURPOSE] == "active"


@pytest.mark.parametrize(
    ("keyring", "reason"), [("safe:x", "keyring.kind"), (f"nonsense-{SECRET}", "keyring.kind")]
)
def test_a_keyring_of_no_known_kind_is_refused(stall: Any, keyring: str, reason: str) -> None:
    stall.stocked(1)
    stall.close()
    refused(
        lambda: privet.open(stall.where, keyring=keyring),
        privet.KeyUnavailable,
        reason,
    )


# --- stores ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["data", "keys", "audit"])
def test_a_store_of_another_deployment_is_refused(stall: Any, tmp_path: Path, name: str) -> None:
    stall.stocked(1)
    stall.close()
    with privet.open(
        tmp_path / "other", policy=stall.policy, keyring=f"file:{tmp_path / 'theirs'}", sync="OFF"
    ):
        pass
    shutil.copyfile(tmp_path / "other" / f"{name}.db", Path(stall.where) / f"{name}.db")
    refused(stall.open, privet.StoreUnavailable, "store.mixed")


@pytest.mark.parametrize("name", ["data", "keys", "audit"])
def test_a_store_that_is_missing_is_not_made_anew(stall: Any, name: str) -> None:
    stall.stocked(1)
    stall.close()
    kept = {p.name for p in Path(stall.where).glob("*.db")} - {f"{name}.db"}
    (Path(stall.where) / f"{name}.db").unlink()
    refused(lambda: privet.open(stall.where), privet.StoreUnavailable, "store.missing")
    assert {p.name for p in Path(stall.where).glob("*.db")} == kept


@pytest.mark.parametrize("name", ["data", "keys", "audit"])
def test_a_store_whose_file_is_rubbish_is_refused(stall: Any, name: str) -> None:
    stall.stocked(1)
    stall.close()
    (Path(stall.where) / f"{name}.db").write_bytes(SECRET.encode() * 4096)
    refused(stall.open, privet.StoreUnavailable, "store.corrupt")


def test_the_audit_store_replaced_beneath_a_process_releases_nothing(
    stall: Any, tmp_path: Path
) -> None:
    shop = stall.stocked(1)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    audit = Path(stall.where) / "audit.db"
    os.replace(shutil.copyfile(audit, tmp_path / "copy"), audit)
    refused(lambda: web.recommend("p0", model="pairs"), privet.AuditUnavailable, "audit.replaced")


# --- documents, through open ----------------------------------------------------------------

DOCUMENTS: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "no YAML": lambda p, d: (p + f"\n  - {SECRET}: [", d),
    "an unknown key": lambda p, d: (p + f"\nsurprise: {SECRET}\n", d),
    "a key twice": lambda p, d: (p + "\nname: again\n", d),
    "no purposes": lambda p, d: (p.replace("\npurposes:", "\npurpose:"), d),
    "a role that is nobody": lambda p, d: (p.replace("role: trainer,", "role: nobody,"), d),
    "a field that is not": lambda p, d: (p.replace("view.*", "view.nothing"), d),
    "an unknown type": lambda p, d: (p, d.replace("type: int", "type: integer")),
    "an alias": lambda p, d: (p.replace("roles:", "roles: &a\n  x: {}\nmore: *a\nroles:"), d),
    "nothing": lambda p, d: ("", d),
    "a list": lambda p, d: ("- 1\n- 2\n", d),
    "no data": lambda p, d: (p, ""),
    "a wrong retention": lambda p, d: (p.replace("retention: 13mo", "retention: soon"), d),
    "an assessment that is not there": lambda p, d: (p.replace("CA-1:", "CA-9:"), d),
    "a control character": lambda p, d: (p + "\x00", d),
}


@pytest.mark.parametrize("fault", DOCUMENTS)
def test_documents_that_are_not_right_create_nothing(
    tmp_path: Path, shop_policy: Path, fault: str
) -> None:
    policy, data = DOCUMENTS[fault](
        (shop_policy / "policy.yaml").read_text(), (shop_policy / "data.yaml").read_text()
    )
    there = tmp_path / "documents"
    there.mkdir()
    (there / "policy.yaml").write_text(policy)
    (there / "data.yaml").write_text(data)
    with pytest.raises(privet.PolicyError) as caught:
        privet.open(tmp_path / "home", policy=there)
    assert caught.value.exit_code == 2
    for problem in caught.value.problems:
        assert problem["file"] in {"policy.yaml", "data.yaml"}
        assert int(problem["line"]) >= 0
        assert problem["what"]
        assert problem["fix"]
    assert not (tmp_path / "home").exists()


# --- names and values ------------------------------------------------------------------------


@pytest.fixture
def doors(stall: Any) -> privet.Deployment:
    shop: privet.Deployment = stall.stocked(1)
    shop.principal("web", roles=["storefront"]).consent.begin("p0", "orders")
    return shop


def size(shop: privet.Deployment) -> int:
    with shop._parts.home.data.read() as tx:
        return int(tx.all("SELECT COUNT(*) FROM cell")[0][0])


def test_what_the_policy_does_not_know_is_refused_at_the_door(doors: privet.Deployment) -> None:
    web = doors.principal("web", roles=["storefront"])
    own = doors.subject("p0", proof="t")
    denied, bad = privet.AccessDenied, privet.InvalidInput
    refused(lambda: doors.principal("x", roles=[SECRET]), denied, "role.unknown")
    refused(lambda: doors.principal("x", roles=[]), denied, "role.unknown")
    refused(lambda: doors.principal("x", roles=["self"]), denied, "role.reserved")
    both = ["privacy-desk", "auditor"]
    refused(lambda: doors.principal("x", roles=both), denied, "role.separate")
    refused(lambda: web.purpose(SECRET), denied, "purpose.unknown")
    views = web.purpose(PURPOSE)
    refused(lambda: views.record("p0", SECRET, item="a"), bad, "event.unknown")
    refused(
        lambda: views.record("p0", "view", event_id="1", item="a", **{SECRET: 1}),
        bad,
        "field.unknown",
    )
    refused(lambda: views.record("p0", "view", item="a"), bad, "field.missing")
    refused(
        lambda: web.purpose("orders").profile(SECRET, "email"),
        privet.UnknownSubject,
        "subject.unknown",
    )
    refused(doors.subject(SECRET, proof="t").rights.erase, privet.UnknownSubject, "subject.unknown")
    refused(
        lambda: own.consent.answer({SECRET: True}, notice="n", how="w"), denied, "purpose.unknown"
    )
    refused(lambda: own.consent.withdraw(SECRET), denied, "purpose.unknown")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "text for a number": ({"quantity": SECRET}, "field.type"),
    "NaN": ({"quantity": float("nan")}, "field.missing"),
    "infinity": ({"quantity": float("inf")}, "field.type"),
    "minus infinity": ({"value": float("-inf")}, "field.type"),
    "a NaN of decimal": ({"value": Decimal("NaN")}, "field.type"),
    "half a piece": ({"quantity": 1.5}, "field.type"),
    "too many decimals": ({"value": "1.005"}, "field.type"),
    "a huge number": ({"quantity": 10**30}, "field.type"),
    "bytes": ({"order": SECRET.encode()}, "field.type"),
    "a list": ({"item": [SECRET]}, "field.type"),
    "a mapping": ({"quantity": {SECRET: 1}}, "field.type"),
    "a bool for a number": ({"quantity": True}, "field.type"),
    "nothing": ({"item": None}, "field.missing"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_value_of_another_kind_is_refused_and_nothing_kept(
    doors: privet.Deployment, what: str
) -> None:
    values, reason = WRONG[what]
    orders = doors.principal("web", roles=["storefront"]).purpose("orders")
    good = {"item": "item-0", "order": "o", "quantity": 1, "value": "1.00"}
    before = size(doors)
    refused(
        lambda: orders.record("p0", "purchase", **{**good, **values}),
        privet.InvalidInput,
        reason,
    )
    assert size(doors) == before


@pytest.mark.parametrize(
    ("at", "reasons"),
    [
        (datetime(2026, 1, 1), {"time.naive"}),
        ("2026-01-01", {"time.naive", "time.type", "field.type", "time.range"}),
        (timedelta(days=400), {"time.future"}),
    ],
)
def test_times_that_are_not_right_are_refused(
    doors: privet.Deployment, clock: Any, at: Any, reasons: set[str]
) -> None:
    views = doors.principal("web", roles=["storefront"]).purpose(PURPOSE)
    when = clock.now() + at if isinstance(at, timedelta) else at
    refused(
        lambda: views.record("p0", "view", at=when, event_id="t", item="item-0"),
        privet.InvalidInput,
        *reasons,
    )


def test_a_load_refuses_its_bad_rows_one_by_one_and_keeps_the_others(
    doors: privet.Deployment, clock: Any
) -> None:
    now = pd.Timestamp(clock.now())
    frame = pd.DataFrame(
        {
            "who": ["p0", "p0", "p0", "p0", "p0", "p0", SECRET, "p0"],
            "when": [now, now, now, now + pd.Timedelta(days=900), pd.NaT, now, now, now],
            "what": ["item-0", "item-1", None, "item-2", "item-3", "item-4", "item-5", "item-0"],
            "order": ["1", "2", "3", "4", "5", "6", "7", "1"],
            "pieces": [1, np.inf, 1, 1, 1, np.nan, 1, 1],
            "price": ["1.00", "2.00", "3.00", "4.00", "5.00", "6.00", "7.00", "1.00"],
        }
    )
    columns = {
        "who": "subject",
        "when": "at",
        "what": "item",
        "order": "order",
        "pieces": "quantity",
        "price": "value",
    }
    load = doors.principal("op", roles=["operator"]).purpose("orders").load
    report = load("purchase", frame, columns=columns)
    assert (report.rows, report.sealed, report.repeated) == (8, 1, 1)
    assert dict(zip(report.refused["row"], report.refused["reason"], strict=True)) == {
        1: "purchase.quantity:type",
        2: "purchase.item:missing",
        3: "at:range",
        4: "at:range",
        5: "purchase.quantity:missing",
        6: "ground.missing",
    }
    assert SECRET not in f"{report!r} {report.refused.to_csv()}"
    naive = frame.assign(when=pd.Timestamp("2026-01-01"))
    refused(lambda: load("purchase", naive, columns=columns), privet.InvalidInput, "time.naive")
    twice = columns | {"when": "subject"}
    refused(lambda: load("purchase", frame, columns=twice), privet.InvalidInput, "load.columns")
    again = load("purchase", frame, columns=columns)
    assert (again.sealed, again.repeated) == (0, 2)


@pytest.mark.parametrize(
    "answers", [{}, {PURPOSE: "yes"}, {PURPOSE: 1}, {PURPOSE: None}], ids=["none", "text", "1", "-"]
)
def test_an_answer_is_true_or_false(doors: privet.Deployment, answers: Any) -> None:
    own = doors.subject("p0", proof="t")
    refused(
        lambda: own.consent.answer(answers, notice="n", how="w"),
        privet.InvalidInput,
        "consent.answer",
    )
    assert own.consent.state()[PURPOSE] == "active"
