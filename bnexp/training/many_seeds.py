"""Trains all seeds of one experiment, or of several similar ones, at once in one compiled program.

Every weight is one tensor stacked over seeds. One training step maps the model over the seeds (`tf.vectorized_map` over
`stateless_call`). It sums their losses, so that a single gradient contains each seed's own gradient. Then it applies
one real Keras optimizer to the stacked weights. An epoch is one call of a pure function from state to state. So the
seeds can be cut into shards, which run at the same time through the same traced program, in one thread for each core.

`keras_fit` is the slow, obvious reference for all of this. The program itself is in `program.py`.

Axes: S trainings (all seeds of the first experiment, then of the next), R rows of one part.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from bnexp.checkpoint import NOT_KEPT, Keeper, Snapshot
from bnexp.config.section import Task
from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.data.row_weights import row_weights
from bnexp.history import Watch
from bnexp.training import devices, kept_rows, mapping, measures, memory
from bnexp.training.batches import OrderDigests, fed_rows
from bnexp.training.epoch_metrics import metrics_of, of_part
from bnexp.training.program import Program, State
from bnexp.training.progress import Progress
from bnexp.training.record import Record, Rows, Stacked, Trained
from bnexp.training.shards import Shard, Values, cut, joined, replaced, updated
from bnexp.training.source import Source, sources

why_not = mapping.why_not
"""Part of `Engine`. If it has no objection, training is exact: loss, metrics and weights agree with `keras_fit` to
float32 rounding, and noise layers agree in distribution."""


def train(
    model: keras.Model,
    data: Data,
    trainings: Sequence[Training],
    seeds: tuple[int, ...],
    initial: Stacked,
    watch: Watch,
    *,
    largest_shard: int = memory.LARGEST_SHARD,
    keeper: Keeper = NOT_KEPT,
    before: Snapshot | None = None,
) -> list[Trained]:
    """Train the seeds of several experiments that share a program, and return one result for each.

    The experiments may differ in initial weights, in data of one shape, and in the initial learning rate. `data` and
    `initial` have a row for each experiment and seed: all seeds of the first experiment, then of the next.

    Raises:
        CheckpointError: if `before` belongs to other trainings, or to another machine.
        MemoryError: if TensorFlow runs out of memory.
    """
    count = len(trainings) * len(seeds)
    rates_S = np.repeat([one.learning_rate.initial for one in trainings], len(seeds)).astype("float32")
    record = Record(seeds * len(trainings), trainings[0].early_stopping)
    digests = OrderDigests(record.seeds)
    parts = [slice(start, start + len(seeds)) for start in range(0, count, len(seeds))]

    def watch_parts() -> bool:
        """Report each experiment's history; return True if training is to stop."""
        return watch([record.history(part) for part in parts])

    with memory.memory_errors():
        workers, most = memory.plan_shards(model, data, trainings[0], count, largest_shard)
        together = _together(model, data, trainings[0], cut(count, workers, most))
        progress = together.begun(initial, rates_S, record, digests, before)
        with _pool(workers) as pool:
            weights, rows, interrupted = together.train(progress, rates_S, digests, watch_parts, pool, keeper)
    return [
        Trained(
            record.history(part),
            [value[part] for value in weights],
            digests.facts(part),
            {name: {key: value[part] for key, value in measured.items()} for name, measured in rows.items()},
            interrupted,
        )
        for part in parts
    ]


def _together(model: keras.Model, data: Data, training: Training, shards: list[Shard]) -> _Together:
    steps = data.steps(training.batch_size, training.drop_last)
    program = _program(model, data.task, _but_the_rate(training), steps, shards[0].size)
    seeds = sum(shard.kept for shard in shards)
    kept = kept_rows.held_out(data) if kept_rows.keeps_measures(training, data, seeds) else []
    fed = sources(data, row_weights(data, training), [shard.rows for shard in shards])
    return _Together(program, data, training, shards, fed, kept)


@functools.lru_cache(maxsize=2)
def _program(model: keras.Model, task: Task, settings: str, steps_per_epoch: int, shard_seeds: int) -> Program:
    """Return the program; the same model and settings return the same program, because it is traced only once."""
    return Program(model, task, Training.model_validate_json(settings), steps_per_epoch, shard_seeds)


def _but_the_rate(training: Training) -> str:
    """Write the settings that a program depends on. The initial learning rate is not among them.

    Nor are the number of seeds and what is kept of them, so that more seeds need no new program.
    """
    neutral = {"seeds": 1, "save": "none", "keep_rows": False, "memory_limit": None, "class_weight": None}
    rate = training.learning_rate.model_copy(update={"initial": 1.0})
    return training.model_copy(update={"learning_rate": rate, **neutral}).model_dump_json()


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads; an interruption does not wait for them."""
    pool = ThreadPoolExecutor(workers, initializer=devices.run_beside_others)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Together:
    """Trainings that share a program, cut into shards, with the source that feeds each shard."""

    program: Program
    data: Data
    training: Training
    shards: list[Shard]
    sources: list[Source]
    kept_parts: Sequence[str]
    """Held-out parts whose measures are kept for each row."""

    def begun(
        self,
        initial: Stacked,
        rates_S: NDArray[np.float32],
        record: Record,
        digests: OrderDigests,
        before: Snapshot | None,
    ) -> Progress:
        """Return the progress before the first epoch or, with `before`, the progress that the checkpoint holds."""
        rows = [shard.rows for shard in self.shards]
        states = [self.program.start([values[row] for values in initial], rates_S[row]) for row in rows]
        progress = Progress(states, record)
        if before is not None:
            data, training = self.data, self.training
            progress.go_on(
                before,
                shards=self._layout,
                epochs=training.epochs,
                metrics=metrics_of(data, training),
                weights=initial,
                rows={part: data.parts[part].shape[1] for part in self.kept_parts},
            )
            self._feed_again(record, digests)
        return progress

    @property
    def _layout(self) -> list[list[int]]:
        """List for each shard its number of rows, and how many of them count."""
        return [[shard.size, shard.kept] for shard in self.shards]

    def _feed_again(self, record: Record, digests: OrderDigests) -> None:
        """Digest the rows of past epochs again; they are known, because they follow from seed and epoch."""
        for epoch in range(record.epochs):
            order_SR = self._order(record.seeds, epoch)
            for row in np.flatnonzero(record.epochs_S > epoch):
                digests.add(int(row), order_SR[row])

    def train(
        self,
        progress: Progress,
        rates_S: NDArray[np.float32],
        digests: OrderDigests,
        watch: Callable[[], bool],
        pool: ThreadPoolExecutor,
        keeper: Keeper,
    ) -> tuple[Stacked, Rows, bool]:
        """Run epochs, with all shards at the same time, until every training has stopped or `watch` asks for a stop.

        Return the final weights of each training, the measures of the held-out rows with these weights, and whether
        `watch` stopped a training before its end.
        """
        states, record = progress.states, progress.record
        interrupted = False
        for epoch in range(record.epochs, self.training.epochs):
            order_SR = self._order(record.seeds, epoch)
            for row in np.flatnonzero(record.training_S):
                digests.add(int(row), order_SR[row])
            found = list(pool.map(functools.partial(self._epoch, states, order_SR), range(len(states))))
            kept_S = record.add(joined(self.shards, [values for values, _ in found]))
            if self.training.early_stopping is not None or record.diverged_at:
                progress.ended = replaced(progress.ended, self._weights(states), kept_S)
                progress.measured = updated(progress.measured, self._of_rows(found), kept_S)
            asked, left = watch(), epoch + 1 < self.training.epochs and record.training_S.any()
            if left and keeper.checkpoint_due(progress.size):
                keeper.keep_checkpoint(progress.facts(self._layout, self.training.epochs), progress.arrays())
            interrupted = bool(asked and left)
            if asked or not left:
                break
        weights = progress.ended or self._weights(states)
        return weights, self._kept_rows(weights, rates_S, progress.measured or self._of_rows(found)), interrupted

    def _of_rows(self, found: Sequence[tuple[Values, Values]]) -> Values:
        """Return the measures of each held-out row in this epoch, (S, R); empty if they are not kept."""
        return joined(self.shards, [rows for _, rows in found])

    def _kept_rows(self, weights: Stacked, rates_S: NDArray[np.float32], measured: Values) -> Rows:
        """Return the measures of the held-out rows by part and, if kept, the predictions of each final model."""
        found: Rows = {}
        for name, value_SR in measured.items():
            part, _, measure = name.partition("_")
            found.setdefault(part, {})[measure] = value_SR
        if not kept_rows.keeps_predictions(self.training, self.data, len(rates_S)):
            return found
        for part in found:
            shards = zip(self.shards, self.sources, strict=True)
            predicted = [self._predicted(weights, rates_S, part, *each)[: each[0].kept] for each in shards]
            found[part]["predicted"] = np.concatenate(predicted)
        return found

    def _predicted(
        self, weights: Stacked, rates_S: NDArray[np.float32], part: str, shard: Shard, source: Source
    ) -> NDArray[np.float32]:
        rows_SR = self.data.parts[part][shard.rows]
        state = self.program.start([values[shard.rows] for values in weights], rates_S[shard.rows])
        if self.training.refresh_statistics == "each_part":
            state = self.program.refresh(state, rows_SR, source.of(part))
        return self.program.predict(state, rows_SR, source.of(part))

    def _order(self, seeds: tuple[int, ...], epoch: int) -> NDArray[np.int32]:
        """Return the rows that each training is fed in this epoch, (S, R)."""
        pairs = zip(self.data.train_SR, seeds, strict=True)
        y_N = self.data.rows.y_N
        return np.stack([fed_rows(rows_R, y_N, seed, epoch, self.training) for rows_R, seed in pairs])

    def _epoch(self, states: list[State], order_SR: NDArray[np.int32], number: int) -> tuple[Values, Values]:
        """Train one shard for one epoch and evaluate it; return each metric of Keras's history, (size,).

        The second result holds the measures of each held-out row, (size, R), if they are kept.

        The shard's new state replaces the old one at once, so that memory never holds two states of every shard.
        """
        data, shard, source = self.data, self.shards[number], self.sources[number]
        order_SR = order_SR[shard.rows]
        state, running = self.program.train(states[number], order_SR, source)
        if self.training.refresh_statistics:
            state = self.program.refresh(state, data.train_SR[shard.rows], source)
        states[number] = state
        parts = data.evaluated(train=self.training.evaluate_train)
        evaluated = {part: rows_SR[shard.rows] for part, rows_SR in parts.items()}
        values = _completed(data, shard, order_SR, running)
        rows: Values = {}
        for part, measured in self._evaluated(state, evaluated, source):
            if part in self.kept_parts:
                rows |= {f"{part}_{name}": measured[name] for name in kept_rows.MEASURES if name in measured}
            computed = of_part(self.training.epoch_metrics, data.rows.y_N[evaluated[part]], measured)
            means = {name: value_SR.mean(axis=1) for name, value_SR in measured.items()}
            means = _completed(data, shard, evaluated[part], means) | computed
            values |= {f"{part}_{name}": value for name, value in means.items()}
        return {name: values[name] for name in metrics_of(data, self.training)}, rows

    def _evaluated(
        self, state: State, parts: dict[str, NDArray[np.int32]], source: Source
    ) -> Iterator[tuple[str, Values]]:
        """Yield each part's measures, (size, R), with the part's own statistics if each part has its own."""
        if self.training.refresh_statistics != "each_part":
            yield from self.program.evaluate(state, parts, source).items()
            return
        for part, rows_SR in parts.items():
            fit = self.program.refresh(state, rows_SR, source.of(part))
            yield from self.program.evaluate(fit, {part: rows_SR}, source).items()

    def _weights(self, states: Iterable[State]) -> Stacked:
        """Return the values of `model.variables`, each stacked over all trainings."""
        pairs = zip(self.shards, states, strict=True)
        parts = [[value[: shard.kept] for value in self.program.weights(state)] for shard, state in pairs]
        return [np.concatenate(values) for values in zip(*parts, strict=True)]


def _completed(data: Data, shard: Shard, rows_SR: NDArray[np.int32], means: Values) -> Values:
    """Return the means over these rows, each (size,), with exact accuracies or, for a regression, r2 and errors."""
    if data.task != "regression":
        return measures.in_whole_rows(means, rows_SR.shape[1])
    targets = [data.targets(row, rows_R) for row, rows_R in zip(shard.rows.tolist(), rows_SR, strict=True)]
    means, width = measures.with_r2(means, np.stack(targets)), data.preprocessing.target_width
    return means if width is None else measures.in_target_unit(means, width[shard.rows, 0].astype("float64"))
