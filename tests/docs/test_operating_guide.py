"""What the guide for operators promises, done to real stores."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import privet


def test_a_keys_store_of_an_ended_epoch_opens_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    privet.open(home, policy="pack:shop", sync="OFF").close()
    shutil.copyfile(home / "keys.db", tmp_path / "copy.db")
    with privet.open(home, sync="OFF") as shop:
        shop.maintenance.rotate()
    shutil.copyfile(tmp_path / "copy.db", home / "keys.db")
    with pytest.raises(privet.KeyUnavailable) as refusal:
        privet.open(home, sync="OFF")
    assert refusal.value.reason == "key.missing"
