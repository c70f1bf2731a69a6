"""One border around every keyring: a stated time, typed errors, and answers that are checked.

A provider may be a library, a network or an embedder's own object. Whatever it does, the
caller gets an answer of the right form or one KeyUnavailable, within ``DEADLINE_S``:

- Each call runs on a thread of its own and is waited for no longer than the deadline. A
  library's own timeouts count pauses between bytes, not a whole answer, and say nothing of
  name resolution. A call that is late goes on in the background and its answer is dropped.
- What the provider raises is told anew, in privet's words and without a chain: the original
  carries frames whose locals are keys and requests whose headers are credentials.
- A wrapped key counts only when it was unwrapped again: a provider that may encrypt and not
  decrypt, or that hands back what it was given, is found before anything hangs on it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from privet.crypto import same
from privet.errors import KeyUnavailable, MissingExtra
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Destruction, Keyring

DEADLINE_S: Final = 10.0
"""No call of a keyring takes longer, seconds."""

SLOTS: Final = 8
"""Calls that may be under way at once, so that a provider that hangs holds this many threads."""

METHODS: Final = ("create", "wrap", "unwrap", "destroy", "destroys_within")
_REF_CHARS: Final = 512
T = TypeVar("T")


class Guarded:
    """A keyring behind the border.

    Args:
        keyring: the provider.
        seconds: how long one call may take.

    Raises:
        KeyUnavailable: the object has not the methods of a keyring (``keyring.kind``).
    """

    def __init__(self, keyring: Keyring, seconds: float = DEADLINE_S) -> None:
        self.name: str = _name(keyring)
        self._keyring = keyring
        self._seconds = seconds
        self._slots = threading.BoundedSemaphore(SLOTS)

    def __repr__(self) -> str:
        return f"Guarded({self.name!r})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a keyring cannot be pickled; name it again in each process")

    def create(self) -> str:
        """Make a new secret; its reference."""
        return self._ask(lambda: _ref(self._keyring.create()))

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` wrapped under the secret ``ref``, bound to ``ad``, and seen to open again."""

        def work() -> bytes:
            wrapped = _bytes(self._keyring.wrap(ref, key, ad))
            if key in wrapped or not same(_bytes(self._keyring.unwrap(ref, wrapped, ad)), key):
                raise refusals.failed("what it wrapped did not come back, or was not wrapped")
            return wrapped

        return self._ask(work)

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again."""
        return self._ask(lambda: _bytes(self._keyring.unwrap(ref, wrapped, ad)))

    def destroy(self, ref: str) -> Destruction:
        """Destroy the secret; what the provider says of it."""
        return self._ask(lambda: _destruction(self._keyring.destroy(ref)))

    def destroys_within(self) -> int | None:
        """Microseconds from ``destroy`` until the secret is gone; None where that is not known."""
        return self._ask(lambda: _within(self._keyring.destroys_within()))

    def _ask(self, work: Callable[[], T]) -> T:
        until = time.monotonic() + self._seconds
        if not self._slots.acquire(timeout=self._seconds):
            raise refusals.late(self._seconds)
        call = _Call(work, self._slots)
        if not call.begin():
            self._slots.release()
            raise refusals.failed("no thread can be started for it")
        if not call.done.wait(max(0.0, until - time.monotonic())):
            raise refusals.late(self._seconds)
        # Outside of any `except`: the refusal has neither a cause nor a context.
        if call.refusal is not None:
            raise call.refusal
        (answer,) = call.answer
        return answer


class _Call(Generic[T]):
    """One call on a thread of its own, and how it ended."""

    def __init__(self, work: Callable[[], T], slots: threading.BoundedSemaphore) -> None:
        self.done = threading.Event()
        self.answer: list[T] = []
        self.refusal: KeyUnavailable | MissingExtra | None = None
        self._work, self._slots = work, slots

    def begin(self) -> bool:
        try:
            threading.Thread(target=self._run, name="privet-keyring", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is ending
            return False
        return True

    def _run(self) -> None:
        try:
            self.answer.append(self._work())
        except BaseException as error:
            self.refusal = _anew(error)
        finally:
            self._slots.release()
            self.done.set()


def _anew(error: BaseException) -> KeyUnavailable | MissingExtra:
    """What may be told of an error: privet's own words, or that there was one."""
    if isinstance(error, MissingExtra):
        return MissingExtra(error.what.removesuffix(" needs an optional dependency"), error.extra)
    if isinstance(error, KeyUnavailable):
        return KeyUnavailable(error.what, why=error.why, remedy=error.remedy, reason=error.reason)
    return refusals.failed("it raised an error that is not one of a keyring")


def _name(keyring: Keyring) -> str:
    name = getattr(keyring, "name", None)
    methods = (getattr(keyring, method, None) for method in METHODS)
    if not isinstance(name, str) or not name or not all(callable(m) for m in methods):
        raise refusals.misspelt(
            f"Give a text that names one, or an object with `name` and {', '.join(METHODS)} "
            "(privet.Keyring)."
        )
    return name


def _ref(given: object) -> str:
    if isinstance(given, str) and 0 < len(given) <= _REF_CHARS and given.isprintable():
        return given
    raise refusals.failed("its reference to a secret is not a short text")


def _bytes(given: object) -> bytes:
    if isinstance(given, bytes):
        return given
    raise refusals.failed("what it gave is not bytes")


def _within(given: object) -> int | None:
    if given is None or (type(given) is int and given >= 0):
        return given
    raise refusals.failed("it did not say when a secret is gone")


def _destruction(given: object) -> Destruction:
    if isinstance(given, Destruction):
        return given
    raise refusals.failed("it did not say what became of the secret")
