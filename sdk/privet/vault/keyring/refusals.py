"""What a keyring says when it gives nothing: one error, a few reasons, never a provider's text.

A provider's own message may hold an address, an account or what was sent; none of it is
passed on. The words here are all that anybody reads.
"""

from __future__ import annotations

from privet.errors import KeyUnavailable


def missing(why: str) -> KeyUnavailable:
    """The secret is not there."""
    return KeyUnavailable("the epoch's secret is not there", why=why, reason="key.missing")


def malformed(why: str) -> KeyUnavailable:
    """The secret, or its reference, has not the form that this keyring gives."""
    return KeyUnavailable("the epoch's secret cannot be used", why=why, reason="key.malformed")


def foreign() -> KeyUnavailable:
    """The secret did not wrap this, or not for this place."""
    return KeyUnavailable(
        "the keyring's secret is not the one of this epoch",
        why="what the deployment keeps does not open with it",
        reason="key.foreign",
    )


def readable(what: str, remedy: str) -> KeyUnavailable:
    """Somebody else may read it."""
    return KeyUnavailable(
        f"{what} is not private",
        why="it belongs to, or can be read by, somebody else",
        remedy=remedy,
        reason="key.readable",
    )


def unreachable(why: str) -> KeyUnavailable:
    """Nobody answers at the provider's place."""
    return KeyUnavailable(
        "the keyring cannot be reached",
        why=why,
        remedy="See that the provider is up and that its address is right; nothing was released.",
        reason="key.unreachable",
    )


def late(seconds: float) -> KeyUnavailable:
    """The provider is slow, or hangs."""
    return KeyUnavailable(
        "the keyring did not answer in time",
        why=f"it was waited for {seconds:g} seconds",
        remedy="See why the provider is slow, and try again; nothing was released.",
        reason="key.timeout",
    )


def throttled() -> KeyUnavailable:
    """The provider answers fewer requests than it is asked."""
    return KeyUnavailable(
        "the keyring answers no more requests for now",
        why="the provider's limit of requests is reached",
        remedy="Try again in a while; have the limit raised if it happens again.",
        reason="key.throttled",
    )


def disabled() -> KeyUnavailable:
    """Somebody switched the secret off, or it waits for its deletion."""
    return KeyUnavailable(
        "the epoch's secret is switched off",
        why="the provider keeps it disabled, or it waits for its deletion",
        remedy="Enable it at the provider, unless it was switched off on purpose.",
        reason="key.disabled",
    )


def sealed() -> KeyUnavailable:
    """The whole provider is locked."""
    return KeyUnavailable(
        "the keyring is sealed",
        why="the provider is up and locked",
        remedy="Unseal it.",
        reason="key.sealed",
    )


def denied() -> KeyUnavailable:
    """The caller is known and may not do this."""
    return KeyUnavailable(
        "the keyring does not let privet do this",
        why="the provider's permissions refuse it",
        remedy="Grant what docs/guide/keyrings.md lists for this provider.",
        reason="key.denied",
    )


def credentials(why: str) -> KeyUnavailable:
    """The caller is not known: no credential, an expired or a wrong one."""
    return KeyUnavailable(
        "the keyring does not take privet's credentials",
        why=why,
        remedy="Give current credentials, as docs/guide/keyrings.md says for this provider.",
        reason="key.credentials",
    )


def elsewhere(why: str) -> KeyUnavailable:
    """The right provider at the wrong region, mount, token or service."""
    return KeyUnavailable(
        "the keyring was looked for at another place",
        why=why,
        remedy="Name the place where this deployment's epochs were made.",
        reason="key.place",
    )


def failed(why: str) -> KeyUnavailable:
    """Anything else: the provider broke, or gave what no provider gives."""
    return KeyUnavailable(
        "the keyring failed",
        why=why,
        remedy="See the provider's own log, and try again; nothing was released.",
        reason="key.failed",
    )


def misspelt(remedy: str) -> KeyUnavailable:
    """The text does not name a keyring."""
    return KeyUnavailable("this kind of keyring is unknown", remedy=remedy, reason="keyring.kind")
