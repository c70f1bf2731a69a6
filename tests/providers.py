"""Real providers of keys for tests: servers on a port, a token in a directory, and their faults."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY = bytes(range(200, 232))
AD = bytes(range(80))
REGION = "eu-central-1"
PIN = "73550192"
TOKEN = "hvs.CANARYTOKEN0123456789"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server of this kind on a free port, for as long as the block runs; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Faults:
    """How a server misbehaves.

    Attributes:
        status, body: what it answers instead of an answer.
        stop: while it is set to an event, every answer waits for that event.
        location: where its answer leads, of a redirect.
        drip: sends its answer a byte at a time, one a tenth of a second.
        asked: what it was asked, for looking at.
    """

    status: int = 0
    body: str = ""
    stop: threading.Event | None = None
    drip: bool = False
    location: str = ""
    asked: list[str] = field(default_factory=list)


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: Faults

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def body(self) -> dict[str, Any]:
        size = int(self.headers.get("Content-Length") or 0)
        read = self.rfile.read(size)
        return json.loads(read) if read else {}

    def answer(self, status: int, told: object = None) -> None:
        text = b"" if told is None else json.dumps(told).encode()
        if self.faults.stop is not None:
            self.faults.stop.wait(30)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if self.faults.location:
            self.send_header("Location", self.faults.location)
        self.end_headers()
        step = 1 if self.faults.drip else max(1, len(text))
        for at in range(0, len(text), step):
            self.wfile.write(text[at : at + step])
            self.wfile.flush()
            if self.faults.drip and threading.Event().wait(0.1):
                return

    def failing(self) -> bool:
        if not self.faults.status:
            return False
        self.answer(self.faults.status, json.loads(self.faults.body or "null"))
        return True


@contextmanager
def vault() -> Iterator[tuple[str, Faults]]:
    """A server with the contract of Vault's transit engine, mounted at ``transit``.

    Keys are derived (HKDF over the context), deletion has to be allowed first, and errors have
    the statuses and words of Vault 1.15.
    """
    keys: dict[str, dict[str, Any]] = {}
    faults = Faults()

    class Vault(_Quiet):
        def do(self) -> None:
            request = self.body()
            self.faults.asked.append(f"{self.command} {self.path}")
            if self.failing():
                return
            if self.headers.get("X-Vault-Token") != TOKEN:
                self.answer(403, {"errors": ["permission denied", "invalid token"]})
                return
            self.answer(*transit(keys, self.command, self.path, request))

        do_GET = do_POST = do_PUT = do_DELETE = do  # noqa: N815

    Vault.faults = faults
    with serving(Vault) as url:
        yield url, faults


Keys = dict[str, dict[str, Any]]
Told = tuple[int, object]


def vault_client(url: str, **more: Any) -> Any:
    """A client of one's own, as an embedder makes it."""
    hvac = pytest.importorskip("hvac")
    return hvac.Client(url=url, token=TOKEN, **more)


def transit(keys: Keys, method: str, path: str, request: dict[str, Any]) -> Told:
    found = re.fullmatch(r"/v1/transit/(keys|encrypt|decrypt)/([\w-]+)(/config)?", path)
    if found is None:
        return 404, {"errors": [f'no handler for route "{path[4:]}". route entry not found.']}
    what, name, config = found.groups()
    if what != "keys":
        return _crypt(keys.get(name), what, request)
    return _configure(keys, name, request) if config else _key(keys, name, method, request)


def _crypt(key: dict[str, Any] | None, what: str, request: dict[str, Any]) -> Told:
    if key is None:
        return 400, {"errors": ["encryption key not found"]}
    if not request.get("context"):
        return 400, {"errors": ["missing 'context' for key derivation; the key is derived"]}
    derived = HKDF(SHA256(), 32, None, base64.b64decode(request["context"])).derive(key["secret"])
    if what == "encrypt":
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(derived).encrypt(nonce, base64.b64decode(request["plaintext"]), b"")
        return 200, {"data": {"ciphertext": "vault:v1:" + base64.b64encode(sealed).decode()}}
    try:
        version, raw = request["ciphertext"][:9], base64.b64decode(request["ciphertext"][9:])
        plain = AESGCM(derived).decrypt(raw[:12], raw[12:], b"")
    except (InvalidTag, ValueError):
        return 400, {"errors": ["cipher: message authentication failed"]}
    if version != "vault:v1:":
        return 400, {"errors": ["invalid ciphertext: no prefix"]}
    return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


def _configure(keys: Keys, name: str, request: dict[str, Any]) -> Told:
    if name not in keys:
        return 400, {"errors": [f'no existing key named "{name}" could be found']}
    keys[name].update(request)
    return 204, None


def _key(keys: Keys, name: str, method: str, request: dict[str, Any]) -> Told:
    key = keys.get(name)
    if method == "GET":
        if key is None:
            return 404, {"errors": []}
        return 200, {"data": {k: v for k, v in key.items() if k != "secret"}}
    if method != "DELETE":
        keys.setdefault(name, {"secret": os.urandom(32), "deletion_allowed": False, **request})
        return 204, None
    if key is None or not key["deletion_allowed"]:
        return 400, {"errors": ["error deleting policy: deletion is not allowed"]}
    del keys[name]
    return 204, None


@contextmanager
def kms() -> Iterator[str]:
    """moto's server with its KMS; it forgets everything first."""
    pytest.importorskip("flask_cors")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def kms_answering() -> Iterator[tuple[str, Faults]]:
    """Something at KMS's place that gives the answers of AWS that moto does not give."""
    faults = Faults()

    class Kms(_Quiet):
        def do_POST(self) -> None:
            self.body()
            self.faults.asked.append(self.headers["X-Amz-Target"])
            if not self.failing():
                self.answer(200, {"Plaintext": base64.b64encode(bytes(32)).decode()})

    Kms.faults = faults
    with serving(Kms) as url:
        yield url, faults


def kms_client(url: str, region: str = REGION, **config: Any) -> Any:
    """A client of one's own, as an embedder makes it."""
    boto3 = pytest.importorskip("boto3")
    from botocore.config import Config

    return boto3.session.Session().client(
        "kms",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="AKIACANARYCANARY0001",
        aws_secret_access_key="canarycanarycanarycanarycanarycanary0001",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@dataclass(frozen=True)
class Token:
    """A token of SoftHSM in a directory of its own."""

    module: str
    label: str


def token(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """Initialise a token; SoftHSM keeps reading the same configuration for a whole process."""
    pytest.importorskip("pkcs11")
    module = next((path for path in MODULES if Path(path).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("no SoftHSM: apt-get install softhsm2")
    label = f"privet-{os.urandom(4).hex()}"
    monkeypatch.setenv("SOFTHSM2_CONF", str(_configuration(directory)))
    subprocess.run(
        f"softhsm2-util --init-token --free --label {label} --pin {PIN} --so-pin 90817263".split(),
        check=True,
        capture_output=True,
    )
    return Token(module, label)


def _configuration(directory: Path) -> Path:
    file = directory / "softhsm2.conf"
    (directory / "tokens").mkdir(parents=True, exist_ok=True)
    file.write_text(f"directories.tokendir = {directory / 'tokens'}\nlog.level = ERROR\n")
    return file
