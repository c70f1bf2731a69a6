"""Which subjects a record is about: listed where few, committed bitmaps where many.

Ordinals fall into chunks of 65,536, a chunk into 64 slices of 128 bytes; a Merkle
root over the slices stands in the record. So one record of a bulk access binds its
exact set, and about 450 bytes prove that one subject is in it or is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from privet.audit.merkle import inclusion_proof, leaf_hash, root, verify_inclusion
from privet.errors import IntegrityError, InvalidInput

LISTED = 64
CHUNK = 65_536
CHUNK_BYTES = CHUNK // 8
SLICE_BYTES = 128
SLICES = CHUNK_BYTES // SLICE_BYTES
MAX_SNO = 2**53 - 1

Bits = Mapping[int, bytes]
"""Chunk number to its 8,192 bytes; the bit of offset o is 1 << (o % 8) of byte o // 8."""


@dataclass(frozen=True, slots=True)
class SubjectSet:
    """A set ready to be recorded.

    Attributes:
        value: the record's ``set``.
        listed: the ordinals, ascending, where they are few.
        chunks: the bitmaps, where they are many.
    """

    value: dict[str, Any]
    listed: tuple[int, ...]
    chunks: Bits


@dataclass(frozen=True, slots=True)
class SetProof:
    """One slice of a committed set and its path to the root: 128 + 32·log2(slices) bytes."""

    bits: bytes
    path: tuple[bytes, ...]


def commit(subjects: Collection[int]) -> SubjectSet:
    """Bind a set of at least one subject.

    Args:
        subjects: distinct ordinals, 0 to 2**53 - 1.

    Raises:
        InvalidInput: the set is empty, or something in it is no ordinal.
    """
    if len(subjects) <= LISTED:
        return _few(subjects)
    try:
        snos = np.fromiter(subjects, dtype=np.int64, count=len(subjects))
    except (TypeError, ValueError, OverflowError):
        raise _no_ordinal() from None
    snos.sort()
    if snos[0] < 0 or snos[-1] > MAX_SNO or (np.diff(snos) == 0).any():
        raise _no_ordinal()
    chunks = _bitmaps(snos)
    value = {
        "n": len(snos),
        "chunks": list(chunks),
        "root": root(_slice_hashes(chunks)).hex(),
    }
    return SubjectSet(value, (), chunks)


def _few(subjects: Collection[int]) -> SubjectSet:
    """The set of a few, listed: one person's is by far the most frequent."""
    try:
        listed = tuple(sorted(map(index, subjects)))
    except TypeError:
        raise _no_ordinal() from None
    if not listed or listed[0] < 0 or listed[-1] > MAX_SNO or len({*listed}) < len(listed):
        raise _no_ordinal()
    return SubjectSet({"n": len(listed), "snos": list(listed)}, listed, {})


def position(sno: int) -> tuple[int, int, int]:
    """Where a subject's bit is: chunk, byte of the chunk (from 0), value of the bit."""
    chunk, offset = divmod(sno, CHUNK)
    return chunk, offset >> 3, 1 << (offset & 7)


def marked(chunks: Bits) -> list[int]:
    """The ordinals whose bits are set, ascending."""
    found: list[int] = []
    for chunk in sorted(chunks):
        bits = np.unpackbits(np.frombuffer(chunks[chunk], np.uint8), bitorder="little")
        found += (np.flatnonzero(bits) + chunk * CHUNK).tolist()
    return found


def prove(value: Mapping[str, Any], chunks: Bits, sno: int) -> SetProof | None:
    """The proof that ``sno`` is, or is not, in a committed set.

    Returns:
        None where the record alone tells: a listed set, or a chunk it does not name.

    Raises:
        IntegrityError: a chunk that the record names is not among ``chunks``.
    """
    place = _slice_index(value, sno)
    if place is None:
        return None
    try:
        hashes = _slice_hashes({chunk: chunks[chunk] for chunk in value["chunks"]})
    except KeyError:
        raise IntegrityError("a chunk of a recorded subject set is missing") from None
    start = place % SLICES * SLICE_BYTES
    bits = chunks[sno // CHUNK][start : start + SLICE_BYTES]
    return SetProof(bits, inclusion_proof(place, hashes))


def contains(value: Mapping[str, Any], sno: int, proof: SetProof | None = None) -> bool:
    """Whether ``sno`` is in the set that a record committed to, by what ``prove`` gave.

    Args:
        value: the ``set`` of a record whose own inclusion has been verified.
        sno: the subject's ordinal.
        proof: what ``prove`` returned.

    Raises:
        IntegrityError: the proof does not lead to the record's root, or is missing.
    """
    if "snos" in value:
        return sno in value["snos"]
    place = _slice_index(value, sno)
    if place is None:
        return False
    size = SLICES * len(value["chunks"])
    expected = bytes.fromhex(value["root"])
    if (
        proof is None
        or len(proof.bits) != SLICE_BYTES
        or not verify_inclusion(place, size, leaf_hash(proof.bits), proof.path, expected)
    ):
        raise IntegrityError(
            "a proof about a subject set is wrong", why="it does not lead to the record's root"
        )
    _, byte, bit = position(sno)
    return bool(proof.bits[byte % SLICE_BYTES] & bit)


def _slice_index(value: Mapping[str, Any], sno: int) -> int | None:
    chunks = value.get("chunks", ())
    chunk, byte, _ = position(sno)
    return SLICES * chunks.index(chunk) + byte // SLICE_BYTES if chunk in chunks else None


def _bitmaps(snos: np.ndarray) -> dict[int, bytes]:
    chunk_of = snos // CHUNK
    numbers = chunk_of[np.concatenate(([True], np.diff(chunk_of) > 0))]
    bits = np.zeros(len(numbers) * CHUNK, dtype=np.uint8)
    bits[np.searchsorted(numbers, chunk_of) * CHUNK + snos % CHUNK] = 1
    packed = np.packbits(bits, bitorder="little").tobytes()
    return {
        number: packed[i * CHUNK_BYTES : (i + 1) * CHUNK_BYTES]
        for i, number in enumerate(numbers.tolist())
    }


def _slice_hashes(chunks: Bits) -> list[bytes]:
    return [
        leaf_hash(bits[start : start + SLICE_BYTES])
        for bits in chunks.values()
        for start in range(0, CHUNK_BYTES, SLICE_BYTES)
    ]


def _no_ordinal() -> InvalidInput:
    return InvalidInput(
        "a subject set was refused",
        why="it is empty, or holds something that is no ordinal",
        remedy="Give at least one distinct ordinal between 0 and 2**53 - 1.",
        reason="record.set",
    )
