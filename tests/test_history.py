"""The measured record: what it answers, and that its JSON is strict, whole, and refused when it is anything else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bnexp.errors import RunError
from bnexp.history import History, from_json
from bnexp.metrics import LARGEST

NAN, INF = np.nan, np.inf

HISTORY = History(
    seeds=(0, 4, 7),
    metrics={
        "loss": np.array([[0.9, 0.5, 0.3], [0.8, 0.4, NAN], [0.9, INF, NAN]]),
        "val_accuracy": np.array([[0.5, 0.7, 0.6], [0.6, 0.5, NAN], [0.5, 0.2, NAN]]),
    },
    epochs_S=(3, 2, 2),
    diverged_at={7: 2},
    best_epoch={4: 1},
)


def test_final_is_the_last_epoch_or_the_best_under_early_stopping_and_nothing_for_a_diverged_seed() -> None:
    np.testing.assert_array_equal(HISTORY.final("loss"), [0.3, 0.8, NAN])
    np.testing.assert_array_equal(HISTORY.final("val_accuracy"), [0.6, 0.6, NAN])


def test_newest_is_the_last_epoch_of_every_seed() -> None:
    np.testing.assert_array_equal(HISTORY.newest("val_accuracy"), [0.6, 0.5, 0.2])


def test_best_knows_the_direction_and_passes_over_what_is_not_finite() -> None:
    np.testing.assert_array_equal(HISTORY.best("loss"), [0.3, 0.4, NAN])  # the last one diverged
    np.testing.assert_array_equal(HISTORY.best("val_accuracy"), [0.7, 0.6, NAN])
    with_infinity = History((0,), {"loss": np.array([[INF, 0.4]])}, (2,))
    np.testing.assert_array_equal(with_infinity.best("loss"), [0.4])
    nothing = History((0,), {"loss": np.array([[NAN]])}, (1,), {0: 1})
    np.testing.assert_array_equal(nothing.best("loss"), [NAN])


def test_a_part_of_the_seeds_keeps_its_marks_and_its_order() -> None:
    part = HISTORY.of((7, 4))
    assert (part.seeds, part.epochs_S, part.diverged_at, part.best_epoch) == ((7, 4), (2, 2), {7: 2}, {4: 1})
    np.testing.assert_array_equal(part.metrics["loss"][:, 0], [0.9, 0.8])


def test_json_has_the_shape_of_keras_history_for_each_seed_and_null_for_what_is_not_finite() -> None:
    assert HISTORY.to_json() == {
        "format": 1,
        "seeds": [
            {"seed": 0, "history": {"loss": [0.9, 0.5, 0.3], "val_accuracy": [0.5, 0.7, 0.6]}},
            {"seed": 4, "best_epoch": 1, "history": {"loss": [0.8, 0.4], "val_accuracy": [0.6, 0.5]}},
            {"seed": 7, "diverged_at": 2, "history": {"loss": [0.9, None], "val_accuracy": [0.5, 0.2]}},
        ],
    }


@settings(max_examples=50, deadline=None)
@given(
    arrays(float, (3, 4), elements=st.floats(-LARGEST, LARGEST) | st.sampled_from([np.nan, np.inf, -np.inf])),
    st.lists(st.integers(1, 4), min_size=3, max_size=3),
)
def test_what_is_written_is_strict_json_and_reads_back_the_same(values: Any, epochs: list[int]) -> None:
    longest = max(epochs)
    reached = np.arange(longest) < np.array(epochs)[:, None]
    values = np.where(reached, values[:, :longest], NAN)
    text = json.dumps(History((0, 1, 2), {"loss": values}, tuple(epochs), {1: 1}, {2: 1}).to_json(), allow_nan=False)
    back = from_json(text, "history.json")
    np.testing.assert_array_equal(back.metrics["loss"], np.where(np.isfinite(values), values, NAN))
    assert (back.seeds, back.epochs_S, back.diverged_at, back.best_epoch) == ((0, 1, 2), tuple(epochs), {1: 1}, {2: 1})


def written(**changes: Any) -> str:
    return json.dumps({**HISTORY.to_json(), **changes})


def of(metric: str, value: float) -> str:
    """Return the history of one seed that measured this."""
    return written(seeds=[{"seed": 0, "history": {metric: [value]}}])


ONE = {"seed": 0, "history": {"loss": [1.0], "val_loss": [1.0]}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the text: Invalid JSON: EOF"),
        ("[" * 100_000, "the text: Invalid JSON: recursion limit"),
        ("[]", "the text: Input should be an object"),
        ("null", "the text: Input should be an object"),
        ('{"loss": [1, 2]}', "format: Field required"),
        (written(format=2), "format: Input should be 1"),
        (written(seeds=[]), "seeds: List should have at least 1 item"),
        (written(seeds=[ONE, ONE]), "a seed occurs twice"),
        (written(seeds=[{"seed": 0, "history": {"loss": [1.0, 2.0], "val_loss": [1.0]}}]), "lists of unequal length"),
        (written(seeds=[ONE, {"seed": 1, "history": {"loss": [1.0]}}]), "seed 1 has other metrics"),
        (
            written(seeds=[{"seed": 0, "history": {"loss": ["x"]}}]),
            "seeds.0.history.loss.0: Input should be a valid num",
        ),
        (
            written(seeds=[{"seed": 0, "history": {"loss": "12"}}]),
            "seeds.0.history.loss: Input should be a valid array",
        ),
        (written(seeds=[{"seed": "0", "history": {"loss": [1.0]}}]), "seeds.0.seed: Input should be a valid integer"),
        (written(seeds=[{"seed": 0, "history": {"loss": []}}]), "seed 0 has no epochs"),
        (written(seeds=[{"seed": 0, "history": {}}]), "seed 0 has no metrics"),
        (written(seeds=[ONE, {"seed": 5, "history": {}}]), "seed 5 has other metrics or lists of unequal length"),
        (
            written(seeds=[{"seed": 0, "history": {"../../x": [1.0]}}]),
            "'../../x' is no metric of bnexp; it measures loss, acc",
        ),
        (written(seeds=[{"seed": 0, "history": {"/elsewhere/x": [1.0]}}]), "'/elsewhere/x' is no metric of bnexp"),
        (written(seeds=[{"seed": 0, "history": {"val_../loss": [1.0]}}]), "'val_../loss' is no metric of bnexp"),
        (written(seeds=[{**ONE, "best_epoch": 2}]), "seed 0 has a diverged_at or best_epoch after its last epoch"),
        (written(seeds=[{**ONE, "best_epoch": 0}]), "seeds.0.best_epoch: Input should be greater than or equal to 1"),
        (written().replace("0.9", "NaN", 1), "Input should be a finite number"),
        (written().replace("0.9", "1e999", 1), "Input should be a finite number"),
        (written().replace("0.9", "1e101", 1), "loss holds 1e+101; expected numbers from -1e+100 to 1e+100"),
        (of("val_accuracy", 90.0), "val_accuracy holds 90; expected numbers from 0 to 1"),
        (of("test_accuracy", -0.1), "test_accuracy holds -0.1; expected numbers from 0 to 1"),
        (of("val_r2", 1.5), "val_r2 holds 1.5; expected numbers from -1e+100 to 1"),
        (of("val_mse", -1.0), "val_mse holds -1; expected numbers from 0 to 1e+100"),
        (of("val_mae", -1.0), "val_mae holds -1; expected numbers from 0 to 1e+100"),
        (written().replace('"seed": 4', '"seed": 1e999'), "seeds.1.seed: Input should be"),
    ],
)
def test_anything_else_is_refused_naming_the_file_the_reason_and_the_cure(text: str, reason: str) -> None:
    with pytest.raises(RunError) as caught:
        from_json(text, "runs/x/history.json")
    message = str(caught.value)
    assert message.startswith("runs/x/history.json: not a history of bnexp (")
    assert reason in message
    assert message.endswith('Expected {"format": 1, "seeds": [...]}. Train again, or restore the file.')


def test_rounding_and_a_loss_below_zero_are_possible() -> None:
    """float32 makes a mean of ones 1.0000001; a network of the user's own may add a penalty below 0."""
    for metric, value in (("accuracy", 1.0000001), ("val_loss", -0.5), ("val_r2", -40.0)):
        assert from_json(of(metric, value), "history.json").metrics[metric].tolist() == [[value]]


@pytest.mark.parametrize("length", range(0, len(written()), 7))
def test_a_file_cut_short_anywhere_is_refused(length: int) -> None:
    with pytest.raises(RunError, match="not a history of bnexp"):
        from_json(written()[:length], "history.json")


def test_the_fewest_epochs_behind_any_kept_weights_are_those_of_a_seed_that_did_not_diverge() -> None:
    history = History((0, 1, 2), {"loss": np.ones((3, 9))}, (9, 9, 2), {2: 2}, {0: 4})
    assert (history.kept_S, history.fewest_kept) == ((4, 9, 2), 4)
    assert History((0,), {"loss": np.ones((1, 3))}, (3,), {0: 3}).fewest_kept == 3
