"""The verifier runs as a file of its own, far from privet."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from privet.audit import verifier

SOURCE = Path(verifier.__file__)


@pytest.fixture
def run(tmp_path):
    """The copied file in a directory without privet, in Python's isolated mode."""
    copy = shutil.copy(SOURCE, tmp_path / "verifier.py")

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-I", copy, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )

    return call


def test_it_imports_the_standard_library_and_cryptography_alone():
    modules = set()
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            modules.add(str(node.module).partition(".")[0])
    assert modules - set(sys.stdlib_module_names) == {"cryptography"}


def test_an_intact_export_exits_0_and_says_what_it_could_not_know(run, kit, tmp_path):
    root = kit.write(kit.make(300).files(), tmp_path / "export")
    done = run(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("intact: 300 records of privet.dev/")
    assert "no anchor" in done.stdout
    assert "--vkey" in done.stdout


def test_with_anchor_and_key_nothing_is_left_unsaid(run, kit, tmp_path):
    export = kit.make(300)
    root = kit.write(export.files(), tmp_path / "export")
    anchor = tmp_path / "older"
    anchor.write_bytes(export.checkpoint(200))
    done = run(root, "--anchor", anchor, "--vkey", export.signer.vkey)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_a_broken_export_exits_1_and_names_the_record(run, kit, tmp_path):
    export = kit.make(300)
    files = export.files()
    export.bodies[271] = kit.record(271, who=4)
    root = kit.write(files | export.entry_files(), tmp_path / "export")
    done = run(root)
    assert done.returncode == 1
    assert "first bad record: 271" in done.stdout
    verdict = json.loads(run(root, "--json").stdout)
    assert (verdict["ok"], verdict["first_bad"], verdict["size"]) == (False, 271, 300)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nowhere"],
        ["a", "--certificate", "b"],
        ["--certificate", "nowhere"],
        ["--certificate", "."],
        ["export", "--anchor", "nowhere"],
        ["--certificate", "export/checkpoint", "--anchor", "export/checkpoint"],
        ["export", "--vkey", "nonsense"],
        ["export", "--unknown"],
    ],
)
def test_what_cannot_be_judged_exits_2_without_a_traceback(run, kit, tmp_path, arguments):
    kit.write(kit.make(3).files(), tmp_path / "export")
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_certificate_is_judged_by_the_same_file(run, kit, tmp_path):
    content = {"receipt": "r1", "held": []}
    log = kit.erased(9, 4, content)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(kit.certificate(log, 4, content))
    bad.write_bytes(kit.certificate(log, 4, content | {"receipt": "r2"}))
    assert run("--certificate", good, "--vkey", log.signer.vkey).returncode == 0
    assert run("--certificate", bad).returncode == 1


def test_hostile_file_names_cannot_write_on_the_terminal(run, kit, tmp_path):
    root = kit.write(kit.make(3).files(), tmp_path / "export")
    (root / "tile" / "x\x1b[2J\nintact: 3 records\u202e").write_text("")
    (root / "tile" / os.fsdecode(b"\xff\xfe")).write_text("")
    done = run(root)
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert not any(line.startswith("intact") for line in done.stdout.splitlines())


def test_memory_does_not_grow_with_the_log(kit, tmp_path):
    import tracemalloc

    peaks = []
    for count in (2_000, 20_000):
        root = kit.write(kit.make(count).files(), tmp_path / str(count))
        tracemalloc.start()
        assert verifier.verify_directory(root).ok
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5 + 100_000
