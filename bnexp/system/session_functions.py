"""Functions that exist only in this Python session, by the names that a config has for them.

A function of a notebook, a closure or a lambda has no file that another process could read it from.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

PLACE = "<python>"
"""The part before the colon in the name of a function without a file: `<python>:build`."""
Function = Callable[..., Any]


class SessionFunction(NamedTuple):
    """A function, and the sha256 of what it does."""

    function: Function
    sha256: str


_KNOWN: dict[str, SessionFunction] = {}
_IMPORTING: list[str] = []


def register(build: str, function: Function, sha256: str) -> None:
    """Register a function under the name `build`. It replaces an earlier function of this name."""
    _KNOWN[build] = SessionFunction(function, sha256)


def session_function(build: str) -> SessionFunction | None:
    """Return the function of this session with the name `build`; None if there is none."""
    return _KNOWN.get(build)


def is_of_session(build: str) -> bool:
    """Return True for the name of a function without a file, whether or not this session has it."""
    return build.startswith(f"{PLACE}:")


def told_of(build: str, *, quoted: bool = True) -> str:
    """Return how a message names a function: by its own name if it has no file, else by `build`.

    >>> told_of("<python>:build"), told_of("my_net.py:build")
    ('your function build', "'my_net.py:build'")
    """
    return f"your function {build.rpartition(':')[2]}" if is_of_session(build) else repr(build) if quoted else build


def has_parameter(function: Function, parameter: str) -> bool:
    """Return True if a function has a parameter of this name."""
    try:
        return parameter in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False


@contextmanager
def importing(build: str) -> Iterator[None]:
    """Remember that a user's file is being run for one of its functions."""
    _IMPORTING.append(build)
    try:
        yield
    finally:
        _IMPORTING.pop()


def imported_now() -> str | None:
    """Return the name of the function whose file is being run at this moment; None if none is."""
    return _IMPORTING[-1] if _IMPORTING else None
