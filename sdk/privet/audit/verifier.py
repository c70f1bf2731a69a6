"""Check an audit export, a proof, an erasure certificate or a consent receipt, without privet.

One file, on purpose: it needs Python 3.11 and ``cryptography`` (for Ed25519 alone) and
shares no code with the log that it judges. Copy it, read it, run it:

    python verifier.py DIR [--anchor KEPT] [--witness VKEY]... [--vkey VKEY] [--json]
    python verifier.py --proof FILE [--vkey VKEY] [--json]
    python verifier.py [DIR] --history FILE [--shard DIR]... [--vkey VKEY] [--json]
    python verifier.py --certificate FILE [--vkey VKEY] [--json]
    python verifier.py --receipt FILE [--vkey VKEY] [--json]

Exit codes: 0 intact, 1 broken, 2 there is nothing that could be judged.

What is checked, in this order:

1. ``checkpoint`` is a note signed by the log's key (C2SP signed-note, tlog-checkpoint);
2. every record body hashes to its leaf in ``tile/0``, every full tile to its hash one
   level up, and what remains to the signed root (C2SP tlog-tiles, RFC 6962 section 2.1);
3. times never fall, subject sets are the ones that their records commit to;
4. ``records.jsonl`` repeats the bodies byte by byte, ``manifest.json`` tells the truth;
5. where one signing key, or one origin, followed another, the old key vouches for the new;
6. with an anchor (older checkpoints, kept elsewhere) the log only grew since each of them;
7. what a witness cosigned is this tree;
8. nothing else lies in the directory.

A log whose end was cut off and signed again is a shorter log in good order: only an
anchor shows it. A key that came with the export proves nothing about who signed: give
``--vkey`` as you know it.

Everything read is taken for hostile: files are opened without following links, read up
to the size that they may have, one bundle of 256 records at a time.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import os
import re
import stat
import struct
import subprocess
import sys
from array import array
from bisect import bisect_left
from collections import deque
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WIDTH: Final = 256
HASH: Final = 32
CHUNK_BYTES: Final = 8_192
CHUNK_BITS: Final = 65_536
SLICE: Final = 128
LISTED: Final = 64  # a set of up to this many subjects is listed, a larger one is a bitmap
NOTE_LIMIT: Final = 65_536
BUNDLE_LIMIT: Final = WIDTH * (2 + 65_535)
CERTIFICATE_LIMIT: Final = 1 << 20
SHARED_FROM: Final = 1 << 18  # records from which on a second process hashes
AHEAD: Final = 32  # bundles on their way to it: their hashes fit into its pipe
AHEAD_BYTES: Final = 1 << 22  # and so much of them at most
PIPE_BYTES: Final = 1 << 20
HELP: Final = "--hash-for-another"  # what that process is started with
_FRAME: Final = struct.Struct(">IH")  # bytes and records of a bundle
HANDOVER_BYTES: Final = 330  # no record with two verifier keys and a signature is shorter
PROBLEM_LIMIT: Final = 100
ANCHOR_LIMIT: Final = 1 << 30
ANCHORS: Final = 512  # of more, the tree is compared with so many
PARTS: Final = frozenset(
    {"checkpoint", "log.vkey", "tile", "sets", "records.jsonl", "manifest.json", "witness"}
)

INTACT, BROKEN, UNUSABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was signed.

    Attributes:
        seq: the record that it concerns, counted from 0; None where it is not one record.
        file: path within the export, ASCII, cut to 200 characters.
        what: the finding in one clause.
    """

    seq: int | None
    file: str
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier found.

    Attributes:
        ok: nothing is wrong with it.
        size: records that the checkpoint names; 0 where it could not be read.
        problems: what is wrong, as found, at most ``PROBLEM_LIMIT`` and one that says so.
        first_bad: the lowest record number with a problem, or None.
        origin: the log's name as signed, or "".
        usable: False where there was nothing to judge: not an export, or a bad argument.
        notes: what is no fault and should be known, such as records lost at a restore.
    """

    ok: bool
    size: int
    problems: tuple[Problem, ...]
    first_bad: int | None
    origin: str
    usable: bool = True
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 intact, 1 broken, 2 nothing to judge."""
        if not self.usable:
            return UNUSABLE
        return INTACT if self.ok else BROKEN


class _Damaged(Exception):
    """A part that cannot be what it should; its text is the finding."""


# --------------------------------------------------------------------------------------
# Signed notes and checkpoints


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    key_id: bytes
    public: Ed25519PublicKey
    text: str


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[tuple[str, bytes], ...]  # key name, key id and signature

    def signed_by(self, key: _Key) -> bool:
        """Whether every line of this key verifies, and there is one."""
        mine = [
            blob[4:]
            for name, blob in self.signatures
            if name == key.name and blob[:4] == key.key_id
        ]
        return bool(mine) and all(_signed(key, signature, self.text) for signature in mine)

    def witnessed_by(self, key: _Key) -> int | None:
        """When a witness cosigned it, POSIX seconds (C2SP tlog-cosignature); None: it did not."""
        for name, blob in self.signatures:
            if name == key.name and blob[:4] == key.key_id and len(blob) == 4 + 8 + 64:
                time = int.from_bytes(blob[4:12], "big")
                message = b"cosignature/v1\ntime %d\n" % time + self.text
                if time < 2**63 and _signed(key, blob[12:], message):
                    return time
        return None


def _signed(key: _Key, signature: bytes, message: bytes) -> bool:
    try:
        key.public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _unbase64(text: str) -> bytes:
    """Strict base64: one text for one value, so that no bit is free to be changed."""
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise _Damaged("holds text that is not base64") from None
    if base64.b64encode(value) != text.encode("ascii"):
        raise _Damaged("holds base64 that is not in its one form")
    return value


_KEY_LINE = re.compile(r"([^\s+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})")


ED25519: Final = 0x01
COSIGNATURE: Final = 0x04


def _parse_key(text: str, kind: int = ED25519) -> _Key:
    """A verifier key ``name+id+base64(kind ‖ public)`` (C2SP signed-note, tlog-cosignature)."""
    match = _KEY_LINE.fullmatch(text)
    if match is None:
        raise _Damaged("is not a verifier key")
    name, key_id, raw = match[1], bytes.fromhex(match[2]), _unbase64(match[3])
    if raw[0] != kind or sha256(name.encode() + b"\n" + raw).digest()[:4] != key_id:
        raise _Damaged("is not an Ed25519 verifier key, or its id is not that of the key")
    return _Key(name, key_id, Ed25519PublicKey.from_public_bytes(raw[1:]), text)


_SIZE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def _parse_checkpoint(note: bytes) -> _Checkpoint:
    """A tree head as a signed note; the signatures are not checked here."""
    try:
        whole = note[: NOTE_LIMIT + 1].decode("utf-8")
    except UnicodeDecodeError:
        raise _Damaged("is not UTF-8") from None
    if len(note) > NOTE_LIMIT or re.search(r"[\x00-\x09\x0b-\x1f]", whole):
        raise _Damaged("is too long for a note, or holds control characters")
    text, blank, tail = whole.rpartition("\n\n")
    lines = text.split("\n")
    if not blank or not tail.endswith("\n") or len(lines) < 3 or not all(lines):
        raise _Damaged("is not a checkpoint of three lines, an empty line and signatures")
    signatures = tuple(_signature(line) for line in tail[:-1].split("\n"))
    if _SIZE.fullmatch(lines[1]) is None:
        raise _Damaged("has no number of records in its second line")
    root = _unbase64(lines[2])
    if len(root) != HASH:
        raise _Damaged("has no root hash in its third line")
    return _Checkpoint(lines[0], int(lines[1]), root, (text + "\n").encode(), signatures)


def _signature(line: str) -> tuple[str, bytes]:
    dash, name, value = (*line.split(" "), "", "")[:3]
    if dash != "\u2014" or line != f"{dash} {name} {value}" or not name:
        raise _Damaged("has a line that is no signature")
    return name, _unbase64(value)


# --------------------------------------------------------------------------------------
# The tree (RFC 6962 section 2.1)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


_PAIRS: Final = {1 << k: struct.Struct(f"{2 * HASH}s" * (1 << k)).unpack for k in range(8)}


def _fold(hashes: bytes) -> bytes:
    """Root over 2^k hashes, at most 256, that lie one behind the other."""
    while pairs := len(hashes) // (2 * HASH):
        hashes = b"".join([sha256(b"\x01" + pair).digest() for pair in _PAIRS[pairs](hashes)])
    return hashes


def _root(levels: Sequence[bytes], span: int = WIDTH) -> bytes:
    """Root of the tree whose level L has the hashes ``levels[L]`` left to its right end.

    Each hash of a level stands for ``span`` of the level below; a level has fewer than
    ``span`` of them but for the highest.
    """
    root = None
    for hashes in levels:
        count = len(hashes) // HASH
        end = len(hashes)
        size = 1
        while count:
            if count & 1:
                part = _fold(hashes[end - size * HASH : end])
                root = part if root is None else _node(part, root)
                end -= size * HASH
            count >>= 1
            size <<= 1
    return sha256(b"").digest() if root is None else root


def _included(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion path leads to (RFC 9162 section 2.1.3.2), None if none."""
    at, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = _node(sibling, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = _node(root, sibling)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


# --------------------------------------------------------------------------------------
# Files


def _open(root: str, name: str) -> tuple[int, int]:
    """Descriptor and size of a regular file; never a link, a pipe or a device."""
    try:
        fd = os.open(f"{root}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _Damaged("is missing") from None
    except OSError:
        raise _Damaged("cannot be opened as a file") from None
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode):
        return fd, status.st_size
    os.close(fd)
    raise _Damaged("is not a regular file")


def _read(root: str, name: str, limit: int) -> bytes:
    fd, size = _open(root, name)
    try:
        if size > limit:
            raise _Damaged("is longer than it can be")
        data = os.read(fd, size)
        while len(data) < size and (more := os.read(fd, size - len(data))):
            data += more
    except OSError:
        raise _Damaged("cannot be read") from None
    finally:
        os.close(fd)
    return data


def _tile_name(level: str | int, index: int, width: int) -> str:
    """Path of a tile or bundle (C2SP tlog-tiles): 1234067 becomes ``x001/x234/067``."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{path}" + ("" if width == WIDTH else f".p/{width}")


_TILE = re.compile(
    r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/){0,6}\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII
)


def _called_for(name: str, size: int) -> bool:
    """Whether a log of ``size`` records has a tile or bundle of this path."""
    match = _TILE.fullmatch(name)
    if match is None:
        return False
    level = 0 if match[1] == "entries" else int(match[1])
    index = int(re.sub(r"\D", "", match[2]))
    hashes = size >> 8 * level
    width = min(WIDTH, hashes - index * WIDTH)
    return width > 0 and name == _tile_name(match[1], index, width)


def _walk(root: str, top: str, depth: int = 12) -> Iterator[tuple[str, bool]]:
    """Everything below ``top`` that is not a directory, and whether it is a plain file."""
    if Path(root, top).is_symlink():
        yield top, False
        return
    waiting = [(top, depth)]
    while waiting:
        here, left = waiting.pop()
        try:
            with os.scandir(f"{root}/{here}") as entries:
                for entry in entries:
                    name = f"{here}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False) and left:
                        waiting.append((name, left - 1))
                    else:
                        yield name, entry.is_file(follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError:
            yield here, False


def _shown(name: str) -> str:
    """A file name that is safe to print."""
    text = name.encode("utf-8", "surrogateescape").decode("ascii", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)[:200]


# --------------------------------------------------------------------------------------
# Records


def _bodies(bundle: bytes, width: int) -> tuple[list[bytes], bool]:
    """The bodies of a bundle, and whether they are ``width`` and fill it to the byte."""
    bodies: list[bytes] = []
    add = bodies.append
    after, end = 0, len(bundle)
    try:
        for _ in range(width):
            at = after + 2
            after = at + (bundle[at - 2] << 8 | bundle[at - 1])
            add(bundle[at:after])
    except IndexError:
        pass  # it ends too soon
    if after > end:
        bodies.pop()
    return bodies, after == end and len(bodies) == width


@dataclass(frozen=True, slots=True)
class _Set:
    """What a record commits to: ``chunks`` is None for a listed set."""

    n: int
    chunks: tuple[int, ...] | None = None
    root: str = ""


# No brace follows the time of a usual record up to the one that ends its line, so the time
# is a member of the outermost object. A JSON parse of every record would halve the speed.
_TIME = re.compile(rb'"ts":(\d{1,16})(?:,[^{}\[\]\\\n]*)?\}\n')
_UNUSUAL_SET = re.compile(rb'"set":(?!\{"n":1,"snos":\[\d{1,18}\]\}[,}])')
_END: Final = 100  # bytes from the end of a record, in which its time most often is


def _usual(bodies: Sequence[bytes], together: bytes) -> list[bytes] | None:
    """Times of records with one subject or none, as digits; None where one is unusual.

    Args:
        bodies: the records.
        together: the same, one behind the other.
    """
    if b"\n" in together or not together.isascii() or _UNUSUAL_SET.search(together) is not None:
        return None
    ends = b"\n".join([*[body[-_END:] for body in bodies], b""])
    times = _TIME.findall(ends)
    if len(times) != len(bodies):
        times = _TIME.findall(b"\n".join([*bodies, b""]))
    return times if len(times) == len(bodies) else None


def _facts(body: bytes) -> tuple[int, _Set | None]:
    """Time and subject set of a record, parsed in full; raises where it has no such form."""
    fields = _json(body)
    if not isinstance(fields, dict):
        raise _Damaged("is not a JSON object")
    ts = fields.get("ts")
    if type(ts) is not int or not 0 <= ts < 2**53:
        raise _Damaged("has no time")
    return ts, _subjects(fields["set"]) if "set" in fields else None


def _json(data: bytes) -> Any:
    """Parse JSON without floats and repeated keys, whatever its depth and digits."""
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        raise _Damaged("is not JSON of the form that a log writes") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _refuse(_text: str) -> None:
    raise ValueError("only integers are numbers here")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _subjects(value: Any) -> _Set:
    if isinstance(value, dict) and value.keys() == {"n", "snos"} and type(value["n"]) is int:
        if _rising(value["snos"]) and 1 <= value["n"] == len(value["snos"]) <= LISTED:
            return _Set(value["n"])
    elif isinstance(value, dict) and value.keys() == {"n", "chunks", "root"}:
        n, chunks, root = value["n"], value["chunks"], value["root"]
        if type(n) is int and n > LISTED and type(root) is str and chunks and _rising(chunks):
            return _Set(n, tuple(chunks), root)
    raise _Damaged("names subjects in no known form")


def _rising(numbers: Any) -> bool:
    return (
        isinstance(numbers, list)
        and all(type(number) is int and 0 <= number < 2**53 for number in numbers)
        and all(a < b for a, b in pairwise(numbers))
    )


# --------------------------------------------------------------------------------------
# The export


class _Findings:
    """Problems as they are found: so many are kept, the lowest record number always."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.notes: list[str] = []
        self.count = 0
        self.first_bad: int | None = None

    def add(self, seq: int | None, file: str, what: str) -> None:
        self.count += 1
        if seq is not None:
            self.first_bad = seq if self.first_bad is None else min(seq, self.first_bad)
        if self.count <= PROBLEM_LIMIT:
            self.kept.append(Problem(seq, _shown(file), what))

    def verdict(self, size: int, origin: str) -> Verdict:
        if self.count > PROBLEM_LIMIT:
            more = self.count - PROBLEM_LIMIT
            self.kept.append(Problem(None, "", f"{more} more problems are not listed"))
        kept, notes = tuple(self.kept), tuple(self.notes)
        return Verdict(not self.count, size, kept, self.first_bad, origin, notes=notes)


class _Listing:
    """``records.jsonl``, read in step with the bundles until it first differs."""

    def __init__(self, root: str, since: int, findings: _Findings) -> None:
        self.since, self.lines, self._findings = since, 0, findings
        self._file: BinaryIO | None = None
        try:
            self._file = os.fdopen(_open(root, "records.jsonl")[0], "rb")
        except _Damaged as damage:
            findings.add(None, "records.jsonl", str(damage))

    def compare(self, bodies: list[bytes], seqs: Sequence[int], skipped: int) -> None:
        """Whether the next lines are these records but for so many skipped ones."""
        self.lines += len(bodies) - skipped
        if self._file is None:
            return
        left = seqs[skipped:]
        lines = [
            b'{"body":%b,"seq":%d}\n' % (body, seq)
            for body, seq in zip(bodies[skipped:], left, strict=True)
        ]
        expected = b"".join(lines)
        found = self._take(len(expected))
        if found == expected:
            return
        at = 0
        for seq, line in zip(left, lines, strict=True):
            if found[at : at + len(line)] != line:
                self._stop(seq, "its line is missing or differs from the record")
                return
            at += len(line)

    def finish(self) -> None:
        """Whether the listing ends where the records do."""
        if self._take(1):
            self._stop(None, "goes on after the last record")
        if self._file is not None:
            self._file.close()

    def _take(self, count: int) -> bytes:
        try:
            return b"" if self._file is None else self._file.read(count)
        except OSError:
            return b""  # told as a missing line

    def _stop(self, seq: int | None, what: str) -> None:
        self._findings.add(seq, "records.jsonl", what)
        if self._file is not None:
            self._file.close()
        self._file = None


class _Tree:
    """The tree as it grows from its bundles: at most 256 hashes of each level in memory.

    Where a level differs from the tile above it, the difference is a finding and the tree
    goes on with what the tile says, so that differences further on are found as well.
    """

    def __init__(self, root: str, findings: _Findings) -> None:
        self._root, self._findings = root, findings
        self._levels: list[bytearray] = [bytearray()]
        self._done: list[int] = [0]

    def add(self, leaves: bytes, root: bytes | None) -> None:
        """The leaf hashes of the next tile of level 0, already compared with it.

        Args:
            leaves: at most 256 of them.
            root: the root over them where it is known; of a whole tile it is computed if not.
        """
        if len(leaves) == WIDTH * HASH:
            self._push(1, root or _fold(leaves))
        else:
            self._levels[0] = bytearray(leaves)

    def root(self, rest: bytes | None = None) -> bytes:
        """Root over what has come so far, and ``rest`` leaves after it."""
        first = bytes(self._levels[0]) if rest is None else rest
        return _root([first, *map(bytes, self._levels[1:])])

    def finish(self) -> None:
        """Compare the partial tiles that end each level."""
        for level in range(1, len(self._levels)):
            if self._levels[level]:
                self._levels[level] = bytearray(self._compare(level))

    def _push(self, level: int, digest: bytes) -> None:
        while level >= len(self._levels):
            self._levels.append(bytearray())
            self._done.append(0)
        self._levels[level] += digest
        if len(self._levels[level]) == WIDTH * HASH:
            above = _fold(self._compare(level))
            self._levels[level] = bytearray()
            self._done[level] += 1
            self._push(level + 1, above)

    def _compare(self, level: int) -> bytes:
        """The hashes of a tile as stored, after comparing them with what lies below."""
        computed, index = bytes(self._levels[level]), self._done[level]
        width = len(computed) // HASH
        name = _tile_name(level, index, width)
        stored = _tile(self._root, name, width, self._findings)
        if stored is None:
            return computed
        for i in _differing(computed, stored):
            span = WIDTH**level
            first = (index * WIDTH + i) * span
            self._findings.add(
                None,
                name,
                f"level {level}, hash {i} is not the root of the tile below it: records "
                f"{first} to {first + span - 1} or their tiles were changed",
            )
        return stored


def _tile(root: str, name: str, width: int, findings: _Findings) -> bytes | None:
    try:
        hashes = _read(root, name, width * HASH)
        if len(hashes) != width * HASH:
            raise _Damaged(f"does not hold {width} hashes")
    except _Damaged as damage:
        findings.add(None, name, str(damage))
        return None
    return hashes


def _differing(a: bytes, b: bytes) -> list[int]:
    """Places of the hashes that differ."""
    if a == b:
        return []
    return [
        i // HASH for i in range(0, max(len(a), len(b)), HASH) if a[i : i + HASH] != b[i : i + HASH]
    ]


class _Bundles:
    """The bundles of an export in order, with the hashes of their records.

    Hashing is half of the work. Of a long log a second process does it: each bundle is read
    once, here, and handed on; a few are on their way at a time. Without that process, or
    when it ends too soon, the hashes are computed here.
    """

    def __init__(self, root: str, size: int) -> None:
        self._root, self._size = root, size
        self._ahead: deque[tuple[bytes | _Damaged, bool]] = deque()
        self._next = 0
        self._held = 0
        self._helper = _helper() if size >= SHARED_FROM else None

    def take(self) -> tuple[list[bytes], bool, bytes, bytes]:
        """Bodies of the next bundle, whether it is whole, its leaf hashes, and their root.

        Raises:
            _Damaged: it is missing, or too long.
        """
        count = -(-self._size // WIDTH)
        while self._next < count and (not self._ahead or self._has_room()):
            self._ahead.append(self._read(self._next))
            self._next += 1
        index = self._next - len(self._ahead)
        data, handed = self._ahead.popleft()
        if isinstance(data, _Damaged):
            raise data
        self._held -= len(data)
        bodies, whole = _bodies(data, min(WIDTH, self._size - index * WIDTH))
        hashed = self._answer(len(bodies)) if handed else None
        leaves, root = _hashed(bodies) if hashed is None else hashed
        return bodies, whole, leaves, root

    def close(self) -> None:
        """Let the second process end."""
        helper, self._helper = self._helper, None
        if helper is None or helper.stdin is None or helper.stdout is None:
            return
        helper.kill()
        helper.stdout.close()
        with suppress(OSError):
            helper.stdin.close()
        helper.wait()

    def _has_room(self) -> bool:
        return bool(self._helper) and len(self._ahead) < AHEAD and self._held < AHEAD_BYTES

    def _read(self, index: int) -> tuple[bytes | _Damaged, bool]:
        width = min(WIDTH, self._size - index * WIDTH)
        try:
            data = _read(self._root, _tile_name("entries", index, width), BUNDLE_LIMIT)
        except _Damaged as damage:
            return damage, False
        self._held += len(data)
        if self._helper is None or self._helper.stdin is None:
            return data, False
        try:
            self._helper.stdin.write(_FRAME.pack(len(data), width))
            self._helper.stdin.write(data)
            self._helper.stdin.flush()
        except OSError:
            self.close()
            return data, False
        return data, True

    def _answer(self, count: int) -> tuple[bytes, bytes] | None:
        if self._helper is None or self._helper.stdout is None:
            return None
        answer = self._helper.stdout.read((count + 1) * HASH)
        if len(answer) == (count + 1) * HASH:
            return answer[:-HASH], answer[-HASH:]
        self.close()
        return None


def _hashed(bodies: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Leaf hashes of a bundle, and their root where they fill a tile."""
    leaves = b"".join([sha256(b"\x00" + body).digest() for body in bodies])
    return leaves, _fold(leaves) if len(bodies) == WIDTH else bytes(HASH)


def _helper() -> subprocess.Popen[bytes] | None:
    """A second process of this file that hashes; None where there can be none.

    Only where its pipes can be made so long that neither ever waits for the other to read.
    """
    if sys.platform != "linux" or not sys.executable or not Path(__file__).is_file():
        return None
    if len(os.sched_getaffinity(0)) < 2:
        return None
    command = [sys.executable, "-I", __file__, HELP]
    try:
        return subprocess.Popen(  # noqa: S603 (this file, by this interpreter)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE_BYTES,
        )
    except OSError:
        return None


def _hash_for_another(source: BinaryIO, target: BinaryIO) -> None:
    """What the second process does until its input ends."""
    while len(frame := source.read(_FRAME.size)) == _FRAME.size:
        length, width = _FRAME.unpack(frame)
        leaves, root = _hashed(_bodies(source.read(length), width)[0])
        target.write(leaves + root)
        target.flush()


class _Gaps:
    """Records without a body: dropped with an old shard, as a later record of the log says."""

    def __init__(self, shards: Sequence[str], findings: _Findings) -> None:
        self._shards, self._findings = shards, findings
        self._runs: list[list[int]] = []  # first, and after the last
        self._said: list[tuple[int, int]] = []
        self.count = 0
        self.found = 0

    def filled(self, bodies: list[bytes], leaves: bytes, tile: bytes, index: int) -> bytes:
        """The leaves of a bundle, out of its tile where a body is not there."""
        brought = [_brought(shard, index) for shard in self._shards]
        parts = [leaves[i : i + HASH] for i in range(0, len(leaves), HASH)]
        for place, body in enumerate(bodies):
            if not body:
                parts[place] = leaf = tile[place * HASH : (place + 1) * HASH]
                self._missing(index * WIDTH + place, leaf, [b[place] for b in brought if b])
        return b"".join(parts)

    def _missing(self, seq: int, leaf: bytes, brought: list[bytes]) -> None:
        self.count += 1
        if self._runs and self._runs[-1][1] == seq:
            self._runs[-1][1] = seq + 1
        else:
            self._runs.append([seq, seq + 1])
        bodies = [body for body in brought if body]
        if any(sha256(b"\x00" + body).digest() == leaf for body in bodies):
            self.found += 1
        elif bodies:
            self._findings.add(seq, "--shard", "the record is not the one that its leaf names")

    def told(self, seq: int, body: bytes) -> None:
        """Take in a record of the log that says which bodies were dropped."""
        if _SHARD not in body:
            return
        try:
            fields = _json(body)
            if fields["kind"] != "shard" or fields["subject"] != "dropped":
                return
            first, upto = fields["first"], fields["upto"]
            if type(first) is not int or type(upto) is not int or not 0 <= first < upto <= seq:
                raise _Damaged("drops what was never there")
        except (_Damaged, KeyError, TypeError) as damage:
            told = str(damage) if isinstance(damage, _Damaged) else "says nothing of a shard"
            self._findings.add(seq, "records.jsonl", f"the record {told}")
            return
        self._said.append((first, upto))

    def finish(self) -> None:
        """Name the first that no record says was dropped, and how many were found elsewhere."""
        for first, upto in self._runs:
            at = first
            for begin, end in sorted(self._said):
                at = max(at, end) if begin <= at else at
            if at < upto:
                self._findings.add(at, "tile/entries", "a body is gone, and no record says so")
        if not self.count:
            return
        left = self.count - self.found
        told = f"{self.count} records were dropped with old shards, as the log says; "
        told += f"{self.found} of them are in the shards that you gave"
        if left:
            told += f"; of {left} only the hash is here: give the exports that have them"
        self._findings.notes.append(told)


def _brought(shard: str, index: int) -> list[bytes]:
    """The bodies of a whole bundle in another export; none where it has no such bundle."""
    try:
        data = _read(shard, _tile_name("entries", index, WIDTH), BUNDLE_LIMIT)
    except _Damaged:
        return []
    bodies, whole = _bodies(data, WIDTH)
    return bodies if whole else []


class _Audit:
    """One pass over an export."""

    def __init__(self, root: str, findings: _Findings, shards: Sequence[str] = ()) -> None:
        self._root, self._findings = root, findings
        self._gaps = _Gaps(shards, findings)
        self._clock = 0
        self._sets = 0
        self._with_sets = array("q")  # numbers of records that have files under sets/
        self._handovers: list[tuple[int, bytes]] = []

    def run(self, head: _Checkpoint, key: _Key | None, given: _Given) -> None:
        """Check everything that the checkpoint calls for, and that nothing else is there."""
        listing = _Listing(self._root, self._since(), self._findings)
        tree = _Tree(self._root, self._findings)
        sizes = sorted({one.size for one in given.points if one.size <= head.size})
        roots: dict[int, bytes] = {}
        with closing(_Bundles(self._root, head.size)) as bundles:
            complete = self._grow(tree, bundles, head.size, sizes, roots, listing)
        tree.finish()
        listing.finish()
        if complete and tree.root() != head.root:
            self._findings.add(
                None, "checkpoint", "root mismatch: the tree has another root than the signed one"
            )
        if key is not None:
            _History(self._root, self._findings, head, roots).check(key, self._handovers, given)
        self._gaps.finish()
        self._manifest(head, key, listing)
        self._surplus(head.size)

    def _grow(
        self,
        tree: _Tree,
        bundles: _Bundles,
        size: int,
        sizes: list[int],
        roots: dict[int, bytes],
        listing: _Listing,
    ) -> bool:
        """Read every bundle into the tree; whether none was missing with its tile.

        Its root is noted at each of these sizes, and where the log is handed over.
        """
        for index in range(-(-size // WIDTH)):
            start, before = index * WIDTH, len(self._handovers)
            width = min(WIDTH, size - start)
            leaves, above = self._bundle(bundles, index, width, listing)
            here = [seq for seq, _ in self._handovers[before:]]
            while sizes and sizes[0] <= start + len(leaves) // HASH:
                here.append(sizes.pop(0))
            for at in here:
                roots[at] = tree.root(leaves[: (at - start) * HASH])
            if not leaves:
                return False
            tree.add(leaves, above)
        return True

    def _bundle(
        self, bundles: _Bundles, index: int, width: int, listing: _Listing
    ) -> tuple[bytes, bytes | None]:
        """Leaf hashes of a bundle, compared with its tile, and their root where it is known.

        Both are missing where the hashes are empty.
        """
        name, start = _tile_name("entries", index, width), index * WIDTH
        tile = _tile(self._root, _tile_name(0, index, width), width, self._findings)
        try:
            bodies, whole, leaves, above = bundles.take()
        except _Damaged as damage:
            self._findings.add(start, name, str(damage))
            return tile or b"", None
        own = leaves
        seqs: Sequence[int] = range(start, start + len(bodies))
        if tile is not None and b"" in bodies:  # dropped with an old shard: the tile has its leaf
            leaves = self._gaps.filled(bodies, leaves, tile, index)
            seqs = [seq for seq, body in zip(seqs, bodies, strict=True) if body]
            present = [body for body in bodies if body]
        else:
            present = bodies
        if tile is not None and leaves != tile:
            first = _differing(leaves, tile)[0]
            told = "is missing" if first >= len(bodies) else "is not the one that its leaf names"
            self._findings.add(start + first, name, f"the record {told}")
        elif not whole:
            self._findings.add(start + len(bodies), name, f"does not hold {width} records")
        self._records(present, seqs, name, listing)
        kept = leaves if tile is None else tile
        return kept, above if kept == own else None

    def _records(
        self, bodies: list[bytes], seqs: Sequence[int], name: str, listing: _Listing
    ) -> None:
        together = b"".join(bodies)
        usual = _usual(bodies, together)
        if usual and self._rising(usual):
            first = int(usual[0])
            times = [] if listing.since <= first else [*map(int, usual)]
            self._clock = int(usual[-1])
        else:
            times = [*map(int, usual)] if usual else self._times(bodies, seqs, name)
            self._check_clock(times, seqs, name)
        self._named(bodies, seqs, together)
        listing.compare(bodies, seqs, bisect_left(times, listing.since))

    def _named(self, bodies: list[bytes], seqs: Sequence[int], together: bytes) -> None:
        """Keep the records that say who signs next, and take in which bodies were dropped."""
        if max(map(len, bodies), default=0) >= HANDOVER_BYTES and _HANDOVER in together:
            both = zip(seqs, bodies, strict=True)
            self._handovers += [(seq, body) for seq, body in both if _HANDOVER in body]
        if self._gaps.count and _SHARD in together:
            for seq, body in zip(seqs, bodies, strict=True):
                self._gaps.told(seq, body)

    def _rising(self, times: Sequence[bytes]) -> bool:
        """Whether no time is before another; digits of one length compare as their numbers."""
        same = len({*map(len, times)}) == 1
        return same and times == sorted(times) and int(times[0]) >= self._clock

    def _check_clock(self, times: Sequence[int], seqs: Sequence[int], name: str) -> None:
        clock = [self._clock, *times]
        if clock != sorted(clock):
            for seq, (before, ts) in zip(seqs, pairwise(clock), strict=True):
                if ts < before:
                    self._findings.add(seq, name, "the record is older than the one before it")
        self._clock = times[-1] if times else self._clock

    def _times(self, bodies: list[bytes], seqs: Sequence[int], name: str) -> list[int]:
        """Times of records that are worth a closer look; sets are checked on the way."""
        times: list[int] = []
        for seq, body in zip(seqs, bodies, strict=True):
            usual = _usual([body], body)
            try:
                ts, subjects = (int(usual[0]), None) if usual else _facts(body)
                if subjects is not None and subjects.chunks:
                    self._bitmaps(seq, subjects, subjects.chunks)
            except _Damaged as damage:
                self._findings.add(seq, name, f"the record {damage}")
                ts = times[-1] if times else self._clock
            times.append(ts)
        return times

    def _bitmaps(self, seq: int, subjects: _Set, chunks: tuple[int, ...]) -> None:
        """Whether the chunks of a record's set are the ones that it commits to."""
        self._with_sets.append(seq)
        roots, count = [], 0
        for chunk in chunks:
            name = f"sets/{seq}/{chunk}.bits"
            try:
                bits = _read(self._root, name, CHUNK_BYTES)
                if len(bits) != CHUNK_BYTES:
                    raise _Damaged("is not a chunk of 8,192 bytes")
            except _Damaged as damage:
                self._findings.add(seq, name, str(damage))
                return
            self._sets += 1
            members = int.from_bytes(bits, "big").bit_count()
            if not members:
                self._findings.add(seq, name, "holds no subject")
            count += members
            slices = (bits[i : i + SLICE] for i in range(0, CHUNK_BYTES, SLICE))
            roots.append(_fold(b"".join(sha256(b"\x00" + part).digest() for part in slices)))
        if count != subjects.n or _root([b"".join(roots)]).hex() != subjects.root:
            self._findings.add(
                seq, f"sets/{seq}", "the subject set is not the one that its record commits to"
            )

    def _since(self) -> int:
        try:
            manifest = _json(_read(self._root, "manifest.json", NOTE_LIMIT))
        except _Damaged:
            return 0  # told by _manifest
        since = manifest.get("since") if isinstance(manifest, dict) else None
        return since if type(since) is int else 0

    def _manifest(self, head: _Checkpoint, key: _Key | None, listing: _Listing) -> None:
        try:
            written = _read(self._root, "manifest.json", NOTE_LIMIT)
            manifest = _json(written)
        except _Damaged as damage:
            self._findings.add(None, "manifest.json", str(damage))
            return
        since = manifest.get("since") if isinstance(manifest, dict) else None
        truth: dict[str, Any] = {
            "format": "privet-audit-export",
            "version": 1,
            "origin": head.origin,
            "vkey": key.text if key else "",
            "size": head.size,
            "root": head.root.hex(),
            "since": since if type(since) is int else None,
            "records": listing.lines,
            "sets": self._sets,
        }
        if self._gaps.count:
            truth["dropped"] = self._gaps.count
        if written == _canonical(truth) + b"\n":
            return
        wrong = [
            k for k, v in truth.items() if not isinstance(manifest, dict) or manifest.get(k) != v
        ]
        told = f"is not true in: {', '.join(wrong)}" if wrong else "is not in its one form"
        self._findings.add(None, "manifest.json", told)

    def _surplus(self, size: int) -> None:
        """Name what no checkpoint calls for; an unfinished or rolled-back export has such."""
        for entry in sorted(_top(self._root) - PARTS):
            self._findings.add(None, entry, "is not part of an export")
        for name, plain in _walk(self._root, "tile"):
            if not plain or not _called_for(name, size):
                self._findings.add(None, name, "is nothing that the checkpoint calls for")
        for name, plain in _walk(self._root, "witness"):
            if not plain or re.fullmatch(r"witness/[0-9a-f]{8}", name) is None:
                self._findings.add(None, name, "is no checkpoint of a witness")
        found = 0
        for name, plain in _walk(self._root, "sets"):
            found += 1
            if not plain or not self._has_sets(name):
                self._findings.add(None, name, "is nothing that a record calls for")
        if found > self._sets and not self._findings.count:
            self._findings.add(None, "sets", "holds chunks that no record calls for")

    def _has_sets(self, name: str) -> bool:
        match = re.fullmatch(r"sets/(0|[1-9]\d{0,17})/(?:0|[1-9]\d{0,15})\.bits", name, re.ASCII)
        if match is None:
            return False
        seq = int(match[1])
        place = bisect_left(self._with_sets, seq)
        return place < len(self._with_sets) and self._with_sets[place] == seq


# --------------------------------------------------------------------------------------
# What is known from elsewhere: keys, anchors, witnesses

_HANDOVER: Final = b'"vkey":"'  # every record that hands over names a key
_LATER: Final = re.compile(r".+/[0-9]{1,9}")  # an origin that a restore began
_SHARD: Final = b'"kind":"shard"'


@dataclass(frozen=True, slots=True)
class _Point:
    """A checkpoint that this log must have grown from, and where it is from."""

    note: _Checkpoint
    source: str

    @property
    def size(self) -> int:
        return self.note.size


@dataclass(frozen=True, slots=True)
class _Given:
    """What the auditor brought along, and what witnesses left in the export."""

    key: _Key | None
    anchors: tuple[_Point, ...]
    witnesses: tuple[_Key, ...]
    witnessed: tuple[_Point, ...]
    earlier: str | None  # directory of an earlier export

    @property
    def points(self) -> tuple[_Point, ...]:
        return self.anchors + self.witnessed


@dataclass(frozen=True, slots=True)
class _Handover:
    """A record in which one key, or one origin, follows another."""

    seq: int
    previous: _Key
    key: _Key
    endorsed: bool
    begins: bool  # a new origin, after a restore
    root: str
    last: _Checkpoint | None  # the newest that the old origin signed


class _History:
    """Who signed when, and whether the log only grew since it was seen elsewhere."""

    def __init__(
        self, root: str, findings: _Findings, head: _Checkpoint, roots: dict[int, bytes]
    ) -> None:
        self._root, self._findings, self._head, self._roots = root, findings, head, roots
        self._keys: list[_Key] = []
        self._begun: list[_Handover] = []

    def check(self, key: _Key, records: Sequence[tuple[int, bytes]], given: _Given) -> None:
        """Follow the keys, then look at each anchor and each witness."""
        chain = [one for record in records if (one := self._read(*record)) is not None]
        self._keys = [key, *(one.previous for one in chain)]
        self._begun = [one for one in chain if one.begins]
        if _LATER.fullmatch(key.name) and key.name not in {one.key.name for one in self._begun}:
            told = "is the key of a restored log, and no record says what it goes on from"
            self._findings.add(None, "log.vkey", told)
        self._follow(key, chain)
        for one in self._begun:
            self._restored(one)
        if given.key is not None:
            self._trusted(given.key, key, chain)
        self._anchored(given)
        self._witnessed(given)

    def _read(self, seq: int, body: bytes) -> _Handover | None:
        try:
            fields = _json(body)
            kind = fields.get("kind") if isinstance(fields, dict) else None
            if kind not in {"key.signing", "log.succeeds"}:
                return None
            return _handover(seq, fields, begins=kind == "log.succeeds")
        except (_Damaged, AttributeError) as damage:
            told = str(damage) if isinstance(damage, _Damaged) else "names no keys"
            self._findings.add(seq, "records.jsonl", f"the record hands over and {told}")
            return None

    def _follow(self, key: _Key, chain: Sequence[_Handover]) -> None:
        """Each key is the one that the record before it named, up to the one that signed."""
        for one, after in pairwise(chain):
            if after.previous.text != one.key.text:
                self._findings.add(after.seq, "records.jsonl", "another key was in force")
        if not chain:
            return
        last = chain[-1]
        # Its own checkpoint may still be signed by the old key: the record comes first.
        at_once = last.seq == self._head.size - 1 and not last.begins
        if key.text != last.key.text and not (at_once and key.text == last.previous.text):
            self._findings.add(
                last.seq, "log.vkey", "is not the key to which the log was handed over"
            )
        for one in chain:
            if not one.endorsed and not one.begins:
                self._findings.add(one.seq, "records.jsonl", "the old key did not sign the new one")

    def _restored(self, one: _Handover) -> None:
        last = one.last
        if self._roots.get(one.seq, b"").hex() != one.root:
            told = "the records before it are not those that the restored log began with"
            self._findings.add(one.seq, "records.jsonl", told)
        if last is None or not last.signed_by(one.previous) or last.origin != one.previous.name:
            told = "the checkpoint that it names is not signed by the old origin's key"
            self._findings.add(one.seq, "records.jsonl", told)
            return
        lost = last.size - one.seq
        if lost < 0 or (not lost and last.root.hex() != one.root):
            told = "the checkpoint that it names is not of the records before it"
            self._findings.add(one.seq, "records.jsonl", told)
            return
        what = f"records {one.seq} to {last.size - 1} of {last.origin} are lost" if lost else ""
        told = what or "nothing that was signed is lost"
        self._findings.notes.append(f"restored at record {one.seq}: {told}")
        if not one.endorsed:
            self._findings.notes.append(
                f"the new origin at record {one.seq} is not vouched for by the old key"
            )

    def _trusted(self, given: _Key, key: _Key, chain: Sequence[_Handover]) -> None:
        """The key that you know signed this, or vouches for the one that did."""
        if given.text == key.text:
            return
        places = [n for n, one in enumerate(chain) if one.previous.text == given.text]
        if not places:
            self._findings.add(None, "log.vkey", "is not the verifier key that you gave")
            self._findings.add(None, "checkpoint", "is not signed by the key that you gave")
        elif not all(one.endorsed for one in chain[places[0] :]):
            told = "is another key than you gave, and yours does not vouch for it"
            self._findings.add(None, "log.vkey", told)
        else:
            seqs = ", ".join(str(one.seq) for one in chain[places[0] :])
            self._findings.notes.append(f"the key that you gave vouches for today's: record {seqs}")

    def _signed(self, point: _Point) -> bool:
        note = point.note
        if any(note.origin == key.name and note.signed_by(key) for key in self._keys):
            return True
        self._findings.add(
            None,
            "checkpoint",
            f"the {point.source} was signed by another key: another log, or a new key",
        )
        return False

    def _anchored(self, given: _Given) -> None:
        points = sorted((p for p in given.anchors if self._signed(p)), key=lambda p: p.size)
        sound, size = 0, self._head.size
        for point in points:
            if point.size > size or self._is_lost(point):
                continue
            found = self._roots.get(point.size)
            if found == point.note.root:
                sound = point.size
                continue
            if found is None:
                told = f"the anchor's {point.size} records could not be rebuilt"
                self._findings.add(None, "checkpoint", told)
            else:
                self._forked(point, sound, given.earlier)
            return
        for point in {point.note.origin: point for point in points}.values():  # the largest
            self._cut(point, size)

    def _is_lost(self, point: _Point) -> bool:
        """Whether a restore begins before this point of the old origin ends."""
        return any(
            one.previous.name == point.note.origin and one.seq < point.size for one in self._begun
        )

    def _forked(self, point: _Point, sound: int, earlier: str | None) -> None:
        first = _first_difference(self._root, earlier, point.size) if earlier else None
        if first is None and point.size - sound == 1:
            first = sound
        one = f"one of {sound} to {point.size - 1}" if first is None else f"record {first}"
        self._findings.add(
            first,
            "checkpoint",
            f"history was rewritten: the first {point.size} records are not the anchor's; "
            f"the first bad one is {one}",
        )

    def _cut(self, point: _Point, size: int) -> None:
        begun = next((b for b in self._begun if b.previous.name == point.note.origin), None)
        if begun is not None and begun.seq < point.size:
            admitted = begun.last is not None and begun.last.size >= point.size
            told = "the restore says so" if admitted else "the restore does not say so"
            self._findings.add(
                begun.seq,
                "checkpoint",
                f"records {begun.seq} to {point.size - 1} of the anchor are lost: {told}",
            )
        elif point.size > size:
            self._findings.add(
                size,
                "checkpoint",
                f"the log was cut or rolled back: the anchor names {point.size} records, "
                f"and {size} to {point.size - 1} are missing",
            )

    def _witnessed(self, given: _Given) -> None:
        for point in given.witnessed:
            found = self._roots.get(point.size)
            if self._signed(point) and found != point.note.root and not self._is_lost(point):
                told = f"its {point.size} records are not those of this log"
                self._findings.add(None, point.source, told)
        for witness in given.witnesses:
            self._by(witness, given.witnessed)

    def _by(self, witness: _Key, points: Sequence[_Point]) -> None:
        notes = [self._head, *(point.note for point in points)]
        seen = [(n.size, t) for n in notes if (t := n.witnessed_by(witness)) is not None]
        if not seen:
            told = f"holds no cosignature of {_shown(witness.name)}"
            self._findings.add(None, "witness", told)
            return
        size, time = max(seen)
        at, left = _instant(time * 1_000_000) or time, self._head.size - size
        self._findings.notes.append(
            f"witnessed by {_shown(witness.name)} at {at}: {size} records, {left} came after"
        )


def _handover(seq: int, fields: dict[str, Any], *, begins: bool) -> _Handover:
    old, new, signature = (fields.get(name) for name in ("previous", "vkey", "signature"))
    if type(old) is not str or type(new) is not str or type(signature) is not str:
        raise _Damaged("names no keys")
    previous, key = _parse_key(old), _parse_key(new)
    text = f"privet-log-successor/1\n{old}\n{new}\n".encode()
    endorsed = bool(signature) and _signed(previous, _unbase64(signature), text)
    root, last = "", None
    if begins:
        root = str(fields.get("root"))
        last = _parse_checkpoint(str(fields.get("checkpoint")).encode("utf-8", "replace"))
        if fields.get("size") != seq:
            raise _Damaged("counts other records than those before it")
        if not endorsed and signature:
            raise _Damaged("is not signed by the key that it names")
    elif previous.name != key.name:
        raise _Damaged("changes the log's name with its key")
    return _Handover(seq, previous, key, endorsed, begins, root, last)


def _first_difference(root: str, earlier: str, size: int) -> int | None:
    """The first record whose leaf differs in two exports; None where tiles are missing."""
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        try:
            old, new = (_leaves(place, index, width) for place in (earlier, root))
        except _Damaged:
            return None
        differing = _differing(old, new)
        if differing:
            return index * WIDTH + differing[0]
    return None


def _leaves(root: str, index: int, width: int) -> bytes:
    """The first so many leaf hashes of a tile, whole or partial."""
    names = [_tile_name(0, index, w) for w in (WIDTH, *range(width, WIDTH))]
    for name in names:
        if Path(root, name).is_file():
            return _read(root, name, WIDTH * HASH)[: width * HASH]
    raise _Damaged("lacks a tile")


def _top(root: str) -> set[str]:
    """Names in the directory itself, a thousand at most; none where it cannot be read."""
    try:
        with os.scandir(root) as entries:
            return {entry.name for entry in islice(entries, 1_000)}
    except (OSError, ValueError):
        return set()


def verify_directory(
    path: str | Path,
    *,
    anchor: bytes | Path | None = None,
    vkey: str | None = None,
    witnesses: Sequence[str] = (),
    shards: Sequence[str | Path] = (),
) -> Verdict:
    """Check an audit export.

    Args:
        path: the directory that holds it.
        anchor: what was kept of the log where its keeper cannot reach it: an older
            checkpoint, an anchor's file with many, or the directory of an earlier export, which
            names the first bad record exactly. Without one, a log that was cut off and signed
            again looks well.
        vkey: the log's verifier key as you know it. Without one, the key that came with
            the export is used, which shows who signed to nobody who does not know it.
        witnesses: verifier keys of witnesses, each of which must have cosigned this log.
        shards: earlier exports of this log, with the records that were dropped from it since.

    Returns:
        The verdict; hostile input changes the verdict, it never raises.
    """
    root = os.fspath(path)
    if not _top(root) & {"checkpoint", "log.vkey", "tile"}:
        return _unusable("", "is not a directory with an audit export")
    if _of_chosen_records(root):
        told = "is of chosen records, which prove nothing of others: verify an export of all"
        return _unusable("manifest.json", told)
    argument = "--vkey"
    findings = _Findings()
    try:
        key = None if vkey is None else _parse_key(vkey.strip())
        argument = "--witness"
        known = tuple(_parse_key(text.strip(), COSIGNATURE) for text in witnesses)
        argument = "--anchor"
        anchors = () if anchor is None else _anchors(anchor)
    except _Damaged as damage:
        return _unusable(argument, str(damage))
    earlier = os.fspath(anchor) if isinstance(anchor, os.PathLike) else None
    given = _Given(key, anchors, known, tuple(_cosigned(root, findings)), earlier)
    own = _key_of(root, key, findings)
    try:
        head = _parse_checkpoint(_read(root, "checkpoint", NOTE_LIMIT))
    except _Damaged as damage:
        findings.add(None, "checkpoint", str(damage))
        return findings.verdict(0, "")
    if own is not None:
        _signed_head(own, head, findings)
    _Audit(root, findings, [os.fspath(shard) for shard in shards]).run(head, own, given)
    return findings.verdict(head.size, head.origin)


def _of_chosen_records(root: str) -> bool:
    try:
        manifest = _json(_read(root, "manifest.json", NOTE_LIMIT))
    except _Damaged:
        return False  # told when it is judged
    return isinstance(manifest, dict) and manifest.get("format") == "privet-audit-records"


def _unusable(file: str, what: str) -> Verdict:
    return Verdict(False, 0, (Problem(None, file, what),), None, "", usable=False)


def _anchors(kept: bytes | Path) -> tuple[_Point, ...]:
    """The checkpoints in an anchor: one note, a line of JSON each, or an export's own."""
    data = _read(os.fspath(kept), "checkpoint", NOTE_LIMIT) if not isinstance(kept, bytes) else kept
    if not data.startswith(b"{"):
        notes = [_parse_checkpoint(data)]
    else:
        lines = data.split(b"\n")[:-1]  # of a line that was cut off the end is missing
        notes = [note for line in lines if (note := _kept_note(line)) is not None]
        if not notes or (_kept_note(lines[-1]) is None and lines[-1].endswith(b"}")):
            raise _Damaged("holds no checkpoint in its last line")
    if any(note.size == 0 for note in notes):
        raise _Damaged("names no record: every log is an extension of an empty one")
    notes = notes[:: -(-len(notes) // ANCHORS)] + notes[-1:]  # some of many, and the newest
    return tuple(_Point(note, "anchor") for note in notes)


def _kept_note(line: bytes) -> _Checkpoint | None:
    try:
        return _parse_checkpoint(_json(line)["checkpoint"].encode())
    except (_Damaged, KeyError, TypeError, AttributeError, UnicodeEncodeError):
        return None


def _cosigned(root: str, findings: _Findings) -> Iterator[_Point]:
    """The checkpoints that witnesses cosigned, as they lie in the export."""
    for name, _ in sorted(islice(_walk(root, "witness"), 100)):
        try:
            note = _parse_checkpoint(_read(root, name, NOTE_LIMIT))
            if note.size == 0:
                raise _Damaged("names no record")
        except _Damaged as damage:
            findings.add(None, name, str(damage))
            continue
        yield _Point(note, name)


def _key_of(root: str, given: _Key | None, findings: _Findings) -> _Key | None:
    try:
        text = _read(root, "log.vkey", 1_024).decode("utf-8")
        if not text.endswith("\n"):
            raise _Damaged("does not end its line")
        return _parse_key(text[:-1])
    except (_Damaged, UnicodeDecodeError) as damage:
        told = str(damage) if isinstance(damage, _Damaged) else "is not UTF-8"
        findings.add(None, "log.vkey", told)
        return given


def _signed_head(key: _Key, head: _Checkpoint, findings: _Findings) -> None:
    if not head.signed_by(key):
        findings.add(None, "checkpoint", "is not signed by the log's key")
    if head.origin != key.name:
        findings.add(None, "checkpoint", "has another origin than the log's key")


# --------------------------------------------------------------------------------------
# The certificate of an erasure


def verify_certificate(certificate: bytes, *, vkey: str | None = None) -> Verdict:
    """Check the certificate of an erasure (GDPR Art. 17, 5(2)).

    It holds when its signature is that of the log's key over the canonical JSON of
    ``certificate``, and a record of the kind ``erase.done`` (``erase.held`` where a law
    still holds something) with the same receipt and the SHA-256 of that JSON stands in the
    log, under a checkpoint signed by the same key.

    Args:
        certificate: the file's bytes: a JSON object with ``certificate``, ``signature``,
            ``vkey`` and ``inclusion`` (``record``, ``index``, ``size``, ``hashes``,
            ``checkpoint``).
        vkey: the log's verifier key as you know it; the certificate's own otherwise.

    Returns:
        The verdict; ``size`` and ``origin`` are those of the checkpoint in it.
    """
    return _of_one("certificate", certificate, vkey, _certified)


def _of_one(
    what: str,
    data: bytes,
    vkey: str | None,
    read: Callable[[bytes, _Key | None, list[str]], _Checkpoint],
) -> Verdict:
    """The verdict on a document that brings its own proofs."""
    try:
        given = None if vkey is None else _parse_key(vkey.strip())
    except _Damaged as damage:
        return _unusable("--vkey", str(damage))
    findings = _Findings()
    try:
        head = read(data, given, findings.notes)
    except _Damaged as damage:
        findings.add(None, what, str(damage))
        return findings.verdict(0, "")
    return findings.verdict(head.size, head.origin)


def _certified(data: bytes, given: _Key | None, _: list[str]) -> _Checkpoint:
    if len(data) > CERTIFICATE_LIMIT:
        raise _Damaged("is longer than a certificate can be")
    outer = _members(_json(data), certificate=dict, signature=str, vkey=str, inclusion=dict)
    key = _own_key(outer, given)
    body = outer["certificate"]
    text = _canonical_text(body)
    if not _signed(key, _unbase64(outer["signature"]), text):
        raise _Damaged("is not signed by the log's key, or was changed")
    proof = _members(
        outer["inclusion"], record=str, index=int, size=int, hashes=list, checkpoint=str
    )
    record = _unbase64(proof["record"])
    head = _proved(record, proof, key)
    fields = _json(record)
    receipt = body.get("receipt")
    kind = "erase.held" if body.get("held") else "erase.done"
    if type(receipt) is not str or not receipt or not isinstance(fields, dict):
        raise _Damaged("has no receipt")
    if (fields.get("kind"), fields.get("receipt")) != (kind, receipt):
        raise _Damaged("is proved by a record of something else than this erasure")
    if fields.get("certificate") != sha256(text).hexdigest():
        raise _Damaged("is not the one that its record in the log names")
    return head


# --------------------------------------------------------------------------------------
# The receipt of a consent

STATUS: Final = {
    "yes": "dpv:ConsentGiven",
    "renewed": "dpv:RenewedConsentGiven",
    "authorised": "dpv:ConsentGiven",
    "no": "dpv:ConsentRefused",
    "withdrawn": "dpv:ConsentWithdrawn",
    "opted-out": "dpv:OptingOutFromProcess",
    "opted-in": "dpv:OptingInToProcess",
}


def verify_receipt(receipt: bytes, *, vkey: str | None = None) -> Verdict:
    """Check the receipt of a consent (ISO/IEC TS 27560; GDPR Art. 7(1)).

    It holds when its signature is that of the log's key over the canonical JSON of
    ``receipt``, and each of its records says what a record in the log says: the same
    purpose, kind, instant, notice and expiry, and the hash of the same details.

    Args:
        receipt: the file's bytes: a JSON object with ``receipt``, ``signature``, ``vkey``
            and ``inclusion``, a list with one proof for each record.
        vkey: the log's verifier key as you know it; the receipt's own otherwise.

    Returns:
        The verdict; ``size`` and ``origin`` are those of the checkpoint in it.
    """
    return _of_one("receipt", receipt, vkey, _received)


def _received(data: bytes, given: _Key | None, _: list[str]) -> _Checkpoint:
    if len(data) > CERTIFICATE_LIMIT:
        raise _Damaged("is longer than a receipt can be")
    outer = _members(_json(data), receipt=dict, signature=str, vkey=str, inclusion=list)
    if data != _written(outer):
        raise _Damaged("is not in its one form: every byte of it counts")
    key = _own_key(outer, given)
    body = outer["receipt"]
    if not _signed(key, _unbase64(outer["signature"]), _canonical_text(body)):
        raise _Damaged("is not signed by the log's key, or was changed")
    records, details = body.get("dpv:hasRecordOfActivity"), body.get("privet:details")
    if type(records) is not list or type(details) is not str or not records:
        raise _Damaged("has no records")
    if len(records) != len(outer["inclusion"]):
        raise _Damaged("has not one proof for each record")
    committed = sha256(details.encode()).hexdigest() if details else ""
    for record, proof in zip(records, outer["inclusion"], strict=True):
        head = _recorded(record, proof, key, committed)
    return head


def _written(outer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(outer, sort_keys=True, indent=1, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _Damaged("holds text that is not Unicode, or is nested too deep") from None


def _recorded(record: Any, proof: Any, key: _Key, committed: str) -> _Checkpoint:
    """The signed checkpoint under which the log says what this record says."""
    parts = _members(proof, record=str, index=int, size=int, hashes=list, checkpoint=str)
    entry = _unbase64(parts["record"])
    head = _proved(entry, parts, key)
    fields = _json(entry)
    ground = fields.get("ground") if isinstance(fields, dict) else None
    if not isinstance(record, dict) or not isinstance(ground, dict):
        raise _Damaged("is proved by a record of something else than a consent")
    states = record.get("dpv:hasConsentStatus")
    status = states[0] if isinstance(states, list) and len(states) == 1 else None
    if not isinstance(status, dict):
        raise _Damaged("has a record without its status")
    said = {
        "dct:identifier": str(parts["index"]),
        "privet:purpose": ground.get("purpose"),
        "privet:notice": ground.get("notice", ""),
        "privet:commitment": ground.get("commitment", ""),
        "@type": STATUS.get(str(ground.get("change"))),
        "dpv:isIndicatedAtTime": _instant(ground.get("at")),
        "dct:valid": _instant(ground.get("expires")),
    }
    told = {**record, **status}
    if any(told.get(name) != value for name, value in said.items()):
        raise _Damaged("says something else than its record in the log")
    if said["privet:commitment"] != committed:
        raise _Damaged("holds other details than the ones that its record commits to")
    return head


def _instant(us: Any) -> str | None:
    """Microseconds since 1970 as RFC 3339 text in UTC."""
    if type(us) is not int or abs(us) > 2**57:
        return None
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    return at.isoformat().replace("+00:00", "Z")


def _members(value: Any, **kinds: type) -> dict[str, Any]:
    """The object's members; exactly these, each of its type: nothing unsigned beside them."""
    if not isinstance(value, dict) or value.keys() != kinds.keys():
        raise _Damaged(f"has other members than {', '.join(kinds)}")
    for name, kind in kinds.items():
        if kind is not object and type(value[name]) is not kind:
            raise _Damaged(f"has a member of the wrong type: {name}")
    return value


def _canonical_text(value: Any) -> bytes:
    try:
        return _canonical(value)
    except (ValueError, RecursionError):
        raise _Damaged("holds text that is not Unicode, or is nested too deep") from None


def _proved(record: bytes, proof: dict[str, Any], key: _Key) -> _Checkpoint:
    """The signed checkpoint under which the inclusion proof holds."""
    head = _own_note(proof["checkpoint"], key)
    if proof["size"] != head.size or not 0 <= proof["index"] < head.size:
        raise _Damaged("proves a place that its checkpoint does not have")
    path = [_hash(text) for text in proof["hashes"]]
    if _included(sha256(b"\x00" + record).digest(), proof["index"], head.size, path) != head.root:
        raise _Damaged("is not proved: its record does not stand in the signed log")
    return head


def _own_note(text: str, key: _Key) -> _Checkpoint:
    try:
        head = _parse_checkpoint(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise _Damaged("holds text that is not Unicode") from None
    if not head.signed_by(key) or head.origin != key.name:
        raise _Damaged("holds a checkpoint that is not signed by the log's key")
    return head


def _hash(text: Any) -> bytes:
    if type(text) is not str or re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise _Damaged("holds a proof with something else than hashes")
    return bytes.fromhex(text)


# --------------------------------------------------------------------------------------
# Proofs about single records, single people, and growth

RECORD_PROOF: Final = "privet:record-proof/1"
SUBJECT_PROOF: Final = "privet:subject-proof/1"
GROWTH_PROOF: Final = "privet:growth-proof/1"


def verify_proof(proof: bytes, *, vkey: str | None = None) -> Verdict:
    """Check a proof that `privet audit prove` wrote.

    Of a record: that it stands in the log. Of a subject: that it is, or is not, in the set
    that a record committed to. Of growth: that a newer checkpoint's log begins with an older
    one's (RFC 6962 sections 2.1.1 and 2.1.2).

    Args:
        proof: the file's bytes.
        vkey: the log's verifier key as you know it; the proof's own otherwise.

    Returns:
        The verdict; ``size`` and ``origin`` are those of its (newer) checkpoint, ``notes`` says
        what was proved.
    """
    return _of_one("proof", proof, vkey, _proof)


def _proof(data: bytes, given: _Key | None, notes: list[str]) -> _Checkpoint:
    if len(data) > CERTIFICATE_LIMIT:
        raise _Damaged("is longer than a proof can be")
    fields = _json(data)
    form = fields.get("form") if isinstance(fields, dict) else None
    if form == GROWTH_PROOF:
        outer = _members(fields, form=str, vkey=str, old=str, new=str, hashes=list)
    elif form == SUBJECT_PROOF:
        outer = _members(
            fields, form=str, vkey=str, inclusion=dict, subject=int, member=bool, slice=object
        )
    elif form == RECORD_PROOF:
        outer = _members(fields, form=str, vkey=str, inclusion=dict)
    else:
        raise _Damaged("is no proof of a known form")
    if data != _written(outer):
        raise _Damaged("is not in its one form: every byte of it counts")
    key = _own_key(outer, given)
    if form == GROWTH_PROOF:
        return _growth(outer, key, notes)
    parts = _members(
        outer["inclusion"], record=str, index=int, size=int, hashes=list, checkpoint=str
    )
    record = _unbase64(parts["record"])
    head = _proved(record, parts, key)
    if form == SUBJECT_PROOF:
        _membership(outer, record, notes)
    else:
        notes.append(f"record {parts['index']} stands in the log of {head.size} records")
    return head


def _own_key(outer: dict[str, Any], given: _Key | None) -> _Key:
    key = _parse_key(outer["vkey"])
    if given is not None and given.text != key.text:
        raise _Damaged("names another verifier key than the one that you gave")
    return key


def _growth(outer: dict[str, Any], key: _Key, notes: list[str]) -> _Checkpoint:
    old, new = (_own_note(outer[name], key) for name in ("old", "new"))
    if not 0 < old.size <= new.size:
        raise _Damaged("goes from an empty log, or to a smaller one: nothing is proved")
    if not _consistent(old, new, [_hash(text) for text in outer["hashes"]]):
        raise _Damaged("is not proved: the newer log did not grow from the older")
    notes.append(f"the log of {new.size} records begins with the {old.size} of the older one")
    return new


def _consistent(old: _Checkpoint, new: _Checkpoint, proof: Sequence[bytes]) -> bool:
    """Whether a consistency proof leads to both roots (RFC 9162 section 2.1.4.2)."""
    if old.size == new.size:
        return not proof and old.root == new.root
    path = [old.root, *proof] if old.size & (old.size - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = _node(sibling, first), _node(sibling, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = _node(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and (first, second) == (old.root, new.root)


def _membership(outer: dict[str, Any], record: bytes, notes: list[str]) -> None:
    """Whether the record's set says of the subject what the proof says of her."""
    fields, sno, shown = _json(record), outer["subject"], outer["slice"]
    if not isinstance(fields, dict) or not 0 <= sno < 2**53:
        raise _Damaged("names no subject, or is of no record")
    value = fields.get("set", {"n": 0, "snos": []})
    about = _Set(0) if "set" not in fields else _subjects(value)
    place = _slice_of(about, sno)
    if place is None:
        if shown is not None:
            raise _Damaged("brings a slice that its record does not call for")
        member = sno in value.get("snos", ())
    else:
        member = _bit(about, sno, place, _members(shown, bits=str, hashes=list))
    if member is not outer["member"]:
        raise _Damaged("says the contrary of what its record says")
    told = "is" if member else "is not"
    index = outer["inclusion"]["index"]
    notes.append(f"subject {sno} {told} in the set of record {index}")


def _slice_of(about: _Set, sno: int) -> int | None:
    """The leaf of the set's tree that has this subject's bit; None where there is none."""
    chunk, offset = divmod(sno, CHUNK_BITS)
    if about.chunks is None or chunk not in about.chunks:
        return None
    return about.chunks.index(chunk) * (CHUNK_BYTES // SLICE) + offset // (SLICE * 8)


def _bit(about: _Set, sno: int, place: int, shown: dict[str, Any]) -> bool:
    bits, path = _unbase64(shown["bits"]), [_hash(text) for text in shown["hashes"]]
    size = len(about.chunks or ()) * (CHUNK_BYTES // SLICE)
    root = _included(sha256(b"\x00" + bits).digest(), place, size, path)
    if len(bits) != SLICE or root is None or root.hex() != about.root:
        raise _Damaged("is not proved: its slice is none of the set that the record commits to")
    offset = sno % (SLICE * 8)
    return bool(bits[offset >> 3] >> (offset & 7) & 1)


# --------------------------------------------------------------------------------------
# Everything about one person

HISTORY_PROOF: Final = "privet:history-proof/1"
HISTORY_LIMIT: Final = 1 << 28


def verify_history(
    history: bytes,
    *,
    export: str | Path | None = None,
    vkey: str | None = None,
    shards: Sequence[str | Path] = (),
) -> Verdict:
    """Check what `privet audit history --proof` wrote: the records that name one person.

    Each record is proved by itself. That no other one names her is shown by an export of the
    whole log alone, in which they are recounted: no short proof can say it of a log that is
    ordered by time.

    Args:
        history: the file's bytes.
        export: the directory of an export, of the same time or later.
        vkey: the log's verifier key as you know it; the history's own otherwise.
        shards: earlier exports, with the records that were dropped since.

    Returns:
        The verdict; ``size`` and ``origin`` are those of the history's checkpoint.
    """
    alone = _of_one("history", history, vkey, _history)
    if export is None or not alone.usable or not alone.ok:
        return alone
    fields = _json(history)
    note, sno = fields["checkpoint"].encode(), fields["subject"]
    whole = verify_directory(export, anchor=note, vkey=vkey, shards=shards)
    if not whole.usable or not whole.ok:
        return whole
    findings = _Findings()
    findings.notes += [*alone.notes[:-1], *whole.notes]
    try:
        _recount(os.fspath(export), [os.fspath(s) for s in shards], fields, findings)
    except _Damaged as damage:
        findings.add(None, "history", f"cannot be recounted: a part of the export {damage}")
    findings.notes.append(f"recounted: these are all records of subject {sno} that are there")
    return findings.verdict(alone.size, alone.origin)


def _history(data: bytes, given: _Key | None, notes: list[str]) -> _Checkpoint:
    if len(data) > HISTORY_LIMIT:
        raise _Damaged("is longer than a history can be")
    outer = _members(_json(data), form=str, vkey=str, checkpoint=str, subject=int, records=list)
    if outer["form"] != HISTORY_PROOF or data != _written(outer):
        raise _Damaged("is no history, or is not in its one form: every byte of it counts")
    key = _own_key(outer, given)
    head = _own_note(outer["checkpoint"], key)
    before = -1
    for one in outer["records"]:
        parts = _members(one, index=int, record=object, hashes=object, slice=object)
        if not before < parts["index"] < head.size:
            raise _Damaged("has records that are out of order, or not under its checkpoint")
        before = parts["index"]
        _one_of_hers(parts, outer, head)
    withheld = sum(one["record"] is None for one in outer["records"])
    count = len(outer["records"])
    notes.append(f"{count - withheld} records name subject {outer['subject']}, each proved")
    if withheld:
        notes.append(f"{withheld} more name others beside her and are told by their index alone")
    notes.append("that no other record names her only an export of the whole log can show")
    return head


def _one_of_hers(parts: dict[str, Any], outer: dict[str, Any], head: _Checkpoint) -> None:
    if parts["record"] is None:
        if parts["hashes"] is not None or parts["slice"] is not None:
            raise _Damaged("proves a record that it does not bring")
        return
    if type(parts["record"]) is not str or type(parts["hashes"]) is not list:
        raise _Damaged("has a member of the wrong type: record")
    record = _unbase64(parts["record"])
    path = [_hash(text) for text in parts["hashes"]]
    leaf = sha256(b"\x00" + record).digest()
    if _included(leaf, parts["index"], head.size, path) != head.root:
        raise _Damaged("is not proved: a record of it does not stand in the signed log")
    said = {
        "subject": outer["subject"],
        "member": True,
        "slice": parts["slice"],
        "inclusion": {"index": parts["index"]},
    }
    _membership(said, record, [])


def _recount(root: str, shards: list[str], fields: dict[str, Any], findings: _Findings) -> None:
    """Compare the records of a history with those of an export that name her."""
    sno, size = fields["subject"], _parse_checkpoint(fields["checkpoint"].encode()).size
    head = _parse_checkpoint(_read(root, "checkpoint", NOTE_LIMIT))
    told = {one["index"] for one in fields["records"]}
    gone = more = 0
    for index in range(-(-size // WIDTH)):
        name = _tile_name("entries", index, min(WIDTH, head.size - index * WIDTH))
        bodies = _bodies(_read(root, name, BUNDLE_LIMIT), WIDTH)[0]
        brought = [(shard, _brought(shard, index)) for shard in shards] if b"" in bodies else []
        for seq, body in enumerate(bodies[: size - index * WIDTH], index * WIDTH):
            if body:
                if _names(root, seq, body, sno) != (seq in told):
                    what = "names her and is left out" if seq not in told else "does not name her"
                    findings.add(seq, "history", f"the record {what}")
                continue
            found = [(s, others[seq % WIDTH]) for s, others in brought if others]
            named = [_names(shard, seq, old, sno) for shard, old in found if old]
            gone += not named
            more += bool(named) and named[0] and seq not in told
            if named and not named[0] and seq in told:
                findings.add(seq, "history", "the record does not name her")
    if more:
        findings.notes.append(f"{more} more records that name her are in the shards that you gave")
    if gone:
        findings.notes.append(f"{gone} records were dropped: of them nobody can tell here")


def _names(root: str, seq: int, body: bytes, sno: int) -> bool:
    """Whether a record that was verified names a subject."""
    if b'"set":' not in body:
        return False
    fields = _json(body)
    value = fields.get("set") if isinstance(fields, dict) else None
    if not isinstance(value, dict):
        return False
    about = _subjects(value)
    if about.chunks is None:
        return sno in value["snos"]
    chunk, offset = divmod(sno, CHUNK_BITS)
    if chunk not in about.chunks:
        return False
    bits = _read(root, f"sets/{seq}/{chunk}.bits", CHUNK_BYTES)
    return bool(bits[offset >> 3] >> (offset & 7) & 1)


# --------------------------------------------------------------------------------------
# The command line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verifier; the exit code."""
    if (sys.argv[1:] if argv is None else list(argv)) == [HELP]:
        _hash_for_another(sys.stdin.buffer, sys.stdout.buffer)
        return INTACT
    parser = argparse.ArgumentParser(
        prog="verifier.py",
        description="Check a privet audit export, proof, erasure certificate or consent receipt.",
    )
    parser.add_argument("directory", nargs="?", metavar="DIR", help="an audit export")
    parser.add_argument("--proof", metavar="FILE", help="what `privet audit prove` wrote")
    parser.add_argument("--certificate", metavar="FILE", help="an erasure certificate")
    parser.add_argument("--receipt", metavar="FILE", help="a consent receipt")
    parser.add_argument(
        "--anchor",
        metavar="KEPT",
        help="an older checkpoint, an anchor's file, or an earlier export, kept apart",
    )
    parser.add_argument(
        "--witness",
        metavar="VKEY",
        action="append",
        default=[],
        help="a witness that must have cosigned; may be repeated",
    )
    parser.add_argument(
        "--history", metavar="FILE", help="what `privet audit history --proof` wrote; beside DIR"
    )
    parser.add_argument(
        "--shard",
        metavar="DIR",
        action="append",
        default=[],
        help="an earlier export, with records dropped since; may be repeated",
    )
    parser.add_argument("--vkey", help="the log's verifier key, as you know it")
    parser.add_argument("--json", action="store_true", help="the verdict as one JSON object")
    options = parser.parse_args(argv)
    given = [
        options.directory or options.history,
        *(getattr(options, name) for name in _DOCUMENTS),
    ]
    if given.count(None) != len(given) - 1:
        parser.error("give one of DIR, --proof, --certificate and --receipt")
    if (options.anchor or options.witness or options.shard) and options.directory is None:
        parser.error("--anchor, --witness and --shard belong to DIR")
    if options.history and (options.anchor or options.witness):
        parser.error("--history is judged by its own checkpoint")
    verdict = _judge(options)
    sys.stdout.write(
        json.dumps(asdict(verdict)) + "\n" if options.json else _told(verdict, options)
    )
    return verdict.exit_code


_DOCUMENTS: Final = {
    "proof": verify_proof,
    "certificate": verify_certificate,
    "receipt": verify_receipt,
}


def _judge(options: argparse.Namespace) -> Verdict:
    for name, verify in _DOCUMENTS.items():
        path = getattr(options, name)
        if path is not None:
            try:
                data = _argument(path, CERTIFICATE_LIMIT)
            except _Damaged as damage:
                return _unusable(f"--{name}", str(damage))
            return verify(data, vkey=options.vkey)
    if options.history is not None:
        try:
            data = _argument(options.history, HISTORY_LIMIT)
        except _Damaged as damage:
            return _unusable("--history", str(damage))
        return verify_history(
            data, export=options.directory, vkey=options.vkey, shards=options.shard
        )
    try:
        anchor = None if options.anchor is None else _kept(options.anchor)
    except _Damaged as damage:
        return _unusable("--anchor", str(damage))
    return verify_directory(
        options.directory,
        anchor=anchor,
        vkey=options.vkey,
        witnesses=options.witness,
        shards=options.shard,
    )


def _kept(path: str) -> bytes | Path:
    """An anchor as it was given: an earlier export's directory, or a file's bytes."""
    try:
        if Path(path).is_dir():
            return Path(path)
    except ValueError:
        raise _Damaged("cannot be read") from None
    return _argument(path, ANCHOR_LIMIT)


def _argument(path: str, limit: int) -> bytes:
    """A file that the caller named: followed where it is a link, or a pipe."""
    try:
        with Path(path).open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError):
        raise _Damaged("cannot be read") from None


def _told(verdict: Verdict, options: argparse.Namespace) -> str:
    state = ("intact", "BROKEN", "unusable")[verdict.exit_code]
    lines = [f"{state}: {verdict.size} records of {_shown(verdict.origin) or '(unknown)'}"]
    for problem in verdict.problems:
        place = "" if problem.seq is None else f"record {problem.seq}: "
        lines.append(f"  {place}{problem.file}: {problem.what}")
    if verdict.first_bad is not None:
        lines.append(f"first bad record: {verdict.first_bad}")
    lines += [f"note: {note}" for note in verdict.notes]
    if options.vkey is None:
        lines.append("note: the key came with the input; give --vkey as you know it")
    if options.directory and options.anchor is None and options.history is None:
        lines.append("note: no anchor; a log that was cut off and signed again would not show")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
