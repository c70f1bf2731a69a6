"""Lines of privet: whatever the host does, one JSON object a line and nothing personal."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import subprocess
import sys
import unicodedata
from contextlib import contextmanager

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from privet.errors import AccessDenied
from privet.log import REDACTED, get_logger, redact

CANARY = "Ada.Lovelace-4711@example.org"
log = get_logger("vault")


class Everything(logging.Formatter):
    """A host's formatter that prints all that a record carries, traceback included."""

    def format(self, record):
        text = super().format(record)
        return text + repr(sorted(vars(record).items(), key=lambda pair: pair[0]))


@contextmanager
def attached(formatter):
    """A host's handler at its root logger; gives what it wrote so far."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    host, privet = logging.getLogger(), logging.getLogger("privet")
    host.addHandler(handler)
    privet.setLevel(logging.DEBUG)
    yield stream.getvalue
    host.removeHandler(handler)
    privet.setLevel(logging.NOTSET)


@pytest.fixture
def lines():
    """A plain handler of a host; gives the lines written so far."""
    with attached(logging.Formatter("%(message)s")) as text:
        yield lambda: text().splitlines()


@pytest.fixture
def dump():
    """A handler that shows every attribute of every record."""
    with attached(Everything()) as text:
        yield text


@pytest.fixture
def loud_host():
    structlog.configure(
        processors=[structlog.dev.ConsoleRenderer(colors=True)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(),
        context_class=structlog.testing.LogCapture,
    )
    yield
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_the_room_and_the_time(lines):
    log.info("cells.compacted", cells=12, table="cell", ok=True, reason=None)
    (line,) = lines()
    told = json.loads(line)
    assert told.pop("at").endswith("Z")
    assert told == {
        "event": "cells.compacted",
        "level": "info",
        "cells": 12,
        "table": "cell",
        "ok": True,
        "reason": None,
        "room": "vault",
    }


def test_every_level_reaches_the_host_as_itself(lines):
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("step.done")
    assert [json.loads(line)["level"] for line in lines()] == ["debug", "info", "warning", "error"]


def test_the_hosts_level_is_respected(lines):
    logging.getLogger("privet").setLevel(logging.WARNING)
    log.info("step.done")
    log.warning("step.late")
    assert [json.loads(line)["event"] for line in lines()] == ["step.late"]


def test_a_hosts_structlog_changes_nothing(lines, loud_host, capsys):
    get_logger("fresh").info("store.opened", store="data")
    log.info("store.opened", store="data", who=CANARY)
    with (
        structlog.testing.capture_logs() as captured,
        structlog.contextvars.bound_contextvars(email=CANARY),
    ):
        log.error("store.busy", store="keys")
    told = [json.loads(line) for line in lines()]
    assert [t["event"] for t in told] == ["store.opened", "store.opened", "store.busy"]
    assert told[0]["room"] == "fresh"
    assert captured == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        "Upper",
        "two words",
        "line\nbreak",
        "code\n",
        "\x1b[31mred",
        "abc\u202edef",
        "ä",
        "x" * 65,
        "",
        "-dash",
        1.5,
        float("nan"),
        2**63,
        -(2**63),
        10**6000,
        b"bytes",
        ["a"],
        {"a": 1},
        object(),
        type("Shout", (str,), {"__str__": lambda self: CANARY})("code"),
        type("Count", (int,), {"__repr__": lambda self: CANARY})(5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_is_no_code_and_no_number_is_redacted(lines, value):
    log.info("step.done", reason=value)
    log.info(value)
    first, second = map(json.loads, lines())
    assert first["reason"] == REDACTED
    assert second["event"] == REDACTED


def test_a_key_that_is_not_listed_is_counted_and_not_written(lines):
    log.info("step.done", rows=3, email=5, **{CANARY: 1, "event": 2})
    (line,) = lines()
    assert json.loads(line)["redacted"] == 3
    assert "email" not in line
    assert CANARY not in line


def test_the_room_and_the_level_cannot_be_replaced(lines):
    log.info("step.done", room="other", level="critical")
    told = json.loads(lines()[0])
    assert (told["room"], told["level"]) == ("vault", "info")


def raise_with_canary():
    secret = CANARY
    raise AccessDenied(f"refused {secret}", why=CANARY, reason="role.unknown")


@pytest.mark.parametrize("way", ["exc_info", "error", "instance", "tuple"])
def test_an_exception_is_told_by_type_and_reason_alone(lines, dump, way):
    try:
        raise_with_canary()
    except AccessDenied as error:
        given = {
            "exc_info": {"exc_info": True},
            "error": {"error": error},
            "instance": {"exc_info": error},
            "tuple": {"exc_info": (type(error), error, error.__traceback__)},
        }[way]
        log.error("read.refused", **given)  # noqa: TRY400 - four ways to say it
    told = json.loads(lines()[0])
    assert (told["error"], told["reason"]) == ("AccessDenied", "role.unknown")
    assert CANARY not in dump()
    assert "Traceback" not in dump()


def test_an_exception_with_a_strange_name_or_reason_is_redacted(lines):
    log.error("step.failed", error=type(CANARY, (Exception,), {})())
    log.error("step.failed", error=AccessDenied("x", reason=CANARY))
    first, second = map(json.loads, lines())
    assert first["error"] == REDACTED
    assert second["reason"] == REDACTED


def test_exc_info_without_an_exception_says_nothing(lines):
    log.error("step.failed", exc_info=True)  # noqa: LOG014 - outside on purpose
    assert "error" not in json.loads(lines()[0])


def test_records_that_bypass_the_chain_are_redacted_as_well(lines, dump):
    direct = logging.getLogger("privet")
    direct.warning("user %s", CANARY)
    direct.warning(f"user {CANARY}")
    direct.warning("user %(name)s", {"name": CANARY})
    direct.warning("plain.code")
    direct.warning(CANARY, stack_info=True)
    direct.warning({"email": CANARY})
    direct.warning("with.extra", extra={"email": CANARY, "Mail " + CANARY: 1})
    logging.LoggerAdapter(direct, {"user": CANARY}).warning("by.adapter")
    try:
        raise_with_canary()
    except AccessDenied:
        direct.exception("failed.hard")
        direct.exception("failed %s", CANARY)
    told = [json.loads(line) for line in lines()]
    assert [t["event"] for t in told] == [
        REDACTED,
        REDACTED,
        REDACTED,
        "plain.code",
        REDACTED,
        REDACTED,
        "with.extra",
        "by.adapter",
        "failed.hard",
        REDACTED,
    ]
    assert told[8]["error"] == "AccessDenied"
    assert CANARY not in dump()
    assert "secret" not in dump()


def test_an_attribute_that_a_hosts_formatter_asks_for_stays_without_its_value(capsys):
    with attached(logging.Formatter("%(email)s %(message)s")) as text:
        logging.getLogger("privet").warning("with.extra", extra={"email": CANARY})
        assert text().startswith(f"{REDACTED} {{")
    assert capsys.readouterr().err == ""


def test_a_host_that_clears_filters_or_configures_logging_switches_nothing_off(lines):
    privet = logging.getLogger("privet")
    privet.filters.clear()
    log.info("step.done", reason=CANARY)
    privet.warning("user %s", CANARY)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "loggers": {"privet": {"level": "DEBUG", "filters": []}},
        }
    )
    privet.warning("user %s", CANARY)
    assert len(lines()) == 3
    assert all(CANARY not in line for line in lines())


def test_a_host_without_logging_sees_nothing_and_loads_nothing():
    code = (
        "import sys, privet.log\n"
        "log = privet.log.get_logger('gate')\n"
        "log.info('store.opened')\n"
        "assert 'structlog' not in sys.modules\n"
        "log.error('store.busy', store='data')\n"
        "assert 'structlog' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_host_that_renames_levels_does_not_break_a_line(lines):
    logging.addLevelName(logging.INFO, CANARY)
    try:
        log.info("step.done")
        logging.getLogger("privet").info("by.hand")
    finally:
        logging.addLevelName(logging.INFO, "INFO")
    assert [json.loads(line)["level"] for line in lines()] == ["info", REDACTED]


def test_a_logger_shows_its_room_and_nothing_else():
    assert repr(log) == "Logger('vault')"


ODD = ["rows", "reason", "error", "exc_info", "event", "self", "method_name", "stack_info", "at"]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(anything, st.dictionaries(st.text() | st.sampled_from(ODD), anything))
def test_any_event_and_fields_give_one_safe_line(event, fields):
    with attached(logging.Formatter("%(message)s")) as text:
        log.info(event, **fields)
        line = text()
    assert line.count("\n") == 1
    assert line.isascii()
    assert not any(unicodedata.category(c) == "Cc" for c in line[:-1])
    for value in json.loads(line).values():
        assert isinstance(value, (int, str, type(None)))


@given(st.dictionaries(st.text(), anything))
def test_redacting_counts_what_it_leaves_out(fields):
    kept = redact(fields)
    assert sum(key in fields for key in kept) + kept.get("redacted", 0) == len(fields)
