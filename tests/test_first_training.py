"""How many epochs and seeds a first comparison has, by what they cost."""

from __future__ import annotations

import pytest
from experiments import experiment

from bnexp.api.first_training import Afforded, afforded, first_training
from bnexp.experiment.pace import Pace


@pytest.mark.parametrize(
    ("rows", "most", "step", "epochs", "seeds", "seconds"),
    [
        (3200, 15, 0.001, 15, 20, 62.0),  # 2 arms, 20 seeds, 100 steps: 4 s for an epoch, and 2 s to begin
        (3200, 15, 0.002, 11, 20, 90.0),
        (3200, 15, 0.005, 4, 20, 82.0),
        (3200, 15, 0.006, 7, 10, 86.0),  # three epochs of 20 seeds would be too short
        (3200, 15, 0.1, 4, 10, 802.0),  # too long all the same
        (320_000, 5, 0.001, 2, 10, 402.0),
        (16, 50, 0.001, 50, 20, 4.0),
    ],
)
def test_epochs_become_fewer_before_seeds_do(
    rows: int, most: int, step: float, epochs: int, seeds: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnexp.api.first_training.rough_pace", lambda *asked, at_once: Pace(1.0, step))
    chosen = first_training(rows)
    assert (chosen["epochs"], chosen["seeds"]) == (most, 20)
    found = afforded(experiment(training=chosen), rows, steps=rows // 32 or 1)
    assert found == Afforded(epochs, seeds, pytest.approx(seconds))


def test_a_single_row_has_a_first_training_too() -> None:
    assert first_training(1) == {"epochs": 50, "batch_size": 2, "seeds": 20}
