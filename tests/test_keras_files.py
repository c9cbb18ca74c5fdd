"""Files of saved models that mean harm: all are refused, and nothing in them is run."""

from __future__ import annotations

import json
import os
import random
import shutil
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from bnexp.errors import SettingError
from bnexp.models.keras_files import loaded
from bnexp.models.layer_kinds import is_plain_model
from bnexp.system import saved_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own, in writing


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Save a small network."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "relu", name="first"), keras.layers.Dense(1)])
    model.save(tmp_path / "good.keras")
    return tmp_path / "good.keras"


def changed(saved: Path, change: Any) -> Path:
    """Write the saved network with another description."""
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(members["config.json"])
    members["config.json"] = json.dumps(change(description) or description).encode()
    return archive_of(saved.with_name("bad.keras"), members)


def archive_of(path: Path, members: dict[str, bytes], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


CODE_IN_HDF5 = (
    "That fails if the model has a Lambda layer, or layers of your own. Use `def build(): return keras.models.load_model("
    "..., safe_mode=False, custom_objects={...})` in a Python file, and name FILE:build. Do so only if you trust the model."
)


def refusal(path: Path) -> str:
    with pytest.raises(SettingError) as error:
        loaded(str(path))
    return str(error.value)


def activation(value: Any) -> Any:
    """Return what puts this in the place of the first layer's activation."""

    def change(description: dict[str, Any]) -> None:
        description["config"]["layers"][1]["config"]["activation"] = value

    return change


def function(module: str | None, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (function("os", "system"), "it holds functions that are not Keras's: function (system)."),
        (function("builtins", "eval"), "it holds functions that are not Keras's: function (eval). Use `def build(): return "
         'keras.models.load_model(..., custom_objects={"eval": eval})` in a Python file, and name FILE:build.'),
        (function("builtins", "exec"), "it holds functions that are not Keras's: function (exec)."),
        (function("keras.utils", "get_file"), "Keras cannot load it: "),
        ({"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}, "registered_name": None},
         "it holds classes that are not Keras's: Popen (unnamed)."),
        ({"module": "builtins", "class_name": "__import__", "config": {"name": "os"}, "registered_name": None},
         "Keras cannot load it: "),
        ({"module": "builtins", "class_name": "__lambda__", "config": {"value": "4wA="}, "registered_name": None},
         "it holds a Lambda layer (unnamed), which is code, and bnexp runs no code of a model file. Use `def build(): return keras.models."
         "load_model(..., safe_mode=False)` in a Python file, and name FILE:build. Do so only if you trust the model."),
        ({"class_name": "__lambda__", "config": {"value": "4wA="}}, "it holds a Lambda layer"),
    ],
)  # fmt: skip
def test_a_description_that_names_code_is_refused_and_nothing_is_run(
    value: Any, told: str, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*anything: Any, **more: Any) -> Any:
        raise AssertionError("it was run")

    for name in ("system", "popen"):
        monkeypatch.setattr(os, name, run)
    monkeypatch.setattr(keras.utils, "get_file", run)
    message = refusal(changed(saved, activation(value)))
    assert message.startswith(f"model.path is '{saved.with_name('bad.keras')}'; {told}")


def test_a_function_of_keras_is_no_code(saved: Path) -> None:
    for name in ("gelu", "log_softmax"):
        assert loaded(str(changed(saved, activation(function("builtins", name))))).layers[0].activation.__name__ == name


def test_what_the_session_has_registered_is_no_part_of_a_file(saved: Path) -> None:
    """The file's digest would not follow its code."""

    class Block(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    def act(x: Any) -> Any:
        return x

    layers = [Block(name="block"), keras.layers.Dense(1, act)]
    registry = dict(keras.saving.get_custom_objects())
    for one in (Block, act):
        keras.saving.register_keras_serializable("mine")(one)
    keras.Sequential([keras.Input((2,)), *layers]).save(saved)
    message = refusal(saved)
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(registry)
    told = "it holds classes and functions that are not Keras's: Block (block), function (mine>act)."
    assert message.startswith(f"model.path is '{saved}'; {told}")


class Head(keras.Model):
    """A model class of the user's own, in which Keras sees no layers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = keras.layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.dense(x)


class Chain(keras.Sequential):
    """A subclass of Sequential, whose layers stand in its file."""


class Graph(keras.Model):
    """A functional subclass, whose layers stand in its file."""


class Block(keras.layers.Dense):
    """A layer of the user's own."""


@keras.saving.register_keras_serializable(package="mine")
class Registered(keras.layers.Dense):
    """A layer of the user's own that Keras knows while its file is imported."""


def net_of(kind: type[keras.Layer]) -> keras.Model:
    inputs = keras.Input((2,))
    if issubclass(kind, keras.Sequential):
        return kind([inputs, keras.layers.Dense(1)], name="net")
    if kind is Graph:
        return kind(inputs, keras.layers.Dense(1)(inputs), name="net")
    if kind is Head:
        head = kind(name="net")
        head(np.ones((1, 2)))
        return head
    return keras.Sequential([inputs, kind(1, name="net")])


def test_a_model_class_of_the_users_own_is_to_be_built_by_a_function(tmp_path: Path) -> None:
    path = tmp_path / "own.keras"
    net_of(Head).save(path)
    assert refusal(path) == (
        f"model.path is '{path}'; it is a Head, a model class of your own, and the file does not describe its layers. "
        "Build it in Python with `def build(normalization):`, which makes normalization layers with "
        '`normalization(name="norm_1")`, and name FILE:build.'
    )


@pytest.mark.parametrize("kind", [Chain, Graph, Block, Registered])
def test_what_is_offered_for_a_class_of_the_users_own_loads_it(
    kind: type[keras.Layer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.keras"
    net_of(kind).save(path)
    registered = {key: one for key, one in keras.saving.get_custom_objects().items() if one is not Registered}
    monkeypatch.setattr("keras.src.saving.object_registration.GLOBAL_CUSTOM_OBJECTS", registered)
    key = "mine>Registered" if kind is Registered else kind.__name__
    assert refusal(path) == (
        f"model.path is '{path}'; it holds classes that are not Keras's: {kind.__name__} (net). Use `def build(): return "
        f'keras.models.load_model(..., custom_objects={{"{key}": {kind.__name__}}})` in a Python file, and name FILE:build.'
    )
    found = keras.models.load_model(path, custom_objects={key: kind})
    assert is_plain_model(found)


def test_a_description_of_any_shape_is_one_message(saved: Path) -> None:
    """Try random JSON of the keys that Keras reads, and what once ended in a traceback."""
    draw = random.Random(0)
    for case in [*ODD, *(any_object(draw, 4) for _ in range(300))]:
        path = changed(saved, lambda _, case=case: case)
        assert refusal(path).startswith(f"model.path is '{path}'; ")


ODD: list[dict[str, Any]] = [
    {"module": "nets"},
    {"module": "nets", "class_name": ["x"]},
    {"module": "nets", "class_name": ["x"], "config": {}},
    {"module": {}, "class_name": "MyNet", "config": []},
    {"registered_name": "x"},
]
KEYS = ("module", "class_name", "config", "registered_name", "name", "layers", "build_config", "compile_config")
SCALARS = (
    None,
    True,
    0,
    1.5,
    "",
    "keras",
    "keras.layers",
    "nets",
    "Sequential",
    "Functional",
    "Dense",
    "Lambda",
    "a>b",
)


def any_object(draw: random.Random, depth: int) -> dict[str, Any]:
    """Return a mapping with at least one key, so that it is another one than the saved network's."""
    return {key: any_value(draw, depth - 1) for key in draw.sample(KEYS, draw.randint(1, len(KEYS)))}


def any_value(draw: random.Random, depth: int) -> Any:
    kind = draw.random()
    if depth == 0 or kind < 0.5:
        return draw.choice(SCALARS)
    return any_object(draw, depth) if kind < 0.8 else [any_value(draw, depth - 1) for _ in range(draw.randint(0, 3))]


def own_loss(y: Any, predicted: Any) -> Any:
    raise AssertionError("it was run")


def test_a_model_that_was_compiled_with_a_loss_of_the_users_own_is_loaded_without_it(tmp_path: Path) -> None:
    path = tmp_path / "own.keras"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss=own_loss, metrics=[own_loss])
    model.save(path)
    assert not loaded(str(path)).compiled
    assert saved_model.compiled_loss(saved_model.description_of(str(path))) == ("own_loss", {"name": "own_loss"})


@pytest.mark.parametrize("compiled", [[1], "mse", {"loss": [1]}, {"loss": {"config": [1]}}, {"loss": {"config": None}}])
def test_an_odd_compile_config_names_no_loss(compiled: Any, saved: Path) -> None:
    path = changed(saved, lambda description: description.update(compile_config=compiled))
    description = saved_model.description_of(str(path))
    assert saved_model.compiled_loss(description) is None and [*saved_model.compiled_metrics(description)] == []


def test_what_is_no_file_of_a_model_is_told_by_what_it_is(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = saved.parent
    (place / "kept").mkdir()
    layer = keras.saving.serialize_keras_object(keras.layers.Dense(1, name="head"))
    bare = changed(saved, lambda _: layer)
    bare.rename(place / "layer.keras")
    changed(saved, lambda _: [1])
    (place / "text.keras").write_text("no archive")
    (place / "cut.h5").write_bytes(saved_model.HDF5 + b"no more")
    for name, told in {
        "nowhere.keras": f"there is no such file in {Path.cwd()}. Good names: bad.keras, good.keras, layer.keras, "
        "text.keras.",
        "kept": "a folder; expected a .keras file. A SavedModel cannot be trained further: build the network in Python, "
        "load its weights, and write it with `model.save('my.keras')`.",
        "layer.keras": "it holds a Dense. Expected a keras.Model.",
        "bad.keras": "its config.json describes no model. Save it again.",
        "text.keras": "it is no file of Keras 3 (File is not a zip file). Expected what `model.save('my.keras')` writes.",
        "cut.h5": f"in the older format HDF5; expected a .keras file. Convert it: `keras.models.load_model("
        f"{str(place / 'cut.h5')!r}, compile=False).save({str(place / 'cut.keras')!r})`. {CODE_IN_HDF5}",
    }.items():
        message = refusal(place / name)
        assert message.startswith(f"model.path is '{place / name}'") and message.endswith(told), message
    monkeypatch.setattr(saved_model, "LARGEST_DESCRIPTION", 9)
    monkeypatch.setattr(saved_model, "MOST_COMPRESSED", 2**40)
    assert refusal(saved).endswith("; its config.json has more than 256 MiB. Expected a model of Keras.")


def test_a_file_that_may_not_be_read_is_told_with_the_systems_reason(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("io.open", Mock(side_effect=PermissionError(13, "Permission denied")))
    monkeypatch.setattr(Path, "open", Mock(side_effect=PermissionError(13, "Permission denied")))
    assert "it is no file of Keras 3 ([Errno 13] Permission denied)" in refusal(saved)


def test_a_file_whose_bytes_have_changed_is_refused_before_keras_reads_it(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(saved.read_bytes())
    content[content.index(b"\x89HDF") + 3000] ^= 0xFF
    path = saved.with_name("bad.keras")
    path.write_bytes(content)
    monkeypatch.setattr(keras.saving, "load_model", Mock(side_effect=AssertionError))  # HDF5 may end the process
    assert refusal(path).endswith(
        "its model.weights.h5 is damaged: its bytes do not have the stored checksum. Copy the file again, or save the "
        "model again."
    )


def test_weights_that_keras_cannot_read_are_no_error_of_the_users_code(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.saving, "load_model", Mock(side_effect=RuntimeError("bad local heap signature")))
    assert refusal(saved).endswith(
        "Keras cannot load it: bad local heap signature. Save it again, or name the function that builds it: FILE.py:FUNCTION."
    )


def test_a_description_that_is_nested_deep_is_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for depth in (500, 100_000):
        deep = '{"class_name": "Sequential", "config": {"layers": [' * depth + "]}}" * depth
        path = archive_of(saved.with_name("deep.keras"), {**members, "config.json": deep.encode()})
        assert refusal(path).startswith(f"model.path is '{path}'; ")


def test_a_file_in_the_older_format_is_refused_by_what_it_holds(tmp_path: Path) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2)(x))
    old, named_new, weights, text = (tmp_path / name for name in ("old.h5", "new.keras", "w.weights.h5", "text.h5"))
    model.save(old)
    shutil.copy(old, named_new)
    model.save_weights(weights)
    text.write_text("no network")
    told = {path.name: refusal(path) for path in (old, named_new, weights, text)}
    assert told["old.h5"].endswith(
        f"in the older format HDF5; expected a .keras file. Convert it: `keras.models.load_model({str(old)!r}, compile=False).save("
        f"{str(tmp_path / 'old.keras')!r})`. {CODE_IN_HDF5}"
    )
    renamed = tmp_path / "new.h5"
    assert f"Rename it to {renamed}, because Keras decides by the ending. Convert it: " in told["new.keras"]
    assert told["new.keras"].endswith(
        f"load_model({str(renamed)!r}, compile=False).save({str(tmp_path / 'new2.keras')!r})`. {CODE_IN_HDF5}"
    )
    assert "which holds only weights and no network; expected a .keras file. " in told["w.weights.h5"]
    assert f"calls `model.load_weights({str(weights)!r})`" in told["w.weights.h5"]
    assert told["text.h5"].endswith(
        "which is not an HDF5 file, despite its name; expected what `model.save('my.keras')` writes. Save the model "
        "again."
    )


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_member_that_grows_when_it_is_unpacked_is_refused_before_it_is(
    member: str, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model, "LARGEST_DESCRIPTION", 2**20)
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    bomb = archive_of(
        saved.with_name("bomb.keras"), {**members, member: b" " * 2**23}, compression=zipfile.ZIP_DEFLATED
    )
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    message = refusal(bomb)
    assert f"its {member} grows from " in message
    assert f" to {2**23} bytes when it is unpacked." in message


def test_a_good_file_is_loaded_with_its_weights_and_without_its_optimizer(saved: Path) -> None:
    model = keras.saving.load_model(saved)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save(saved)
    found = loaded(str(saved))
    assert not found.compiled
    assert saved_model.compiled_loss(saved_model.description_of(str(saved))) == ("mse", {})
    for one, other in zip(found.variables, model.variables, strict=True):
        assert (one.numpy() == other.numpy()).all()
