"""A database server elsewhere is verified, and anything less is said in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import authority, front

import privet
from privet.db import create_stores, locate
from privet.db.server import target

SECRET = "hunter-canary-9"


@pytest.fixture
def behind(postgres_url: str, postgres_server: Any) -> tuple[str, str]:
    """The socket file of the test server, and a fresh database on it."""
    info = postgres_server.get_postmaster_info()
    return f"{info.socket_dir}/.s.PGSQL.{info.port or 5432}", postgres_url.partition("?")[0]


def url(database: str, port: int, host: str = "db.example", **query: str) -> str:
    """The URL of the front, by a name that is not of this machine."""
    name = database.rpartition("/")[2]
    told = "&".join(f"{k}={v}" for k, v in {"hostaddr": "127.0.0.1", **query}.items())
    return f"postgresql://postgres:{SECRET}@{host}:{port}/{name}?{told}"


def refused(where: str) -> privet.PrivetError:
    with pytest.raises(privet.PrivetError) as caught:
        create_stores(locate(where)).close()
    error = caught.value
    assert SECRET not in f"{error!r} {error} {error.to_json()} {error.__cause__}"
    return error


@pytest.fixture
def tls(behind: tuple[str, str], tmp_path: Path) -> Iterator[tuple[str, int, Path]]:
    certificate, ca = authority(tmp_path / "pki", "db.example")
    with front(behind[0], certificate) as port:
        yield behind[1], port, ca


def test_a_server_of_a_trusted_authority_and_the_right_name_is_used(
    tls: tuple[str, int, Path],
) -> None:
    database, port, ca = tls
    where = url(database, port, sslrootcert=str(ca))
    with privet.open(where, policy="pack:shop", keyring=f"file:{ca.parent / 'ring'}") as shop:
        ((encrypted,),) = shop._parts.home.data.all("SELECT count(*) FROM meta")
        driver = shop._parts.home.data._take()[1]
        assert driver.pgconn.ssl_in_use
        assert encrypted > 0
        assert SECRET not in repr(shop)
        assert SECRET not in repr(shop._parts.home)


def test_another_name_is_refused(tls: tuple[str, int, Path]) -> None:
    database, port, ca = tls
    error = refused(url(database, port, "other.example", sslrootcert=str(ca)))
    assert (type(error), error.reason) == (privet.StoreUnavailable, "store.tls")


def test_an_authority_that_nobody_trusts_is_refused(
    tls: tuple[str, int, Path], tmp_path: Path
) -> None:
    database, port, _ = tls
    _, foreign = authority(tmp_path / "foreign", "db.example")
    assert refused(url(database, port, sslrootcert=str(foreign))).reason == "store.tls"
    # Without one of the URL's own the system's authorities are asked.
    assert refused(url(database, port)).reason == "store.tls"


def test_a_server_without_tls_is_refused_and_not_spoken_to_in_the_clear(
    behind: tuple[str, str],
) -> None:
    with front(behind[0], None) as port:
        assert refused(url(behind[1], port)).reason == "store.tls"
        words = {"sslmode": "disable", "privet_tls": "accept-plain-text"}
        create_stores(locate(url(behind[1], port, **words))).close()


def test_an_unverified_server_is_used_where_that_is_said_in_words(
    tls: tuple[str, int, Path],
) -> None:
    database, port, _ = tls
    words = {"sslmode": "require", "privet_tls": "accept-unverified-server"}
    create_stores(locate(url(database, port, "other.example", **words))).close()


WEAKER = ("disable", "allow", "prefer", "require", "verify-ca")


@pytest.mark.parametrize("mode", WEAKER)
@pytest.mark.parametrize(
    "start",
    [
        "postgresql://u:p@db.example/d?sslmode=",
        "postgresql://u:p@203.0.113.7/d?sslmode=",
        "postgresql:///d?host=db.example&sslmode=",
        "postgresql:///d?host=localhost,db.example&sslmode=",
        "postgresql://u@localhost/d?hostaddr=203.0.113.7&sslmode=",
        "postgresql:///d?service=shop&sslmode=",
    ],
)
def test_whatever_verifies_less_is_refused_before_anything_is_sent(start: str, mode: str) -> None:
    with pytest.raises(privet.InvalidInput) as caught:
        target(start + mode)
    assert caught.value.reason == "store.tls"
    wrong = "accept-plain-text" if mode in {"require", "verify-ca"} else "accept-unverified-server"
    with pytest.raises(privet.InvalidInput):
        target(f"{start}{mode}&privet_tls={wrong}")


@pytest.mark.parametrize(("key", "value"), [("PGSSLMODE", "prefer"), ("PGHOST", "db.example")])
def test_the_environment_does_not_weaken_it(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv(key, value)
    weak = "postgresql://db.example/d" if key == "PGSSLMODE" else "postgresql:///d?sslmode=disable"
    with pytest.raises(privet.InvalidInput) as caught:
        target(weak)
    assert caught.value.reason == "store.tls"


def test_what_is_left_out_verifies() -> None:
    query = target("postgresql://u@db.example/d").url.query
    assert query["sslmode"] == "verify-full"
    assert query["gssencmode"] == "disable"


@pytest.mark.parametrize(
    "here",
    [
        "postgresql:///d",
        "postgresql://u@localhost/d",
        "postgresql://u@127.0.0.1:5433/d",
        "postgresql://u@[::1]/d",
        "postgresql://u@/d?host=/var/run/postgresql",
        "postgresql://u@/d?host=/a,/b",
    ],
)
def test_this_machine_needs_no_words(monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert "sslmode" not in target(here).url.query


@pytest.mark.parametrize(
    "bad",
    [
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:{SECRET}@h/d?privet_tls=off",
        f"postgresql://u:{SECRET}@h/d?privet_connections=many",
        f"postgresql://u:{SECRET}@h/d?privet_connections=1",
        f"postgresql://u:{SECRET}@h/d?sslmode=require&sslmode=verify-full",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(bad: str) -> None:
    with pytest.raises(privet.InvalidInput) as caught:
        target(bad)
    assert caught.value.reason == "home.url"
    assert SECRET not in f"{caught.value!r} {caught.value}"
    assert SECRET not in repr(target("postgresql://u:hunter-canary-9@localhost/d"))
