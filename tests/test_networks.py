"""Networks: both trainers agree on every kind, padding has no effect, blocks are what their docstrings say."""

from __future__ import annotations

import subprocess
import sys
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
from bnexp.data import Data, prepare
from bnexp.errors import SettingError
from bnexp.models import Built, build
from bnexp.models.embedding import Embedding
from bnexp.models.inputs import Inputs
from bnexp.models.saving import model_bytes
from bnexp.training import refuse_too_large
from bnexp.training.keras_fit import train_keras_fit
from bnexp.training.memory import plan_shards

SEEDS = (0, 1)
IMAGE, FRAMES, TEXT = Inputs("image", (8, 8, 2)), Inputs("sequence", (9, 5)), Inputs("text", (9,), 20)


def built(inputs: Inputs, name: str, **model: Any) -> Built:
    section = TypeAdapter(Model).validate_python({"name": name, **model})
    return build(section, inputs, task="multiclass", classes=3)


# --- two trainers, one truth --------------------------------------------------------


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Learnable images, padded sequences and texts of three classes, 48 rows each."""
    place = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    y = np.arange(48) % 3
    images = rng.integers(0, 128, (48, 8, 8, 2)) + 40 * y[:, None, None, None]
    np.savez(place / "images.npz", x=images.astype("uint8"), y=y)
    frames = (rng.normal(size=(48, 9, 5)) + y[:, None, None]).astype("float32")
    for row in range(48):
        frames[row, rng.integers(3, 10) :] = np.nan
    np.savez(place / "frames.npz", x=frames, y=y)
    words = np.array(["good", "bad", "nice", "plot", "film", "the", "a"])
    lines = [f"{' '.join(rng.choice(words, rng.integers(1, 8)))} word{label},{'abc'[label]}" for label in y]
    (place / "texts.csv").write_text("\n".join(["text,label", *lines]))
    return {
        "image": {"name": "npz", "path": str(place / "images.npz"), "scale": "minmax"},
        "sequence": {"name": "npz", "path": str(place / "frames.npz")},
        "text": {"name": "text_csv", "path": str(place / "texts.csv"), "target": "label", "length": 7,
                 "duplicates": "keep"},
    }  # fmt: skip


AGREE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "cnn, batch after, dense layer, pooling": (
        "image", {"name": "cnn", "filters": [4, 6], "hidden": [5], "normalization": "batch", "placement": "after"}, {}),
    "cnn on frames, renorm": ("sequence", {"name": "cnn", "filters": [4], "normalization": "renorm"}, {}),
    "resnet, batch, refreshed": (
        "image", {"name": "resnet", "width": 4, "normalization": "batch"}, {"refresh_statistics": True}),
    "resnet, preactivation, zero gamma, group": (
        "image", {"name": "resnet", "width": 4, "block": "preactivation", "zero_gamma": True, "activation": "elu",
                  "normalization": {"name": "group", "groups": 2}}, {}),
    "conv1d on words, ghost, average pooling": (
        "text", {"name": "conv1d", "filters": [4, 6], "embedding": 4, "pooling": "average",
                 "normalization": {"name": "ghost", "virtual_batch_size": 5}}, {}),
    "conv1d on frames, batch, refreshed": (
        "sequence", {"name": "conv1d", "filters": [4, 6], "normalization": "batch"}, {"refresh_statistics": True}),
    "conv1d on frames, instance after, dropout": (
        "sequence", {"name": "conv1d", "filters": [4], "normalization": "instance", "placement": "after",
                     "dropout": 0.2}, {}),
    "gru, two layers, batch": ("sequence", {"name": "rnn", "units": [4, 5], "normalization": "batch"}, {}),
    "lstm in both directions on words, layer before": (
        "text", {"name": "rnn", "cell": "lstm", "units": [4], "bidirectional": True, "embedding": 4,
                 "normalization": "layer", "placement": "before"}, {}),
    "transformer on words, batch, dropout": (
        "text", {"name": "transformer", "width": 8, "feedforward": 8, "blocks": 1, "dropout": 0.1,
                 "normalization": "batch"}, {}),
    "transformer on frames, rms, post-norm, first position": (
        "sequence", {"name": "transformer", "width": 8, "feedforward": 8, "blocks": 2, "placement": "after",
                     "pooling": "first", "normalization": "rms"}, {}),
    "mlp on flattened images": ("image", {"name": "mlp", "hidden": [6], "normalization": "ghost"}, {}),
}  # fmt: skip


QUICK = ("transformer on words, batch, dropout",)
"""Of kinds that no other test trains in both engines: blocks are in test_layers, dense layers in test_training."""


UNEVEN = (
    "cnn on frames, renorm",
    "mlp on flattened images",
    "resnet, preactivation, zero gamma, group",
    "conv1d on words, ghost, average pooling",
    "lstm in both directions on words, layer before",
    "transformer on frames, rms, post-norm, first position",
)
"""Cases whose last batch is smaller: a second step to trace, in either trainer."""


def experiment(
    dataset: dict[str, Any], model: dict[str, Any], training: dict[str, Any], *, uneven: bool = False
) -> Experiment:
    """Return an experiment on 48 rows: 32 of them in two batches, or 38 in two and a smaller one."""
    small = {"epochs": 3, "seeds": len(SEEDS), "batch_size": 16, "learning_rate": 0.05}
    # Adam would magnify the rounding noise of weights whose gradient is zero but for rounding: attention's key biases,
    # and the bias of a filter that relu nowhere cuts off, in front of batch normalization, which subtracts it again.
    optimizer = {"optimizer": {"name": "sgd", "momentum": 0.9}}
    split = {} if uneven else {"test_size": 1 / 3}
    sections = {"dataset": {**dataset, **split}, "model": model, "training": {**small, **optimizer, **training}}
    return Experiment.model_validate({"name": "small", **sections})


def prepared(config: Experiment, seeds: tuple[int, ...] = SEEDS) -> tuple[Built, Data]:
    data = prepare(config.dataset, seeds)
    return build_for(config, data), data


def trained(trainer: Any, config: Experiment, seeds: tuple[int, ...] = SEEDS) -> Any:
    model, data = prepared(config, seeds)
    return trainer(model.model, data, config.training, seeds, model.initial.draw(seeds), lambda history: False)


@pytest.mark.parametrize("case", quick(QUICK, AGREE))
def test_both_trainers_agree_on_every_network(case: str, sets: dict[str, dict[str, Any]]) -> None:
    kind, model, training = AGREE[case]
    config = experiment(sets[kind], model, training, uneven=case in UNEVEN)
    ours, plain = trained(train_many_seeds, config), trained(train_keras_fit, config, (1,))
    for name, (expected,) in plain.history.metrics.items():
        np.testing.assert_allclose(ours.history.metrics[name][1], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    for values, (expected,) in zip(ours.weights, plain.weights, strict=True):
        np.testing.assert_allclose(values[1], expected, rtol=1e-4, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.slow
def test_augmentation_is_the_same_in_both_trainers_and_another_in_every_seed(sets: dict[str, dict[str, Any]]) -> None:
    model = {
        "name": "cnn", "filters": [4], "hidden": [5], "normalization": "batch", "placement": "after", "dropout": 0.2,
        "augmentation": {"flip": "horizontal", "shift": 0.1, "noise": 0.1},
    }  # fmt: skip
    config = experiment(sets["image"], model, {"epochs": 2})
    ours, plain = trained(train_many_seeds, config), trained(train_keras_fit, config)
    for name, expected in plain.history.metrics.items():
        np.testing.assert_allclose(ours.history.metrics[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    for values, expected in zip(ours.weights, plain.weights, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=2e-5 * max(1, np.abs(expected).max()))
    built_model, _ = prepared(config)
    states = [v for v, var in zip(ours.weights, built_model.model.variables, strict=True) if "seed_gen" in var.path]
    assert len(states) == 5  # flip, shift, noise and two of dropout
    assert all(len({tuple(state) for state in state_S.tolist()}) == len(SEEDS) for state_S in states)


# --- blocks -------------------------------------------------------------------------


def test_the_papers_residual_net_has_its_depth_and_its_parameters() -> None:
    model = built(Inputs("image", (32, 32, 3)), "resnet", depth=20, normalization="batch").model
    kernels = [w for w in model.trainable_weights if w.path.endswith("kernel")]
    assert len(kernels) == 20
    assert model.count_params() == pytest.approx(0.27e6, rel=0.02)  # He et al. 2015, table 6
    assert model.get_layer("block_3_3").output.shape == (None, 8, 8, 64)


@pytest.mark.parametrize("block", ["basic", "preactivation"])
@pytest.mark.parametrize("placement", ["before", "after"])
@pytest.mark.parametrize("name", ["block_1_1", "block_2_1"])
def test_a_residual_block_is_its_formula(block: str, placement: str, name: str) -> None:
    model = built(IMAGE, "resnet", width=4, block=block, placement=placement, normalization="layer").model
    layer = model.get_layer(name)
    rng = np.random.default_rng(0)
    for variable in layer.variables:
        variable.assign(rng.normal(size=variable.shape))
    x = rng.normal(size=(2, 8, 8, 4)).astype("float32")
    c1, c2, n1, n2 = layer.convolution_1, layer.convolution_2, layer.normalization_1, layer.normalization_2
    a = keras.activations.relu
    shortcut = x if name == "block_1_1" else np.concatenate([x[:, ::2, ::2], np.zeros((2, 4, 4, 4))], axis=-1)
    expected = {
        ("basic", "before"): lambda: a(shortcut + n2(c2(a(n1(c1(x)))))),
        ("basic", "after"): lambda: n2(a(shortcut + c2(n1(a(c1(x)))))),
        ("preactivation", "before"): lambda: shortcut + c2(a(n2(c1(a(n1(x)))))),
        ("preactivation", "after"): lambda: shortcut + c2(n2(a(c1(n1(a(x)))))),
    }[block, placement]()
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_an_embedding_too_small_for_the_words_is_refused_before_training() -> None:
    def layers(size: int) -> list[Any]:
        head = {"Dense": {"units": 3, "activation": "softmax"}}
        return [{"Embedding": {"input_dim": size, "output_dim": 4}}, "GlobalAveragePooling1D", head]

    text = Inputs("text", (6,), 20)
    with pytest.raises(SettingError) as caught:
        built(text, "sequential", layers=layers(19))
    assert str(caught.value) == (
        "model.layers.0 is Embedding with input_dim 19; the texts' words may be numbered from 0 to 19. "
        "Use input_dim: 20 or more, or a smaller dataset.vocabulary."
    )
    assert built(text, "sequential", layers=layers(20)).model.output_shape == (None, 3)


def test_with_zero_gamma_a_block_starts_as_an_identity() -> None:
    for normalization in ("batch", "layer", "rms", {"name": "group", "groups": 2}):
        keys = {"block": "preactivation", "placement": "after", "zero_gamma": True, "normalization": normalization}
        model = built(IMAGE, "resnet", width=4, **keys)
        x = np.random.default_rng(0).normal(size=(4, 8, 8, 4)).astype("float32")
        np.testing.assert_allclose(model.model.get_layer("block_1_1")(x, training=True), x, atol=1e-6)


def attention(layer: keras.layers.MultiHeadAttention, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    wq, bq, wk, bk, wv, bv, wo, bo = (np.asarray(weight, "float64") for weight in layer.weights)
    q, k, v = (np.einsum("btf,fhd->bthd", x, w) + b for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    scores = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
    scores = np.exp(np.where(mask[:, None, None, :], scores, -1e9))
    scores /= scores.sum(axis=-1, keepdims=True)
    return np.einsum("bhts,bshd,hdf->btf", scores, v, wo) + bo


@pytest.mark.parametrize("placement", ["before", "after"])
def test_an_encoder_block_is_its_formula(placement: str) -> None:
    model = built(FRAMES, "transformer", width=8, feedforward=6, heads=2, placement=placement, normalization="layer")
    block = model.model.get_layer("block_1")
    rng = np.random.default_rng(0)
    for variable in block.variables:
        if "seed" not in variable.path:
            variable.assign(rng.normal(size=variable.shape))
    x, mask = rng.normal(size=(3, 9, 8)).astype("float32"), np.arange(9) < np.array([[4], [9], [6]])

    def normalized(layer: Any, values: Any) -> Any:
        return np.asarray(layer(values))

    def dense(values: Any) -> Any:
        return np.asarray(block.contraction(block.expansion(values)))

    if placement == "before":
        y = x + attention(block.attention, normalized(block.normalization_1, x), mask)
        expected = y + dense(normalized(block.normalization_2, y))
    else:
        y = normalized(block.normalization_1, x + attention(block.attention, x, mask))
        expected = normalized(block.normalization_2, y + dense(y))
    found = np.asarray(block(x, mask=mask))
    np.testing.assert_allclose(found[mask], expected[mask], rtol=2e-3, atol=2e-3)


def test_a_word_that_a_batch_holds_twice_moves_by_the_sum_of_its_gradients() -> None:
    moved = {}
    for kind in (Embedding, keras.layers.Embedding):
        layer = kind(3, 1, embeddings_initializer="zeros")
        model = keras.Sequential([keras.Input((3,), dtype="int32"), layer, keras.layers.Flatten()])
        model.compile(keras.optimizers.Adagrad(1.0, initial_accumulator_value=0.0, epsilon=1e-7), "mean_squared_error")
        model.fit(np.array([[1, 1, 2]]), np.array([[1.0, 1.0, 1.0]]), verbose=0)
        moved[kind] = np.asarray(layer.embeddings).ravel()
    np.testing.assert_allclose(moved[Embedding], [0, 1, 1], atol=1e-4)  # Adagrad's first step is 1, whatever the sum
    np.testing.assert_allclose(moved[keras.layers.Embedding], [0, np.sqrt(2), 1], atol=1e-4)  # squares added up


# --- seeds, files, mistakes ---------------------------------------------------------

EVERY = [
    (IMAGE, {"name": "cnn", "augmentation": {"flip": "horizontal"}, "dropout": 0.1}),
    (IMAGE, {"name": "resnet", "width": 4}),
    (TEXT, {"name": "conv1d"}),
    (TEXT, {"name": "rnn", "units": [4, 4], "bidirectional": True}),
    (TEXT, {"name": "transformer", "dropout": 0.1}),
]


@pytest.mark.parametrize(("inputs", "model"), EVERY, ids=lambda value: getattr(value, "kind", None) or value["name"])
def test_seeds_differ_in_every_kernel_and_arms_in_none(inputs: Inputs, model: dict[str, Any]) -> None:
    drawn = {}
    for normalization in ("batch", "none", "ghost"):
        one = built(inputs, **model, normalization=normalization)
        names, values = one.initial.kernel_names(), one.initial.draw((0, 1))
        drawn[normalization] = {names[i]: values[i] for i in names}
        random = [
            v.path for v in one.model.trainable_variables if v.path.endswith(("kernel", "embeddings", "positions"))
        ]
        assert len(names) == len(random)
    assert drawn["batch"].keys() == drawn["none"].keys() == drawn["ghost"].keys()
    for name, value_S in drawn["batch"].items():
        assert not np.array_equal(value_S[0], value_S[1]), name
        np.testing.assert_array_equal(value_S, drawn["none"][name])
        np.testing.assert_array_equal(value_S, drawn["ghost"][name])


@pytest.mark.parametrize(("inputs", "model"), EVERY, ids=lambda value: getattr(value, "kind", None) or value["name"])
def test_no_initial_weight_is_left_to_chance(inputs: Inputs, model: dict[str, Any]) -> None:
    first, second = (built(inputs, **model, normalization="batch").initial.draw((5,)) for _ in range(2))
    for value, again in zip(first, second, strict=True):
        np.testing.assert_array_equal(value, again)


LOAD = """
import sys, warnings, numpy as np
warnings.simplefilter("ignore")
import keras, bnexp.models
for path in sys.argv[1:]:
    model = keras.saving.load_model(path + ".keras", safe_mode=True)
    np.save(path + "-after.npy", model(np.load(path + "-x.npy"), training=False))
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
def test_saved_models_load_in_a_fresh_process_without_unsafe_code(tmp_path: Path) -> None:
    normalizations = ("batch", "ghost", {"name": "group", "groups": 2}, "rms", "renorm")
    expected = {}
    for (inputs, model), normalization in zip(EVERY, normalizations, strict=True):
        one = built(inputs, **model, normalization=normalization)
        path = tmp_path / model["name"]
        path.with_suffix(".keras").write_bytes(model_bytes(one.model, [v[0] for v in one.initial.draw((3,))]))
        shape = (4, *inputs.shape)
        x = np.arange(np.prod(shape)).reshape(shape) % (20 if inputs.kind == "text" else 7)
        np.save(f"{path}-x.npy", x.astype("int32" if inputs.kind == "text" else "float32"))
        expected[str(path)] = np.asarray(one.model(np.load(f"{path}-x.npy"), training=False))
    done = subprocess.run([sys.executable, "-c", LOAD, *expected], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for path, outputs in expected.items():
        np.testing.assert_allclose(np.load(f"{path}-after.npy"), outputs, atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "model", "message"),
    [
        (TEXT, {"name": "mlp"}, r"model\.name is mlp; its inputs would be texts of 9 words\. Use one of sequential, conv1d, "),
        (Inputs("table", (4,)), {"name": "transformer"}, r"rows of 4 numbers\. Use one of mlp, sequential\."),
        (IMAGE, {"name": "cnn", "filters": [6], "normalization": {"name": "group", "groups": 4}},
         r"model cannot be built: its layer normalization_1_1 .* groups is 4, which does not divide the 6 channels\."),
        (Inputs("table", (4,)), {"name": "mlp", "normalization": "instance"}, r"Use layer or group normalization\."),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit_its_inputs_is_refused(inputs: Inputs, model: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        built(inputs, **model)


# --- memory -------------------------------------------------------------------------


def test_a_small_memory_limit_makes_more_shards_or_is_refused_with_numbers(sets: dict[str, dict[str, Any]]) -> None:
    model = {"name": "resnet", "width": 8, "normalization": "batch"}
    config = experiment(sets["image"], model, {"seeds": 40, "memory_limit": "100MiB"})
    one, data = prepared(config)
    with pytest.raises(
        SettingError,
        match=r"training\.memory_limit is 0\.10 GiB; the estimate .* is 0\.\d\d GiB: .* weights of one seed",
    ):
        refuse_too_large(one.model, data, config.training)
    most = [
        plan_shards(one.model, data, config.training.model_copy(update={"memory_limit": limit}), 40)[1]
        for limit in ("700MiB", "800MiB", "2GiB")
    ]
    assert most == sorted(most) and most[0] < most[2]
