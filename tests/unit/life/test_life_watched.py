"""A document that changes after it was read is noticed, whatever was done to it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.corner import DATA, POLICY, Corner

from privet.errors import AccessDenied
from privet.gate import watching
from privet.policy.load import watched

REFUSES = POLICY.replace("name: corner\n", "changed_file: refuse\nname: corner\n")


@pytest.fixture(params=["sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One database: nothing here is the database's part."""
    return str(tmp_path / "home")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "EVERY_S", 0.0)


def edited(path: Path) -> None:
    path.write_text(path.read_text().replace("2y", "9y"))


def edited_in_secret(path: Path) -> None:
    """As long as before, with the times of before."""
    times = path.stat()
    edited(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def swapped(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_text(path.read_text().replace("2y", "9y"))
    other.replace(path)


def led_elsewhere(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_text(path.read_text().replace("2y", "9y"))
    path.unlink()
    path.symlink_to(other)


def directory_swapped(path: Path) -> None:
    other = path.parent.with_name("elsewhere")
    shutil.copytree(path.parent, other)
    edited(other / path.name)
    path.parent.rename(path.parent.with_name("away"))
    path.parent.symlink_to(other)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def made_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def unreadable(path: Path) -> None:
    path.write_bytes(b"\xff" + path.read_bytes())


CHANGES: list[Callable[[Path], None]] = [
    edited,
    edited_in_secret,
    swapped,
    led_elsewhere,
    directory_swapped,
    truncated,
    made_a_pipe,
    unreadable,
    Path.unlink,
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noticed(tmp_path, change):
    place = tmp_path / "documents"
    place.mkdir()
    (place / "data.yaml").write_text(DATA)
    (place / "policy.yaml").write_text(POLICY)
    _, watch = watched(place)
    assert watch is not None
    assert watch.same()
    change(place / "policy.yaml")
    assert not watch.same()
    assert not watch.same()


def test_the_data_document_is_watched_as_well(tmp_path):
    (tmp_path / "data.yaml").write_text(DATA)
    (tmp_path / "policy.yaml").write_text(POLICY)
    _, watch = watched(tmp_path)
    (tmp_path / "data.yaml").write_text(DATA.replace("city", "town"))
    assert watch is not None
    assert not watch.same()


def test_what_was_only_touched_or_put_back_is_the_same(tmp_path):
    (tmp_path / "data.yaml").write_text(DATA)
    (tmp_path / "policy.yaml").write_text(POLICY)
    _, watch = watched(tmp_path)
    assert watch is not None
    os.utime(tmp_path / "policy.yaml")
    assert watch.same()
    (tmp_path / "policy.yaml").write_text("nothing")
    assert not watch.same()
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert watch.same()


def test_a_pack_is_no_file_of_anybodys():
    assert watched("pack:shop")[1] is None


def changes(corner: Corner) -> int:
    return sum(r.get("subject") == "policy-file" for r in corner.records())


def test_a_change_is_recorded_once_and_work_goes_on(corner, caplog):
    corner.again(policy=corner.path)
    corner.buy("ann")
    assert changes(corner) == 0
    edited(corner.path)
    corner.buy("ben")
    corner.buy("cay")
    assert changes(corner) == 1
    (found,) = [f for f in corner.shop.maintenance.examine() if f.check == "policy"]
    assert (found.state, "changed" in found.what) == ("warn", True)
    corner.path.write_text(POLICY)
    corner.buy("dan")
    edited(corner.path)
    corner.buy("eve")
    assert changes(corner) == 2


def test_maintenance_looks_too(corner):
    corner.again(policy=corner.path)
    edited(corner.path)
    corner.shop.maintenance.run()
    assert changes(corner) == 1


def test_where_the_policy_says_so_nothing_is_done_for_its_purposes(corner):
    corner.activate(corner.write(REFUSES))
    corner.again(policy=corner.path)
    corner.buy("ann")
    edited(corner.path)
    clerk = corner.shop.principal("carl", roles=["shop"])
    for act in (
        lambda: clerk.purpose("service").profile("ann", "name"),
        lambda: clerk.purpose("service").record("ann", "purchase", order="2", item="x", value=1),
    ):
        with pytest.raises(AccessDenied, match=r"policy\.file-changed"):
            act()
    assert corner.shop.principal("dora", roles=["desk"]).rights.access("ann")  # hers is the law's
    clerk.consent.end("ann", "service")
    corner.path.write_text(REFUSES)  # put back
    corner.buy("ben")
    edited(corner.path)
    corner.activate(corner.path)  # or activated
    corner.again(policy=corner.path)
    corner.buy("cay")


def test_who_opened_without_a_document_watches_none(corner):
    corner.activate(corner.write(REFUSES))
    edited(corner.path)
    corner.buy("ann")
    assert changes(corner) == 0


def test_it_is_not_looked_at_more_often_than_once_in_a_while(corner, monkeypatch):
    monkeypatch.setattr(watching, "EVERY_S", 3600.0)
    corner.activate(corner.write(REFUSES))
    corner.again(policy=corner.path)
    edited(corner.path)
    corner.buy("ann")
    state = corner.shop._parts.cache["watching"]
    state.looked = time.monotonic() - 3601
    with pytest.raises(AccessDenied, match=r"policy\.file-changed"):
        corner.buy("ben")
