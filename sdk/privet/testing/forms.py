"""The forms in which a value may hide: encodings as they stand in files."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

LEAST = 6
"""Bytes; anything shorter turns up in ciphertext by chance."""

_CODECS = (
    ("utf-8", "plain"),
    ("utf-16-le", "utf-16-le"),
    ("utf-16-be", "utf-16-be"),
    ("utf-32-le", "utf-32-le"),
    ("utf-32-be", "utf-32-be"),
)


def forms(canary: str | bytes) -> dict[bytes, str]:
    """Byte strings that betray the canary, each with the name of its form.

    Args:
        canary: a text in any script, or raw bytes such as a key.
    """
    found: dict[bytes, str] = {}
    for needle, name in _all(canary):
        if len(needle) >= LEAST:
            found.setdefault(needle, name)
    return found


def _all(canary: str | bytes) -> Iterator[tuple[bytes, str]]:
    if isinstance(canary, bytes):
        yield canary, "plain"
        yield from _encoded(canary, "")
        return
    for codec, name in _CODECS:
        yield canary.encode(codec), name
    yield from _number(canary)
    yield from _escaped(canary)
    for codec, name in _CODECS[:2]:
        yield from _encoded(canary.encode(codec), "" if name == "plain" else f" of {name}")


def _number(text: str) -> Iterator[tuple[bytes, str]]:
    """Digits as an integer column holds them; smaller ones would be found everywhere."""
    if text.isascii() and text.isdecimal() and 2**40 <= int(text) < 2**63:
        for order in ("little", "big"):
            yield int(text).to_bytes(8, order), "integer"


def _encoded(data: bytes, of: str) -> Iterator[tuple[bytes, str]]:
    yield data.hex().encode(), f"hex{of}"
    yield data.hex().upper().encode(), f"hex{of}"
    for offset in range(3):
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            yield _aligned(encode(bytes(offset) + data), offset, len(data)), f"base64{of}"


def _aligned(encoded: bytes, offset: int, length: int) -> bytes:
    """The characters that depend on the data alone, not on what stands before or after it."""
    return encoded[-(-offset * 8 // 6) : (offset + length) * 8 // 6]


def _escaped(text: str) -> Iterator[tuple[bytes, str]]:
    some = json.dumps(text, ensure_ascii=True)[1:-1]
    units = text.encode("utf-16-be")
    each = [units[i : i + 2].hex() for i in range(0, len(units), 2)]
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode(), "json"
    yield some.encode(), "json"
    yield _upper(some).encode(), "json"
    yield "".join(rf"\u{u}" for u in each).encode(), "json"
    yield "".join(rf"\u{u.upper()}" for u in each).encode(), "json"
    data = text.encode()
    for percent in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield percent.encode(), "percent"
        yield _lower(percent).encode(), "percent"
    yield "".join(f"%{b:02X}" for b in data).encode(), "percent"
    yield "".join(f"%{b:02x}" for b in data).encode(), "percent"


def _upper(escaped: str) -> str:
    head, *rest = escaped.split(r"\u")
    return head + "".join(rf"\u{part[:4].upper()}{part[4:]}" for part in rest)


def _lower(percent: str) -> str:
    head, *rest = percent.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)
