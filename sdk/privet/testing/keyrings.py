"""What every keyring promises, tried on one: privet's own, or one that you wrote."""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from privet.errors import KeyUnavailable
from privet.testing.forms import forms

if TYPE_CHECKING:
    from privet.vault import Destruction, Keyring

_KEY_BYTES, _AD_BYTES = 32, 80
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def check_keyring(keyring: Keyring) -> None:
    """Make secrets at a keyring, wrap with them, try what must be refused, and destroy them.

    Run it against a place for tests: at a provider that keeps deleted keys for a while, as AWS
    KMS does, two stay behind. A secret that is said to be gone only from a later date on is
    not tried after its destruction.

    Args:
        keyring: the object you would give to ``privet.open(keyring=...)``.

    Raises:
        AssertionError: a promise of ``privet.Keyring`` does not hold; the text says which.
        KeyUnavailable: the keyring gives nothing at all.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from privet import FileKeyring
        >>> check_keyring(FileKeyring(Path(mkdtemp()) / "keys"))
    """
    _claim(_NAME.fullmatch(keyring.name) is not None, "its name is a short code")
    first, second = keyring.create(), keyring.create()
    _claim(first != second, "a reference is never given twice")
    key, ad = os.urandom(_KEY_BYTES), os.urandom(_AD_BYTES)
    wrapped = keyring.wrap(first, key, ad)
    _check_wrapping(keyring, first, key, ad, wrapped)
    _check_refusals(keyring, (first, second), key, ad, wrapped)
    _check_threads(keyring, first, key, ad, wrapped)
    _claim(not _betrays(repr(keyring), key), "its repr tells no key")
    told = _check_destruction(keyring, first, key, ad, wrapped)
    _claim(
        keyring.unwrap(second, keyring.wrap(second, key, ad), ad) == key,
        "destroying one secret leaves the others",
    )
    last = keyring.destroy(second)
    _claim((last.date is None) == (told.date is None), "it states dates always, or never")


def _check_wrapping(keyring: Keyring, ref: str, key: bytes, ad: bytes, wrapped: bytes) -> None:
    _claim(isinstance(wrapped, bytes), "what is wrapped is bytes")
    _claim(not _betrays(wrapped.decode("latin-1"), key), "what is wrapped tells no key")
    _claim(keyring.unwrap(ref, wrapped, ad) == key, "a wrapped key comes back")
    _claim(keyring.wrap(ref, key, ad) != wrapped, "wrapping is randomised")


def _check_refusals(
    keyring: Keyring, refs: tuple[str, str], key: bytes, ad: bytes, wrapped: bytes
) -> None:
    first, second = refs
    swapped = bytes([ad[0] ^ 1]) + ad[1:]
    tries: dict[str, Callable[[], object]] = {
        "for another place": lambda: keyring.unwrap(first, wrapped, swapped),
        "for no place": lambda: keyring.unwrap(first, wrapped, b""),
        "with another secret": lambda: keyring.unwrap(second, wrapped, ad),
        "cut short": lambda: keyring.unwrap(first, wrapped[:-1], ad),
        "empty": lambda: keyring.unwrap(first, b"", ad),
        "under a reference it never gave": lambda: keyring.unwrap(f"no-{first}", wrapped, ad),
    }
    for at in (0, len(wrapped) // 2, len(wrapped) - 1):
        changed = wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :]
        tries[f"changed at byte {at}"] = partial(keyring.unwrap, first, changed, ad)
    for name, act in tries.items():
        _check_refusal(act, f"a wrapped key is refused {name}", key)


def _check_refusal(act: Callable[[], object], promise: str, key: bytes) -> None:
    try:
        act()
    except KeyUnavailable as refusal:
        text = "".join(traceback.format_exception(refusal)) + repr(refusal)
        _claim(not _betrays(text, key), "no error tells a key")
    except Exception as error:
        raise AssertionError(
            f"{promise}, by KeyUnavailable and not {type(error).__name__}"
        ) from error
    else:
        raise AssertionError(f"{promise}: it was not")


def _check_threads(keyring: Keyring, ref: str, key: bytes, ad: bytes, wrapped: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(keyring.unwrap, ref, wrapped, ad) for _ in range(8)]
        _claim(all(one.result() == key for one in asked), "several threads may ask")


def _check_destruction(
    keyring: Keyring, ref: str, key: bytes, ad: bytes, wrapped: bytes
) -> Destruction:
    from privet.vault import Destruction

    within = keyring.destroys_within()
    told = keyring.destroy(ref)
    _claim((within is None) == (told.date is None), "a date is known ahead, or never stated")
    _claim(isinstance(told, Destruction), "destroying says what became of the secret")
    _claim(bool(told.evidence.strip()), "destroying says how")
    if told.date is not None and told.date <= time.time() * 1_000_000:
        _check_refusal(
            lambda: keyring.unwrap(ref, wrapped, ad), "what was destroyed is refused", key
        )
        _check_refusal(lambda: keyring.wrap(ref, key, ad), "what was destroyed wraps nothing", key)
    again = keyring.destroy(ref)
    _claim((again.date is None) == (told.date is None), "destroying may be repeated")
    return told


def _betrays(text: str, key: bytes) -> bool:
    raw = text.encode("latin-1", "replace")
    return any(form in raw for form in forms(key))


def _claim(held: bool, promise: str) -> None:
    if not held:
        raise AssertionError(f"a keyring's promise does not hold: {promise}")
