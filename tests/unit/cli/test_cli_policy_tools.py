# ruff: noqa: E501 (commands and edits stand as they are written)
"""``privet policy diff|lint|test``: text for people, one JSON value for programs, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from privet.policy import load


def copied(*edits: tuple[str, str], pack: str = "shop", into: str = "mine") -> str:
    """A pack's documents in a directory, after edits of its policy document."""
    texts = load(f"pack:{pack}").documents
    policy = texts["policy"]
    for old, new in edits:
        assert old in policy
        policy = policy.replace(old, new, 1)
    Path(into).mkdir()
    Path(into, "data.yaml").write_text(texts["data"])
    Path(into, "policy.yaml").write_text(policy)
    return into


LONGER = ("retention: 2y", "retention: 3y")


def test_diff_of_the_same_says_so_with_code_zero(cli):
    ended = cli("policy", "diff", "pack:shop", copied(("retention: 2y", "retention: 24mo")))
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "both mean the same")


def test_diff_says_what_changes_and_has_code_one(cli):
    mine = copied(LONGER)
    ended = cli("policy", "diff", "pack:shop", mine)
    assert ended.code == 1
    assert "~ the purpose orders is kept for 36mo, before 24mo" in ended.out
    told = cli("policy", "diff", "pack:shop", mine, "--json")
    assert (told.code, told.json["same"]) == (1, False)
    (change,) = told.json["changes"]
    assert change["key"] == ["retention"]
    assert (change["before"], change["after"]) == ("24mo", "36mo")
    assert told.json["resealing"] == []


def test_diff_takes_the_active_policy_of_the_home(shop):
    assert shop("policy", "diff", "home:", "pack:shop").code == 0
    assert shop("policy", "diff", "home:", copied(LONGER)).code == 1


@pytest.mark.parametrize("wrong", [("pack:none", "pack:shop"), ("pack:shop", "nowhere.yaml")])
def test_diff_of_what_is_no_policy_is_bad_input(cli, wrong):
    assert cli("policy", "diff", *wrong).code == 2


def test_lint_names_place_what_and_fix(cli):
    mine = copied(("  trainer: {}", "  trainer: {}\n  guest: {}"))
    ended = cli("policy", "lint", mine)
    assert ended.code == 1
    (line,) = [text for text in ended.out.splitlines() if "role.idle" in text]
    assert line.startswith("policy.yaml:")
    assert line.endswith("Give it a permit, or remove it.")
    told = cli("policy", "lint", mine, "--json").json
    keys = {"code", "name", "what", "fix", "file", "line", "column"}
    assert all(finding.keys() == keys for finding in told["findings"])
    assert told["ok"] is False


def test_coverage_is_told_and_may_fail(cli):
    plain = cli("policy", "test", "pack:shop", "--json")
    assert (plain.code, "coverage" in plain.json) == (0, False)
    told = cli("policy", "test", "pack:shop", "--coverage", "--json").json["coverage"]
    assert set(told["untouched"]) == {"permits", "denies", "purposes"}
    share = round(100 * told["share"])
    shown = cli("policy", "test", "pack:shop", "--coverage")
    assert f"tests touch {share}% of permits" in shown.out
    gone = copied(
        (
            "- {id: begin-contract,",
            '- {id: operate-too, role: auditor, for: "privet:administration", may: [administer]}\n  - {id: begin-contract,',
        )
    )
    short = cli("policy", "test", gone, "--fail-under", "100", "--json")
    assert (short.code, short.json["ok"], short.json["failed"]) == (1, False, 0)
    assert "operate-too" in short.json["coverage"]["untouched"]["permits"]
    assert cli("policy", "test", "pack:shop", "--fail-under", "0").code == 0


def test_diff_counts_in_the_home_what_must_be_sealed_anew(shop):
    Path("orders.csv").write_text(
        "order,who,item,quantity,value,at\n"
        "o1,ada,kettle,1,39.90,2026-03-01T10:00:00Z\no1,ada,lamp,1,5.00,2026-03-01T10:00:00Z\n"
    )
    maps = ("order", "who=subject", "item", "quantity", "value", "at")
    what = ("--event", "purchase", "--purpose", "orders", *(f"--map={name}" for name in maps))
    assert shop("ingest", "orders.csv", *what, "--json").json["sealed"] == 2
    held = load("pack:shop").purposes["orders"].hold.fields
    assert "purchase.quantity" in held
    mine = copied((", purchase.quantity, ", ", "))
    told = shop("policy", "diff", "home:", mine, "--count", "--json").json
    (moved,) = [part for part in told["resealing"] if part["because"] == "domain"]
    assert (moved["columns"], moved["rows"]) == (["quantity"], 2)
    assert moved["cells"] >= 1
    assert "2 rows in" in shop("policy", "diff", "home:", mine, "--count").out


ASKED = ("--purpose", "recommendations", "--action", "recommend")


def test_explain_says_the_smallest_change_in_one_line(cli):
    asked = ("policy", "explain", "pack:shop", "--role", "storefront", *ASKED)
    told = cli(*asked, "--field", "purchase.value", "--json").json
    assert told["changes"][0]["line"] == "add `purchase.value` to the permit `suggest`"
    assert "`suggest`" in told["changes"][0]["line"]
    shown = cli(*asked, "--field", "purchase.value").out
    assert "smallest change: add `purchase.value` to the permit `suggest`\n" in shown
    assert "REFUSED: storefront may not recommend purchase.value for recommendations" in shown


def test_explain_of_a_person_says_what_she_lacks(cli):
    asked = (
        "policy",
        "explain",
        "pack:shop",
        "--role",
        "storefront",
        *ASKED,
        "--field",
        "view.item",
    )
    told = cli(*asked, "--contract", "orders", "--json").json
    assert told["allowed"] is False
    assert told["changes"][0]["line"] == "the person must consent to `recommendations`"
    assert cli(*asked, "--agreed", "recommendations", "--json").json["allowed"] is True
    assert (
        cli(*asked, "--agreed", "recommendations", "--restricted", "--json").json["allowed"]
        is False
    )


def test_explain_takes_circumstances_and_refuses_what_is_none(cli):
    mine = copied(
        (
            "tests:\n",
            "denies:\n  - {id: minors, text: No., for: [recommendations], when: {age_under: 16}}\ntests:\n",
        )
    )
    asked = ("policy", "explain", mine, "--role", "storefront", *ASKED, "--field", "view.item")
    unknown = cli(*asked, "--json").json
    assert (unknown["reason"], unknown["changes"][0]["kind"]) == ("age.unknown", "tell")
    assert cli(*asked, "--given", "age=17", "--json").json["allowed"] is True
    assert cli(*asked, "--given", "age=12", "--json").json["allowed"] is False
    for wrong in ("age", "age=old", "colour=red", "agreed=recommendations"):
        refused = cli(*asked, "--given", wrong, "--json")
        assert (refused.code, refused.json["error"]["reason"]) == (2, "usage")


def test_explain_draws_the_rules_as_a_tree(cli):
    asked = ("policy", "explain", "pack:shop", "--role", "storefront", *ASKED)
    drawn = cli(*asked, "--field", "purchase.value", "--tree").out
    assert "├── roles" in drawn
    assert "suggest: grants none of the fields" in drawn
    assert "follow-shop: is not for recommend, only for collect" in drawn


def test_show_writes_one_page(cli):
    ended = cli("policy", "show", "pack:shop", "--html", "shop.html")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "written: shop.html")
    assert "What each role may do for each purpose" in Path("shop.html").read_text()
    told = cli("policy", "show", "pack:shop", "--html", "again.html", "--json").json
    assert (told["html"], told["name"]) == ("again.html", "shop")
    assert cli("policy", "show", "pack:shop", "--html", "none/shop.html").code == 6


@pytest.mark.parametrize("document", ["policy", "data"])
def test_schema_prints_nothing_but_the_schema(cli, document):
    plain = cli("policy", "schema", document)
    assert plain.json == cli("policy", "schema", document, "--json").json
    assert plain.json["title"] == f"privet: {document}.yaml"
    assert cli("policy", "schema", "other").code == 2


def test_replay_of_a_home_counts_what_would_be_refused(shop):
    same = shop("policy", "replay", "pack:shop", "--since", "2026-01-01")
    assert same.code == 0
    assert "decided the same" in same.out
    desk = '{id: desk-consent, role: privacy-desk, for: "privet:consent", may: [read, withdraw]}'
    less = copied(("permits:\n", f"overrides: [desk-consent]\npermits:\n  - {desk}\n"))
    told = shop("policy", "replay", less, "--since", "2026-01-01T00:00Z", "--json")
    assert (told.code, told.json["same"] < told.json["requests"]) == (1, True)
    (change,) = [c for c in told.json["changes"] if c["action"] == "answer"]
    assert (change["outcome"], change["people"]) == ("refused", 1)
    assert change["sentence"] in shop("policy", "replay", less, "--since", "2026-01-01").out
    assert shop("policy", "replay", "pack:shop", "--since", "yesterday").code == 2


def test_unused_of_a_home_names_permits_nobody_used(shop):
    told = shop("policy", "unused", "--days", "3650", "--json").json
    assert "learn" in told["permits"]
    assert told["records"] > 0
    shown = shop("policy", "unused", "--days", "3650").out
    assert "permits that nobody used" in shown
    assert shop("policy", "unused", "--role", "storefront").code == 3
    assert shop("policy", "unused", "--days", "0").code == 2
