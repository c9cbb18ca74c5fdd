"""Facts about a user's function, `my_net.py:build`, from the text of its file. Nothing is run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import CodeType

from bnexp.errors import SettingError, nearest
from bnexp.system.code_names import binds_by_text, bound_names
from bnexp.system.installed import is_installed_file
from bnexp.system.own_code import OwnCode, Source, own_code
from bnexp.system.own_errors import errors_of
from bnexp.system.session_functions import is_of_session, session_function
from bnexp.system.user_path import user_path

MOST_NAMED = 20
"""The most functions of a file, or files of a folder, that a message names."""


def parameters_in_text(build: str) -> set[str] | None:
    """Return the names of the parameters of `my_net.py:build`, without running its file.

    The result is None if the text does not show them: the function is imported, assigned or decorated.
    """
    found = {function.name: function for function in _functions(build)}.get(build.rpartition(":")[2])
    if found is None or found.decorator_list:
        return None
    return {one.arg for one in (*found.args.args, *found.args.kwonlyargs)}


def function_names(build: str, *, hidden: bool = False) -> list[str]:
    """Return the names of a file's functions, which could return a network; nothing if the file cannot be read.

    With `hidden`, names that begin with an underscore are included.
    """
    return [one.name for one in _functions(build) if hidden or not one.name.startswith("_")]


def _functions(build: str) -> list[ast.FunctionDef]:
    try:
        if (code := own_code(build)) is None:
            return []
        return [node for node in ast.parse(code.sources[code.main].text).body if isinstance(node, ast.FunctionDef)]
    except (OSError, RuntimeError, ValueError, SyntaxError):
        return []


def code_at(build: str) -> OwnCode:
    """Read the code of `build`, and all of the user's code that it imports.

    Raises:
        SettingError: if it is a function of another session, no file or module is there, or it cannot be read.
    """
    place, _, name = build.rpartition(":")
    if is_of_session(build):
        raise SettingError(
            "model.build",
            f"is {build!r}, a function of a Python session or a notebook; expected one that is defined here. Call "
            f"bnexp.compare({name}, ...) where it is defined, or move it to a file and name FILE.py:{name}.",
        )
    try:
        code = own_code(build)
    except OSError as error:
        seen = f"is {build!r}; {place} cannot be read ({error.strerror})"
        raise SettingError("model.build", f"{seen}. Name a readable file.") from error
    if code is None and place.endswith(".py"):
        raise SettingError("model.build", f"names {place!r}; {no_file(place, '.py')}")
    if code is None:
        raise SettingError(
            "model.build",
            f"is {build!r}; no Python file of a module {place} is found. Use FILE.py:FUNCTION, or a module that can be "
            f"imported from {Path.cwd()}.",
        )
    return code


def no_file(path: str, kind: str) -> str:
    """Return the message for a missing file, with the files of the same kind in its folder."""
    file = user_path(path)
    beside = sorted(one.name for one in file.parent.glob(f"*{kind}") if one.is_file()) if file.parent.is_dir() else []
    cure = nearest(file.name, beside, most=MOST_NAMED) if beside else f"Name a {kind} file."
    return f"there is no such file in {Path.cwd()}. {cure}"


def refuse_undefined(build: str) -> None:
    """Raise SettingError if the text of the file shows that it cannot run, or that it does not define the function.

    Raises:
        SettingError: if there is no such file, it is not Python, or it certainly has no function of this name.
    """
    if session_function(build) is not None:
        return
    code = code_at(build)
    name, own, is_certain = build.rpartition(":")[2], code.sources[code.main], True
    with errors_of("while it is imported", build):
        compiled = _compiled(own.text, own.file)
    for source in code.sources.values():
        try:
            is_certain &= not binds_by_text(_compiled(source.text, source.file))
        except (SyntaxError, ValueError, RecursionError):  # a file that may never be imported
            is_certain = False
    functions = function_names(build, hidden=True)  # also below a line that ends the run, which Python does not compile
    if is_certain and not _is_submodule(name, own) and name not in {*functions, *bound_names(compiled)}:
        raise no_function(build, function_names(build) or sorted(set(_other_functions(code))))


def _is_submodule(name: str, module: Source) -> bool:
    return module.places is not None and PathFinder.find_spec(name, module.places) is not None


def _other_functions(code: OwnCode) -> Iterator[str]:
    """Yield the public names that probably are functions, though the file does not define them with `def`.

    They are lambdas, and what is imported from files of the user or, in an installed package, from anywhere.
    """
    own = code.sources[code.main]
    is_installed = own.file is not None and is_installed_file(own.file)
    for node in ast.parse(own.text).body:
        match node:
            case ast.ImportFrom(module=place, level=level) if level or is_installed or place in code.sources:
                names = [one for one in node.names if f"{place}.{one.name}" not in code.sources]
                found = [one.asname or one.name for one in names if not _is_submodule(one.name, own)]
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
                found = [name]
            case _:
                found = []
        yield from (one for one in found if not one.startswith("_"))


def no_function(build: str, functions: Sequence[str]) -> SettingError:
    """Return the error for a function that a file does not define, with the names of the file's functions."""
    place, _, name = build.rpartition(":")
    cure = nearest(name, functions, most=MOST_NAMED) if functions else f"It defines no function; write `def {name}():`."
    return SettingError("model.build", f"is {build!r}; {place} has no function {name}. {cure}")


def _compiled(text: bytes, file: Path | None) -> CodeType:
    """Compile a text without warnings, because Python shows them when it runs the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, str(file), "exec", dont_inherit=True)
