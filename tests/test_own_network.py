"""Networks of the user's own: what is swapped, what each seed starts from, both engines agree, what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cases import quick
from experiments import build_for, train_many_seeds
from pydantic import TypeAdapter

from bnexp.config import Experiment
from bnexp.config.model import Model
from bnexp.config.section import Task
from bnexp.data import Data, prepare
from bnexp.errors import SettingError
from bnexp.models import Built, build
from bnexp.models.inputs import Inputs
from bnexp.models.saving import model_bytes
from bnexp.system.session_functions import register
from bnexp.training import engine_name, memory
from bnexp.training.keras_fit import train_keras_fit

NETS = Path(__file__).parent / "own_nets.py"
SHAPE = (8, 8, 2)
SEEDS = (0, 1)
WRITING = "ignore:__array__ implementation:DeprecationWarning"
"""Keras's own, while it writes a model."""


def own(
    name: str, normalization: Any = "as_written", *, task: Task = "multiclass", classes: int = 3, **options: Any
) -> Built:
    """Build a network of own_nets.py in one arm."""
    section = {"name": "python", "build": f"{NETS}:{name}", "normalization": normalization, **options}
    return build_section(section, task, classes)


def build_section(section: dict[str, Any], task: Task = "multiclass", classes: int = 3) -> Built:
    model = TypeAdapter(Model).validate_python(section)
    return build(model, Inputs("image", SHAPE), task=task, classes=classes)


def refusal(name: str, normalization: Any = "as_written", **options: Any) -> str:
    """Return the message with which a network is refused."""
    with pytest.raises(SettingError) as error:
        own(name, normalization, **options)
    return str(error.value)


def outputs(model: keras.Model) -> Any:
    """Return what the model makes of five rows in inference mode."""
    rows = np.random.default_rng(1).normal(size=(5, *SHAPE)).astype("float32")
    return model(rows, training=False).numpy()


def before_the_last(model: keras.Model) -> Any:
    """Return what the layers of a chain but the last make of the rows of `outputs`."""
    x = np.random.default_rng(1).normal(size=(5, *SHAPE)).astype("float32")
    for layer in model.layers[1:-1]:
        x = layer(x)
    return keras.ops.convert_to_numpy(x)


# --- what is swapped ------------------------------------------------------------------


def test_only_normalization_layers_are_swapped_and_all_other_layers_stay_the_same_objects() -> None:
    one = own("plain", "layer")
    assert [(layer.path, layer.was, layer.now) for layer in one.swapped] == [
        ("batch_normalization", "BatchNormalization", "LayerNormalization"),
        ("batch_normalization_1", "BatchNormalization", "LayerNormalization"),
    ]
    kinds = [type(layer).__name__ for layer in one.model.layers]
    assert kinds.count("LayerNormalization") == 2
    assert "BatchNormalization" not in kinds


def test_a_layer_gets_its_bias_back_where_the_normalization_that_had_it_is_taken_out() -> None:
    one = own("plain", "none")
    assert [(layer.path, layer.now) for layer in one.swapped if layer.was == "Conv2D without bias"] == [
        ("conv2d", "with bias"), ("conv2d_1", "with bias"),
    ]  # fmt: skip
    convolutions = [layer for layer in one.model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert all(layer.use_bias for layer in convolutions)
    written = [layer for layer in own("plain").model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert not any(layer.use_bias for layer in written)


def test_what_replaces_a_layer_begins_as_that_layer_did() -> None:
    zero = {layer.path: layer for layer in own("plain", "layer").swapped}["batch_normalization_1"]
    layers = [one for one in own("plain", "layer").model.layers if isinstance(one, keras.layers.LayerNormalization)]
    assert zero.now == "LayerNormalization"
    assert [float(one.gamma.numpy().sum()) for one in layers] == [4, 0]


def test_groups_are_the_greatest_divisor_that_leaves_a_group_eight_numbers() -> None:
    assert {layer.now for layer in own("plain", "group", arguments={"width": 6}).swapped} == {
        "GroupNormalization(groups=6)"
    }
    assert {layer.now for layer in own("custom", "group").swapped} == {"GroupNormalization(groups=1)"}
    given = own("plain", {"name": "group", "groups": 2})
    assert {layer.now for layer in given.swapped} == {"GroupNormalization(groups=2)"}


def test_batch_normalization_stays_as_written_but_for_what_the_arm_says() -> None:
    assert own("plain", "batch").swapped == ()
    assert own("plain", "batch").own_momenta == (0.99, 0.9)
    changed = own("plain", {"name": "batch", "momentum": 0.5})
    assert changed.own_momenta == (0.5, 0.5)
    assert [layer.path for layer in changed.swapped] == ["batch_normalization", "batch_normalization_1"]


def test_batch_normalization_is_swapped_for_instance_normalization() -> None:
    assert [layer.now for layer in own("plain", "instance").swapped if layer.was.startswith("BatchNormalization")] == [
        "InstanceNormalization(groups=4)", "InstanceNormalization(groups=4)",
    ]  # fmt: skip


def test_nested_and_shared_models_are_swapped_and_stay_shared() -> None:
    one = own("nested", "group")
    assert [layer.path for layer in one.swapped] == ["features/block/batch_normalization"]
    found = [layer for layer in one.model._flatten_layers() if isinstance(layer, keras.layers.GroupNormalization)]
    assert len(found) == 1


def test_the_network_with_fresh_batch_normalization_computes_what_it_computes_as_it_is_written() -> None:
    """A swap for an equal layer changes nothing: the graph, skip connections and sharing are as before."""
    for name in ("plain", "nested", "unet", "custom", "sequential"):
        written = own(name)
        swapped = own(name, {"name": "batch", "epsilon": 0.001, "momentum": 0.123})
        assert swapped.swapped
        for built in (written, swapped):
            for variable, value in zip(built.model.variables, built.initial.draw((3,)), strict=True):
                variable.assign(value[0])
        np.testing.assert_allclose(outputs(swapped.model), outputs(written.model), rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ["plain", "nested", "unet", "custom", "sequential", "made", "subclassed"])
def test_all_arms_start_from_the_same_kernels_by_the_same_names(name: str) -> None:
    arms = [own(name, arm) for arm in ("batch", "none", "layer", "group")]
    drawn = []
    for arm in arms:
        values = arm.initial.draw(SEEDS)
        drawn.append({path: values[at] for at, path in arm.initial.kernel_names().items()})
    for other in drawn[1:]:
        assert drawn[0].keys() == other.keys()
        for path, values in drawn[0].items():
            np.testing.assert_array_equal(values, other[path], err_msg=path)
            assert not np.array_equal(values[0], values[1]), f"{path} is the same in both seeds"


def test_names_do_not_depend_on_what_was_built_before() -> None:
    first = own("unet").initial.names
    keras.layers.Dense(1), keras.layers.Conv2D(1, 1), keras.layers.BatchNormalization()
    assert own("unet").initial.names == first
    assert "conv2d_1/kernel" in first


@pytest.mark.parametrize(
    ("arm", "told"),
    [
        ("none", ["d: neither bias nor offset in this arm, so the arms differ in more than the normalization. A bias would give it one "
                  "(without use_bias=False)."]),
        ("batch", []),
        ({"name": "layer", "center": False}, ["d: neither bias nor offset"]),
    ],
)  # fmt: skip
def test_a_function_that_takes_normalization_is_told_of_a_layer_that_loses_its_offset(
    arm: Any, told: list[str]
) -> None:
    def biasless(normalization: Any) -> keras.Model:
        x = keras.Input((4,))
        with_bias = normalization(name="n0")(keras.layers.Dense(3, name="e")(x))
        hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(3, use_bias=False, name="d")(with_bias))
        hidden = normalization(name="n")(hidden)
        return keras.Model(x, keras.layers.Dense(3, activation="softmax")(hidden))

    register("<python>:biasless", biasless, "0" * 64)
    section = {"name": "python", "build": "<python>:biasless", "normalization": arm}
    built = build(TypeAdapter(Model).validate_python(section), Inputs("table", (4,)), task="multiclass", classes=3)
    found = [one for one in built.notes if "offset" in one]
    assert len(found) == len(told) and all(one.startswith(said) for one, said in zip(found, told, strict=True))


def test_a_function_gets_what_it_has_parameters_for() -> None:
    one = own("made", "none", classes=5, arguments={"width": 3})
    assert one.model.output_shape == (None, 5)
    assert one.notes == ("The network's outputs are logits; softmax is added behind them.",)
    assert [(layer.path, layer.was, layer.now) for layer in one.swapped] == [
        ("norm_1", "normalization", "nothing"), ("identity", "normalization", "nothing"),
    ]  # fmt: skip


# --- weights ------------------------------------------------------------------------


def saved(tmp_path: Path, name: str = "plain") -> tuple[Path, keras.Model]:
    """Save a trained network of own_nets.py with its optimizer; return the file and the model."""
    model = own(name).model
    model.compile("adam", "sparse_categorical_crossentropy")
    rows = np.random.default_rng(0).normal(size=(32, *SHAPE)).astype("float32")
    model.fit(rows, np.arange(32) % 3, epochs=2, verbose=0)
    model.save(tmp_path / "my.keras")
    return tmp_path / "my.keras", model


@pytest.mark.slow
@pytest.mark.filterwarnings(WRITING)
def test_a_saved_model_is_drawn_anew_for_each_seed_or_keeps_its_weights(tmp_path: Path) -> None:
    path, model = saved(tmp_path)
    drawn = build_section({"name": "keras_file", "path": str(path)})
    kept = build_section({"name": "keras_file", "path": str(path), "weights": "keep"})
    for at, name in enumerate(drawn.initial.names):
        values = drawn.initial.draw(SEEDS)[at]
        fresh = {"beta": 0, "gamma": None, "moving_mean": 0, "moving_variance": 1, "bias": 0}
        expected = fresh.get(name.rpartition("/")[2])
        if expected is not None:
            assert (values == expected).all(), f"{name} begins as if nothing had been loaded"
    for values, variable in zip(kept.initial.draw(SEEDS), model.variables, strict=True):
        np.testing.assert_array_equal(values[0], variable.numpy())
        np.testing.assert_array_equal(values[1], variable.numpy())
    np.testing.assert_allclose(outputs(kept.model), outputs(model), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings(WRITING)
def test_a_swapped_layer_keeps_scale_and_offset_of_a_trained_one(tmp_path: Path) -> None:
    path, model = saved(tmp_path)
    group = build_section({"name": "keras_file", "path": str(path), "weights": "keep", "normalization": "group"})
    before = {f"{layer.name}/{v.name}": v.numpy() for layer in model.layers for v in layer.variables}
    gammas = [value for name, value in before.items() if name.endswith("gamma")]
    found = [
        value[0] for name, value in zip(group.initial.names, group.initial.draw((0,)), strict=True) if "gamma" in name
    ]
    for value, expected in zip(found, gammas, strict=True):
        np.testing.assert_array_equal(value, expected)
        assert not (value == 1).all()


@pytest.mark.slow
@pytest.mark.filterwarnings(WRITING)
def test_frozen_layers_learn_nothing_and_are_named(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    section = {
        "name": "keras_file",
        "path": str(path),
        "weights": "keep",
        "normalization": "frozen",
        "freeze": ["conv*"],
    }
    one = build_section(section)
    (said,) = one.notes
    assert re.fullmatch(r"Frozen: conv2d \([\d,]+ parameters\), conv2d_1 \([\d,]+ parameters\)\.", said)
    assert [layer.now for layer in one.swapped] == ["frozen", "frozen"]
    assert sorted(variable.name for variable in one.model.trainable_variables) == ["bias", "kernel"]
    assert one.own_momenta == ()
    refusals = []
    for normalization in ("batch", "none"):
        with pytest.raises(SettingError, match=r"model.freeze names 'cnv\*'; no layer is called so") as error:
            build_section({**section, "normalization": normalization, "freeze": ["cnv*"]})
        refusals.append(str(error.value))
    assert refusals[0] == refusals[1], "one mistake is told once, whatever Keras has counted"
    assert "Good names: conv2d, " in refusals[0] and "input" not in refusals[0]


# --- two engines, one truth -----------------------------------------------------------


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """48 learnable images of three classes."""
    rng, y = np.random.default_rng(0), np.arange(48) % 3
    x = rng.integers(0, 128, (48, *SHAPE)) + 40 * y[:, None, None, None]
    path = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(path, x=x.astype("uint8"), y=y)
    return {"name": "npz", "path": str(path), "scale": "minmax", "test_size": 1 / 3}


def experiment(dataset: dict[str, Any], name: str, arm: Any, **training: Any) -> Experiment:
    settings = {"epochs": 2, "seeds": 2, "batch_size": 16, "learning_rate": 0.05, "optimizer": {"name": "sgd"}}
    model = {"name": "python", "build": f"{NETS}:{name}", "normalization": arm}
    sections = {"dataset": dataset, "model": model, "training": {**settings, **training}}
    return Experiment.model_validate({"name": "own", **sections})


def prepared(config: Experiment) -> tuple[Built, Data]:
    data = prepare(config.dataset, SEEDS)
    return build_for(config, data), data


CASES = {
    "plain, refreshed": ("plain", "as_written", {"refresh_statistics": True}),
    "nested and shared": ("nested", "group", {}),
    "a layer of one's own": ("custom", "as_written", {}),
    "a model class of one's own": ("subclassed", "batch", {}),
    "plain without": ("plain", "none", {}),
    "a small U-Net": ("unet", "as_written", {}),
    "a small U-Net without": ("unet", "none", {}),
    "a U-Net by instance": ("unet", "instance", {}),
    "normalization made by bnexp": ("made", "renorm", {}),
    "a Sequential by layer": ("sequential", "layer", {"refresh_statistics": True}),
}


@pytest.mark.parametrize("case", quick(["a model class of one's own"], CASES))
def test_both_engines_agree_on_networks_of_the_users_own(
    case: str, images: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "plan_shards", lambda *_: (1, 2))  # on two cores each seed would have a shard alone
    name, arm, training = CASES[case]
    config = experiment(images, name, arm, **training)
    built, data = prepared(config)
    assert engine_name(config.training, built.model) == ("many_seeds", None)
    initial, silent = built.initial.draw(SEEDS), lambda history: False
    ours = train_many_seeds(built.model, data, config.training, SEEDS, initial, silent)
    data, initial = prepare(config.dataset, (1,)), built.initial.draw((1,))
    plain = train_keras_fit(built.model, data, config.training, (1,), initial, silent)
    for metric, (expected,) in plain.history.metrics.items():
        np.testing.assert_allclose(ours.history.metrics[metric][1], expected, rtol=1e-5, atol=1e-6, err_msg=metric)
    for values, (expected,) in zip(ours.weights, plain.weights, strict=True):
        np.testing.assert_allclose(values[1], expected, rtol=1e-4, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.filterwarnings(WRITING)
def test_a_trained_network_is_saved_and_loads_in_safe_mode_with_its_outputs(tmp_path: Path) -> None:
    one = own("nested", "group")
    weights = [values[0] for values in one.initial.draw((5,))]
    (tmp_path / "model.keras").write_bytes(model_bytes(one.model, weights))
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(outputs(loaded), outputs(one.model), rtol=1e-5, atol=1e-6)


# --- its outputs ----------------------------------------------------------------------


def test_two_outputs_of_two_classes_become_the_probability_of_the_second() -> None:
    one = own("ends_in_two", "batch", task="binary", classes=2)
    assert one.notes == ("The second of the network's two outputs is the probability of the second class.",)
    np.testing.assert_allclose(outputs(one.model)[:, 0], before_the_last(one.model)[:, 1])


def test_logits_get_the_activation_of_the_task() -> None:
    one = own("made", "batch")
    exponents = np.exp(before_the_last(one.model).astype("float64"))
    np.testing.assert_allclose(outputs(one.model), exponents / exponents.sum(axis=1, keepdims=True), rtol=1e-5)


# --- what may mislead -----------------------------------------------------------------


def test_what_may_mislead_is_named() -> None:
    shared, fixed = own("doubtful").warnings
    assert shared.startswith("Normalization layers that several places of the network share: shared.")
    assert fixed.startswith("Called with training=False: fixed.")
    assert "model.freeze" in fixed
    assert own("plain").warnings == ()
    (shared,) = own("encoded_twice").warnings
    assert shared.startswith("Normalization layers that several places of the network share: encoder/inner.")


# --- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arm", "message"),
    [
        ("hidden", "layer",
         "model.normalization cannot swap hidden/batch_normalization: it is made inside a layer or model class of your own. "
         "Write the network as a function `def build(normalization):` that makes them with `normalization(name=\"norm_1\")`."),
        ("without_normalization", "layer",
         "model has no normalization layer, so that all arms would be equal. Write it with "
         "BatchNormalization, or as a function with a parameter `normalization`."),
        ("subclassed_alone", "none",
         "model is of the class Subclassed with a `call` of its own, in which no layer can be swapped. Build it with a function "
         "`def build(normalization):` that makes normalization layers with `normalization(name=\"norm_1\")`, or make it of "
         "keras.Sequential or keras.Model(inputs, outputs)."),
        ("made", "as_written",
         f"model.normalization is as_written; {NETS}:made has the parameter normalization and needs a kind of it. Set batch, or none."),
        ("no_model", "as_written", f"model.build is '{NETS}:no_model'; it returns str. Return a keras.Model."),
        ("unused", "batch",
         f"model.build is '{NETS}:unused'; it has the parameter normalization and never calls it, so that all arms would be equal. "
         "Make the layers with `normalization(name=\"norm_1\")`."),
        ("two_inputs", "as_written", "model has 2 inputs (one, other); expected one. Build a network with one."),
        ("of_strings", "as_written",
         "model has an Input of dtype string; bnexp passes numbers, and a text as the numbers of its words. Use an Input "
         "of int32 for texts, or of float32, and leave out the layers that turn strings into numbers."),
        ("ends_in_relu", "as_written",
         "model ends in outputs of shape (None, 3) with relu activation; a multiclass task needs (None, 3) with softmax. "
         "End the network with Dense(3, activation=\"softmax\")."),
        ("ends_in_two", "as_written",
         "model ends in outputs of shape (None, 2) with softmax activation; a multiclass task needs (None, 3) with softmax. "
         "End the network with Dense(3, activation=\"softmax\")."),
        ("sequential", {"name": "group", "groups": 3},
         "model.normalization is group; batch_normalization (BatchNormalization) cannot become that: groups is 3, which does not "
         "divide the 4 channels. Use one of 1, 2, 4."),
        ("buid", "as_written", f"model.build is '{NETS}:buid'; {NETS} has no function buid."),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_with_its_cure(name: str, arm: Any, message: str) -> None:
    assert refusal(name, arm).startswith(message)


@pytest.mark.parametrize("arm", ["as_written", "none", "batch"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("halved_functional", "HalvedFunctional"), ("halved_sequential", "HalvedSequential"), ("renamed", "Renamed")],
)
def test_a_chain_or_graph_with_a_call_of_its_own_is_refused_in_every_arm(name: str, kind: str, arm: str) -> None:
    assert refusal(name, arm).startswith(
        f"model is of the class {kind} with a `call` of its own, in which no layer can be swapped. Build it with a function "
        "`def build(normalization):` that makes normalization layers"
    )


@pytest.mark.parametrize("arm", ["none", "batch"])
def test_a_graph_with_a_call_of_its_own_keeps_it_where_it_asks_for_normalization(arm: str) -> None:
    found = outputs(own("halved", arm, task="binary", classes=2).model)
    assert found.max() <= 0.5 and found.std() > 0


def test_the_same_model_twice_is_refused() -> None:
    own("the_same")
    assert refusal("the_same", "layer").endswith("it returns the same model each time. Build a new one in each call.")


def test_an_error_in_the_users_code_is_shown_as_theirs() -> None:
    message = refusal("fails")
    assert "your code in" in message
    assert 'return {}["no such layer"]' in message
    assert "KeyError: 'no such layer'" in message
    assert "bnexp/models" not in message


def test_arguments_that_the_function_does_not_take_are_refused() -> None:
    message = refusal("plain", arguments={"depth": 3})
    assert message.startswith("model.arguments is {'depth': 3};")
    assert "plain(width: 'int' = 4)" in message


def test_inputs_of_another_shape_are_refused() -> None:
    model = TypeAdapter(Model).validate_python({"name": "python", "build": f"{NETS}:plain"})
    with pytest.raises(SettingError) as error:
        build(model, Inputs("image", (28, 28, 1)), task="multiclass", classes=3)
    assert str(error.value) == (
        "model takes inputs of shape (8, 8, 2); the data are images of 28 x 28 x 1, of shape (28, 28, 1). "
        "Change the network's Input to (28, 28, 1), or give the function a parameter `input_shape`, which bnexp fills in, "
        "or set dataset.size if the data are a folder of images."
    )
