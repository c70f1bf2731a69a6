"""What tools tell of imported packs."""

from __future__ import annotations

from dataclasses import replace

from privet.policy import Ask, Circumstances, compile_documents, load
from privet.review import diff
from privet.review.looked import looked_at
from privet.review.page import page


def test_the_page_and_the_tree_name_the_pack_of_a_rule() -> None:
    policy = load("pack:shop")
    (pack,) = policy.imports
    assert f"imports gdpr {pack.hash[:16]}, which protects people in EEA" in page(policy)
    ask = Ask(frozenset({"auditor"}), "privet:accountability", "prove")
    tree = dict(looked_at(policy, ask, policy.decide(ask)))
    assert tree["permits of these roles for this purpose"] == ["prove of the pack gdpr: grants it"]
    assert "imports" not in page(load("pack:gdpr"))


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
