"""Finds the names that a function's code uses, looks up and imports. The code is not run."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import resolve_name
from itertools import pairwise
from types import CodeType

GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
"""Operations of Python's bytecode that look a name up."""
ATTRIBUTES_BY_TEXT = frozenset({"getattr", "vars", "attrgetter", "methodcaller", "__dict__", "__getattribute__"})
"""Names that can read an attribute given as a string, so that the code does not show which attribute is read."""
GLOBALS_BY_TEXT = frozenset({"globals", "eval", "exec"})
"""Names that can read a global name given as a string."""

SET_BY_TEXT = frozenset(
    {"globals", "locals", "vars", "exec", "eval", "setattr", "modules", "f_globals"}
    | {"__dict__", "__globals__", "__setattr__", "__getattr__"}
)
"""Names that can bind a name of a module given as a string, or can find a name that is not bound."""


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


def bound_names(code: CodeType) -> set[str]:
    """Return the names that a module's code binds: it defines, assigns or imports them."""
    return {
        str(step.argval)
        for one in _codes(code)
        for step in dis.get_instructions(one)
        if step.opname == "STORE_GLOBAL" or (one is code and step.opname == "STORE_NAME")
    }


def binds_by_text(code: CodeType) -> bool:
    """Return True if a module's code may bind names that it does not show: by `*`, by a string, or through `__name__`.

    >>> [binds_by_text(compile(text, "", "exec")) for text in ("import a", "from a import *", "into(__name__)")]
    [False, True, True]
    >>> binds_by_text(compile("print(__name__ == '__main__')", "", "exec"))
    False
    """
    if any(("*",) in one.co_consts for one in _codes(code)) or SET_BY_TEXT & used_names(code):
        return True
    steps = [step for one in _codes(code) for step in dis.get_instructions(one) if step.opname != "EXTENDED_ARG"]
    used = [following.argval for step, following in pairwise(steps) if step.argval == "__name__"]
    return any(one not in ("__main__", "__module__") for one in used)


def imported_names(code: CodeType, package: str) -> Iterator[str]:
    """Yield the full names of the modules that code imports."""
    for one in _codes(code):
        steps = [step for step in dis.get_instructions(one) if step.opname != "EXTENDED_ARG"]
        for at, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":  # Python has loaded the level of the import two steps before
                with suppress(ImportError):  # a relative name outside of a package
                    yield resolve_name("." * steps[at - 2].argval + step.argval, package)
