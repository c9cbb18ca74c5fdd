"""A network that learned the digits 0 to 4 is trained further on 5 to 9, in arms that all start from what it learned."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from command import bnexp
from keras import layers
from sklearn.datasets import load_digits

pytestmark = pytest.mark.slow
ARMS = ("frozen", "batch", "group")
STATISTICS = ("moving_mean", "moving_variance")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Train on the first five digits with plain Keras, save, and compare arms on the other five; return the weights."""
    place, digits = tmp_path_factory.mktemp("digits"), load_digits()
    x, y = digits.images[..., None].astype("float32"), digits.target
    np.savez(place / "high.npz", x=x[y >= 5], y=y[y >= 5])
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Conv2D(8, 3, use_bias=False, name="first")(inputs)
    hidden = layers.Conv2D(8, 3, name="second")(layers.ReLU()(layers.BatchNormalization(name="norm")(hidden)))
    outputs = layers.Dense(5, activation="softmax", name="classes")(layers.Flatten()(hidden))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit((x[y < 5] - x.mean()) / x.std(), y[y < 5], epochs=3, verbose=0)
    with pytest.warns(DeprecationWarning, match="__array__ implementation"):
        model.save(place / "low.keras")
    settings = ["training.epochs=2", "training.seeds=2", "training.save=first"]
    arms = ["--data", "high.npz", "--arms", ",".join(ARMS), "model.weights=keep"]
    bnexp("compare", "low.keras", *arms, *settings, "--quiet", cwd=place)
    return place, {f"{layer.name}/{one.name}": one.numpy() for layer in model.layers for one in layer.variables}


def run(place: Path, arm: str) -> Path:
    (found,) = place.glob(f"runs/low-{arm}-2*")
    return found


def weights(place: Path, arm: str) -> dict[str, Any]:
    """Return the weights that the first seed of an arm ended with."""
    model = keras.saving.load_model(run(place, arm) / "model.keras", safe_mode=True)
    return {f"{layer.name}/{one.name}": one.numpy() for layer in model.layers for one in layer.variables}


def test_all_arms_start_from_the_weights_that_were_saved(tuned: tuple[Path, dict[str, Any]]) -> None:
    place, before = tuned
    for arm in ARMS:
        kernels = json.loads((run(place, arm) / "run.json").read_text())["pairing"]["kernels"]
        assert {name for name in before if name not in kernels} == (
            {f"norm/{name}" for name in STATISTICS} if arm == "group" else set()
        )
        for name, digests in kernels.items():
            saved = hashlib.sha256(before[name].tobytes()).hexdigest()[:16]
            assert digests == {"0": saved, "1": saved}, f"{arm}: {name}"


def test_frozen_batch_normalization_keeps_all_that_it_learned_and_kernels_learn_on(
    tuned: tuple[Path, dict[str, Any]],
) -> None:
    place, before = tuned
    after = weights(place, "frozen")
    for name in ("norm/gamma", "norm/beta", "norm/moving_mean", "norm/moving_variance"):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)
    assert not np.array_equal(after["first/kernel"], before["first/kernel"])


def test_other_arms_start_with_the_scale_that_was_learned_and_move_away_from_it(
    tuned: tuple[Path, dict[str, Any]],
) -> None:
    place, before = tuned
    batch, group = weights(place, "batch"), weights(place, "group")
    for name in STATISTICS:
        assert not np.allclose(batch[f"norm/{name}"], before[f"norm/{name}"])
        assert f"norm/{name}" not in group
    for after in (batch, group):
        moved = np.abs(after["norm/gamma"] - before["norm/gamma"])
        assert 0 < moved.max() < 0.1  # two epochs of Adam at 0.001
