"""Loading TensorFlow: quietly, once, and without what bnexp has no use for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bnexp.errors import UserError
from bnexp.system import backend

CODE = """
import gc, os, sys
from bnexp.system import backend
backend.load()
assert {"keras", "tensorflow"} <= set(sys.modules)
print([name for name in backend.NOT_NEEDED if name in sys.modules], gc.isenabled())
print(backend.LOG_LEVEL in os.environ, "for workers, which would take it for the user's wish")
frozen = gc.get_freeze_count()
backend.load()
print(gc.get_freeze_count() == frozen)
import pandas, matplotlib.pyplot
print(pandas.DataFrame({"a": [1]}).shape)
"""


@pytest.mark.slow
def test_loading_is_quiet_and_later_loads_freeze_nothing_and_what_was_hidden_can_be_imported() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    workers = "False for workers, which would take it for the user's wish"
    assert done.stdout.splitlines() == ["[] True", workers, "True", "(1, 1)"]


SETTINGS = """
from bnexp.system import backend
backend.load()
import keras
config = keras.config
print(config.backend(), config.floatx(), keras.layers.Dense(3).compute_dtype, config.image_data_format())
print(config.epsilon(), config.max_epochs(), config.max_steps_per_epoch())
"""


def load_with(keras_home: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "KERAS_HOME": str(keras_home), **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=settings)


LEVEL = f"""
import os
os.environ["{backend.LOG_LEVEL}"] = "3"
from bnexp.system import backend
backend.load()
import tensorflow as tf
tf.constant(1)
print(os.environ["{backend.LOG_LEVEL}"])
"""


@pytest.mark.slow
def test_who_asks_tensorflow_for_silence_gets_it_and_the_variable_stays() -> None:
    done = subprocess.run([sys.executable, "-c", LEVEL], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")


@pytest.mark.slow
def test_keras_own_defaults_hold_whatever_the_users_keras_json_and_environment_say(tmp_path: Path) -> None:
    said = {"backend": "jax", "floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(said))
    done = load_with(tmp_path, SETTINGS, KERAS_MAX_EPOCHS="1", KERAS_MAX_STEPS_PER_EPOCH="1")
    assert done.stdout.splitlines() == ["tensorflow float32 float32 channels_last", "1e-07 None None"], done.stderr


@pytest.mark.parametrize(("said", "end"), [('{"floatx": "float1"}', "floatx=float1. "), ("[1]", "'get'. ")])
def test_a_keras_json_that_keras_refuses_is_named(tmp_path: Path, said: str, end: str) -> None:
    (tmp_path / "keras.json").write_text(said)
    code = """
from bnexp import errors
from bnexp.system import backend
try:
    backend.load()
except errors.UserError as error:
    print(error)
"""
    done = load_with(tmp_path, code)
    assert done.stdout.startswith(f"{tmp_path / 'keras.json'}: Keras cannot be loaded with these settings: "), (
        done.stdout + done.stderr
    )
    assert done.stdout.endswith(f"{end}Correct or delete the file.\n"), done.stdout


def test_keras_that_is_loaded_with_another_backend_is_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", loaded)  # type: ignore[arg-type]
    with pytest.raises(UserError) as error:
        backend.load()
    assert str(error.value) == (
        "Keras is loaded with the backend jax; expected tensorflow. Set the variable KERAS_BACKEND=tensorflow before "
        "Keras is imported, and start Python again."
    )
