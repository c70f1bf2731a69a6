# ruff: noqa: E501 (documents stand as an attacker would write them)
"""Attacks on imported packs: each is a clear refusal, in bounded time, and grants nothing."""

from __future__ import annotations

import importlib
import json
import shutil
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

import privet
from privet.errors import AccessDenied, PolicyError, PrivetError
from privet.policy import Ask, compile_documents, load, packs, pin
from privet.policy.imports import MAX_DEPTH, MAX_IMPORTS, pack_hash

loading = importlib.import_module("privet.policy.load")
INSTALLED = loading.PACKS
RIGHTS = "may: [read, correct, restrict, object, export, erase]"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the installed packs, which may be written to."""
    copy = tmp_path / "packs"
    shutil.copytree(INSTALLED, copy)
    monkeypatch.setattr(loading, "PACKS", copy)
    return copy


def fault(documents: dict[str, str]) -> str:
    with pytest.raises(PolicyError) as refusal:
        compile_documents(documents)
    return "\n".join(str(problem["what"]) for problem in refusal.value.problems)


def shop(**changes: str) -> dict[str, str]:
    """The texts of the shop pack without those of its imports, after edits."""
    documents = load("pack:shop").documents
    policy = documents["policy"]
    for old, new in changes.items():
        assert old in policy
        policy = policy.replace(old, new, 1)
    return {"policy": policy, "data": documents["data"]}


def test_a_pack_changed_in_the_wheel_is_refused_and_both_hashes_are_told(installed: Path) -> None:
    mine = shop()
    before = pin("gdpr").rpartition(":")[2]
    document = installed / "gdpr" / "policy.yaml"
    document.write_text(document.read_text().replace("roles: [auditor]", "roles: [operator]"))
    after = pin("gdpr").rpartition(":")[2]
    told = fault(mine)
    assert before in told
    assert after in told
    for pack in ("grocery", "shop"):
        with pytest.raises(PolicyError):
            load(f"pack:{pack}")
    assert load("pack:gdpr")  # by itself it is another policy, with another hash


@pytest.mark.parametrize("file", ["policy.yaml", "data.yaml"])
@pytest.mark.parametrize("change", [b" ", b"\n", b"# \n", b"\r\n"])
def test_one_byte_more_is_another_pack(installed: Path, file: str, change: bytes) -> None:
    mine = shop()
    document = installed / "gdpr" / file
    document.write_bytes(document.read_bytes() + change)
    assert "is not the one that is pinned" in fault(mine)


@pytest.mark.parametrize("text", ["", "\ud800", "\0", "[]", "x" * 10_000_000])
def test_whatever_stands_for_a_pack_is_judged_by_its_hash(text: str) -> None:
    brought = {f"pack:gdpr:{name}": text for name in ("policy", "data")}
    assert "is not the one that is pinned" in fault({**shop(), **brought})
    half = {"pack:gdpr:policy": brought["pack:gdpr:policy"]}
    assert "is not the one that is pinned" in fault({**shop(), **half})
    odd = {"pack:": text, "pack:gdpr": text, "pack:gdpr:policy:more": text}
    with pytest.raises(PolicyError):
        compile_documents({**shop(), **odd})


def test_bytes_moved_between_its_documents_are_another_pack() -> None:
    whole = {"policy": "a\n", "data": "b\n"}
    assert pack_hash(whole) != pack_hash({"policy": "a\nb\n", "data": ""})
    assert pack_hash(whole) != pack_hash({"policy": "b\n", "data": "a\n"})


def test_a_link_in_the_place_of_a_pack_changes_nothing_unseen(installed: Path) -> None:
    mine = shop()
    evil = installed.parent / "evil"
    shutil.copytree(installed / "gdpr", evil)
    (evil / "policy.yaml").write_text((evil / "policy.yaml").read_text().replace("erase]", "read]"))
    shutil.rmtree(installed / "gdpr")
    (installed / "gdpr").symlink_to(evil)
    assert "is not the one that is pinned" in fault(mine)
    (installed / "gdpr").unlink()
    (installed / "gdpr").mkdir()
    for name in ("policy.yaml", "data.yaml"):
        (installed / "gdpr" / name).symlink_to("/dev/zero")
    with pytest.raises(PolicyError):  # neither read to its end, nor waited for
        compile_documents(mine)


@pytest.mark.parametrize(
    "name",
    [
        "gdpr ",
        "GDPR",
        "g\u0501pr",
        "gdpr\u200b",
        "gdpr/",
        "./gdpr",
        "../packs/gdpr",
        "gdpr.yaml",
        "",
        "gdpr\0",
    ],
)
def test_a_look_alike_is_no_pack(name: str) -> None:
    digits = pin("gdpr").rpartition(":")[2]
    reference = json.dumps(f"pack:{name}@sha256:{digits}")
    policy = shop()["policy"].replace(pin("gdpr"), reference)
    with pytest.raises(PolicyError) as refusal:
        compile_documents({**shop(), "policy": policy})
    assert "\u200b" not in str(refusal.value.problems)


@pytest.mark.parametrize("digits", [8, 16, 40, 63, 65])
def test_a_shortened_hash_pins_nothing(digits: int) -> None:
    whole = pin("gdpr")
    hashed = whole.rpartition(":")[2]
    short = whole.replace(hashed, (hashed + "0")[:digits])
    policy = shop()["policy"].replace(whole, short)
    assert "64 small hex digits" in fault({**shop(), "policy": policy})


def test_what_is_brought_along_under_the_name_of_a_pack_must_be_that_pack() -> None:
    """Texts beside a policy's own win over the installed ones, and the hash still judges them."""
    evil = {f"pack:gdpr:{name}": text for name, text in loading._pack("gdpr").items()}
    evil["pack:gdpr:policy"] = evil["pack:gdpr:policy"].replace(
        "roles: [auditor]", "roles: [operator]"
    )
    assert "is not the one that is pinned" in fault({**shop(), **evil})
    aside = {**shop(), "pack:nothing:policy": "x: y", "pack:nothing:data": "x: y"}
    policy = compile_documents(aside)  # what nothing imports is not kept
    assert set(policy.documents) == {"policy", "data", "pack:gdpr:policy", "pack:gdpr:data"}


def test_an_override_is_never_smuggled_in() -> None:
    grab = '{id: prove, role: storefront, for: "privet:accountability", may: [prove, export]}'
    told = fault(shop(**{"permits:\n": f"permits:\n  - {grab}\n"}))
    assert "the pack `gdpr` has a permit `prove` already" in told
    told = fault(shop(**{"roles:\n": "roles:\n  auditor: {inherits: [storefront]}\n"}))
    assert "the pack `gdpr` has a role `auditor` already" in told
    quiet = (
        "denies:\n  - {id: gdpr-auditor, text: Nothing., roles: [auditor], may_not: [correct]}\n"
    )
    assert "has a deny `gdpr-auditor` already" in fault(shop(**{"tests:\n": f"{quiet}tests:\n"}))
    # In another section the name of a rule overrides nothing, and lists of overrides are checked.
    told = fault(shop(**{"permits:\n": "overrides: [gdpr-auditor, prove]\npermits:\n"}))
    assert told.count("overrides nothing") == 2
    # What is listed is allowed, and told.
    loud = shop(**{"tests:\n": f"overrides: [gdpr-auditor]\n{quiet}tests:\n"})
    assert ["denies less" in str(w["what"]) for w in compile_documents(loud).warnings] == [True]


def test_a_pack_gives_nobody_its_purposes_permits_or_recipients() -> None:
    policy = load("pack:shop")
    assert not {"books", "credit", "care"} & set(policy.purposes)
    assert "staff" not in policy.roles
    assert "serve-people" not in policy.permits
    assert "printer" not in policy.recipients
    ask = Ask(frozenset({"staff"}), "orders", "read", frozenset({"profile.email"}))
    assert policy.decide(ask).reason == "role.unknown"


def law(name: str, *imports: str) -> dict[str, str]:
    """A small law pack that imports others."""
    texts = loading._pack("gdpr")
    head = f"privet: policy/1\nname: {name}\nimports: [{', '.join(imports)}]\nprotects: [FR]\n"
    rest = "controller: {name: E, contact: c}\npurposes: {a: {text: T., basis: consent, retention: 1y}}\nroles: {r: {}}\npermits:\n  - {id: NAME-p, role: r, for: a, may: [collect, read], fields: [profile.email]}\n"
    return {"policy": f"{head}data: data.yaml\n{rest.replace('NAME', name)}", "data": texts["data"]}


def composed(*reached: tuple[str, dict[str, str]], imports: list[str]) -> dict[str, str]:
    policy = shop()["policy"].replace(
        f"  - {pin('gdpr')}", "\n".join(f"  - {i}" for i in [pin("gdpr"), *imports])
    )
    documents = {**shop(), "policy": policy}
    for name, texts in reached:
        documents |= {f"pack:{name}:{key}": text for key, text in texts.items()}
    return documents


def test_imports_that_multiply_end_soon() -> None:
    """Each layer imports all of the one below: a tree of millions, were it walked as one."""
    begun = time.process_time()
    below: list[tuple[str, dict[str, str]]] = []
    everything: list[tuple[str, dict[str, str]]] = []
    for depth in range(MAX_DEPTH + 3):
        pins = [f'"pack:{name}@sha256:{pack_hash(texts)}"' for name, texts in below]
        below = [(f"l{depth}-{i}", law(f"l{depth}-{i}", *pins)) for i in range(MAX_IMPORTS)]
        everything += below
    pins = [f'"pack:{name}@sha256:{pack_hash(texts)}"' for name, texts in below]
    assert f"more than {MAX_IMPORTS} packs" in fault(composed(*everything, imports=pins))
    assert time.process_time() - begun < 10


def test_a_long_chain_of_imports_is_refused() -> None:
    chain: list[tuple[str, dict[str, str]]] = []
    reference: list[str] = []
    for depth in range(MAX_DEPTH + 1):
        texts = law(f"c{depth}", *reference)
        chain.append((f"c{depth}", texts))
        reference = [f'"pack:c{depth}@sha256:{pack_hash(texts)}"']
        documents = composed(*chain, imports=reference)
        if depth < MAX_DEPTH:
            assert compile_documents(documents)
    assert f"more than {MAX_DEPTH} below each other" in fault(documents)


def test_a_hostile_pack_is_refused_in_its_own_name(installed: Path) -> None:
    """YAML that would explode, in a pack that is pinned as it is."""
    document = installed / "gdpr" / "policy.yaml"
    document.write_text("a: &a [x, x]\nb: *a\nprotects: [EEA]\n")
    policy = (INSTALLED / "shop" / "policy.yaml").read_text()
    old = policy[policy.index("pack:gdpr@") :].split()[0]
    with pytest.raises(PolicyError) as refusal:
        compile_documents(
            {
                "policy": policy.replace(old, pin("gdpr")),
                "data": (INSTALLED / "shop" / "data.yaml").read_text(),
            }
        )
    (problem,) = refusal.value.problems
    assert problem["file"] == "pack:gdpr/policy.yaml"
    assert "anchors" in str(problem["what"])


def test_a_home_opens_when_another_pack_is_installed(tmp_path: Path, installed: Path) -> None:
    home = tmp_path / "home"
    with privet.open(home, policy="pack:shop", sync="OFF") as opened:
        hashed = opened.policy.hash
    document = installed / "gdpr" / "policy.yaml"
    document.write_text(document.read_text().replace(RIGHTS, "may: [read]", 1))
    with privet.open(home, sync="OFF") as opened:
        assert opened.policy.hash == hashed
        assert "erase" in opened.policy.permits["own-rights"].actions
    shutil.rmtree(installed / "gdpr")
    assert "gdpr" not in packs()
    with privet.open(home, sync="OFF") as opened:
        assert opened.policy.hash == hashed


def test_a_refused_pack_leaves_a_record(tmp_path: Path, installed: Path) -> None:
    with privet.open(tmp_path / "home", policy="pack:shop", sync="OFF") as opened:
        document = installed / "gdpr" / "policy.yaml"
        document.write_text(document.read_text().replace(RIGHTS, "may: [read]", 1))
        hashed, before = opened.policy.hash, opened._parts.log.size()
        for role, kind, reason in (
            ("operator", PolicyError, "policy.invalid"),
            ("storefront", AccessDenied, "purpose.refused"),  # and does not learn what is there
        ):
            someone = opened.principal("mallory", roles=[role])
            with pytest.raises(kind) as refusal:
                someone.admin.activate("pack:grocery")
            assert refusal.value.reason == reason
        told = [body for _, body in opened._parts.log.leaves(before, 100)]
        assert [(t["kind"], t["reason"]) for t in told] == [
            ("denial", "policy.invalid"),
            ("denial", "purpose.refused"),
        ]
        assert opened.policy.hash == hashed


def test_an_imported_text_changed_in_the_home_is_noticed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    privet.open(home, policy="pack:shop", sync="OFF").close()
    (store,) = [f for f in home.rglob("*.db") if "data" in f.name]
    engine = sa.create_engine(f"sqlite:///{store}")
    with engine.begin() as at:
        for (trigger,) in at.execute(
            sa.text(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'policy_version'"
            )
        ).all():
            at.execute(sa.text(f'DROP TRIGGER "{trigger}"'))
        (text,) = at.execute(sa.text("SELECT documents FROM policy_version")).one()
        documents = json.loads(text)
        assert RIGHTS in documents["pack:gdpr:policy"]
        documents["pack:gdpr:policy"] = documents["pack:gdpr:policy"].replace(
            RIGHTS, "may: [read]", 1
        )
        at.execute(
            sa.text("UPDATE policy_version SET documents = :d"), {"d": json.dumps(documents)}
        )
    engine.dispose()
    with pytest.raises(PrivetError) as refusal:
        privet.open(home, sync="OFF")
    assert refusal.value.reason in {"policy.invalid", "policy.changed", "store.integrity"}
