"""Where policies come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from privet.errors import InvalidInput, PolicyError
from privet.policy import Atom, compile_documents, load, packs, schema


@pytest.fixture
def folder(tmp_path: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_directory_and_its_policy_are_the_same(folder: Path) -> None:
    assert load(folder) == load(folder / "policy.yaml") == load(str(folder))


def test_the_stored_documents_compile_to_the_same_policy(folder: Path) -> None:
    policy = load(folder)
    assert compile_documents(policy.documents) == policy


def test_the_data_document_is_the_one_named(folder: Path, texts: dict[str, str]) -> None:
    (folder / "data.yaml").rename(folder / "knowledge.yaml")
    (folder / "policy.yaml").write_text(texts["policy"].replace("data.yaml", "knowledge.yaml"))
    assert load(folder).name == "small"
    (folder / "knowledge.yaml").write_text("privet: data/2\n")
    with pytest.raises(PolicyError) as caught:
        load(folder)
    assert {p["file"] for p in caught.value.problems} == {"knowledge.yaml"}


def test_no_name_leads_out_of_the_folder(folder: Path, texts: dict[str, str]) -> None:
    (folder / "policy.yaml").write_text(texts["policy"].replace("data.yaml", "../../secret.yaml"))
    with pytest.raises(PolicyError) as caught:
        load(folder)
    assert "secret" not in str(caught.value.problems)


@pytest.mark.parametrize(
    "ref", ["pack:nothing", "pack:../grocery", "pack:", "pack:grocery/../shop", "pack:GROCERY"]
)
def test_an_unknown_pack_is_refused_with_those_there_are(ref: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load(ref)
    assert caught.value.reason == "policy.pack"
    assert "grocery" in caught.value.remedy


@pytest.mark.parametrize("damage", ["missing", "latin-1", "huge", "fifo", "directory"])
def test_a_document_that_cannot_be_read_is_a_policy_error(folder: Path, damage: str) -> None:
    path = folder / "data.yaml"
    path.unlink()
    if damage == "latin-1":
        path.write_bytes("name: Kröger".encode("latin-1"))
    elif damage == "huge":
        path.write_bytes(b"# \n" * (1 << 20))
    elif damage == "fifo":
        os.mkfifo(path)
    elif damage == "directory":
        path.mkdir()
    with pytest.raises(PolicyError) as caught:
        load(folder)
    assert caught.value.problems
    assert str(folder) not in str(caught.value)


@pytest.mark.parametrize("documents", [{}, {"policy": ""}, {"policy": "", "data": "", "more": ""}])
def test_a_policy_is_two_documents(documents: dict[str, str]) -> None:
    with pytest.raises(PolicyError):
        compile_documents(documents)


def test_the_schemas_name_every_key_and_take_no_other() -> None:
    assert schema("data")["additionalProperties"] is False
    assert "purposes" in schema("policy")["properties"]
    with pytest.raises(InvalidInput):
        schema("other")


def test_every_key_is_explained_in_the_guide() -> None:
    from privet.policy.faults import keys

    guide = (Path(__file__).parents[3] / "docs/policy/write-a-policy.md").read_text()
    assert [key for key in sorted(keys()) if f"`{key}`" not in guide] == []


def test_the_packs_are_listed() -> None:
    assert {"gdpr", "grocery", "shop"} <= set(packs())


def test_the_smallest_pair_of_the_guide_compiles() -> None:
    import re

    guide = (Path(__file__).parents[3] / "docs/policy/write-a-policy.md").read_text()
    data, policy = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)[:2]
    compiled = compile_documents({"data": data, "policy": policy})
    assert compiled.name == "smallest"
    assert compiled.atoms == (Atom("purchase", ("order", "item")),)
