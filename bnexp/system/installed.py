"""Distinguishes installed code, which its version identifies, from the user's own code."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import sys
import sysconfig
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGES = {"site-packages", "dist-packages"}
"""Names of the folders that hold installed packages."""


def is_installed_file(file: str | Path) -> bool:
    """Return True for a file of Python, of an installed package, or of bnexp itself, in any folder.

    >>> is_installed_file(functools.__file__), is_installed_file("/home/me/lib/site-packages/a.py")
    (True, True)
    >>> is_installed_file("/home/me/my_net.py")
    False
    """
    path = os.path.abspath(file)
    return path.startswith(_places()) or not PACKAGES.isdisjoint(Path(path).parts)


def is_installed(module: ModuleType | None) -> bool:
    """Return True for a module of Python or of an installed package, also for built-in modules without a file."""
    if module is None or module.__name__ == "__main__":
        return False
    if (file := getattr(module, "__file__", None)) is not None:
        return is_installed_file(str(file))
    return all(is_installed_file(str(place)) for place in getattr(module, "__path__", ()))


def is_own(one: Any) -> bool:
    """Return True for a class or function of the user's own code, which no version identifies."""
    return not is_installed(sys.modules.get(one.__module__))


@functools.cache
def _places() -> tuple[str, ...]:
    folders = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{folder}{os.sep}" for folder in sorted({*folders, str(Path(__file__).resolve().parent.parent)}))


_STATES: dict[str, str] = {}
"""Package -> its state when it was last read. The state of an imported package is not read again."""


def package_state(package: str) -> str:
    """Return a text that identifies the state of an installed package; it is empty for Python's own packages.

    The text has the version. For a package that was installed from a folder, or that has no version, it also has a
    digest of the files, because these may change without a new version.

    >>> package_state("functools"), package_state("numpy").partition(" ")[0]
    ('', 'numpy')
    """
    if package in sys.stdlib_module_names:
        return ""
    if package not in _STATES or package not in sys.modules:
        _STATES[package] = _state(package)
    return _STATES[package]


def _state(package: str) -> str:
    try:
        found = _distributions(package)
        versions = sorted(f"{one.name} {one.version}" for one in found)
        is_of_release = bool(found) and all(one.version and not _is_of_folder(one) for one in found)
    except Exception:  # reading a damaged installation may raise anything
        versions, is_of_release = [], False
    return ", ".join(versions if is_of_release else [*versions, _texts_sha256(package)])


def _distributions(package: str) -> list[importlib.metadata.Distribution]:
    """Return the installed projects that contain this package.

    Most have the package's name. That name is tried first, because a search of all distributions takes half a second.
    """
    try:
        return [importlib.metadata.distribution(package)]
    except importlib.metadata.PackageNotFoundError:
        return [importlib.metadata.distribution(name) for name in set(_distribution_names().get(package, []))]


@functools.cache
def _distribution_names() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def _is_of_folder(one: importlib.metadata.Distribution) -> bool:
    """Return True for a package installed by `pip install FOLDER` (PEP 610).

    conda's packages are excluded. They record a folder, too, but it is only the one in which they were built.
    """
    origin = json.loads(one.read_text("direct_url.json") or "{}")
    return "dir_info" in origin and (one.read_text("INSTALLER") or "").strip() != "conda"


def _texts_sha256(package: str) -> str:
    spec, digest = PathFinder.find_spec(package), hashlib.sha256()
    folders = (spec and spec.submodule_search_locations) or []
    files = [file for folder in folders for file in Path(folder).rglob("*.py")]
    for file in sorted(files) or ([Path(spec.origin)] if spec and spec.has_location and spec.origin else []):
        text = file.read_bytes()
        digest.update(f"{file.name} {len(text)}\n".encode(errors="surrogateescape") + text)
    return digest.hexdigest()
