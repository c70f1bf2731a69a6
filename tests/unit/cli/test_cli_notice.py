"""``privet notice``: added, listed, shown, and checked against what the policy permits."""

from __future__ import annotations

from pathlib import Path

from privet.notices import load_notice

SHOP = load_notice("pack:shop")


def test_a_notice_is_added_once_and_listed(shop):
    empty = shop("notice", "list", "--json").json
    assert empty == {"mode": "elsewhere", "notices": []}
    added = shop("notice", "add", "pack:shop", "--json")
    assert added.code == 0, added.err
    assert (added.json["notice"], added.json["new"]) == (SHOP.hash, True)
    assert not shop("notice", "add", "pack:shop", "--json").json["new"]
    told = shop("notice", "list", "--json").json
    assert told["mode"] == "kept"
    assert [(n["label"], n["live"], n["lapses"]) for n in told["notices"]] == [
        ("shop/2026-11/en", True, None)
    ]
    assert "shop/2026-11/en" in shop("notice", "list").out


def test_a_notice_is_shown_by_hash_and_by_label(shop):
    shop("notice", "add", "pack:shop")
    by_hash = shop("notice", "show", SHOP.hash, "--json").json
    assert by_hash == shop("notice", "show", "shop/2026-11/en", "--json").json
    assert by_hash["shown"] == SHOP.shown
    assert by_hash["purposes"]["newsletter"]["recipients"] == ["mailer"]
    assert "( ) Yes, please" in shop("notice", "show", "shop/2026-11/en").out
    assert shop("notice", "show", "nothing").code == 2


def test_the_command_line_answers_to_a_live_notice(shop):
    shop("notice", "add", "pack:shop")
    given = ("consent", "answer", "bob", "--yes", "newsletter", "--channel", "c", "--evidence", "e")
    refused = shop(*given, "--notice", "old code", "--json")
    assert (refused.code, refused.json["error"]["reason"]) == (2, "notice.unknown")
    assert shop(*given, "--notice", "shop/2026-11/en").code == 0


def test_a_receipt_is_written_for_the_person_and_verified(shop):
    shop("notice", "add", "pack:shop")
    given = ("consent", "answer", "bob", "--yes", "newsletter", "--channel", "c", "--evidence", "e")
    named = (*given, "--notice", "shop/2026-11/en")
    assert shop(*named, "--receipt", "bob.json").code == 0
    assert Path("bob.json").stat().st_mode & 0o777 == 0o600
    ended = shop("consent", "verify", "bob.json", "--json")
    assert (ended.code, ended.json["ok"]) == (0, True)
    assert shop(*named, "--receipt", "bob.json").code == 6  # never over another file
    away = ("consent", "withdraw", "bob", "newsletter", "--evidence", "call")
    assert shop(*away, "--receipt", "away.json").code == 0
    text = Path("away.json").read_text()
    assert "dpv:ConsentWithdrawn" in text
    Path("away.json").write_text(text.replace("Withdrawn", "Given"))
    assert shop("consent", "verify", "away.json").code == 5


def test_renew_counts_and_lists(shop):
    shop("notice", "add", "pack:shop")
    assert shop("consent", "renew", "--within", "400", "--json").json["renewals"] == [
        {
            "purpose": purpose,
            "notices": ["shop/2026-11/en"],
            "lapsed": 0,
            "lapsing": lapsing,
            "material": 0,
            "weeks": weeks,
        }
        for purpose, lapsing, weeks in _renewals(shop)
    ]
    listed = shop("consent", "renew", "recommendations", "--within", "400", "--list", "--json")
    assert listed.json == {"people": ["ada"]}
    assert "1 in the week of" in shop("consent", "renew", "--within", "400").out
    assert shop("consent", "renew", "--list").code == 2
    assert shop("consent", "renew", "--role", "storefront").code == 3


def _renewals(shop):
    found = shop("consent", "renew", "recommendations", "--within", "400", "--json").json
    (weeks,) = [r["weeks"] for r in found["renewals"]]
    assert sum(weeks.values()) == 1
    return (("recommendations", 1, weeks), ("newsletter", 0, {}))


def test_check_says_what_is_not_told_and_where(cli, tmp_path: Path):
    path = tmp_path / "n.md"
    path.write_text(SHOP.document.replace("[mailer]", "[]"), encoding="utf-8")
    ended = cli("notice", "check", str(path), "--policy", "pack:shop", "--json")
    assert (ended.code, ended.json["ok"]) == (2, False)
    (problem,) = ended.json["problems"]
    line = 1 + path.read_text().split("\n").index("    recipients: []")
    assert (problem["file"], problem["line"]) == ("n.md", line)
    assert "`mailer`" in problem["what"]
    assert "n.md" in cli("notice", "check", str(path), "--policy", "pack:shop").out
    assert cli("notice", "check", "pack:shop", "--policy", "pack:shop").code == 0
    assert cli("notice", "check", "missing.md", "--policy", "pack:shop").code == 2


def test_check_of_a_home_compares_its_live_notices(shop):
    bare = shop("notice", "check", "--json")
    assert (bare.code, len(bare.json["problems"])) == (2, 3)  # nobody was told of anything
    assert shop("doctor", "--json").code == 0  # texts that are kept elsewhere are no fault
    shop("notice", "add", "pack:shop")
    assert shop("notice", "check").code == 0


def test_the_doctor_tells_of_a_policy_that_outgrew_its_notices(shop, tmp_path: Path):
    shop("notice", "add", "pack:shop")
    from privet.policy import load

    wider = tmp_path / "wider"
    wider.mkdir()
    for name, text in load("pack:shop").documents.items():
        (wider / f"{name}.yaml").write_text(text.replace("retention: 13mo", "retention: 14mo"))
    assert shop("policy", "activate", str(wider)).code == 0
    assert shop("notice", "check").code == 2
    ended = shop("doctor", "--json")
    found = {c["check"]: c for c in ended.json["checks"]}["notices"]
    assert (ended.code, found["state"]) == (1, "fail")


def test_a_childs_answer_needs_her_parent(shop):
    shop("notice", "add", "pack:shop")
    given = ("consent", "answer", "kim", "--yes", "newsletter", "--channel", "c", "--evidence", "e")
    young = (*given, "--notice", "shop/2026-11/en", "--age", "12", "--country", "DE")
    assert shop(*young, "--json").json["error"]["reason"] == "consent.child"
    assert shop(*young, "--actor", "parent").code == 0
    assert shop(*young, "--actor", "aunt").code == 2
