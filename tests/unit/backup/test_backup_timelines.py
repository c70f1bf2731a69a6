"""What an older timeline sealed opens; what a later one sealed is refused."""

from __future__ import annotations

import pytest

from privet.crypto import Aead, random_key
from privet.errors import IntegrityError
from privet.vault.cells import Sealer, SubjectKey

PLACE = (1, 2, 3, 4, 5, 6)


def test_a_cell_opens_in_its_own_timeline_and_later_ones_alone() -> None:
    key = SubjectKey(7, b"c" * 16, Aead(random_key()))
    sealers = [Sealer(bytes(16), timeline) for timeline in (1, 2, 3)]
    cts = [sealer.seal_cell(key, PLACE, b"value", b"n" * 12) for sealer in sealers]
    assert [ct[1:3] for ct in cts] == [b"\x01\x00", b"\x02\x00", b"\x03\x00"]
    for now, sealer in enumerate(sealers):
        for then, ct in enumerate(cts):
            if then <= now:
                assert sealer.open_cell(key, PLACE, ct) == b"value"
            else:
                with pytest.raises(IntegrityError):
                    sealer.open_cell(key, PLACE, ct)
    with pytest.raises(IntegrityError):  # the timeline is bound, not only written down
        sealers[2].open_cell(key, PLACE, cts[0][:1] + b"\x02" + cts[0][2:])
