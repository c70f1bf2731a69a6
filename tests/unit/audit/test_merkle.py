"""Known values of RFC 6962 implementations, and proofs that must fail."""

from __future__ import annotations

import pytest

from privet.audit import merkle
from privet.errors import InvalidInput

# The inputs and roots that Certificate Transparency's own tests use.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(data) for data in INPUTS]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root([]).hex() == empty
    assert merkle.frontier_root(()).hex() == empty


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_known_ones(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size - 1]
    assert merkle.frontier_root(merkle.extend((), 0, LEAVES[:size])).hex() == ROOTS[size - 1]


def test_an_inclusion_path_is_the_known_one() -> None:
    # Leaf 0 of 8, from the same suite.
    assert [h.hex() for h in merkle.inclusion_proof(0, LEAVES)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_a_consistency_proof_is_the_known_one() -> None:
    # 6 to 8, from the same suite.
    assert [h.hex() for h in merkle.consistency_proof(6, LEAVES)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_the_empty_tree_is_no_old_side_of_a_consistency_proof() -> None:
    with pytest.raises(InvalidInput) as caught:
        merkle.consistency_proof(0, LEAVES)
    assert caught.value.reason == "proof.empty-tree"
    with pytest.raises(InvalidInput):
        merkle.verify_consistency(0, 8, merkle.EMPTY_ROOT, merkle.root(LEAVES), [])


def test_a_larger_old_tree_is_refused() -> None:
    with pytest.raises(InvalidInput):
        merkle.consistency_proof(9, LEAVES)


@pytest.mark.parametrize("index", [-1, 8])
def test_a_leaf_that_is_not_there_has_no_proof(index: int) -> None:
    with pytest.raises(InvalidInput):
        merkle.inclusion_proof(index, LEAVES)
    assert not merkle.verify_inclusion(index, 8, LEAVES[0], [], merkle.root(LEAVES))


def test_a_node_never_passes_for_a_leaf() -> None:
    left, right = LEAVES[:2]
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


def test_equal_trees_are_consistent_without_a_proof_only() -> None:
    root = merkle.root(LEAVES)
    assert merkle.verify_consistency(8, 8, root, root, [])
    assert not merkle.verify_consistency(8, 8, root, root, [root])
    assert not merkle.verify_consistency(8, 8, LEAVES[0], root, [])
    assert not merkle.verify_consistency(3, 8, root, root, [])
