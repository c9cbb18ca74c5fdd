"""Arms of a comparison, made by hand: histories with the accuracies that a test needs, and their records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from experiments import experiment

from bnexp.comparison import Arm
from bnexp.history import History
from bnexp.store import ComparedRecord

SEEDS = 10


def arm(
    name: str, accuracy_S: Any, *, seeds: int = SEEDS, diverged: dict[int, int] | None = None, **sections: Any
) -> Arm:
    """An arm of two epochs whose final validation accuracies are given."""
    config = experiment(training={"seeds": seeds, "epochs": 2, **sections.pop("training", {})}, **sections)
    last_S = np.asarray(accuracy_S, float)
    metrics = {
        "loss": np.stack([np.full(seeds, 0.9), 1 - last_S], axis=1),
        "val_loss": np.stack([np.full(seeds, 0.9), 1 - last_S], axis=1),
        "val_accuracy": np.stack([np.full(seeds, 0.5), last_S], axis=1),
    }
    history = History(tuple(range(seeds)), metrics, (2,) * seeds, diverged or {})
    digests = {str(seed): f"d{seed}" for seed in range(seeds)}
    record = {
        "seeds": seeds,
        "warnings": [],
        "seed_epoch_seconds": 0.1,
        "parameters": {"trainable": 100, "non_trainable": 0},
        "trainer": {"name": "many_seeds", "reason": None},
        "machine": {"system": "Linux", "cores": 2},
        "versions": {"keras": "3.15.1"},
        "dataset": {"task": "binary", "digest": "data", "guessing": {"train": 0.5, "val": 0.5}},
        "pairing": {
            "splits": {**digests},
            "batches": {"first_epoch": {**digests}, "all_epochs": {**digests}},
            "kernels": {"hidden_1/kernel": {**digests}, "output/kernel": {**digests}},
        },
    }
    return Arm(name, f"{name}-run", config, history, ComparedRecord.model_validate(record))


def spread(mean: float, deviation: float = 0.01, seed: int = 0, count: int = SEEDS) -> Any:
    return np.random.default_rng(seed).normal(mean, deviation, count)


BN = arm("bn", spread(0.9), model={"normalization": "batch"})
NOBN = arm("nobn", spread(0.8, seed=1), model={"normalization": "none"})


def changed(original: Arm, *path: str, to: Any) -> Arm:
    """An arm with one entry of its record changed."""
    record = original.record.as_json()
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return replace(original, record=ComparedRecord.model_validate(record))
