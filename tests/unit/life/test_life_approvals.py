"""Who must approve of the next policy is said by the one in force; a signature is for one thing."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.corner import FINER, POLICY, Corner

from privet.crypto import SMALL_ORDER
from privet.errors import AccessDenied, InvalidInput, KeyUnavailable, PolicyError
from privet.policy import Approval, load, make_key, sign
from privet.policy.approval import parse, read


@pytest.fixture(params=["sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One database: nothing here is the database's part."""
    return str(tmp_path / "home")


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Name to public key; the private ones lie in ``tmp_path/NAME.pem``."""
    names = ("ada", "ada2", "ben", "cay", "eve")
    return {name: make_key(tmp_path / f"{name}.pem") for name in names}


def asking(text: str, keys: dict[str, str], *people: str, needed: int = 2) -> str:
    """The policy that asks these people; ``ada`` has two keys."""
    by = {name: [keys[name], *([keys["ada2"]] if name == "ada" else [])] for name in people}
    said = f"approvals: {{needed: {needed}, by: {json.dumps(by)}}}\n"
    return text.replace("data: data.yaml\n", "data: data.yaml\n" + said)


@pytest.fixture
def two(corner: Corner, keys: dict[str, str], tmp_path: Path) -> Corner:
    """Under a policy that asks two of three."""
    corner.write(asking(POLICY, keys, "ada", "ben", "cay"))
    corner.activate(corner.path, approvals=signed(corner, tmp_path, "ada", "ben"))
    corner.write(asking(FINER, keys, "ada", "ben", "cay"))
    return corner


def signed(corner: Corner, tmp_path: Path, *names: str) -> list[Approval]:
    policy = load(corner.path)
    return [sign(policy, corner.admin.place, tmp_path / f"{name}.pem") for name in names]


def refused(corner: Corner, approvals: object) -> str:
    """The reason; the policy in force is unchanged, and the refusal is on record."""
    before, records = corner.shop.policy.hash, len(corner.records())
    with pytest.raises(AccessDenied) as caught:
        corner.admin.activate(corner.path, approvals=approvals)
    corner.again()
    assert corner.shop.policy.hash == before
    told = [r for r in corner.records()[records:] if r.get("reason") == caught.value.reason]
    assert [(r["kind"], r["subject"]) for r in told] == [("denial", "policy")]
    return caught.value.reason


def test_two_different_people_activate_and_are_on_record(two, tmp_path):
    approvals = signed(two, tmp_path, "ben", "cay")
    digest = two.activate(two.path, approvals=approvals)
    assert two.shop.policy.hash == digest
    assert two.admin.history()[-1].approvals == ("ben", "cay")
    last = [r for r in two.records() if r.get("subject") == "policy" and r["kind"] == "admin"][-1]
    told = Approval(
        last["hash"],
        last["documents"],
        last["place"],
        last["approvals"][0]["key"],
        last["approvals"][0]["sig"],
    )
    assert told == approvals[0]
    assert told.is_genuine()  # anybody can check it later


def test_files_do_as_well(two, tmp_path):
    files = []
    for i, approval in enumerate(signed(two, tmp_path, "ada", "cay")):
        files.append(tmp_path / f"{i}.approval")
        files[-1].write_text(approval.text())
    assert read(files[0]).is_genuine()
    two.activate(two.path, approvals=files)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "approval.missing"),
        (("ada",), "approval.missing"),
        (("ada", "ada"), "approval.twice"),
        (("ada", "ada2"), "approval.twice"),
        (("ada", "eve"), "approval.key"),
        (("ada", "ben", "eve"), "approval.key"),
    ],
)
def test_too_few_different_people_are_refused(two, tmp_path, names, reason):
    assert refused(two, signed(two, tmp_path, *names)) == reason


def flipped(text: str, place: int) -> str:
    data = bytearray(base64.b64decode(text))
    data[place] ^= 1
    return base64.b64encode(bytes(data)).decode()


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_a_changed_signature_is_refused(two, tmp_path, place):
    ada, ben = signed(two, tmp_path, "ada", "ben")
    changed = replace(ben, signature=flipped(ben.signature, place))
    assert refused(two, [ada, changed]) == "approval.signature"


def test_a_signature_under_another_name_is_refused(two, tmp_path, keys):
    ada, _ = signed(two, tmp_path, "ada", "ben")
    assert refused(two, [ada, replace(ada, key=keys["ben"])]) == "approval.signature"


@pytest.mark.parametrize(
    "change", [("Values stay.", "Values stay!"), ("- {id: no", "# \n  - {id: no")]
)
def test_a_document_changed_after_it_was_signed_is_refused(two, tmp_path, change):
    """The second change is of a comment alone: the hash is the same, the bytes are not."""
    approvals = signed(two, tmp_path, "ada", "ben")
    two.path.write_text(two.path.read_text().replace(*change))
    assert refused(two, approvals) == "approval.stale"


def test_a_signature_for_another_deployment_is_refused(two, tmp_path):
    place = two.admin.place
    other = place.replace(place.split("/")[1], "0" * 32)
    policy = load(two.path)
    approvals = [sign(policy, other, tmp_path / f"{n}.pem") for n in ("ada", "ben")]
    assert refused(two, approvals) == "approval.stale"


def test_signatures_of_an_earlier_time_do_not_bring_a_policy_back(two, tmp_path, keys):
    """Away from a policy and back to it: who signed then did not sign for now."""
    finer, old = two.path.read_text(), signed(two, tmp_path, "ada", "ben")
    two.activate(two.path, approvals=old)
    two.write(asking(POLICY, keys, "ada", "ben", "cay"))
    two.activate(two.path, approvals=signed(two, tmp_path, "ada", "ben"))
    two.path.write_text(finer)
    assert refused(two, old) == "approval.stale"


def test_one_person_cannot_lower_the_bar(two, tmp_path, keys):
    for lower in (POLICY, asking(POLICY, keys, "ada", needed=1)):
        two.write(lower)
        assert refused(two, signed(two, tmp_path, "ada")) == "approval.missing"
    first = next(a.hash for a in two.admin.history())
    with pytest.raises(AccessDenied, match=r"approval\.missing"):
        two.admin.activate(f"home:{first}")  # nor by what held before


def test_other_approvers_need_the_old_ones_and_show_their_own_keys(two, tmp_path, keys):
    two.write(asking(POLICY, keys, "eve", "cay"))
    assert refused(two, signed(two, tmp_path, "eve", "cay")) == "approval.missing"  # one old
    assert refused(two, signed(two, tmp_path, "ada", "ben")) == "approval.missing"  # no new
    two.activate(two.path, approvals=signed(two, tmp_path, "ada", "cay", "eve"))


def test_the_first_approvers_show_their_keys(corner, tmp_path, keys):
    corner.write(asking(POLICY, keys, "ada", "ben"))
    assert refused(corner, []) == "approval.missing"


def test_a_signature_replaces_no_permit(two, tmp_path):
    admin = two.shop.principal("sam", roles=["shop"]).admin
    approvals = signed(two, tmp_path, "ada", "ben")
    with pytest.raises(AccessDenied, match=r"refused"):
        admin.activate(two.path, approvals=approvals)


def test_what_cannot_be_satisfied_or_counts_twice_does_not_compile(corner, keys):
    point = base64.b64encode(min(SMALL_ORDER)).decode()
    faults = {
        "more people must approve": asking(POLICY, keys, "ben"),
        "this key is there twice": asking(POLICY, {**keys, "cay": keys["ben"]}, "ben", "cay"),
        "no key that a person": asking(POLICY, {**keys, "cay": f"ed25519:{point}"}, "ben", "cay"),
        "not a public key": asking(POLICY, {**keys, "cay": "ed25519:AAAA"}, "ben", "cay"),
    }
    for words, text in faults.items():
        with pytest.raises(PolicyError, match=words):
            load(corner.write(text))


@pytest.mark.parametrize("key", sorted(SMALL_ORDER))
def test_no_signature_for_a_point_of_small_order_is_genuine(key):
    forged = Approval(
        "a" * 64,
        "b" * 64,
        "privet.dev/" + "0" * 32 + "/1",
        f"ed25519:{base64.b64encode(key).decode()}",
        base64.b64encode(key + bytes(32)).decode(),
    )
    assert not forged.is_genuine()


def test_a_key_that_others_can_read_is_refused(corner, keys, tmp_path):
    for mode in (0o640, 0o604, 0o620):
        (tmp_path / "ada.pem").chmod(mode)
        with pytest.raises(KeyUnavailable, match=r"key\.readable"):
            sign(load(corner.path), corner.admin.place, tmp_path / "ada.pem")


def test_what_is_no_private_key_is_refused(corner, tmp_path):
    (tmp_path / "no.pem").write_text(
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    )
    (tmp_path / "no.pem").chmod(0o600)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("no.pem", "missing.pem"):
        with pytest.raises(KeyUnavailable, match=r"key\.malformed"):
            sign(load(corner.path), corner.admin.place, tmp_path / name)
    with pytest.raises(KeyUnavailable):
        sign(load(corner.path), corner.admin.place, tmp_path / "pipe")


def test_a_key_file_is_for_its_owner_and_never_overwritten(tmp_path):
    make_key(tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "k").read_bytes()
    with pytest.raises(InvalidInput, match=r"key\.path"):
        make_key(tmp_path / "k")
    (tmp_path / "led").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match=r"key\.path"):
        make_key(tmp_path / "led")
    assert (tmp_path / "k").read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"privet": "approval/2"}',
        "{" * 3000,
        '{"privet": "approval/1"}',
        "x" * 9000,
    ],
)
def test_what_is_no_approval_is_refused(text, tmp_path):
    with pytest.raises(InvalidInput, match=r"approval\.form"):
        parse(text)
    (tmp_path / "f").write_text(text)
    with pytest.raises(InvalidInput, match=r"approval\.form"):
        read(tmp_path / "f")


def test_a_place_must_be_one(corner, keys, tmp_path):
    for place in ("", "here", "privet.dev/0/1", "privet.dev/" + "0" * 32 + "/1\n"):
        with pytest.raises(InvalidInput, match=r"approval\.place"):
            sign(load(corner.path), place, tmp_path / "ada.pem")
