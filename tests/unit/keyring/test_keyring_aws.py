"""AWS KMS: against moto's server, and against a server that gives AWS's refusals."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from tests import providers
from tests.providers import AD, KEY

from privet import AwsKmsKeyring
from privet.clock import micros
from privet.errors import MissingExtra
from privet.testing import check_keyring
from privet.vault.keyring import aws

ARN = f"arn:aws:kms:{providers.REGION}:123456789012:key/7246f0fd-14c8-4986-bfe0-71268777154b"
DAY = timedelta(days=1)


@pytest.fixture
def moto():
    with providers.kms() as url:
        yield url


@pytest.fixture
def answering():
    with providers.kms_answering() as (url, faults):
        yield url, faults


def test_it_keeps_what_every_keyring_promises(moto) -> None:
    check_keyring(AwsKmsKeyring(providers.kms_client(moto)))


def test_the_date_is_the_last_of_the_waiting_days_and_one_more_and_stays(moto) -> None:
    client = providers.kms_client(moto)
    for days in (7, 30):
        ring = AwsKmsKeyring(client, waiting_days=days)
        ref = ring.create()
        before = datetime.now(UTC)
        told = ring.destroy(ref)
        assert told.date is not None
        assert ring.destroys_within() == (days + 1) * DAY // timedelta(microseconds=1)
        early = micros(before + (days + 1) * DAY - timedelta(seconds=5))
        assert early <= told.date <= micros(datetime.now(UTC) + (days + 1) * DAY)
        (key,) = [k["KeyId"] for k in client.list_keys()["Keys"] if k["KeyId"] in ref]
        found = client.describe_key(KeyId=key)["KeyMetadata"]
        assert found["KeyState"] == "PendingDeletion"
        assert micros(found["DeletionDate"] + DAY) == told.date
        assert ring.destroy(ref).date == told.date


def test_a_key_is_tagged_and_what_it_wraps_is_bound_by_its_context(moto) -> None:
    client = providers.kms_client(moto)
    ring = AwsKmsKeyring(client)
    ref = ring.create()
    assert client.list_resource_tags(KeyId=ref)["Tags"] == [
        {"TagKey": "privet", "TagValue": "epoch"}
    ]
    told = client.decrypt(
        KeyId=ref,
        CiphertextBlob=ring.wrap(ref, KEY, AD),
        EncryptionContext={"privet": base64.b64encode(AD).decode()},
    )
    assert told["Plaintext"] == KEY


def test_a_client_is_made_from_a_region_and_boto3s_own_chain(moto, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARYCANARY0001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canarycanary")
    ring = AwsKmsKeyring(region=providers.REGION)
    ref = ring.create()
    assert ring.unwrap(ref, ring.wrap(ref, KEY, AD), AD) == KEY
    config = ring._client().meta.config
    assert (config.connect_timeout, config.read_timeout) == (aws._CONNECT_S, aws._READ_S)
    assert config.retries["total_max_attempts"] == aws._ATTEMPTS
    assert "canary" not in repr(ring).lower()


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("DisabledException", 400, "key.disabled"),
        ("KMSInvalidStateException", 400, "key.disabled"),
        ("NotFoundException", 400, "key.missing"),
        ("AccessDeniedException", 400, "key.denied"),
        ("UnrecognizedClientException", 400, "key.credentials"),
        ("ExpiredTokenException", 400, "key.credentials"),
        ("InvalidSignatureException", 400, "key.credentials"),
        ("ThrottlingException", 400, "key.throttled"),
        ("LimitExceededException", 400, "key.throttled"),
        ("InvalidCiphertextException", 400, "key.foreign"),
        ("IncorrectKeyException", 400, "key.foreign"),
        ("InvalidArnException", 400, "key.place"),
        ("KeyUnavailableException", 500, "key.failed"),
        ("KMSInternalException", 500, "key.failed"),
        ("SomethingNew", 418, "key.failed"),
    ],
)
def test_each_refusal_of_aws_has_its_reason(answering, at, refused, code, status, reason) -> None:
    url, faults = answering
    faults.status = status
    faults.body = json.dumps({"__type": code, "message": f"User CANARY at {ARN} is not"})
    ring = at(AwsKmsKeyring(providers.kms_client(url)))
    assert refused(lambda: ring.unwrap(ARN, b"wrapped")) == reason
    assert faults.asked[-1] == "TrentService.Decrypt"


def test_a_disabled_key_is_told_as_aws_tells_it_whatever_is_asked(answering, at, refused) -> None:
    url, faults = answering
    faults.status, faults.body = 400, json.dumps({"__type": "DisabledException"})
    ring = at(AwsKmsKeyring(providers.kms_client(url))).ring
    assert refused(lambda: ring.wrap(ARN, KEY, AD)) == "key.disabled"
    assert refused(lambda: ring.unwrap(ARN, b"", AD)) == "key.disabled"


def test_a_key_of_another_region_is_refused_before_anything_is_sent(answering, at, refused) -> None:
    url, faults = answering
    ring = at(AwsKmsKeyring(providers.kms_client(url, "us-west-2")))
    assert refused(lambda: ring.unwrap(ARN, b"wrapped")) == "key.place"
    assert refused(lambda: ring.ring.destroy(ARN)) == "key.place"
    assert not faults.asked


@pytest.mark.parametrize("ref", ["", "alias/shop", "arn:aws:s3:::bucket", ARN[4:]])
def test_a_reference_that_is_no_arn_of_kms_is_refused(answering, at, refused, ref) -> None:
    url, faults = answering
    assert refused(lambda: at(AwsKmsKeyring(providers.kms_client(url))).unwrap(ref, b"")) == (
        "key.malformed"
    )
    assert not faults.asked


def test_a_server_that_hangs_or_trickles_is_left_behind(answering, at, refused) -> None:
    url, faults = answering
    faults.stop = threading.Event()
    begun = time.monotonic()
    slow = at(AwsKmsKeyring(providers.kms_client(url, read_timeout=0.2)))
    assert refused(lambda: slow.unwrap(ARN, b"")) == "key.timeout"
    patient = at(AwsKmsKeyring(providers.kms_client(url, read_timeout=60)), 0.4)
    assert refused(lambda: patient.unwrap(ARN, b"")) == "key.timeout"
    faults.stop.set()
    faults.stop, faults.drip = None, True
    trickling = at(AwsKmsKeyring(providers.kms_client(url, read_timeout=1)), 0.5)
    assert refused(lambda: trickling.unwrap(ARN, b"")) == "key.timeout"
    assert time.monotonic() - begun < 5


def test_nobody_at_the_endpoint_and_no_credentials_are_told_apart(
    at, refused, monkeypatch, tmp_path
) -> None:
    down = at(AwsKmsKeyring(providers.kms_client("http://127.0.0.1:9")))
    assert refused(lambda: down.unwrap(ARN, b"")) == "key.unreachable"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    nobody = at(AwsKmsKeyring(region=providers.REGION))
    assert refused(lambda: nobody.unwrap(ARN, b"")) == "key.credentials"


def test_an_answer_without_its_form_is_refused(answering, at, refused) -> None:
    url, faults = answering
    faults.status, faults.body = 200, "{}"
    ring = at(AwsKmsKeyring(providers.kms_client(url)))
    assert refused(lambda: ring.unwrap(ARN, b"")) == "key.failed"
    assert refused(ring.ring.create) == "key.failed"


@pytest.mark.parametrize(
    "given", [{}, {"client": object(), "region": "x"}, {"region": "x", "waiting_days": 6}]
)
def test_what_makes_no_keyring_is_refused(refused, given) -> None:
    assert refused(lambda: AwsKmsKeyring(**given)) == "keyring.kind"


def test_without_the_package_the_extra_is_named(at, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(MissingExtra, match=r"privet\[aws\]"):
        at(AwsKmsKeyring(region="eu-west-1")).ring.create()
