"""Code of the user's own runs only if a digest has its file; else a change of it would go unnoticed."""

from __future__ import annotations

import importlib
import py_compile
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bnexp.api.given_networks import NamedNetwork, taken
from bnexp.errors import SettingError
from bnexp.system.own_code import own_code
from bnexp.system.session_functions import session_function, told_of

LOAD = """
import importlib.util as util
spec = util.spec_from_file_location("parts", "common/parts.py")
parts = util.module_from_spec(spec)
spec.loader.exec_module(parts)
"""
COMPILE = "import pathlib\nexec(compile(pathlib.Path('common/parts.py').read_text(), 'common/parts.py', 'exec'))\n"
UNFOLLOWED = [
    "import os, sys\nsys.path.append(os.path.abspath('common'))\nfrom parts import WIDTH\n",
    "import importlib, os, sys\nsys.path.append(os.path.abspath('common'))\nWIDTH = importlib.import_module('parts').WIDTH\n",
    LOAD,
    "import runpy\nWIDTH = runpy.run_path('common/parts.py')['WIDTH']\n",
    COMPILE,
]
"""Texts that run common/parts.py, where no import statement leads."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder; modules that a test imports from it are forgotten."""
    monkeypatch.chdir(tmp_path)
    before, paths = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = paths
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def write(**files: str) -> None:
    """Write files; two underscores in a name stand for a slash."""
    for name, text in files.items():
        path = Path(f"{name.replace('__', '/')}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def built(build: str) -> Any:
    """Return what the function of a build returns, called as a network's is."""
    from bnexp.models.user_code import called, function_of

    return called(function_of(build), build, {}, {})


def session_build(text: str) -> str:
    """Run a script's text, and return how its function `build` is called in a config."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(text, space)
    (one,) = taken(space["build"], (), Path("runs"))
    assert isinstance(one, NamedNetwork)
    return str(one.section["build"])


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.strip().splitlines())


# --- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize("text", UNFOLLOWED)
@pytest.mark.parametrize("where", ["file", "call", "session"])
def test_a_file_that_no_digest_has_is_refused_however_it_is_run(text: str, where: str, folder: Path) -> None:
    write(common__parts="WIDTH = 8\n")
    inside = f"def build():\n{indented(text)}    return 1\n"
    write(net=inside if where == "call" else f"{text}def build(): return 1\n")
    build = session_build(inside) if where == "session" else "net.py:build"
    paths = list(sys.path)
    message = (
        rf"model\.build is {told_of(build)}; it runs {folder}/common/parts\.py, which bnexp does not find by its import statements: a "
        "change there would go unnoticed. Put it beside the file, or on PYTHONPATH, and write an `import` statement."
    )
    for _ in range(2):  # what the first try left must not hide it from the second
        with pytest.raises(SettingError, match=message):
            built(build)
    assert sys.path == paths and "parts" not in sys.modules


def test_a_module_of_a_package_that_is_named_at_run_time_is_refused_until_a_statement_imports_it() -> None:
    net = "import importlib\ndef build(): return importlib.import_module('.' + 'wide', __package__).WIDTH\n"
    write(pkg__nets=net, pkg____init__="", pkg__wide="WIDTH = 8\n")
    for _ in range(2):
        with pytest.raises(SettingError, match=r"it runs .*pkg/wide\.py, which bnexp does not find"):
            built("pkg.nets:build")
    write(pkg__nets=f"from . import wide\n{net}")
    assert built("pkg.nets:build") == 8


@pytest.mark.parametrize("text", UNFOLLOWED)
def test_code_that_failed_is_followed_in_the_next_try(text: str) -> None:
    write(common__parts="WIDTH = 8\n", net=f"{text}raise ValueError('as yet')\n")
    with pytest.raises(SettingError, match="ValueError: as yet"):
        built("net.py:build")
    write(net=f"{text}def build(): return 1\n")
    with pytest.raises(SettingError, match=r"it runs .*parts\.py"):
        built("net.py:build")


def test_a_module_that_the_session_imported_is_not_taken_for_its_file(folder: Path) -> None:
    """A script imports the network; what that imports by its name was imported already when its file is run."""
    write(net="import importlib\nWIDTH = importlib.import_module('parts').WIDTH\ndef build(): return WIDTH\n")
    write(parts="WIDTH = 8\n")
    sys.path.insert(0, str(folder))
    parts = importlib.import_module("net") and sys.modules["parts"]
    with pytest.raises(SettingError, match=r"it runs .*parts\.py"):
        built("net.py:build")
    assert sys.modules["parts"] is parts


def test_a_module_found_by_a_changed_path_when_the_function_runs_is_explained() -> None:
    write(common__parts="WIDTH = 8\n")
    write(net="import os, sys\nsys.path.append(os.path.abspath('common'))\ndef build():\n    from parts import WIDTH\n")
    with pytest.raises(SettingError) as error:
        built("net.py:build")
    assert str(error.value).endswith(
        "ModuleNotFoundError: No module named 'parts'\nbnexp looks for modules beside the file and on PYTHONPATH. It "
        "undoes changes that a file makes to sys.path, because it would not notice changed modules there. Install the "
        "module, or put it in one of these places."
    )


# --- what runs ------------------------------------------------------------------------


def test_a_function_of_a_script_may_import_what_lies_beside_it_and_what_that_imports_later() -> None:
    write(blocks="def block():\n    import deep\n    return deep.WIDTH\n")
    text = "def build():\n    from blocks import block\n    return block()\n"
    digests = []
    for width in (8, 8, 9):
        write(deep=f"WIDTH = {width}\n")
        build = session_build(text)
        assert built(build) == width
        digests.append(session_function(build).sha256)  # type: ignore[union-attr]
    assert digests[0] == digests[1] != digests[2], "a build changes nothing that the digest of the next compare sees"


def test_what_a_statement_imports_may_be_imported_by_its_name_and_is_run_as_its_file_says() -> None:
    for width in (8, 9):
        write(net="import importlib\nimport parts\ndef build(): return importlib.import_module('parts').WIDTH\n")
        write(parts=f"WIDTH = {width}\n")
        assert built("net.py:build") == width
        assert "parts" not in sys.modules


def test_code_that_tensorflow_writes_from_the_users_is_not_the_users() -> None:
    text = (
        "import tensorflow as tf\n"
        "@tf.function\n"
        "def doubled(x):\n"
        "    if tf.reduce_sum(x) > 0:\n        x = 2 * x\n"
        "    return x\n"
        "def build(): return float(doubled(tf.constant(4.0)))\n"
    )
    write(net=text)
    assert [built("net.py:build"), built("net.py:build")] == [8.0, 8.0]


def pyc(folder: Path) -> None:
    write(source="WIDTH = 8\n")
    py_compile.compile("source.py", str(folder / "fast.pyc"))
    Path("source.py").unlink()


def extension(folder: Path) -> None:
    """Copy an extension of a package that TensorFlow needs."""
    found = importlib.util.find_spec("wrapt._wrappers")
    assert found is not None and found.origin is not None
    (folder / Path(found.origin).name).write_bytes(Path(found.origin).read_bytes())


@pytest.mark.parametrize(("make", "name", "attribute"), [(pyc, "fast", "WIDTH"), (extension, "_wrappers", "ObjectProxy")])  # fmt: skip
@pytest.mark.parametrize("where", ["file", "session"])
def test_a_compiled_module_is_run_and_known_by_its_bytes(
    make: Callable[[Path], None], name: str, attribute: str, where: str, folder: Path
) -> None:
    make(folder)
    text = f"def build():\n    import {name}\n    return {name}.{attribute}\n"
    write(net=text)
    assert built("net.py:build" if where == "file" else session_build(text)) is not None
    code = own_code("net.py:build")
    assert code is not None
    (file,) = (one for one in code.files if one.suffix != ".py")
    before = code.sha256
    with file.open("ab") as changed:
        changed.write(b"changed")
    assert own_code("net.py:build").sha256 != before  # type: ignore[union-attr]
