"""A second reader of an audit export, written from ``docs/reference/audit-export.md`` alone.

It imports nothing of privet.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf(body: bytes) -> bytes:
    return sha256(b"\0" + body)


def root(hashes: list[bytes]) -> bytes:
    """The root of a tree over these leaves: split at the largest power of two below."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + root(hashes[:half]) + root(hashes[half:]))


def number(n: int) -> str:
    """``n`` in groups of three digits as path elements."""
    groups = []
    while True:
        n, rest = divmod(n, 1000)
        groups.append(f"{rest:03d}")
        if not n:
            break
    *first, last = reversed(groups)
    return "/".join([*(f"x{group}" for group in first), last])


class Export:
    """A directory that ``privet audit export`` wrote."""

    def __init__(self, directory: Path, vkey: str) -> None:
        self.directory = directory
        self.size, self.root = self.checkpoint(vkey)

    def checkpoint(self, vkey: str) -> tuple[int, bytes]:
        """Size and root of the checkpoint, its signature checked under the key given."""
        name, key_id, key = vkey.split("+", 2)
        raw = base64.b64decode(key)
        assert raw[0] == 1
        assert sha256(name.encode() + b"\n" + raw)[:4].hex() == key_id
        text, _, signatures = (self.directory / "checkpoint").read_bytes().partition(b"\n\n")
        origin, size, told = text.decode().split("\n")
        dash, who, blob = signatures.decode().split(" ")
        assert (dash, who, origin) == ("—", name, name)
        signed = base64.b64decode(blob.strip())
        assert signed[:4].hex() == key_id
        Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signed[4:], text + b"\n")
        return int(size), base64.b64decode(told)

    def tile(self, level: str, count: int, index: int) -> bytes:
        """A tile of a level that has ``count`` hashes (or records, for entries)."""
        width = min(WIDTH, count - index * WIDTH)
        partial = f".p/{width}" if width < WIDTH else ""
        return (self.directory / f"tile/{level}/{number(index)}{partial}").read_bytes()

    def bodies(self) -> list[bytes]:
        """The bodies of all records, in order; each hashes to its leaf in the tiles."""
        found: list[bytes] = []
        for index in range(-(-self.size // WIDTH)):
            bundle, hashes = (
                self.tile("entries", self.size, index),
                self.tile("0", self.size, index),
            )
            at = 0
            for place in range(min(WIDTH, self.size - index * WIDTH)):
                (length,) = struct.unpack_from(">H", bundle, at)
                body = bundle[at + 2 : at + 2 + length]
                at += 2 + length
                assert leaf(body) == hashes[32 * place : 32 * place + 32]
                found.append(body)
            assert at == len(bundle)
        assert root([leaf(body) for body in found]) == self.root
        return found

    def higher(self) -> None:
        """Each hash of a higher level is the root over one whole tile below."""
        level, count = 0, self.size
        while count // WIDTH:
            for n in range(count // WIDTH):
                below = self.tile(str(level), count, n)
                above = self.tile(str(level + 1), count // WIDTH, n // WIDTH)
                hashes = [below[i : i + 32] for i in range(0, len(below), 32)]
                place = 32 * (n % WIDTH)
                assert root(hashes) == above[place : place + 32]
            level, count = level + 1, count // WIDTH

    def people(self, seq: int, body: dict[str, Any]) -> set[int]:
        """The ordinals that a record names."""
        named = body.get("set")
        if named is None:
            return set()
        if "snos" in named:
            assert len(named["snos"]) == named["n"]
            return set(named["snos"])
        found, slices = set(), []
        for chunk in named["chunks"]:
            bits = (self.directory / f"sets/{seq}/{chunk}.bits").read_bytes()
            assert len(bits) == 8192
            slices += [bits[i : i + 128] for i in range(0, 8192, 128)]
            found |= {
                65_536 * chunk + offset
                for offset in range(65_536)
                if bits[offset // 8] & 1 << offset % 8
            }
        assert root([leaf(one) for one in slices]).hex() == named["root"]
        assert len(found) == named["n"]
        return found

    def records(self) -> list[dict[str, Any]]:
        """Every record as JSON; ``records.jsonl`` says the same to the byte."""
        bodies = self.bodies()
        lines = (self.directory / "records.jsonl").read_bytes().split(b"\n")
        assert lines == [
            *(b'{"body":%b,"seq":%d}' % (body, seq) for seq, body in enumerate(bodies)),
            b"",
        ]
        return [json.loads(body) for body in bodies]
