"""Everything that a live deployment is made of: no object tells a key by its repr or its pickle."""

from __future__ import annotations

import gc
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.testing import agrees
from privet.vault.keyroom.own import SECRETS
from privet.vault.keyroom.wrapping import Wraps
from privet.vault.subjects import _Version


@pytest.fixture
def alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, list[bytes]]]:
    """A deployment in use, and every key that it has unwrapped."""
    keys: list[bytes] = []
    unwrap = Wraps.unwrap

    def watching(self: Wraps, *args: Any) -> bytes:
        keys.append(unwrap(self, *args))
        return keys[-1]

    ring = f"file:{tmp_path / 'ring'}"
    with privet.open(tmp_path / "home", policy="pack:shop", keyring=ring, sync="OFF") as shop:
        agrees(shop, "ada", "orders")
        till = shop.principal("till", roles=["storefront"]).purpose("orders")
        till.describe("ada", email="ada@mail.example")
        with monkeypatch.context() as patched:
            patched.setattr(Wraps, "unwrap", watching)
            shop._parts.keys.forget()
            till.profile("ada", "email")
            for name in SECRETS:
                shop._parts.keys.secret(name)
        assert len(set(keys)) > len(SECRETS)
        yield shop, list(set(keys))


def objects() -> Iterator[object]:
    for one in gc.get_objects():
        if str(type(one).__module__).startswith("privet."):
            yield one


def pickled(one: object) -> bytes:
    try:
        return pickle.dumps(one)
    except Exception:  # most of them refuse, each in its way
        return b""


def test_no_object_of_a_live_deployment_tells_a_key(alive) -> None:
    _, keys = alive
    looked = betrayed = 0
    for one in objects():
        looked += 1
        try:
            shown = repr(one)
        except Exception:  # half-made objects of other tests
            continue
        raw = pickled(one)
        betrayed += any(
            key.hex() in shown or repr(key)[2:-1] in shown or key in raw for key in keys
        )
    assert looked > 100
    assert not betrayed


def test_the_look_would_find_a_key(alive) -> None:
    _, keys = alive
    assert repr(keys[0])[2:-1] in repr(keys)
    assert keys[0] in pickled(keys)


def test_a_version_of_the_index_hides_its_key_and_stays_in_its_process(alive) -> None:
    _, keys = alive
    held = _Version(1, keys[0])
    assert repr(keys[0])[2:-1] not in repr(held)
    with pytest.raises(TypeError):
        pickle.dumps(held)


def test_a_closed_deployment_holds_no_key_though_somebody_holds_it(alive) -> None:
    shop, _ = alive
    assert shop._parts.keys.wraps._keks
    shop.close()
    assert not shop._parts.keys.wraps._keks
    assert not shop._parts.keys.own._known


def test_no_traceback_of_a_refusal_tells_a_key(alive, tmp_path: Path) -> None:
    """Also with the locals of every frame, as error trackers collect them."""
    shop, keys = alive
    (file,) = (tmp_path / "ring").iterdir()
    file.rename(tmp_path / "away")
    till = shop.principal("till", roles=["storefront"]).purpose("orders")
    shop._parts.keys.forget()
    with pytest.raises(privet.KeyUnavailable) as caught:
        till.profile("ada", "email")
    assert caught.value.__traceback__ is not None
    frames = caught.value.__traceback__.tb_next  # all but this test's own
    told = traceback.TracebackException(
        type(caught.value), caught.value, frames, capture_locals=True
    )
    text = "".join(told.format())
    assert not [key for key in keys if key.hex() in text or repr(key)[2:-1] in text]
