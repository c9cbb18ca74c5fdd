"""Trains the seeds one after the other with plain `model.fit`: the slow, obvious reference.

All numbers come from Keras's own training loop, metrics and callbacks, and
refreshed statistics from NumPy in float64. Only accuracies, which Keras gives
in float32, are counted in whole rows. What `many_seeds` shares with it:
the initial weights, the rows of each batch (`batches`), the names of losses
and metrics, and how many rows are evaluated at a time (`measures`).
"""

from __future__ import annotations

import math
import weakref
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.config.training import EarlyStopping, Training
from bnexp.data import Data
from bnexp.history import History, Watch, joined
from bnexp.metrics import higher_is_better, names
from bnexp.training import kept_rows, keras_statistics, measures
from bnexp.training.batches import OrderDigests, fed_rows
from bnexp.training.keras_rows import row_measures
from bnexp.training.memory import LARGEST_SHARD, memory_errors
from bnexp.training.optimizers import make_optimizer
from bnexp.training.record import Rows, Stacked, Trained

Part = tuple[NDArray[Any], NDArray[Any]]


def why_not(training: Training, model: keras.Sequential) -> str | None:
    """Return None: Keras trains all that it builds."""
    return None


def train(
    model: keras.Sequential,
    data: Data,
    trainings: Sequence[Training],
    seeds: tuple[int, ...],
    initial: Stacked,
    watch: Watch,
    *,
    largest_shard: int = LARGEST_SHARD,
) -> list[Trained]:
    """Train several experiments one after the other, each seed by itself, whatever the largest shard.

    `data` and `initial` have a row for each experiment and seed (`Engine.train`).
    """
    parts = [slice(start, start + len(seeds)) for start in range(0, len(trainings) * len(seeds), len(seeds))]
    return [
        train_keras_fit(model, data.of(part), training, seeds, [values[part] for values in initial], watch)
        for training, part in zip(trainings, parts, strict=True)
    ]


def train_keras_fit(
    model: keras.Sequential, data: Data, training: Training, seeds: tuple[int, ...], initial: Stacked, watch: Watch
) -> Trained:
    """Train one seed after the other and return their histories and final weights.

    Raises:
        MemoryError: if TensorFlow runs out of memory.
    """
    histories: list[History] = []
    rows: list[Rows] = []
    weights: list[list[NDArray[Any]]] = []
    digests, keeps = OrderDigests(seeds), kept_rows.keeps_measures(training, data, len(seeds))
    interrupted = False
    for row, seed in enumerate(seeds):
        for variable, values in zip(model.variables, initial, strict=True):
            variable.assign(values[row])
        recorder = _Recorder(seed, data, row, training, digests)
        with memory_errors():
            _fit(model, data, training, row, recorder, _Stop(recorder, histories, watch))
        histories.append(recorder.history())
        weights.append([variable.numpy() for variable in model.variables])
        rows += [_rows(model, data, row, training, histories[-1])] if keeps else []
        if recorder.interrupted:
            interrupted = row + 1 < len(seeds) or recorder.epochs < training.epochs
            break
    stacked = [np.stack(values) for values in zip(*weights, strict=True)]
    return Trained(joined(histories), stacked, digests.facts(), _stacked(rows) if keeps else {}, interrupted)


def _fit(model: keras.Sequential, data: Data, training: Training, row: int, recorder: _Recorder, stop: _Stop) -> None:
    """Fit one seed. Each epoch is recorded, then judged by Keras's early stopping, then shown to `watch`."""
    steps = data.steps(training.batch_size, training.drop_last)
    optimizer = make_optimizer(training, steps)
    optimizer.finalize_variable_values = _keep  # after the last epoch Keras would put in averages nobody measured
    typical_target = float(data.targets(row, data.train_SR[row]).mean(dtype="float64"))
    model.compile(
        optimizer=optimizer,
        loss=measures.LOSSES[data.task],
        metrics=measures.keras_metrics(data.task, typical_target),
    )
    _make_variables(model, *_part(data, row, data.train_SR[row][:1], "train"))
    model.fit(
        recorder.batches(),
        shuffle=False,  # they come in their own orders
        epochs=training.epochs,
        validation_data=_evaluated(data, row, "val"),
        callbacks=[_ValidationDrawsNothing(), recorder, *([recorder.stopping] if recorder.stopping else []), stop],
        verbose=0,
    )


def _make_variables(model: keras.Sequential, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Make the variables of optimizer and metrics, from one row: TensorFlow traces a step that makes any a second time.

    Measured, median of CPU time in turn: a seed of the tutorial's network begins in 0.7 of the time.
    """
    model.optimizer.build(model.trainable_variables)
    predicted = tf.zeros((1, *model.output_shape[1:]))
    model.compute_loss(x, y, predicted)
    model.compute_metrics(x, y, predicted)
    model.reset_metrics()


def _rows(model: keras.Sequential, data: Data, row: int, training: Training, history: History) -> Rows:
    """Return what each held-out row measures with the final weights of the seed in this row of the arrays."""
    found: Rows = {}
    for part in kept_rows.held_out(data):
        if training.refresh_statistics == "each_part":
            _refresh(model, data, row, part)
        with _nothing_drawn(model):
            batches = [model(x, training=False).numpy() for x, _ in _evaluated(data, row, part)]
        y_R = data.targets(row, data.parts[part][row])
        found[part] = row_measures(data.task, y_R, np.concatenate(batches))
        if model.losses:  # a penalty, which Keras adds to the loss of every row
            found[part]["loss"] += float(history.final(f"{part}_loss")[0]) - found[part]["loss"].mean()
    return found


def _stacked(rows: Sequence[Rows]) -> Rows:
    """Stack the measures of several seeds: part -> measure -> (S, R)."""
    return {
        part: {name: np.stack([one[part][name] for one in rows]) for name in measured}
        for part, measured in rows[0].items()
    }


def _refresh(model: keras.Sequential, data: Data, row: int, part: str) -> None:
    """Replace the model's moving statistics by those over the rows of a part."""
    batches = keras_statistics.batches(data.parts[part][row], measures.EVALUATED_ROWS)
    with _nothing_drawn(model):
        keras_statistics.refresh(model, (data.inputs(row, batch_R, part) for batch_R in batches))


def _keep(variables: list[keras.Variable]) -> None:
    """Leave the weights as the last epoch measured them."""


def _part(data: Data, row: int, rows_R: NDArray[np.int32], part: str) -> Part:
    return data.inputs(row, rows_R, part), np.asarray(measures.targets(data.task, data.targets(row, rows_R)))


def _evaluated(data: Data, row: int, part: str) -> tf.data.Dataset:
    size, rows_R = measures.EVALUATED_ROWS, data.parts[part][row]
    return _dataset(data, row, lambda: rows_R, size, steps=-(-len(rows_R) // size), part=part)


def _dataset(
    data: Data, row: int, rows_of: Callable[[], NDArray[np.int32]], size: int, *, steps: int, part: str = "train"
) -> tf.data.Dataset:
    """Yield rows of a part in batches, asking anew which in every epoch; only a batch at a time is in memory."""
    held = [(data, rows_of)]

    def batches() -> Iterator[Part]:
        ((own, rows_now),) = held
        rows_R = rows_now()
        for start in range(0, len(rows_R), size):
            yield _part(own, row, rows_R[start : start + size], part)

    signature = tuple(
        tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in _part(data, row, data.train_SR[row][:1], part)
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    weakref.finalize(dataset, held.clear)  # TensorFlow keeps every generator for good, and all that it holds
    return dataset.apply(tf.data.experimental.assert_cardinality(steps))


def _early_stopping(rule: EarlyStopping) -> keras.callbacks.EarlyStopping:
    mode = "max" if higher_is_better(rule.monitor) else "min"
    return keras.callbacks.EarlyStopping(
        rule.monitor, rule.min_delta, rule.patience, mode=mode, restore_best_weights=rule.restore_best
    )


class _Recorder(keras.callbacks.Callback):
    """Feeds a seed its own batch orders and records what Keras reports."""

    def __init__(self, seed: int, data: Data, row: int, training: Training, digests: OrderDigests) -> None:
        super().__init__()
        self.interrupted = False
        self.stopping = training.early_stopping and _early_stopping(training.early_stopping)
        self._seed, self._data, self._row, self._training, self._digests = seed, data, row, training, digests
        self._values: dict[str, array[float]] = {}
        self._evaluated: dict[str, tf.data.Dataset] = {}
        self._epoch = 0

    @property
    def epochs(self) -> int:
        """Return how many epochs have been recorded."""
        return len(self._values["loss"])

    @property
    def diverged(self) -> bool:
        """Return True if a loss of the last epoch is not finite."""
        return not all(math.isfinite(self._values[name][-1]) for name in ("loss", "val_loss"))

    def history(self) -> History:
        """Return what has been recorded so far."""
        metrics = {name: np.array(values)[None] for name, values in self._values.items()}
        best, diverged_at = {}, {}
        if self.stopping and self.stopping.restore_best_weights:
            best[self._seed] = self.stopping.best_epoch + 1
        if self.diverged:
            diverged_at[self._seed] = self.epochs
        return History((self._seed,), metrics, (self.epochs,), diverged_at, best)

    def batches(self) -> tf.data.Dataset:
        """Return the batches of one epoch, anew in the order of the current epoch each time Keras asks."""
        settings = self._training
        steps = self._data.steps(settings.batch_size, settings.drop_last)
        return _dataset(self._data, self._row, self._fed_rows, settings.batch_size, steps=steps)

    def _fed_rows(self) -> NDArray[np.int32]:
        rows_R, y_N = self._data.train_SR[self._row], self._data.rows.y_N
        fed_R = fed_rows(rows_R, y_N, self._seed, self._epoch, self._training)
        self._digests.add(self._row, fed_R)
        return fed_R

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note which epoch's order comes next."""
        self._epoch = epoch

    def on_test_begin(self, logs: Any = None) -> None:
        """Refresh the moving statistics before Keras validates."""
        if self._training.refresh_statistics:
            part = "val" if self._training.refresh_statistics == "each_part" else "train"
            _refresh(self.model, self._data, self._row, part)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch, and evaluate the other parts."""
        values = dict(logs or {})
        parts = self._data.evaluated(train=self._training.evaluate_train)
        for part in [part for part in parts if part != "val"]:  # which Keras has evaluated already
            if self._training.refresh_statistics == "each_part":
                _refresh(self.model, self._data, self._row, part)
            if part not in self._evaluated:
                self._evaluated[part] = _evaluated(self._data, self._row, part)
            with _nothing_drawn(self.model):
                evaluated = self.model.evaluate(self._evaluated[part], verbose=0, return_dict=True)
            values |= {f"{part}_{name}": value for name, value in evaluated.items()}
        if self._training.refresh_statistics == "each_part":
            # with these the next epoch's model, and the last one, is kept
            _refresh(self.model, self._data, self._row, "train")
        self._count_rows(values)
        self._in_own_unit(values)
        if logs is not None:
            logs.update({name: values[name] for name in logs})  # which early stopping reads next
        for name in names(self._data.task, list(parts)):
            self._values.setdefault(name, array("d")).append(float(values[name]))

    def _in_own_unit(self, values: dict[str, Any]) -> None:
        """Write absolute errors in the unit that the target had before it was scaled, and squared ones its square."""
        widths = self._data.view.target_width
        width = 1.0 if widths is None else float(widths[self._row, 0])
        for name in values:
            if name.endswith("mae"):
                values[name] = float(values[name]) * width
            elif name.endswith("mse"):
                values[name] = float(values[name]) * width**2

    def _count_rows(self, values: dict[str, float]) -> None:
        """Turn each accuracy, which Keras computes in float32, into the number of right rows over all rows."""
        counts = {f"{part}_accuracy": rows_SR.shape[1] for part, rows_SR in self._data.parts.items()}
        settings, fed = self._training, self._data.train_SR.shape[1]
        counts["accuracy"] = fed - fed % settings.batch_size if settings.drop_last else fed
        for name in counts.keys() & values.keys():
            if math.isfinite(values[name]):
                values[name] = round(values[name] * counts[name]) / counts[name]


@contextmanager
def _nothing_drawn(model: keras.Model) -> Iterator[None]:
    """Leave all random generators as they were: recurrent layers draw masks in evaluation too, and do not use them."""
    states = [(v, v.numpy()) for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
    yield
    for variable, state in states:
        variable.assign(state)


class _ValidationDrawsNothing(keras.callbacks.Callback):
    """Holds `_nothing_drawn` over the validation within `model.fit`."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Note where the generators stand."""
        self._validating = _nothing_drawn(self.model)
        self._validating.__enter__()

    def on_test_end(self, logs: Any = None) -> None:
        """Put them back there."""
        self._validating.__exit__(None, None, None)


class _Stop(keras.callbacks.Callback):
    """Reports each epoch, with the histories of the seeds before; stops if the seed diverged or `watch` asks to."""

    def __init__(self, recorder: _Recorder, before: Sequence[History], watch: Watch) -> None:
        super().__init__()
        self._recorder, self._before, self._watch = recorder, before, watch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop if there is a reason to."""
        self._recorder.interrupted = self._watch([*self._before, self._recorder.history()])
        if self._recorder.interrupted or self._recorder.diverged:
            self.model.stop_training = True
