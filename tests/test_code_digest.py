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
        ("class Net:\n    @property\n    def b(self): return {}\nnet = Net()\ndef build(): return net.b", "build"),
        ("def build():\n    def inner(): return {}\n    return inner", "build"),
        ("from abc import ABC\nclass Net(ABC):\n    width = {}\ndef build(): return Net.width", "build"),
    ],
)  # fmt: skip
def test_a_digest_follows_classes_objects_their_state_and_their_methods(text: str, of: str) -> None:
    one, same, other = (digest_after(text.replace("{}", width), of=of) for width in ("8", "8", "64"))
    assert one == same
    assert one != other


HEAD = """
import collections, dataclasses, enum, functools, keras, operator, types, weakref, numpy as np, tensorflow as tf
def act(): return WIDTH
@dataclasses.dataclass
class Data:
    one: object
    def __hash__(self): return 1
class Mine:
    def __init__(self, one): self._one = one
    def __getstate__(self): return None
class Text(str): ...
class Options(dict): __getattr__ = dict.get
class Listed(list): ...
class Start(keras.initializers.Initializer):
    def __init__(self, one): self._one = [one]
class Layer(keras.Layer):
    def __init__(self, one):
        super().__init__(name="own")
        self._one, self.inner = [one, {"a": one}], [keras.layers.Dense(3)]
def model(one):
    layers = [keras.layers.Dense(1, kernel_initializer="ones", activation=one, name="b"), keras.layers.ReLU(name="c")]
    return keras.Sequential([keras.Input((4,), name="a"), *layers], name="d")
def with_attribute(holder, one):
    holder.one = one
    return holder
KEPT = []
def kept(one):
    KEPT.append(one)
    return one
def build(): return held
"""
HOLDERS = [
    "[ONE]", "(1, ONE)", "{'a': ONE}", "{1, ONE}", "frozenset([ONE])", "collections.deque([ONE])", "Data(ONE)", "Mine(ONE)",
    "types.SimpleNamespace(one=ONE)", "collections.OrderedDict(a=ONE)", "types.MappingProxyType({'a': ONE})", "Options(one=ONE)",
    "with_attribute(Options(), ONE)", "Listed([ONE])", "with_attribute(Listed(), ONE)", "functools.partial(print, ONE)",
    "{'a': ONE}.get", "[ONE].__getitem__", "np.array([ONE], dtype=object)", "collections.ChainMap({}, {'a': ONE})",
    "collections.defaultdict(lambda: ONE)", "operator.methodcaller('get', ONE)", "Mine([Data({'a': collections.deque([ONE])})])",
    "weakref.ref(kept(Data(ONE)))", "np.vectorize(lambda: ONE)", "Start(ONE)", "Layer(ONE)",
    "tf.function(lambda x: ONE)",
]  # fmt: skip
OF_VALUES = [
    "operator.itemgetter(WIDTH)", "operator.attrgetter(f'a.b{WIDTH}')", "Text(WIDTH)", "np.int64(WIDTH)", "np.full((2, 2), WIDTH)",
    "[np.maximum, np.minimum][WIDTH > 8]", "[max, min][WIDTH > 8]", "[str.upper, str.lower][WIDTH > 8]", "(WIDTH).__add__", "bytes(WIDTH)",
    "enum.IntEnum('Width', {'A': WIDTH}).A", "keras.initializers.Constant(WIDTH)", "model(lambda x: x * WIDTH)", "range(WIDTH)", "slice(WIDTH)",
]  # fmt: skip


@pytest.mark.parametrize(
    "held", [*OF_VALUES, *(one.replace("ONE", held) for one in HOLDERS for held in ("WIDTH", "act"))]
)
def test_a_digest_follows_what_is_held_by_anything(held: str) -> None:
    one, same, other = (digest_after(f"{HEAD}held = {held}".replace("WIDTH", width)) for width in ("8", "8", "64"))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    "code",
    ["globals()['act']()", "eval('act')()", "getattr(mine, 'ma' + 'ke')()", "vars(mine)['make']()", "operator.attrgetter('make')(mine)()"],
)  # fmt: skip
def test_a_digest_follows_what_code_reads_by_a_text(code: str, mine: ModuleType) -> None:
    digests = []
    for width in ("8", "8", "64"):
        exec(f"def make(): return {width}", vars(mine))
        digests.append(digest_after(f"import mine, operator\ndef act(): return {width}\ndef build(): return {code}"))
    assert digests[0] == digests[1] != digests[2]


def test_what_no_digest_can_follow_is_never_the_same() -> None:
    text = "import threading\nheld = threading.Lock()\ndef build(): return held"
    assert digest_after(text) != digest_after(text)
    deep = "held = []\nfor _ in range(10000): held = [held]\ndef build(): return held"
    assert digest_after(deep) != digest_after(deep)


def test_code_that_reads_global_names_by_a_text_is_not_known_by_what_a_notebook_remembers() -> None:
    text = "def build(): return globals()['width']\nwidth = 8"
    assert digest_after(text) == digest_after(f"{text}\nIn, Out, _, _12, _i12, _oh, get_ipython = range(7)")


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


def test_a_digest_follows_all_of_a_module_that_is_held_by_a_value_even_if_it_holds_itself(mine: ModuleType) -> None:
    vars(mine)["itself"] = [mine]
    text = "import mine\nheld = [mine, mine.itself]\ndef build(): return held[0].WIDTH"
    before = digest_after(text)
    assert digest_after(text) == before
    for name in ("OTHER", "WIDTH"):
        vars(mine)[name] = 64
        assert digest_after(text) != before
        before = digest_after(text)


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
