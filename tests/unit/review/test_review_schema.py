"""The schemas that are published are those of the forms; the packs and their faults fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from privet.errors import InvalidInput
from privet.policy import load, packs
from privet.policy.problems import Problems
from privet.policy.reading import read
from privet.review.keys import page
from privet.review.schemas import published, text

DOCS = Path(__file__).resolve().parents[3] / "docs" / "schema"


@pytest.mark.parametrize("document", ["policy", "data"])
def test_the_published_schema_is_that_of_the_form(document):
    """If not: ``privet policy schema policy > docs/schema/policy.schema.json``, and for data."""
    assert (DOCS / f"{document}.schema.json").read_text() == text(document) + "\n"


@pytest.mark.parametrize("document", ["policy", "data"])
def test_the_page_of_keys_is_that_of_the_form(document):
    """If not: ``privet policy schema policy --md > docs/reference/policy-keys.md``; so for data."""
    told = DOCS.parent / "reference" / f"{document}-keys.md"
    assert told.read_text(encoding="utf-8") == page(document) + "\n"


@pytest.mark.parametrize("document", ["policy", "data"])
def test_every_key_of_every_form_is_on_the_page_with_its_words(document):
    whole, told = published(document), page(document)
    for form in (whole, *whole["$defs"].values()):
        for key, value in form["properties"].items():
            said = value.get("description", "").replace("|", "\\|")
            assert any(
                line.startswith(f"| `{key}` |") and line.endswith(f"| {said} |")
                for line in told.splitlines()
            ), key
    links = set(re.findall(r"\(#([^)]+)\)", told))
    assert links == set(re.findall(r"\{ #([^ ]+) \}", told)) - {f"key-{document}-yaml"}
    assert "text like" not in told  # every form of a value is told in words


def test_another_document_has_no_schema():
    with pytest.raises(InvalidInput):
        text("packs")
    with pytest.raises(InvalidInput):
        page("packs")


def used(form, value, whole, found):
    """Walk a document along its schema and note every key that the schema does not know."""
    if "$ref" in form:
        form = whole["$defs"][form["$ref"].rpartition("/")[2]]
    for choice in form.get("anyOf", []):
        used(choice, value, whole, found)
    if isinstance(value, dict):
        known = form.get("properties", {})
        more = form.get("additionalProperties")
        for key, inner in value.items():
            if key in known:
                used(known[key], inner, whole, found)
                found.add(id(inner))
            elif isinstance(more, dict):
                used(more, inner, whole, found)
                found.add(id(inner))
    elif isinstance(value, list) and "items" in form:
        for inner in value:
            used(form["items"], inner, whole, found)


@pytest.mark.parametrize("pack", packs())
@pytest.mark.parametrize("document", ["policy", "data"])
def test_every_key_of_a_pack_is_in_its_schema(pack, document):
    written = read(load(f"pack:{pack}").documents[document], "x.yaml", Problems())
    assert written is not None
    found: set[int] = set()
    whole = published(document)
    used(whole, written.data, whole, found)
    assert all(id(inner) in found for inner in written.data.values())
    assert whole["additionalProperties"] is False
    assert set(whole["required"]) <= written.data.keys()


def test_a_schema_is_json_of_the_newest_dialect():
    assert json.loads(text("policy"))["$schema"].endswith("2020-12/schema")
    assert "description" in published("policy")["properties"]["permits"]
