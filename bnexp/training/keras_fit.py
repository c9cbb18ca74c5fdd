"""Trains the seeds one after the other with plain `model.fit`: the slow, obvious reference.

All numbers come from Keras's own training loop, metrics and callbacks, and refreshed statistics from NumPy in float64.
Only accuracies are changed: Keras gives them in float32, and they are rounded to whole numbers of rows.

Both trainers share these facts: the initial weights; the rows of each batch (`batches`); inputs and targets after
preprocessing (`Data`, `measures.targets`); the optimizer with its options and schedule (`optimizers`); the names of
losses and metrics; how many rows are evaluated at a time (`measures`); which measures of held-out rows are kept
(`kept_rows`). `tests/eager_loop.py` checks both trainers: it orders batches, scales inputs, makes optimizers and
computes rates on its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.checkpoint import NOT_KEPT, Keeper, Snapshot
from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.history import History, Watch, joined
from bnexp.models.head import LOSSES
from bnexp.training import kept_rows, measures
from bnexp.training.batches import OrderDigests
from bnexp.training.epoch_metrics import metrics_of
from bnexp.training.keras_batches import evaluated, part_of
from bnexp.training.keras_generators import ValidationDrawsNothing
from bnexp.training.keras_progress import AtWork, Done
from bnexp.training.keras_recorder import Recorder, predictions
from bnexp.training.keras_rows import row_measures
from bnexp.training.memory import LARGEST_SHARD, memory_errors
from bnexp.training.optimizers import make_optimizer
from bnexp.training.record import Rows, Stacked, Trained


def why_not(training: Training, model: keras.Model) -> str | None:
    """Return None, because Keras can train every model that it can build."""
    return None


def train(
    model: keras.Model,
    data: Data,
    trainings: Sequence[Training],
    seeds: tuple[int, ...],
    initial: Stacked,
    watch: Watch,
    *,
    largest_shard: int = LARGEST_SHARD,
    keeper: Keeper = NOT_KEPT,
    before: Snapshot | None = None,
) -> list[Trained]:
    """Train several experiments one after the other, each seed alone; `largest_shard` has no effect.

    `data` and `initial` have a row for each experiment and seed (`Engine.train`). Checkpoints are written only if
    there is a single experiment.
    """
    parts = [slice(start, start + len(seeds)) for start in range(0, len(trainings) * len(seeds), len(seeds))]
    keeper = keeper if len(trainings) == 1 else NOT_KEPT
    return [
        train_keras_fit(
            model, data.of(part), training, seeds, [values[part] for values in initial], watch, keeper, before
        )
        for training, part in zip(trainings, parts, strict=True)
    ]


def train_keras_fit(
    model: keras.Model,
    data: Data,
    training: Training,
    seeds: tuple[int, ...],
    initial: Stacked,
    watch: Watch,
    keeper: Keeper = NOT_KEPT,
    before: Snapshot | None = None,
) -> Trained:
    """Train one seed after the other and return their histories and final weights.

    A checkpoint holds the finished seeds, and the state of the current seed after an epoch.

    Raises:
        CheckpointError: if `before` belongs to other trainings.
        MemoryError: if TensorFlow runs out of memory.
    """
    variables = model.variables  # in the order of `initial`
    model = keras.Model(
        model.inputs[0], model.outputs[0], name=model.name
    )  # a copy, because a compiled model is saved with its optimizer
    digests, keeps = OrderDigests(seeds), kept_rows.keeps_measures(training, data, len(seeds))
    done, interrupted = Done(), False
    if before is not None:
        _go_on(done, before, model, data, training, seeds, digests)
    for row in range(len(done.histories), len(seeds)):
        for variable, values in zip(variables, initial, strict=True):
            variable.assign(values[row])
        recorder = Recorder(seeds[row], data, row, training, digests)
        with memory_errors():
            _fit(model, data, training, row, recorder, _Stop(recorder, done, seeds, watch, keeper), before)
        before = None
        done.histories.append(recorder.history())
        done.weights.append([variable.numpy() for variable in variables])
        done.rows += [_rows(model, data, row, training, done.histories[-1])] if keeps else []
        left = row + 1 < len(seeds)
        if left and recorder.ended and keeper.checkpoint_due(done.size):
            keeper.keep_checkpoint(done.facts(seeds, training.epochs), done.arrays())
        if recorder.interrupted:
            interrupted = left or not recorder.ended
            break
    stacked = [np.stack(values) for values in zip(*done.weights, strict=True)]
    rows = _stacked(done.rows) if keeps else {}
    return Trained(joined(done.histories), stacked, digests.facts(), rows, interrupted)


def _go_on(
    done: Done,
    before: Snapshot,
    model: keras.Model,
    data: Data,
    training: Training,
    seeds: tuple[int, ...],
    digests: OrderDigests,
) -> None:
    """Restore the finished seeds of a checkpoint, and digest the rows that they were fed."""
    keeps = kept_rows.keeps_measures(training, data, len(seeds))
    done.go_on(
        before,
        seeds=seeds,
        epochs=training.epochs,
        metrics=metrics_of(data, training),
        model=model,
        held_out={part: data.parts[part].shape[1] for part in kept_rows.held_out(data)} if keeps else {},
    )
    for row, history in enumerate(done.histories):
        Recorder(seeds[row], data, row, training, digests).feed_again(history.epochs_S[0])


def _fit(
    model: keras.Model,
    data: Data,
    training: Training,
    row: int,
    recorder: Recorder,
    stop: _Stop,
    before: Snapshot | None,
) -> None:
    """Fit one seed. Each epoch is recorded, then judged by Keras's early stopping, then reported to `watch`."""
    steps = data.steps(training.batch_size, training.drop_last)
    optimizer = make_optimizer(training, steps)
    optimizer.finalize_variable_values = _keep  # after the last epoch Keras would assign averaged weights, unmeasured
    typical_target = float(data.targets(row, data.train_SR[row]).mean(dtype="float64"))
    model.compile(
        optimizer=optimizer,
        loss=LOSSES[data.task],
        metrics=measures.keras_metrics(data.task, typical_target),
    )
    _make_variables(model, *part_of(data, row, data.train_SR[row][:1], "train"))
    callbacks = [ValidationDrawsNothing(), recorder, *([recorder.stopping] if recorder.stopping else []), stop]
    if before is not None and (epoch := before.epochs("epoch", training.epochs)):
        callbacks += recorder.go_on(before, epoch)
        AtWork(model, recorder.stopping).go_on(before)
    model.fit(
        recorder.batches(),
        shuffle=False,  # the batches are already in order
        initial_epoch=recorder.epochs,
        epochs=training.epochs,
        validation_data=evaluated(data, row, "val"),
        callbacks=callbacks,
        verbose=0,
    )


def _make_variables(model: keras.Model, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Make the variables of optimizer and metrics with one row, because a step that makes them is traced twice.

    With this, a seed of the common tutorial's network starts in 0.7 of the time (median CPU time of alternating runs).
    """
    model.optimizer.build(model.trainable_variables)
    predicted = tf.zeros((1, *model.output_shape[1:]))
    model._clear_losses()  # penalties from an earlier traced graph are no numbers
    model.compute_loss(x, y, predicted)
    model.compute_metrics(x, y, predicted)
    model.reset_metrics()


def _rows(model: keras.Model, data: Data, row: int, training: Training, history: History) -> Rows:
    """Return the measures of each held-out row with the final weights of the seed at position `row`."""
    found: Rows = {}
    for part in kept_rows.held_out(data):
        y_R = data.targets(row, data.parts[part][row])
        found[part] = row_measures(data.task, y_R, predictions(model, data, row, part, training))
        if model.losses:  # a penalty, which Keras adds to the loss of every row
            found[part]["loss"] += float(history.final(f"{part}_loss")[0]) - found[part]["loss"].mean()
    return found


def _stacked(rows: Sequence[Rows]) -> Rows:
    """Stack the measures of several seeds: part -> measure -> (S, R)."""
    return {
        part: {name: np.stack([one[part][name] for one in rows]) for name in measured}
        for part, measured in rows[0].items()
    }


def _keep(variables: list[keras.Variable]) -> None:
    """Leave the weights as they were when the last epoch was measured."""


class _Stop(keras.callbacks.Callback):
    """Reports each epoch with the histories of earlier seeds; stops if the seed diverged or `watch` asks for a stop.

    A checkpoint is written after all other callbacks have handled the epoch.
    """

    def __init__(self, recorder: Recorder, done: Done, seeds: tuple[int, ...], watch: Watch, keeper: Keeper) -> None:
        super().__init__()
        self._recorder, self._done, self._seeds, self._watch, self._keeper = recorder, done, seeds, watch, keeper

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report the epoch, write a checkpoint if one is due, and stop if there is a reason."""
        recorder = self._recorder
        last = epoch + 1 == self.params["epochs"]
        recorder.interrupted = self._watch([*self._done.histories, recorder.history()])
        recorder.ended = last or recorder.diverged or self.model.stop_training  # by early stopping
        if not recorder.ended:
            self._keep(epoch + 1)
        if recorder.interrupted or recorder.diverged:
            self.model.stop_training = True

    def _keep(self, epochs: int) -> None:
        """Write a checkpoint if one is due."""
        done, at_work = self._done, AtWork(self.model, self._recorder.stopping)
        if self._keeper.checkpoint_due(lambda: done.size() + at_work.size()):
            facts = {**done.facts(self._seeds, self.params["epochs"]), **at_work.facts(epochs)}
            values = iter([("values", self._recorder.values())])
            self._keeper.keep_checkpoint(facts, itertools.chain(done.arrays(), at_work.arrays(), values))
