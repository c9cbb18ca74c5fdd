"""What is said where inputs are scaled before a layer that expects the numbers of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnexp.config import Experiment
from bnexp.data import prepare
from bnexp.experiment.prepare import built_for

RNG = np.random.default_rng(0)
END = [{"GlobalAveragePooling1D": {}}, {"Dense": {"units": 1, "activation": "sigmoid"}}]


def warnings_of(dataset: dict[str, Any], layers: list[Any]) -> tuple[str, ...]:
    training = {"epochs": 1, "seeds": 2}
    sections = {"dataset": dataset, "model": {"name": "sequential", "layers": layers}, "training": training}
    config = Experiment.model_validate({"name": "a", **sections})
    return built_for(config, prepare(config.dataset, (0, 1))).warnings


@pytest.fixture
def frames(tmp_path: Path) -> dict[str, Any]:
    """Return a set of sequences of three numbers around 100. Some end in frames of zeros."""
    x = 100 + RNG.normal(size=(40, 7, 3))
    x[:8, 4:] = 0
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    return {"name": "npz", "path": str(tmp_path / "a.npz")}


def test_a_masking_that_looks_for_a_number_that_is_scaled_away_is_told_until_nothing_is_scaled(
    frames: dict[str, Any],
) -> None:
    (told,) = warnings_of(frames, ["Masking", *END])
    assert told == (
        "Padding is not masked: masking looks for frames of 0. In the file, 24 frames of the first 40 rows hold nothing else, "
        "but dataset.scale changes these numbers. Set dataset.scale: none."
    )
    assert warnings_of({**frames, "scale": "none"}, ["Masking", *END]) == ()
    assert warnings_of(frames, [{"Masking": {"mask_value": -1.0}}, *END]) == (), "no frame of the file holds it"


def test_layers_of_a_config_that_expect_the_numbers_of_the_file_are_told_until_nothing_is_scaled() -> None:
    dataset = {"name": "classification", "samples": 100, "features": 4, "informative": 2}
    layers = [{"Discretization": {"bin_boundaries": [-1.0, 0.0, 1.0], "output_mode": "multi_hot"}}, END[1]]
    (told,) = warnings_of({**dataset, "scale": "standard"}, layers)
    assert told == (
        "The network scales its inputs (discretization), and dataset.scale scales them before. If the network expects the "
        "numbers of the file, set dataset.scale: none."
    )
    assert warnings_of({**dataset, "scale": "none"}, layers) == ()


@pytest.mark.parametrize(
    ("scale", "shift", "is_told"), [("standard", 0, True), ("none", 0, False), ("standard", 0.5, False)]
)
def test_codes_that_are_computed_from_whole_numbers_are_warned_of_as_long_as_these_are_scaled(
    scale: str, shift: float, is_told: bool, tmp_path: Path
) -> None:
    np.savez(tmp_path / "b.npz", x=RNG.integers(0, 9, (40, 5)) + shift, y=np.arange(40) % 2)
    (tmp_path / "net.py").write_text(
        "import keras\nfrom keras import layers, ops\n"
        "def build():\n    i = keras.Input((5,))\n    x = ops.cast(i > 2, 'float32') * i\n"
        "    x = layers.Flatten()(layers.Embedding(10, 2, name='words')(x))\n"
        "    x = layers.BatchNormalization()(x)\n    return keras.Model(i, layers.Dense(1, activation='sigmoid')(x))\n"
    )
    dataset = {"name": "npz", "path": str(tmp_path / "b.npz"), "scale": scale}
    model = {"name": "python", "build": f"{tmp_path / 'net.py'}:build", "normalization": "as_written"}
    config = Experiment.model_validate({"name": "a", "dataset": dataset, "model": model, "training": {"seeds": 2}})
    told = [text for text in built_for(config, prepare(config.dataset, (0, 1))).warnings if "computed from" in text]
    assert bool(told) == is_told
    assert not told or told[0].startswith("A layer reads codes that are computed from the inputs: words (Embedding).")


def test_codes_of_positions_are_not_computed_from_the_inputs(tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", x=RNG.integers(0, 9, (40, 5)), y=np.arange(40) % 2)
    (tmp_path / "net.py").write_text(
        "import keras\nfrom keras import layers, ops\n"
        "class Placed(layers.Layer):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.words, self.places = layers.Embedding(10, 2, name='words'), layers.Embedding(5, 2, name='places')\n"
        "    def build(self, shape):\n        self.words.build(shape)\n        self.places.build((5,))\n"
        "    def call(self, x):\n        return self.words(x) + self.places(ops.arange(5))\n"
        "def build(normalization):\n    i = keras.Input((5,))\n    x = layers.Flatten()(Placed()(i))\n"
        "    x = normalization(name='n')(x)\n    return keras.Model(i, layers.Dense(1, activation='sigmoid')(x))\n"
    )
    model = {"name": "python", "build": f"{tmp_path / 'net.py'}:build", "normalization": "batch"}
    dataset = {"name": "npz", "path": str(tmp_path / "b.npz")}
    config = Experiment.model_validate({"name": "a", "dataset": dataset, "model": model, "training": {"seeds": 2}})
    built = built_for(config, prepare(config.dataset, (0, 1)))
    assert [one.layer.rpartition("/")[2] for one in built.codes] == ["words (Embedding)"]
    assert not [text for text in built.warnings if "computed from" in text]
