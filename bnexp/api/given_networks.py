"""Networks that are given in Python: a function, a `keras.Model`, or a config as a dict, besides any name."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from bnexp.api.given_files import kept, path_of
from bnexp.config.at_hand import ConfigAtHand, node_of
from bnexp.config.overrides import last_said
from bnexp.errors import SettingError, UserError
from bnexp.system import backend
from bnexp.system.code_digest import code_sha256
from bnexp.system.own_function import function_names
from bnexp.system.session_functions import PLACE, register

MODELS = "models"
"""The folder, inside the directory of the runs, for models that were given in Python."""
Network = str | Path | Callable[..., Any] | Mapping[str, Any] | ConfigAtHand
"""A name, a function that returns a `keras.Model`, a `keras.Model`, or a config."""
Networks = Network | Sequence[Network]
"""One network, or several."""


@dataclass(frozen=True)
class NamedNetwork:
    """A network of the user's own: its name in messages, the first part of its runs' names, its section `model`."""

    label: str
    stem: str
    section: Mapping[str, Any]


Taken = str | ConfigAtHand | NamedNetwork


def taken(networks: Networks, overrides: Sequence[str], runs: Path) -> list[Taken]:
    """Return each network as a name, a config, or a `NamedNetwork`. A `keras.Model` is saved beside the runs.

    Raises:
        UserError: if an entry is none of these, or a model can be neither saved nor copied.
    """
    several = networks if isinstance(networks, list | tuple) else [networks]
    weights = last_said(overrides, "model", "weights")
    found: list[Taken] = []
    for one in several:
        match one:
            case str() | Path():
                found.append(str(one))
            case Mapping():
                found.append(_config(one))
            case ConfigAtHand():
                found.append(one)
            case _ if _is_model(one):
                found.append(_of_model(one, runs / MODELS, [*_builds(found)], keeps=weights == "keep"))
            case _ if _is_builder(one):
                found.append(_of_function(one, [*_builds(found)]))
            case _:
                raise UserError(
                    f"{one!r} is {type(one).__name__}; expected the name of a config or a run, a function that returns "
                    "a keras.Model, a keras.Model, or a config as a dict."
                )
    return found


def _builds(found: Sequence[Taken]) -> list[str]:
    """List the names of the functions that are already in use."""
    return [str(one.section.get("build")) for one in found if isinstance(one, NamedNetwork)]


def _config(given: Mapping[str, Any]) -> ConfigAtHand:
    return ConfigAtHand(str(given.get("name", "config")), node_of(dict(given), "config", {}))


# --- functions --------------------------------------------------------------------


def _is_builder(given: Any) -> TypeGuard[Callable[..., Any]]:
    """Return True for a function or a subclass of `keras.Model`, which can be called to build a network."""
    keras = sys.modules.get("keras")
    if isinstance(given, type):
        return keras is not None and issubclass(given, keras.Model)
    if not callable(given) or (keras is not None and isinstance(given, keras.Layer)):
        return False
    try:
        inspect.signature(given)
    except ValueError:  # raised for some functions that are built into Python
        return False
    return True


def _of_function(function: Callable[..., Any], used: Sequence[str]) -> NamedNetwork:
    """Return a function's network, named by the file if the file defines this very function, else by a session name.

    A session name is valid in this Python session only. Functions of the script that Python runs always get one: they
    may use values that are in no file, such as the script's arguments.
    """
    in_file = _in_file(function)
    is_of_main = getattr(function, "__module__", None) == "__main__"
    if in_file is not None and not is_of_main and _is_as_in_file(function, in_file):
        return NamedNetwork(in_file, stem_of(in_file), {"name": "python", "build": in_file})
    build = _free(f"{PLACE}:{_name(function)}", used)
    register(build, function, code_sha256(function))
    stem = stem_of(in_file) if in_file is not None and is_of_main else build.rpartition(":")[2]
    return NamedNetwork(_short(build), stem, {"name": "python", "build": build})


def _name(function: Callable[..., Any]) -> str:
    """Return a name for a function, which may be a lambda, a partial or a callable object."""
    name = getattr(function, "__name__", None)
    if name is None:
        inner = getattr(function, "func", None)  # of a functools.partial
        name = type(function).__name__ if inner is None else _name(inner)
    return name if str(name).isidentifier() else "network"


def _free(build: str, used: Sequence[str]) -> str:
    """Return `build`, with a number at its end if it is already used in this call."""
    numbered = (f"{build}_{number}" for number in range(2, len(used) + 2))
    return build if build not in used else next(one for one in numbered if one not in used)


def _short(build: str) -> str:
    return build.rpartition(":")[2]


def _in_file(function: Callable[..., Any]) -> str | None:
    """Return `FILE.py:NAME` for a function that a file defines at its top level; None for any other."""
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        return None
    name, inner = getattr(function, "__name__", ""), getattr(function, "__qualname__", "")
    if file is None or not file.endswith(".py") or not Path(file).is_file() or name != inner:
        return None
    module = sys.modules.get(function.__module__)
    if module is None or getattr(module, name, None) is not function or not inspect.isfunction(function):
        return None
    if not hasattr(module, "__file__"):  # a notebook: a debugger may write its cells to files
        return None
    build = f"{_from_here(Path(file))}:{name}"
    return build if name in function_names(build, hidden=True) else None


def _from_here(file: Path) -> Path:
    file = file.resolve()
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _is_as_in_file(function: Callable[..., Any], build: str) -> bool:
    """Return True if running the file now defines the same function, so no value in its modules was changed since."""
    backend.load()
    from bnexp.models.user_code import function_of

    try:
        return code_sha256(function_of(build)) == code_sha256(function)
    except SettingError:  # the file is faulty now, or runs code that its digest lacks; the session's digest has it
        return False


def stem_of(build: str) -> str:
    """Return the name of a network: its file or module, followed by its function if that is not called `build`.

    >>> stem_of("my_net.py:build"), stem_of("my_net.py:wide"), stem_of("package.nets:build")
    ('my_net', 'my_net-wide', 'nets')
    """
    place, _, function = build.rpartition(":")
    stem = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    return stem if function == "build" else f"{stem}-{function}"


# --- models -----------------------------------------------------------------------


def _is_model(given: Any) -> bool:
    """Return True for a `keras.Model`, without importing Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(given, keras.Model)


def _of_model(model: Any, folder: Path, used: Sequence[str], *, keeps: bool) -> NamedNetwork:
    """Return a model's network: its saved file, or a function that copies it if Keras cannot load a file safely."""
    from bnexp.models.given_models import copied, described

    stem, description = described(model, weights=keeps)
    digest = hashlib.sha256(description).hexdigest()
    if (path := _saved_if_safe(model, folder, digest)) is not None:
        return NamedNetwork(stem, stem, {"name": "keras_file", "path": path})
    build = _free(f"{PLACE}:{stem}", used)
    register(build, functools.partial(copied, model, weights=keeps), digest)
    return NamedNetwork(_short(build), stem, {"name": "python", "build": build})


def _saved_if_safe(model: Any, folder: Path, digest: str) -> str | None:
    """Save a model, if it can be loaded again without running code; return its path, or None if it cannot.

    Raises:
        UserError: if it can be neither saved nor copied.
    """
    from bnexp.models.given_models import copied, saved

    if (path := path_of(folder, digest, ".keras")).exists():
        return str(path)
    content = saved(model)
    if content is None:
        copied(model, weights=False)
        return None
    return kept(folder, digest, ".keras", lambda file: file.write(content))
