"""Whatever is wrapped: it comes back for its place alone, and nothing else opens it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import privet
from privet.vault.keyring import Guarded, specs

KEYS = st.binary(min_size=32, max_size=32)
ADS = st.binary(min_size=0, max_size=96)


@pytest.fixture(scope="module", params=["file", "env"])
def ring(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[privet.Keyring]:
    if request.param == "file":
        yield privet.FileKeyring(tmp_path_factory.mktemp("ring") / "keys")
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PROPERTY_KEY", base64.b64encode(os.urandom(32)).decode())
        yield privet.EnvironmentKeyring("PROPERTY_KEY")


@given(key=KEYS, ad=ADS, other=ADS)
def test_a_key_comes_back_for_its_place_alone(ring, key, ad, other) -> None:
    ref = ring.create()
    wrapped = ring.wrap(ref, key, ad)
    assert ring.unwrap(ref, wrapped, ad) == key
    if other != ad:
        with pytest.raises(privet.KeyUnavailable):
            ring.unwrap(ref, wrapped, other)


@given(key=KEYS, data=st.data())
def test_no_changed_byte_opens(ring, key, data) -> None:
    ref = ring.create()
    wrapped = bytearray(ring.wrap(ref, key, b"ad"))
    at = data.draw(st.integers(0, len(wrapped) - 1))
    wrapped[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(privet.KeyUnavailable):
        ring.unwrap(ref, bytes(wrapped), b"ad")


@given(garbage=st.binary(max_size=200))
def test_garbage_is_refused_as_every_refusal_is(ring, garbage) -> None:
    ref = ring.create()
    for asked in (ref, garbage.hex(), "", "/" + ref):
        with pytest.raises(privet.KeyUnavailable) as caught:
            ring.unwrap(asked, garbage, b"ad")
        assert caught.value.reason in {"key.foreign", "key.missing", "key.malformed"}


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_spec(text) -> None:
    for kind in ("", *specs.USES):
        try:
            found = specs.parse(f"{kind}:{text}" if kind else text)
        except privet.KeyUnavailable as refusal:
            assert refusal.reason == "keyring.kind"
        else:
            assert found.kind in specs.USES
            assert found.place


class Life(RuleBasedStateMachine):
    """Secrets made, used and destroyed in any order, against what should be there."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(os.environ["PROPERTY_PLACE"]) / os.urandom(6).hex()
        self.ring = Guarded(privet.FileKeyring(self.place))
        self.live: dict[str, list[tuple[bytes, bytes]]] = {}
        self.dead: dict[str, list[tuple[bytes, bytes]]] = {}

    @rule()
    def create(self) -> None:
        ref = self.ring.create()
        assert ref not in self.live
        assert ref not in self.dead
        self.live[ref] = []

    @rule(key=KEYS, pick=st.integers(0, 99))
    def wrap(self, key: bytes, pick: int) -> None:
        if self.live:
            ref = sorted(self.live)[pick % len(self.live)]
            self.live[ref].append((key, self.ring.wrap(ref, key, ref.encode())))

    @rule(pick=st.integers(0, 99))
    def destroy(self, pick: int) -> None:
        known = sorted({*self.live, *self.dead})
        if known:
            ref = known[pick % len(known)]
            assert self.ring.destroy(ref).date is not None
            self.dead[ref] = self.live.pop(ref, None) or self.dead.get(ref, [])

    @rule()
    def reopen(self) -> None:
        self.ring = Guarded(privet.FileKeyring(self.place))

    @invariant()
    def the_living_open_and_the_destroyed_do_not(self) -> None:
        for ref, wrapped in self.live.items():
            for key, one in wrapped[-2:]:
                assert self.ring.unwrap(ref, one, ref.encode()) == key
        for ref, wrapped in self.dead.items():
            for _, one in wrapped[-1:]:
                with pytest.raises(privet.KeyUnavailable):
                    self.ring.unwrap(ref, one, ref.encode())


def test_any_order_of_steps_keeps_the_living_and_only_them(tmp_path, monkeypatch) -> None:
    from hypothesis import settings
    from hypothesis.stateful import run_state_machine_as_test

    monkeypatch.setenv("PROPERTY_PLACE", str(tmp_path))
    run_state_machine_as_test(Life, settings=settings(max_examples=15, stateful_step_count=20))
