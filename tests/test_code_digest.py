"""The digest of a function's code: whatever changes what the function does changes it, and nothing else does."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bnexp.system.code_digest import code_sha256


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digest_after(*cells: str, of: str = "build") -> str:
    """Run cells as a notebook does, and return the digest of what one of its names then is."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), space)
    return code_sha256(eval(of, space))


BUILD = "def build(): return config.width"
CLASS = "class Config:\n    width = {}\nconfig = Config()"
METHOD = "class Net:\n    def block(self): return {}\n    def build(self): return self.block()\nnet = Net()"


@pytest.mark.parametrize(
    ("text", "of"),
    [
        (f"{BUILD}\n{CLASS}", "build"),
        (f"{BUILD}\nclass Config: ...\nconfig = Config()\nconfig.width = {{}}", "build"),
        (f"{BUILD}\nclass Config:\n    __slots__ = ('width',)\nconfig = Config()\nconfig.width = {{}}", "build"),
        (f"{METHOD}\ndef build(): return net.build()", "build"),
        (METHOD, "net.build"),
        ("def build(): return build.width\nbuild.width = {}", "build"),
        ("import enum\nclass Width(enum.Enum):\n    SMALL = {}\ndef build(): return Width.SMALL", "build"),
        ("from typing import NamedTuple\nclass Net(NamedTuple):\n    a: int = 1\n    def b(self): return {}\nn = Net()\ndef build(): return n.b()", "build"),
        ("import functools\nclass Net:\n    @functools.cached_property\n    def b(self): return {}\nnet = Net()\ndef build(): return net.b", "build"),
        ("from abc import ABC\nclass Net(ABC):\n    width = {}\ndef build(): return Net.width", "build"),
    ],
)  # fmt: skip
def test_a_digest_follows_classes_objects_their_state_and_their_methods(text: str, of: str) -> None:
    one, same, other = (digest_after(text.replace("{}", width), of=of) for width in ("8", "8", "64"))
    assert one == same
    assert one != other


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the user's that the session has imported."""
    module = ModuleType("mine")
    module.__file__ = str(Path("mine.py").resolve())
    exec("WIDTH = 8\nOTHER = 1\ndef make(): return WIDTH", vars(module))
    monkeypatch.setitem(sys.modules, "mine", module)
    return module


@pytest.mark.parametrize(
    "text",
    [
        "import mine\ndef build(): return mine.WIDTH",
        "import mine\ndef build(): return mine.make()",
        "from mine import make\ndef build(): return make()",
        "def build():\n    import mine\n    return mine.make()",
        "def build():\n    from mine import WIDTH\n    return WIDTH",
    ],
)
def test_a_digest_follows_the_state_of_a_module_as_far_as_it_is_used(text: str, mine: ModuleType) -> None:
    before = digest_after(text)
    vars(mine)["OTHER"] = 2
    assert digest_after(text) == before
    vars(mine)["WIDTH"] = 64
    assert digest_after(text) != before


@pytest.mark.parametrize("line", ["import blocks", "from blocks import block", "import parts.deep"])
def test_a_module_that_is_imported_when_the_function_runs_is_known_by_its_text_and_is_not_run(
    line: str, folder: Path
) -> None:
    text = f"def build():\n    {line}\n    return 1"
    (folder / "parts").mkdir()
    for width in (8, 64):
        for name in ("blocks.py", "parts/deep.py"):
            (folder / name).write_text(f"raise RuntimeError({width})")
        found = digest_after(text)
        if width == 8:
            before = found
            assert digest_after(text) == before
    assert found != before
    assert not {"blocks", "parts", "parts.deep"} & sys.modules.keys()


@pytest.mark.parametrize(
    "text",
    [
        "import fast\ndef build(): return fast.scale()",
        "from fast import scale\ndef build(): return scale()",
        "from fast import Net\ndef build(): return Net()",
    ],
)
def test_an_extension_of_the_users_is_known_by_its_bytes(
    text: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / f"fast{EXTENSION_SUFFIXES[0]}"
    module = ModuleType("fast")
    scale = [8].copy  # a function without code, as those of an extension are
    scale.__module__ = "fast"
    vars(module).update(__file__=str(file), scale=scale, Net=type("Net", (), {"__module__": "fast"}))
    monkeypatch.setitem(sys.modules, "fast", module)
    one, same, other = (digest_after(text) for content in (b"1", b"1", b"2") if file.write_bytes(content))
    assert one == same
    assert one != other


def test_an_installed_module_is_the_same_before_and_after_its_first_import(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def build():\n    import colorsys\n    return colorsys.ONE_THIRD"
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    before = digest_after(text)
    importlib.import_module("colorsys")
    assert digest_after(text) == before


def test_a_relative_import_in_a_notebook_is_no_mistake_of_the_digest() -> None:
    assert digest_after("def build():\n    from . import blocks") == digest_after(
        "def build():\n    from . import blocks"
    )


def test_an_object_of_keras_is_what_it_says_of_itself() -> None:
    text = "import keras\nstart = keras.initializers.HeNormal(seed={})\ndef build(): return start"
    drawn = [digest_after(text.replace("{}", seed)) for seed in ("None", "None", "1", "2")]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_what_is_written_to_a_log_is_no_part_of_a_network() -> None:
    text = "import logging\nlog = logging.getLogger('{}')\ndef build(): log.info('built')"
    assert digest_after(text.replace("{}", "a")) == digest_after(text.replace("{}", "b"))
