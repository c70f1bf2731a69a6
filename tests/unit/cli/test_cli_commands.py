"""Each command does what it says, for people and for programs."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from privet.cli import rights

ORDERS = (
    "order,who,what,number,price,when,secret\n"
    "o1,ada,kettle,1,39.90,2026-03-01T10:00:00+01:00,s\n"
    "o2,ada,lamp,2,5.005,2026-03-02T10:00:00+01:00,s\n"
    "o3,bob,lamp,1,5.00,2026-03-02T10:00:00+01:00,s\n"
)
MAPS = ("order", "who=subject", "what=item", "number=quantity", "price=value", "when=at")
LOAD = (
    *("ingest", "orders.csv", "--event", "purchase", "--purpose", "orders"),
    *(part for text in MAPS for part in ("--map", text)),
)


@pytest.fixture
def sold(shop):
    Path("orders.csv").write_text(ORDERS)
    assert shop(*LOAD).code == 0
    return shop


def test_init_says_what_was_made_and_the_next_commands(cli):
    ended = cli("init", "--home", "h", "--policy", "pack:shop")
    assert ended.code == 0
    assert ended.out.startswith("as `privet` for privet:administration in h\n")
    assert "privet doctor --home h" in ended.out
    assert stat.S_IMODE(Path("h").stat().st_mode) == 0o700


def test_the_commands_that_init_names_can_be_run(cli):
    made = cli("init", "--home", "h", "--policy", "pack:shop", "--json").json
    Path("items.csv").write_text("item\nkettle\n")
    for command in made["next"]:
        assert cli(*command.split()[1:]).code == 0, command


def test_init_of_an_existing_home_changes_nothing(shop):
    before = {p.name: p.read_bytes() for p in Path("home").glob("*.db")}
    ended = shop("init", "--policy", "pack:grocery", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (2, "home.exists")
    assert {p.name: p.read_bytes() for p in Path("home").glob("*.db")} == before


def test_init_migrates_a_home_that_is_current_without_harm(shop):
    assert shop("init", "--migrate", "--json").json["home"] == "home"
    assert shop("doctor").code == 0


def test_ingest_counts_rows_by_what_became_of_them(sold):
    again = sold(*LOAD, "--json").json
    assert (again["rows"], again["sealed"], again["repeated"], again["refused"]) == (3, 0, 1, 2)
    assert again["reasons"] == {"purchase.value:type": 1, "ground.missing": 1}


def test_ingest_writes_refused_rows_with_their_numbers_and_no_value(sold):
    ended = sold(*LOAD, "--refused", "refused.csv", "--json")
    assert ended.json["refused_file"] == "refused.csv"
    text = Path("refused.csv").read_text()
    assert text.splitlines() == ["row,reason", "2,purchase.value:type", "3,ground.missing"]
    assert stat.S_IMODE(Path("refused.csv").stat().st_mode) == 0o600


def test_ingest_never_replaces_a_file_of_refused_rows(sold):
    Path("refused.csv").write_text("mine")
    ended = sold(*LOAD, "--refused", "refused.csv", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (2, "export.path")
    assert Path("refused.csv").read_text() == "mine"


def test_columns_that_are_not_mapped_are_stored_nowhere(sold):
    kept = sold("rights", "access", "ada", "--json").json
    assert kept["events"]["purchase"][0]["value"] == "39.90"
    assert "secret" not in json.dumps(kept)


def test_a_naive_time_needs_a_zone_to_be_named(shop):
    Path("orders.csv").write_text(ORDERS.replace("+01:00", ""))
    refused = shop(*LOAD, "--json")
    assert (refused.code, refused.json["error"]["reason"]) == (2, "time.naive")
    assert shop(*LOAD, "--zone", "Europe/Berlin", "--json").json["sealed"] == 1
    kept = shop("rights", "access", "ada", "--json").json
    assert kept["events"]["purchase"][0]["at"] == "2026-03-01T09:00:00Z"


def test_policy_check_names_file_line_fault_and_fix(cli, tmp_path):
    cli("init", "--home", "h", "--policy", "pack:shop")
    from privet.policy import load

    documents = load("pack:shop").documents
    Path("p").mkdir()
    Path("p/data.yaml").write_text(documents["data"])
    Path("p/policy.yaml").write_text(documents["policy"].replace("retention: 2y", "retention: 2x"))
    ended = cli("policy", "check", "p")
    assert ended.code == 2
    assert "policy.yaml:" in ended.out
    told = cli("policy", "check", "p", "--json")
    assert told.code == 2
    assert told.json["ok"] is False
    assert {"file", "line", "what", "fix"} <= told.json["problems"][0].keys()
    assert told.json["error"]["code"] == "policy.invalid"


def test_policy_check_of_a_pack_finds_no_fault(cli):
    assert cli("policy", "check", "pack:grocery", "--json").json["problems"] == []


def test_policy_test_fails_where_a_test_of_the_policy_does(cli):
    from privet.policy import load

    documents = load("pack:shop").documents
    Path("data.yaml").write_text(documents["data"])
    wrong = documents["policy"].replace(
        "fields: [purchase.*],              then: ConsentMissing",
        "fields: [purchase.*],              then: allow",
    )
    assert wrong != documents["policy"]
    Path("policy.yaml").write_text(wrong)
    ended = cli("policy", "test", "policy.yaml", "--json")
    assert (ended.code, ended.json["failed"], ended.json["ok"]) == (1, 1, False)
    assert cli("policy", "test", "pack:shop").code == 0


def test_policy_explain_answers_a_refusal_with_code_zero(cli):
    asked = ("--role", "storefront", "--purpose", "recommendations", "--action", "recommend")
    told = cli("policy", "explain", "pack:shop", *asked, "--field", "purchase.value", "--json")
    assert told.code == 0
    assert told.json["allowed"] is False
    assert told.json["refused"] == ["purchase.value"]
    shown = cli("policy", "explain", "pack:shop", *asked, "--field", "view.item")
    assert "PERMITTED" in shown.out
    assert "suggest" in shown.out


def test_policy_explain_without_a_reference_asks_the_home(shop):
    asked = ("--role", "auditor", "--purpose", "privet:accountability", "--action", "prove")
    told = shop("policy", "explain", *asked, "--json").json
    assert (told["policy"], told["allowed"]) == ("shop", True)


def test_policy_show_tells_a_lawyer_of_grounds_holds_and_permits(cli):
    shown = cli("policy", "show", "pack:grocery").out
    for text in ("Keeping of tax records", "legitimate-interest", "privacy-desk", "mailer"):
        assert text in shown
    told = cli("policy", "show", "pack:grocery", "--json").json
    assert {p["name"] for p in told["purposes"]} >= {"orders", "newsletter"}
    rules = {r["name"]: r for r in told["reveals"]}
    assert rules["health"]["special"]
    assert rules["adult"]["min_age"] == 21
    assert all(b["why"] in shown for r in rules.values() for b in r["because"])


def test_policy_activate_changes_the_active_policy(shop):
    from privet.policy import load

    documents = load("pack:shop").documents
    Path("data.yaml").write_text(documents["data"])
    Path("policy.yaml").write_text(documents["policy"].replace("retention: 13mo", "retention: 6mo"))
    active = shop("policy", "activate", "policy.yaml", "--json").json["hash"]
    assert shop("policy", "show", "--json").json["hash"] == active
    assert active != load("pack:shop").hash


def test_consent_is_shown_answered_and_withdrawn(shop):
    assert shop("consent", "show", "ada", "--json").json["purposes"] == {
        "orders": "active",
        "recommendations": "active",
        "newsletter": "none",
    }
    gone = shop("consent", "withdraw", "ada", "recommendations", "--evidence", "call", "--json")
    assert gone.json["new"] is True
    assert shop("consent", "end", "ada", "orders", "--json").json["new"] is True
    after = shop("consent", "show", "ada", "--json").json["purposes"]
    assert (after["recommendations"], after["orders"]) == ("withdrawn", "ended")


def test_recommend_says_why_a_list_is_not_personal(shop):
    told = shop("recommend", "bob", "-k", "2", "--json").json
    assert (told["personal"], len(told["picks"])) == (False, 2)
    assert told["why"]
    assert [p["rank"] for p in told["picks"]] == [1, 2]


def test_recommend_serves_a_trained_model_with_reasons(sold):
    import privet
    from privet.recommend import ContentTFIDF

    with privet.open("home") as home:
        models = home.principal("t", roles=["trainer"]).purpose("recommendations").models
        models.serve(models.train("picks", ContentTFIDF(event="purchase", text=("title",))))
    told = sold("recommend", "ada", "--unseen", "-k", "1", "--model", "picks", "--json").json
    assert told["personal"] is True
    assert told["picks"][0]["item"] == "teapot"
    assert "kettle" in told["picks"][0]["because"]


def test_audit_is_exported_verified_and_read_for_one_person(sold):
    exported = sold("audit", "export", "log", "--json").json
    assert sold("audit", "verify", "log", "--vkey", exported["vkey"], "--json").json["ok"] is True
    anchored = sold("audit", "verify", "log", "--anchor", "log/checkpoint", "--json").json
    assert anchored["notes"] == ["the key came with the input; give --vkey as you know it"]
    history = sold("audit", "history", "ada", "--json").json
    assert [r["seq"] for r in history] == sorted(r["seq"] for r in history)
    assert {"ground", "write", "access"} <= {r["kind"] for r in history}
    assert "prove" in sold("audit", "history", "ada").out


def test_audit_verify_names_the_first_bad_record(sold):
    sold("audit", "export", "log")
    bundle = next(p for p in Path("log/tile/entries").rglob("*") if p.is_file())
    data = bytearray(bundle.read_bytes())
    data[data.index(b'"policy"') + 1] ^= 1
    bundle.write_bytes(bytes(data))
    told = sold("audit", "verify", "log", "--json")
    assert (told.code, told.json["ok"]) == (5, False)
    assert told.json["first_bad"] is not None
    assert told.json["error"]["code"] == "integrity.broken"
    shown = sold("audit", "verify", "log")
    assert f"first bad record: {told.json['first_bad']}" in shown.out


def test_rights_plan_access_erase_and_verify(sold):
    plan = sold("rights", "plan", "ada", "--json").json
    assert {line["fate"] for line in plan} == {"destroyed", "held", "kept"}
    erased = sold("rights", "erase", "ada", "--yes", "--certificate", "c.json", "--json").json
    assert (erased["state"], erased["certificate"]) == ("held", "c.json")
    assert sold("rights", "verify", "c.json", "--json").json["ok"] is True
    forged = Path("c.json").read_text().replace('"held"', '"kept"', 1)
    Path("forged.json").write_text(forged)
    assert sold("rights", "verify", "forged.json").code == 5


def test_rights_access_writes_a_file_for_its_owner_alone(sold):
    assert sold("rights", "access", "ada", "--out", "ada.json", "--json").json["out"] == "ada.json"
    assert stat.S_IMODE(Path("ada.json").stat().st_mode) == 0o600
    again = sold("rights", "access", "ada", "--out", "ada.json", "--json")
    assert (again.code, again.json["error"]["reason"]) == (2, "export.path")


def test_an_erasure_without_a_certificate_path_keeps_its_certificate_anyway(sold):
    told = sold("rights", "erase", "ada", "--yes", "--json").json
    assert told["certificate"] == f"erasure-{told['receipt']}.json"
    assert Path(told["certificate"]).stat().st_size > 0


def test_an_erasure_is_refused_before_it_begins_where_its_certificate_has_no_place(sold):
    Path("c.json").write_text("mine")
    assert sold("rights", "erase", "ada", "--yes", "--certificate", "c.json").code == 2
    assert sold("recommend", "ada", "--json").json["why"] != "the subject's erasure has begun"


def test_an_erasure_asks_on_the_terminal_and_never_reads_standard_input(sold, monkeypatch):
    refused = sold("rights", "erase", "ada")
    assert refused.code == 2
    assert "confirm.missing" in refused.err
    told = sold("rights", "erase", "ada", "--json")
    assert told.json["error"]["reason"] == "confirm.missing"
    monkeypatch.setattr(rights, "_answer", lambda: "yes")
    assert sold("rights", "erase", "ada").code == 0


def test_maintain_tells_what_it_did_and_what_is_left(shop):
    told = shop("maintain", "--json").json
    assert told["failed"] == []
    assert told["epoch"] is None
    assert told["overdue"]["erasures"] == 0


def test_a_rotation_is_recorded_and_everything_still_opens(sold):
    before = {p.name for p in Path("home/keyring").iterdir()}
    assert sold("maintain", "--rotate", "--json").json["epoch"] == 2
    assert before.isdisjoint(p.name for p in Path("home/keyring").iterdir())
    assert sold("rights", "access", "ada", "--json").json["events"]["purchase"]
    sold("audit", "export", "log")
    records = [json.loads(line) for line in Path("log/records.jsonl").read_text().splitlines()]
    assert '"task": "rotation"' in json.dumps(records)


FIRST_LINES = {
    ("consent", "show", "ada"): "as `desk` (privacy-desk) for privet:consent in home",
    ("recommend", "ada"): "as `web` (storefront) for recommendations in home",
    ("rights", "plan", "ada"): "as `desk` (privacy-desk) for privet:rights in home",
    ("audit", "history", "ada"): "as `auditor` (auditor) for privet:accountability in home",
    ("maintain",): "as `privet` for privet:administration in home",
    ("doctor",): "as `privet` for privet:administration in home",
    ("policy", "show"): "as `anybody` for reading a policy in home",
    ("policy", "check", "pack:shop"): "as `anybody` for checking documents without a home",
}


@pytest.mark.parametrize("args", FIRST_LINES)
def test_the_first_line_says_as_whom_and_for_what(shop, args):
    assert shop(*args).out.splitlines()[0] == FIRST_LINES[args]
    told = shop(*args, "--json")
    assert told.err.splitlines()[0] == FIRST_LINES[args]
    assert told.json is not None


def test_the_name_and_role_given_are_those_that_act(shop):
    ended = shop("consent", "show", "ada", "--as", "ines", "--role", "privacy-desk")
    assert ended.out.startswith("as `ines` (privacy-desk) for ")
