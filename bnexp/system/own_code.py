"""Finds, digests and runs the user's own code behind `my_net.py:build` or `package.module:build`.

Files are found by the import statements in their text, where Python would find them, and are not run for this. The
text that was digested is the text that runs. Each state of the files runs once, in separate modules: `blocks` of one
network is never `blocks` of another network or of the user's session.
"""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from bnexp.system.installed import is_installed_file, package_state
from bnexp.system.user_path import user_path

PREFIX = "bnexp_user_"
"""Prefix for names of packages. Each of these packages has the modules of one state of a user's code."""


class Source(NamedTuple):
    """A module: its file (None for a folder without `__init__.py`), its bytes and, of a package, its folders."""

    file: Path | None
    text: bytes
    places: Sequence[str] | None


@dataclass(frozen=True)
class OwnCode:
    """The content of a network's file, and of all the user's files that it imports, at the time of reading."""

    main: str
    """The name of the module that has the function."""
    sources: Mapping[str, Source]
    """Dotted name -> module, the network's own first. If the network is installed, its module is the only one."""

    @property
    def files(self) -> list[Path]:
        """List the files, the network's own first."""
        return [one.file for one in self.sources.values() if one.file is not None]

    @property
    def packages(self) -> list[str]:
        """List the imported packages that are not among these files, and the network's package if it is installed."""
        own = _tops(self)
        imported = {name.partition(".")[0] for item in self.sources.items() for name in _imports_in(*item)}
        is_installed = any(one.file is not None and is_installed_file(one.file) for one in self.sources.values())
        return sorted((imported - own) | (own if is_installed else set()))

    @property
    def sha256(self) -> str:
        """Return the digest of the names and texts of the user's files, and of the versions of installed packages."""
        digest = hashlib.sha256(repr([package_state(one) for one in self.packages]).encode())
        for file, text, _ in self.sources.values():
            if file is not None and not is_installed_file(file):
                digest.update(f"{file.name} {len(text)}\n".encode(errors="surrogateescape") + text)
        return digest.hexdigest()

    def module(self) -> ModuleType:
        """Return the module that has the function. It runs once for each state of the files."""
        file = self.sources[self.main].file
        if file is not None and is_installed_file(file):
            return importlib.import_module(self.main)
        root = f"{PREFIX}{hashlib.sha256(f'{file} {self.sha256}'.encode(errors='surrogateescape')).hexdigest()[:16]}"
        _RUN.setdefault(root, self)
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
        return importlib.import_module(f"{root}.{self.main}")


# --- finding ----------------------------------------------------------------------


def own_code(build: str) -> OwnCode | None:
    """Read the code of `my_net.py:build` or `package.module:build`; None if there is no file of that name.

    Raises:
        OSError: if a file cannot be read.
    """
    place = build.rpartition(":")[0]
    importlib.invalidate_caches()  # files may have been written just now
    sources: dict[str, Source] = {}
    if place.endswith(".py"):
        file = user_path(place).resolve()
        main, search = file.stem.replace(".", "_"), _search(file.parent)
        if not os.path.isfile(file):
            return None
        _add(main, file, None, search, sources)
    else:
        main, search = place, _search(Path.cwd())
        *packages, (_, file_of_main, places) = list(_along(main, search, installed=True)) or [("", None, None)]
        if file_of_main is None or _is_compiled(file_of_main) or len(packages) != main.count("."):
            return None
        _add(main, file_of_main, places, search, sources)
        for name, package, inside in packages if not is_installed_file(file_of_main) else ():
            _add(name, package, inside, search, sources)
    return OwnCode(main, sources)


def _search(first: Path) -> list[str]:
    """Return the folders in which Python looks for modules, with the given folder first."""
    return [str(first), *(os.path.abspath(place) for place in sys.path)]


def imported_code(name: str) -> OwnCode:
    """Read a user's module that is not imported yet, and the modules that it imports; nothing for any other module."""
    sources: dict[str, Source] = {}
    search = _search(Path.cwd())
    for found, file, places in _along(name, search):
        _add(found, file, places, search, sources)
    return OwnCode(name, sources)


def _add(
    name: str, file: Path | None, places: Sequence[str] | None, search: Sequence[str], sources: dict[str, Source]
) -> None:
    """Add a module to `sources`, and all of the user's modules that it imports."""
    if name in sources:
        return
    text = b"" if file is None else file.read_bytes()
    sources[name] = Source(file, text, places)
    if file is None or _is_compiled(file) or is_installed_file(file):
        return
    for imported in _imports_in(name, sources[name]):
        for inner, found, inside in _along(imported, search):
            _add(inner, found, inside, search, sources)


def _imports_in(name: str, source: Source) -> tuple[str, ...]:
    return _imports(source.text, name if source.places is not None else name.rpartition(".")[0])


@functools.lru_cache(maxsize=1024)
def _imports(text: bytes, package: str) -> tuple[str, ...]:
    """Return the dotted names that a text imports anywhere. Each may be a module, or a name inside a module."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # if the file is run, Python reports why
        return ()
    return tuple(sorted(set(_imported(tree, package))))


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    inside = package.split(".") if package else []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = inside[: len(inside) - node.level + 1] if node.level else []
            base = [*parents, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


Found = tuple[str, Path | None, Sequence[str] | None]


def _along(name: str, search: Sequence[str], *, installed: bool = False) -> Iterator[Found]:
    """Yield the packages of a dotted name, then its module. Stop at a part that is missing.

    Unless `installed`, also stop at a part that is not the user's own.
    """
    places: Sequence[str] = search
    parts = name.split(".")
    for depth, part in enumerate(parts, 1):
        spec = _spec(part, places, is_top=depth == 1)
        if spec is None:
            return
        inside = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
        file = Path(spec.origin) if spec.has_location and spec.origin else None
        if file is None and inside is None:
            return  # built in
        if not installed and all(map(is_installed_file, [file] if file is not None else inside or [])):
            return
        yield ".".join(parts[:depth]), file, inside
        places = inside or []


def _is_compiled(file: Path) -> bool:
    """Return True for an extension or a `.pyc` file. It is digested by its bytes, and its imports are unknown."""
    return file.suffix != ".py"


def _spec(name: str, places: Sequence[str], *, is_top: bool) -> ModuleSpec | None:
    """Find a module in these folders. A top-level one is also searched by other finders, as of editable installs."""
    if is_top and name in sys.builtin_module_names:
        return None
    spec = PathFinder.find_spec(name, places)
    others = [one for one in sys.meta_path if one not in (PathFinder, BuiltinImporter, FrozenImporter, _Finder)]
    for finder in others if spec is None and is_top else ():
        spec = spec or finder.find_spec(name, None)
    return spec


# --- running ----------------------------------------------------------------------

_RUN: dict[str, OwnCode] = {}
"""Name of a package that stands for one state of a user's code -> that code."""


class _Finder:
    """Finds the modules of the user's code under the package of its state, for Python's `import`."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec that runs a module from the text that was digested; None for any other module."""
        root, _, inner = name.partition(".")
        code = _RUN.get(root)
        if code is None:
            return None
        if not inner:
            return ModuleSpec(name, None, is_package=True)
        if (source := code.sources.get(inner)) is None:
            return None
        if source.file is None:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = list(source.places or ())
            return spec
        places = None if source.places is None else list(source.places)
        loader = None if _is_compiled(source.file) else _Loader(name, source, _importer(root, code))
        return importlib.util.spec_from_file_location(
            name, source.file, loader=loader, submodule_search_locations=places
        )


class _Loader(SourceFileLoader):
    """Runs the text that was digested. `own_import` finds the user's modules that it imports, at once or later."""

    def __init__(self, name: str, source: Source, own_import: Callable[..., Any]) -> None:
        super().__init__(name, str(source.file))
        self.text, self.own_import = source.text, own_import

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text. A `.pyc` file is not used, because it may come from another text."""
        return compile(self.text, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module with `own_import` as its `import`."""
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self.own_import}
        super().exec_module(module)


def module_found(module: str, name: str) -> ModuleType | None:
    """Return the module that `import name` finds in a module; None if the session has not imported that name itself."""
    root = module.partition(".")[0]
    is_of_copy = root in _RUN and name.partition(".")[0] in _tops(_RUN[root])
    return sys.modules.get(f"{root}.{name}" if is_of_copy else name) if name in sys.modules else None


def _tops(code: OwnCode) -> set[str]:
    return {name.partition(".")[0] for name in code.sources}


def _importer(root: str, code: OwnCode) -> Callable[..., Any]:
    """Return the function for `import` in this code. It finds the code's own modules in the package `root`."""
    own = _tops(code)

    def own_import(
        name: str, namespace: Any = None, local: Any = None, wanted: Sequence[str] | None = (), level: int = 0
    ) -> Any:
        """Import a module of this code from `root`, and any other as Python does. The arguments are `__import__`'s."""
        top = name.partition(".")[0]
        if level or top not in own:
            return __import__(name, namespace, local, wanted or (), level)
        module = __import__(f"{root}.{name}", namespace, local, wanted or (), 0)
        return module if wanted else sys.modules[f"{root}.{top}"]

    return own_import
