"""Files of saved models that mean harm: all are refused, and nothing in them is run."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from bnexp.errors import SettingError
from bnexp.models import keras_files
from bnexp.models.keras_files import loaded

WRITING = "ignore:__array__ implementation:DeprecationWarning"


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


@pytest.mark.filterwarnings(WRITING)
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (function("os", "system"), "it holds classes that are not Keras's: function (system)."),
        (function("builtins", "eval"), "Keras cannot load it: "),
        (function("builtins", "exec"), "Keras cannot load it: "),
        (function("keras.utils", "get_file"), "Keras cannot load it: "),
        ({"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}, "registered_name": None},
         "it holds classes that are not Keras's: Popen (unnamed)."),
        ({"module": "builtins", "class_name": "__import__", "config": {"name": "os"}, "registered_name": None},
         "Keras cannot load it: "),
        ({"module": "builtins", "class_name": "__lambda__", "config": {"value": "4wA="}, "registered_name": None},
         "it holds a Lambda layer (unnamed), which is code, and none is run from a file."),
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


@pytest.mark.filterwarnings(WRITING)
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
    told = "it holds classes that are not Keras's: Block (block), function (mine>act)."
    assert message.startswith(f"model.path is '{saved}'; {told}")


@pytest.mark.filterwarnings(WRITING)
def test_a_model_class_of_the_users_own_is_to_be_built_by_a_function(saved: Path) -> None:
    def change(description: dict[str, Any]) -> None:
        description.update(module="nets", class_name="MyNet", registered_name="MyNet")

    path = changed(saved, change)
    assert refusal(path).startswith(
        f"model.path is '{path}'; it is a MyNet, a model class of its own, in which no layer can be swapped. Build it in "
        "Python with `def build(normalization):`, which makes"
    )


@pytest.mark.filterwarnings(WRITING)
def test_a_description_that_is_nested_deep_is_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for depth in (500, 100_000):
        deep = '{"class_name": "Sequential", "config": {"layers": [' * depth + "]}}" * depth
        path = archive_of(saved.with_name("deep.keras"), {**members, "config.json": deep.encode()})
        assert refusal(path).startswith(f"model.path is '{path}'; ")


@pytest.mark.filterwarnings(WRITING)
@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_member_that_grows_when_it_is_unpacked_is_refused_before_it_is(
    member: str, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_files, "LARGEST_DESCRIPTION", 2**20)
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    bomb = archive_of(
        saved.with_name("bomb.keras"), {**members, member: b" " * 2**23}, compression=zipfile.ZIP_DEFLATED
    )
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    message = refusal(bomb)
    assert f"its {member} grows from " in message
    assert f" to {2**23} bytes when it is unpacked." in message


@pytest.mark.filterwarnings(WRITING)
def test_a_good_file_is_loaded_with_its_weights_and_without_its_optimizer(saved: Path) -> None:
    model = keras.saving.load_model(saved)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save(saved)
    found = loaded(str(saved))
    assert not found.compiled
    assert keras_files.compiled_loss(str(saved)) == "mse"
    for one, other in zip(found.variables, model.variables, strict=True):
        assert (one.numpy() == other.numpy()).all()
