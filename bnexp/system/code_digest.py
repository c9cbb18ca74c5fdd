"""A digest of what a function does: its code, its constants, and whatever of the user's own it calls or reads.

Two functions with one digest do the same, as far as Python shows what they do. Their digest leaves out what a function
remembers of earlier calls (`functools.cache`), and what it reads from files. Whatever cannot be digested has another
digest in each process. The cost is that something may count as changed that is not.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import logging
import pickle
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import resolve_name
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

from bnexp.system.installed import is_installed
from bnexp.system.own_code import imported_code, module_found

GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
"""Operations of Python's bytecode that look a name up."""
NO_CODE = ("__weakref__", "_abc_impl")
"""What a class holds beside its code: references to it, and a memory of its subclasses."""
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), range)


def code_sha256(function: Any) -> str:
    """Return the sha256 of what a function or class does.

    Constants, defaults, enclosed values, and the functions, classes and values that it finds by name are parts of it,
    with the functions that these call. Installed packages are known by their names; comments and line numbers are no
    part of it.

    >>> one, same, other = (eval(f"lambda width: width + {number}", {}) for number in (1, 1, 2))
    >>> code_sha256(one) == code_sha256(same), code_sha256(one) == code_sha256(other)
    (True, False)
    """
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for fact in _facts(function, {}):
        digest.update(len(fact).to_bytes(8, "big") + fact)
    return digest.hexdigest()


Seen = dict[Any, tuple[int, Any]]
"""id of what was digested -> its number, and the object itself, so that its id belongs to no other."""


def _facts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield what tells a value from others, each object once."""
    yield type(value).__qualname__.encode()
    if type(value) in PLAIN:
        yield repr(value).encode(errors="backslashreplace")
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
            yield f"{value.__module__}.{value.__qualname__}".encode()
            yield from _compiled_facts(sys.modules.get(value.__module__ or ""))
        case functools.partial():
            yield from _all_facts([value.func, value.args, value.keywords], seen)
        case staticmethod() | classmethod():
            yield from _facts(value.__func__, seen)
        case functools._lru_cache_wrapper():
            yield from _facts(value.__wrapped__, seen)
        case functools.cached_property():
            yield from _facts(value.func, seen)
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
    if not is_own(function):
        yield f"{function.__module__}.{function.__qualname__}".encode()
        return
    yield from _facts(function.__code__, seen)
    yield from _all_facts([function.__defaults__, function.__kwdefaults__, function.__dict__], seen)
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is empty as yet
            yield from _facts(cell.cell_contents, seen)
    names, found = _names(function.__code__), function.__globals__
    for name in sorted(_looked_up(function.__code__)):
        if name in found:
            yield name.encode()
            yield from _named_facts(found[name], names, seen)
    for name in sorted(_imports_of(function)):
        yield name.encode()
        module = module_found(function.__module__ or "", name)
        if module is not None and not is_installed(module):
            yield from _module_facts(module, names, seen)
        else:  # the text says what it will be; an installed one has none, whether or not it is imported already
            yield imported_code(name).sha256.encode()


def imported_when_called(function: Any) -> set[str]:
    """Return the names of the modules that a function, and whatever it calls, imports once it is called."""
    seen: Seen = {}
    for _ in _facts(function, seen):
        pass
    called = [one for _, one in seen.values() if isinstance(one, FunctionType) and is_own(one)]
    return {name for one in called for name in _imports_of(one)}


def _imports_of(function: FunctionType) -> set[str]:
    """Return the full names of the modules that a function imports."""
    return set(_imported(function.__code__, function.__globals__.get("__package__") or ""))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield code, and the code of each function in it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _names(code: CodeType) -> frozenset[str]:
    """Return the names that code uses: global ones, attributes, and what it imports."""
    return frozenset(name for one in _codes(code) for name in one.co_names)


def _looked_up(code: CodeType) -> set[str]:
    """Return the global names that code looks up."""
    return {str(step.argval) for one in _codes(code) for step in dis.get_instructions(one) if step.opname in GLOBALS}


def _imported(code: CodeType, package: str) -> Iterator[str]:
    """Yield the full names of the modules that code imports. Before each name Python loads its level."""
    for one in _codes(code):
        steps = [step for step in dis.get_instructions(one) if step.opname != "EXTENDED_ARG"]
        for at, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":
                with suppress(ImportError):  # a relative name outside of a package
                    yield resolve_name("." * steps[at - 2].argval + step.argval, package)


def _class_facts(one: type, seen: Seen) -> Iterator[bytes]:
    if not is_own(one):
        yield f"{one.__module__}.{one.__qualname__}".encode()
        return
    yield one.__qualname__.encode()
    yield from _compiled_facts(sys.modules.get(one.__module__))
    yield from _all_facts(one.__bases__, seen)
    for name, value in list(vars(one).items()):  # what is digested may be changed meanwhile
        if _is_slot(value) or name in NO_CODE or (name[:2] == "__" and not callable(value)):
            continue
        yield name.encode()
        yield from _facts(value, seen)


def _named_facts(value: Any, names: frozenset[str], seen: Seen) -> Iterator[bytes]:
    """Yield the facts of what a function finds by name; of a module, only what the function uses of it."""
    yield from _module_facts(value, names, seen) if isinstance(value, ModuleType) else _facts(value, seen)


def _module_facts(module: ModuleType, names: frozenset[str] | None, seen: Seen) -> Iterator[bytes]:
    """Yield the name of an installed module; of the user's own the values that these names have now, or all."""
    if is_installed(module):
        yield module.__name__.encode()
        return
    if (key := (id(module), names)) in seen:
        return
    seen[key] = len(seen), module
    yield from _compiled_facts(module)
    values = dict(vars(module))
    used = [name for name in values if name[:2] != "__"] if names is None else names & values.keys()
    for name in sorted(used):
        yield name.encode()
        yield from _named_facts(values[name], names or frozenset(), seen)


def _compiled_facts(module: ModuleType | None) -> Iterator[bytes]:
    """Yield the bytes of an extension of the user's own: its functions and classes show no code."""
    file = getattr(module, "__file__", None)
    if file is not None and not is_installed(module) and file.endswith(tuple(EXTENSION_SUFFIXES)):
        with suppress(OSError):  # it was loaded, and is gone
            yield Path(file).read_bytes()


def is_own(one: Any) -> bool:
    """Return True for a class or function of the user's own: its version does not identify it."""
    return not is_installed(sys.modules.get(one.__module__))


# --- other values -----------------------------------------------------------------


def _object_facts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield what an object is made of: a network's layers and weights, an array's numbers, its state, or its pickle."""
    if hasattr(value, "get_config"):
        yield from _keras_facts(value, seen)
    elif hasattr(value, "tobytes") and hasattr(value, "shape") and hasattr(value, "dtype"):
        yield f"{value.dtype} {value.shape}".encode()
        yield value.tobytes() if value.dtype != object else _pickled(value)
    elif isinstance(value, logging.Logger):
        return  # it does nothing to a network
    elif is_own(type(value)):
        slots = [name for one in type(value).__mro__ for name, slot in vars(one).items() if _is_slot(slot)]
        found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        yield from _facts({**found, **getattr(value, "__dict__", {})}, seen)
    elif isinstance(value, Mapping):
        yield from _all_facts([part for pair in value.items() for part in pair], seen)
    elif callable(value) and type(value).__module__ != "builtins":
        yield from _all_facts([type(value), getattr(value, "__dict__", None)], seen)
    else:
        yield _pickled(value)


def _is_slot(value: Any) -> bool:
    return isinstance(value, MemberDescriptorType)


def _keras_facts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield what an object of Keras, such as a layer or an initializer, says of itself, and the values in it."""
    yield f"{type(value).__module__}.{type(value).__qualname__}".encode() if not is_own(type(value)) else b""
    try:
        said = value.to_json() if hasattr(value, "to_json") else value.get_config()
    except Exception:  # whatever an object's own code raises
        said = None
    own = getattr(value, "__dict__", {}).items() if said is None or is_own(type(value)) else ()
    plain = [(name, one) for name, one in own if isinstance(one, (*PLAIN, FunctionType)) and name[:1] != "_"]
    yield from _all_facts([said, value.get_weights() if hasattr(value, "get_weights") else None, plain], seen)


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
