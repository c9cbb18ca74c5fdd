"""Trains all seeds of an experiment at once, in one compiled program.

Every weight is one tensor stacked over seeds. One training step maps the
model over the seeds (`tf.vectorized_map` over `stateless_call`), sums their
losses, so that a single gradient gives each seed its own, and applies one
real Keras optimizer to the stacked weights. An epoch is one call of a pure
function from state to state, so the seeds can be cut into shards that run
side by side, a thread a core, through the same traced program.

`keras_fit` is the slow, obvious reference for all of this. The program itself
is in `program.py`.

Axes: S seeds, R rows of one part.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.training import devices, measures, memory
from bnexp.training.batches import OrderDigests, fed_rows
from bnexp.training.program import Program, State
from bnexp.training.record import Record, Stacked, Trained, Watch

Values = dict[str, NDArray[Any]]


def train_many_seeds(
    model: keras.Sequential, data: Data, training: Training, seeds: tuple[int, ...], initial: Stacked, watch: Watch
) -> Trained:
    """Train every seed and give its history and final weights.

    Exact for what `optimizers.why_not_stacked` does not object to: loss,
    metrics and weights agree with `keras_fit` to float32 rounding, noise
    layers in distribution.
    """
    workers, most = memory.plan(model, data, training)
    shards = _shards(len(seeds), workers, most)
    program = Program(model, data, training, shard_seeds=shards[0].size)
    states = [program.start([values[shard.rows] for values in initial]) for shard in shards]
    with _pool(workers) as pool:
        return _train(program, data, training, seeds, shards, states, watch, pool)


@dataclass(frozen=True)
class Shard:
    """Seeds that go through the program together: their rows in the arrays over all seeds.

    All shards have one size; the last one repeats its last seed to fill up,
    and only its first `kept` rows count.
    """

    rows: NDArray[np.int64]
    kept: int

    @property
    def size(self) -> int:
        """Count the rows, the repeated ones included."""
        return len(self.rows)


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads that an interruption does not wait for."""
    pool = ThreadPoolExecutor(workers, initializer=devices.run_beside_others)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _shards(seeds: int, workers: int, most: int) -> list[Shard]:
    """Cut the seeds into equal shards of at most so many: one a worker, or more where memory would not hold those."""
    most = min(-(-seeds // workers), most)
    rounds = -(-seeds // (most * workers))
    size = -(-seeds // (rounds * workers))
    return [
        Shard(np.minimum(np.arange(start, start + size), seeds - 1), min(size, seeds - start))
        for start in range(0, seeds, size)
    ]


def _train(
    program: Program,
    data: Data,
    training: Training,
    seeds: tuple[int, ...],
    shards: list[Shard],
    states: list[State],
    watch: Watch,
    pool: ThreadPoolExecutor,
) -> Trained:
    """Run epoch after epoch, all shards side by side, until every seed has stopped or `watch` asks to."""
    record = Record(seeds, training.early_stopping)
    digests = OrderDigests(seeds)
    ended: Stacked | None = None
    interrupted = False
    for epoch in range(training.epochs):
        order_SR = np.stack(
            [
                fed_rows(rows_R, seed, epoch, batch_size=training.batch_size, drop_last=training.drop_last)
                for rows_R, seed in zip(data.train_SR, seeds, strict=True)
            ]
        )
        for row in np.flatnonzero(record.training_S):
            digests.add(seeds[row], order_SR[row])
        one_epoch = functools.partial(_shard_epoch, program, data, training, order_SR)
        states, values = zip(*pool.map(one_epoch, shards, states), strict=True)
        kept_S = record.add(_joined(shards, values))
        if training.early_stopping is not None or record.diverged_at:
            ended = _replaced(ended, _weights(program, shards, states), kept_S)
        interrupted = watch(record.history())
        if interrupted or not record.training_S.any():
            break
    return Trained(record.history(), ended or _weights(program, shards, states), digests.facts(), interrupted)


def _shard_epoch(
    program: Program, data: Data, training: Training, order_SR: NDArray[np.int32], shard: Shard, state: State
) -> tuple[State, Values]:
    """Train one shard for one epoch and evaluate it; give the new state and each metric of Keras's history, (size,)."""
    view = data.view.of(shard.rows)
    state, running = program.train(state, order_SR[shard.rows], view)
    if training.refresh_statistics:
        state = program.refresh(state, data.train_SR[shard.rows], view)
    parts = data.evaluated(train=training.evaluate_train)
    evaluated = {part: rows_SR[shard.rows] for part, rows_SR in parts.items()}
    measured = program.evaluate(state, np.concatenate(list(evaluated.values()), axis=1), view)
    values = _with_r2(data, shard, order_SR[shard.rows], running)
    for part, rows_SR in evaluated.items():
        means = {name: value_SR[:, : rows_SR.shape[1]].mean(axis=1) for name, value_SR in measured.items()}
        measured = {name: value_SR[:, rows_SR.shape[1] :] for name, value_SR in measured.items()}
        values |= {f"{part}_{name}": value for name, value in _with_r2(data, shard, rows_SR, means).items()}
    return state, values


def _with_r2(data: Data, shard: Shard, rows_SR: NDArray[np.int32], means: Values) -> Values:
    """Add r2 to the means over these rows, each (size,), if they are a regression's."""
    if data.task != "regression":
        return means
    targets = [data.targets(row, rows_R) for row, rows_R in zip(shard.rows.tolist(), rows_SR, strict=True)]
    return measures.with_r2(means, np.stack(targets))


def _joined(shards: list[Shard], values: Iterable[Values]) -> Values:
    """Put the shards' values side by side: metric -> (S,)."""
    pairs = list(zip(shards, values, strict=True))
    return {name: np.concatenate([value[name][: shard.kept] for shard, value in pairs]) for name in pairs[0][1]}


def _weights(program: Program, shards: list[Shard], states: Iterable[State]) -> Stacked:
    """Give the values of `model.variables`, each stacked over all seeds."""
    parts = [
        [value[: shard.kept] for value in program.weights(state)] for shard, state in zip(shards, states, strict=True)
    ]
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def _replaced(old: Stacked | None, new: Stacked, which_S: NDArray[np.bool_]) -> Stacked:
    """Take the new weights for some seeds and keep the old ones for the others."""
    if old is None:
        return new
    for kept, fresh in zip(old, new, strict=True):
        kept[which_S] = fresh[which_S]
    return old
