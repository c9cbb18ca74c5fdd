"""The names in a function's code: what it uses, looks up and imports. Nothing is run for that."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import resolve_name
from types import CodeType

GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
"""Operations of Python's bytecode that look a name up."""
ATTRIBUTES_BY_TEXT = frozenset({"getattr", "vars", "attrgetter", "methodcaller", "__dict__", "__getattribute__"})
"""What reads an attribute by a text, so that the names in code do not say which."""
GLOBALS_BY_TEXT = frozenset({"globals", "eval", "exec"})
"""What reads a global name by a text."""


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield code, and the code of each function in it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def used_names(code: CodeType) -> frozenset[str]:
    """Return the names that code uses: global ones, attributes, and what it imports."""
    return frozenset(name for one in _codes(code) for name in one.co_names)


def looked_up_names(code: CodeType) -> set[str]:
    """Return the global names that code looks up."""
    return {str(step.argval) for one in _codes(code) for step in dis.get_instructions(one) if step.opname in GLOBALS}


def imported_names(code: CodeType, package: str) -> Iterator[str]:
    """Yield the full names of the modules that code imports. Before each name Python loads its level."""
    for one in _codes(code):
        steps = [step for step in dis.get_instructions(one) if step.opname != "EXTENDED_ARG"]
        for at, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":
                with suppress(ImportError):  # a relative name outside of a package
                    yield resolve_name("." * steps[at - 2].argval + step.argval, package)
