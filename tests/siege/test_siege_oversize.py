"""What is too large, seen from outside (attack 27): one process is given all of it in turn.

The child limits its own address space, so that anything taken up whole ends it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.policy import load
from privet.testing import agrees, deployment

SECONDS = 2.0
GROWTH_KB = 64 * 1024

CHILD = """
import json, os, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
import numpy as np, pandas as pd
import privet
from privet.recommend import ContentTFIDF
from privet.testing import FakeClock, agrees, deployment

root = Path(sys.argv[1])
start = datetime(2026, 3, 2, tzinfo=UTC)
shop = deployment(root, clock=FakeClock(start))
ada = agrees(shop, "ada", "orders", "recommendations")
def as_(role): return shop.principal(role, roles=[role])
till, web = as_("storefront").purpose("orders"), as_("storefront").purpose("recommendations")
desk, bulk = as_("privacy-desk"), as_("operator").purpose("orders")
good = {"item": "i", "order": "o", "quantity": 1, "value": 1}
till.record("ada", "purchase", **good)
mega, huge, digits = "x" * (1 << 20), 10 ** 5000, "9" * 5000
deep = []
for _ in range(100_000): deep = [deep]
many = {f"k{n}": True for n in range(10**6)}
names = {f"f{n}": 1 for n in range(10**5)}
wide = pd.DataFrame(columns=list(names))
columns = {"who": "subject", "at": "at", **{n: n for n in good}}
said = {"notice": "n", "channel": "c", "evidence": "e"}
def answers(**other):
    row = {"subject": "ada", "purpose": "newsletter", "kind": "yes", "at": start, **other}
    return desk.consent.load(pd.DataFrame([row], dtype=object), **said)
def bought(**other):
    row = {"who": "ada", "at": start, **good, **other}
    frame = pd.DataFrame([row], dtype=object).astype({"at": "datetime64[us, UTC]"})
    return bulk.load("purchase", frame, columns=columns)
acts = {
    "id": lambda: till.record(mega, "purchase", **good),
    "number as id": lambda: till.record(huge, "purchase", **good),
    "field": lambda: till.record("ada", "purchase", **{**good, "order": mega}),
    "digits": lambda: till.record("ada", "purchase", **{**good, "quantity": digits}),
    "number": lambda: till.record("ada", "purchase", **{**good, "value": huge}),
    "depth": lambda: till.record("ada", "purchase", **{**good, "item": deep}),
    "fields": lambda: till.record("ada", "purchase", **names),
    "answers": lambda: ada.consent.answer(many, notice="n", how="w"),
    "event of an answer": lambda: answers(event_id=mega),
    "number as event of an answer": lambda: answers(event_id=huge),
    "purpose of an answer": lambda: answers(purpose=mega),
    "kind of an answer": lambda: answers(kind=mega),
    "person of an answer": lambda: answers(subject=huge),
    "time of an answer": lambda: answers(at=mega),
    "columns of answers": lambda: desk.consent.load(wide, **said),
    "roles": lambda: shop.principal("x", roles=list(many)),
    "role": lambda: shop.principal("x", roles=[mega]),
    "features": lambda: web.features(list(many)),
    "people": lambda: web.features(["recency"], subjects=[mega]),
    "list": lambda: web.recommend("ada", k=10**9),
    "people of lists": lambda: web.recommend_many([mega] * 1000),
    "model": lambda: as_("trainer").purpose("recommendations").models.train(
        mega, ContentTFIDF(text=("text",), event="view")),
    "items": lambda: as_("operator").admin.load_items(
        [{"item": f"i{n}", "text": mega} for n in range(100)]),
    "request": lambda: desk.rights.erase("ada", request=mega),
    "export": lambda: ada.rights.export("/tmp/" + mega),
}
rows = {
    "row's id": {"who": huge}, "row's item": {"item": mega}, "row's number": {"quantity": huge},
    "row's digits": {"value": digits}, "row's depth": {"order": deep},
}
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for warm in ({"order": "x"}, {"quantity": "x"}):
    bought(**warm)
try: web.features(["recency"])
except privet.PrivetError: pass
limit = int(Path("/proc/self/statm").read_text().split()[0]) * 4096 + (512 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before, told = peak(), {}
for name, act in acts.items():
    began = time.perf_counter()
    try: act(); told[name] = ["taken", 0, 0]
    except privet.PrivetError as error:
        told[name] = [error.reason, time.perf_counter() - began, len(str(error))]
for name, row in rows.items():
    began = time.perf_counter()
    report = bought(**row)
    told[name] = [",".join(report.reasons()), time.perf_counter() - began, report.sealed]
kept = ada.rights.access()
print(json.dumps({"told": told, "grown": peak() - before,
    "orders": sorted(r["order"] for r in kept["events"]["purchase"]),
    "newsletter": ada.consent.state()["newsletter"], "items": len(shop.catalogue.ids)}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("oversize")
    script = root / "child.py"
    script.write_text(CHILD)
    done = subprocess.run(
        [sys.executable, script, root], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_whatever_is_too_large_is_refused_typed_and_at_once(told: dict[str, Any]) -> None:
    assert len(told["told"]) == 30
    for name, (reason, seconds, said) in told["told"].items():
        assert reason != "taken", name
        assert reason, name
        assert seconds < SECONDS, name
        assert said < 1000, name


def test_nothing_too_large_is_taken_up_whole(told: dict[str, Any]) -> None:
    assert told["grown"] < GROWTH_KB


def test_nothing_too_large_is_kept(told: dict[str, Any]) -> None:
    assert told["orders"] == ["o", "x"]
    assert told["newsletter"] == "none"
    assert told["items"] == 0


# --- documents, settings and keys ----------------------------------------------------------------

POLICY = load("pack:shop").documents["policy"]
BOMB = "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10 if n else ['x'] * 10)}]\n" for n in range(10)
)
DOCUMENTS = {
    "long": POLICY + "# " + "x" * (32 << 20),
    "deep": POLICY + "\nzz: " + "[" * 100_000 + "]" * 100_000 + "\n",
    "wide": POLICY + "".join(f"\nk{n}: 1" for n in range(100_000)),
    "a bomb": POLICY + "\n" + BOMB,
    "a long name": POLICY.replace("name: shop", "name: " + "s" * (1 << 20)),
    "a long number": POLICY.replace("retention: 2y", f"retention: {'9' * 5000}y"),
    "long text": POLICY.replace("text: Take", "text: " + "Take" * (1 << 20)),
}


@pytest.mark.parametrize("how", DOCUMENTS)
def test_a_document_that_is_too_large_is_refused_at_once(tmp_path: Path, how: str) -> None:
    (tmp_path / "policy.yaml").write_text(DOCUMENTS[how])
    (tmp_path / "data.yaml").write_text(load("pack:shop").documents["data"])
    began = time.perf_counter()
    with pytest.raises(privet.PolicyError) as caught:
        privet.open(tmp_path / "home", policy=tmp_path)
    # Where twenty thousand entries are read before they are too many.
    assert time.perf_counter() - began < SECONDS * 5
    assert len(str(caught.value)) < 2000
    assert len(json.dumps(caught.value.to_json())) < 1 << 20
    assert not (tmp_path / "home").exists()


def test_a_key_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    deployment(tmp_path).close()
    (key,) = (tmp_path / "home" / "keyring").iterdir()
    os.truncate(key, 1 << 40)  # sparse
    began = time.perf_counter()
    with pytest.raises(privet.KeyUnavailable) as caught:
        deployment(tmp_path)
    assert caught.value.reason == "key.malformed"
    assert time.perf_counter() - began < SECONDS


def test_settings_are_not_read_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "privet.toml").touch()
    os.truncate(tmp_path / "privet.toml", 1 << 40)
    with pytest.raises(privet.InvalidInput) as caught:
        privet.open()
    assert caught.value.reason == "settings.file"


# --- the same, many times ------------------------------------------------------------------------


def test_a_withdrawal_named_many_times_is_one(tmp_path: Path) -> None:
    with deployment(tmp_path) as shop:
        ada = agrees(shop, "ada", "recommendations")
        size = shop._parts.log.size()
        ada.consent.withdraw(*["recommendations"] * 10_000)
        assert shop._parts.log.size() - size < 10
        assert ada.consent.state()["recommendations"] == "withdrawn"


def test_a_feature_named_many_times_is_worked_out_once(tmp_path: Path) -> None:
    with deployment(tmp_path, "pack:grocery") as shop:
        agrees(shop, "ada", "segmentation")
        trainer = shop.principal("t", roles=["trainer"]).purpose("segmentation")
        began = time.perf_counter()
        frame = trainer.features(["monetary"] * 100_000, subjects=["ada"])
        assert list(frame.columns) == ["monetary"]
        assert time.perf_counter() - began < SECONDS
