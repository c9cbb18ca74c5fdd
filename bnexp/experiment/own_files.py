"""Which of the user's own files an experiment reads, as digests: its data's, and its network's.

A run answers for an experiment only while these are as they were.
"""

from __future__ import annotations

import ast
import hashlib
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bnexp.config import Experiment
from bnexp.config.model import Model
from bnexp.config.own_model import KerasFile, PythonNetwork
from bnexp.data.fingerprint import Sources, source_sha256
from bnexp.errors import SettingError
from bnexp.system.session_functions import has_parameter as parameter_of
from bnexp.system.session_functions import session_function


class OwnFiles(NamedTuple):
    """The sha256 of the user's own files, or None where there are none or they cannot be read."""

    data: str | None
    network: str | None


def own_files(experiment: Experiment) -> OwnFiles:
    """Return the digests of the files that the experiment reads now."""
    return OwnFiles(source_sha256(experiment.dataset), network_sha256(experiment.model))


def network_sha256(model: Model) -> str | None:
    """Return the sha256 of a saved model, or of a function's file and of all files beside it that it imports.

    A function of this Python session alone has the sha256 of its code. None for bnexp's own networks, and if a file
    cannot be read: building the network reports why. Nothing is imported.
    What a function reads otherwise, such as a file of weights, is no part of it.
    """
    try:
        match model:
            case KerasFile(path=path):
                return hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest()
            case PythonNetwork(build=build):
                known = session_function(build)
                return known.sha256 if known and known.sha256 else _digest(source_files(build))
    except (OSError, RuntimeError, ValueError, SyntaxError):
        pass
    return None


def has_parameter(build: str, parameter: str) -> bool:
    """Return True if the function of `my_net.py:build` has a parameter of this name, without running its file."""
    if (known := session_function(build)) is not None:
        return parameter_of(known.function, parameter)
    name = build.rpartition(":")[2]
    for function in _functions(build):
        if function.name == name:
            return any(one.arg == parameter for one in (*function.args.args, *function.args.kwonlyargs))
    return False


def function_names(build: str, *, hidden: bool = False) -> list[str]:
    """List the functions of a file that could return a network, by their names; empty if it cannot be read.

    With `hidden`, those whose names begin with an underscore are among them.
    """
    return [one.name for one in _functions(build) if hidden or not one.name.startswith("_")]


def _functions(build: str) -> list[ast.FunctionDef]:
    try:
        file = source_files(build)[0]
        return [node for node in ast.parse(file.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    except (OSError, RuntimeError, ValueError, SyntaxError, IndexError):
        return []


def refuse_changed_network(model: Model, sources: Sources) -> None:
    """Raise SettingError if `sources` has another sha256 for this network of the user's own than its files have."""
    expected = sources.get(model.model_dump_json())
    if not isinstance(model, KerasFile | PythonNetwork) or expected is None:
        return
    if (seen := network_sha256(model)) != expected:
        key, value = ("model.path", model.path) if isinstance(model, KerasFile) else ("model.build", model.build)
        raise SettingError(
            key,
            f"is {value!r}; what lies there on {platform.node()} is another network than when the study was begun "
            f"(sha256 {seen}; expected {expected}). Put back what was there; with another network it is another study.",
        )


def _digest(files: list[Path]) -> str | None:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode(errors="surrogateescape") + content)
    return digest.hexdigest() if files else None


def source_files(build: str) -> list[Path]:
    """List the file of `my_net.py:build` or `package.module:build`, and the files that it imports from its own folder.

    Modules that are installed are left out: their versions are recorded.
    """
    place = build.rpartition(":")[0]
    if place.endswith(".py"):
        first = Path(place).expanduser().resolve()
        root = first.parent
    else:
        root = Path.cwd()
        found = _module_file(root, place)
        if found is None:
            return []
        first = found
    files: dict[Path, None] = {}
    _add_imported(first, root, files)
    return list(files)


def _add_imported(file: Path, root: Path, files: dict[Path, None]) -> None:
    """Add a file, and those that it imports from the same folder."""
    if file in files:
        return
    files[file] = None
    for name in sorted(set(_imported(ast.parse(file.read_bytes()), file, root))):
        if (found := _module_file(root, name)) is not None:
            _add_imported(found, root, files)


def _imported(tree: ast.AST, file: Path, root: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, anywhere in it; each may be a module or what a module holds."""
    inside = file.relative_to(root).parent.parts if file.is_relative_to(root) else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from _with_packages(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = inside[: len(inside) - node.level + 1] if node.level else ()
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from _with_packages(
                [*([base] if base else []), *(".".join(filter(None, [base, alias.name])) for alias in node.names)]
            )


def _with_packages(names: Iterator[str] | list[str]) -> Iterator[str]:
    """Yield each name and the packages around it, whose `__init__.py` is run, too."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _module_file(root: Path, name: str) -> Path | None:
    """Return the file of a module of this folder; None if it is not there."""
    path = root.joinpath(*name.split("."))
    found = [file for file in (path / "__init__.py", path.with_name(f"{path.name}.py")) if file.is_file()]
    return found[0] if found else None
