"""A network that keeps trained weights on data whose classes stand in another order than in its training."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from command import bnexp

WRONG = "WARNING  net-frozen: Before training, the network is right for "


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a network on two classes, 0 and 1, with plain Keras; write the rows with names for the classes."""
    import keras

    place, generator = tmp_path_factory.mktemp("kept"), np.random.default_rng(0)
    y = np.arange(200) % 2
    x = generator.normal(0, 1, (200, 3)) + 3 * y[:, None]
    layers = [keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.BatchNormalization(momentum=0.5)]
    model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    model.fit(x, y, epochs=5, verbose=0)
    with pytest.warns(DeprecationWarning, match="__array__ implementation"):
        model.save(place / "net.keras")
    for name, names in (("as-trained", ["no", "yes"]), ("turned", ["yes", "no"])):
        rows = [f"{','.join(map(str, values))},{names[label]}" for values, label in zip(x, y, strict=True)]
        (place / f"{name}.csv").write_text("\n".join(["a,b,c,label", *rows]) + "\n")
    return place


def plan(place: Path, table: str, *more: str) -> str:
    keys = ("--target", "label", "model.weights=keep", "dataset.scale=none", "training.epochs=2", "--dry-run")
    return bnexp(
        "compare", "net.keras", "--data", f"{table}.csv", "--arms", "frozen,layer", *keys, *more, cwd=place
    ).stdout


def test_the_order_of_the_classes_is_said_and_a_wrong_one_is_warned_of(trained: Path) -> None:
    said = plan(trained, "turned")
    assert "its outputs are read as classes in this order: 0 is no, 1 is yes." in said
    assert re.search(re.escape(WRONG) + "[0-9]% of 160 training rows", said), (
        "the network learned them nearly perfectly"
    )
    assert "they stand in another order, or its inputs were scaled otherwise." in said.replace("\n", " ")


def test_the_right_order_is_no_reason_for_a_warning(trained: Path) -> None:
    assert "0 is no, 1 is yes." in plan(trained, "as-trained")
    assert "Before training" not in plan(trained, "as-trained")


def test_an_arm_whose_layers_are_new_is_not_tried(trained: Path) -> None:
    assert "net-layer: Before training" not in plan(trained, "turned")


def test_statistics_that_training_found_are_not_called_initial(trained: Path) -> None:
    assert "have not converged" not in plan(trained, "as-trained")
    drawn = bnexp("train", "net.keras", "--data", "as-trained.csv", "--target", "label", "training.epochs=1", "--dry-run",
                  "model.normalization={name: batch, momentum: 0.99}", cwd=trained).stdout  # fmt: skip
    assert "have not converged" in drawn
