"""An HTTP witness: C2SP tlog-witness, ``POST <prefix>/add-checkpoint``.

The witness keeps the largest tree that it saw of this log and cosigns nothing that did
not grow from it. Redirects and proxies are not followed; without TLS only a witness on
this machine is spoken to.
"""

from __future__ import annotations

import http.client
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from privet.audit.anchors.base import Kept, Submission, ahead, forked, refused, unreachable
from privet.audit.anchors.cosignature import Cosigner
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMEOUT_S = 10.0
LIMIT = 65_536
TRIES = 4  # other processes of this log may push at the same time
MAX_PROOF = 63
SIZE_TYPE = "text/x.tlog.size"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OK, CONFLICT = 200, 409
FORBIDDEN, NOT_FOUND, UNPROCESSABLE = 403, 404, 422
BUSY = 429
LOOK = "Look at the witness's own log."
TELL = "Give its keeper the verifier key that `privet audit anchor` prints."


class WitnessAnchor:
    """A witness of the log.

    Args:
        url: its submission prefix, ``https://…``; plain ``http://`` on this machine alone.
        vkey: its verifier key, ``<name>+<key id>+<key>`` with the type byte 0x04.
        timeout: seconds that one request may take.
        tls: verification of its certificate; the system's authorities when left out.

    Raises:
        InvalidInput: the URL or the key has another form.
    """

    def __init__(
        self,
        url: str,
        vkey: str,
        *,
        timeout: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = _checked(url)
        self.cosigner = Cosigner.parse(vkey)
        self._timeout = timeout
        self._tls = tls
        self.name = f"witness:{self.cosigner.name}+{self.cosigner.key_id.hex()}"

    def add(self, submission: Submission) -> bytes:
        """Ask for a cosignature; see ``Anchor.add``."""
        connection = self._connection()
        try:
            return self._submit(connection, submission)
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(f"the request ended with {type(error).__name__}") from None
        finally:
            connection.close()

    def kept(self) -> Iterable[Kept]:
        """Nothing: a witness is asked when a checkpoint is pushed, never at open."""
        return ()

    def _submit(self, connection: http.client.HTTPConnection, submission: Submission) -> bytes:
        size = submission.checkpoint.size
        old = min(submission.known, size)
        for _ in range(TRIES):
            status, kind, body = self._post(connection, _request(submission, old))
            if status == OK:
                return self._cosignatures(body, submission.note)
            if status != CONFLICT:
                raise _failure(status, old)
            kept = _size(kind, body)
            if old == size and kept in {None, old}:
                raise forked(size)  # of two trees of one size it cosigned the other
            if kept is None or kept == old:
                raise refused(f"it answered {CONFLICT} without another size", LOOK)
            if kept > size:
                raise ahead(size, kept)
            old = kept
        raise unreachable("it changed its mind about this log with every answer")

    def _post(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, str, bytes]:
        path = f"{self._url.path.rstrip('/')}/add-checkpoint"
        connection.request("POST", path, body, {"Content-Type": "text/plain; charset=utf-8"})
        answer = connection.getresponse()
        data = answer.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise unreachable("its answer is longer than 64 KiB")
        return answer.status, answer.headers.get("Content-Type", ""), data

    def _cosignatures(self, body: bytes, note: bytes) -> bytes:
        """The lines of the known key alone: others are to be ignored."""
        text = note.partition(b"\n\n")[0] + b"\n"
        lines = body.decode("utf-8", "replace").split("\n")
        mine = [line for line in lines if self.cosigner.time_of(line, text) is not None]
        if not mine:
            raise refused(
                "it answered without a good cosignature of its key",
                "Compare the verifier key with the one that the witness publishes.",
            )
        return "".join(f"{line}\n" for line in mine).encode()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        context = self._tls or ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)


def _request(submission: Submission, old: int) -> bytes:
    hashes = submission.prove(old) if old else ()
    lines = [f"old {old}", *(b64encode(h).decode() for h in hashes[:MAX_PROOF]), ""]
    return "".join(f"{line}\n" for line in lines).encode() + submission.note


def _size(kind: str, body: bytes) -> int | None:
    if kind.partition(";")[0].strip() != SIZE_TYPE:
        return None
    text = body.decode("ascii", "replace").removesuffix("\n")
    return int(text) if text.isdigit() and len(text) < 20 and str(int(text)) == text else None


def _failure(status: int, old: int) -> Exception:
    if status == UNPROCESSABLE:
        return forked(old)
    if status == NOT_FOUND:
        return refused("it does not know this log", TELL)
    if status == FORBIDDEN:
        return refused("it does not know the key that signed", TELL)
    if status >= 500 or status == BUSY:
        return unreachable(f"it answered {status}")
    return refused(f"it answered {status}", LOOK)


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except (ValueError, AttributeError, TypeError):
        parts, port = SplitResult("", "", "", "", ""), None
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    strange = parts.query or parts.fragment or parts.username or parts.password or port == 0
    if not parts.hostname or not (parts.scheme == "https" or plain) or strange:
        raise InvalidInput(
            "this witness was refused",
            why="its URL is not https://HOST/PREFIX (or http:// on this machine)",
            remedy="Give the witness's submission prefix.",
            reason="anchor.spec",
        )
    return parts
