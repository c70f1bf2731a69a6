"""Sealing: what a ciphertext is bound to, and the seven clear bytes before it.

``ct = version 1 ‖ timeline 2 ‖ gen 2 ‖ codec 2 ‖ nonce 12 ‖ ciphertext ‖ tag 16``. The
associated data name the one place a ciphertext may stand in; they are fixed-width, so
that no two places share an encoding, and as wide as the columns that they repeat, so that
any value found there fails to open rather than to be packed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Final

from privet.errors import IntegrityError
from privet.vault.codec import CODEC

if TYPE_CHECKING:
    from privet.crypto import Aead

VERSION: Final = 1
HEADER: Final = Struct("<BHHH")
# label, deployment, sno, dom, seq, grp, n, lapses, header
_CELL: Final = Struct("<16s16sqqqqqq7s")
# label, deployment, sno, dom, ver, header
_HEAD: Final = Struct("<16s16sqqq7s")
# label, deployment, sno, dom, SHA-256 of the caller's label, header
_SEALED: Final = Struct("<16s16sqq32s7s")
_FOREIGN: Final = "a ciphertext has a foreign header"
_WHY_FOREIGN: Final = "its format, timeline or key generation is not one this deployment writes"
_CELL_LABEL, _HEAD_LABEL, _SEALED_LABEL = b"privet-cell-v1", b"privet-head-v1", b"privet-value-v1"


def _no_former(_pair: tuple[int, int], _gen: int) -> Aead | None:
    return None


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key of one subject and domain.

    Attributes:
        gen: its generation, which every ciphertext of it names.
        commitment: ties the wrapped key to this one.
        aead: seals and opens.
        pair: subject and domain.
        former: gives the key of the generation before while a renewal is under way.
    """

    gen: int
    commitment: bytes
    aead: Aead
    pair: tuple[int, int] = (0, 0)
    former: Callable[[tuple[int, int], int], Aead | None] = field(
        default=_no_former, repr=False, compare=False
    )


class Renewed(IntegrityError):
    """A ciphertext of a generation that has no key: fetch it again, it may be sealed anew."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and opens under the associated data of one deployment and timeline.

    A restore begins a new timeline, so that what was sealed after the backup was taken
    cannot be mistaken for what is sealed after the restore.
    """

    deployment: bytes
    timeline: int

    def header(self, gen: int) -> bytes:
        """The clear bytes of a new ciphertext."""
        return HEADER.pack(VERSION, self.timeline, gen, CODEC)

    def opener(self, ct: bytes, key: SubjectKey) -> tuple[bytes, Aead]:
        """The clear bytes of a stored ciphertext, and the one key that its generation names.

        Raises:
            Renewed: of a generation that has no key (any more).
            IntegrityError: of another format or timeline.
        """
        header = ct[: HEADER.size]
        if header == self.header(key.gen):  # of this timeline: the usual case
            return header, key.aead
        if len(header) == HEADER.size:
            version, timeline, gen, codec = HEADER.unpack(header)
            if version == VERSION and codec == CODEC and timeline <= self.timeline:
                aead = key.aead if gen == key.gen else key.former(key.pair, gen)
                if aead is None:
                    raise Renewed(_FOREIGN, why=_WHY_FOREIGN)
                return header, aead
        raise IntegrityError(_FOREIGN, why=_WHY_FOREIGN)

    def seal_cell(
        self,
        key: SubjectKey,
        place: tuple[int, int, int, int, int, int],
        plaintext: bytes,
        nonce: bytes,
    ) -> bytes:
        """Seal a cell at ``place``: sno, dom, seq, grp, n, lapses."""
        header = self.header(key.gen)
        ad = _CELL.pack(_CELL_LABEL, self.deployment, *place, header)
        return header + key.aead.seal(plaintext, ad, nonce)

    def open_cell(
        self, key: SubjectKey, place: tuple[int, int, int, int, int, int], ct: bytes
    ) -> bytes:
        """The plaintext of the cell stored at ``place``; IntegrityError if it is not its own."""
        header, aead = self.opener(ct, key)
        return aead.open(
            ct[HEADER.size :], _CELL.pack(_CELL_LABEL, self.deployment, *place, header)
        )

    def seal_head(self, key: SubjectKey, sno: int, dom: int, ver: int, plaintext: bytes) -> bytes:
        """Seal the manifest of one subject and domain."""
        header = self.header(key.gen)
        ad = _HEAD.pack(_HEAD_LABEL, self.deployment, sno, dom, ver, header)
        return header + key.aead.seal(plaintext, ad)

    def open_head(self, key: SubjectKey, sno: int, dom: int, ver: int, ct: bytes) -> bytes:
        """The manifest stored under ``ver``."""
        header, aead = self.opener(ct, key)
        ad = _HEAD.pack(_HEAD_LABEL, self.deployment, sno, dom, ver, header)
        return aead.open(ct[HEADER.size :], ad)

    def seal_value(
        self, key: SubjectKey, sno: int, dom: int, label: bytes, plaintext: bytes
    ) -> bytes:
        """Seal a value that other rooms keep, bound to a label of theirs."""
        header = self.header(key.gen)
        return header + key.aead.seal(plaintext, self._value_ad(sno, dom, label, header))

    def open_value(self, key: SubjectKey, sno: int, dom: int, label: bytes, ct: bytes) -> bytes:
        """Open what ``seal_value`` sealed under the same label."""
        header, aead = self.opener(ct, key)
        return aead.open(ct[HEADER.size :], self._value_ad(sno, dom, label, header))

    def _value_ad(self, sno: int, dom: int, label: bytes, header: bytes) -> bytes:
        digest = hashlib.sha256(label).digest()
        return _SEALED.pack(_SEALED_LABEL, self.deployment, sno, dom, digest, header)
