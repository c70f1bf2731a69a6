"""One HTML file that tells what a run did: no network, no script, no template engine."""

from privet.report.page import render, write

__all__ = ["render", "write"]
