"""A second reader of a home, written from ``docs/reference/formats.md`` alone.

It imports nothing of privet: what it finds, it finds because the page says where it is and how
it is made. It reads a closed home in a directory whose keyring is of files.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyroaring import BitMap

OWN = ("ref", "suppress", "mac", "dedup", "details", "signing")
FOUR_WEEKS = 2_419_200_000_000
NEVER = -(2**63)
STATUSES = (
    "active",
    "known",
    "restricted",
    "declined",
    "withdrawn",
    "ended",
    "objected",
    "upheld",
    "opted-out",
    "elsewhere",
)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def padded(label: str) -> bytes:
    return label.encode().ljust(16, b"\0")


@dataclass(frozen=True)
class Row:
    """One row of an event: its number, its time and its values by field."""

    number: int
    at: int
    values: dict[str, Any]


class Reader:
    """The stores of a home and its keyring."""

    def __init__(self, home: Path, keyring: Path) -> None:
        self.stores = {
            name: sqlite3.connect(f"file:{home / name}.db?mode=ro", uri=True)
            for name in ("data", "keys", "audit")
        }
        self.keyring = keyring
        ids = {
            bytes(self.one(s, "SELECT value FROM meta WHERE key='deployment'")) for s in self.stores
        }
        (self.deployment,) = ids
        self.timeline = int(self.one("keys", "SELECT value FROM meta WHERE key='timeline'"))

    def close(self) -> None:
        for store in self.stores.values():
            store.close()

    def all(self, store: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.stores[store].execute(sql, values).fetchall()

    def one(self, store: str, sql: str, *values: object) -> Any:
        ((value,),) = self.all(store, sql, *values)
        return value

    # --- keys ----------------------------------------------------------------------------

    def bound(self, label: str, kek: int, a: int, b: int, c: int, kc: bytes) -> bytes:
        return struct.pack("<16s16sqqqq16s", padded(label), self.deployment, kek, a, b, c, kc)

    def kek(self, number: int) -> bytes:
        """The key-encryption key of an epoch, opened by the keyring's secret."""
        ((committed, kind, ref),) = self.all(
            "keys", "SELECT commitment, provider, provider_ref FROM epoch WHERE kek_id=?", number
        )
        assert kind == "file"
        line = (self.keyring / f"{ref}.key").read_bytes()
        assert len(line) == 61
        magic, secret = line.split()
        assert magic == b"privet-epoch-v1"
        wrapped = self.one("keys", "SELECT wrapped FROM secret WHERE name='kek' AND ver=?", number)
        ad = self.bound("kek", number, 0, 0, 0, bytes(16))
        key = AESGCM(base64.b64decode(secret)).decrypt(wrapped[:12], wrapped[12:], ad)
        assert sha256(b"privet-kek-v1" + key) == committed
        return key

    def unwrap(
        self, label: str, place: tuple[int, int, int, int], wrapped: bytes, kc: bytes
    ) -> bytes:
        key = AESGCM(self.kek(place[0])).decrypt(
            wrapped[:12], wrapped[12:], self.bound(label, *place, kc)
        )
        assert sha256(b"privet-kc-v1" + key)[:16] == kc
        return key

    def secret(self, name: str) -> bytes:
        """One of the deployment's own keys, of its newest version."""
        ver, kek, wrapped, kc = self.all(
            "keys",
            "SELECT ver, kek_id, wrapped, kc FROM secret WHERE name=? ORDER BY ver DESC",
            name,
        )[0]
        return self.unwrap("privet-secret-v1", (kek, OWN.index(name), ver, 0), wrapped, kc)

    def mac(self, message: bytes) -> bytes:
        return hmac.digest(self.secret("mac"), message, "sha256")[:16]

    def person(self, identifier: str | int) -> int | None:
        """The ordinal that an id leads to."""
        if isinstance(identifier, str):
            kind, data = b"t", identifier.encode()
        else:
            kind, data = b"i", struct.pack(">q", identifier)
        message = b"privet-ref-v1" + kind + struct.pack(">H", len(data)) + data
        tag = hmac.digest(self.secret("ref"), message, "sha256")[:16]
        rows = self.all("keys", "SELECT sno FROM subject_ref WHERE tag=?", tag)
        return rows[0][0] if rows else None

    def key_of(self, sno: int, dom: int) -> tuple[bytes, int]:
        ((gen, kek, wrapped, kc),) = self.all(
            "keys",
            "SELECT gen, kek_id, wrapped, kc FROM subject_key WHERE sno=? AND dom=?",
            sno,
            dom,
        )
        return self.unwrap("privet-skey-v1", (kek, sno, dom, gen), wrapped, kc), gen

    def domains(self) -> dict[str, int]:
        return dict(self.all("keys", "SELECT name, dom FROM domain"))

    # --- what is sealed ------------------------------------------------------------------

    def opened(self, sno: int, dom: int, ct: bytes, before: bytes) -> bytes:
        key, own = self.key_of(sno, dom)
        version, timeline, gen, codec = struct.unpack("<BHHH", ct[:7])
        assert (version, gen, codec) == (1, own, 1)
        assert timeline <= self.timeline
        return AESGCM(key).decrypt(ct[7:19], ct[19:], before + ct[:7])

    def head(self, sno: int, dom: int) -> list[tuple[int, int, int]]:
        """(seq, grp, n) of each live cell."""
        rows = self.all("data", "SELECT ver, ct FROM head WHERE sno=? AND dom=?", sno, dom)
        if not rows:
            return []
        ((ver, ct),) = rows
        ad = struct.pack("<16s16sqqq", padded("privet-head-v1"), self.deployment, sno, dom, ver)
        plain = self.opened(sno, dom, ct, ad)
        return list(struct.iter_unpack("<IHI", plain[12:]))

    def cells(self, sno: int, dom: int) -> Iterator[tuple[int, list[Row]]]:
        """Layout and rows of each cell; they are exactly those that the head lists."""
        rows = self.all(
            "data", "SELECT seq, grp, n, lapses, ct FROM cell WHERE sno=? AND dom=?", sno, dom
        )
        assert sorted((seq, grp, n) for seq, grp, n, _, _ in rows) == sorted(self.head(sno, dom))
        for seq, grp, n, lapses, ct in sorted(rows):
            ad = struct.pack(
                "<16s16sqqqqqq",
                padded("privet-cell-v1"),
                self.deployment,
                *(sno, dom, seq, grp, n, lapses),
            )
            yield grp, list(self.decoded(grp, n, self.opened(sno, dom, ct, ad)))

    def decoded(self, grp: int, count: int, plain: bytes) -> Iterator[Row]:
        ((told,),) = self.all("data", "SELECT fields FROM layout WHERE grp=?", grp)
        fields = json.loads(told)
        form = "<BBHIqQ"
        headers = [struct.unpack_from(form, plain, 24 * i) for i in range(len(fields) + 2)]
        kinds = ["int", "int", *(kind for _, kind, _ in fields)]
        at, columns = 24 * len(headers), []
        for header, kind in zip(headers, kinds, strict=True):
            column, at = self.section(plain, at, count, header, kind)
            columns.append(column)
        assert at == len(plain)
        for instant, number, *values in zip(*columns, strict=True):
            names = (name for name, _, _ in fields)
            yield Row(number, instant, dict(zip(names, values, strict=True)))

    def section(
        self, plain: bytes, at: int, count: int, header: tuple[int, ...], kind: str
    ) -> tuple[list[Any], int]:
        flags, width, entries, size, base, step = header
        if flags & 2:
            codes = list(range(count))
        else:
            raw = plain[at : at + width * count]
            codes = [
                int.from_bytes(raw[i * width : (i + 1) * width], "little") for i in range(count)
            ]
            at += width * count
        words: list[str] = []
        if entries:
            wide = 4 if flags & 8 else 1
            lengths = [
                int.from_bytes(plain[at + i * wide : at + (i + 1) * wide], "little")
                for i in range(entries)
            ]
            at += wide * entries
            text = plain[at : at + size].decode()
            at += size
            for length in lengths:
                words.append(text[:length])
                text = text[length:]
        return [self.value(code, flags, base, step, kind, words) for code in codes], at

    def value(
        self, code: int, flags: int, base: int, step: int, kind: str, words: list[str]
    ) -> Any:
        if kind == "seconds":
            number = struct.unpack("<d", struct.pack("<Q", code))[0]
            return None if math.isnan(number) else number
        if flags & 1:
            if code == 0:
                return None
            code -= 1
        number = (base + step * code) % 2**64
        number -= 2**64 if number >= 2**63 else 0
        if kind in {"text", "band"} or (kind == "id" and not flags & 4):
            return words[number]
        if kind == "id":
            return str(number)
        if kind == "item":
            return words[-number - 1] if number < 0 else self.item(number)
        return number

    def item(self, code: int) -> str:
        return str(self.one("data", "SELECT id FROM item WHERE code=?", code))

    def events(self, sno: int, event: str) -> list[Row]:
        """Rows of an event, put together again by their numbers, oldest first."""
        layouts = {g for g, e in self.all("data", "SELECT grp, event FROM layout") if e == event}
        found: dict[int, Row] = {}
        keyed = {dom for (dom,) in self.all("keys", "SELECT dom FROM subject_key WHERE sno=?", sno)}
        for dom in sorted(keyed):
            for grp, rows in self.cells(sno, dom):
                for row in rows if grp in layouts else ():
                    known = found.get(row.number)
                    values = {**(known.values if known else {}), **row.values}
                    found[row.number] = Row(row.number, row.at, values)
        return sorted(found.values(), key=lambda row: (row.at, row.number))

    # --- grounds -------------------------------------------------------------------------

    def entries(self, sno: int) -> list[tuple[int, dict[str, Any]]]:
        """The ledger of one person: position and body of each leaf, checked."""
        rows = self.all("data", "SELECT seq, body, mac FROM ledger WHERE sno=? ORDER BY seq", sno)
        for seq, body, mac in rows:
            assert (
                self.mac(struct.pack(">16sqq", padded("privet-entry-v2"), seq, sno) + body) == mac
            )
        return [(seq, json.loads(body)) for seq, body, _ in rows]

    def grounds(self, sno: int, purposes: list[str]) -> dict[str, tuple[str, int, int, int | None]]:
        """Where each purpose stands: status, position, since, expires."""
        ((body, pending, mac),) = self.all(
            "data", "SELECT body, pending, mac FROM ground WHERE sno=?", sno
        )
        bases = self.one("data", "SELECT value FROM meta WHERE key='ground_bases'")
        message = struct.pack(">16sqq", padded("privet-ground-v2"), sno, pending) + bases + body
        assert self.mac(message) == mac
        names = sorted([*purposes, "*"])
        return {
            names[place]: (STATUSES[status], seq, since, None if expires == NEVER else expires)
            for place, status, seq, since, expires in struct.iter_unpack("<HBqqq", body)
        }

    def holding(self, purpose: str, basis: str, now: int) -> tuple[BitMap, BitMap]:
        """Who is on and not lapsed, and who is off, by the packed bitmaps of a purpose."""
        on, off = BitMap(), BitMap()
        for chunk, bits, upto, due, mac in self.all(
            "data", "SELECT chunk, bits, upto, due, mac FROM ground_set WHERE purpose=?", purpose
        ):
            texts = b"".join(
                struct.pack(">H", len(t.encode())) + t.encode() for t in (basis, purpose)
            )
            numbers = struct.pack(
                ">16sqqqq",
                padded("privet-chunk-v1"),
                *(chunk, upto, NEVER if due is None else due, len(bits)),
            )
            assert self.mac(numbers + texts + bits) == mac
            size, count = struct.unpack_from("<II", bits)
            at = 8 + 72 * count
            on |= BitMap.deserialize(bits[at : at + size]) - self.lapsed(purpose, chunk, bits, now)
            off |= BitMap.deserialize(bits[at + size :])
        return on, off

    def lapsed(self, purpose: str, chunk: int, bits: bytes, now: int) -> BitMap:
        over = BitMap()
        _, count = struct.unpack_from("<II", bits)
        for period, who_hash, ends_hash in struct.iter_unpack("<q32s32s", bits[8 : 8 + 72 * count]):
            ((who, ends),) = self.all(
                "data",
                "SELECT who, ends FROM ground_end WHERE purpose=? AND chunk=? AND period=?",
                *(purpose, chunk, period),
            )
            assert (sha256(who), sha256(ends)) == (who_hash, ends_hash)
            people = list(BitMap.deserialize(who))
            instants = [i for (i,) in struct.iter_unpack("<q", ends)]
            if len(instants) == 1:
                instants *= len(people)
            for sno, instant in zip(people, instants, strict=True):
                assert instant // FOUR_WEEKS == period
                if instant <= now:
                    over.add(sno)
        return over

    def provenance(self, commitment: str) -> dict[str, Any]:
        """What is told of an import."""
        label = b"privet-provenance-v1"
        key = HKDF(SHA256(), 32, salt=None, info=label).derive(self.secret("details"))
        ct = self.one("data", "SELECT ct FROM provenance WHERE commitment=?", commitment)
        ad = label + self.deployment + bytes.fromhex(commitment)
        told = AESGCM(key).decrypt(ct[:12], ct[12:], ad)
        assert sha256(told).hex() == commitment
        result: dict[str, Any] = json.loads(told)
        return result
