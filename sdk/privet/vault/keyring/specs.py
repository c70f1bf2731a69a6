"""The text that names a keyring: ``KIND:PLACE``, with ``?option=value&…`` where there are any.

No secret ever stands in it: it lies in ``privet.toml``, in arguments and in process lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from privet.clock import Clock
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Keyring
from privet.vault.keyring.sources import FORMS, source

USES: Final = {
    "file": "file:DIRECTORY[?passphrase=env:NAME]",
    "env": "env:NAME",
    "os": "os:SERVICE",
    "pkcs11": "pkcs11:token=LABEL?module-path=PATH&pin-source=env:NAME",
    "aws-kms": "aws-kms:REGION[?waiting-days=DAYS]",
    "vault": "vault:MOUNT[?token=file:PATH]",
}
"""How each kind is named."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A keyring by name.

    Attributes:
        kind: one of ``USES``.
        place: where; a directory, a variable, a service, a token, a region, a mount.
        options: by name.
    """

    kind: str
    place: str
    options: Mapping[str, str]

    @property
    def directory(self) -> Path | None:
        """The directory of a file keyring."""
        return Path(self.place).expanduser() if self.kind == "file" else None


def parse(text: str) -> Spec:
    """Take a spec apart.

    Raises:
        KeyUnavailable: the kind, or an option of it, is unknown (``keyring.kind``).
    """
    kind, _, rest = text.partition(":")
    place, question, query = rest.partition("?")
    if kind not in USES or not place or (question and not query):
        raise refusals.misspelt(f"Name one as {', '.join(USES.values())}.")
    options: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if name not in _OPTIONS[kind] or name in options or not equals or not value:
            raise refusals.misspelt(f"Name one of this kind as {USES[kind]}.")
        options[name] = unquote(value)
    return Spec(kind, place, options)


def build(spec: Spec, clock: Clock) -> Keyring:
    """The provider that a spec names.

    Raises:
        KeyUnavailable: a value is not one of its option (``keyring.kind``).
    """
    return _BUILDERS[spec.kind](spec, clock)


def _file(spec: Spec, clock: Clock) -> Keyring:
    from privet.vault.keyring.file import FileKeyring

    told = spec.options.get("passphrase")
    passphrase = None if told is None else source(told)
    return FileKeyring(Path(spec.place).expanduser(), clock, passphrase=passphrase)


def _env(spec: Spec, clock: Clock) -> Keyring:
    from privet.vault.keyring.environment import EnvironmentKeyring

    return EnvironmentKeyring(spec.place)


def _os(spec: Spec, clock: Clock) -> Keyring:
    from privet.vault.keyring.system import OsKeyring

    return OsKeyring(spec.place)


def _pkcs11(spec: Spec, clock: Clock) -> Keyring:
    """A URI of RFC 7512, of which ``token``, ``module-path`` and ``pin-source`` are taken."""
    from privet.vault.keyring.pkcs11 import Pkcs11Keyring

    name, _, label = spec.place.partition("=")
    module, pin = spec.options.get("module-path"), spec.options.get("pin-source")
    if name != "token" or not label or module is None or pin is None:
        raise refusals.misspelt(f"Name one of this kind as {USES['pkcs11']}; a PIN is {FORMS}.")
    return Pkcs11Keyring(module, unquote(label), source(pin), clock)


def _aws(spec: Spec, clock: Clock) -> Keyring:
    from privet.vault.keyring.aws import LEAST_DAYS, AwsKmsKeyring

    days = spec.options.get("waiting-days", str(LEAST_DAYS))
    if not (days.isascii() and days.isdigit()):
        raise refusals.misspelt("Give waiting-days as a whole number.")
    return AwsKmsKeyring(region=spec.place, waiting_days=int(days[:4]), clock=clock)


def _vault(spec: Spec, clock: Clock) -> Keyring:
    from privet.vault.keyring.transit import VaultKeyring

    told = spec.options.get("token")
    return VaultKeyring(mount=spec.place, token=None if told is None else source(told), clock=clock)


_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "file": frozenset({"passphrase"}),
    "env": frozenset(),
    "os": frozenset(),
    "pkcs11": frozenset({"module-path", "pin-source"}),
    "aws-kms": frozenset({"waiting-days"}),
    "vault": frozenset({"token"}),
}
_BUILDERS: Final[Mapping[str, Callable[[Spec, Clock], Keyring]]] = {
    "file": _file,
    "env": _env,
    "os": _os,
    "pkcs11": _pkcs11,
    "aws-kms": _aws,
    "vault": _vault,
}
