# ruff: noqa: E501 (rules stand as an author would write them)
"""Dynamic separation of duty at the gate: what somebody did in one role bars her in another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pandas as pd
import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, IntegrityError
from privet.gate import artifact, duty
from privet.policy import load
from privet.recommend import Popularity

APART = """\
separate:
  - {roles: [clerk, decider], within: subject}
  - {roles: [trainer, approver], within: 30d}
  - {roles: [storefront, operator], within: session}
  - {roles: [learner, server], within: version}
"""
ROLES = """\
roles:
  learner: {inherits: [trainer]}
  server: {}
  clerk: {}
  decider: {}
  approver: {}
  junior: {inherits: [clerk]}
  head: {inherits: [trainer, approver, junior, decider]}
"""
PERMITS = """\
permits:
  - {id: approve, role: approver, for: recommendations, may: [evaluate, serve], fields: [purchase.item, purchase.order, purchase.quantity, view.*]}
  - {id: put, role: server, for: recommendations, may: [evaluate, serve], fields: [purchase.item, purchase.order, purchase.quantity, view.*]}
  - {id: note, role: clerk, for: "privet:consent", may: [object]}
  - {id: weigh, role: decider, for: "privet:consent", may: [read, restrict]}
  - {id: call, role: clerk, for: counts, may: [read], fields: [profile.email]}
  - {id: check, role: decider, for: counts, may: [read], fields: [profile.email]}
"""
COUNTS = """\
  counts:
    text: Count what is sold.
    basis: {legitimate-interest: LIA-1}
    reuses: {orders: {assessment: CA-1}}
    retention: 1y
"""
EDITS = (
    ("\nroles:\n", f"\n{COUNTS}\n{ROLES}"),
    ("permits:\n", f"{APART}{PERMITS}"),
    ("assessments:\n", "assessments:\n  LIA-1: {is: legitimate-interest, text: Counts of many.}\n"),
)


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    texts = load("pack:shop").documents
    policy = texts["policy"]
    for old, new in EDITS:
        assert old in policy
        policy = policy.replace(old, new, 1)
    for name, text in {**texts, "policy": policy}.items():
        if "/" not in name:
            (tmp_path / f"{name}.yaml").write_text(text)
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        where, policy=tmp_path / "policy.yaml", keyring=keyring, clock=clock, sync="OFF"
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        till = opened.principal("till", roles=["storefront"])
        for person in ("ada", "bob"):
            till.consent.begin(person, "orders")
            till.purpose("orders").describe(person, email=f"{person}@example.com")
        yield opened


def acting(shop: Deployment, name: str, *roles: str) -> Any:
    return shop.principal(name, roles=roles)


def barred(call: Any, reason: str = "role.duty") -> None:
    with pytest.raises(AccessDenied) as refused:
        call()
    assert refused.value.reason == reason


def objects(principal: Any, person: str = "ada") -> None:
    principal.consent.object(person, "counts", channel="letter", evidence="scan")


def overrules(principal: Any, person: str = "ada") -> None:
    principal.consent.overrule(person, "counts", reason="compelling")


def test_who_wrote_an_objection_down_does_not_decide_it(shop: Deployment) -> None:
    objects(acting(shop, "anna", "clerk"))
    objects(acting(shop, "bert", "clerk"), "bob")
    barred(lambda: overrules(acting(shop, "anna", "decider")))
    overrules(acting(shop, "anna", "decider"), "bob")  # she wrote that of nobody else down
    overrules(acting(shop, "bert", "decider"))
    barred(lambda: objects(acting(shop, "anna", "clerk"), "bob"))
    denials = [
        body for _, body in shop._parts.log.leaves(0, 10_000) if body.get("reason") == "role.duty"
    ]
    assert len(denials) == 2


def test_who_imported_an_objection_does_not_decide_it(shop: Deployment, clock: Any) -> None:
    at = clock.now()
    rows = {"subject": ["ada", "eve"], "purpose": "counts", "kind": "objected", "at": at}
    said = {"notice": "", "channel": "crm", "evidence": "export 7"}
    acting(shop, "anna", "clerk").consent.load(pd.DataFrame(rows), **said)
    for person in ("ada", "eve"):  # she was known already, and was not
        barred(lambda person=person: overrules(acting(shop, "anna", "decider"), person))
        overrules(acting(shop, "bert", "decider"), person)


def test_what_is_inherited_counts_as_well(shop: Deployment) -> None:
    objects(acting(shop, "anna", "junior"))
    barred(lambda: overrules(acting(shop, "anna", "head").acting("decider")))
    overrules(acting(shop, "dora", "head").acting("decider"))
    barred(lambda: objects(acting(shop, "dora", "junior")))


def test_roles_of_one_group_are_held_and_not_used_at_a_time(shop: Deployment) -> None:
    head = acting(shop, "dora", "head")
    barred(lambda: overrules(head), "role.together")
    both = acting(shop, "till", "storefront", "operator")
    barred(lambda: both.purpose("orders").profile("ada", "email"), "role.together")
    assert both.acting("storefront").purpose("orders").profile("ada", "email")
    both.acting("operator").admin.stored()  # another session: no history in this group
    barred(lambda: both.acting("auditor"), "role.unheld")
    barred(lambda: both.acting("storefront").acting("operator"), "role.unheld")
    barred(both.acting, "role.unknown")
    barred(lambda: both.acting("self"), "role.reserved")


def test_a_read_of_one_person_bars_another_role_about_her(shop: Deployment) -> None:
    assert acting(shop, "anna", "clerk").purpose("counts").profile("ada", "email")
    decider = acting(shop, "anna", "decider").purpose("counts")
    barred(lambda: decider.profile("ada", "email"))
    assert decider.profile("bob", "email")


def agree(shop: Deployment) -> None:
    """Six people agree and look at a kettle: enough to learn from."""
    till = acting(shop, "till", "storefront")
    for n in range(6):
        person = f"p{n}"
        till.consent.begin(person, "orders")
        own = shop.subject(person, proof="t").consent
        own.answer({"recommendations": True}, notice="n", how="web")
        till.purpose("recommendations").record(person, "view", event_id=person, item="kettle")


def models(shop: Deployment, name: str, role: str) -> Any:
    return acting(shop, name, role).purpose("recommendations").models


def test_who_trained_does_not_serve_until_the_time_is_over(shop: Deployment, clock: Any) -> None:
    agree(shop)
    version = models(shop, "anna", "trainer").train("popular", Popularity())
    serve = models(shop, "anna", "approver").serve
    barred(lambda: serve(version))
    clock.advance(timedelta(days=30))
    barred(lambda: serve(version))  # to the hour
    models(shop, "bert", "approver").serve(version)
    barred(lambda: models(shop, "bert", "trainer").train("popular", Popularity()))
    clock.advance(timedelta(hours=1))
    serve(version)


def test_who_trained_a_version_serves_others_alone(shop: Deployment, clock: Any) -> None:
    agree(shop)
    hers = models(shop, "anna", "learner").train("popular", Popularity())
    other = models(shop, "bert", "learner").train("popular", Popularity())
    barred(lambda: models(shop, "anna", "server").serve(hers))
    models(shop, "bert", "server").serve(hers)  # he trained another one
    clock.advance(timedelta(days=400))  # for good
    anna = acting(shop, "anna", "server")._caller
    barred(lambda: artifact.evaluated(shop._parts, anna, hers, {}))
    barred(lambda: models(shop, "bert", "server").serve(other))
    models(shop, "anna", "server").serve(other)


def test_two_requests_at_once_of_one_person_do_not_both_pass(shop: Deployment) -> None:
    (sno,) = shop._parts.subjects.find(["ada"])
    for n in range(5):
        start = Barrier(2)

        def one(role: str, name: str = f"anna-{n}", start: Barrier = start) -> bool:
            caller = acting(shop, name, role)._caller
            start.wait()
            return duty.perform(shop._parts, caller, [int(sno or 0)]) is None

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(one, ["clerk", "decider"])) == [False, True]


def test_a_request_about_too_many_at_once_is_refused(shop: Deployment) -> None:
    caller = acting(shop, "anna", "clerk")._caller
    assert duty.perform(shop._parts, caller, range(1, duty.MOST + 1)) is None
    assert duty.perform(shop._parts, caller, range(1, duty.MOST + 2)) is not None


FORGED = ("at = at - 9999999999999", "mac = {empty}", "role = 'clerk/999'")


def test_a_forged_past_is_noticed(shop: Deployment) -> None:
    empty = "''" if shop._parts.home.data.dialect == "sqlite" else "'\\x00'"
    (sno,) = shop._parts.subjects.find(["ada"])
    for n, forged in enumerate(FORGED):
        name = f"anna-{n}"
        caller = acting(shop, name, "clerk")._caller
        assert duty.perform(shop._parts, caller, [int(sno or 0)]) is None
        with shop._parts.home.data.write() as tx:
            tx.run(
                f"UPDATE duty SET {forged.format(empty=empty)} WHERE role = ? AND who = ?",
                (f"clerk/{sno}", caller.pseudonym),
            )
        if forged.startswith("role"):  # a row that was moved is believed nowhere
            with shop._parts.home.data.read() as tx, pytest.raises(IntegrityError):
                duty._bars(tx, shop._parts, shop.policy.duties[0], caller.pseudonym, "clerk/999", 0)
        else:
            with pytest.raises(IntegrityError):
                overrules(acting(shop, name, "decider"))


def test_an_erasure_drops_what_was_noted_about_her(shop: Deployment) -> None:
    objects(acting(shop, "anna", "clerk"))
    objects(acting(shop, "anna", "clerk"), "bob")
    (sno,) = shop._parts.subjects.find(["ada"])
    acting(shop, "desk", "privacy-desk").rights.erase("ada")
    with shop._parts.home.data.read() as tx:
        keys = {str(row[0]) for row in tx.all("SELECT role FROM duty")}
    assert f"clerk/{sno}" not in keys
    assert len([key for key in keys if key.startswith("clerk/")]) == 1


def test_another_process_of_the_same_person_is_bound_too(
    shop: Deployment, where: str, tmp_path: Path, clock: Any
) -> None:
    objects(acting(shop, "anna", "clerk"))
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(where, keyring=keyring, clock=clock, sync="OFF") as other:
        barred(lambda: overrules(acting(other, "anna", "decider")))
