"""Random models through both trainers and an eager loop that shares nothing with them: three opinions, one truth."""

from __future__ import annotations

from typing import Any

import eager_loop
import numpy as np
import pytest
from cases import slow
from experiments import build_for, train_many_seeds
from random_models import random_experiment

from bnexp.config import Experiment
from bnexp.data import Data, prepare
from bnexp.training import engine_name, memory
from bnexp.training.keras_fit import train_keras_fit

SEEDS = (0, 1, 2)
SEED = 1
CLOSE = 2e-3
"""Of a loss, after three epochs in float32: rounding of one step is carried on by all that follow."""

ROUNDING = 1e-7
"""Relative size of a rounding of float32."""


def split_rows(data: Data) -> dict[str, eager_loop.Part]:
    """Return the rows of each part of SEED, unscaled."""
    rows = data.rows
    return {part: (rows.x[rows_SR[SEED]], rows.y_N[rows_SR[SEED]]) for part, rows_SR in data.parts.items()}


def distance(found: Any, wanted: Any) -> float:
    """Return the largest relative difference of losses; what overflows float32 in one must do so in the other."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    with np.errstate(over="ignore"):
        finite = np.isfinite(wanted.astype("float32"))  # what the trainers measure in
    if (np.isfinite(found) != finite).any():
        return np.inf
    scale = np.maximum(np.abs(wanted[finite]), 0.05)
    return float(np.max(np.abs(found - wanted)[finite] / scale, initial=0.0))


def sensitivity(config: dict[str, Any], task: str, parts: Any, initial: Any, history: dict[str, list[float]]) -> float:
    """Return how far losses move when the eager loop begins from weights that are rounded otherwise, three times."""
    generator, moved = np.random.default_rng(0), 0.0
    for _ in range(3):
        factors = [1 + ROUNDING * generator.standard_normal(values.shape) for values in initial]
        others = [(values * by).astype(values.dtype) for values, by in zip(initial, factors, strict=True)]
        again, _ = eager_loop.train(config, task, parts, others, SEED)
        losses = [name for name in history if not name.endswith("accuracy")]
        moved = max(
            moved, *(distance(again[name], history[name]) for name in losses if len(again[name]) == len(history[name]))
        )
    return moved


def check(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the trainers that this experiment may use with the eager loop, in shards of two seeds and more."""
    monkeypatch.setattr(memory, "plan_shards", lambda *_: (2, 2))
    config = Experiment.model_validate(random_experiment(number))
    data = prepare(config.dataset, SEEDS)
    built = build_for(config, data)
    parts, initial = split_rows(data), [values[0] for values in built.initial.draw((SEED,))]
    history, kept = eager_loop.train(config.model_dump(), data.task, parts, initial, SEED)
    stacked = engine_name(config.training, built.model)[0] == "many_seeds"
    for trainer, seeds in ((train_many_seeds, SEEDS),) * stacked + ((train_keras_fit, (SEED,)),):
        own = data if seeds == SEEDS else data.of(slice(SEED, SEED + 1))
        outcome = trainer(built.model, own, config.training, seeds, built.initial.draw(seeds), lambda so_far: False)
        seen, distances = outcome.history.of((SEED,)), dict[str, float]()
        assert (seen.epochs_S, seen.kept_S) == ((len(history["loss"]),), (kept,))
        assert set(seen.metrics) == set(history)
        for name, wanted in history.items():
            found = seen.metrics[name][0][: len(wanted)]
            if name.endswith("accuracy"):  # a row at the edge may fall on either side
                rows = len(parts[name.rpartition("_")[0] or "train"][1])
                apart = np.abs(found - wanted)[np.isfinite(wanted)]  # NaN has no class
                assert (apart < 2.5 / rows).all(), (name, found, wanted)
            else:
                distances[name] = distance(found, wanted)
        weights = [value[seeds.index(SEED)] for value in outcome.weights]
        loss = eager_loop.validation_loss(config.model_dump(), data.task, parts, weights)
        distances["val_loss of the weights that are kept"] = distance([loss], [history["val_loss"][kept - 1]])
        if max(distances.values()) >= CLOSE:  # only where rounding alone moves the losses as far
            assert max(distances.values()) <= 2 * sensitivity(
                config.model_dump(), data.task, parts, initial, history
            ), distances


@pytest.mark.parametrize("number", [slow(3), 11, slow(19), slow(7), slow(23), slow(31)])
def test_both_trainers_agree_with_an_eager_loop_that_shares_nothing_with_them(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(number, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1000, 1300))
def test_three_hundred_random_models_agree(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check(number, monkeypatch)
