"""Every Python block of the README, of the documentation and of the docstrings runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import privet

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = Path(privet.__file__).parent


def only_compiles(example: Example) -> None:
    """A block marked ``notest`` needs what a test has not; it must be Python all the same."""
    compile(example.parsed, example.path, "exec")


UNTESTED = CodeBlockParser("python notest", only_compiles)
PAGES = Sybil([PythonCodeBlockParser(), UNTESTED], path=str(ROOT))
DOCSTRINGS = Sybil(
    [DocTestParser(), CodeBlockParser("python", PythonEvaluator()), UNTESTED],
    path=str(INSTALLED),
    document_types={".py": PythonDocStringDocument},
)


def pages() -> list[Path]:
    told = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "policies").glob("*/README.md")]
    return [ROOT / "README.md", *sorted(told)]


def modules_with_examples() -> list[Path]:
    def shows_code(path: Path) -> bool:
        text = path.read_text(encoding="utf-8")
        return ">>> " in text or "```python" in text

    return sorted(path for path in INSTALLED.rglob("*.py") if shows_code(path))


def run(sybil: Sybil, path: Path) -> None:
    document = sybil.parse(path)
    try:
        for example in document.examples():
            example.evaluate()
    finally:
        for value in list(document.namespace.values()):
            if type(value).__module__.startswith("privet.") and hasattr(value, "close"):
                value.close()


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_blocks_of_a_page_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(PAGES, page)


@pytest.mark.parametrize(
    "module", modules_with_examples(), ids=lambda path: str(path.relative_to(INSTALLED))
)
def test_the_examples_of_docstrings_run(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(DOCSTRINGS, module)


def test_the_readme_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(PAGES, ROOT / "README.md")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out == shown


def test_a_block_that_fails_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nassert 1 == 2\n```\n")
    with pytest.raises(AssertionError):
        run(PAGES, page)


def test_a_docstring_that_fails_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "wrong_example.py"
    module.write_text('"""Adds.\n\n>>> 1 + 1\n3\n"""\n')
    with pytest.raises(Exception, match="Expected"):
        run(DOCSTRINGS, module)


def test_a_block_that_is_not_to_run_is_still_python(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python notest\nnot python at all\n```\n")
    with pytest.raises(SyntaxError):
        run(PAGES, page)
