"""Traps of networks of the user's own: each is trained alike by both engines, or named, or refused with its cure."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cases import slow
from experiments import build_for, train_many_seeds

from bnexp.config import Experiment
from bnexp.data import Data, prepare
from bnexp.errors import SettingError
from bnexp.models import Built
from bnexp.training import engine_name, memory
from bnexp.training.keras_fit import train_keras_fit

NETS = Path(__file__).parent / "own_traps.py"
SEEDS = (0, 1)
TEXTS = ("attention", "words")
WRITING = "ignore:__array__ implementation:DeprecationWarning"


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return 48 learnable images, texts and sequences, which end in NaN."""
    place, rng, y = tmp_path_factory.mktemp("data"), np.random.default_rng(0), np.arange(48)
    images = rng.integers(0, 128, (48, 8, 8, 2)) + 40 * (y % 3)[:, None, None, None]
    np.savez(place / "images.npz", x=images.astype("uint8"), y=y % 3)
    frames = rng.normal(size=(48, 6, 3)) + (y % 2)[:, None, None]
    for row in frames:
        row[rng.integers(3, 7) :] = np.nan
    np.savez(place / "frames.npz", x=frames.astype("float32"), y=y % 2)
    with open(place / "texts.csv", "w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *([text(rng, at % 2), "ab"[at % 2]] for at in y)])
    common = {"test_size": 1 / 3}
    return {
        "images": {"name": "npz", "path": str(place / "images.npz"), "scale": "minmax", **common},
        "frames": {"name": "npz", "path": str(place / "frames.npz"), "scale": "none", **common},
        "texts": {"name": "text_csv", "path": str(place / "texts.csv"), "target": "label", "length": 6,
                  "vocabulary": 20, **common},
    }  # fmt: skip


def text(rng: np.random.Generator, label: int) -> str:
    return " ".join(f"word{word}" for word in rng.integers(6 * label, 6 * label + 6, rng.integers(2, 7)))


def experiment(
    data_sets: dict[str, Any], name: str, arm: Any = "as_written", model: Any = None, **training: Any
) -> Experiment:
    data = data_sets["texts" if name in TEXTS else "frames" if name == "frames" else "images"]
    network = {"name": "python", "build": f"{NETS}:{name}", "normalization": arm, **(model or {})}
    settings = {"epochs": 2, "seeds": 2, "batch_size": 16, "learning_rate": 0.01, **training}
    return Experiment.model_validate({"name": "trap", "dataset": data, "model": network, "training": settings})


def prepared(config: Experiment) -> tuple[Built, Data]:
    data = prepare(config.dataset, SEEDS)
    return build_for(config, data), data


def refusal(config: Experiment) -> str:
    with pytest.raises(SettingError) as error:
        prepared(config)
    return str(error.value)


def drawn(built: Built) -> dict[str, Any]:
    return dict(zip(built.initial.names, built.initial.draw(SEEDS), strict=True))


# --- both engines agree ---------------------------------------------------------------

ADAM, SGD = {"optimizer": {"name": "adam"}}, {"optimizer": {"name": "sgd"}, "learning_rate": 0.05}
AGREE = [
    ("operations", "none", SGD),
]  # fmt: skip
AGREE_TOO = [
    ("words", "as_written", ADAM), ("any_size", "as_written", SGD), ("code", "as_written", SGD),
    ("words", "layer", ADAM), ("attention", "none", ADAM), ("attention", "as_written", ADAM), ("frames", "none", ADAM),
    ("frames", "as_written", SGD), ("any_size", "none", SGD),
    ("operations", "as_written", SGD), ("without_config", "as_written", SGD), ("twins", "as_written", SGD),
    ("in_time", "none", SGD), ("own_step", "as_written", SGD),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arm", "training"), [*AGREE, *(slow(*case) for case in AGREE_TOO)])
def test_both_engines_agree_where_the_seeds_are_stacked(
    name: str, arm: str, training: Any, data_sets: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "plan_shards", lambda *_: (1, 2))  # on two cores each seed would have a shard alone
    config = experiment(data_sets, name, arm, **training)
    built, data = prepared(config)
    assert engine_name(config.training, built.model) == ("many_seeds", None)
    initial = built.initial.draw(SEEDS)
    ours = train_many_seeds(built.model, data, config.training, SEEDS, initial, lambda history: False)
    data, initial = prepare(config.dataset, (1,)), built.initial.draw((1,))
    plain = train_keras_fit(built.model, data, config.training, (1,), initial, lambda history: False)
    for metric, (expected,) in plain.history.metrics.items():
        np.testing.assert_allclose(ours.history.metrics[metric][1], expected, rtol=1e-5, atol=1e-6, err_msg=metric)
    for values, (expected,) in zip(ours.weights, plain.weights, strict=True):
        np.testing.assert_allclose(values[1], expected, rtol=1e-4, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    ("name", "arm", "why"),
    [
        slow("spectral", "as_written", "/kernel while it runs, which only a plain step of Keras does"),
        slow("half_precision", "as_written", "computes in mixed_float16, and seeds are stacked in float32 only"),
        slow("half_precision", "layer", "computes in mixed_float16, and seeds are stacked in float32 only"),
    ],
)
def test_what_cannot_be_stacked_exactly_is_trained_by_keras_and_says_why(
    name: str, arm: str, why: str, data_sets: dict[str, Any]
) -> None:
    config = experiment(data_sets, name, arm)
    built, data = prepared(config)
    engine, reason = engine_name(config.training, built.model)
    assert engine == "keras_fit"
    assert str(reason).endswith(why)
    half = [one.name for one in built.model.layers if one.compute_dtype == "float16"]
    assert len(half) == (2 if name == "half_precision" else 0), "every arm has the precision of the network"
    initial = built.initial.draw(SEEDS)
    trained = train_keras_fit(built.model, data, config.training, SEEDS, initial, lambda _: False)
    assert np.isfinite(trained.history.metrics["loss"]).all()
    assert trained.history.metrics["loss"][0].tolist() != trained.history.metrics["loss"][1].tolist()


def test_an_embedding_of_kerass_own_gets_one_gradient_for_each_word_and_the_network_says_so(
    data_sets: dict[str, Any],
) -> None:
    built, _ = prepared(experiment(data_sets, "words"))
    assert built.notes == ("The gradient of a word in Embedding is summed over its places in a batch.",)
    layer = next(one for one in built.model.layers if isinstance(one, keras.layers.Embedding))
    with keras.src.backend.tensorflow.core.tf.GradientTape() as tape:
        found = layer(np.asarray([[1, 1, 2]]))
    gradient = tape.gradient(found, layer.embeddings.value)
    assert np.asarray(gradient)[:4, 0].tolist() == [0, 2, 1, 0]


# --- names, and what each seed begins with --------------------------------------------


@pytest.mark.parametrize("name", [slow("attention"), "words", slow("twins"), slow("in_time"), "operations"])
def test_kernels_pair_by_name_in_all_arms(name: str, data_sets: dict[str, Any]) -> None:
    keras.layers.GRU(1), keras.layers.Dense(1)  # Keras counts these
    arms = [prepared(experiment(data_sets, name, arm))[0] for arm in ("as_written", "none", "group")]
    kernels = [{path: drawn(one)[path] for path in one.initial.kernel_names().values()} for one in arms]
    for other in kernels[1:]:
        assert other.keys() == kernels[0].keys()
        for path, values in kernels[0].items():
            np.testing.assert_array_equal(values, other[path], err_msg=path)
            assert not np.array_equal(values[0], values[1]), f"{path} is the same in both seeds"


@pytest.mark.slow
def test_names_within_layers_that_hold_layers_do_not_depend_on_what_was_built_before(
    data_sets: dict[str, Any],
) -> None:
    names = prepared(experiment(data_sets, "attention", "none"))[0].initial.names
    assert "bidirectional/forward_gru/gru_cell/kernel" in names
    assert "bidirectional/backward_gru/gru_cell/kernel" in names
    assert {"twins/twin/kernel", "twins/twin_2/kernel"} <= set(
        prepared(experiment(data_sets, "twins"))[0].initial.names
    )


def test_weights_that_begin_alike_in_all_seeds_are_named(data_sets: dict[str, Any]) -> None:
    built, _ = prepared(experiment(data_sets, "initializers"))
    (warning,) = built.warnings
    assert warning == (
        "All seeds begin with the same values of of_array/weight, function/kernel, class/kernel, so that they differ "
        "less than networks that are drawn anew. These values come from an initializer or an array of your own. Use "
        "one of keras.initializers, which bnexp draws anew for each seed."
    )
    values = drawn(built)
    for name, alike in (("function", True), ("class", True), ("identity", True), ("text", False), ("seeded", False)):
        first, second = values[f"{name}/kernel"]
        assert np.array_equal(first, second) == alike, name


def test_each_seed_and_each_dropout_draws_its_own_stream(data_sets: dict[str, Any]) -> None:
    for arm in ("as_written", "none"):
        values = drawn(prepared(experiment(data_sets, "dropout", arm))[0])
        states = [tuple(state) for name in ("generator_1", "generator_2") for state in values[name].tolist()]
        assert len(set(states)) == 4
        if arm == "as_written":
            first = states
    assert states == first


def test_layers_that_nested_models_share_stay_shared_and_get_their_bias_once(data_sets: dict[str, Any]) -> None:
    shared = prepared(experiment(data_sets, "two_models", "none", {"arguments": {"shared": True}}))[0]
    apart = prepared(experiment(data_sets, "two_models", "none", {"arguments": {"shared": False}}))[0]
    assert [layer.path for layer in shared.swapped] == ["one/c", "one/n"]
    assert [layer.path for layer in apart.swapped] == ["one/c", "one/n", "other/c", "other/n"]
    assert {"one/c/kernel", "one/c/bias"} <= set(shared.initial.names)
    assert "other/c/kernel" not in shared.initial.names
    written = prepared(experiment(data_sets, "two_models", "as_written", {"arguments": {"shared": True}}))[0]
    assert written.warnings[0].startswith("Normalization layers that several places of the network share: one/n.")
    assert shared.warnings == apart.warnings == ()


def test_a_network_of_any_size_is_built_for_the_data_and_shares_nothing(data_sets: dict[str, Any]) -> None:
    built, _ = prepared(experiment(data_sets, "any_size"))
    assert built.model.input_shape == (None, 8, 8, 2)
    assert "conv2d/kernel" in built.initial.names
    assert built.warnings == ()


def test_a_layer_in_time_distributed_gets_its_bias_back(data_sets: dict[str, Any]) -> None:
    swapped = prepared(experiment(data_sets, "in_time", "none"))[0].swapped
    assert [(layer.path.rpartition("/")[2], layer.now) for layer in swapped] == [
        ("conv1d", "with bias"), ("batch_normalization", "nothing"),
    ]  # fmt: skip


# --- what is named, or refused --------------------------------------------------------


def test_layers_of_an_earlier_call_are_refused(data_sets: dict[str, Any]) -> None:
    prepared(experiment(data_sets, "of_one_base"))
    assert refusal(experiment(data_sets, "of_one_base", "layer")) == (
        f"model.build is '{NETS}:of_one_base'; its network holds layers of an earlier call (of_all, kept), so that arms "
        "would share weights. Make all layers inside the function."
    )


def test_code_that_sets_kerass_global_policy_is_refused_and_the_policy_is_put_back(data_sets: dict[str, Any]) -> None:
    for _ in range(2):
        assert refusal(experiment(data_sets, "everywhere_half")) == (
            f"model.build is '{NETS}:everywhere_half'; its code sets Keras's global dtype_policy to mixed_float16, which "
            "would change all other networks. Give it to each layer instead, as in "
            '`Conv2D(8, 3, dtype="mixed_float16")`.'
        )
        assert keras.config.dtype_policy().name == "float32"


def test_inputs_of_whole_numbers_are_warned_of(data_sets: dict[str, Any]) -> None:
    (warning,) = prepared(experiment(data_sets, "of_type", model={"arguments": {"dtype": "uint8"}}))[0].warnings
    assert warning == (
        "Keras cuts off the fractions of the network's input, which is of uint8. So rows from 0 to 1 become zeros. "
        "Set dataset.scale: none for whole numbers, or use keras.Input of float32."
    )
    assert prepared(experiment(data_sets, "of_type", model={"arguments": {"dtype": "float16"}}))[0].warnings == ()


@pytest.mark.filterwarnings(WRITING)
@pytest.mark.parametrize(
    ("loss", "notes"),
    [
        ("sparse_categorical_crossentropy", ()),
        ("categorical_crossentropy", ()),
        ("mae", ("The network was compiled with the loss mean_absolute_error; bnexp trains with sparse_categorical_crossentropy, "
                 "as a multiclass task needs.",)),
    ],
)  # fmt: skip
def test_a_loss_that_bnexp_does_not_train_with_is_noted(
    loss: str, notes: tuple[str, ...], data_sets: dict[str, Any], tmp_path: Path
) -> None:
    config = experiment(data_sets, "compiled", model={"arguments": {"loss": loss}})
    built, data = prepared(config)
    assert built.notes == notes
    model = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", loss)
    model.save(tmp_path / "my.keras")
    of_file = config.model_copy(update={"model": keras_file(tmp_path / "my.keras")})
    assert build_for(of_file, data).notes == notes


def keras_file(path: Path) -> Any:
    sections = {"dataset": {"name": "moons"}, "model": {"name": "keras_file", "path": str(path), "weights": "keep"}}
    return Experiment.model_validate({"name": "file", **sections}).model


def test_a_step_of_ones_own_is_noted(data_sets: dict[str, Any]) -> None:
    assert prepared(experiment(data_sets, "own_step"))[0].notes == (
        "OwnStep has train_step of its own. bnexp does not use it: it trains with sparse_categorical_crossentropy, the "
        "loss of a multiclass task.",
    )


@pytest.mark.slow
@pytest.mark.filterwarnings(WRITING)
def test_a_network_that_cannot_be_saved_keeps_its_run_and_says_why(
    data_sets: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = experiment(data_sets, "without_config", save="first", epochs=1)
    from bnexp.experiment.run import train_experiment

    finished = train_experiment(config, tmp_path / "runs", watch=lambda so_far: False)
    assert finished.record.status == "finished"
    assert finished.record.models == {}
    (note,) = finished.record.not_kept
    assert re.fullmatch(
        r"The model was not saved: Keras cannot save \w+ without a method get_config\. All numbers are kept\. To have the "
        r"model, write that method, and train again\.",
        note,
    ), note
