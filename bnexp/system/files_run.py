"""Which files run as code meanwhile: imported, loaded by `importlib`, run by `runpy`, or compiled under their names."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_RAN: ContextVar[set[str] | None] = ContextVar("_RAN", default=None)
"""Where names are noted now, of this thread alone; None while nobody asks."""


@contextmanager
def noting_files_run() -> Iterator[set[str]]:
    """Yield a set that gets the name of each file whose code runs in this thread. Code of a text is `<string>`."""
    _watch()
    ran: set[str] = set()
    token = _RAN.set(ran)
    try:
        yield ran
    finally:
        _RAN.reset(token)


@functools.cache
def _watch() -> None:
    """Let Python report what it runs. It does so until the process ends: an audit hook cannot be removed."""
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    """Note the file of code that `exec` runs, as each way to run a file does."""
    if event == "exec" and (ran := _RAN.get()) is not None:
        ran.add(arguments[0].co_filename)
