"""Merkle trees as RFC 6962 section 2.1 hashes them and RFC 9162 section 2.1 proves them.

Everything here is a pure function of hashes. A *frontier* is the roots of the
perfect subtrees that a tree of ``size`` leaves falls into, the largest first: one
for each bit set in ``size``, and all that an append needs.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data): a leaf can never pass for a node (RFC 6962, 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right) (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf (or subtree) hashes (RFC 9162, 2.1.1).

    Level by level, an odd last hash moving up as it is: the same tree as the RFC's
    split at the largest power of two, without its recursion.
    """
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def extend(frontier: Sequence[bytes], size: int, leaves: Iterable[bytes]) -> tuple[bytes, ...]:
    """The frontier after ``leaves`` are appended to a tree of ``size`` leaves.

    Args:
        frontier: perfect subtree roots of the tree, the largest first.
        size: leaves in the tree before.
        leaves: leaf hashes in order.
    """
    roots = list(frontier)
    for leaf in leaves:
        right, bits = leaf, size
        while bits & 1:
            right = node_hash(roots.pop(), right)
            bits >>= 1
        roots.append(right)
        size += 1
    return tuple(roots)


def frontier_root(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree that has this frontier."""
    if not frontier:
        return EMPTY_ROOT
    right = frontier[-1]
    for left in reversed(frontier[:-1]):
        right = node_hash(left, right)
    return right


def inclusion_proof(index: int, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """The audit path of leaf ``index`` in the tree over ``hashes`` (RFC 9162, 2.1.3.1).

    Raises:
        InvalidInput: there is no such leaf.
    """
    if not 0 <= index < len(hashes):
        raise InvalidInput("the tree has no leaf of this index", reason="proof.range")
    path = []
    level = list(hashes)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        index >>= 1
    return tuple(path)


def verify_inclusion(
    index: int, size: int, leaf: bytes, path: Sequence[bytes], expected: bytes
) -> bool:
    """Whether ``path`` shows ``leaf`` as leaf ``index`` under ``expected`` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and computed == expected


def consistency_proof(old: int, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """The proof that the tree over the first ``old`` hashes grew into this (RFC 9162, 2.1.4.1).

    Raises:
        InvalidInput: ``old`` is 0 (every tree follows the empty one, so nothing would be
            proved) or more than there are.
    """
    check_sizes(old, len(hashes))
    return tuple(_subproof(old, hashes, whole=True))


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether ``proof`` shows that the old tree is a prefix of the new (RFC 9162, 2.1.4.2).

    Raises:
        InvalidInput: the old tree is empty, or larger than the new.
    """
    check_sizes(old, new)
    if old == new:
        return not proof and old_root == new_root
    # A whole old subtree is known to the verifier, so its root is not sent.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _parents(level: list[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    parents = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    if len(level) & 1:
        parents.append(level[-1])
    return parents


def check_sizes(old: int, new: int) -> None:
    """Raise InvalidInput where a tree of ``old`` leaves says nothing about one of ``new``."""
    if old == 0:
        raise InvalidInput(
            "the empty tree proves nothing about a later one",
            why="every tree is consistent with it",
            remedy="Compare with a checkpoint of at least one record.",
            reason="proof.empty-tree",
        )
    if not 0 < old <= new:
        raise InvalidInput("the older tree is larger than the newer", reason="proof.range")


def _subproof(old: int, hashes: Sequence[bytes], *, whole: bool) -> list[bytes]:
    size = len(hashes)
    if old == size:
        return [] if whole else [root(hashes)]
    split = 1 << (size - 1).bit_length() - 1
    if old <= split:
        return [*_subproof(old, hashes[:split], whole=whole), root(hashes[split:])]
    return [*_subproof(old - split, hashes[split:], whole=False), root(hashes[:split])]
