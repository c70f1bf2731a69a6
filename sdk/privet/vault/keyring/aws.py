"""Keys in AWS KMS, one customer managed key per epoch, by ``boto3``.

KMS encrypts the 32 bytes itself (Encrypt, Decrypt; SYMMETRIC_DEFAULT is AES-256-GCM), and its
encryption context binds the associated data. A context stands in CloudTrail in clear: it says
which deployment and epoch, and nothing of a person. Decrypt names the key, so that no other
key of the account is tried.

Destroying is ScheduleKeyDeletion: the key opens nothing from that moment, and is gone after
the waiting days, or up to a day later (AWS KMS Developer Guide, "Delete AWS KMS keys"). The
date stated is that day; until then an administrator could cancel the deletion.
"""

from __future__ import annotations

import base64
import threading
from datetime import datetime, timedelta
from typing import Any, Final

from privet.clock import DAY_US, Clock, SystemClock, micros
from privet.errors import KeyUnavailable, MissingExtra
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Destruction
from privet.vault.keyring.silence import silence

LEAST_DAYS, MOST_DAYS = 7, 30
"""What ScheduleKeyDeletion takes."""

_CONNECT_S: Final = 2
_READ_S: Final = 3
_ATTEMPTS: Final = 2
_DAY: Final = timedelta(days=1)
_GONE: Final = ("PendingDeletion", "PendingReplicaDeletion")

_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
_UNKNOWN = frozenset(
    {
        "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredTokenException",
        "ExpiredToken", "InvalidSignatureException", "SignatureDoesNotMatch",
        "IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
    }
)  # fmt: skip
_THROTTLED = frozenset(
    {
        "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded",
        "LimitExceededException",
    }
)  # fmt: skip
_DISABLED = frozenset({"DisabledException", "KMSInvalidStateException"})
_FOREIGN = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_ELSEWHERE = frozenset({"InvalidArnException"})


class AwsKmsKeyring:
    """Epoch secrets as customer managed keys of AWS KMS.

    Args:
        client: a ``boto3.client("kms")`` of your own, with the credentials, endpoint and
            timeouts that you chose; made after a fork, in each process.
        region: where the client is made here, with boto3's own chain of credentials.
        waiting_days: days until a destroyed key is gone, 7 to 30.
        clock: states the moment where a key was gone already.

    Raises:
        KeyUnavailable: neither a client nor a region, or both, or days out of range
            (``keyring.kind``).
    """

    name: str = "aws-kms"

    def __init__(
        self,
        client: Any = None,
        *,
        region: str | None = None,
        waiting_days: int = LEAST_DAYS,
        clock: Clock | None = None,
    ) -> None:
        if (client is None) == (not region):
            raise refusals.misspelt("Give a KMS client, or a region: aws-kms:REGION.")
        if not LEAST_DAYS <= waiting_days <= MOST_DAYS:
            raise refusals.misspelt(f"Give waiting days from {LEAST_DAYS} to {MOST_DAYS}.")
        self._own, self._region = client, region
        self._days = waiting_days
        self._clock = clock or SystemClock()
        self._making = threading.Lock()

    def __repr__(self) -> str:
        return f"AwsKmsKeyring(region={self._region!r}, waiting_days={self._days})"

    def create(self) -> str:
        """Make a key; its reference is its ARN."""
        told = self._ask(
            "create_key",
            Description="privet: the secret of one epoch",
            KeyUsage="ENCRYPT_DECRYPT",
            KeySpec="SYMMETRIC_DEFAULT",
            Tags=[{"TagKey": "privet", "TagValue": "epoch"}],
        )
        return str(told["KeyMetadata"]["Arn"])

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` as a ciphertext of KMS, bound to ``ad`` by its encryption context."""
        told = self._ask("encrypt", KeyId=self._place(ref), Plaintext=key, **_context(ad))
        return bytes(told["CiphertextBlob"])

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again.

        Raises:
            KeyUnavailable: reasons ``key.missing``, ``key.foreign``, ``key.disabled``,
                ``key.denied``, ``key.credentials``, ``key.place``, ``key.throttled``,
                ``key.timeout``, ``key.unreachable``, ``key.failed``.
            MissingExtra: the package ``boto3`` is not installed.
        """
        told = self._ask("decrypt", KeyId=self._place(ref), CiphertextBlob=wrapped, **_context(ad))
        return bytes(told["Plaintext"])

    def destroy(self, ref: str) -> Destruction:
        """Schedule the key's deletion; safe to repeat, and the date stays the first one."""
        try:
            found = self._ask("describe_key", KeyId=self._place(ref))["KeyMetadata"]
        except KeyUnavailable as absent:
            if absent.reason != "key.missing":
                raise
            return Destruction(micros(self._clock.now()), "aws-kms: the key does not exist")
        if found.get("KeyState") not in _GONE:
            found = self._ask(
                "schedule_key_deletion", KeyId=found["KeyId"], PendingWindowInDays=self._days
            )
        date: datetime = found["DeletionDate"]
        return Destruction(
            micros(date + _DAY),
            "aws-kms: deletion scheduled; the key opens nothing from now on and is gone by the "
            "date, unless an administrator cancels it before: watch CloudTrail for "
            "CancelKeyDeletion",
        )

    def destroys_within(self) -> int | None:
        """The waiting days, and the day that AWS may take longer."""
        return (self._days + 1) * DAY_US

    def _place(self, ref: str) -> str:
        parts = ref.split(":")
        if len(parts) != 6 or parts[0] != "arn" or parts[2] != "kms":
            raise refusals.malformed("its reference is not one this keyring gives")
        if parts[3] != self._client().meta.region_name:
            raise refusals.elsewhere("the key is in another region than the client")
        return ref

    def _client(self) -> Any:
        if self._own is not None:
            return self._own
        with self._making:
            if self._own is None:
                self._own = _connect(self._region)
        return self._own

    def _ask(self, operation: str, **request: Any) -> Any:
        client = self._client()
        from botocore import exceptions as aws

        try:
            with silence():
                return getattr(client, operation)(**request)
        except aws.ClientError as error:
            raise _refusal(str(error.response.get("Error", {}).get("Code", ""))) from None
        except (aws.ConnectTimeoutError, aws.ReadTimeoutError):
            raise refusals.late(_ATTEMPTS * (_CONNECT_S + _READ_S)) from None
        except aws.SSLError:
            raise refusals.unreachable("its certificate is not trusted") from None
        except (aws.ConnectionError, aws.HTTPClientError):
            raise refusals.unreachable("nobody answers at its endpoint") from None
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError):
            raise refusals.credentials("boto3 finds no credentials") from None
        except aws.BotoCoreError:
            raise refusals.failed("boto3 could not make the request") from None


def _connect(region: str | None) -> Any:
    try:
        from boto3.session import Session
        from botocore.config import Config
    except ImportError:
        raise MissingExtra("a keyring in AWS KMS", "aws") from None
    config = Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )
    return Session().client("kms", region_name=region, config=config)


def _context(ad: bytes) -> dict[str, dict[str, str]]:
    return {"EncryptionContext": {"privet": base64.b64encode(ad).decode()}}


def _refusal(code: str) -> KeyUnavailable:
    """What an error code of KMS means (AWS KMS API Reference, "Common Error Types" and Decrypt)."""
    if code == "NotFoundException":
        return refusals.missing("KMS has no such key in this account and region")
    if code in _ELSEWHERE:
        return refusals.elsewhere("KMS does not take the key's ARN here")
    if code in _UNKNOWN:
        return refusals.credentials("AWS does not take them")
    for codes, refusal in (
        (_DENIED, refusals.denied),
        (_THROTTLED, refusals.throttled),
        (_DISABLED, refusals.disabled),
        (_FOREIGN, refusals.foreign),
    ):
        if code in codes:
            return refusal()
    return refusals.failed("KMS answered with an error of its own")
