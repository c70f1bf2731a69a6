"""A generator of audit exports from the published formats alone: nothing of privet in it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORIGIN = "privet.dev/0f1e2d3c4b5a69788796a5b4c3d2e1f0"
START = 1_764_000_000_000_000


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf(body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + body).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return [*path_of(index, leaves[:k]), root_of(leaves[k:])]
    return [*path_of(index - k, leaves[k:]), root_of(leaves[:k])]


def tile_path(level: str, n: int, width: int) -> str:
    groups = f"{n:03d}" if n < 1000 else f"x{n // 1000:03d}/{n % 1000:03d}"
    return f"tile/{level}/{groups}" + (f".p/{width}" if width < 256 else "")


class Signer:
    """An Ed25519 key that signs C2SP notes."""

    def __init__(self, seed: bytes = b"s" * 32, origin: str = ORIGIN) -> None:
        self.origin = origin
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        public = b"\x01" + self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(origin.encode() + b"\n" + public).digest()[:4]
        self.vkey = f"{origin}+{self.key_id.hex()}+{base64.b64encode(public).decode()}"

    def note(self, size: int | str, root: bytes) -> bytes:
        text = f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
        return text + b"\n" + self.line(text)

    def line(self, text: bytes) -> bytes:
        blob = base64.b64encode(self.key_id + self.key.sign(text)).decode()
        return f"\u2014 {self.origin} {blob}\n".encode()


@dataclass
class Export:
    """An export in memory: change what you like, then write it."""

    bodies: list[bytes]
    signer: Signer = field(default_factory=Signer)
    sets: dict[str, bytes] = field(default_factory=dict)
    since: int | None = None

    def files(self) -> dict[str, bytes]:
        leaves = [leaf(body) for body in self.bodies]
        listed = [
            b'{"body":%b,"seq":%d}\n' % (body, seq)
            for seq, body in enumerate(self.bodies)
            if self.since is None or json.loads(body)["ts"] >= self.since
        ]
        root = root_of(leaves)
        manifest = {
            "format": "privet-audit-export",
            "version": 1,
            "origin": self.signer.origin,
            "vkey": self.signer.vkey,
            "size": len(leaves),
            "root": root.hex(),
            "since": self.since,
            "records": len(listed),
            "sets": len(self.sets),
        }
        return {
            "checkpoint": self.signer.note(len(leaves), root),
            "log.vkey": self.signer.vkey.encode() + b"\n",
            "records.jsonl": b"".join(listed),
            "manifest.json": canonical(manifest) + b"\n",
            **self.sets,
            **self.entry_files(),
            **tile_files(leaves),
        }

    def entry_files(self) -> dict[str, bytes]:
        files = {}
        for n in range(-(-len(self.bodies) // 256)):
            part = self.bodies[n * 256 : n * 256 + 256]
            bundle = b"".join(len(body).to_bytes(2, "big") + body for body in part)
            files[tile_path("entries", n, len(part))] = bundle
        return files

    def checkpoint(self, size: int) -> bytes:
        """The checkpoint that this log had when it held ``size`` records."""
        return self.signer.note(size, root_of([leaf(body) for body in self.bodies[:size]]))


def tile_files(leaves: list[bytes]) -> dict[str, bytes]:
    files = {}
    level, hashes = 0, leaves
    while hashes:
        for n in range(-(-len(hashes) // 256)):
            part = hashes[n * 256 : n * 256 + 256]
            files[tile_path(str(level), n, len(part))] = b"".join(part)
        hashes = [root_of(hashes[i : i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    return files


def record(seq: int, **more: Any) -> bytes:
    """The body of an ordinary access to one subject."""
    fields = {
        "action": "read",
        "decision": "allow",
        "fields": ["purchase.item"],
        "kind": "access",
        "policy": "ab" * 32,
        "purpose": "recommendations",
        "reason": "permit.storefront",
        "roles": ["storefront"],
        "set": {"n": 1, "snos": [seq * 7 % 1000]},
        "ts": START + seq * 1000,
        "who": 3,
    }
    return canonical({k: v for k, v in (fields | more).items() if v is not None})


def subject_set(seq: int, members: list[int]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What a bulk record commits to, and its files under ``sets/``."""
    chunks: dict[int, bytearray] = {}
    for sno in members:
        bits = chunks.setdefault(sno // 65_536, bytearray(8_192))
        bits[sno % 65_536 // 8] |= 1 << sno % 8
    slices = [
        leaf(bytes(bits[i : i + 128]))
        for _, bits in sorted(chunks.items())
        for i in range(0, 8_192, 128)
    ]
    committed = {"chunks": sorted(chunks), "n": len(members), "root": root_of(slices).hex()}
    return committed, {f"sets/{seq}/{c}.bits": bytes(bits) for c, bits in chunks.items()}


def make(count: int, *, bulk: int | None = None, **options: Any) -> Export:
    """A log of ``count`` records; record ``bulk`` touches people of three chunks."""
    export = Export([record(seq) for seq in range(count)], **options)
    if bulk is not None:
        committed, files = subject_set(bulk, [*range(0, 200, 2), 65_536, 70_000, 300_001])
        export.bodies[bulk] = record(bulk, set=committed)
        export.sets = files
    return export


def write(files: dict[str, bytes], directory: Path) -> Path:
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return directory


def certificate(export: Export, seq: int, content: dict[str, Any], **changes: Any) -> bytes:
    """A certificate whose record is ``seq`` of the export; members can be replaced."""
    leaves = [leaf(body) for body in export.bodies]
    proof = {
        "record": base64.b64encode(export.bodies[seq]).decode(),
        "index": seq,
        "size": len(leaves),
        "hashes": [step.hex() for step in path_of(seq, leaves)],
        "checkpoint": export.checkpoint(len(leaves)).decode(),
    }
    inner = {key: changes.pop(key) for key in list(changes) if key in proof}
    outer = {
        "certificate": content,
        "signature": base64.b64encode(export.signer.key.sign(canonical(content))).decode(),
        "vkey": export.signer.vkey,
        "inclusion": proof | inner,
    }
    return json.dumps(outer | changes, indent=1, ensure_ascii=False).encode()


def erased(count: int, seq: int, content: dict[str, Any], **more: Any) -> Export:
    """A log of ``count`` records in which ``seq`` concludes the erasure of ``content``."""
    export = make(count)
    fields = {
        "kind": "erase.held" if content.get("held") else "erase.done",
        "receipt": content.get("receipt"),
        "certificate": hashlib.sha256(canonical(content)).hexdigest(),
    }
    export.bodies[seq] = record(seq, **(fields | more))
    return export


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The generator, for tests that live beside it."""
    return SimpleNamespace(
        make=make,
        erased=erased,
        certificate=certificate,
        export=Export,
        signer=Signer,
        record=record,
        subjects=subject_set,
        write=write,
        leaf=leaf,
        root=root_of,
        path=path_of,
        canonical=canonical,
    )
