r"""Segments as bytes, to be sealed: a JSON header and raw integers, never pickle.

Layout: ``privet-segments/1\n``, length of the header (8 bytes, big-endian), the header as
UTF-8 JSON (kind, params, names, arrays as [name, shape]), then each array in the order of
the header, int64, little-endian.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.errors import InvalidInput
from privet.segments.base import Segmenter, broken
from privet.segments.kmeans import KMeans
from privet.segments.methods import (
    DBSCAN,
    HDBSCAN,
    Agglomerative,
    GaussianMixture,
    MiniBatchKMeans,
    Spectral,
)

MAGIC = b"privet-segments/1\n"
METHODS: tuple[type[Segmenter], ...] = (
    Agglomerative,
    DBSCAN,
    GaussianMixture,
    HDBSCAN,
    KMeans,
    MiniBatchKMeans,
    Spectral,
)
KINDS: Mapping[str, type[Segmenter]] = {kind.kind: kind for kind in METHODS}
"""Every segmenter by its kind."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Artifact:
    """Everything that a trained segmentation consists of.

    Attributes:
        segmenter: the method and its parameters.
        names: the columns of a row.
        arrays: what the segments are.
    """

    segmenter: Segmenter
    names: tuple[str, ...]
    arrays: Mapping[str, np.ndarray]

    def __repr__(self) -> str:
        return f"Artifact({self.segmenter.kind!r})"


def build(kind: str, params: Mapping[str, Any]) -> Segmenter:
    """The segmenter of a kind with these parameters; undoes ``Segmenter.params``.

    Raises:
        InvalidInput: the kind or a parameter is unknown, or a value is out of range.
    """
    if kind not in KINDS:
        raise InvalidInput(
            "there is no segmenter of this kind",
            why=f"known are {', '.join(sorted(KINDS))}",
            reason="segments.kind",
        )
    try:
        return KINDS[kind](**params)
    except TypeError:
        raise InvalidInput(
            f"the parameters do not fit the segmenter {kind!r}",
            remedy="Give the parameters that its class documents.",
            reason="segments.parameter",
        ) from None


def pack(artifact: Artifact) -> bytes:
    """The artifact as canonical bytes: equal segments give equal bytes."""
    arrays = {n: np.ascontiguousarray(a, "<i8") for n, a in sorted(artifact.arrays.items())}
    header = {
        "kind": artifact.segmenter.kind,
        "params": artifact.segmenter.params(),
        "names": artifact.names,
        "arrays": [[name, a.shape] for name, a in arrays.items()],
    }
    head = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = (a.tobytes() for a in arrays.values())
    return b"".join((MAGIC, len(head).to_bytes(8, "big"), head, *body))


def unpack(data: bytes) -> Artifact:
    """The artifact back from ``pack``.

    Raises:
        IntegrityError: these are not the bytes of segments.
        InvalidInput: they are of a kind that this version does not know.
    """
    begin = len(MAGIC) + 8
    if data[: len(MAGIC)] != MAGIC or len(data) < begin:
        raise broken("the bytes of segments are damaged")
    end = begin + int.from_bytes(data[len(MAGIC) : begin], "big")
    try:
        header = json.loads(data[begin:end])
        arrays = _arrays(data, end, header["arrays"])
        names, kind, params = tuple(header["names"]), header["kind"], header["params"]
    except (ValueError, KeyError, TypeError, OverflowError):
        raise broken("the bytes of segments are damaged") from None
    return Artifact(build(kind, params), names, arrays)


def _arrays(data: bytes, at: int, listed: list[list[Any]]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for name, shape in listed:
        array = np.frombuffer(data, "<i8", math.prod(shape), at).reshape(shape)
        arrays[name] = array.astype(np.int64)
        at += array.nbytes
    if at != len(data):
        raise ValueError(at)
    return arrays
