"""The reference tells of every command, option and argument there is, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from privet.cli import app

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def commands():
    """Path of each command to its parameters."""
    found = {}

    def walk(path, command):
        for name, child in getattr(command, "commands", {}).items():
            walk((*path, name), child)
        if path and not hasattr(command, "commands"):
            found[" ".join(path)] = command.params

    walk((), typer.main.get_command(app))
    return found


def sections():
    """Heading of each section to its text; a group's is part of its commands'."""
    parts = re.split(r"^#{2,3} (.+?) \{ #[\w-]+ \}$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


COMMANDS = commands()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_in_its_section(command):
    text = sections()[f"privet {command}"]
    named = set(re.findall(r"`(--?[a-z][a-z-]*|[A-Z]+)\b", text))
    for parameter in COMMANDS[command]:
        name = parameter.opts[-1] if parameter.opts[-1].startswith("-") else parameter.metavar
        assert name.strip("[].…") in named, name


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_tells_of_no_option_that_its_command_does_not_have(command):
    text = sections()[f"privet {command}"]
    rows = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))
    known = {name for parameter in COMMANDS[command] for name in parameter.opts}
    assert set(re.findall(r"`(--?[a-z][a-z-]*)", rows)) <= known


def test_every_section_is_of_a_command():
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    told = {title.removeprefix("privet ") for title in sections() if title.startswith("privet ")}
    assert told == set(COMMANDS) | groups


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_speaks_json(command):
    assert any("--json" in parameter.opts for parameter in COMMANDS[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_help(cli, command):
    ended = cli(*command.split(), "--help")
    assert ended.code == 0
    for parameter in COMMANDS[command]:
        assert parameter.help, parameter.name


def test_every_exit_code_is_documented():
    assert set(re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)) == {
        *(str(code) for code in range(7)),
        "130",
    }
