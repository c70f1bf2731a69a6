"""A server elsewhere is reached by TLS that verifies its certificate and its name.

Anything less is refused unless the URL says so in words: the driver's own default would fall
back to plain text, and to a server that only says that it is the one.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL

PLAIN = "accept-plain-text"
UNVERIFIED = "accept-unverified-server"
_WORDS = {
    "disable": PLAIN,
    "allow": PLAIN,
    "prefer": PLAIN,
    "require": UNVERIFIED,
    "verify-ca": UNVERIFIED,
}
_WHERE = ("host", "hostaddr", "service")
_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE")


def elsewhere(url: URL) -> bool:
    """Whether the server may be reached over a network: by no socket file, by no loopback."""
    asked = [value for key in _WHERE if isinstance(value := url.query.get(key), str)]
    if url.host:
        asked.append(url.host)
    if not asked:  # as the driver does, see PostgreSQL's documentation, section 34.15
        asked = [
            found for key in ("PGHOST", "PGHOSTADDR", "PGSERVICE") if (found := os.environ.get(key))
        ]
    if "service" in url.query or ("PGSERVICE" in os.environ and not url.host):
        return True  # a file names the host
    return not all(_here(host.strip()) for given in asked for host in given.split(","))


def _here(host: str) -> bool:
    if not host or host[0] in "/@" or host == "localhost":
        return True
    host = host.partition("]")[0].removeprefix("[") if host[0] == "[" else host
    try:
        return ip_address(host.rpartition(":")[0] if host.count(":") == 1 else host).is_loopback
    except ValueError:
        return False


def verified(query: Mapping[str, str], words: str | None) -> dict[str, str]:
    """The driver's parameters for a server elsewhere.

    Args:
        query: the parameters of the URL.
        words: what it says of a risk that is accepted.

    Raises:
        InvalidInput: its server would not be verified, and it does not say so (``store.tls``).
    """
    mode = query.get("sslmode") or os.environ.get("PGSSLMODE") or "verify-full"
    if mode != "verify-full" and words != _WORDS.get(mode, ""):
        what = "may be sent in the clear" if _WORDS.get(mode) == PLAIN else "is not verified"
        raise InvalidInput(
            "this connection to a database server was refused",
            why=f"with sslmode={mode} it {what}, and everything that privet protects passes by it",
            remedy="Leave sslmode out, or give sslmode=verify-full; to accept the risk add "
            f"privet_tls={_WORDS.get(mode, UNVERIFIED)} to the URL.",
            reason="store.tls",
        )
    told = {"sslmode": mode}
    # A session of GSSAPI would take the place of TLS without asking.
    told["gssencmode"] = query.get("gssencmode", "disable")
    roots = query.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    if mode == "verify-full" and not roots and not _own_roots().exists():
        told["sslrootcert"] = "system"
    return told


def _own_roots() -> Path:
    return Path.home() / ".postgresql" / "root.crt"
