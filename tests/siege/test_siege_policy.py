# ruff: noqa: E501 (documents stand as an attacker would write them)
"""Attacks on the policy: each is a clear refusal, in bounded time, and grants nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from privet.errors import AccessDenied, PolicyError
from privet.policy import Ask, Policy, compile_documents, load

DATA = """\
privet: data/1
subject: {is: account, id: account}
timezone: UTC
categories: {behaviour: {}}
events:
  visit:
    unique: [id]
    fields:
      id: {type: id, category: behaviour}
      page: {type: text, category: behaviour}
"""
POLICY = """\
privet: policy/1
name: siege
data: data.yaml
controller: {name: Example, contact: privacy@example.com}
purposes:
  advice: {text: Advise., basis: consent, retention: 1y}
roles:
  clerk: {}
  chief: {inherits: [clerk]}
permits:
  - {id: follow, role: clerk, for: advice, may: [collect, read], fields: [visit.*]}
  - {id: own, role: self, for: "privet:rights", may: [read, erase], fields: ["*"]}
denies:
  - {id: no-page, text: Nobody reads pages., may_not: [read], fields: [visit.page]}
"""


def compiled(policy: str = POLICY, data: str = DATA) -> Policy:
    return compile_documents({"policy": policy, "data": data})


def faults(old: str, new: str) -> list[dict[str, str | int]]:
    assert old in POLICY
    with pytest.raises(PolicyError) as refusal:
        compiled(POLICY.replace(old, new, 1))
    return list(refusal.value.problems)


def ask(
    role: str = "clerk", purpose: str = "advice", action: str = "read", field: str = "visit.id"
) -> Ask:
    return Ask(frozenset({role}), purpose, action, frozenset({field}))


SHORT = [
    ("no role", "role: clerk, for: advice", "for: advice", "`role` is missing"),
    ("no purpose", "for: advice, may", "may", "`for` is missing"),
    ("no action", "may: [collect, read], ", "", "`may` is missing"),
    ("no action in the list", "may: [collect, read]", "may: []", "too few entries"),
    ("no field", ", fields: [visit.*]}", "}", "names no fields"),
    ("no id", "id: follow, ", "", "`id` is missing"),
    ("a rule of one word", "{id: follow, role: clerk, for: advice, may: [collect, read], fields: [visit.*]}", "follow", "wrong type"),
    ("an empty rule", "{id: follow, role: clerk, for: advice, may: [collect, read], fields: [visit.*]}", "", "wrong type"),
    ("a rule as a list", "{id: follow, role: clerk, for: advice, may: [collect, read], fields: [visit.*]}", "[clerk, advice, read]", "wrong type"),
    ("a misspelt key", "role: clerk, for", "rolle: clerk, for", "unknown key `rolle`"),
    ("a misspelt action", "[collect, read]", "[colect, read]", "none of the accepted words"),
    ("a deny without a reason", "text: Nobody reads pages., ", "", "`text` is missing"),
    ("a misspelt deny", "may_not", "maynot", "unknown key"),
    ("denies misspelt", "denies:", "denys:", "unknown key `denys`"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "what"), [s[1:] for s in SHORT], ids=[s[0] for s in SHORT])
def test_a_short_or_misspelt_rule_is_refused_and_named(old: str, new: str, what: str) -> None:
    found = faults(old, new)
    assert any(what in str(f["what"]) for f in found), found
    assert all(f["why"] and f["fix"] for f in found)


WILD = [
    ("role: clerk, for", 'role: "*", for'),
    ("for: advice, may", 'for: "*", may'),
    ("may: [collect, read]", 'may: ["*"]'),
    ("id: follow", 'id: "*"'),
    ("inherits: [clerk]", 'inherits: ["*"]'),
    ("  clerk: {}", '  clerk: {}\n  "*": {}'),
    ("fields: [visit.*]}", 'fields: ["*.id"]}'),
    ("fields: [visit.*]}", 'fields: ["visit.p*"]}'),
    ("fields: [visit.*]}", 'fields: ["**"]}'),
    ("may_not: [read]", 'may_not: ["*"]'),
    ("fields: [visit.page]}", 'for: ["*"], fields: [visit.page]}'),
    ("fields: [visit.page]}", 'when: {jurisdiction: ["*"]}, fields: [visit.page]}'),
    ("fields: [visit.page]}", 'when: {environment: {net: ["*"]}}, fields: [visit.page]}'),
]


@pytest.mark.parametrize(("old", "new"), WILD)
def test_a_wildcard_where_none_is_allowed_is_refused(old: str, new: str) -> None:
    assert faults(old, new)


@pytest.mark.parametrize("part", range(4))
def test_a_wildcard_in_a_request_asks_for_nothing_that_there_is(part: int) -> None:
    policy = compiled()
    asked = list(ask())
    asked[part] = frozenset({"*"}) if part in {0, 3} else "*"
    assert not policy.decide(Ask(*asked)).allowed


LOOK_ALIKES = [
    "сlerk",  # a Cyrillic first letter
    "clerk\u200b",
    "cl\u00aderk",
    "ｃｌｅｒｋ",
    "cler\u212a",  # the Kelvin sign, which folds to a k
    "clerk\n",
    " clerk",
    "CLERK",
    "cle\u0301rk",
    "\u202eclerk",
]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_look_alike_role_is_refused_in_documents_and_unknown_in_requests(name: str) -> None:
    policy = compiled()
    decision = policy.decide(ask(name))
    assert (decision.allowed, decision.reason) == (False, "role.unknown")
    with pytest.raises(AccessDenied) as refusal:
        policy.check_roles([name])
    assert refusal.value.reason == "role.unknown"
    assert name not in str(refusal.value)
    escaped = "".join(f"\\u{ord(c):04x}" if not c.isascii() else c for c in name).replace(
        "\n", "\\n"
    )
    found = faults("  clerk: {}", f'  clerk: {{}}\n  "{escaped}": {{}}')
    assert any("not a name" in str(f["what"]) for f in found)
    assert all(name.strip() not in str(f) or name.strip() == "clerk" for f in found)


GRABS = [
    ("inherits: [clerk]", "inherits: [self]"),
    ("  clerk: {}", "  clerk: {}\n  self: {}"),
    ('role: self, for: "privet:rights"', "role: self, for: advice"),
    ("id: own, role: self", "id: own, role: selv"),
    ("inherits: [clerk]", "inherits: [chief]"),
    ("clerk: {}", "clerk: {inherits: [chief]}"),
]


@pytest.mark.parametrize(("old", "new"), GRABS)
def test_nobody_gives_herself_what_is_anothers(old: str, new: str) -> None:
    assert faults(old, new)


def test_the_persons_own_role_is_claimed_by_nobody() -> None:
    policy = compiled()
    with pytest.raises(AccessDenied) as refusal:
        policy.check_roles(["self"])
    assert refusal.value.reason == "role.reserved"
    both = Ask(frozenset({"self", "clerk"}), "privet:rights", "erase", frozenset({"visit.id"}))
    assert policy.decide(both).reason == "role.separate"


def bomb(levels: int = 9) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


HOSTILE: list[tuple[str, str]] = [
    ("a billion laughs", bomb()),
    ("an anchor", POLICY.replace("clerk: {}", "clerk: &x {}", 1)),
    ("an alias", POLICY.replace("clerk: {}", "clerk: *x", 1)),
    ("a merge", POLICY.replace("  clerk: {}", "  clerk: {}\n  <<: {boss: {}}", 1)),
    ("a key twice", POLICY + "denies: []\n"),
    ("a rule's key twice", POLICY.replace("role: clerk, for", "role: chief, role: clerk, for", 1)),
    ("a role twice", POLICY.replace("  clerk: {}", "  clerk: {}\n  clerk: {}", 1)),
    ("a second document", POLICY + "---\n" + POLICY),
    ("a tag", POLICY.replace("name: siege", "name: !!python/object/apply:os.system [id]", 1)),
    ("deep lists", "a: " + "[" * 200_000),
    ("deep mappings", "a: " + "{b: " * 200_000),
    ("deep indents", "".join(f"{' ' * i}a:\n" for i in range(2_000))),
    ("one long line", "a: " + "x" * 3_000_000),
    ("one long key", "x" * 3_000_000 + ": 1"),
    ("many documents", "---\n" * 500_000),
    ("many anchors", "".join(f"a{i}: &b{i} 1\n" for i in range(100_000))),
    ("many entries", "a: [" + "1, " * 400_000 + "]"),
    ("too many bytes", "# " + "é" * (3 << 20)),
    ("no text", ""),
    ("a byte order mark alone", "\ufeff"),
    ("control characters", "a: \x1b[2J"),
]


@pytest.mark.parametrize("text", [h[1] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
@pytest.mark.parametrize("document", ["policy", "data"])
def test_a_hostile_document_is_refused_soon(document: str, text: str) -> None:
    texts = {"policy": POLICY, "data": DATA} | {document: text}
    began = time.process_time()
    with pytest.raises(PolicyError) as refusal:
        compile_documents(texts)
    assert time.process_time() - began < 10
    assert refusal.value.problems
    assert len(str(refusal.value)) < 1_000


def test_a_million_rules_are_refused_before_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(DATA)
    line = "  - {id: r%07d, role: clerk, for: advice, may: [read], fields: [visit.id]}\n"
    with (tmp_path / "policy.yaml").open("w") as file:
        file.write(POLICY.partition("denies:")[0])
        file.writelines(line % i for i in range(1_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with pytest.raises(PolicyError) as refusal:
        load(tmp_path)
    assert time.process_time() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB
    assert "too long" in str(refusal.value)


TOO_MANY: list[tuple[str, Callable[[], dict[str, str]]]] = [
    ("roles", lambda: {"policy": POLICY.replace("  clerk: {}\n", "  clerk: {}\n" + "".join(f"  r{i}: {{inherits: [r{i + 1}]}}\n" for i in range(20_000)))}),
    ("purposes", lambda: {"policy": POLICY.replace("roles:\n", "".join(f"  p{i}: {{text: T., basis: consent, retention: 1y, builds_on: [p{i + 1}]}}\n" for i in range(2_000)) + "roles:\n")}),
    ("groups", lambda: {"policy": POLICY + "separate: [" + ", ".join(["[clerk, chief]"] * 2_000) + "]\n"}),
    ("fields", lambda: {"data": DATA + "".join(f"      f{i}: {{type: int, category: behaviour}}\n" for i in range(20_000))}),
]  # fmt: skip


@pytest.mark.parametrize("make", [t[1] for t in TOO_MANY], ids=[t[0] for t in TOO_MANY])
def test_what_would_grow_with_the_square_is_bounded(make: Callable[[], dict[str, str]]) -> None:
    began = time.process_time()
    with pytest.raises(PolicyError) as refusal:
        compile_documents({"policy": POLICY, "data": DATA} | make())
    assert "more than" in str(refusal.value.problems[0]["what"])
    assert time.process_time() - began < 10


def test_fields_that_multiply_with_rules_are_bounded() -> None:
    """Few words that name many different sets of many fields."""
    from itertools import combinations, islice

    events = "".join(
        f"  e{k}:\n    unique: [a0]\n    fields:\n"
        + "".join(f"      a{i}: {{type: int, category: behaviour}}\n" for i in range(180))
        for k in range(20)
    )
    rules = "".join(
        f"  - {{id: w{n}, role: clerk, for: advice, may: [read], fields: [{', '.join(f'e{k}.*' for k in some)}]}}\n"
        for n, some in enumerate(islice(combinations(range(20), 10), 5_000))
    )
    began = time.process_time()
    with pytest.raises(PolicyError) as refusal:
        compiled(POLICY.replace("denies:\n", rules + "denies:\n"), DATA + events)
    assert "different sets" in str(refusal.value)
    assert time.process_time() - began < 10


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "policy"
    directory.mkdir()
    (directory / "policy.yaml").write_text(POLICY)
    (directory / "data.yaml").write_text(DATA)
    return directory


def test_a_policy_cut_off_anywhere_grants_nothing_that_the_whole_does_not() -> None:
    """Cut at the end of a line it may be whole YAML; a rule is whole or not there."""
    whole = compiled()
    asks = [
        ask(role, "advice", action, field)
        for role in ("clerk", "chief")
        for action in ("collect", "read")
        for field in ("visit.id", "visit.page")
    ]
    lost = POLICY.index("denies:")
    for end in range(len(POLICY)):
        try:
            cut = compiled(POLICY[:end])
        except PolicyError as error:
            assert error.problems
            continue
        granted = {a for a in asks if cut.decide(a).allowed}
        if end > lost + len("denies:\n  - {"):  # the deny had begun to be written
            assert granted <= {a for a in asks if whole.decide(a).allowed}, POLICY[:end][-40:]
        assert cut.hash == whole.hash or end < len(POLICY) - 1


def test_a_file_that_changes_while_it_is_read_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written between the two documents, swapped, or taken away."""
    from privet.policy import load as module

    real = sys.modules["privet.policy.load"]._text  # type: ignore[attr-defined]
    assert module(home).name == "siege"

    def during(act: Callable[[], object]) -> None:
        def slow(path: Path) -> object:
            found = real(path)
            if path.name == "data.yaml":
                act()
            return found

        monkeypatch.setattr(sys.modules["privet.policy.load"], "_text", slow)
        with pytest.raises(PolicyError) as refusal:
            load(home)
        assert "changed while it was read" in str(refusal.value)
        monkeypatch.setattr(sys.modules["privet.policy.load"], "_text", real)
        (home / "policy.yaml").unlink(missing_ok=True)
        (home / "policy.yaml").write_text(POLICY)

    other = home / "other.yaml"
    other.write_text(POLICY)
    during(lambda: (home / "policy.yaml").write_text(POLICY + "# more\n"))
    during(lambda: os.replace(other, home / "policy.yaml"))
    during(lambda: (home / "policy.yaml").unlink())


def test_a_link_swapped_after_loading_changes_nothing_that_was_loaded(
    home: Path, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.yaml"
    evil.write_text(POLICY.partition("denies:")[0])
    link = home / "link.yaml"
    link.symlink_to(home / "policy.yaml")
    policy = load(link)
    link.unlink()
    link.symlink_to(evil)
    assert policy.decide(ask(field="visit.page")).deny == "no-page"
    assert compile_documents(policy.documents).hash == policy.hash
    assert load(link).hash != policy.hash


def test_a_link_swapped_after_activation_is_noticed_when_the_home_is_opened(
    home: Path, tmp_path: Path
) -> None:
    from privet.deployment import open_deployment

    keyring = f"file:{tmp_path / 'k'}"
    link = tmp_path / "policy.yaml"
    (tmp_path / "data.yaml").write_text(DATA)
    link.symlink_to(home / "policy.yaml")
    open_deployment(tmp_path / "home", policy=link, keyring=keyring, sync="OFF").close()
    (home / "evil.yaml").write_text(POLICY.partition("denies:")[0])
    link.unlink()
    link.symlink_to(home / "evil.yaml")
    with pytest.raises(AccessDenied) as refusal:
        open_deployment(tmp_path / "home", policy=link, keyring=keyring, sync="OFF")
    assert refusal.value.reason == "policy.not-active"


def test_a_pipe_or_a_device_is_no_policy(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "policy.yaml")
    for place in (tmp_path, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(PolicyError):
            load(place)


def test_a_decision_costs_as_many_steps_with_many_rules_as_with_few() -> None:
    """Counted in calls, which no other process on the machine disturbs."""

    def steps(count: int) -> int:
        rules = "".join(
            f"  - {{id: r{i}, role: chief, for: advice, may: [read], fields: [visit.id]}}\n"
            for i in range(count)
        )
        denies = "".join(
            f"  - {{id: d{i}, text: No., roles: [chief], may_not: [train], fields: [visit.id]}}\n"
            for i in range(count)
        )
        policy = compiled(POLICY.replace("denies:\n", f"{rules}denies:\n{denies}"))
        policy._decide(ask())
        calls = 0

        def count_calls(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(count_calls)
        try:
            policy._decide(ask())
        finally:
            sys.setprofile(None)
        return calls

    assert steps(1) == steps(1_000)


def test_decisions_are_the_same_in_every_process() -> None:
    """Whatever order a process hashes texts in."""
    told = set()
    for seed in ("0", "1", "2"):
        code = (
            "from privet.policy import Ask, load\n"
            "p = load('pack:grocery')\n"
            "f = frozenset({'purchase.item', 'purchase.value', 'view.item'})\n"
            "print(p.hash, sorted(p.slice_hash(n) for n in p.purposes))\n"
            "print(p.decide(Ask(frozenset({'trainer'}), 'recommendations', 'train', f)).explain())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(done.stdout)
    assert len(told) == 1
