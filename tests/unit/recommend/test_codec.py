"""Models as bytes: canonical, without pickle, refused when damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from privet.errors import IntegrityError, InvalidInput
from privet.recommend import (
    EASE,
    Artifact,
    ContentTFIDF,
    History,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
    SparseEASE,
    build,
    from_bytes,
    pack,
    to_bytes,
    unpack,
)
from privet.recommend.codec import MAGIC

MODELS = [
    Popularity(least=7),
    PersonalFrequency(half_life_days=30, basket=None),
    ItemItem(floor=3, by="type"),
    ContentTFIDF(text=("type", "brand")),
    EASE(weights="recency", half_life_days=9),
    SparseEASE(near=7),
    NextBasket(group=3),
]


def artifact(model) -> Artifact:
    some = History(np.array([0, 2]), np.array([0, 1]), np.array([3, 5]))
    state = model.add(model.empty(3), model.contribution(some, 5))
    return Artifact(model, ("a", "b", "ç"), state)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.kind)
def test_an_artifact_comes_back_from_its_bytes(model):
    made = artifact(model)
    again = unpack(pack(made))
    assert again.recommender == model
    assert again.names == made.names
    assert again.state.equal(made.state)
    assert pack(again) == pack(made)
    assert repr(again) == f"Artifact({model.kind!r}, entries=3)"


def test_an_opened_model_can_be_changed():
    held = unpack(pack(artifact(ItemItem())))
    held.recommender.add(held.state, np.array([0, 2], np.int32), sign=-1)
    assert held.state.equal(ItemItem().empty(3))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.kind)
def test_parameters_survive_json(model):
    assert build(model.kind, json.loads(json.dumps(model.params()))) == model


def test_unknown_kinds_and_parameters_are_refused():
    with pytest.raises(InvalidInput) as kind:
        build("oracle", {})
    assert kind.value.reason == "recommend.kind"
    with pytest.raises(InvalidInput) as params:
        build("popularity", {"most": 3})
    assert params.value.reason == "recommend.parameter"


@pytest.mark.parametrize("cut", [0, 5, len(MAGIC) + 3, -1])
def test_a_shortened_model_is_refused(cut):
    with pytest.raises(IntegrityError):
        unpack(pack(artifact(ItemItem()))[:cut])


def test_a_lengthened_model_is_refused():
    with pytest.raises(IntegrityError):
        unpack(pack(artifact(Popularity())) + b"\0")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"<i8"', b'"|O8"'),
        (b'"<i8"', b'"<f8"'),
        (b'"size":3', b'"size":4'),
        (b'"counts"', b'"qounts"'),
        (b"[3]]", b"[4]]"),
        (b'"names"', b'"nemes"'),
        (b"{", b"["),
    ],
)
def test_a_damaged_header_is_refused(old, new):
    data = pack(artifact(Popularity()))
    assert old in data
    with pytest.raises(IntegrityError):
        unpack(data.replace(old, new))


def test_a_contribution_comes_back_from_its_bytes():
    entries = np.array([0, 3, 70_000], np.int32)
    assert to_bytes(entries) == bytes.fromhex("000000000300000070110100")
    np.testing.assert_array_equal(from_bytes(to_bytes(entries)), entries)
    assert not len(from_bytes(b""))


def test_bytes_that_are_no_contribution_are_refused():
    with pytest.raises(IntegrityError):
        from_bytes(b"\0")


@pytest.mark.parametrize("data", [b"\1\0\0\0\0\0\0\0", b"\xff\xff\xff\xff"])
@pytest.mark.parametrize("model", [Popularity(), ItemItem()], ids=lambda m: m.kind)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_contribution_of_another_form_is_refused_by_its_kind(model, data, sign):
    state = model.add(model.empty(3), np.array([0, 1], np.int32))
    before = state.digest()
    with pytest.raises(IntegrityError):
        model.add(state, from_bytes(data), sign=sign)
    assert state.digest() == before


def test_a_digest_tells_states_of_different_form_apart():
    digests = {
        Popularity().empty(2).digest(),
        Popularity().empty(3).digest(),
        ItemItem().empty(2).digest(),
        ItemItem().empty(3).digest(),
    }
    assert len(digests) == 4
