"""Arms of a comparison, made by hand: histories with the accuracies that a test needs, and their records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from experiments import experiment

from bnexp.comparison import Arm
from bnexp.held_out import HeldOut, PartRows
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


def measured(name: str, right_SR: np.ndarray, *, groups: np.ndarray | None = None, own_rows: bool = False) -> Arm:
    """Return an arm that is right in these rows, with the accuracies that go with them."""
    seeds, rows = right_SR.shape
    rows_SR = np.arange(rows, dtype="int32") + (np.arange(seeds, dtype="int32")[:, None] if own_rows else 0)
    rows_SR = np.broadcast_to(rows_SR, right_SR.shape)
    measures = {"accuracy": right_SR, "loss": (1 - right_SR).astype("float32")}
    groups_SR = None if groups is None else np.broadcast_to(groups, right_SR.shape)
    part = PartRows(rows_SR, np.ones_like(right_SR, "float32"), groups_SR, np.ones_like(right_SR), measures)
    plain = arm(name, right_SR.mean(axis=1).tolist(), seeds=seeds)
    return replace(plain, held_out=HeldOut(tuple(range(seeds)), {"val": part}))


def answered(name: str, right_SR: np.ndarray, target_R: np.ndarray) -> Arm:
    """Return an arm of two classes that is right in these rows, with the probabilities that it gives."""
    one = measured(name, right_SR)
    assert one.held_out is not None
    part = one.held_out.parts["val"]
    target_SR = np.broadcast_to(target_R, right_SR.shape)
    predicted_SR = np.where(right_SR, target_SR, 1 - target_SR) * 0.8 + 0.1
    rows = replace(part, target_SR=target_SR, measures={**part.measures, "predicted": predicted_SR})
    return replace(one, held_out=HeldOut(one.held_out.seeds, {"val": rows}))


def rows_right(share: float, *, hard: float = 0.0, seeds: int = 12, rows: int = 400, draw: int = 0) -> np.ndarray:
    """Draw which rows are right; `hard` is how much rows differ in how often they are."""
    generator = np.random.default_rng(draw)
    chance_R = np.clip(share + hard * generator.standard_normal(rows), 0, 1)
    return generator.random((seeds, rows)) < chance_R
