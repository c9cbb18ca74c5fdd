"""Computes a digest of what a function does: its code, its constants, and all of the user's code and values in use.

Two functions with the same digest do the same, as far as Python can show. The digest leaves out cached results of
earlier calls (`functools.cache`), and the content of files that the function reads. A value that cannot be digested
has a different digest in each process. As a result, an unchanged function may count as changed.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import logging
import re
import secrets
import sys
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from bnexp.system.code_names import ATTRIBUTES_BY_TEXT, GLOBALS_BY_TEXT, imported_names, looked_up_names, used_names
from bnexp.system.installed import is_installed, is_own, package_state
from bnexp.system.keras_facts import is_of_keras, keras_parts
from bnexp.system.own_code import imported_code, module_found

OF_NOTEBOOK = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|_[iod]h|In|Out|get_ipython|exit|quit|__.*")
"""Global names that IPython uses for its inputs and outputs, and names that Python uses for its own values."""
NO_CODE = ("__weakref__", "_abc_impl")
"""Attributes of a class that are not its code: the list of weak references to it, and a cache of its subclasses."""
LITERALS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), range)


def code_sha256(function: Any) -> str:
    """Return the sha256 of what a function or class does.

    The digest covers constants, defaults, closure values, and the functions, classes and values that the code finds by
    name, and also the functions that these call. Of an installed package, it covers the name and the version. It does
    not cover comments and line numbers.

    >>> one, same, other = (eval(f"lambda width: width + {number}", {}) for number in (1, 1, 2))
    >>> code_sha256(one) == code_sha256(same), code_sha256(one) == code_sha256(other)
    (True, False)
    """
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    try:
        for fact in _facts(function, {}):
            digest.update(len(fact).to_bytes(8, "big") + fact)
    except RecursionError:
        digest.update(secrets.token_bytes())
    return digest.hexdigest()


Seen = dict[Any, tuple[int, Any]]
"""id of a digested object -> its number, and the object itself, so that no new object can get its id."""


def _facts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield the bytes that distinguish a value from others. Each object is covered once."""
    yield type(value).__qualname__.encode()
    if type(value) in LITERALS:
        yield value if isinstance(value, bytes) else repr(value).encode(errors="backslashreplace")
        return
    if id(value) in seen:
        yield f"seen {seen[id(value)][0]}".encode()
        return
    seen[id(value)] = len(seen), value
    if is_own(type(value)):
        yield from _facts(type(value), seen)
    match value:
        case CodeType():
            yield from _code_facts(value, seen)
        case FunctionType():
            yield from _function_facts(value, seen)
        case ModuleType():
            yield from _module_facts(value, None, seen)
        case type():
            yield from _class_facts(value, seen)
        case MethodType():
            yield from _all_facts([value.__func__, value.__self__], seen)
        case BuiltinFunctionType():
            yield _by_name(value)
            yield from _compiled_facts(sys.modules.get(value.__module__ or ""))
            yield from _all_facts([] if isinstance(value.__self__, ModuleType) else [value.__self__], seen)
        case staticmethod() | classmethod():
            yield from _facts(value.__func__, seen)
        case functools._lru_cache_wrapper():
            yield from _facts(value.__wrapped__, seen)
        case functools.cached_property():
            yield from _facts(value.func, seen)
        case property():
            yield from _all_facts([value.fget, value.fset], seen)
        case weakref.ref():
            yield from _facts(value(), seen)
        case _ if type(value) in (list, tuple):
            yield from _all_facts(value, seen)
        case _ if type(value) in (set, frozenset):
            yield from sorted(b"".join(_facts(one, dict(seen))) for one in value)
        case _ if type(value) is dict:
            yield from _all_facts([part for pair in list(value.items()) for part in pair], seen)
        case _:
            yield from _object_facts(value, seen)


def _all_facts(values: Any, seen: Seen) -> Iterator[bytes]:
    for value in values:
        yield from _facts(value, seen)
    yield b"end"


def _by_name(one: Any) -> bytes:
    """Return the bytes that identify an installed function or class: state of the package, module and name."""
    module = one.__module__ or "builtins"
    return f"{package_state(module.partition('.')[0])} {module}.{one.__qualname__}".encode()


# --- code -------------------------------------------------------------------------


def _code_facts(code: CodeType, seen: Seen) -> Iterator[bytes]:
    yield code.co_code
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags)).encode()
    yield from _all_facts(code.co_consts, seen)


def _function_facts(function: FunctionType, seen: Seen) -> Iterator[bytes]:
    if not is_own(function):
        yield _by_name(function)
        return
    yield from _facts(function.__code__, seen)
    yield from _all_facts([function.__defaults__, function.__kwdefaults__, function.__dict__], seen)
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # the cell is still empty
            yield from _facts(cell.cell_contents, seen)
    names, found = used_names(function.__code__), function.__globals__
    looked_up = looked_up_names(function.__code__)
    used = None if names & (ATTRIBUTES_BY_TEXT | GLOBALS_BY_TEXT) else names
    if looked_up & GLOBALS_BY_TEXT:
        looked_up |= _ordinary(found)
    for name in sorted(looked_up & found.keys()):
        yield name.encode()
        yield from _named_facts(found[name], used, seen)
    for name in sorted(_imports_of(function)):
        yield name.encode()
        module = module_found(function.__module__ or "", name)
        if module is not None and not is_installed(module):
            yield from _module_facts(module, used, seen)
        else:  # by its text if it is not imported yet; an installed module has no text here, imported or not
            yield f"{package_state(name.partition('.')[0])} {imported_code(name).sha256}".encode()


def imported_when_called(function: Any) -> set[str]:
    """Return the names of the modules that a function, or the user's code that it calls, imports during a call."""
    seen: Seen = {}
    with suppress(RecursionError):
        for _ in _facts(function, seen):
            pass
    called = [one for _, one in seen.values() if isinstance(one, FunctionType) and is_own(one)]
    return {name for one in called for name in _imports_of(one)}


def _imports_of(function: FunctionType) -> set[str]:
    """Return the full names of the modules that a function imports."""
    return set(imported_names(function.__code__, function.__globals__.get("__package__") or ""))


def _class_facts(one: type, seen: Seen) -> Iterator[bytes]:
    if not is_own(one):
        yield _by_name(one)
        return
    yield one.__qualname__.encode()
    yield from _compiled_facts(sys.modules.get(one.__module__))
    yield from _all_facts(one.__bases__, seen)
    for name, value in list(vars(one).items()):  # a copy, because the class may change meanwhile
        if _is_slot(value) or name in NO_CODE or (name[:2] == "__" and not callable(value)):
            continue
        yield name.encode()
        yield from _facts(value, seen)


def _named_facts(value: Any, names: frozenset[str] | None, seen: Seen) -> Iterator[bytes]:
    """Yield the facts of a value that a function finds by name; of a module, only of the names that it uses."""
    yield from _module_facts(value, names, seen) if isinstance(value, ModuleType) else _facts(value, seen)


def _module_facts(module: ModuleType, names: frozenset[str] | None, seen: Seen) -> Iterator[bytes]:
    """Yield the name of an installed module; of a user's module, the current values of these names (None: all)."""
    if is_installed(module):
        yield f"{package_state(module.__name__.partition('.')[0])} {module.__name__}".encode()
        return
    if (key := (id(module), names)) in seen:
        return
    seen[key] = len(seen), module
    yield from _compiled_facts(module)
    values = dict(vars(module))
    for name in sorted(_ordinary(values) if names is None else names & values.keys()):
        yield name.encode()
        yield from _named_facts(values[name], names, seen)


def _ordinary(values: Mapping[str, Any]) -> set[str]:
    return {name for name in values if not OF_NOTEBOOK.fullmatch(name)}


def _compiled_facts(module: ModuleType | None) -> Iterator[bytes]:
    """Yield the bytes of a user's extension module, because its functions and classes show no code."""
    file = getattr(module, "__file__", None)
    if file is not None and not is_installed(module) and file.endswith(tuple(EXTENSION_SUFFIXES)):
        with suppress(OSError):  # the file was deleted after it was loaded
            yield Path(file).read_bytes()


# --- other values -----------------------------------------------------------------


def _object_facts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield the facts of an object: the description of a Keras object, or the state and pickled parts of any other."""
    if isinstance(value, logging.Logger):
        return  # a logger does not change a network
    if is_of_keras(value):
        yield b"" if is_own(type(value)) else _by_name(type(value))
        yield from _all_facts(keras_parts(value), seen)
        return
    if is_own(type(value)):
        slots = [name for one in type(value).__mro__ for name, slot in vars(one).items() if _is_slot(slot)]
        found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        yield from _facts({**found, **getattr(value, "__dict__", {})}, seen)
    try:
        parts = _reduced(value)
    except Exception:  # an object's own code may raise anything
        parts = [dict(value)] if isinstance(value, MappingProxyType) else [_unknown(value)]
    yield from _all_facts(parts, seen)


def _is_slot(value: Any) -> bool:
    return isinstance(value, MemberDescriptorType)


def _reduced(value: Any) -> list[Any]:
    """Return the parts that pickle would store of an object, as objects and not only by their names."""
    reduce = copyreg.dispatch_table.get(type(value))
    parts = value.__reduce_ex__(4) if reduce is None else reduce(value)
    return [parts] if isinstance(parts, str) else [list(one) if isinstance(one, Iterator) else one for one in parts]


_PROCESS = secrets.token_hex(16)
"""A text that is different in every process."""
_UNKNOWN: dict[int, Any] = {}
"""id -> object that cannot be digested. It is kept, so that no new object of this process can get its id."""


def _unknown(value: Any) -> bytes:
    _UNKNOWN[id(value)] = value
    return f"{_PROCESS} {id(value)}".encode()
