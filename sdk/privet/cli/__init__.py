"""privet from a shell: the same gate, for people and, with ``--json``, for programs."""

from privet.cli.app import app, main

__all__ = ["app", "main"]
