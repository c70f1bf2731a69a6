"""What a shell sees of a real process: quick help, and standard output for one value alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = {
    "alembic", "cryptography", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic",
    "pyroaring", "rich", "scipy", "sklearn", "sqlalchemy", "sqlmodel", "structlog", "yaml",
}  # fmt: skip
RUN = """
import json, sys
sys.argv = ["privet", *sys.argv[1:]]
from privet.cli import main
try:
    main()
finally:
    print(json.dumps(sorted({m.partition(".")[0] for m in sys.modules})), file=sys.stderr)
"""


def process(tmp_path, *args, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("PRIVET_")} | environment
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, *args],
        capture_output=True,
        cwd=tmp_path,
        env=env,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["consent", "answer", "--help"]])
def test_help_loads_nothing_heavy(tmp_path, args):
    own = HEAVY - {"pydantic"} if len(args) > 1 else HEAVY  # some versions of Typer parse by it
    done = process(tmp_path, *args)
    assert done.returncode == 0
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded.isdisjoint(own), sorted(loaded & own)


def test_the_test_above_sees_what_is_loaded(tmp_path):
    done = process(tmp_path, "policy", "check", "pack:shop")
    assert "yaml" in json.loads(done.stderr.splitlines()[-1])


def test_help_names_every_command(tmp_path):
    text = process(tmp_path, "--help").stdout.decode()
    for command in (
        *("init", "demo", "ingest", "policy", "consent"),
        *("recommend", "audit", "rights", "maintain", "doctor"),
    ):
        assert f"\n  {command} " in text


def test_standard_output_holds_one_json_value_and_nothing_else(tmp_path, made_home):
    where = {"PRIVET_HOME": str(made_home)}
    for args in (["policy", "show"], ["doctor"], ["recommend", "nobody"], ["nonsense"]):
        done = process(tmp_path, *args, "--json", **where)
        assert done.stdout.count(b"\n") == 1
        assert done.stdout.isascii()
        json.loads(done.stdout)


def test_any_text_can_be_shown_whatever_the_locale(tmp_path):
    done = process(tmp_path, "policy", "show", "pack:shop", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert done.returncode == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_traceback(tmp_path, unbuffered):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", RUN, "policy", "check", "pack:shop"],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writing)
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr
    assert b"file.unusable" not in done.stderr  # nothing of the user's is broken
    assert done.returncode == 1
