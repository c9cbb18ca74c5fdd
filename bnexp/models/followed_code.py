"""Runs the user's code apart from the session's modules. Refuses code that runs a file that is in no digest."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from bnexp.errors import SettingError, listed
from bnexp.system.code_digest import imported_when_called
from bnexp.system.files_run import noting_files_run
from bnexp.system.installed import is_installed, is_installed_file
from bnexp.system.own_code import PREFIX, imported_code, own_code
from bnexp.system.session_functions import session_function, told_of
from bnexp.system.user_path import user_path

GENERATED = "__autograph_generated_file"
"""The prefix of the names of files that TensorFlow's AutoGraph generates from the user's code and runs."""
MOST_NAMED = 3


@contextmanager
def importable_beside(build: str) -> Iterator[None]:
    """Let the user's code import modules from the folder of its file, or from the current directory, as `python` does.

    Python writes no compiled files into this folder meanwhile, so that a refused network leaves nothing behind.
    """
    place = build.rpartition(":")[0]
    folder = str(user_path(place).resolve().parent) if place.endswith(".py") else str(Path.cwd())
    paths = list(sys.path)
    sys.path.insert(0, folder)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        sys.path[:] = paths


@contextmanager
def followed(build: str) -> Iterator[None]:
    """Refuse code that runs a file of the user's own that is not part of the digest of `build`.

    Code from a file does not see modules that the session imported, because their state may differ from their files.
    Modules that the code imports are removed afterwards. Otherwise, a later change of their files would have no effect.
    Only the modules under `PREFIX` stay, one for each state of a file. If the code fails or is refused, they are
    removed, too, so that the next try runs the file again.

    Raises:
        SettingError: if the code runs a file that is not part of the digest.
    """
    of_session = _own_modules(sys.modules) if session_function(build) is None else {}
    apart = {name: module for name, module in of_session.items() if not name.startswith(PREFIX)}
    before = sys.modules.keys() - apart.keys()
    for name in apart:
        del sys.modules[name]
    is_good = False
    try:
        with noting_files_run() as ran:
            yield
        unknown = _unknown(ran, build)
        is_good = not unknown
    finally:
        for name in _own_modules(sys.modules.keys() - before):
            if not (is_good and name.startswith(PREFIX)):
                del sys.modules[name]
        sys.modules.update(apart)
    if unknown:
        raise SettingError(
            "model.build",
            f"is {told_of(build)}; it runs {listed(unknown, MOST_NAMED)}, which bnexp does not find by its import "
            "statements: a change there would go unnoticed. Put it beside the file, or on PYTHONPATH, and write an "
            "`import` statement.",
        )


def _own_modules(names: Iterable[str]) -> dict[str, ModuleType]:
    """Return the imported modules of the user's own, without `__main__` and the modules that AutoGraph wrote."""
    found = {name: sys.modules[name] for name in list(names) if name[:2] != "__"}
    return {
        name: one
        for name, one in found.items()
        if name.startswith(PREFIX) or (isinstance(one, ModuleType) and not is_installed(one))
    }


def _unknown(ran: Iterable[str], build: str) -> list[str]:
    """List the files of the user's own that ran and are not part of the digest of `build`."""
    own = {
        Path(name).resolve()
        for name in ran
        if not Path(name).name.startswith(GENERATED) and not is_installed_file(name) and Path(name).is_file()
    }
    return [str(file) for file in sorted(own - _digested(build))] if own else []


def _digested(build: str) -> set[Path]:
    """Return the files whose texts are part of the digest of `build`."""
    if (known := session_function(build)) is not None:
        codes = [imported_code(name) for name in imported_when_called(known.function)]
    else:
        codes = [code for code in [own_code(build)] if code is not None]
    return {file.resolve() for code in codes for file in code.files}
