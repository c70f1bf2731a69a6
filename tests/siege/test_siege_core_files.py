"""Images of a process's memory: what an open, an erased and a closed deployment leave in one.

What Python lets go of is not wiped, only free to be overwritten. So the child overwrites what
is free before each image is taken: what is found then is still held by something, and what is
not found was let go of. What may lie in free memory until it is used again is no promise, and
docs/guide/keyrings.md says so.
"""

from __future__ import annotations

import base64
import mmap
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import privet
from privet.testing import agrees

ADA, MAIL = "ada-4711-core-canary", "ada@core-canary.example"
CHILD = f"""
import gc, sys
import privet


def overwrite():
    # Every free block of Python's small allocator, and much of malloc's, of each size.
    gc.collect()
    kept = [bytes([170]) * size for size in range(1, 1024, 8) for _ in range(4000)]
    kept += [dict.fromkeys(range(n)) for n in (1, 6, 11, 22) for _ in range(2000)]
    del kept


def image(what):
    overwrite()
    print(what, flush=True)
    sys.stdin.readline()


shop = privet.open(sys.argv[1], keyring=sys.argv[2])
till = shop.principal("till", roles=["storefront"]).purpose("orders")
assert till.profile({ADA!r}, "email")["email"].startswith("ada@")
image("open")
herself = shop.subject({ADA!r}, proof="test")
assert herself.rights.erase().state == "done"
del herself
image("erased")
shop.close()
del shop, till
image("closed")
"""
ABORTED = """
import os, sys
import privet
shop = privet.open(sys.argv[1], keyring=sys.argv[2])
os.abort()
"""


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, str]:
    home, ring = tmp_path / "home", f"file:{tmp_path / 'ring'}"
    with privet.open(home, policy="pack:shop", keyring=ring, sync="OFF") as shop:
        agrees(shop, ADA, "orders")
        till = shop.principal("till", roles=["storefront"]).purpose("orders")
        till.describe(ADA, email=MAIL)
    return home, ring


def keys_of(place: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The keys that the child will use, taken in this process."""
    from privet.vault.keyring.guard import Guarded
    from privet.vault.keyroom.wrapping import SUBJECT, Wraps

    found: dict[str, bytes] = {}
    unwrap, ask = Wraps.unwrap, Guarded.unwrap

    def unwrapping(self, label, place, wrapped, kc):
        key = unwrap(self, label, place, wrapped, kc)
        if label == SUBJECT:
            found["hers"] = key
        return key

    def asking(self, ref, wrapped, ad):
        found["epoch's"] = ask(self, ref, wrapped, ad)
        return found["epoch's"]

    with monkeypatch.context() as patched:
        patched.setattr(Wraps, "unwrap", unwrapping)
        patched.setattr(Guarded, "unwrap", asking)
        with privet.open(place[0], keyring=place[1], sync="OFF") as shop:
            till = shop.principal("till", roles=["storefront"]).purpose("orders")
            till.profile(ADA, "email")
            found["signing"] = shop._parts.keys.secret("signing")
    (file,) = (place[0].parent / "ring").iterdir()
    found["keyring's"] = base64.b64decode(file.read_bytes()[16:60])
    return found


def found_in(pid: int, needles: dict[str, bytes], directory: Path) -> set[str]:
    """Which of these an image of the process holds."""
    told = subprocess.run(
        ["gcore", "-o", str(directory / "core"), str(pid)], capture_output=True, text=True
    )
    file = directory / f"core.{pid}"
    if not file.exists():
        pytest.skip(f"gcore may not look into a process here: {told.stderr[-200:]}")
    with file.open("rb") as core, mmap.mmap(core.fileno(), 0, access=mmap.ACCESS_READ) as seen:
        names = {name for name, needle in needles.items() if seen.find(needle) >= 0}
    file.unlink()
    return names


def test_what_an_image_of_the_memory_holds_after_an_erasure(place, tmp_path, monkeypatch) -> None:
    if shutil.which("gcore") is None:
        pytest.skip("no gcore: apt-get install gdb")
    needles = {**keys_of(place, monkeypatch), "mail": MAIL.encode()}
    images: dict[str, set[str]] = {}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(place[0]), place[1]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for line in child.stdout:
            images[line.strip()] = found_in(child.pid, needles, tmp_path)
            child.stdin.write("\n")
            child.stdin.flush()
    assert child.returncode == 0
    # A file keyring's secret passes through this process, and may lie on the stack of a thread
    # that ended until another one takes its place: no promise either way.
    held = {step: names - {"keyring's"} for step, names in images.items()}
    assert held == {
        "open": {"epoch's", "signing"},
        "erased": {"epoch's", "signing"},
        "closed": set(),
    }


def test_opening_leaves_no_core_file_when_the_process_dies(place, tmp_path) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("the hard limit of core files is 0 here")
    work = tmp_path / "work"
    work.mkdir()
    died = subprocess.run(
        [sys.executable, "-c", ABORTED, str(place[0]), place[1]],
        cwd=work,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2
        ),
    )
    assert died.returncode == -6
    assert not list(work.iterdir())


def test_a_host_may_set_the_limit_back(place) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        with privet.open(place[0], keyring=place[1], sync="OFF"):
            assert resource.getrlimit(resource.RLIMIT_CORE) == (0, hard)
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
