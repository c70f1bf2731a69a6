"""The life of a policy on the command line: keys, signatures, activation, history, going back."""

from __future__ import annotations

import json
from pathlib import Path

from privet.policy import load


def documents(change: tuple[str, str] = ("", "")) -> None:
    texts = load("pack:shop").documents
    Path("next").mkdir(exist_ok=True)
    Path("next/data.yaml").write_text(texts["data"])
    Path("next/policy.yaml").write_text(texts["policy"].replace(*change))


def test_two_people_sign_what_one_activates(shop):
    first = shop("policy", "history", "--json").json["activations"][0]["hash"]
    keys = {n: shop("policy", "keygen", f"{n}.pem", "--json").json["key"] for n in ("ada", "ben")}
    by = json.dumps({name: [key] for name, key in keys.items()})
    asking = f"\napprovals: {{needed: 2, by: {by}}}\ndata: data.yaml\n"
    documents(("\ndata: data.yaml\n", asking))
    refused = shop("policy", "activate", "next")
    assert refused.code == 3
    assert "approval.missing" in refused.err
    for name in keys:
        made = shop("policy", "sign", "next", "--key", f"{name}.pem", "--out", f"{name}.approval")
        assert made.code == 0
    signed = [part for name in keys for part in ("--signature", f"{name}.approval")]
    planned = shop("policy", "activate", "next", *signed, "--plan", "--json").json
    assert planned["hash"] is None
    active = shop("policy", "activate", "next", *signed, "--json").json["hash"]
    told = shop("policy", "history", "--json").json
    assert [one["hash"] for one in told["activations"]] == [first, active]
    assert told["activations"][1]["approvals"] == ["ada", "ben"]
    assert told["place"].endswith(f"/{told['activations'][1]['record']}")
    # Back again needs them as well; a signature without a home is for the place that is told.
    back = f"home:{first}"
    assert "approval.missing" in shop("policy", "activate", back).err
    for name in keys:
        shop("policy", "sign", back, "--key", f"{name}.pem", "--out", f"{name}.approval")
    assert shop("policy", "activate", back, *signed, "--loosens").code == 0


def test_a_signature_without_a_home(cli):
    documents()
    shop_place = "privet.dev/" + "0" * 32 + "/7"
    cli("policy", "keygen", "ada.pem")
    made = cli("policy", "sign", "next", "--key", "ada.pem", "--for", shop_place, "--json").json
    assert made["place"] == shop_place
    assert json.loads(made["approval"])["policy"] == load("next").hash


def test_a_version_is_named_wherever_a_policy_is(shop):
    first = shop("policy", "history", "--json").json["activations"][0]["hash"]
    documents(("privacy@example.com", "privacy@example.org"))
    shop("policy", "activate", "next")
    found = shop("policy", "diff", f"home:{first[:16]}", "home:", "--json").json
    assert [change["kind"] for change in found["changes"]] == ["changed"]
    shown = shop("policy", "show", f"home:{first}", "--json")
    assert shown.code == 0
    assert shop("policy", "show", "home:0000000000000000").code == 2


def test_a_cut_document_is_refused_until_it_is_meant(shop):
    documents()
    shop("policy", "activate", "next")
    text = Path("next/policy.yaml").read_text()
    lines = text.splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("    hold:"))
    until = next(i for i in range(at + 1, len(lines)) if not lines[i].startswith("      "))
    Path("next/policy.yaml").write_text("".join(lines[:at] + lines[until:]))
    refused = shop("policy", "activate", "next")
    assert (refused.code, "policy.cut" in refused.err) == (2, True)
    assert shop("policy", "activate", "next", "--loosens").code == 0
