"""A witness of its own: C2SP tlog-witness over HTTP, with a key and a memory on disk.

Written from the specifications alone, with nothing of privet in it: signed-note,
tlog-checkpoint, tlog-cosignature and RFC 6962 section 2.1.2 (as RFC 9162 verifies it).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Answer = tuple[int, str, bytes]
TEXT = "text/plain; charset=utf-8"


def _id(name: str, kind: bytes, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def consistent(old: int, new: int, first: bytes, second: bytes, proof: list[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2, for 0 < old <= new."""
    if old == new:
        return not proof and first == second
    path = [first, *proof] if old & (old - 1) == 0 else proof
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _node(c, fr), _node(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and (fr, sr) == (first, second)


@dataclass
class Witness:
    """Verifies, remembers, cosigns.

    Attributes:
        memory: file with what was cosigned last of each log.
        trusted: verifier keys of the logs that it knows, by origin.
        now: POSIX seconds that it signs with.
        answers: what it says instead of judging, one for each request, as long as there are.
        asked: every request body.
    """

    memory: Path
    trusted: dict[str, list[str]] = field(default_factory=dict)
    now: int = 1_764_000_000
    name: str = "witness.example/w1"
    seed: bytes = b"w" * 32
    answers: list[Answer] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(self.seed)
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._one = threading.Lock()

    @property
    def vkey(self) -> str:
        raw = b"\x04" + self._public
        key_id = _id(self.name, b"\x04", self._public).hex()
        return f"{self.name}+{key_id}+{base64.b64encode(raw).decode()}"

    def trust(self, vkey: str) -> None:
        self.trusted.setdefault(vkey.split("+", maxsplit=1)[0], []).append(vkey)

    def judge(self, body: bytes) -> Answer:
        with self._one:
            self.asked.append(body)
            return self.answers.pop(0) if self.answers else self._judge(body)

    def cosign(self, text: bytes) -> bytes:
        message = b"cosignature/v1\ntime %d\n" % self.now + text
        stamp = self.now.to_bytes(8, "big")
        blob = _id(self.name, b"\x04", self._public) + stamp + self._key.sign(message)
        return f"\u2014 {self.name} {base64.b64encode(blob).decode()}\n".encode()

    def _judge(self, body: bytes) -> Answer:  # noqa: PLR0911 (one return a line of the protocol)
        head, mark, note = body.partition(b"\n\n")
        lines = head.decode("ascii").split("\n")
        asked = re.fullmatch(r"old (0|[1-9][0-9]*)", lines[0])
        text, blank, signatures = note.partition(b"\n\n")
        if not asked or not mark or not blank or len(lines) > 64:
            return 400, TEXT, b"no request\n"
        text += b"\n"
        origin, number, root_line = text.decode().split("\n")[:3]
        if origin not in self.trusted:
            return 404, TEXT, b"unknown log\n"
        if not self._signed(origin, text, signatures.decode()):
            return 403, TEXT, b"no trusted signature\n"
        old, size, root = int(asked[1]), int(number), base64.b64decode(root_line)
        proof = [base64.b64decode(line, validate=True) for line in lines[1:]]
        if old > size:
            return 400, TEXT, b"old is larger\n"
        kept = self._kept().get(origin, {"size": 0, "root": ""})
        if kept["size"] != old:
            return 409, "text/x.tlog.size", b"%d\n" % kept["size"]
        if old == size and old and kept["root"] != root.hex():
            return 409, "text/x.tlog.size", b"%d\n" % kept["size"]
        if (old == 0 and proof) or (
            old and not consistent(old, size, bytes.fromhex(kept["root"]), root, proof)
        ):
            return 422, TEXT, b"no proof\n"
        self._keep(origin, size, root)
        return 200, TEXT, self.cosign(text)

    def _signed(self, origin: str, text: bytes, signatures: str) -> bool:
        for vkey in self.trusted[origin]:
            name, key_id, raw = vkey.split("+", 2)
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(raw)[1:])
            for line in signatures.splitlines():
                _, signer, blob = line.split(" ")
                sealed = base64.b64decode(blob)
                if signer != name or sealed[:4].hex() != key_id:
                    continue
                try:
                    public.verify(sealed[4:], text)
                except InvalidSignature:
                    continue
                return True
        return False

    def _kept(self) -> dict[str, Any]:
        return json.loads(self.memory.read_text()) if self.memory.exists() else {}

    def _keep(self, origin: str, size: int, root: bytes) -> None:
        kept = self._kept() | {origin: {"size": size, "root": root.hex()}}
        draft = self.memory.with_suffix(".draft")
        draft.write_text(json.dumps(kept))
        draft.replace(self.memory)


class Served:
    """A witness behind HTTP on this machine, for a ``with`` block."""

    def __init__(self, witness: Witness) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.path == "/w1/add-checkpoint"
                status, kind, data = (
                    witness.judge(body) if known else (404, TEXT, b"no such path\n")
                )
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/w1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
