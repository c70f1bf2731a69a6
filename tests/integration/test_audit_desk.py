"""What those who answer for the processing ask of the log: figures, incidents, proofs."""

from __future__ import annotations

import base64
import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.audit import merkle, sets
from privet.audit.cells import plain
from privet.audit.checkpoint import Verifier


@pytest.fixture
def life(shop: privet.Deployment, clock: Any) -> privet.Deployment:
    """Ada agreed and looked at things; Bob said no; somebody asked for what she may not."""
    shop.subject("ada", proof="t").consent.answer({"recommendations": True}, notice="1", how="w")
    shop.subject("bob", proof="t").consent.answer({"recommendations": False}, notice="1", how="w")
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    for n in range(3):
        web.record("ada", "view", event_id=f"{n}", item="kettle")
    clock.advance(timedelta(days=1))
    with pytest.raises(privet.ConsentMissing):
        web.record("bob", "view", event_id="4", item="kettle")
    with pytest.raises(privet.AccessDenied):
        shop.principal("eve", roles=["trainer"]).rights.access("ada")
    return shop


def desk(shop: privet.Deployment) -> privet.AuditDesk:
    return shop.principal("inspector", roles=["auditor"]).audit


def test_every_question_needs_a_permit_and_leaves_a_record(
    life: privet.Deployment, clock: Any, tmp_path: Path
) -> None:
    start = clock.now() - timedelta(days=9)
    questions: list[Any] = [
        lambda d: d.stats(since=start),
        lambda d: d.principals(since=start),
        lambda d: d.scope(since=start, principal="web"),
        lambda d: d.key_scope(1),
        lambda d: d.tail(1),
        lambda d: next(d.follow()),
        lambda d: d.prove(1),
        lambda d: d.prove_history("ada"),
        lambda d: d.pseudonym("web"),
        lambda d: d.export(tmp_path / "x", form="csv"),
    ]
    for ask in questions:
        size = life._parts.log.size()
        ask(desk(life))
        assert life._parts.log.size() > size
        size = life._parts.log.size()
        with pytest.raises(privet.AccessDenied):
            ask(life.principal("web", roles=["storefront"]).audit)
        assert life._parts.log.size() == size + 1  # the refusal


def test_figures_count_who_has_no_ground_and_name_nobody(
    life: privet.Deployment, clock: Any
) -> None:
    found = desk(life).stats(since=clock.now() - timedelta(days=9))
    assert (found.without_ground, found.refused) == (1, 2)
    (missing,) = [f for f in found.figures if f.reason.startswith("ground.")]
    assert (missing.day, missing.requests) == ("2026-03-03", 1)
    assert sum(f.requests for f in found.figures) == found.records
    assert desk(life).stats(since=clock.now()).figures[0].day == "2026-03-03"


def test_principals_are_pseudonyms_that_only_their_names_lead_to(
    life: privet.Deployment, clock: Any
) -> None:
    found = {one.who: one for one in desk(life).principals(since=clock.now() - timedelta(days=9))}
    web = found[desk(life).pseudonym("web")]
    assert (web.roles, web.requests, web.refused) == (("storefront",), 4, 1)
    assert "web" not in repr(found).replace("recommendations", "")
    assert desk(life).pseudonym("webb") not in found


def test_the_scope_of_a_credential_is_what_its_records_are_about(
    life: privet.Deployment, clock: Any
) -> None:
    since = clock.now() - timedelta(days=9)
    found = desk(life).scope(since=since, principal="web")
    assert (found.records, found.people, found.people_at_most) == (4, 1, 2)
    assert found.categories == {"behaviour": 1}
    (reached,) = found.reached
    assert (reached.purpose, reached.requests) == ("recommendations", 3)
    assert "suggest" in {p.permit for p in found.permitted}
    later = desk(life).scope(since=since, until=since + timedelta(days=1), principal="web")
    assert (later.records, later.people, later.permitted) == (0, 0, ())
    unused = desk(life).scope(since=since, principal="nobody yet", role="storefront")
    assert (unused.records, {p.permit for p in found.permitted}) == (
        0,
        {p.permit for p in unused.permitted},
    )
    with pytest.raises(privet.InvalidInput):
        desk(life).scope(since=since)


def test_the_scope_of_a_key_is_who_has_one_under_it(life: privet.Deployment) -> None:
    found = desk(life).key_scope(1)
    assert found.people == 2
    assert {d.domain: d.people for d in found.domains}["recommendations"] == 1
    with pytest.raises(privet.InvalidInput) as refusal:
        desk(life).key_scope(99)
    assert refusal.value.reason == "epoch.unknown"


def test_who_follows_sees_what_comes_and_is_no_part_of_it(life: privet.Deployment) -> None:
    steps = desk(life).follow()
    assert next(steps) == []
    life.principal("web", roles=["storefront"]).purpose("recommendations").record(
        "ada", "view", event_id="9", item="lamp"
    )
    (seen,) = next(steps)
    assert (seen["kind"], seen["purpose"]) == ("write", "recommendations")
    assert next(steps) == []
    assert [r.get("task") for r in desk(life).tail(2)] == ["tail", None]


def test_a_history_proves_each_record_and_names_nobody_else(
    life: privet.Deployment,
) -> None:
    told = json.loads(desk(life).prove_history("ada"))
    head = Verifier.parse(told["vkey"]).open(told["checkpoint"].encode())
    seqs = []
    for one in told["records"]:
        body = base64.b64decode(one["record"])
        path = [bytes.fromhex(h) for h in one["hashes"]]
        leaf = merkle.leaf_hash(body)
        assert merkle.verify_inclusion(one["index"], head.size, leaf, path, head.root)
        assert sets.contains(json.loads(body)["set"], told["subject"])
        seqs.append(one["index"])
    assert seqs == [r["seq"] for r in desk(life).history("ada")][: len(seqs)]


def test_choices_are_told_by_their_names_and_not_by_their_words(
    life: privet.Deployment, tmp_path: Path
) -> None:
    desk(life).export(tmp_path / "a", form="csv", purpose="canary-purpose", subject="ada")
    newest = desk(life).tail(1)[0]
    assert (newest["by"], newest["form"]) == (["purpose", "subject"], "csv")
    assert "canary" not in json.dumps(desk(life).tail(50))


def test_an_export_by_name_is_one_by_pseudonym(life: privet.Deployment, tmp_path: Path) -> None:
    found = []
    for n, who in enumerate(("web", desk(life).pseudonym("web"))):
        report = desk(life).export(tmp_path / f"{n}", form="csv", principal=who)
        with report.file.open(newline="", encoding="utf-8") as file:
            found.append([plain(row["index"]) for row in csv.DictReader(file)])
    assert found[0] == found[1] != []


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"form": "xlsx"}, "export.form"),
        ({"form": "tiles", "purpose": "orders"}, "export.whole"),
        ({"form": "csv", "decision": "maybe"}, "export.decision"),
        ({"form": "csv", "purpose": ""}, "id.length"),
        ({"form": "csv", "since": 3}, "argument.type"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    life: privet.Deployment, tmp_path: Path, asked: Any, reason: str
) -> None:
    with pytest.raises(privet.InvalidInput) as refusal:
        desk(life).export(tmp_path / "out", **asked)
    assert refusal.value.reason == reason


def test_a_period_that_ends_before_it_begins_is_refused(
    life: privet.Deployment, clock: Any, tmp_path: Path
) -> None:
    now = clock.now()
    with pytest.raises(privet.InvalidInput) as refusal:
        desk(life).export(tmp_path, form="csv", since=now, until=now - timedelta(days=1))
    assert refusal.value.reason == "export.period"


def test_all_of_it_works_on_either_home(where: str, clock: Any, tmp_path: Path) -> None:
    ring = f"file:{tmp_path / 'ring'}"
    with privet.open(where, policy="pack:shop", keyring=ring, clock=clock, sync="OFF") as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        answer = shop.subject("ada", proof="t").consent.answer
        answer({"recommendations": True}, notice="1", how="w")
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        web.record("ada", "view", event_id="1", item="kettle")
        since = clock.now() - timedelta(days=1)
        assert desk(shop).stats(since=since).records > 5
        assert desk(shop).principals(since=since)
        assert desk(shop).scope(since=since, principal="web").people == 1
        assert desk(shop).key_scope(1).people == 1
        assert len(desk(shop).tail(3)) == 3
        forms: list[Any] = ["tiles", "jsonl", "csv", "parquet"]
        for form in forms:
            assert desk(shop).export(tmp_path / form, form=form).records > 5
        told = json.loads(desk(shop).prove_history("ada"))
        assert told["records"]
