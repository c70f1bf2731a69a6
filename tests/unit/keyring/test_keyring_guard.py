"""The border around every keyring: in time, in privet's words, and answers of the right form."""

from __future__ import annotations

import pickle
import threading
import time
import traceback

import pytest

from privet.errors import IntegrityError, KeyUnavailable, MissingExtra
from privet.vault import Destruction, FileKeyring
from privet.vault.keyring import DEADLINE_S, Guarded, aws, guard, transit

KEY = bytes(range(200, 232))
SHORT = 0.2
CANARY = "hvs.canary-credential"


class Ring:
    """A keyring whose every answer a test may replace."""

    name = "ours"

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def _told(self, what, usual):
        self.asked.append(what)
        answer = self.answers.get(what, usual)
        return answer() if callable(answer) else answer

    def create(self):
        return self._told("create", "one")

    def wrap(self, ref, key, ad):
        return self._told("wrap", b"(" + key[::-1] + b")")

    def unwrap(self, ref, wrapped, ad):
        return self._told("unwrap", wrapped[1:-1][::-1])

    def destroy(self, ref):
        return self._told("destroy", Destruction(None, "nothing"))

    def destroys_within(self):
        return self._told("destroys_within", 5)


def reason(act) -> str:
    with pytest.raises(KeyUnavailable) as caught:
        act()
    return caught.value.reason


def test_every_call_is_passed_on() -> None:
    ring = Guarded(Ring())
    assert ring.create() == "one"
    assert ring.unwrap("one", ring.wrap("one", KEY, b"ad"), b"ad") == KEY
    assert ring.destroy("one") == Destruction(None, "nothing")
    assert ring.destroys_within() == 5
    assert ring.name == "ours"


@pytest.mark.parametrize("what", ["create", "wrap", "unwrap", "destroy"])
def test_a_keyring_that_hangs_is_left_behind_at_the_deadline(what) -> None:
    stop = threading.Event()
    ring = Guarded(Ring(**{what: stop.wait}), SHORT)
    calls = {
        "create": ring.create,
        "wrap": lambda: ring.wrap("one", KEY, b""),
        "unwrap": lambda: ring.unwrap("one", b"", b""),
        "destroy": lambda: ring.destroy("one"),
    }
    begun = time.monotonic()
    assert reason(calls[what]) == "key.timeout"
    assert time.monotonic() - begun < SHORT + 1
    stop.set()


def test_a_keyring_that_hangs_holds_a_few_threads_and_comes_back() -> None:
    stop = threading.Event()
    ring = Guarded(Ring(create=lambda: stop.wait(20) and "late"), 0.05)
    before = threading.active_count()
    for _ in range(guard.SLOTS + 4):
        assert reason(ring.create) == "key.timeout"
    assert threading.active_count() - before <= guard.SLOTS
    stop.set()
    patient = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < patient:
        time.sleep(0.005)
    assert ring.create() == "late"


def test_the_stated_time_covers_what_the_libraries_wait_for() -> None:
    assert DEADLINE_S == 10.0
    assert aws._ATTEMPTS * (aws._CONNECT_S + aws._READ_S) <= DEADLINE_S
    assert transit._CONNECT_S + transit._READ_S <= DEADLINE_S


def failing(error):
    def raising():
        secret_local = KEY  # what a library keeps in its frames
        raise error from ValueError(CANARY + secret_local.hex())

    return raising


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(CANARY),
        IntegrityError(CANARY),
        KeyboardInterrupt(CANARY),
        SystemExit(CANARY),
        OSError(5, CANARY),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_provider_raises_is_told_anew_without_a_chain(error, caplog) -> None:
    ring = Guarded(Ring(unwrap=failing(error)))
    with pytest.raises(KeyUnavailable) as caught:
        ring.unwrap("one", b"wrapped", b"ad")
    refusal = caught.value
    assert refusal.reason == "key.failed"
    assert refusal.__cause__ is None
    assert refusal.__context__ is None
    frames = refusal.__traceback__.tb_next  # all but this test's own
    told = traceback.TracebackException(type(refusal), refusal, frames, capture_locals=True)
    everything = "".join(told.format()) + repr(refusal) + caplog.text
    assert CANARY not in everything
    assert KEY.hex() not in everything
    assert repr(KEY) not in everything


def test_a_refusal_of_a_keyring_keeps_its_reason_and_a_missing_extra_its_name() -> None:
    gone = KeyUnavailable("it is gone", why="for good", remedy="Nothing.", reason="key.missing")
    ring = Guarded(Ring(unwrap=failing(gone), create=failing(MissingExtra("a keyring", "aws"))))
    with pytest.raises(KeyUnavailable, match="it is gone: for good") as caught:
        ring.unwrap("one", b"", b"")
    assert caught.value.reason == "key.missing"
    assert caught.value.__cause__ is None
    with pytest.raises(MissingExtra, match=r"a keyring needs .*privet\[aws\]") as extra:
        ring.create()
    assert extra.value.extra == "aws"


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("create", ""),
        ("create", "x" * 513),
        ("create", "line\nfeed"),
        ("create", 7),
        ("wrap", None),
        ("wrap", "text"),
        ("wrap", b"prefix" + KEY),
        ("wrap", b"another"),
        ("unwrap", None),
        ("unwrap", bytearray(32)),
        ("destroy", None),
        ("destroy", 5),
        ("destroys_within", -1),
        ("destroys_within", True),
        ("destroys_within", 1.5),
    ],
)
def test_an_answer_of_another_form_is_refused(what, answer) -> None:
    ring = Guarded(Ring(**{what: answer}))
    calls = {
        "create": ring.create,
        "wrap": lambda: ring.wrap("one", KEY, b""),
        "unwrap": lambda: ring.unwrap("one", b"", b""),
        "destroy": lambda: ring.destroy("one"),
        "destroys_within": ring.destroys_within,
    }
    assert reason(calls[what]) == "key.failed"


def test_a_keyring_that_hands_the_key_back_is_refused_though_it_comes_back() -> None:
    ring = Guarded(Ring(wrap=b"(" + KEY + b")", unwrap=KEY))
    assert reason(lambda: ring.wrap("one", KEY, b"")) == "key.failed"


def test_a_keyring_that_may_wrap_and_not_unwrap_is_found_before_anything_hangs_on_it() -> None:
    denied = KeyUnavailable("no", reason="key.denied")
    ring = Guarded(Ring(unwrap=failing(denied)))
    assert reason(lambda: ring.wrap("one", KEY, b"")) == "key.denied"


@pytest.mark.parametrize("given", [object(), 7, Ring, type("Half", (), {"name": "half"})()])
def test_an_object_without_the_methods_of_a_keyring_is_refused(given) -> None:
    if given is Ring:
        given = Ring()
        given.name = ""
    assert reason(lambda: Guarded(given)) == "keyring.kind"


def test_a_thread_that_cannot_be_started_is_told(monkeypatch) -> None:
    def start(self):
        raise RuntimeError("can't start new thread")

    ring = Guarded(Ring())
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        for _ in range(guard.SLOTS + 1):
            assert reason(ring.create) == "key.failed"
    assert ring.create() == "one"


def test_a_guarded_keyring_says_its_name_alone_and_cannot_be_pickled(tmp_path) -> None:
    ring = Guarded(FileKeyring(tmp_path / "canary-place"))
    assert "canary" not in repr(ring)
    with pytest.raises(TypeError):
        pickle.dumps(ring)
