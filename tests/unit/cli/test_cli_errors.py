"""Every way to fail has its exit code, its JSON, and no value of anybody in it."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

import privet.policy
from privet import errors
from privet.cli import maintain

SECRET = "ada.lovelace@example.com"
HOW = ("--notice", "n", "--channel", "c", "--evidence", "e")


def test_bad_input_ends_with_code_two(shop):
    ended = shop("recommend", "ada", "-k", "0", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (2, "k.range")


def test_a_denial_ends_with_code_three(shop):
    ended = shop("rights", "plan", "ada", "--role", "storefront", "--json")
    assert (ended.code, ended.json["error"]["code"]) == (3, "access.denied")


def test_a_role_that_may_not_withdraw_changes_nothing(shop):
    args = ("consent", "withdraw", "ada", "recommendations", "--evidence", "e")
    assert shop(*args, "--role", "auditor").code == 3
    assert shop("consent", "show", "ada", "--json").json["purposes"]["recommendations"] == "active"


@pytest.mark.parametrize(
    "args", [("consent", "show"), ("rights", "plan"), ("rights", "access"), ("audit", "history")]
)
def test_an_unknown_person_ends_with_code_four(shop, args):
    ended = shop(*args, "nobody", "--json")
    assert (ended.code, ended.json["error"]["code"]) == (4, "subject.unknown")


def test_an_erased_person_ends_with_code_four(shop):
    assert shop("rights", "erase", "ada", "--yes").code == 0
    ended = shop("consent", "begin", "ada", "orders", "--json")
    assert (ended.code, ended.json["error"]["code"]) == (4, "subject.erased")
    assert shop("consent", "answer", "ada", "--yes", "recommendations", *HOW).code == 4


def test_a_broken_export_ends_with_code_five(shop):
    assert shop("audit", "export", "log").code == 0
    with Path("log/checkpoint").open("a") as file:
        file.write("x")
    assert shop("audit", "verify", "log").code == 5


def test_what_is_no_export_at_all_is_bad_input(cli):
    ended = cli("audit", "verify", "nowhere", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (2, "verify.unusable")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda: Path("home/keyring").rename("elsewhere"), "key.missing"),
        (lambda: next(Path("home/keyring").iterdir()).chmod(0o644), "key.readable"),
        (lambda: Path("home/keys.db").unlink(), "store.missing"),
    ],
)
def test_a_store_or_key_that_is_not_there_ends_with_code_six(shop, spoil, reason):
    spoil()
    ended = shop("consent", "show", "ada", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (6, reason)


def test_no_home_at_all_ends_with_code_six(cli):
    ended = cli("maintain", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (6, "home.missing")


def test_a_full_disk_ends_with_code_six_and_names_no_path(shop, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "no space", f"/{SECRET}")

    monkeypatch.setattr(privet.policy, "run_tests", full)
    ended = shop("policy", "test", "pack:shop", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (6, "file.unusable")
    assert "ENOSPC" in ended.json["error"]["why"]
    assert SECRET not in ended.out + ended.err


def test_a_bug_is_told_by_its_type_and_never_by_its_values(shop, monkeypatch):
    def bug(*args):
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(privet.policy, "run_tests", bug)
    shown = shop("policy", "test", "pack:shop")
    assert shown.code == 1
    last = shown.err.splitlines()[-1]
    assert last.startswith("error: ZeroDivisionError at privet/cli/policytest.py:")
    assert last.endswith("this is a bug in privet")
    assert "Traceback" not in shown.err
    told = shop("policy", "test", "pack:shop", "--json")
    assert told.json["error"]["why"] == "this is a bug in privet"
    assert SECRET not in shown.out + shown.err + told.out + told.err


def test_an_interrupt_ends_with_code_130(shop, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(maintain, "resolve", interrupted)
    assert shop("maintain").code == 130


@pytest.mark.parametrize(
    "args",
    [
        ("recommend", "ada", "-k", SECRET),
        ("recommend", "ada", SECRET),
        ("recommend", f"--{SECRET}", "ada"),
        (SECRET,),
        ("policy", SECRET),
        ("maintain", "--minutes", SECRET),
        ("ingest", SECRET),
        ("ingest", SECRET, "--event", "purchase", "--purpose", "orders", "--map", "a"),
        ("consent", "answer", SECRET, "--yes", "orders", "--no", "orders", *HOW),
        ("consent", "answer", "ada", "--yes", "orders", "--at", SECRET, *HOW),
        ("audit", "verify", "log", "--anchor", SECRET),
        ("rights", "verify", SECRET),
        ("recommend", "ada\u0000" + SECRET),
        ("recommend", SECRET * 30),
        ("consent", "show", "\udcff" + SECRET),
    ],
)
def test_a_wrong_command_line_ends_with_code_two_and_repeats_no_value(shop, args):
    shown = shop(*args)
    told = shop(*args, "--json")
    assert (shown.code, told.code) == (2, 2)
    assert set(told.json) == {"error"}
    assert SECRET not in shown.out + shown.err + told.out + told.err


def test_a_missing_option_is_named(shop):
    ended = shop("consent", "withdraw", "ada", "recommendations", "--json")
    assert ended.json["error"]["what"] == "--evidence is missing"
    ended = shop("consent", "show", "--json")
    assert ended.json["error"]["what"] == "SUBJECT is missing"


def every_error() -> list[type[errors.PrivetError]]:
    def below(kind):
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    return [k for k in below(errors.PrivetError) if k.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_ends_with_its_own_code_and_json(cli, monkeypatch, kind):
    error = kind("demo", "demo") if kind is errors.MissingExtra else kind("something was refused")

    def refuse(*args):
        raise error

    monkeypatch.setattr(privet.policy, "run_tests", refuse)
    ended = cli("policy", "test", "pack:shop", "--json")
    assert ended.code == kind.exit_code
    assert ended.json == {"error": json.loads(json.dumps(error.to_json()))}
    assert kind.exit_code in range(1, 7)


def test_a_missing_extra_names_what_to_install(cli, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ended = cli("demo", "--json")
    assert ended.code == 2
    assert "privet[demo]" in ended.json["error"]["remedy"]
