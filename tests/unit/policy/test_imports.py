# ruff: noqa: E501 (documents stand as an author would write them)
"""Packs composed by pinned hash: what is given, what is refused, what is told."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from privet.errors import PolicyError
from privet.policy import Ask, Circumstances, Policy, compile_documents, load, pin, run_tests
from privet.review import coverage, lint

loading = importlib.import_module("privet.policy.load")

DATA = """\
privet: data/1
subject: {is: account, id: account, age: profile.age}
timezone: Europe/Berlin
categories: {contact: {}, illness: {special: true}}
profile:
  email: {type: text, category: contact, optional: true}
  age: {type: int, category: contact, optional: true}
  allergy: {type: text, category: illness, optional: true}
"""

LAW = """\
privet: policy/1
name: NAME
data: data.yaml
IMPORTS
protects: [PLACE]
controller: {name: Example, contact: privacy@example.com}
purposes:
  news: {text: Send news., basis: consent, retention: 1y, direct_marketing: true}
roles: {staff: {}, desk: {}, auditor: {inherits: [reader]}, reader: {}}
separate: [[desk, auditor]]
permits:
  - {id: own-rights, role: self, for: "privet:rights", may: [read, erase], fields: ["*"]}
  - {id: desk-rights, role: desk, for: "privet:rights", may: [read], fields: ["*"]}
  - {id: prove, role: auditor, for: "privet:accountability", may: [prove]}
  - {id: collect-news, role: staff, for: news, may: [collect, read], fields: ["*"]}
denies:
  - {id: NAME-marketing, text: No marketing., kinds: [direct-marketing], may_not: [read]}
  - {id: NAME-illness, text: No illness., categories: [special], may_not: [read], when: {age_under: 18}}
requires:
  - {id: NAME-kept, text: Kept for a year., kinds: [direct-marketing], retention: 1y}
tests:
  - {name: people see their data, as: self, for: "privet:rights", may: read, fields: ["*"], then: allow}
  - {name: desks prove nothing, as: desk, for: "privet:accountability", may: prove, then: AccessDenied}
  - {name: news needs consent, as: staff, for: news, may: collect, fields: [profile.email], then: ConsentMissing}
"""

SHOP = """\
privet: policy/1
name: shop
data: data.yaml
imports: [IMPORTS]
controller: {name: Example, contact: privacy@example.com}
purposes:
  offers: {text: Send offers., basis: consent, retention: 6mo, direct_marketing: true}
  care: {text: Keep allergies., basis: consent, retention: 1y}
roles: {clerk: {}}
permits:
  - {id: offer, role: clerk, for: offers, may: [collect, read], fields: [profile.email, profile.age]}
  - {id: keep, role: clerk, for: care, may: [collect, read], fields: [profile.allergy]}
tests:
  - {name: offers need consent, as: clerk, for: offers, may: collect, fields: [profile.email], then: ConsentMissing}
  - {name: care needs consent, as: clerk, for: care, may: collect, fields: [profile.allergy], then: ConsentMissing}
"""


@pytest.fixture
def laws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packs: `north` protects Germany, `south` Brazil."""
    for name, place in (("north", "DE"), ("south", "BR")):
        write(
            tmp_path,
            name,
            LAW.replace("NAME", name).replace("PLACE", place).replace("IMPORTS\n", ""),
        )
    monkeypatch.setattr(loading, "PACKS", tmp_path)
    return tmp_path


def write(folder: Path, name: str, text: str, data: str = DATA) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "policy.yaml").write_text(text, encoding="utf-8")
    (folder / name / "data.yaml").write_text(data, encoding="utf-8")


def shop(*packs: str, text: str = SHOP) -> dict[str, str]:
    pins = ", ".join(f'"{p if "@" in p or ":" in p else pin(p)}"' for p in packs)
    return {"policy": text.replace("IMPORTS", pins), "data": DATA}


def faults(documents: dict[str, str]) -> list[dict[str, Any]]:
    with pytest.raises(PolicyError) as caught:
        compile_documents(documents)
    return [dict(problem) for problem in caught.value.problems]


def the_fault(documents: dict[str, str]) -> dict[str, Any]:
    (found,) = faults(documents)
    return found


def reads(policy: Policy, purpose: str, field: str, **known: Any) -> bool:
    ask = Ask(frozenset({"clerk"}), purpose, "read", frozenset({field}))
    return policy.decide(ask, Circumstances(**known)).allowed


def test_a_pack_gives_what_law_says_of_everybody(laws: Path) -> None:
    policy = compile_documents(shop("north"))
    assert set(policy.roles) == {"self", "clerk", "desk", "auditor", "reader"}  # not `staff`
    assert list(policy.permits) == ["own-rights", "desk-rights", "prove", "offer", "keep"]
    assert [deny.id for deny in policy.denies] == ["north-illness", "north-marketing"]
    assert policy.separate == (frozenset({"desk", "auditor"}),)
    assert set(policy.purposes) == {"offers", "care"}
    assert policy.permits["own-rights"].fields == set(policy.fields)
    (told,) = policy.imports
    assert (told.name, told.protects, told.requires) == ("north", ("DE",), ("north-kept",))
    assert f"pack:north@sha256:{told.hash}" == pin("north") == pin("pack:north")


def test_its_denies_hold_where_it_protects_and_where_nobody_knows(laws: Path) -> None:
    policy = compile_documents(shop("north"))
    assert not reads(policy, "offers", "profile.email", jurisdiction="DE")
    assert not reads(policy, "offers", "profile.email")
    assert reads(policy, "offers", "profile.email", jurisdiction="BR")
    assert not reads(policy, "care", "profile.allergy", jurisdiction="DE", age=(17, 17))
    assert reads(policy, "care", "profile.allergy", jurisdiction="DE", age=(18, 18))
    assert reads(policy, "care", "profile.allergy", jurisdiction="BR", age=(17, 17))


def test_whose_place_is_unknown_falls_under_all_laws(laws: Path) -> None:
    both = compile_documents(shop("north", "south"))
    assert [pack.name for pack in both.imports] == ["north", "south"]
    assert not reads(both, "offers", "profile.email")
    assert not reads(both, "offers", "profile.email", jurisdiction="BR")
    assert reads(both, "offers", "profile.email", jurisdiction="US")
    assert list(both.permits) == list(compile_documents(shop("north")).permits)  # said alike


def test_the_order_of_imports_means_nothing(laws: Path) -> None:
    assert compile_documents(shop("north", "south")) == compile_documents(shop("south", "north"))


def test_the_hash_covers_every_byte_of_the_imports(laws: Path) -> None:
    before = compile_documents(shop("north"))
    document = laws / "north" / "policy.yaml"
    document.write_text(document.read_text() + "# a remark\n")
    after = compile_documents(shop("north"))
    assert before.hash != after.hash
    assert before.imports[0].hash != after.imports[0].hash
    data = laws / "north" / "data.yaml"
    data.write_text(data.read_text() + "# a remark\n")
    assert compile_documents(shop("north")).hash != after.hash


def test_a_pack_changed_under_its_hash_is_refused_naming_both(laws: Path) -> None:
    documents = shop("north")
    old = pin("north").rpartition(":")[2]
    document = laws / "north" / "policy.yaml"
    document.write_text(document.read_text().replace("[read, erase]", "[read]"))
    new = pin("north").rpartition(":")[2]
    fault = the_fault(documents)
    assert old in fault["what"]
    assert new in fault["what"]
    assert "privet policy pin pack:north" in fault["fix"]
    assert (fault["file"], fault["line"]) == ("policy.yaml", 4)


def test_texts_that_are_kept_need_no_pack_on_disk(laws: Path) -> None:
    policy = compile_documents(shop("north"))
    assert set(policy.documents) == {"policy", "data", "pack:north:policy", "pack:north:data"}
    write(laws, "north", "changed")
    assert compile_documents(policy.documents) == policy
    (laws / "north" / "policy.yaml").unlink()
    assert compile_documents(policy.documents) == policy
    tampered = dict(policy.documents)
    tampered["pack:north:policy"] = tampered["pack:north:policy"].replace("[read, erase]", "[read]")
    assert "is not the one that is pinned" in the_fault(tampered)["what"]


@pytest.mark.parametrize(
    ("reference", "what", "near"),
    [
        ("pack:nroth@sha256:" + 64 * "0", "there is no pack `nroth`", "north"),
        ("pack:n\u043erth@sha256:" + 64 * "0", "there is no pack (a text that is no name)", None),
        ("pack:../north@sha256:" + 64 * "0", "there is no pack (a text that is no name)", None),
        ("pack:north", "imported without a hash", ""),
        ("pack:north@", "imported without a hash", ""),
        ("pack:north@sha256:abcdef", "not `sha256:` and 64 small hex digits", ""),
        ("pack:north@sha256:" + 64 * "A", "not `sha256:` and 64 small hex digits", ""),
        ("pack:north@md5:" + 32 * "0", "not `sha256:` and 64 small hex digits", ""),
        ("pack:north@sha256:" + 64 * "0", "pinned " + 64 * "0", ""),
        ("file:///north", "only packs are imported", ""),
        ("../north", "only packs are imported", ""),
    ],
)
def test_a_reference_that_is_none_is_refused(
    laws: Path, reference: str, what: str, near: str | None
) -> None:
    fault = the_fault(shop(text=SHOP.replace("IMPORTS", f'"{reference}"')))
    assert what in fault["what"]
    assert near is None or fault["near"] == near
    assert fault["line"] == 4


def test_a_pack_twice_and_under_two_hashes(laws: Path) -> None:
    assert "imported twice" in the_fault(shop("north", "north"))["what"]
    other = "pack:north@sha256:" + 64 * "1"
    outer = (
        LAW.replace("NAME", "outer")
        .replace("PLACE", "FR")
        .replace("IMPORTS", f'imports: ["{other}"]')
    )
    write(laws, "outer", outer)
    (fault,) = (f for f in faults(shop("north", "outer")) if "two hashes" in f["what"])
    assert 64 * "1" in fault["what"]
    assert pin("north").rpartition(":")[2] in fault["what"]
    assert fault["file"] == "pack:outer/policy.yaml"


CORNER = """\
privet: policy/1
name: corner
data: data.yaml
imports: [IMPORTS]
overrides: [OVERRIDES]
controller: {name: Corner Shop, contact: privacy@corner.example}
"""


@pytest.fixture
def domain(laws: Path) -> Path:
    """A pack that protects nobody: a shop to begin from, which imports a law."""
    write(laws, "shop", shop("north")["policy"])
    return laws


def corner(overrides: str = "", more: str = "") -> dict[str, str]:
    text = CORNER.replace("IMPORTS", pin("shop")).replace("OVERRIDES", overrides)
    return {"policy": text + more, "data": DATA}


def test_a_domain_pack_gives_all_but_its_organisation(domain: Path) -> None:
    policy = compile_documents(corner())
    whole = load("pack:shop")
    assert policy.controller.name == "Corner Shop"
    for part in ("purposes", "permits", "roles", "denies", "separate", "items", "recipients"):
        assert getattr(policy, part) == getattr(whole, part), part
    assert [pack.name for pack in policy.imports] == ["north", "shop"]
    assert policy.imports[1].purposes == ("care", "offers")
    assert [r.name for r in run_tests(policy)][:2] == [
        "north: people see their data",
        "north: desks prove nothing",
    ]
    assert all(result.passed for result in run_tests(policy))
    assert coverage(policy).untouched == {"permits": [], "denies": [], "purposes": []}
    assert not lint(policy)


def test_what_an_organisation_says_anew_of_a_domain_pack(domain: Path) -> None:
    longer = "purposes:\n  offers: {text: Send offers., basis: consent, retention: 1y, direct_marketing: true}\n"
    assert "has a purpose `offers` already" in the_fault(corner(more=longer))["what"]
    policy = compile_documents(corner("offers", longer))
    assert str(policy.purposes["offers"].retention) == "12mo"
    assert [w["what"] for w in policy.warnings] == [
        "`offers` keeps data for longer than the pack `shop`"
    ]
    assert coverage(policy).untouched["purposes"] == ["offers"]
    too_long = longer.replace("retention: 1y", "retention: 2y")
    fault = the_fault(corner("offers", too_long))
    assert (fault["what"], fault["file"]) == (
        "`offers` keeps data for longer (`north-kept`)",
        "policy.yaml",
    )


def test_what_a_pack_never_uses_stays_unused(domain: Path) -> None:
    document = domain / "shop" / "policy.yaml"
    document.write_text(document.read_text().replace("roles:", "never: [health]\nroles:", 1))
    items = "items: {fields: {sort: text}, reveals: {health: {special: true, why: Ill., sort: [PILLS]}}}\n"
    documents = corner()
    policy = compile_documents({**documents, "data": DATA + items})
    assert policy.items.never == ("health",)
    assert "is not declared" in the_fault(documents)["what"]  # it must be known what health is


def test_roles_that_a_law_keeps_apart_over_time_come_along(laws: Path) -> None:
    document = laws / "north" / "policy.yaml"
    duty = "separate: [{roles: [staff, reader], within: subject}, [desk, auditor]]"
    document.write_text(document.read_text().replace("separate: [[desk, auditor]]", duty))
    policy = compile_documents(shop("north"))
    assert [(d.roles, d.within) for d in policy.duties] == [({"staff", "reader"}, "subject")]
    assert policy.separate == (frozenset({"desk", "auditor"}),)
    assert "staff" in policy.roles  # the group names it


def test_a_policy_says_something() -> None:
    bare = "privet: policy/1\nname: bare\ndata: data.yaml\ncontroller: {name: E, contact: e}\n"
    what = [f["what"] for f in faults({"policy": bare, "data": DATA})]
    for key in ("purposes", "roles", "permits"):
        assert f"the key `{key}` is missing or empty" in what


def test_imports_of_imports_count_once(laws: Path) -> None:
    outer = (
        LAW.replace("NAME", "outer")
        .replace("PLACE", "FR")
        .replace("IMPORTS", f'imports: ["{pin("north")}"]')
    )
    # What it says alike with its import would be a silent override.
    rest = [
        line
        for line in outer.splitlines()
        if not line.startswith("  - {id: own")
        and "desk-rights" not in line
        and "id: prove" not in line
    ]
    text = "\n".join(rest).replace(
        "roles: {staff: {}, desk: {}, auditor: {inherits: [reader]}, reader: {}}\nseparate: [[desk, auditor]]",
        "roles: {staff: {}}",
    )
    write(laws, "outer", text + "\n")
    policy = compile_documents(shop("outer", "north"))
    assert [pack.name for pack in policy.imports] == ["north", "outer"]
    assert [deny.id for deny in policy.denies] == [
        "north-illness",
        "north-marketing",
        "outer-illness",
        "outer-marketing",
    ]
    assert compile_documents(shop("outer")).separate == (frozenset({"desk", "auditor"}),)


def test_packs_that_import_each_other_end(laws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importing = importlib.import_module("privet.policy.imports")
    monkeypatch.setattr(importing, "pack_hash", lambda _: 64 * "0")  # no hash of a circle exists
    for name, other in (("one", "two"), ("two", "one")):
        ring = f'imports: ["pack:{other}@sha256:{64 * "0"}"]'
        write(laws, name, LAW.replace("NAME", name).replace("PLACE", "FR").replace("IMPORTS", ring))
    documents = shop(text=SHOP.replace("IMPORTS", f'"pack:one@sha256:{64 * "0"}"'))
    assert "packs import each other" in [f["what"] for f in faults(documents)]


def test_a_name_in_both_is_never_overridden_silently(laws: Path) -> None:
    own = '  - {id: desk-rights, role: clerk, for: "privet:rights", may: [read], fields: ["*"]}\n'
    text = SHOP.replace("tests:\n", f"{own}tests:\n")
    fault = the_fault(shop("north", text=text))
    assert "the pack `north` has a permit `desk-rights` already" in fault["what"]
    assert fault["line"] == text[: text.index(own)].count("\n") + 1
    text = text.replace("controller:", "overrides: [desk-rights]\ncontroller:", 1)
    policy = compile_documents(shop("north", text=text))
    assert policy.permits["desk-rights"].role == "clerk"
    assert policy.imports[0].overridden == ("desk-rights",)
    assert "desk-rights" not in policy.imports[0].permits
    assert [w["what"] for w in policy.warnings] == [
        "`desk-rights` permits more than the pack `north`"
    ]


def test_faults_of_composing_come_with_all_the_others(laws: Path) -> None:
    text = SHOP.replace("controller:", "overrides: [prove]\ncontroller:", 1)
    text = text.replace("retention: 6mo", "retention: 2y").replace("role: clerk", "role: clerck", 1)
    assert [f["what"] for f in faults(shop("north", text=text))] == [
        "`prove` overrides nothing: this policy does not define it",
        "`offers` keeps data for longer (`north-kept`)",
        "the role `clerck` is not declared",
    ]


def test_an_override_of_nothing_is_refused(laws: Path) -> None:
    listed = "overrides: [desk-right, prove]\ncontroller:"
    what = [f["what"] for f in faults(shop("north", text=SHOP.replace("controller:", listed, 1)))]
    assert what == [
        "`desk-right` overrides nothing: no import has it",
        "`prove` overrides nothing: this policy does not define it",
    ]
    alone = SHOP.replace("imports: [IMPORTS]\n", "").replace(
        "controller:", "overrides: [offer]\ncontroller:", 1
    )
    assert "overrides nothing" in the_fault(shop(text=alone))["what"]


@pytest.mark.parametrize(
    ("own", "warned"),
    [
        (
            "{id: north-illness, text: Less., categories: [special], may_not: [read], when: {age_under: 12}}",
            True,
        ),
        (
            "{id: north-illness, text: Less., categories: [special], may_not: [collect], when: {age_under: 18}}",
            True,
        ),
        ("{id: north-illness, text: Less., fields: [profile.email], may_not: [read]}", True),
        (
            "{id: north-illness, text: Less., for: [offers], categories: [special], may_not: [read], when: {age_under: 18}}",
            True,
        ),
        (
            "{id: north-illness, text: Less., categories: [special], may_not: [read], when: {age_under: 18, jurisdiction: [AT]}}",
            True,
        ),
        (
            "{id: north-illness, text: More., categories: [special], may_not: [read], when: {age_under: 21}}",
            False,
        ),
        ("{id: north-illness, text: More., categories: [special]}", False),
        ("{id: north-illness, text: More., fields: [profile.*], may_not: [read]}", False),
    ],
)
def test_an_override_that_denies_less_is_told(laws: Path, own: str, warned: bool) -> None:
    text = SHOP.replace("controller:", "overrides: [north-illness]\ncontroller:", 1)
    policy = compile_documents(
        shop("north", text=text.replace("tests:\n", f"denies:\n  - {own}\ntests:\n"))
    )
    what = [w["what"] for w in policy.warnings]
    assert what == (["`north-illness` denies less than the pack `north`"] if warned else [])


def test_an_override_that_takes_a_right_away_is_told(laws: Path) -> None:
    own = '  - {id: own-rights, role: self, for: "privet:rights", may: [read], fields: ["*"]}\n'
    text = SHOP.replace("controller:", "overrides: [own-rights]\ncontroller:", 1)
    policy = compile_documents(shop("north", text=text.replace("tests:\n", f"{own}tests:\n")))
    assert ["fewer rights" in w["what"] for w in policy.warnings] == [True]


def test_a_name_is_listed_once(laws: Path) -> None:
    own = '  - {id: prove, role: auditor, for: "privet:accountability", may: [prove]}\n'
    text = SHOP.replace("controller:", "overrides: [prove, prove]\ncontroller:", 1)
    fault = the_fault(shop("north", text=text.replace("tests:\n", f"{own}tests:\n")))
    assert fault["what"] == "the name `prove` is named twice"


def test_two_packs_that_differ_under_one_name_are_refused(laws: Path) -> None:
    document = laws / "south" / "policy.yaml"
    document.write_text(document.read_text().replace("[read, erase]", "[read]"))
    fault = the_fault(shop("north", "south"))
    assert "the packs `north` and `south` both have the permit `own-rights`" in fault["what"]
    text = SHOP.replace("controller:", "overrides: [own-rights]\ncontroller:", 1)
    own = '  - {id: own-rights, role: self, for: "privet:rights", may: [read, erase], fields: ["*"]}\n'
    assert compile_documents(
        shop("north", "south", text=text.replace("tests:\n", f"{own}tests:\n"))
    )


def test_faults_of_an_import_are_told_in_its_file(laws: Path) -> None:
    document = laws / "north" / "policy.yaml"
    document.write_text(
        document.read_text().replace(
            "categories: [special], may_not: [read]", "fields: [profile.phone], roles: [nurse]"
        )
    )
    found = faults(shop("north"))
    assert {f["file"] for f in found} == {"pack:north/policy.yaml"}
    line = document.read_text()[: document.read_text().index("profile.phone")].count("\n") + 1
    assert {f["line"] for f in found} == {line}
    assert [f["what"] for f in found] == [
        "`profile.phone` is no field of the data document",
        "the role `nurse` is not declared",
    ]
    document.write_text("privet: policy/1\nname: north\nnonsense: 1\n")
    assert {f["file"] for f in faults(shop("north"))} == {"pack:north/policy.yaml"}


def test_a_role_that_joins_what_a_pack_keeps_apart_is_refused(laws: Path) -> None:
    text = SHOP.replace("roles: {clerk: {}}", "roles: {clerk: {inherits: [desk, auditor]}}")
    fault = the_fault(shop("north", text=text))
    assert fault["file"] == "pack:north/policy.yaml"
    assert "`clerk` alone holds two roles" in fault["what"]


def test_what_a_law_requires_is_checked_here(laws: Path) -> None:
    text = SHOP.replace("retention: 6mo", "retention: 13mo")
    fault = the_fault(shop("north", text=text))
    assert fault["what"] == "`offers` keeps data for longer (`north-kept`)"
    assert fault["why"] == "Kept for a year"
    assert fault["line"] == 7
    stricter = text.replace(
        "retention: 13mo", "retention: 13mo, jurisdictions: {DE: {retention: 1y}}"
    )
    assert compile_documents(shop("north", text=stricter))
    elsewhere = text.replace(
        "retention: 13mo", "retention: 13mo, jurisdictions: {BR: {retention: 1y}}"
    )
    assert the_fault(shop("north", text=elsewhere))["what"] == fault["what"]


def test_tests_of_a_pack_run_again_where_they_apply(laws: Path) -> None:
    policy = compile_documents(shop("north"))
    assert [r.name for r in run_tests(policy)] == [
        "north: people see their data",
        "north: desks prove nothing",
        "offers need consent",
        "care needs consent",
    ]
    assert all(r.passed for r in run_tests(policy))
    assert coverage(policy).untouched == {"permits": [], "denies": [], "purposes": []}
    assert not [f for f in lint(policy) if f.name.startswith("north")]
    own = '  - {id: prove, role: desk, for: "privet:accountability", may: [prove]}\n'
    text = SHOP.replace("controller:", "overrides: [prove]\ncontroller:", 1)
    changed = compile_documents(shop("north", text=text.replace("tests:\n", f"{own}tests:\n")))
    assert "north: desks prove nothing" not in [r.name for r in run_tests(changed)]
    assert coverage(changed).untouched["permits"] == ["prove"]  # its own now, and not tested


def test_a_folder_loads_with_what_it_imports(laws: Path, tmp_path: Path) -> None:
    for name, text in shop("north").items():
        (tmp_path / f"{name}.yaml").write_text(text)
    assert load(tmp_path) == compile_documents(shop("north"))


def test_a_law_denies_nothing_outside_the_places_it_protects(laws: Path) -> None:
    document = laws / "north" / "policy.yaml"
    document.write_text(
        document.read_text().replace("when: {age_under: 18}", "when: {jurisdiction: [FR]}")
    )
    with pytest.raises(PolicyError) as caught:
        load("pack:north")
    assert "a place that this law does not protect" in [p["what"] for p in caught.value.problems]


def test_pins_are_of_packs_alone() -> None:
    with pytest.raises(PolicyError):
        pin("pack:nowhere")
    with pytest.raises(PolicyError):
        pin("/etc")
