"""A function of the user's own, found by its name, and what it registers with Keras."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import run_line

import bnexp
from bnexp.errors import SettingError, UserError
from bnexp.system.process_state import process_state_kept


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def function_of(build: str) -> Any:
    from bnexp.models.user_code import function_of

    return function_of(build)


def test_each_network_finds_the_classes_that_its_own_files_registered(folder: Path) -> None:
    import keras

    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "blocks.py").write_text(
            "import keras\n@keras.saving.register_keras_serializable()\nclass Block(keras.Layer): ...\n"
        )
        (folder / name / "net.py").write_text("from blocks import Block\ndef build(): return Block\n")
    for name in ("a", "b", "a"):
        block = function_of(f"{name}/net.py:build")()
        assert keras.saving.get_registered_object("Custom>Block") is block


def test_a_class_that_the_user_has_registered_is_theirs_again_after_the_work(folder: Path) -> None:
    import keras

    text = 'import keras\n@keras.saving.register_keras_serializable("kept")\nclass {}(keras.Layer): ...\n'
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(text.format("Block"), space)
    net = text.format("Block") + text.format("Other") + "def build(): return Block\n"
    (folder / "net.py").write_text(net)
    for _ in range(2):
        with process_state_kept():
            private = function_of("net.py:build")()
            assert keras.saving.get_registered_object("kept>Block") is private is not space["Block"]
        assert keras.saving.get_registered_object("kept>Block") is space["Block"]
        assert keras.saving.get_registered_object("kept>Other") is None
    del keras.saving.get_custom_objects()["kept>Block"]


def test_layers_of_the_user_are_numbered_on_as_if_nothing_had_been_built() -> None:
    import keras

    first = keras.layers.GaussianNoise(0.1).name
    with process_state_kept():
        keras.layers.GaussianNoise(0.1)
    number = int(first.removeprefix("gaussian_noise").removeprefix("_") or 0)
    assert keras.layers.GaussianNoise(0.1).name == f"gaussian_noise_{number + 1}"


def test_tensor_float_32_is_allowed_again_after_the_work() -> None:
    import tensorflow as tf

    allow, is_allowed = (
        tf.config.experimental.enable_tensor_float_32_execution,
        tf.config.experimental.tensor_float_32_execution_enabled,
    )
    before = is_allowed()
    for setting in (True, False):
        allow(setting)
        with process_state_kept():
            allow(False)
        assert is_allowed() is setting
    allow(before)


USES_A_LAYER_MADE_BEFORE = """
import keras
relu = keras.layers.ReLU(name="re_lu")
def build():
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.ReLU()(relu(keras.layers.Dense(1)(x))))
"""


def test_names_beside_a_layer_that_was_made_before_do_not_depend_on_what_else_was_built(folder: Path) -> None:
    import keras

    from bnexp.models.user_code import called

    (folder / "net.py").write_text(USES_A_LAYER_MADE_BEFORE)
    build = function_of("net.py:build")
    names = []
    for file in ("net.py", "other.py"):
        for _ in range(2):
            names.append([layer.name for layer in called(build, f"{file}:build", {}, {}).layers])
            for _ in range(3):
                keras.layers.Dense(1)
    assert [name for name in names if name[1:] != ["dense_10000", "re_lu", "re_lu_10000"]] == []
    assert int(keras.layers.Dense(1).name.partition("_")[2]) < 10_000, "bnexp leaves the user's names as they were"


def test_an_error_of_the_users_own_does_not_call_the_function_again(folder: Path) -> None:
    from bnexp.models.user_code import called

    calls = []

    def build() -> None:
        calls.append(1)
        raise ValueError("names of columns should be unique")

    with pytest.raises(SettingError, match="names of columns should be unique"):
        called(build, "net.py:build", {}, {})
    assert len(calls) == 1


def test_an_error_names_a_module_as_the_user_does(folder: Path) -> None:
    (folder / "blocks.py").write_text("")
    (folder / "net.py").write_text("from blocks import block\ndef build(): ...\n")
    with pytest.raises(SettingError, match="cannot import name 'block' from 'blocks'") as error:
        function_of("net.py:build")
    assert "own_code.py" not in str(error.value)


def test_a_file_or_a_module_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingError, match=r"names 'nets/net\.py'; there is no such file in .* Name a \.py file\."):
        function_of("nets/net.py:build")
    message = (
        r"is 'nets\.net:build'; no Python file of a module nets\.net is found\. Use FILE\.py:FUNCTION, or a module"
    )
    with pytest.raises(SettingError, match=message):
        function_of("nets.net:build")


def test_a_network_whose_file_changes_while_it_is_built_is_refused(folder: Path) -> None:
    (folder / "net.py").write_text(
        "import keras\n\n"
        "def build():\n"
        "    with open(__file__, 'a') as file: file.write('# changed\\n')\n"
        "    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation='sigmoid')])\n"
    )
    for _ in range(2):  # nothing is kept of the first
        with pytest.raises(
            UserError,
            match=r"model is 'net\.py:build'; its code or file changed while the network was built\. Start again",
        ):
            bnexp.check(
                "net.py:build",
                "training.batch_size=8",
                data=(np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2),
            )


def test_a_module_that_changes_keras_is_refused_in_every_try(folder: Path) -> None:
    (folder / "net.py").write_text("import keras\nkeras.config.set_epsilon(0.5)\ndef build(): ...\n")
    for _ in range(2):
        with pytest.raises(SettingError, match=r"its code sets Keras's global epsilon to 0\.5, which would change all"):
            function_of("net.py:build")


@pytest.mark.parametrize(("made", "kind"), [("keras.Sequential()", "Sequential"), ("keras.layers.ReLU()", "ReLU")])
def test_a_model_in_the_place_of_a_function_is_told_apart(made: str, kind: str, folder: Path) -> None:
    (folder / "net.py").write_text(f"import keras\nmodel = {made}\n")
    with pytest.raises(SettingError) as error:
        function_of("net.py:model")
    assert str(error.value) == (
        f"model.build is 'net.py:model'; model is a {kind}, and each arm needs a new one. Expected a function that "
        "returns one: build it inside `def build():`."
    )


LAYER = """import keras

class Failing(keras.Layer):
    def call(self, x, training=False):
        {failing}

def build(normalization):
    return keras.Sequential([normalization(), Failing(), keras.layers.Dense(1, activation="sigmoid")])
"""


@pytest.mark.parametrize(
    ("failing", "problem", "line", "said"),
    [
        ("if training: raise ValueError('my own bug')\n        return x", "cannot be trained", "raise ", "my own bug"),
        ("if training: raise OSError('no file')\n        return x", "cannot be trained", "raise ", "no file"),
        ("raise RuntimeError('my own bug')", "does not take inputs of shape (3,)", "raise ", "my own bug"),
        (
            "return keras.ops.matmul(x, keras.ops.ones((2, 2)))",
            "does not take inputs of shape (3,)",
            "return keras.ops.matmul(",
            "ValueError: ",
        ),
    ],
)
def test_an_error_in_a_layer_of_the_users_own_shows_where_it_is(
    failing: str, problem: str, line: str, said: str, folder: Path
) -> None:
    (folder / "net.py").write_text(LAYER.format(failing=failing))
    with pytest.raises(UserError) as error:
        bnexp.check("net.py:build", data=(np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2))
    told = str(error.value)
    assert f"model {problem}; your own code fails:\n" in told
    assert f'File "{folder}/net.py", line 5, in call\n    ' in told
    assert line in told and said in told and told.endswith("\nFix that code.")
    assert "site-packages" not in told and "\x1b" not in told


@pytest.mark.parametrize(
    ("parameters", "call"),
    [
        ("", "import net; net.build()"),
        ("classes, input_shape", "import net; net.build(input_shape=(3,), classes=2)"),
        ("normalization", "import keras, net; net.build(normalization=keras.layers.BatchNormalization)"),
    ],
)
def test_an_error_in_a_function_comes_with_a_command_that_shows_it_without_bnexp(
    parameters: str, call: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "net.py").write_text(f"def build({parameters}): raise ValueError('my own bug')\n")
    with pytest.raises(UserError) as error:
        bnexp.check("net.py:build", data=(np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2))
    assert str(error.value).endswith(f'Fix it, and try it with `python -c "{call}"`.')
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "net", raising=False)
    with pytest.raises(ValueError, match=r"^my own bug$"):
        run_line(f'python -c "{call}"')
    del sys.modules["net"]


def test_a_command_for_a_function_in_another_folder_names_the_folder(folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "nets" / "net.py").write_text("def build(): raise ValueError('my own bug')\n")
    with pytest.raises(UserError) as error:
        bnexp.check("nets/net.py:build", data=(np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2))
    assert str(error.value).endswith('try it with `python -c "import net; net.build()"` in nets.')


@pytest.mark.parametrize("place", ["net.py", "nets/net.py", "my nets/my net.py", "../net.py", "~/net.py"])
def test_the_command_for_a_file_that_cannot_be_imported_runs_where_the_user_is(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file = Path(place).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("raise ValueError('my own bug')\n\ndef build(): ...\n")
    with pytest.raises(SettingError) as error:
        function_of(f"{place}:build")
    command = str(error.value).partition("try it with `")[2].removesuffix("`.")
    there = {"PATH": f"{here}:{os.environ['PATH']}"}
    (here / "python").symlink_to(sys.executable)
    done = subprocess.run(command, shell=True, env=there, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ValueError: my own bug\n"), command


def test_a_line_that_ends_the_run_above_the_function_is_shown_and_not_taken_for_a_missing_function(
    folder: Path,
) -> None:
    (folder / "stops.py").write_text('raise ValueError("now")\n\n\ndef build():\n    pass\n')
    with pytest.raises(SettingError, match=r'raise ValueError\("now"\)\nValueError: now\nThe error is in that code'):
        function_of("stops.py:build")


def test_all_arguments_without_a_value_are_named(folder: Path) -> None:
    from bnexp.models.user_code import called

    (folder / "net.py").write_text("def build(normalization, a, b=2, *, c): ...\n")
    with pytest.raises(SettingError) as error:
        called(function_of("net.py:build"), "net.py:build", {"b": 3}, {"normalization": None})
    assert str(error.value).endswith(
        "takes build(normalization, a, b=2, *, c): no value for a, c. Name the arguments as the function does. For example, "
        "use model.arguments: {a: 64, c: 64}."
    )


@pytest.mark.parametrize(
    ("parameters", "cure"),
    [
        ("normalization, units=3, *, depth=1", "Name the arguments as the function does: units, depth."),
        ("normalization", "Leave model.arguments out, or give the function a parameter of this name."),
    ],
)
def test_an_argument_that_the_function_does_not_take_is_told_with_those_that_it_takes(
    parameters: str, cure: str, folder: Path
) -> None:
    from bnexp.models.user_code import called

    (folder / "net.py").write_text(f"def build({parameters}): ...\n")
    with pytest.raises(SettingError) as error:
        called(function_of("net.py:build"), "net.py:build", {"width": 3}, {"normalization": None})
    assert str(error.value).endswith(f": got an unexpected keyword argument 'width'. {cure}")
