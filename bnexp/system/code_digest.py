"""A digest of what a function does: its code, its constants, and whatever of the user's own it calls or reads.

Two functions with one digest do the same. Whatever cannot be digested has another digest in each process, so that a
change is never missed; the cost is that something may count as changed that is not.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import importlib
import pickle
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from bnexp.system.installed import is_installed

GLOBALS, IMPORTS = ("LOAD_GLOBAL", "LOAD_NAME"), ("IMPORT_NAME",)
"""Operations of Python's bytecode that look a name up."""
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), range)


def code_sha256(function: Any) -> str:
    """Return the sha256 of what a function or class does.

    Constants, defaults, enclosed values, and the functions, classes and values that it finds by name are parts of it,
    with the functions that these call. Installed packages are known by their names; comments and line numbers are no
    part of it.

    >>> code_sha256(lambda width: width + 1) == code_sha256(lambda width: width + 1)
    True
    >>> code_sha256(lambda width: width + 1) == code_sha256(lambda width: width + 2)
    False
    """
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for fact in _facts(function, {}):
        digest.update(len(fact).to_bytes(8, "big") + fact)
    return digest.hexdigest()


Seen = dict[int, tuple[int, Any]]
"""id of what was digested -> its number, and the object itself, so that its id belongs to no other."""


def _facts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield what tells a value from others, each object once."""
    yield type(value).__qualname__.encode()
    if isinstance(value, PLAIN):
        yield repr(value).encode(errors="backslashreplace")
        return
    if id(value) in seen:
        yield f"seen {seen[id(value)][0]}".encode()
        return
    seen[id(value)] = len(seen), value
    match value:
        case CodeType():
            yield from _code_facts(value, seen)
        case FunctionType():
            yield from _function_facts(value, seen)
        case ModuleType():
            yield from _module_facts(value, seen)
        case type():
            yield from _class_facts(value, seen)
        case MethodType():
            yield from _all_facts([value.__func__, value.__self__], seen)
        case BuiltinFunctionType():
            yield f"{value.__module__}.{value.__qualname__}".encode()
        case functools.partial():
            yield from _all_facts([value.func, value.args, value.keywords], seen)
        case staticmethod() | classmethod():
            yield from _facts(value.__func__, seen)
        case property():
            yield from _all_facts([value.fget, value.fset], seen)
        case list() | tuple():
            yield from _all_facts(value, seen)
        case set() | frozenset():
            yield from sorted(b"".join(_facts(one, dict(seen))) for one in value)
        case dict():
            yield from _all_facts([part for pair in value.items() for part in pair], seen)
        case _:
            yield from _object_facts(value, seen)


def _all_facts(values: Any, seen: Seen) -> Iterator[bytes]:
    for value in values:
        yield from _facts(value, seen)
    yield b"end"


# --- code -------------------------------------------------------------------------


def _code_facts(code: CodeType, seen: Seen) -> Iterator[bytes]:
    yield code.co_code
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags)).encode()
    yield from _all_facts(code.co_consts, seen)


def _function_facts(function: FunctionType, seen: Seen) -> Iterator[bytes]:
    if is_installed(sys.modules.get(function.__module__)):
        yield f"{function.__module__}.{function.__qualname__}".encode()
        return
    yield from _facts(function.__code__, seen)
    yield from _all_facts([function.__defaults__, function.__kwdefaults__], seen)
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is empty as yet
            yield from _facts(cell.cell_contents, seen)
    for name in sorted(_looked_up(function.__code__, GLOBALS)):
        if name in function.__globals__:
            yield name.encode()
            yield from _facts(function.__globals__[name], seen)
    for name in sorted(_looked_up(function.__code__, IMPORTS)):
        with suppress(ImportError):
            yield from _facts(importlib.import_module(name), seen)


def _looked_up(code: CodeType, operations: tuple[str, ...]) -> set[str]:
    """Return the names that code, and the functions in it, look up by these operations."""
    found = {str(one.argval) for one in dis.get_instructions(code) if one.opname in operations}
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return found.union(*(_looked_up(one, operations) for one in inner))


def _class_facts(one: type, seen: Seen) -> Iterator[bytes]:
    yield f"{one.__module__}.{one.__qualname__}".encode()
    if is_installed(sys.modules.get(one.__module__)):
        return
    yield from _all_facts(one.__bases__, seen)
    for name, value in vars(one).items():
        if not (name.startswith("__") and not callable(value)) and name != "__weakref__":
            yield name.encode()
            yield from _facts(value, seen)


def _module_facts(module: ModuleType, seen: Seen) -> Iterator[bytes]:
    """Yield the name of an installed module; of the user's own its text, and the modules that it imports."""
    yield module.__name__.encode()
    if is_installed(module):
        return
    with suppress(OSError, TypeError):
        yield Path(str(module.__file__)).read_bytes()
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType | FunctionType | type) and getattr(value, "__module__", "") != module.__name__:
            yield from _facts(value, seen)


# --- other values -----------------------------------------------------------------


def _object_facts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield what an object is made of: a network's layers and weights, an array's numbers, or what pickle writes."""
    if hasattr(value, "to_json") and hasattr(value, "get_weights"):
        yield str(value.to_json()).encode()
        yield from _all_facts(value.get_weights(), seen)
    elif hasattr(value, "tobytes") and hasattr(value, "shape") and hasattr(value, "dtype"):
        yield f"{value.dtype} {value.shape}".encode()
        yield value.tobytes() if value.dtype != object else _pickled(value)
    elif isinstance(value, Mapping):
        yield from _all_facts([part for pair in value.items() for part in pair], seen)
    elif callable(value) and type(value).__module__ != "builtins":
        yield from _all_facts([type(value), getattr(value, "__dict__", None)], seen)
    else:
        yield _pickled(value)


_UNKNOWN: dict[int, Any] = {}
"""What cannot be digested, kept, so that its id belongs to no other as long as this process lives."""


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value, protocol=4)
    except Exception:  # whatever an object's own code raises
        _UNKNOWN[id(value)] = value
        return f"{_process()} {id(value)}".encode()


@functools.cache
def _process() -> str:
    """Return a text that no other process has."""
    import secrets

    return secrets.token_hex(16)
