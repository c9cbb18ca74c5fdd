"""Random models through both trainers and an eager loop that shares nothing with them: three opinions, one truth."""

from __future__ import annotations

from typing import Any

import eager_loop
import numpy as np
import pytest
from experiments import build_for
from random_models import random_experiment

from bnexp.config import Experiment
from bnexp.data import Data, prepare
from bnexp.models import Built
from bnexp.training import memory, trainer_of
from bnexp.training.keras_fit import train_keras_fit
from bnexp.training.many_seeds import train_many_seeds
from bnexp.training.record import Trained

SEEDS = (0, 1, 2)
SEED = 1
SAMPLE = (3, 7, 11, 19, 23, 31)
CLOSE = 2e-3
"""Of a loss, after three epochs in float32: rounding of one step is carried on by all that follow."""


def expected(config: Experiment, data: Data, built: Built) -> tuple[dict[str, list[float]], list[Any], int]:
    """Train one seed by the eager loop."""
    view, rows = data.view, data.rows
    targets = {part: data.targets(SEED, rows_SR[SEED]).astype("float64") for part, rows_SR in data.parts.items()}
    assert view.ids is None
    parts = {part: (rows.x[rows_SR[SEED]], targets[part]) for part, rows_SR in data.parts.items()}
    initial = [values[0] for values in built.initial.draw((SEED,))]
    return eager_loop.train(config.model_dump(), data.task, parts, initial, SEED)


def assert_agree(outcome: Trained, wanted: tuple[dict[str, list[float]], list[Any], int], rows: dict[str, int]) -> None:
    history, weights, epoch = wanted
    seen = outcome.history.of((SEED,))
    assert seen.epochs_S == (len(history["loss"]),)
    assert seen.kept_S == (epoch,)
    assert set(seen.metrics) == set(history)
    for name, values in history.items():
        kind, count = name.rpartition("_")[2], rows[name.rpartition("_")[0] or "train"]
        found = seen.metrics[name][0][: len(values)]
        if kind == "accuracy":  # a row at the edge may fall on either side
            assert np.abs(found - values).max() < 2.5 / count, name
        else:
            scale = np.maximum(np.abs(values), 0.05)
            assert (np.abs(found - values) / scale).max() < CLOSE, (name, found, values)
    for value, right in zip(outcome.weights, weights, strict=True):
        mine = value[outcome.history.seeds.index(SEED)]
        np.testing.assert_allclose(mine, right, rtol=0.02, atol=0.02 * max(1e-3, float(np.abs(right).max())))


def check(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the trainers that this experiment may use with the eager loop, in shards of two seeds and more."""
    monkeypatch.setattr(memory, "plan", lambda *_: (2, 2))
    config = Experiment.model_validate(random_experiment(number))
    data = prepare(config.dataset, SEEDS)
    built = build_for(config, data)
    wanted = expected(config, data, built)
    rows = {part: rows_SR.shape[1] for part, rows_SR in data.parts.items()}
    stacked = trainer_of(config.training, built.model)[0] == "many_seeds"
    for trainer, seeds in ((train_many_seeds, SEEDS),) * stacked + ((train_keras_fit, (SEED,)),):
        start = built.initial.draw(seeds)
        own = data if seeds == SEEDS else data.of(slice(SEED, SEED + 1))
        assert_agree(trainer(built.model, own, config.training, seeds, start, lambda so_far: False), wanted, rows)


@pytest.mark.parametrize("number", SAMPLE)
def test_both_trainers_agree_with_an_eager_loop_that_shares_nothing_with_them(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(number, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1000, 1300))
def test_three_hundred_random_models_agree(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check(number, monkeypatch)
