"""Whatever is sent how often and in which batches, each event is sealed once."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from privet.db import create_stores, locate
from privet.types import Warrant
from privet.vault import FileKeyring, Keys, Plan, Rows, Subjects, Vault

EVENT = st.tuples(st.integers(1, 3), st.integers(0, 5))
STEP = st.one_of(st.lists(EVENT, min_size=1, max_size=8), st.just("compact"), st.integers(1, 3))
PEOPLE = Warrant.issue(1, "orders", frozenset({1, 2, 3}))


class Stopped:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC)


@given(st.lists(STEP, max_size=8))
def test_each_event_is_sealed_once_until_it_is_shredded(steps) -> None:
    """A step is a batch of (subject, key), a compaction of all, or a shredding of one."""
    with tempfile.TemporaryDirectory() as place:
        home = create_stores(locate(Path(place) / "home"), "OFF")
        keys = Keys(home.keys, FileKeyring(Path(place) / "ring"), home.deployment, Stopped())
        keys.initialise()
        vault = Vault(home, keys, Subjects(home.keys, keys, Stopped()), Stopped())
        vault.install(
            [("purchase", ("value",))], [("orders", "orders", "")], {"purchase.value": ("int", 0)}
        )
        known: set[tuple[int, int]] = set()
        for step in steps:
            if step == "compact":
                for sno in (1, 2, 3):
                    vault.compact(PEOPLE, sno)
            elif isinstance(step, int):
                vault.shred(step)
                known = {event for event in known if event[0] != step}
            else:
                snos, values = np.array(step, np.int64).T
                rows = Rows(
                    "purchase",
                    {"value": "orders"},
                    snos,
                    values * 100,
                    {"value": values},
                    keys=[b"%d" % v for v in values.tolist()],
                )
                prepared = vault.prepare(PEOPLE, rows)
                with home.data.write() as tx:
                    done = vault.commit(tx, prepared, BitMap([1, 2, 3]))
                assert done.sealed == len(set(step) - known)
                assert done.sealed + done.repeated == len(step)
                known |= set(step)
        with home.data.read() as tx:
            fetched = vault.fetch(tx, Plan("purchase", ("value",), ("orders",), None), [1, 2, 3])
        events = vault.open(PEOPLE, fetched)
        found = zip(
            np.repeat(events.subjects, np.diff(events.starts)).tolist(),
            events.columns["value"].tolist(),
            strict=True,
        )
        assert Counter(found) == Counter(known)
        home.close()
