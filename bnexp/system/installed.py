"""Which code is installed, so that its version identifies it, and which is the user's own."""

from __future__ import annotations

import functools
import os
import sysconfig
from pathlib import Path
from types import ModuleType

PACKAGES = {"site-packages", "dist-packages"}
"""Names of the folders that hold installed packages."""


def is_installed_file(file: str | Path) -> bool:
    """Return True for a file of Python, of an installed package, or of bnexp itself, wherever that lies.

    >>> is_installed_file(functools.__file__), is_installed_file("/home/me/lib/site-packages/a.py")
    (True, True)
    >>> is_installed_file("/home/me/my_net.py")
    False
    """
    path = os.path.abspath(file)
    return path.startswith(_places()) or not PACKAGES.isdisjoint(Path(path).parts)


def is_installed(module: ModuleType | None) -> bool:
    """Return True for a module of Python or of an installed package; built-in ones have no file."""
    if module is None or module.__name__ == "__main__":
        return False
    if (file := getattr(module, "__file__", None)) is not None:
        return is_installed_file(str(file))
    return all(is_installed_file(str(place)) for place in getattr(module, "__path__", ()))


@functools.cache
def _places() -> tuple[str, ...]:
    folders = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{folder}{os.sep}" for folder in sorted({*folders, str(Path(__file__).resolve().parent.parent)}))
