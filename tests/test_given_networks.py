"""A network that is given in Python: by what it is known, so that another network never gets its numbers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

import bnexp
from bnexp.api.given_networks import NamedNetwork, taken
from bnexp.config.model import Model
from bnexp.errors import ConfigError, UserError
from bnexp.experiment.own_files import network_sha256

TEXT = """\
import sys
WIDTH = int(sys.argv[1]) if __name__ == "__main__" else 8
class Net:
    def width(self): return WIDTH
def build(): return Net().width()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def known(network: Any, *overrides: str) -> tuple[str, str | None]:
    """Return what a network is called in a config, and its digest."""
    (one,) = taken(network, overrides, Path("runs"))
    assert isinstance(one, NamedNetwork)
    section = TypeAdapter(Model).validate_python(dict(one.section))
    return str(one.section.get("build", one.section.get("path"))), network_sha256(section)


@pytest.fixture
def my_net(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (folder / "my_net.py").write_text(TEXT)
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("my_net")
    del sys.modules["my_net"]


def test_a_function_is_named_by_its_file_only_while_it_does_what_the_file_says(my_net: ModuleType) -> None:
    from bnexp.models.user_code import function_of

    as_in_file = known(my_net.build)
    assert as_in_file[0] == "my_net.py:build"
    my_net.WIDTH = 64  # type: ignore[attr-defined]
    name, digest = known(my_net.build)
    assert name == "<python>:build"
    assert function_of(name)() == 64
    assert digest != as_in_file[1]
    my_net.WIDTH = 8  # type: ignore[attr-defined]
    assert known(my_net.build) == as_in_file


@pytest.mark.parametrize(
    "line", ["import sizes\n", "def build():\n    import sizes\n", "def build():\n    from sizes import WIDTH\n"]
)
def test_what_a_session_sets_in_a_helper_counts_wherever_the_helper_is_imported(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bnexp.models.user_code import function_of

    head = "" if line.startswith("def") else "def build():\n"
    value = "WIDTH" if "WIDTH" in line else "sizes.WIDTH"
    (folder / "lazy_net.py").write_text(f"{line}{head}    return {value}\n")
    (folder / "sizes.py").write_text("WIDTH = 8\n")
    monkeypatch.syspath_prepend(folder)
    net = importlib.import_module("lazy_net")
    as_in_file = known(net.build)
    assert as_in_file[0] == "lazy_net.py:build"
    assert function_of(as_in_file[0])() == 8, "the private copy of the helper is run, too"
    assert known(net.build) == as_in_file
    sizes = importlib.import_module("sizes")
    assert known(net.build) == as_in_file
    sizes.WIDTH = 64  # type: ignore[attr-defined]
    name, digest = known(net.build)
    assert name == "<python>:build"
    assert function_of(name)() == 64
    assert digest != as_in_file[1]
    del sys.modules["lazy_net"], sys.modules["sizes"]


def test_a_function_with_a_cached_helper_is_named_by_its_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = "import functools\n@functools.lru_cache\ndef width(): return 8\ndef build(): return width()\n"
    (folder / "cached_net.py").write_text(cached)
    monkeypatch.syspath_prepend(folder)
    module = importlib.import_module("cached_net")
    assert known(module.build)[0] == "cached_net.py:build"
    del sys.modules["cached_net"]


def test_a_function_of_a_file_that_is_faulty_now_is_one_of_the_session(my_net: ModuleType, folder: Path) -> None:
    (folder / "my_net.py").write_text(f"{TEXT}raise ValueError\n")
    assert known(my_net.build)[0] == "<python>:build"


def test_a_function_of_a_script_is_known_by_what_it_reads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "script.py"
    script.write_text(TEXT)
    digests = []
    for width in ("8", "64", "8"):
        main = ModuleType("__main__")
        main.__file__ = str(script)
        monkeypatch.setitem(sys.modules, "__main__", main)
        monkeypatch.setattr(sys, "argv", ["script.py", width])
        exec(compile(TEXT, str(script), "exec"), vars(main))
        name, digest = known(main.build)
        assert name == "<python>:build", "its file has another digest, and does not say what the script read"
        digests.append(digest)
        main.WIDTH = 3  # type: ignore[attr-defined]
        assert known(main.build)[1] != digest
    assert digests[0] == digests[2] != digests[1]


# --- models ---------------------------------------------------------------------------


def model_with(text: str) -> Any:
    """Return a network with a `layer` that a cell of a notebook defines."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec("import keras, numpy as np\n" + text, space)
    import keras

    last = keras.layers.Dense(2, activation="softmax")
    return keras.Sequential([keras.Input((4,)), space["layer"], keras.layers.BatchNormalization(), last])


FIXED = """class Fixed(keras.Layer):
    def build(self, shape): self.table = self.add_weight(shape=shape[-1:], initializer="zeros", trainable=False)
    def call(self, x): return x * self.table
"""
REGISTERED = "@keras.saving.register_keras_serializable()\n"


@pytest.mark.parametrize(
    "text",
    [
        "class Mine(keras.Layer):\n    def call(self, x): return {} * x\nlayer = Mine()",
        f"{REGISTERED}def act(x): return {{}} * x\nlayer = keras.layers.Dense(3, activation=act)",
        "def act(x): return {} * x\nlayer = keras.layers.Lambda(act)",
        "def scaled(by): return lambda x: by * x\nlayer = keras.layers.Lambda(scaled({}))",
        f"{REGISTERED}class Start(keras.initializers.Initializer):\n    def __call__(self, shape, dtype=None): return {{}} * keras.ops.ones(shape)\nlayer = keras.layers.Dense(3, bias_initializer=Start())",
        "layer = keras.layers.Normalization()\nlayer.adapt({} * np.arange(8.0).reshape(2, 4))",
        f"{REGISTERED}{FIXED}layer = Fixed()\nlayer.build((None, 4))\nlayer.table.assign({{}} * np.arange(4.0))",
    ],
)  # fmt: skip
def test_a_model_is_known_by_the_code_and_the_values_in_it_that_its_description_leaves_out(text: str) -> None:
    one, same, other = (known(model_with(text.replace("{}", by)))[1] for by in ("2", "2", "5"))
    assert one == same
    assert one != other


FORGETS = """
class Mine(keras.Layer):
    def __init__(self, by={}, **options):
        super().__init__(**options)
        self.by = by
    def call(self, x): return self.by * x
    def get_config(self): return super().get_config()
layer = Mine({})
"""


def test_a_model_whose_copy_does_something_else_is_refused() -> None:
    with pytest.raises(UserError) as error:
        known(model_with(FORGETS.format(1.0, 2.0)))
    assert str(error.value).partition(" ")[2] == (
        "has a copy with the same weights that computes other outputs; expected the same. A layer of your own holds a "
        "value that its get_config leaves out. Add it there. Give a function that builds it: `def build(): ...; return "
        "model`."
    )
    assert known(model_with(FORGETS.format(2.0, 2.0)))[0].startswith("<python>:sequential")


@pytest.mark.parametrize(
    "layer",
    [
        "layer = keras.layers.Normalization()\nlayer.adapt(np.arange(8.0).reshape(2, 4))",
        "layer = keras.layers.Discretization(num_bins=3)\nlayer.adapt(np.arange(8.0).reshape(2, 4))",
        "layer = keras.layers.IntegerLookup()\nlayer.adapt(np.arange(3))",
        f"{FIXED}layer = Fixed()\nlayer.build((None, 4))\nlayer.table.assign(np.arange(4.0))",
    ],
)
def test_a_copy_of_a_model_keeps_what_no_seed_draws_anew(layer: str) -> None:
    from bnexp.models.given_models import copied

    act = "def act(x): return keras.ops.cast(x, 'float32')\n"  # with it, the model cannot be saved
    model = model_with(f"{act}{layer}\nlayer = keras.Sequential([layer, keras.layers.Lambda(act)])")
    x = np.arange(12.0).reshape(3, 4)
    copy = copied(model, weights=False)
    np.testing.assert_allclose(copy.layers[0](x), model.layers[0](x))
    assert not np.array_equal(copy.layers[-1].kernel, model.layers[-1].kernel)
    assert known(model)[0] == "<python>:sequential"


def test_a_model_that_draws_at_random_while_it_predicts_is_no_unlike_copy() -> None:
    noise = "class Noise(keras.Layer):\n    def call(self, x): return x + keras.random.normal(keras.ops.shape(x))\n"
    assert known(model_with(f"{noise}layer = Noise()"))[0] == "<python>:sequential"


@pytest.mark.parametrize("override", ['model.weights="keep"', "model.weights= 'keep'", "model={weights: keep}"])
def test_the_weights_of_a_model_are_a_part_of_it_however_keep_is_written(override: str) -> None:
    model = model_with("layer = keras.layers.Dense(3)")
    drawn = known(model, override, "model.weights=draw")
    assert drawn == known(model)
    assert known(model, override)[0] == known(model, "model.weights=keep")[0] != drawn[0]


# --- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "seen"),
    [("dict", "<class 'dict'> is type"), ("min", "<built-in function min> is builtin_function_or_method"), ("keras.layers.Dense(3, name='d')", "<Dense name=d, built=False> is Dense")],
)  # fmt: skip
def test_what_builds_no_network_is_refused(given: str, seen: str) -> None:
    import keras

    with pytest.raises(UserError) as error:
        known(eval(given, {"keras": keras}))
    assert str(error.value) == (
        f"{seen}; expected the name of a config or a run, a function that returns a keras.Model, a keras.Model, or a "
        "config as a dict."
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("build", len, "model.build is <built-in function len>; expected text. Give the function itself to bnexp.compare or bnexp.train, or name FILE.py:FUNCTION."),
        ("arguments", {"act": len}, "model.arguments.act is <built-in function len>; expected a text, a number, true, false, null, or a list or mapping of these; make anything else inside the function."),
        ("arguments", {"act": [np.zeros(2)]}, "model.arguments.act is [array([0., 0.])]; expected a text, a number, true, false, null, or a list or mapping of these; make anything else inside the function."),
    ],
)  # fmt: skip
def test_a_config_that_holds_what_no_file_can_hold_is_refused(key: str, value: Any, message: str) -> None:
    model = {"name": "python", "build": "my_net.py:build", key: value}
    with pytest.raises(ConfigError) as error:
        bnexp.check({"dataset": {"name": "moons"}, "model": model})
    assert str(error.value) == f"config: {message}"


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_masked_array_is_refused(name: str) -> None:
    arrays = {"x": np.zeros((20, 2)), "y": np.arange(20) % 2}
    arrays[name] = np.ma.masked_greater(arrays[name], 0)
    with pytest.raises(UserError) as error:
        bnexp.check(model_with("layer = keras.layers.Dense(3)"), data=(arrays["x"], arrays["y"]))
    assert str(error.value) == (
        f"{name} is a masked array, and its mask would be lost; expected an array without one. Give "
        f"{name}.filled(VALUE), or leave the masked rows out."
    )
