"""A user's network that was compiled: what training does not use of its optimizer is named, with the overrides for it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import keras
import pytest
from keras.optimizers import SGD, Adagrad, Adam, Lion, Muon, schedules

from bnexp import config
from bnexp.api.experiments import check
from bnexp.config.training import Training
from bnexp.models.built import Built
from bnexp.models.compiled import Compiled, CompiledOptimizer
from bnexp.system.saved_model import compiled_optimizer, description_of
from bnexp.training.compiled_optimizer import with_unused_optimizer
from bnexp.training.optimizers import KERAS_NAMES

USE = "The optimizer that the network was compiled with is not used. To train with its settings, add "
LOST = "The network was compiled with options of {} that bnexp does not take, so they are not used: {}."
UNNAMED = "The network was compiled with a learning rate schedule, which is not used. For a schedule, set training.learning_rate."
SCHEDULE = UNNAMED.replace("a learning rate schedule", "the learning rate schedule CosineDecay")
NET = """
import keras
from keras import layers

def build(rate=0.001, momentum=0.0, name="adam"):
    x = keras.Input((2,))
    hidden = layers.Activation("relu")(layers.BatchNormalization()(layers.Dense(4)(x)))
    model = keras.Model(x, layers.Dense(1, "sigmoid")(hidden))
    optimizer = keras.optimizers.SGD(rate, momentum) if name == "sgd" else keras.optimizers.get(name)
    model.compile(optimizer, "binary_crossentropy")
    return model
"""


class MyOptimizer(Adam):
    """An optimizer of the user's own."""


def notes(optimizer: Any, training: dict[str, Any]) -> tuple[str, ...]:
    """Return what is noted of a network that was compiled with an optimizer, and is trained with these settings."""
    compiled = Compiled(None, CompiledOptimizer(type(optimizer).__name__, optimizer.get_config()))
    built = Built(keras.Model(), None, notes=("before",), compiled=compiled)  # type: ignore[arg-type]
    before, *found = with_unused_optimizer(built, Training.model_validate(training), 10).notes
    assert before == "before"
    return tuple(found)


@pytest.mark.parametrize(
    ("optimizer", "training", "told"),
    [
        (Adam(0.001), {}, []),
        (Adam(0.0005), {"learning_rate": 0.0005}, []),
        (Adam(0.0005), {}, [USE + "training.learning_rate=0.0005."]),
        (Adam(0.001, weight_decay=0.01, amsgrad=True), {}, [
            USE + "training.optimizer.amsgrad=true training.optimizer.weight_decay=0.01."]),
        (Adam(), {"optimizer": {"name": "adam", "clipnorm": 1.0}}, [USE + "training.optimizer.clipnorm=null."]),
        (SGD(0.1, 0.9), {}, [
            USE + "training.optimizer=sgd training.learning_rate=0.1 training.optimizer.momentum=0.9."]),
        (SGD(0.01), {"optimizer": "sgd"}, []),
        (Adam(0.00141421356), {"learning_rate": 0.00141421356}, []),
        (Adam(0.001), {"learning_rate": {"name": "cosine", "initial": 0.001}}, [USE + "training.learning_rate=0.001."]),
        (Adam(schedules.CosineDecay(0.01, 100)), {}, [SCHEDULE]),
        (SGD(schedules.CosineDecay(0.01, 100)), {}, [USE + "training.optimizer=sgd.", SCHEDULE]),
        (Lion(0.01, use_ema=True), {}, [
            USE + "training.optimizer=lion training.learning_rate=0.01.", LOST.format("Lion", "use_ema")]),
        (Lion(0.01, use_ema=True, ema_overwrite_frequency=1234567), {}, [
            USE + "training.optimizer=lion training.learning_rate=0.01 training.optimizer.use_ema=true "
            "training.optimizer.ema_overwrite_frequency=1234567."]),
        (Adam(use_ema=True), {"optimizer": {"name": "adam", "use_ema": True, "ema_overwrite_frequency": 9}}, [
            LOST.format("Adam", "ema_overwrite_frequency")]),
        (Adam(), {"optimizer": {"name": "adam", "use_ema": True, "ema_overwrite_frequency": 9}}, [
            USE + "training.optimizer.use_ema=false training.optimizer.ema_overwrite_frequency=null."]),
        (Adam(0.0, beta_2=0.99999999, epsilon=0), {}, [LOST.format("Adam", "learning_rate, beta_2, epsilon")]),
        (Adagrad(0.1, initial_accumulator_value=0.2), {"optimizer": "adagrad"}, [
            USE + "training.learning_rate=0.1.", LOST.format("Adagrad", "initial_accumulator_value")]),
        (Muon(exclude_layers=["last"]), {"optimizer": "muon"}, [LOST.format("Muon", "exclude_layers")]),
        (MyOptimizer(), {}, ["The network was compiled with the optimizer MyOptimizer, which bnexp does not have; it trains "
                             "with adam (training.optimizer)."]),
    ],
)  # fmt: skip
def test_settings_that_are_not_used_are_named_with_the_overrides_that_use_them(
    optimizer: Any, training: dict[str, Any], told: list[str]
) -> None:
    assert notes(optimizer, training) == tuple(told)


RANDOM_OPTIONS: dict[str, list[Any]] = {
    "learning_rate": [0.0, 0.02, 1], "momentum": [0, 0.5, 1.0], "beta_1": [0.0, 0.8, 1.0], "beta_2": [0.5, 0.99999999],
    "rho": [0.5, 1.0], "epsilon": [0, 1e-3], "nesterov": [True, False], "amsgrad": [True], "centered": [True],
    "weight_decay": [0, 0.01, True], "clipvalue": [0.0, 2.0], "use_ema": [True, False], "ema_momentum": [0.5],
    "ema_overwrite_frequency": [None, 1, 20], "gradient_accumulation_steps": [2, None], "loss_scale_factor": [0.5, 8],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(KERAS_NAMES))
def test_all_advised_overrides_are_accepted_and_silence_the_note(name: str, place: Path) -> None:
    """The options are drawn at random, also values that bnexp refuses."""
    draw = random.Random(name)
    Path("a.yaml").write_text("dataset: {name: csv, path: a.csv, target: label}\nmodel: {name: mlp}\n")
    for _ in range(10):
        options = {option: draw.choice(values) for option, values in RANDOM_OPTIONS.items() if draw.random() < 0.5}
        built = Built(keras.Model(), None, compiled=Compiled(None, CompiledOptimizer(KERAS_NAMES[name], options)))  # type: ignore[arg-type]
        told = [one for one in with_unused_optimizer(built, Training(), 10).notes if one.startswith(USE)]
        overrides = [word for one in told for word in one.removeprefix(USE).removesuffix(".").split()]
        training = config.load(Path("a.yaml"), overrides).training
        assert not any(one.startswith(USE) for one in with_unused_optimizer(built, training, 10).notes), (options, told)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a compiled network and a table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    rows = [f"{n % 7},{n % 5},{n % 2}" for n in range(80)]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    return tmp_path


def told_of(model: str, *overrides: str) -> list[str]:
    Path("a.yaml").write_text(
        f"dataset: {{name: csv, path: a.csv, target: label}}\nmodel: {model}\ntraining: {{epochs: 2, seeds: 2}}\n"
    )
    (checked,) = check("a.yaml", list(overrides))
    assert checked.facts.network is not None
    return [one for one in checked.facts.network.notes if "compiled" in one]


def test_the_overrides_of_the_note_silence_it_for_a_function_and_for_a_file(place: Path) -> None:
    """The file is saved by Keras, compiled as the function compiles it."""
    arguments = "{rate: 0.1, momentum: 0.9, name: sgd}"
    function = f"{{name: python, build: 'net.py:build', arguments: {arguments}}}"
    (told,) = told_of(function)
    overrides = told.removeprefix(USE).removesuffix(".").split()
    assert overrides == ["training.optimizer=sgd", "training.learning_rate=0.1", "training.optimizer.momentum=0.9"]
    assert told_of(function, *overrides) == []
    space: dict[str, Any] = {}
    exec(NET, space)
    with pytest.warns(DeprecationWarning, match="__array__ implementation"):
        space["build"](0.1, 0.9, "sgd").save(place / "net.keras")
    assert told_of("{name: keras_file, path: net.keras}") == [told]
    assert told_of("{name: keras_file, path: net.keras}", *overrides) == []


RATES = """
class Own(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step): return 0.001

class Failing(Own):
    def get_config(self): return self.missing

def slow(): return 0.001

def compiled(rate):
    model = build()
    model.compile(keras.optimizers.Adam(eval(rate)), "binary_crossentropy")
    return model
"""


@pytest.mark.parametrize(
    ("rate", "named"),
    [
        ("Own()", "the learning rate schedule Own"), ("Failing()", "the learning rate schedule Failing"),
        ("slow", "the function slow as learning rate"), ("lambda: 0.001", "a lambda as learning rate"),
    ],
)  # fmt: skip
def test_a_learning_rate_of_the_users_own_is_named_even_if_it_does_not_describe_itself(
    rate: str, named: str, place: Path
) -> None:
    """Keras asks a schedule of the user's own for `get_config` only when the model is saved."""
    (place / "net.py").write_text(NET + RATES)
    told = UNNAMED.replace("a learning rate schedule", named)
    assert told_of(f"{{name: python, build: 'net.py:compiled', arguments: {{rate: '{rate}'}}}}") == [told]


def test_an_optimizer_that_was_given_by_its_name_has_kerass_defaults(place: Path) -> None:
    space: dict[str, Any] = {}
    exec(NET, space)
    with pytest.warns(DeprecationWarning, match="__array__ implementation"):
        space["build"](name="rmsprop").save(place / "net.keras")
    assert compiled_optimizer(description_of("net.keras")) is not None
    assert told_of("{name: keras_file, path: net.keras}") == [
        USE + "training.optimizer=rmsprop training.learning_rate=0.001."
    ]


@pytest.mark.parametrize(
    ("found", "optimizer"),
    [
        (None, None), ([1], None), ({}, None), ({"class_name": 3}, None), ({"class_name": "Adam"}, ("Adam", {})),
        ("adam", ("adam", {})), ({"class_name": "Adam", "config": [1]}, ("Adam", {})),
    ],
)  # fmt: skip
def test_an_odd_optimizer_in_a_file_is_only_read(found: Any, optimizer: Any) -> None:
    assert compiled_optimizer({"compile_config": {"optimizer": found}}) == optimizer


@pytest.mark.parametrize("value", ["__import__('os')", [1], {"a": 1}, float("nan"), 10**400])
def test_odd_options_in_a_file_are_no_overrides(value: Any) -> None:
    options = {"learning_rate": value, "beta_1": value, "clipnorm": value}
    built = Built(keras.Model(), None, compiled=Compiled(None, CompiledOptimizer("Adam", options)))  # type: ignore[arg-type]
    told = with_unused_optimizer(built, Training(), 10).notes
    assert told == ((UNNAMED,) if isinstance(value, dict) else ())
