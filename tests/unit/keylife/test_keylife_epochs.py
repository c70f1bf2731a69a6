"""Re-wrapping goes on beside readers and writers, and from wherever it was broken off."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from privet.db import Home, locate, open_stores
from privet.errors import KeyUnavailable
from privet.vault import FileKeyring, Keys
from privet.vault.keyroom import rewrapping

PEOPLE = 700


class Stopped(Exception):
    """The process ends here."""


@pytest.fixture
def keys(home: Home, clock, tmp_path: Path) -> Keys:
    made = opened(home, clock, tmp_path)
    made.initialise()
    made.make_for_subjects({(sno, 1) for sno in range(PEOPLE)})
    return made


def opened(home: Home, clock, tmp_path: Path) -> Keys:
    return Keys(home.keys, FileKeyring(tmp_path / "ring", clock), home.deployment, clock)


def commitments(keys: Keys) -> dict[tuple[int, int], bytes]:
    found = keys.of_subjects(range(PEOPLE), [1])
    return {pair: key.commitment for pair, key in found.items()}


def ring(tmp_path: Path) -> int:
    return len(list((tmp_path / "ring").glob("*.key")))


def test_every_kind_of_key_moves_and_keeps_what_it_is(keys: Keys, tmp_path: Path) -> None:
    keys.renew_subject(5, [1])
    (former,) = keys.former_gens(5).values()
    model = keys.model_key(1, 1, create=True)
    before, mac = commitments(keys), keys.secret("mac")
    old = keys.of_subjects([5], [1])[5, 1].former((5, 1), former)
    sealed = old.seal(b"x", b"")
    assert keys.rotate() == 2
    assert commitments(keys) == before
    assert (keys.secret("mac"), keys.model_key(1, 1)) == (mac, model)
    again = keys.of_subjects([5], [1])[5, 1].former((5, 1), former)
    assert again.open(sealed, b"") == b"x"
    with keys.store.read() as tx:
        for table in ("subject_key", "former_key", "model_key", "secret"):
            assert tx.all(f"SELECT DISTINCT kek_id FROM {table}") == [(2,)]
    assert ring(tmp_path) == 1


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_an_interrupted_rotation_is_readable_and_goes_on(
    keys: Keys, home: Home, clock, tmp_path: Path, monkeypatch, chunks: int
) -> None:
    monkeypatch.setattr(rewrapping, "CHUNK", 100)
    before = commitments(keys)
    keys.begin_epoch()
    left = []

    def stop(done: int, of: int) -> None:
        left.append(of - done)
        if len(left) > chunks:
            raise Stopped

    with pytest.raises(Stopped):
        keys.finish_epochs(stop)
    other = opened(home, clock, tmp_path)
    assert other.unwrapped() == left[-1]
    assert commitments(other) == before
    other.make_for_subjects({(PEOPLE, 1)})
    assert ring(tmp_path) == 2
    assert other.finish_epochs() == 1
    assert (ring(tmp_path), other.unwrapped()) == (1, 0)
    assert commitments(other) == before
    assert other.finish_epochs() == 0


def test_a_secret_under_which_something_hangs_is_never_destroyed(
    keys: Keys, tmp_path: Path
) -> None:
    """Whatever a re-wrapping passed over keeps its epoch: looked for where it is retired."""
    keys.begin_epoch()
    with keys.store.read() as tx:
        row = tx.one("SELECT sno, dom, gen, kek_id, wrapped, kc FROM subject_key WHERE sno = 3")
    keys._rewrapping.run(lambda *_: None)
    with keys.store.write() as tx:  # as if it had come while the others were re-wrapped
        tx.run("UPDATE subject_key SET kek_id = ?, wrapped = ? WHERE sno = 3", (row[3], row[4]))
    keys._epochs.retire()
    assert keys._epochs.destroy() == 0
    keys.forget()
    assert (3, 1) in keys.of_subjects([3], [1])
    assert keys.finish_epochs() == 1
    assert ring(tmp_path) == 1


def test_a_keyring_that_fails_leaves_the_epoch_to_the_next_call(
    keys: Keys, tmp_path: Path, monkeypatch
) -> None:
    def refuse(_self: object, _ref: str) -> None:
        raise KeyUnavailable("the provider is down", reason="key.unreachable")

    with monkeypatch.context() as patched:
        patched.setattr(FileKeyring, "destroy", refuse)
        with pytest.raises(KeyUnavailable):
            keys.rotate()
    assert [e.state for e in keys.epochs()] == ["retired", "active"]
    assert keys.finish_epochs() == 1
    assert [e.state for e in keys.epochs()] == ["destroyed", "active"]


def test_a_reader_whose_row_was_of_the_epoch_that_ended_reads_again(
    keys: Keys, home: Home, clock, tmp_path: Path, monkeypatch
) -> None:
    """Between the row and its KEK the epoch ends: the key is found under the next one."""
    reader = opened(home, clock, tmp_path)
    real, asked = reader.wraps.ask, []

    def late(kek_id: int):
        if not asked:
            asked.append(kek_id)
            keys.rotate()
        return real(kek_id)

    monkeypatch.setattr(reader.wraps, "ask", late)
    assert (1, 1) in reader.of_subjects([1], [1])
    assert asked == [1]


def test_threads_read_and_make_keys_while_epochs_end(
    keys: Keys, home: Home, clock, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(rewrapping, "CHUNK", 50)
    before, wrong, over = commitments(keys), [], threading.Event()

    def work(first: int) -> None:
        mine, sno = opened(home, clock, tmp_path), first
        try:
            while not over.is_set():
                found = mine.of_subjects([sno % PEOPLE, PEOPLE + first], [1])
                if found[sno % PEOPLE, 1].commitment != before[sno % PEOPLE, 1]:
                    wrong.append("another key")
                mine.make_for_subjects({(sno + PEOPLE + 10, 1)})
                sno += 7
                mine.forget()
        except Exception as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            keys.rotate()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    with keys.store.read() as tx:
        assert tx.all("SELECT DISTINCT kek_id FROM subject_key") == [(4,)]
    assert (ring(tmp_path), commitments(keys)) == (1, before)


def make_keys(where: str, place: str, first: int) -> None:
    """What another process does: keys for many, one by one, while an epoch ends."""
    from privet.clock import SystemClock

    stores = open_stores(locate(where), "OFF")
    keys = Keys(stores.keys, FileKeyring(Path(place)), stores.deployment, SystemClock())
    for sno in range(first, first + 30):
        keys.make_for_subjects({(sno, 1)})
        assert keys.of_subjects([sno], [1])
    stores.close()


def test_another_process_makes_keys_while_epochs_end(
    keys: Keys, where: str, tmp_path: Path
) -> None:
    code = (
        "import importlib.util as util, sys; spec = util.spec_from_file_location('m', sys.argv[1]);"
        "m = util.module_from_spec(spec); spec.loader.exec_module(m);"
        "m.make_keys(sys.argv[2], sys.argv[3], int(sys.argv[4]))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, __file__, where, str(tmp_path / "ring"), "10000"]
    )
    while child.poll() is None:
        keys.rotate()
    assert child.returncode == 0
    keys.rotate()
    assert len(keys.of_subjects(range(10000, 10030), [1])) == 30
    assert ring(tmp_path) == 1
