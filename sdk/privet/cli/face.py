"""The outermost layer: whatever goes wrong ends in one clear message and its exit code.

No traceback ever reaches the user, since a traceback may carry values: an error of privet
is told by its what, why and remedy, anything else by the name of its type.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from privet.cli.screen import Screen
from privet.errors import InvalidInput, PrivetError, StoreUnavailable

INTERRUPTED = 130
_USAGE = typer.BadParameter.__bases__[0]  # public in Typer only through its subclass
_PACKAGE = Path(__file__).resolve().parents[1]
_OPTION = re.compile(r"--?[A-Za-z][A-Za-z-]{0,30}\Z")


class Face(TyperGroup):
    """The group of all commands, which tells errors the way privet does."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command and leave with its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        screen = Screen("--json" in given)
        screen.prepare()
        try:
            code = super().main(
                given, prog_name or "privet", complete_var, False, windows_expand_args, **extra
            )
            sys.stdout.flush()
        except BrokenPipeError:
            _leave_closed_pipe()
            code = 1
        except (typer.Abort, KeyboardInterrupt):
            screen.note("stopped; what was finished stays, the rest can be run again")
            code = INTERRUPTED
        except Exception as error:
            code = told(screen, error)
        sys.exit(code if isinstance(code, int) else 0)


def told(screen: Screen, error: Exception) -> int:
    """Tell an error; the exit code that belongs to it."""
    if isinstance(error, _USAGE) and type(error).__name__ == "NoArgsIsHelpError":
        screen.note(str(error))
        return InvalidInput.exit_code
    known = _known(error)
    if known is None:
        screen.bug(type(error).__name__, _place(error))
        return 1
    screen.error(known)
    return known.exit_code


def _known(error: Exception) -> PrivetError | None:
    if isinstance(error, PrivetError):
        return error
    if isinstance(error, _USAGE):
        return _usage(error)
    if isinstance(error, OSError) and error.errno is not None:
        return StoreUnavailable(
            "a file cannot be read or written",
            why=f"the system answered {errno.errorcode.get(error.errno, 'an error')}",
            remedy="Check the paths given, their permissions and the room on the disk.",
            reason="file.unusable",
        )
    return None


def _usage(error: Any) -> InvalidInput:
    """A wrong command line, without the values on it: a value may be somebody's id."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "privet"
    parameter = getattr(error, "param", None)
    name = parameter.opts[0] if parameter is not None else getattr(error, "option_name", "")
    kind = type(error).__name__
    if kind == "MissingParameter":
        what = f"{_shown(parameter, name)} is missing"
    elif parameter is not None:
        what = f"the value of {_shown(parameter, name)} cannot be taken"
    elif name and _OPTION.match(name):
        what = f"the option {name} is unknown or lacks its value"
    else:
        what = "this command line cannot be understood"
    return InvalidInput(what, remedy=f"See `{command} --help`.", reason="usage")


def _shown(parameter: Any, name: str) -> str:
    return name if name.startswith("-") else str(parameter.metavar or name.upper()).strip("[]")


def _place(error: Exception) -> str:
    """The innermost line of privet's own code that the exception came through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            return f"{path.relative_to(_PACKAGE.parent)}:{frame.lineno}"
    return ""


def _leave_closed_pipe() -> None:
    """Let the interpreter's last flush go nowhere instead of raising once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
