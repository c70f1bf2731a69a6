"""The guide to keyrings: its set-up lines run, and what it states is what the code does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from privet.cli.app import app
from privet.cli.checks import EXTRAS
from privet.db import Location
from privet.vault.keyring import DEADLINE_S, aws, guard, open_keyring, specs, transit

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/keyrings.md").read_text(encoding="utf-8")
SECTIONS = dict(
    re.findall(r"^## [\w-]+ \{ #([\w-]+) \}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
)


def blocks(kind: str) -> list[str]:
    """Shell blocks of a section that do more than to install."""
    found = re.findall(r"^```shell\n(.*?)^```", SECTIONS[kind], re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"^pip install .*\n", "", block, flags=re.MULTILINE) for block in found]
    return [block for block in lines if block.strip()]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a block as it stands on the page; each ``privet`` of it in this process, afterwards."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    calls.mkdir()
    command = programs / "privet"
    command.write_text(
        f"#!/bin/sh\nn={calls}/$(ls {calls} | wc -l)\n"
        'env -0 > "$n"; printf "%s\\0" "$@" > "$n.args"\n'
    )
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PRIVET_", "SHOP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def run(block: str) -> list[tuple[list[str], dict[str, str]]]:
        told = subprocess.run(["bash", "-euc", block], capture_output=True, text=True)
        assert told.returncode == 0, told.stdout + told.stderr
        found = sorted(calls.glob("*.args"), key=lambda path: int(path.stem))
        return [(words(path), settings(path.with_suffix(""))) for path in found]

    return run


def words(path: Path) -> list[str]:
    return path.read_text().split("\0")[:-1]


def settings(path: Path) -> dict[str, str]:
    """What a block exported."""
    told = dict(line.partition("=")[::2] for line in words(path))
    return {name: told[name] for name in told if name.startswith("SHOP_")}


@pytest.fixture
def privet(shell, monkeypatch: pytest.MonkeyPatch):
    def run(block: str) -> None:
        done = shell(block)
        assert done
        for args, exported in done:
            for name, value in exported.items():
                monkeypatch.setenv(name, value)
            result = CliRunner().invoke(app, args)
            assert result.exit_code == 0, result.output

    return run


def test_a_home_is_made_with_files_and_doctor_finds_it_well(privet, tmp_path: Path) -> None:
    made, _ = blocks("file")
    privet(made)
    assert len(list((tmp_path / "var/filed-keys").iterdir())) == 1


def test_a_home_is_made_with_files_under_a_passphrase(privet, tmp_path: Path) -> None:
    _, sealed = blocks("file")
    privet(sealed)
    (file,) = (tmp_path / "var/sealed-keys").iterdir()
    assert file.read_bytes().startswith(b"privet-epoch-argon2id-v1 ")


def test_a_home_is_made_with_a_key_in_the_environment(privet, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl: apt-get install openssl")
    (made,) = blocks("env")
    privet(made)
    assert (tmp_path / "var/enved/keys.db").exists()
    assert not (tmp_path / "var/enved/keyring").exists()


def test_a_token_is_made_and_a_keyring_in_it_is_named(shell, monkeypatch) -> None:
    if shutil.which("softhsm2-util") is None:
        pytest.skip("no SoftHSM: apt-get install softhsm2")
    (made,) = blocks("pkcs11")
    ((args, exported),) = shell(made)
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    ring = open_keyring(args[args.index("--keyring") + 1], Location(None, "postgresql://x"))
    assert repr(ring._keyring) == "Pkcs11Keyring(token='shop')"
    assert ring._keyring._pin() == exported["SHOP_PIN"]  # type: ignore[attr-defined]


def test_every_kind_has_a_section_and_every_spec_of_the_page_is_taken() -> None:
    assert set(specs.USES) == set(SECTIONS) & set(specs.USES)
    kinds = "|".join(specs.USES)
    named = re.findall(rf"[\"' ]((?:{kinds}):[^\"'\s`,|]+)[\"'\s`]", PAGE)
    assert len(named) >= 7
    for text in named:
        specs.parse(text)


def test_every_extra_of_the_page_can_be_installed_and_is_known_to_doctor() -> None:
    named = set(re.findall(r"privet\[([\w-]+)\]", PAGE))
    assert named == {"aws", "keyring", "passphrase", "pkcs11", "vault"}
    assert named <= set(EXTRAS)


def test_the_times_of_the_page_are_those_of_the_code() -> None:
    assert f"**within {DEADLINE_S:g} seconds**" in PAGE
    assert guard.SLOTS == 8
    assert "At most eight calls" in PAGE
    kms = (aws._CONNECT_S, aws._READ_S, aws._ATTEMPTS)
    assert "| `aws-kms` | {} s | {} s | {} | 10 s |".format(*kms) in PAGE
    assert f"| `vault` | {transit._CONNECT_S} s | {transit._READ_S} s | 1 | 7 s" in PAGE


def test_every_reason_of_a_refusal_is_told_on_the_page_or_in_the_reference() -> None:
    reference = (ROOT / "docs/reference/reasons.md").read_text(encoding="utf-8")
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted(Path(guard.__file__).parent.glob("*.py"))
    )
    reasons = set(re.findall(r'reason="([a-z.]+)"', code))
    assert len(reasons) >= 18
    assert not {reason for reason in reasons if f"`{reason}`" not in reference}
    asked = {reason for reason in reasons if reason.startswith("key.")} - {
        "key.malformed",
        "key.readable",
    }
    assert not {reason for reason in asked if f"`{reason}`" not in PAGE}
