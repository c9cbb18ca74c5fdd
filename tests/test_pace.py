"""What a training costs is timed by two of its epochs."""

from __future__ import annotations

import pytest
from experiments import experiment, weights_of_two

from bnexp.experiment.pace import pace


@pytest.mark.parametrize("trainer", ["many_seeds", "keras_fit"])
def test_a_trial_is_two_epochs_of_the_first_wave(trainer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, config = weights_of_two(epochs=40, trainer=trainer)
    fed = []
    monkeypatch.setattr("bnexp.training.batches.OrderDigests.add", lambda digests, row, rows_R: fed.append(row))
    assert pace([config, config], tuple(range(5))).step > 0
    assert sorted(fed) == ([0, 0, 1, 1] if trainer == "many_seeds" else [0, 0])


def test_a_trial_of_a_single_epoch_does_not_take_the_tracing_for_steps() -> None:
    config = experiment(model={"hidden": [7, 9]}, training={"epochs": 1, "seeds": 2})  # of its own: no program is kept
    found = pace([config], (0, 1))
    assert found.start > found.step > 0
