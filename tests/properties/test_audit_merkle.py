"""The level-by-level tree against the RFC's own recursive definition."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from privet.audit import merkle


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def tree(size: int) -> list[bytes]:
    return [sha256(b"%d" % i).digest() for i in range(size)]


@given(st.integers(0, 600))
def test_the_root_is_the_recursive_one(size: int) -> None:
    assert merkle.root(tree(size)) == naive_root(tree(size))


@given(st.lists(st.integers(0, 70), max_size=6))
def test_a_frontier_grown_in_any_steps_gives_the_same_root(steps: list[int]) -> None:
    leaves, frontier, size = tree(sum(steps)), (), 0
    for step in steps:
        frontier = merkle.extend(frontier, size, leaves[size : size + step])
        size += step
        assert len(frontier) == size.bit_count()
    assert merkle.frontier_root(frontier) == naive_root(leaves)


@given(st.integers(1, 300), st.data())
def test_inclusion_is_proved_for_the_leaf_and_no_other(size: int, data: st.DataObject) -> None:
    leaves = tree(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(index, leaves)
    root = naive_root(leaves)
    assert list(path) == naive_path(index, leaves)
    assert merkle.verify_inclusion(index, size, leaves[index], path, root)
    assert not merkle.verify_inclusion(index, size, merkle.leaf_hash(b"other"), path, root)
    assert not merkle.verify_inclusion(index, size, leaves[index], [*path, root], root)
    if path:
        assert not merkle.verify_inclusion(index, size, leaves[index], path[:-1], root)
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        assert not merkle.verify_inclusion(other, size, leaves[index], path, root)


@given(st.integers(1, 300), st.data())
def test_growth_is_proved_and_a_rewritten_past_is_not(new: int, data: st.DataObject) -> None:
    leaves = tree(new)
    old = data.draw(st.integers(1, new))
    proof = merkle.consistency_proof(old, leaves)
    old_root, root = naive_root(leaves[:old]), naive_root(leaves)
    assert merkle.verify_consistency(old, new, old_root, root, proof)
    rewritten = [merkle.leaf_hash(b"rewritten"), *leaves[1:old]]
    assert not merkle.verify_consistency(old, new, naive_root(rewritten), root, proof)
    for i in range(len(proof)):
        broken = [*proof[:i], sha256(proof[i]).digest(), *proof[i + 1 :]]
        assert not merkle.verify_consistency(old, new, old_root, root, broken)
    if proof:
        assert not merkle.verify_consistency(old, new, old_root, root, proof[:-1])
    assert not merkle.verify_consistency(old, new, old_root, root, [*proof, root])
