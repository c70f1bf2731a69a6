"""A commit into a file that is no longer there is no commit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from privet.audit import Entry, Log
from privet.crypto import Signer
from privet.db import Home, create_stores, locate
from privet.errors import AuditUnavailable


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def files(directory: Path) -> Iterator[Home]:
    stores = create_stores(locate(directory), "OFF")
    yield stores
    stores.close()


@pytest.fixture
def log(files: Home, clock: Any) -> Log:
    made = Log(files.audit, Signer(b"\x05" * 32), "privet.dev/test", clock)
    made.append([Entry({"n": i}, frozenset({i})) for i in range(600)])
    return made


def refused(log: Log) -> str:
    with pytest.raises(AuditUnavailable) as caught:
        log.authorise(Entry({}, frozenset({1})))
    return caught.value.reason


def test_a_replaced_file_is_noticed(log: Log, directory: Path) -> None:
    copy = directory / "copy.db"
    shutil.copy(directory / "audit.db", copy)
    copy.replace(directory / "audit.db")
    assert refused(log) == "audit.replaced"
    assert log.size() == 600  # nothing was even tried


def test_a_deleted_file_is_noticed(log: Log, directory: Path) -> None:
    (directory / "audit.db").unlink()
    assert refused(log) == "audit.replaced"


def test_a_file_cut_short_is_noticed(log: Log, files: Home, directory: Path) -> None:
    assert files.audit.truncate_log()
    log.append([Entry({})])
    os.truncate(directory / "audit.db", (directory / "audit.db").stat().st_size - 8192)
    assert refused(log) == "audit.replaced"


def test_a_write_ahead_log_taken_away_is_noticed(log: Log, directory: Path) -> None:
    (directory / "audit.db-wal").rename(directory / "elsewhere")
    (directory / "audit.db-wal").touch()
    assert refused(log) == "audit.replaced"


def test_an_ordinary_life_is_not_taken_for_one(log: Log, files: Home) -> None:
    for _ in range(3):
        log.append([Entry({})])
        assert files.audit.truncate_log()
    assert log.append([Entry({})]) == [603]
