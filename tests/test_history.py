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
    np.testing.assert_array_equal(HISTORY.best("loss"), [0.3, 0.4, 0.9])
    np.testing.assert_array_equal(HISTORY.best("val_accuracy"), [0.7, 0.6, 0.5])
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
    arrays(float, (3, 4), elements=st.floats(allow_nan=True, allow_infinity=True)),
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


ONE = {"seed": 0, "history": {"loss": [1.0], "val_loss": [1.0]}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (written()[:-20], "JSONDecodeError"),
        ("", "JSONDecodeError"),
        ("[" * 100_000, "RecursionError"),
        ("[]", "TypeError"),
        ("null", "TypeError"),
        ('{"loss": [1, 2]}', "KeyError: 'format'"),
        (written(format=2), "format is 2, this bnexp reads 1"),
        (written(seeds=[]), "no seeds"),
        (written(seeds=[ONE, ONE]), "a seed stands twice"),
        (written(seeds=[{"seed": 0, "history": {"loss": [1.0, 2.0], "val_loss": [1.0]}}]), "lists of unequal length"),
        (written(seeds=[ONE, {"seed": 1, "history": {"loss": [1.0]}}]), "seed 1 has other metrics"),
        (written(seeds=[{"seed": 0, "history": {"loss": ["x"]}}]), "could not convert string to float"),
        (written(seeds=[{"seed": 0, "history": {"loss": []}}]), "no epochs"),
        (written(seeds=[{"seed": 0, "history": {}}]), "unequal length"),
        (written().replace("0.9", "NaN", 1), "NaN is not JSON"),
    ],
)
def test_anything_else_is_refused_naming_the_file_the_reason_and_the_cure(text: str, reason: str) -> None:
    with pytest.raises(RunError) as caught:
        from_json(text, "runs/x/history.json")
    message = str(caught.value)
    assert message.startswith("runs/x/history.json: not a history of bnexp (")
    assert reason in message
    assert message.endswith('Expected {"format": 1, "seeds": [...]}. Train again, or restore the file.')
