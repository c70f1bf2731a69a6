r"""Models as bytes, to be sealed: a JSON header and raw integers, never pickle.

Layout: ``privet-model/1\\n``, length of the header (8 bytes, big-endian), the header as
UTF-8 JSON (kind, params, names, size, arrays as [name, dtype, shape]), then each array's
bytes in C order, little-endian, in the order of the header.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.errors import InvalidInput
from privet.recommend.content import ContentTFIDF
from privet.recommend.ease import EASE
from privet.recommend.hybrid import Hybrid
from privet.recommend.itemitem import ItemItem
from privet.recommend.nextbasket import NextBasket
from privet.recommend.personal import PersonalFrequency
from privet.recommend.popularity import Popularity
from privet.recommend.sparse import SparseEASE
from privet.recommend.state import State, broken, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.features.catalogue import Catalogue
    from privet.recommend.base import Fitted, Recommender

MAGIC = b"privet-model/1\n"
KINDS: Mapping[str, type[Recommender]] = {
    kind.kind: kind
    for kind in (
        ContentTFIDF,
        EASE,
        Hybrid,
        ItemItem,
        NextBasket,
        PersonalFrequency,
        Popularity,
        SparseEASE,
    )
}
"""Every recommender by its kind."""
DTYPES = frozenset({"<i4", "<i8"})


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Artifact:
    """Everything that a trained model consists of.

    Attributes:
        recommender: the method and its parameters.
        names: the entries, so that indices keep their meaning while the catalogue grows.
        state: the exact sums.
    """

    recommender: Recommender
    names: tuple[str, ...]
    state: State

    def __repr__(self) -> str:
        return f"Artifact({self.recommender.kind!r}, entries={len(self.names)})"

    def finish(self, catalogue: Catalogue) -> Fitted:
        """The model that ranks, over the entries it was trained on."""
        return self.recommender.finish(self.state, catalogue, self.names)


def build(kind: str, params: Mapping[str, Any]) -> Recommender:
    """The recommender of a kind with these parameters; undoes ``Recommender.params``.

    Raises:
        InvalidInput: the kind or a parameter is unknown, or a value is out of range.
    """
    if kind not in KINDS:
        raise InvalidInput(
            "there is no recommender of this kind",
            why=f"known are {', '.join(sorted(KINDS))}",
            reason="recommend.kind",
        )
    try:
        return KINDS[kind](**params)
    except TypeError:
        raise InvalidInput(
            f"the parameters do not fit the recommender {kind!r}",
            remedy="Give the parameters that its class documents.",
            reason="recommend.parameter",
        ) from None


def pack(artifact: Artifact) -> bytes:
    """The artifact as canonical bytes: equal models give equal bytes."""
    arrays = {name: canonical(a) for name, a in sorted(artifact.state.arrays.items())}
    header = {
        "kind": artifact.recommender.kind,
        "params": artifact.recommender.params(),
        "names": artifact.names,
        "size": artifact.state.size,
        "arrays": [[name, a.dtype.str, a.shape] for name, a in arrays.items()],
    }
    head = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = (a.tobytes() for a in arrays.values())
    return b"".join((MAGIC, len(head).to_bytes(8, "big"), head, *body))


def unpack(data: bytes) -> Artifact:
    """The artifact back from ``pack``; its arrays are fresh and may be changed.

    Raises:
        IntegrityError: these are not the bytes of a model.
        InvalidInput: the model is of a kind that this version does not know.
    """
    begin = len(MAGIC) + 8
    if data[: len(MAGIC)] != MAGIC or len(data) < begin:
        raise broken("these bytes are not a model")
    end = begin + int.from_bytes(data[len(MAGIC) : begin], "big")
    try:
        header = json.loads(data[begin:end])
        names = tuple(header["names"])
        arrays = _arrays(data, end, header["arrays"])
        state = State(header["size"], arrays)
        kind, params = header["kind"], header["params"]
    except (ValueError, KeyError, TypeError, OverflowError):
        raise broken("the bytes of a model are damaged") from None
    recommender = build(kind, params)
    _check(recommender, names, state)
    return Artifact(recommender, names, state)


def _arrays(data: bytes, at: int, listed: list[list[Any]]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for name, dtype, shape in listed:
        if dtype not in DTYPES:
            raise ValueError(dtype)
        count = math.prod(shape)
        array = np.frombuffer(data, dtype, count, at).reshape(shape)
        arrays[name] = array.astype(array.dtype.newbyteorder("="))
        at += array.nbytes
    if at != len(data):
        raise ValueError(at)
    return arrays


def _check(recommender: Recommender, names: tuple[str, ...], state: State) -> None:
    """Refuse arrays that this recommender would not have made."""
    if len(names) != state.size or not recommender.fits(state):
        raise broken("the arrays of a model do not fit its kind")
