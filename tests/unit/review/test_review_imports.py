"""What tools tell of imported packs."""

from __future__ import annotations

from dataclasses import replace

from privet.policy import Ask, Circumstances, compile_documents, load, pin
from privet.review import diff, explain
from privet.review.looked import looked_at
from privet.review.page import page
from privet.review.words import imported


def test_the_page_and_the_tree_name_the_pack_of_a_rule() -> None:
    policy = load("pack:shop")
    (pack,) = policy.imports
    assert f"imports gdpr {pack.hash[:16]}, which protects people in EEA" in page(policy)
    ask = Ask(frozenset({"auditor"}), "privet:accountability", "prove")
    tree = dict(looked_at(policy, ask, policy.decide(ask)))
    assert tree["permits of these roles for this purpose"] == ["prove of the pack gdpr: grants it"]
    assert "imports" not in page(load("pack:gdpr"))


def test_a_domain_pack_is_told_with_what_is_said_anew_of_it() -> None:
    mine = (
        "privet: policy/1\nname: mine\ndata: data.yaml\n"
        f"imports: [{pin('shop')}]\noverrides: [CA-1]\n"
        "controller: {name: Mine, contact: privacy@example.com}\n"
        "assessments: {CA-1: {is: compatibility, text: We compared it ourselves.}}\n"
    )
    shop = load("pack:shop")
    policy = compile_documents({"policy": mine, "data": shop.documents["data"]})
    gdpr, told = policy.imports
    assert imported(policy) == [
        f"imports gdpr {gdpr.hash[:16]}, which protects people in EEA",
        f"imports shop {told.hash[:16]}, and says anew CA-1",
    ]
    assert {c.detail["about"] for c in diff(shop, policy).changes} == {"policy", "purpose"}
    ask = Ask(frozenset({"storefront"}), "recommendations", "recommend", frozenset({"view.item"}))
    assert explain(policy, ask).allowed


def test_a_law_that_is_imported_or_dropped_is_told_by_what_it_changes() -> None:
    policy = load("pack:shop")
    without = replace(policy, hash="without", denies=(), imports=())
    told = [c.sentence for c in diff(policy, without).changes]
    assert told
    assert all("auditor" in line and "may now" in line for line in told)


def test_an_explanation_names_the_deny_of_a_law() -> None:
    shop = load("pack:shop")
    text = shop.documents["policy"].replace(
        "roles:\n", "roles:\n  head: {inherits: [auditor, storefront]}\n"
    )
    policy = compile_documents({**shop.documents, "policy": text})
    ask = Ask(frozenset({"head"}), "orders", "read", frozenset({"purchase.item"}))
    decision = policy.decide(ask, Circumstances(jurisdiction="DE"))
    tree = dict(looked_at(policy, ask, decision))
    (line,) = [d for d in tree["denies for this purpose"] if "refuses" in d]
    assert line.startswith("gdpr-auditor of the pack gdpr: refuses (Whoever checks")
