"""Records which files run as code: imported, loaded by `importlib`, run by `runpy`, or compiled under their names."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_RAN: ContextVar[set[str] | None] = ContextVar("_RAN", default=None)
"""The set that gets the names of files run in this thread; None if they are not recorded."""


@contextmanager
def noting_files_run() -> Iterator[set[str]]:
    """Yield a set that gets the name of each file whose code runs in this thread. Code from a string is `<string>`."""
    _watch()
    ran: set[str] = set()
    token = _RAN.set(ran)
    try:
        yield ran
    finally:
        _RAN.reset(token)


@functools.cache
def _watch() -> None:
    """Install an audit hook that notes what Python runs. It cannot be removed, so it stays until the process ends."""
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    """Note the file of code that `exec` runs. Every way to run a file uses `exec`."""
    if event == "exec" and (ran := _RAN.get()) is not None:
        ran.add(arguments[0].co_filename)
