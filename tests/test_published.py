"""Published networks in several arms: kernels pair, seeds that are stacked learn as in `model.fit`, models are saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from experiments import build_for, train_many_seeds

from bnexp.config import Experiment
from bnexp.data import prepare
from bnexp.models import Built
from bnexp.models.saving import model_bytes
from bnexp.training import engine_name, memory
from bnexp.training.keras_fit import train_keras_fit

NETS = Path(__file__).parent / "published.py"
SEEDS = (0, 1)
WRITING = "ignore:__array__ implementation:DeprecationWarning"
ULP = 2.0**-23
"""The share by which two neighbouring numbers of float32 differ."""
REACH = 20.0
"""How many times farther than one rounding of each initial weight the two engines may be apart.

A step rounds at each layer, in both directions; the networks are up to 53 normalized layers deep.
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    rng, y = np.random.default_rng(0), np.arange(24) % 3
    x = rng.integers(0, 128, (24, 32, 32, 3)) + 40 * y[:, None, None, None]
    path = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(path, x=x.astype("uint8"), y=y)
    return {"name": "npz", "path": str(path), "scale": "minmax", "test_size": 1 / 3}


def experiment(images: dict[str, Any], name: str, arm: str) -> Experiment:
    model = {"name": "python", "build": f"{NETS}:{name}", "normalization": arm}
    training = {"epochs": 1, "seeds": 2, "batch_size": 8, "learning_rate": 0.01, "optimizer": {"name": "sgd"}}
    return Experiment.model_validate({"name": name, "dataset": images, "model": model, "training": training})


def built(images: dict[str, Any], name: str, arm: str) -> Built:
    config = experiment(images, name, arm)
    return build_for(config, prepare(config.dataset, SEEDS))


@pytest.mark.parametrize(
    ("name", "layers"),
    [("xception", 6), *(pytest.param(*one, marks=pytest.mark.slow) for one in
     (("mobilenet", 52), ("resnet50", 53), ("efficientnet", 49)))],
)  # fmt: skip
def test_kernels_of_all_arms_pair_by_name(name: str, layers: int, images: dict[str, Any]) -> None:
    arms = {arm: built(images, name, arm) for arm in ("as_written", "none", "layer", "group")}
    written = arms["as_written"].initial
    kernels = dict(zip(written.names, written.draw((3,)), strict=True))
    for arm in ("none", "layer", "group"):
        one = arms[arm]
        swapped = [layer for layer in one.swapped if layer.was == "BatchNormalization"]
        assert len(swapped) == layers
        assert set(one.initial.kernel_names().values()) == set(written.kernel_names().values())
        for path, values in zip(one.initial.names, one.initial.draw((3,)), strict=True):
            if path in written.kernel_names().values():
                np.testing.assert_array_equal(values, kernels[path], err_msg=path)


@pytest.mark.slow
@pytest.mark.filterwarnings(WRITING)
@pytest.mark.parametrize(
    ("name", "arm"),
    [(name, arm) for name in ("xception", "mobilenet", "resnet50") for arm in ("as_written", "none", "layer", "group")],
)
def test_stacked_seeds_learn_as_in_model_fit_and_the_model_loads_in_safe_mode(
    name: str, arm: str, images: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two engines are no farther apart than rounding of the initial weights takes the plain engine from itself."""
    monkeypatch.setattr(memory, "plan_shards", lambda *_: (1, 2))  # seeds are stacked, whatever the cores
    config = experiment(images, name, arm)
    data = prepare(config.dataset, SEEDS)
    one = build_for(config, data)
    assert engine_name(config.training, one.model) == ("many_seeds", None)
    initial, silent = one.initial.draw(SEEDS), lambda history: False
    ours = train_many_seeds(one.model, data, config.training, SEEDS, initial, silent)
    plain = train_keras_fit(one.model, data, config.training, SEEDS, initial, silent)
    rounded = train_keras_fit(one.model, data, config.training, SEEDS, rounded_once(initial), silent)
    for name_of, expected in plain.history.metrics.items():
        reach = np.abs(rounded.history.metrics[name_of] - expected).max()
        atol = REACH * reach + 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(ours.history.metrics[name_of], expected, rtol=0, atol=atol, err_msg=name_of)
    for path, values, expected, third, first in zip(
        one.initial.names, ours.weights, plain.weights, rounded.weights, initial, strict=True
    ):
        atol = REACH * np.abs(third - expected).max() + 1e-5 * max(np.abs(expected).max(), 1e-3)
        np.testing.assert_allclose(values, expected, rtol=0, atol=atol, err_msg=path)
        still = path.endswith(("/bias", "_state")) or arm == "none"  # without normalization gradients vanish
        assert still or not np.array_equal(values, first), f"{path} has not moved"
    (tmp_path / "model.keras").write_bytes(model_bytes(one.model, [values[0] for values in ours.weights]))
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    rows = np.random.default_rng(1).normal(size=(4, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(loaded(rows, training=False), one.model(rows, training=False), rtol=1e-5, atol=1e-6)


def rounded_once(initial: list[Any]) -> list[Any]:
    """Move each weight to a neighbouring number of float32, up or down."""
    rng = np.random.default_rng(0)
    return [
        values * (1 + ULP * rng.choice((-1, 1), values.shape)).astype("float32") if values.dtype.kind == "f" else values
        for values in initial
    ]
