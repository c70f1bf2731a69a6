"""Everything a user can name is documented: errors, public names, policy keys, commands."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import privet
from privet import errors

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs" / "reference"
FACES = (
    "privet",
    "privet.review",
    "privet.recommend",
    "privet.segments",
    "privet.features",
    "privet.testing",
)


def documentation() -> str:
    pages = sorted((ROOT / "docs").rglob("*.md"))
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def keywords(name: str) -> Iterator[tuple[str, ast.expr]]:
    """Every ``name=...`` argument in the package, with where it stands."""
    for path in Path(privet.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == name:
                yield f"{path.name}:{node.value.lineno}", node.value


def error_classes() -> list[type[errors.PrivetError]]:
    def below(kind: type[errors.PrivetError]) -> Iterator[type[errors.PrivetError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    return [kind for kind in below(errors.PrivetError) if kind.__module__ == errors.__name__]


def sections() -> dict[str, str]:
    """Anchor to text, of the error reference."""
    page = (ROOT / "docs" / errors.DOCS).read_text(encoding="utf-8")
    parts = re.split(r"^## .*\{ #([a-z-]+) \}$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_is_explained_under_its_anchor(kind: type[errors.PrivetError]) -> None:
    section = sections()[kind.code.replace(".", "-")]
    assert section.lstrip().startswith(f"`{kind.__name__}`")
    assert f"exit code {kind.exit_code}\n" in section
    assert "**Cause.**" in section
    assert "**Remedy.**" in section
    if kind is not errors.MissingExtra:
        assert kind.remedy_default in section


def test_the_error_reference_explains_no_error_that_does_not_exist() -> None:
    assert set(sections()) == {kind.code.replace(".", "-") for kind in error_classes()}


def test_error_codes_are_unique() -> None:
    codes = [kind.code for kind in error_classes()]
    assert len(codes) == len(set(codes))


def public_names() -> list[str]:
    names = []
    for face in FACES:
        module = importlib.import_module(face)
        names += [f"{face}.{name}" for name in module.__all__ if not name.startswith("__")]
    return names


def test_every_public_name_is_in_the_reference() -> None:
    known = "\n".join(page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md"))
    missing = [
        name
        for name in public_names()
        if not re.search(rf"`(?:[\w.]+\.)?{name.rsplit('.')[-1]}\b", known)
    ]
    assert not missing


def test_every_public_name_has_a_docstring() -> None:
    missing = []
    for name in public_names():
        module, _, attribute = name.rpartition(".")
        value = getattr(importlib.import_module(module), attribute)
        told = inspect.isclass(value) or inspect.isfunction(value)
        if told and not (value.__doc__ or "").strip():
            missing.append(name)
    assert not missing


def document_keys() -> list[str]:
    """Every key of a data or policy document, with its form: ``PurposeForm.retention``."""
    keys = []
    for module in ("privet.policy.dataform", "privet.policy.policyform"):
        for name, form in vars(importlib.import_module(module)).items():
            if (
                isinstance(form, type)
                and form.__module__ == module
                and hasattr(form, "model_fields")
            ):
                keys += [f"{name}.{field.alias or key}" for key, field in form.model_fields.items()]
    return keys


def test_every_key_of_a_document_is_in_the_reference() -> None:
    known = documentation()
    missing = []
    for key in document_keys():
        bare = re.escape(key.partition(".")[2])
        if not re.search(rf"`(?:[\w.-]+\.)?{bare}:?`|^\s*{bare}:", known, re.MULTILINE):
            missing.append(key)
    assert not missing


def reasons() -> set[str]:
    """Every reason that the code names: in calls, and in the tables that give a reason's words."""
    from privet.gate.record import WHY
    from privet.policy.decide import _WHY

    named = {
        node.value
        for _, value in keywords("reason")
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value
    }
    return named | set(WHY) | set(_WHY)


def test_every_reason_is_in_the_reference() -> None:
    page = (REFERENCE / "reasons.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([a-z.-]+)` \|", page, flags=re.MULTILINE))
    assert reasons() <= listed, sorted(reasons() - listed)


def public_methods() -> list[str]:
    return [
        f"{name}.{method}"
        for name in privet.__all__
        for value in [getattr(privet, name)]
        if isinstance(value, type) and not issubclass(value, Exception)
        for method, member in vars(value).items()
        if not method.startswith("_") and (callable(member) or isinstance(member, property))
    ]


def test_every_method_of_the_public_face_is_in_the_reference() -> None:
    page = (REFERENCE / "api.md").read_text(encoding="utf-8")
    parts = re.split(r"^#### `(\w+)`.*$", page, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    missing = []
    for name in public_methods():
        owner, _, method = name.partition(".")
        if not re.search(rf"^\| `{method}[`(]", sections.get(owner, ""), re.MULTILINE):
            missing.append(name)
    assert not missing


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of the command line with its options: ``("audit export", ["--home"])``."""
    from typer.main import get_command

    from privet.cli import app

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
        below = getattr(command, "commands", {})
        if not below:
            yield " ".join(path), [o for p in command.params for o in p.opts if o.startswith("--")]
        for name, child in below.items():
            yield from walk(child, (*path, name))

    return walk(get_command(app), ())


def test_every_command_and_option_is_in_the_reference() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    missing = [f"privet {path}" for path, _ in commands() if f"privet {path}" not in page]
    missing += [f"{path} {o}" for path, options in commands() for o in options if o not in page]
    assert not missing


def nav_pages() -> set[str]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    return set(re.findall(r"[\w/-]+\.md", text.partition("\nnav:")[2]))


def test_every_page_is_in_the_navigation() -> None:
    docs = ROOT / "docs"
    assert nav_pages() == {str(page.relative_to(docs)) for page in docs.rglob("*.md")}


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_reason_is_built_at_run_time() -> None:
    """A reason is a code: one that is put together could carry a value."""
    assert not [where for where, value in keywords("reason") if isinstance(value, ast.JoinedStr)]
