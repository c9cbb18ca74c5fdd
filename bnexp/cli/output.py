"""Printing of answers on stdout, for a person or as one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from rich.console import Console, RenderableType

from bnexp.errors import BAD_INPUT, WORK_FAILED, UserError

UNWRAPPED = 2**20
"""The width if stdout is no terminal. It prevents line breaks, so that a search finds whole sentences."""


def print_answer(what: RenderableType) -> None:
    """Print an answer for a person. Lines are wrapped only in a terminal."""
    Console(width=None if sys.stdout.isatty() else UNWRAPPED, highlight=False).print(what)


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, allow_nan=False, indent=1))


@contextmanager
def working(finished: Callable[[], list[dict[str, Any]]], *, as_json: bool) -> Iterator[None]:
    """Work, and let what the user's own code prints go to stderr, so that stdout has only the answer.

    If the work fails half-way, print one JSON document with the error and what was `finished` before it. It is printed
    only if `as_json`, and not for bad input. The error is raised again.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except Exception as error:
        code = error.exit_code if isinstance(error, UserError) else WORK_FAILED
        if as_json and code != BAD_INPUT:
            message = str(error) if isinstance(error, UserError) else repr(error)
            print_json({"error": {"message": message, "exit_code": code}, "finished": finished()})
        raise
