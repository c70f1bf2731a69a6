"""A notice as a document: what is read, hashed and refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from privet.errors import PolicyError
from privet.notices import compare, load_notice, read_notice
from privet.policy import load, packs

SHOP = load_notice("pack:shop")


def changed(old: str, new: str) -> str:
    assert old in SHOP.document
    return SHOP.document.replace(old, new)


def refused(document: str) -> dict[str, str | int]:
    with pytest.raises(PolicyError) as caught:
        read_notice(document)
    assert caught.value.reason == "notice.invalid"
    return caught.value.problems[0]


def test_a_notice_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "n.md"
    path.write_text(SHOP.document, encoding="utf-8")
    assert load_notice(path).hash == hashlib.sha256(path.read_bytes()).hexdigest() == SHOP.hash
    assert SHOP.label == "shop/2026-11/en"
    assert read_notice(changed("seven", "7")).hash != SHOP.hash


@pytest.mark.parametrize("pack", packs())
def test_a_pack_tells_all_that_it_permits(pack: str) -> None:
    policy = load(f"pack:{pack}")
    if policy.protects:  # a law has nobody of its own to tell anything
        with pytest.raises(PolicyError):
            load_notice(f"pack:{pack}")
        return
    assert compare(policy, [load_notice(f"pack:{pack}")]) == ()


def test_a_translation_tells_the_same_in_other_words() -> None:
    german = load_notice("pack:shop/de")
    assert (german.head, german.version) == (SHOP.head, SHOP.version)
    assert german.hash != SHOP.hash
    assert german.shown != SHOP.shown


def test_the_rendered_form_has_both_answers_and_neither_is_ticked() -> None:
    question = SHOP.purposes["newsletter"].text
    assert f"{question}\n( ) Yes, please\n( ) No, thank you\n" in SHOP.rendered
    assert "(x)" not in SHOP.rendered
    statement = SHOP.purposes["orders"].text
    assert f"{statement}\n( )" not in SHOP.rendered  # nothing to choose: it is no consent
    assert SHOP.shown == hashlib.sha256(SHOP.rendered.encode()).hexdigest()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('yes: "Yes, please"', 'yes: "No, thank you"', "equal weight"),
        ('no: "No, thank you"', f'no: "{"I would rather not " * 4}"', "equal weight"),
        ("ask: May we send you news by e-mail?", "other: x", "key"),
        (
            "ask: May we send you news by e-mail?",
            "ask: May we suggest products from what you bought and looked at here?",
            "same words",
        ),
        ("    ask: May we send you news by e-mail?\n", "", "neither asked for nor told of"),
        ("language: en", "language: english", ""),
        ("language: en", "language: en\ngrace: 30d", "`grace` without"),
        ("seven", "se\u202even", "reorder"),
        ("seven", "se\u0007ven", "control"),
        ("seven", "se\u0301ven", "NFC"),
        ("retention: 2y", "retention: 2 years", ""),
        ("categories: [contact]", "categories: []", ""),
    ],
)
def test_what_is_refused_names_its_line(old: str, new: str, word: str) -> None:
    fault = refused(changed(old, new))
    assert word in str(fault["what"])
    assert isinstance(fault["line"], int)
    assert new not in str(fault) or len(new) < 3


def test_lines_count_from_the_top_of_the_document() -> None:
    document = changed("retention: 2y", "retention: 2 years")
    line = 1 + document.split("\n").index("    retention: 2 years")
    assert refused(document)["line"] == line


@pytest.mark.parametrize(
    "document",
    [
        "",
        "no head",
        "---\nprivet: notice/1\n",
        "---\n---\n",
        "---\n- a\n---\ntext",
        "---\n&a x\n---\n",
    ],
)
def test_a_document_of_another_form_is_refused(document: str) -> None:
    refused(document)


def test_a_notice_without_words_is_refused() -> None:
    head = SHOP.document.partition("\n---\n")[0]
    assert "no text" in str(refused(f"{head}\n---\n  \n")["what"])


def test_a_notice_as_long_as_a_book_is_refused() -> None:
    assert "longer" in str(refused(SHOP.document + "x" * (256 << 10))["what"])


@pytest.mark.parametrize(
    "place", ["missing.md", ".", "pack:none", "pack:shop/../../x", "pack:shop/fr"]
)
def test_a_place_without_a_notice_is_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError) as caught:
        load_notice(place)
    assert caught.value.reason == "notice.invalid"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.md"
    path.write_bytes(b"---\n\xff\n---\n")
    with pytest.raises(PolicyError):
        load_notice(path)
