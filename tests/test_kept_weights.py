"""A network that keeps trained weights on data whose classes have another order than in its training."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from command import bnexp

WRONG = (
    "WARNING  net-frozen, net-layer: Before training, the network as written is worse than guessing: it is right for "
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a network on two classes, 0 and 1, with plain Keras; write the rows with names for the classes."""
    import keras

    place, generator = tmp_path_factory.mktemp("kept"), np.random.default_rng(0)
    y = np.arange(200) % 2
    x = generator.normal(0, 1, (200, 3)) + 3 * y[:, None]
    first, second = (keras.initializers.GlorotUniform(seed) for seed in (1, 2))
    hidden = keras.layers.Dense(4, "relu", kernel_initializer=first)
    layers = [keras.Input((3,)), hidden, keras.layers.BatchNormalization(momentum=0.5)]
    model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid", kernel_initializer=second)])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    model.fit(x, y, epochs=5, shuffle=False, verbose=0)
    with pytest.warns(DeprecationWarning, match="__array__ implementation"):
        model.save(place / "net.keras")
    write(place / "as-trained.csv", x, y, ["no", "yes"])
    write(place / "turned.csv", x, y, ["yes", "no"])
    write(place / "far.csv", x + 100, y, ["no", "yes"])
    mostly = np.r_[np.flatnonzero(y == 0)[:10], np.flatnonzero(y)]
    write(place / "mostly-yes.csv", x[mostly] + 100, y[mostly], ["no", "yes"])
    write(place / "mostly-no.csv", x[mostly] + 100, y[mostly], ["yes", "no"])
    return place


def write(path: Path, x: np.ndarray, y: np.ndarray, names: list[str]) -> None:
    rows = [f"{','.join(map(str, values))},{names[label]}" for values, label in zip(x, y, strict=True)]
    path.write_text("\n".join(["a,b,c,label", *rows]) + "\n")


def plan(place: Path, table: str, *more: str, network: str = "net.keras", arms: str = "frozen,layer") -> str:
    keys = ("--target", "label", "model.weights=keep", "dataset.scale=none", "training.epochs=2", "--dry-run")
    return bnexp("compare", network, "--data", f"{table}.csv", "--arms", arms, *keys, *more, cwd=place).stdout


def test_the_order_of_the_classes_is_said_and_a_wrong_one_is_warned_of(trained: Path) -> None:
    said = plan(trained, "turned")
    assert "its outputs are read as classes in this order: 0 is no, 1 is yes." in said
    assert re.search(re.escape(WRONG) + "[0-9]% of 160 training rows", said), (
        "the network learned them nearly perfectly"
    )
    assert "their order was different then, or its inputs were scaled differently: name" in said.replace("\n", " ")


def test_the_right_order_is_no_reason_for_a_warning(trained: Path) -> None:
    assert "0 is no, 1 is yes." in plan(trained, "as-trained")
    assert "Before training, the network" in plan(trained, "turned").replace("\n", " ")
    assert "Before training, the network" not in plan(trained, "as-trained").replace("\n", " ")


TURNED = re.compile(
    r"WARNING  net-layer, net-none: Before training, the network as written is worse than guessing: it is right for (\d)% "
    r"of 160 training rows\. "
    r"Always answering the commonest class is right for 5\d%\. With the two classes swapped, it would be right for "
    r"(\d\d|100)%\."
)


ONE_ANSWER = re.compile(
    r"WARNING  net-layer, net-none: Before training, the network as written gives one answer: (yes|no) for all (\d+) "
    r"training rows\. If it was trained for these classes, its inputs were probably scaled differently then\. See "
    r"dataset\.scale, which is none\."
)


def test_one_answer_for_all_rows_is_warned_of_unless_most_rows_are_of_that_class(trained: Path) -> None:
    """Half of the rows are of each class, so that the network is as good as guessing."""
    found = ONE_ANSWER.search(plan(trained, "far", arms="layer,none").replace("\n", " "))
    assert found and found[2] == "160"
    other = {"yes": "no", "no": "yes"}[found[1]]
    assert "Before training" not in plan(trained, f"mostly-{found[1]}", arms="layer,none"), "10 of 11 rows are of it"
    assert ONE_ANSWER.search(plan(trained, f"mostly-{other}", arms="layer,none").replace("\n", " "))


def test_the_network_is_tried_as_it_was_written_also_where_all_arms_change_its_layers(trained: Path) -> None:
    found = TURNED.search(plan(trained, "turned", arms="layer,none").replace("\n", " "))
    assert found
    assert int(found[1]) + int(found[2]) in (99, 100, 101)
    assert "Before training" not in plan(trained, "as-trained", arms="layer,none")


def test_a_positive_class_that_turns_the_order_of_training_is_warned_of(trained: Path) -> None:
    """By name `no` comes first, as in training; `dataset.positive: no` makes it the second."""
    said = plan(trained, "as-trained", "dataset.positive=no", arms="layer,none")
    assert "0 is yes, 1 is no." in said
    assert TURNED.search(said.replace("\n", " "))


def save_with_new_head(place: Path, name: str, *, use_bias: bool) -> None:
    """Save the trained network with an untrained last layer that answers one class for all rows."""
    import keras

    kept = keras.models.load_model(place / "net.keras")
    head = keras.layers.Dense(1, "sigmoid", name="head", use_bias=use_bias, kernel_initializer="zeros")
    model = keras.Model(kept.inputs, head(keras.layers.Activation("relu")(kept.layers[-2].output)))
    head.kernel.assign(np.full((4, 1), 9.0))
    with pytest.warns(DeprecationWarning, match="__array__ implementation"):
        model.save(place / name)


def test_answers_of_a_saved_network_with_an_untrained_head_are_no_warning(trained: Path) -> None:
    """A bias at its initial value shows that the head is new; without a bias, nothing shows it."""
    save_with_new_head(trained, "new-head.keras", use_bias=True)
    said = plan(trained, "far", network="new-head.keras", arms="layer,none").replace("\n", " ")
    assert "all arms: The network is not tested before training: head/bias holds no trained values." in said
    assert "Before training, the network" not in said
    save_with_new_head(trained, "no-bias.keras", use_bias=False)
    for table, found in (("far", "yes for all 160"), ("mostly-no", "yes for all 88")):
        said = plan(trained, table, network="no-bias.keras", arms="layer,none").replace("\n", " ")
        assert f"all arms: Before training, the network as written gives one answer: {found} training rows." in said
        assert "WARNING  no-bias" not in said, said


FUNCTIONS = """
import keras

def with_new_head():
    kept = keras.models.load_model("net.keras")
    return keras.Model(kept.inputs, keras.layers.Dense(1, "sigmoid", name="head")(kept.layers[-2].output))

def made(normalization):
    first, kept = keras.Input((3,)), keras.models.load_model("net.keras")
    dense, head = keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")
    model = keras.Model(first, head(normalization(name="norm")(dense(first))))
    dense.set_weights(kept.layers[0].get_weights())
    head.set_weights(kept.layers[-1].get_weights())
    return model
"""


@pytest.mark.slow
def test_a_plan_says_why_a_network_is_not_tried(trained: Path) -> None:
    (trained / "nets.py").write_text(FUNCTIONS)
    why = "The network is not tested before training: "
    said = plan(trained, "turned", network="nets.py:with_new_head", arms="layer,none").replace("\n", " ")
    assert f"all arms: {why}head/kernel, head/bias hold no trained values." in said
    said = plan(trained, "turned", network="nets.py:made", arms="batch,layer").replace("\n", " ")
    assert f"nets-made-batch: {why}norm/gamma, norm/beta, norm/moving_mean and 1 more hold no trained values." in said
    assert (
        f"nets-made-layer: {why}its function makes the layers of this arm, and its weights may have been trained"
        in said
    )
    assert "before training, the network" not in said


def test_statistics_that_training_found_are_not_called_initial(trained: Path) -> None:
    assert "have not converged" not in plan(trained, "as-trained")
    drawn = bnexp("train", "net.keras", "--data", "as-trained.csv", "--target", "label", "training.epochs=1", "--dry-run",
                  "model.normalization={name: batch, momentum: 0.99}", cwd=trained).stdout  # fmt: skip
    assert "have not converged" in drawn
