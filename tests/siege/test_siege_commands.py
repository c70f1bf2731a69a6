"""Every command about models and segments, on a fresh home, gives the JSON that its page tells."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import privet
from privet.cli import app
from privet.policy import load
from privet.recommend import KINDS
from privet.segments.codec import KINDS as SEGMENTERS
from privet.testing import agrees

PAGE = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text(encoding="utf-8")
ALONE = ("recommend", "similar", "evaluate")
CUT = (datetime.now(UTC) - timedelta(days=20)).replace(microsecond=0).isoformat()
PEOPLE = [f"person-{n}" for n in range(44)]
PARAMS = {"content": ("--param", 'text=["type"]')}
"""What a kind cannot do without."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the grocery pack with a least size of ten, and people who bought things."""
    place = tmp_path_factory.mktemp("fresh")
    for name, text in load("pack:grocery").documents.items():
        (place / f"{name}.yaml").write_text(text.replace("least: 50", "least: 10"))
    with privet.open(place / "home", policy=place / "policy.yaml", sync="OFF") as shop:
        operator = shop.principal("op", roles=["operator"])
        types = ["TEA", "BREAD", "LAXATIVES", "CIGARETTES", "JAM", "RICE"]
        operator.admin.load_items(
            [{"item": t.lower(), "type": t, "department": "d"} for t in types]
        )
        till = shop.principal("till", roles=["storefront"]).purpose("orders")
        dice, rows = random.Random(4), []
        for n, person in enumerate(PEOPLE):
            agrees(shop, person, "orders", "recommendations", "segmentation", "newsletter")
            till.describe(person, email=f"{person}@example.com")
            for visit in range(3 + 9 * (n % 2)):
                at = datetime.now(UTC) - timedelta(days=dice.randint(1, 80))
                some = dice.sample(types, 3)
                rows += [(person, at, item.lower(), f"{n}-{visit}") for item in some]
        frame = pd.DataFrame(rows, columns=["subject", "at", "item", "basket"])
        frame = frame.assign(quantity=1, value=2, discount=0, coupon=0, store="s")
        operator.purpose("orders").load("purchase", frame, columns={c: c for c in frame})
    return place / "home"


class Line:
    """Runs commands, holds each answer to the page, and knows which were run."""

    def __init__(self) -> None:
        self.runner, self.done = CliRunner(), set[str]()

    def __call__(self, *args: str) -> Any:
        command = args[0] if args[0] in ALONE else " ".join(args[:2])
        self.done.add(command)
        ended = self.runner.invoke(app, [*args, "--json"])
        assert ended.exit_code == 0, (args, ended.stdout, ended.stderr)
        assert not re.search(r"laxatives|person-\d", ended.stdout.casefold()), args
        answer, told = json.loads(ended.stdout), keys_of(command)
        for row in answer if isinstance(answer, list) else [answer]:
            assert not told or set(row) == told, (command, sorted(set(row) ^ told))
        return answer

    def all_of(self, *groups: str) -> bool:
        return self.done == {name for name in commands() if name.split()[0] in groups}


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRIVET_HOME", str(home))
    return Line()


def commands() -> set[str]:
    found: set[str] = set()
    for name, child in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(child, "commands", {})
        found |= {f"{name} {each}" for each in inner} or {name}
    return found


def keys_of(command: str) -> set[str]:
    """The keys that the page tells of; none where it points to another page."""
    section = re.split(rf"^#+ privet {command} \{{", PAGE, flags=re.MULTILINE)[1]
    line = re.search(r"^JSON: (.*?)(?:\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
    assert line, command
    told = re.sub(r"\([^)]*\)", "", line[1])
    if "as of [" in told or "[the model card]" in told.partition(";")[0]:
        return set()
    return set(re.findall(r"`([a-z_]+)`", told.partition("; see")[0]))


def test_every_command_about_models_answers_as_its_page_tells(run: Line, tmp_path: Path) -> None:
    for kind in KINDS:
        how = ("--kind", kind, "--param", 'by="type"', *PARAMS.get(kind, ()))
        trained = run("models", "train", kind, *how, "--until", CUT)
        assert trained["kind"] == kind
        assert run("models", "evaluate", kind, "--cut", CUT) == run("evaluate", kind, "--cut", CUT)
        assert run("models", "serve", kind)["live"]
        page = tmp_path / f"{kind}.html"
        assert run("models", "card", kind, "--out", str(page))["digest"] in page.read_text("utf-8")
        picks = run("recommend", PEOPLE[3], "-k", "9", "--model", kind)["picks"]
        assert {pick["item"] for pick in picks} <= {"TEA", "BREAD", "JAM", "RICE"}
    assert len(run("models", "list")) == len(KINDS)
    assert run("similar", "tea")["picks"]
    run("models", "risk", "ease", "--cut", CUT)
    cut, svg = ("--cut", CUT), str(tmp_path / "c.svg")
    run("models", "curve", "consent", "--kind", "popularity", *cut, "--out", svg)
    run("models", "frontier", "--kind", "item-item", "--floor", "10", *cut)
    run("features", "describe")
    run("features", "compute", "frequency", "share:type", "--to", str(tmp_path / "f.csv"))
    assert "LAXATIVES" not in (tmp_path / "f.csv").read_text()
    assert run.all_of("models", "features", *ALONE)


def test_every_command_about_segments_too(run: Line, tmp_path: Path) -> None:
    features = ("--feature", "frequency", "--feature", "share:type")
    for kind in SEGMENTERS:
        method = kind.removeprefix("segments/")
        trained = run("segments", "train", method, "--method", method, "-k", "2", *features)
        assert trained["subjects"] == len(PEOPLE)
    dense = ("--method", "dbscan", "--param", "radius=3.0", "--param", "people=5")
    assert run("segments", "train", "dbscan", *dense, *features)["segments"] > 0
    tried = run("segments", "choose", "-k", "2", "-k", "3", "--method", "kmeans", *features)
    assert [row["k"] for row in tried] == [2, 3]
    assert run("segments", "serve", "kmeans")["live"]
    shown = run("segments", "show")
    assert sum(row["size"] for row in shown) >= 30
    out = ("--field", "profile.email", "--to", "mailer", "--out", str(tmp_path / "list.csv"))
    assert run("segments", "release", shown[0]["segment"], *out)["people"] >= shown[0]["size"]
    assert run.all_of("segments")
