"""Processes that come of one another never seal under the same nonce, and a child holds no key."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.crypto import NONCE_BYTES, Aead, nonces, random_key
from privet.testing import agrees
from privet.types import Warrant

CHILDREN, COUNT = 4, 2000


def drawn() -> list[bytes]:
    """Nonces as bulk calls draw them, as single seals draw them, and keys."""
    aead = Aead(bytes(32))
    one = [aead.seal(b"", b"")[:NONCE_BYTES] for _ in range(COUNT)]
    return nonces(COUNT) + one + [random_key()[:NONCE_BYTES] for _ in range(10)]


def _draw(queue: Any) -> None:
    queue.put(drawn())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_and_their_parent_never_draw_the_same(method: str) -> None:
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    mine = drawn()  # whatever a library keeps between two draws is there when the children come
    children = [context.Process(target=_draw, args=(queue,)) for _ in range(CHILDREN)]
    for child in children:
        child.start()
    everything = mine + drawn() + [n for _ in children for n in queue.get(timeout=60)]
    for child in children:
        child.join()
    assert len(everything) == (CHILDREN + 2) * (2 * COUNT + 10)
    assert len(set(everything)) == len(everything)


def _record(where: str, ring: str, number: int) -> None:
    with privet.open(where, keyring=ring, sync="OFF") as shop:
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        for event in range(20):
            web.record("ada", "view", event_id=f"{number}-{event}", item="kettle")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_two_ciphertexts_of_a_home_share_a_nonce(method: str, tmp_path: Path) -> None:
    where, ring = str(tmp_path / "home"), f"file:{tmp_path / 'ring'}"
    with privet.open(where, policy="pack:shop", keyring=ring, sync="OFF") as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        agrees(shop, "ada", "recommendations")
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        web.record("ada", "view", event_id="before", item="kettle")
        context = multiprocessing.get_context(method)
        children = [context.Process(target=_record, args=(where, ring, n)) for n in range(2)]
        for child in children:
            child.start()
        for event in range(20):
            web.record("ada", "view", event_id=f"mine-{event}", item="kettle")
        for child in children:
            child.join()
            assert child.exitcode == 0
        with shop._parts.home.data.read() as tx:
            seals = [bytes(row[0]) for row in tx.all("SELECT ct FROM cell")]
    # version 1 ‖ generation 2 ‖ layout 2 ‖ nonce 12
    found = [ct[5 : 5 + NONCE_BYTES] for ct in seals]
    assert len(found) >= 61
    assert len(set(found)) == len(found)


def test_a_forked_child_holds_no_key_no_warrant_and_no_connection(
    where: str, tmp_path: Path
) -> None:
    ring = f"file:{tmp_path / 'ring'}"
    with privet.open(where, policy="pack:shop", keyring=ring, sync="OFF") as shop:
        agrees(shop, "ada", "orders")
        till = shop.principal("till", roles=["storefront"]).purpose("orders")
        till.describe("ada", email="ada@mail.example")
        parts, warrant = shop._parts, Warrant.issue(1, "orders", frozenset({1}))
        assert parts.keys.wraps._keks
        assert parts.keys.own._known
        assert warrant.covers(1)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            told: dict[str, object] = {"keks": len(parts.keys.wraps._keks)}
            told["secrets"] = len(parts.keys.own._known)
            told["warrant"] = warrant.covers(1)
            try:
                till.profile("ada", "email")
            except BaseException as error:
                told["read"] = getattr(error, "reason", type(error).__name__)
            os.write(writing, json.dumps(told).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert json.loads(os.read(reading, 1000)) == {
            "keks": 0,
            "secrets": 0,
            "warrant": False,
            "read": "handle.forked",
        }
        assert till.profile("ada", "email") == {"email": "ada@mail.example"}


def test_a_child_opens_for_itself_with_the_keyring_by_name(where: str, tmp_path: Path) -> None:
    ring = f"file:{tmp_path / 'ring'}"
    with privet.open(where, policy="pack:shop", keyring=ring, sync="OFF"):
        child = os.fork()
        if child == 0:
            state = 1
            try:
                with privet.open(where, keyring=ring, sync="OFF") as mine:
                    found = {f.check: f.state for f in mine.maintenance.examine()}
                    state = 0 if found["keyring"] == "ok" else 2
            finally:
                os._exit(state)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_that_holds_a_key_can_be_pickled_or_tells_it(tmp_path: Path) -> None:
    ring = f"file:{tmp_path / 'ring'}"
    with privet.open(tmp_path / "home", policy="pack:shop", keyring=ring, sync="OFF") as shop:
        agrees(shop, "ada", "orders")
        parts = shop._parts
        secret = parts.keys.secret("ref")
        kek = next(iter(parts.keys.wraps._keks.values()))[0]
        (key,) = list(parts.keys.of_subjects([1], range(20)).values())[:1]
        holders = {
            "deployment": shop,
            "parts": parts,
            "keys": parts.keys,
            "wraps": parts.keys.wraps,
            "own": parts.keys.own,
            "keyring": parts.keys.wraps.keyring,
            "kek": kek,
            "subject's key": key,
            "signer": parts.signer,
            "vault": parts.vault,
            "log": parts.log,
        }
        for name, holder in holders.items():
            with pytest.raises(Exception, match=r"pickle|serializ|opened in each"):
                pickle.dumps(holder)
            shown = repr(holder) + str(holder)
            assert secret.hex() not in shown, name
            assert repr(secret)[2:-1] not in shown, name
