"""A batch whose weights memory does not hold at once is trained in waves, to the same end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import slow
from experiments import weights_of_two

from bnexp.experiment.batch import BatchObserver, Prepared, train
from bnexp.experiment.measurement import measured
from bnexp.experiment.prepare import built_for, prepared
from bnexp.experiment.run import train_experiment
from bnexp.history import History, joined


def never(so_far: Sequence[History]) -> bool:
    return False


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
@pytest.mark.parametrize("settings", [slow({}), {"early_stopping": {"patience": 1}}])
def test_seeds_whose_weights_do_not_fit_together_train_in_waves_to_the_same_end(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    at_once, in_waves = (train_experiment(one, tmp_path, watch=never) for one in weights_of_two(**settings))
    for name, expected in at_once.history.metrics.items():
        np.testing.assert_allclose(in_waves.history.metrics[name], expected, rtol=1e-5, atol=1e-7, err_msg=name)
    assert in_waves.history.seeds == (0, 1, 2, 3, 4)
    assert in_waves.history.epochs_S == at_once.history.epochs_S
    assert in_waves.record.pairing == at_once.record.pairing
    assert in_waves.record.status == "finished"
    best = [json.loads((one.run.directory / "inputs.json").read_text())["seed"] for one in (in_waves, at_once)]
    assert best == [int(np.argmin(at_once.history.final("val_loss")))] * 2
    kept = (in_waves.run.directory / "model.keras").read_bytes()
    assert in_waves.record.models == {"model.keras": hashlib.sha256(kept).hexdigest()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
def test_who_stops_in_a_later_wave_keeps_the_seeds_of_the_waves_before(tmp_path: Path) -> None:
    _, config = weights_of_two(save="all")
    done = train_experiment(config, tmp_path, watch=lambda so_far: sum(len(history.seeds) for history in so_far) == 4)
    assert done.history.epochs_S == (3, 3, 1, 1)
    assert done.record.status == "interrupted"
    assert sorted(done.record.models) == [f"model-{seed}.keras" for seed in range(4)]


@pytest.mark.slow
def test_who_stops_at_the_end_of_a_wave_has_no_further_one(tmp_path: Path) -> None:
    _, config = weights_of_two(save="none")
    done = train_experiment(config, tmp_path, watch=lambda so_far: joined(so_far).epochs_S == (3, 3))
    assert (done.history.epochs_S, done.record.status) == ((3, 3), "interrupted")


def test_who_stops_while_one_experiment_is_trained_begins_no_other() -> None:
    class Stopping(BatchObserver):
        """Asks to stop at the end of the first epoch."""

        def epoch_ended(self, so_far: Sequence[History]) -> bool:
            return True

    _, config = weights_of_two(save="none")
    data = prepared(config, (0, 1))
    batch = [Prepared(one, data, built_for(one, data)) for one in (config, config)]
    assert [history.epochs_S for history in train(batch, (0, 1))] == [(3, 3), (3, 3)], "one after the other"
    assert [history.epochs_S for history in train(batch, (0, 1), Stopping())] == [(1, 1)]


@pytest.mark.slow
def test_in_a_study_seeds_train_in_waves_too() -> None:
    whole, cut = (measured([config], tuple(range(5))) for config in weights_of_two())
    for name, expected in whole[0].history.metrics.items():
        np.testing.assert_allclose(cut[0].history.metrics[name], expected, rtol=1e-5, atol=1e-7, err_msg=name)
    assert cut[0].steps == whole[0].steps
