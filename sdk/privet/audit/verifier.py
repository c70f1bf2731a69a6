"""Check an audit export, an erasure certificate or a consent receipt, without privet.

One file, on purpose: it needs Python 3.11 and ``cryptography`` (for Ed25519 alone) and
shares no code with the log that it judges. Copy it, read it, run it:

    python verifier.py DIR [--anchor CHECKPOINT] [--vkey VKEY] [--json]
    python verifier.py --certificate FILE [--vkey VKEY] [--json]
    python verifier.py --receipt FILE [--vkey VKEY] [--json]

Exit codes: 0 intact, 1 broken, 2 there is nothing that could be judged.

What is checked, in this order:

1. ``checkpoint`` is a note signed by the log's key (C2SP signed-note, tlog-checkpoint);
2. every record body hashes to its leaf in ``tile/0``, every full tile to its hash one
   level up, and what remains to the signed root (C2SP tlog-tiles, RFC 6962 section 2.1);
3. times never fall, subject sets are the ones that their records commit to;
4. ``records.jsonl`` repeats the bodies byte by byte, ``manifest.json`` tells the truth;
5. with an anchor (an older checkpoint, kept elsewhere) the log only grew since;
6. nothing else lies in the directory.

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
import sys
from array import array
from bisect import bisect_left
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
PROBLEM_LIMIT: Final = 100
PARTS: Final = frozenset(
    {"checkpoint", "log.vkey", "tile", "sets", "records.jsonl", "manifest.json"}
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
    """

    ok: bool
    size: int
    problems: tuple[Problem, ...]
    first_bad: int | None
    origin: str
    usable: bool = True

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


def _parse_key(text: str) -> _Key:
    """A verifier key ``name+id+base64(0x01 ‖ public)`` (C2SP signed-note)."""
    match = _KEY_LINE.fullmatch(text)
    if match is None:
        raise _Damaged("is not a verifier key")
    name, key_id, raw = match[1], bytes.fromhex(match[2]), _unbase64(match[3])
    if raw[0] != 1 or sha256(name.encode() + b"\n" + raw).digest()[:4] != key_id:
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


_pairs = struct.Struct(f"{2 * HASH}s").iter_unpack


def _fold(hashes: bytes) -> bytes:
    """Root over 2^k hashes that lie one behind the other."""
    while len(hashes) > HASH:
        hashes = b"".join([sha256(b"\x01" + pair).digest() for (pair,) in _pairs(hashes)])
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
    at, end = 0, len(bundle)
    while at + 2 <= end and len(bodies) < width:
        after = at + 2 + (bundle[at] << 8 | bundle[at + 1])
        if after > end:
            break
        bodies.append(bundle[at + 2 : after])
        at = after
    return bodies, at == end and len(bodies) == width


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


def _usual(bodies: Sequence[bytes]) -> list[int] | None:
    """Times of records with one subject or none; None where one of them is unusual."""
    lines = b"\n".join([*bodies, b""])
    times = _TIME.findall(lines)
    if (
        len(bodies) == len(times) == lines.count(b"\n")
        and lines.isascii()
        and _UNUSUAL_SET.search(lines) is None
    ):
        return [int(time) for time in times]
    return None


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
        return Verdict(not self.count, size, tuple(self.kept), self.first_bad, origin)


class _Listing:
    """``records.jsonl``, read in step with the bundles until it first differs."""

    def __init__(self, root: str, since: int, findings: _Findings) -> None:
        self.since, self.lines, self._findings = since, 0, findings
        self._file: BinaryIO | None = None
        try:
            self._file = os.fdopen(_open(root, "records.jsonl")[0], "rb")
        except _Damaged as damage:
            findings.add(None, "records.jsonl", str(damage))

    def compare(self, bodies: list[bytes], start: int, skipped: int) -> None:
        """Whether the next lines are these records but for so many skipped ones."""
        self.lines += len(bodies) - skipped
        if self._file is None:
            return
        first = start + skipped
        lines = [
            b'{"body":%b,"seq":%d}\n' % (body, seq)
            for seq, body in enumerate(bodies[skipped:], first)
        ]
        expected = b"".join(lines)
        found = self._take(len(expected))
        if found == expected:
            return
        at = 0
        for seq, line in enumerate(lines, first):
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

    def add(self, leaves: bytes) -> None:
        """The leaf hashes of the next tile of level 0, already compared with it."""
        if len(leaves) == WIDTH * HASH:
            self._push(1, _fold(leaves))
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


class _Audit:
    """One pass over an export."""

    def __init__(self, root: str, findings: _Findings) -> None:
        self._root, self._findings = root, findings
        self._clock = 0
        self._sets = 0
        self._with_sets = array("q")  # numbers of records that have files under sets/

    def run(self, head: _Checkpoint, key: _Key | None, anchor: _Checkpoint | None) -> None:
        """Check everything that the checkpoint calls for, and that nothing else is there."""
        listing = _Listing(self._root, self._since(), self._findings)
        tree = _Tree(self._root, self._findings)
        past: bytes | None = None
        complete = True
        for index in range(-(-head.size // WIDTH)):
            leaves = self._bundle(index, min(WIDTH, head.size - index * WIDTH), listing)
            if anchor and past is None and anchor.size <= index * WIDTH + len(leaves) // HASH:
                past = tree.root(leaves[: (anchor.size - index * WIDTH) * HASH])
            if not leaves:
                complete = False
                break
            tree.add(leaves)
        tree.finish()
        listing.finish()
        if complete and tree.root() != head.root:
            self._findings.add(
                None, "checkpoint", "root mismatch: the tree has another root than the signed one"
            )
        if anchor:
            self._grown(anchor, head, past)
        self._manifest(head, key, listing)
        self._surplus(head.size)

    def _bundle(self, index: int, width: int, listing: _Listing) -> bytes:
        """Leaf hashes of a bundle, compared with its tile; empty where both are missing."""
        name, start = _tile_name("entries", index, width), index * WIDTH
        tile = _tile(self._root, _tile_name(0, index, width), width, self._findings)
        try:
            bodies, whole = _bodies(_read(self._root, name, BUNDLE_LIMIT), width)
        except _Damaged as damage:
            self._findings.add(start, name, str(damage))
            return tile or b""
        leaves = b"".join([sha256(b"\x00" + body).digest() for body in bodies])
        if tile is not None and leaves != tile:
            first = _differing(leaves, tile)[0]
            told = "is missing" if first >= len(bodies) else "is not the one that its leaf names"
            self._findings.add(start + first, name, f"the record {told}")
        elif not whole:
            self._findings.add(start + len(bodies), name, f"does not hold {width} records")
        self._records(bodies, start, name, listing)
        return leaves if tile is None else tile

    def _records(self, bodies: list[bytes], start: int, name: str, listing: _Listing) -> None:
        times = _usual(bodies) or self._times(bodies, start, name)
        clock = [self._clock, *times]
        if clock != sorted(clock):
            for seq, (before, ts) in enumerate(pairwise(clock), start):
                if ts < before:
                    self._findings.add(seq, name, "the record is older than the one before it")
        self._clock = times[-1] if times else self._clock
        listing.compare(bodies, start, bisect_left(times, listing.since))

    def _times(self, bodies: list[bytes], start: int, name: str) -> list[int]:
        """Times of records that are worth a closer look; sets are checked on the way."""
        times: list[int] = []
        for seq, body in enumerate(bodies, start):
            usual = _usual([body])
            try:
                ts, subjects = (usual[0], None) if usual else _facts(body)
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

    def _grown(self, anchor: _Checkpoint, head: _Checkpoint, past: bytes | None) -> None:
        if anchor.size > head.size:
            self._findings.add(
                head.size,
                "checkpoint",
                f"the log was cut or rolled back: the anchor names {anchor.size} records",
            )
        elif past is not None and past != anchor.root:
            self._findings.add(
                None,
                "checkpoint",
                f"history was rewritten: the first {anchor.size} records are not the anchor's",
            )
        elif past is None:
            self._findings.add(
                None, "checkpoint", f"the anchor's {anchor.size} records could not be rebuilt"
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
        truth = {
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


def _top(root: str) -> set[str]:
    """Names in the directory itself, a thousand at most; none where it cannot be read."""
    try:
        with os.scandir(root) as entries:
            return {entry.name for entry in islice(entries, 1_000)}
    except (OSError, ValueError):
        return set()


def verify_directory(
    path: str | Path, *, anchor: bytes | None = None, vkey: str | None = None
) -> Verdict:
    """Check an audit export.

    Args:
        path: the directory that holds it.
        anchor: an older checkpoint of the same log, kept where the log's keeper cannot
            reach it. Without one, a log that was cut off and signed again looks well.
        vkey: the log's verifier key as you know it. Without one, the key that came with
            the export is used, which shows who signed to nobody who does not know it.

    Returns:
        The verdict; hostile input changes the verdict, it never raises.
    """
    root = os.fspath(path)
    if not _top(root) & {"checkpoint", "log.vkey", "tile"}:
        return _unusable("", "is not a directory with an audit export")
    try:
        given = None if vkey is None else _parse_key(vkey.strip())
    except _Damaged as damage:
        return _unusable("--vkey", str(damage))
    try:
        past = None if anchor is None else _parse_checkpoint(anchor)
        if past is not None and past.size == 0:
            raise _Damaged("names no record: every log is an extension of an empty one")
    except _Damaged as damage:
        return _unusable("--anchor", str(damage))
    findings = _Findings()
    key = _key_of(root, given, findings)
    try:
        head = _parse_checkpoint(_read(root, "checkpoint", NOTE_LIMIT))
    except _Damaged as damage:
        findings.add(None, "checkpoint", str(damage))
        return findings.verdict(0, "")
    if key is not None:
        _signed_heads(key, head, past, findings)
    _Audit(root, findings).run(head, key, past)
    return findings.verdict(head.size, head.origin)


def _unusable(file: str, what: str) -> Verdict:
    return Verdict(False, 0, (Problem(None, file, what),), None, "", usable=False)


def _key_of(root: str, given: _Key | None, findings: _Findings) -> _Key | None:
    try:
        text = _read(root, "log.vkey", 1_024).decode("utf-8")
        if not text.endswith("\n"):
            raise _Damaged("does not end its line")
        found = _parse_key(text[:-1])
    except (_Damaged, UnicodeDecodeError) as damage:
        told = str(damage) if isinstance(damage, _Damaged) else "is not UTF-8"
        findings.add(None, "log.vkey", told)
        return given
    if given is not None and given.text != found.text:
        findings.add(None, "log.vkey", "is not the verifier key that you gave")
    return given or found


def _signed_heads(
    key: _Key, head: _Checkpoint, anchor: _Checkpoint | None, findings: _Findings
) -> None:
    if not head.signed_by(key):
        findings.add(None, "checkpoint", "is not signed by the log's key")
    if head.origin != key.name:
        findings.add(None, "checkpoint", "has another origin than the log's key")
    if anchor is not None and not (anchor.signed_by(key) and anchor.origin == key.name):
        findings.add(
            None, "checkpoint", "the anchor was signed by another key: another log, or a new key"
        )


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
    what: str, data: bytes, vkey: str | None, read: Callable[[bytes, _Key | None], _Checkpoint]
) -> Verdict:
    """The verdict on a document that brings its own proofs."""
    try:
        given = None if vkey is None else _parse_key(vkey.strip())
    except _Damaged as damage:
        return _unusable("--vkey", str(damage))
    findings = _Findings()
    try:
        head = read(data, given)
    except _Damaged as damage:
        findings.add(None, what, str(damage))
        return findings.verdict(0, "")
    return findings.verdict(head.size, head.origin)


def _certified(data: bytes, given: _Key | None) -> _Checkpoint:
    if len(data) > CERTIFICATE_LIMIT:
        raise _Damaged("is longer than a certificate can be")
    outer = _members(_json(data), certificate=dict, signature=str, vkey=str, inclusion=dict)
    key = _parse_key(outer["vkey"])
    if given is not None and given.text != key.text:
        raise _Damaged("names another verifier key than the one that you gave")
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


def _received(data: bytes, given: _Key | None) -> _Checkpoint:
    if len(data) > CERTIFICATE_LIMIT:
        raise _Damaged("is longer than a receipt can be")
    outer = _members(_json(data), receipt=dict, signature=str, vkey=str, inclusion=list)
    if data != _written(outer):
        raise _Damaged("is not in its one form: every byte of it counts")
    key = _parse_key(outer["vkey"])
    if given is not None and given.text != key.text:
        raise _Damaged("names another verifier key than the one that you gave")
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
        if type(value[name]) is not kind:
            raise _Damaged(f"has a member of the wrong type: {name}")
    return value


def _canonical_text(value: Any) -> bytes:
    try:
        return _canonical(value)
    except (ValueError, RecursionError):
        raise _Damaged("holds text that is not Unicode, or is nested too deep") from None


def _proved(record: bytes, proof: dict[str, Any], key: _Key) -> _Checkpoint:
    """The signed checkpoint under which the inclusion proof holds."""
    try:
        head = _parse_checkpoint(proof["checkpoint"].encode("utf-8"))
    except UnicodeEncodeError:
        raise _Damaged("holds text that is not Unicode") from None
    if not head.signed_by(key) or head.origin != key.name:
        raise _Damaged("holds a checkpoint that is not signed by the log's key")
    if proof["size"] != head.size or not 0 <= proof["index"] < head.size:
        raise _Damaged("proves a place that its checkpoint does not have")
    path = [_hash(text) for text in proof["hashes"]]
    if _included(sha256(b"\x00" + record).digest(), proof["index"], head.size, path) != head.root:
        raise _Damaged("is not proved: its record does not stand in the signed log")
    return head


def _hash(text: Any) -> bytes:
    if type(text) is not str or re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise _Damaged("holds a proof with something else than hashes")
    return bytes.fromhex(text)


# --------------------------------------------------------------------------------------
# The command line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verifier; the exit code."""
    parser = argparse.ArgumentParser(
        prog="verifier.py",
        description="Check a privet audit export, erasure certificate or consent receipt.",
    )
    parser.add_argument("directory", nargs="?", metavar="DIR", help="an audit export")
    parser.add_argument("--certificate", metavar="FILE", help="an erasure certificate")
    parser.add_argument("--receipt", metavar="FILE", help="a consent receipt")
    parser.add_argument("--anchor", metavar="CHECKPOINT", help="an older checkpoint, kept apart")
    parser.add_argument("--vkey", help="the log's verifier key, as you know it")
    parser.add_argument("--json", action="store_true", help="the verdict as one JSON object")
    options = parser.parse_args(argv)
    given = [options.directory, options.certificate, options.receipt]
    if given.count(None) != len(given) - 1:
        parser.error("give one of DIR, --certificate FILE and --receipt FILE")
    if options.anchor and options.directory is None:
        parser.error("--anchor belongs to DIR")
    verdict = _judge(options)
    sys.stdout.write(
        json.dumps(asdict(verdict)) + "\n" if options.json else _told(verdict, options)
    )
    return verdict.exit_code


def _judge(options: argparse.Namespace) -> Verdict:
    try:
        if options.certificate:
            data = _argument(options.certificate, CERTIFICATE_LIMIT)
            return verify_certificate(data, vkey=options.vkey)
        if options.receipt:
            data = _argument(options.receipt, CERTIFICATE_LIMIT)
            return verify_receipt(data, vkey=options.vkey)
        anchor = _argument(options.anchor, NOTE_LIMIT) if options.anchor else None
    except _Damaged as damage:
        named = ("--certificate", options.certificate), ("--receipt", options.receipt)
        which = next((name for name, value in named if value), "--anchor")
        return _unusable(which, str(damage))
    return verify_directory(options.directory, anchor=anchor, vkey=options.vkey)


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
    if options.vkey is None:
        lines.append("note: the key came with the input; give --vkey as you know it")
    if options.directory and options.anchor is None:
        lines.append("note: no anchor; a log that was cut off and signed again would not show")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
