"""Where a home and its keyring are named: passed in, environment, file; in this order."""

from __future__ import annotations

import os

import pytest

import privet
from privet.errors import InvalidInput, StoreUnavailable
from privet.settings import resolve


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRIVET_HOME", raising=False)
    monkeypatch.delenv("PRIVET_KEYRING", raising=False)


def write(tmp_path, text):
    (tmp_path / "privet.toml").write_text(text)


def test_the_nearer_place_counts(tmp_path, monkeypatch):
    write(tmp_path, 'home = "in-file"\nkeyring = "file:kf"\n')
    assert (resolve().home, resolve().keyring) == ("in-file", "file:kf")
    monkeypatch.setenv("PRIVET_HOME", "in-environment")
    monkeypatch.setenv("PRIVET_KEYRING", "file:ke")
    assert (resolve().home, resolve().keyring) == ("in-environment", "file:ke")
    assert (resolve("given", "file:kg").home, resolve("given", "file:kg").keyring) == (
        "given",
        "file:kg",
    )


def test_the_keyring_of_the_file_is_not_used_for_another_home(tmp_path):
    write(tmp_path, 'home = "in-file"\nkeyring = "file:kf"\n')
    assert resolve("other").keyring is None
    assert resolve("in-file").keyring == "file:kf"
    write(tmp_path, 'keyring = "file:kf"\n')
    assert resolve("other").keyring == "file:kf"


def test_anchors_of_the_file_belong_to_its_home(tmp_path):
    write(tmp_path, 'home = "a"\nanchors = ["file:x", "file:y"]\nanchor_minutes = 60\n')
    assert (resolve().anchors, resolve().anchor_minutes) == (("file:x", "file:y"), 60)
    assert (resolve("b").anchors, resolve("b").anchor_minutes) == ((), None)


@pytest.mark.parametrize(
    "line",
    [
        'anchors = "file:x"',
        "anchors = [1]",
        'anchors = [""]',
        "anchor_minutes = 0",
        'anchor_minutes = "60"',
        "anchor_minutes = true",
        "anchor_minutes = 1.5",
    ],
)
def test_anchors_of_another_form_are_refused(tmp_path, line):
    write(tmp_path, f'home = "a"\n{line}\n')
    with pytest.raises(InvalidInput) as refused:
        resolve()
    assert refused.value.reason == "settings.file"


def test_no_home_anywhere_is_refused():
    with pytest.raises(StoreUnavailable, match="no home") as refused:
        resolve()
    assert refused.value.reason == "home.missing"


@pytest.mark.parametrize(
    "text",
    ["home = ", "home = 3", 'hom = "x"', 'home = ""', "[home]\na = 1", "x" * 70_000, "\x00"],
)
def test_a_file_that_is_not_understood_is_refused_without_its_values(tmp_path, text):
    write(tmp_path, text)
    with pytest.raises(InvalidInput) as refused:
        resolve("given")
    assert refused.value.reason == "settings.file"


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "privet.toml").write_bytes(b'home = "\xff"')
    with pytest.raises(InvalidInput):
        resolve()


def test_a_password_is_in_no_repr_and_no_place(monkeypatch):
    found = resolve("postgresql://u:secret@h/d")
    assert "secret" not in repr(found)
    assert found.place == "postgresql"


def test_an_app_reads_the_same_file(tmp_path):
    write(tmp_path, 'home = "shop"\nkeyring = "file:keys"\n')
    with privet.open(policy="pack:shop", sync="OFF") as shop:
        assert shop.home == "shop"
    assert os.listdir("keys")
    assert not (tmp_path / "shop" / "keyring").exists()
