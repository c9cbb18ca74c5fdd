"""Trains the seeds one after the other with plain `model.fit`: the slow, obvious reference.

The same initial weights, the same batches and the same record as
`many_seeds`, from nothing but Keras's own training loop and callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.config.training import EarlyStopping, Training
from bnexp.data import Data
from bnexp.history import History, joined
from bnexp.metrics import higher_is_better, names
from bnexp.training import measures
from bnexp.training.batches import OrderDigests, fed_rows
from bnexp.training.memory import shortage_told
from bnexp.training.optimizers import make_optimizer
from bnexp.training.record import Record, Stacked, Trained, Watch
from bnexp.training.refresh import batch_statistics, equal_parts, moving_layers, refreshed_values

Part = tuple[NDArray[Any], NDArray[Any]]


def train_keras_fit(
    model: keras.Sequential, data: Data, training: Training, seeds: tuple[int, ...], initial: Stacked, watch: Watch
) -> Trained:
    """Train one seed after the other and give their histories and final weights.

    Raises:
        MemoryError: if TensorFlow runs out of memory.
    """
    histories: list[History] = []
    weights: list[list[NDArray[Any]]] = []
    digests = OrderDigests(seeds)
    interrupted = False

    def told(record: Record) -> bool:
        """Pass on the history so far of all seeds."""
        return watch(joined([*histories, record.history()]))

    for row, seed in enumerate(seeds):
        for variable, values in zip(model.variables, initial, strict=True):
            variable.assign(values[row])
        recorder = _Recorder(seed, data, row, training, digests, told)
        with shortage_told():
            _fit(model, data, training, row, recorder)
        histories.append(recorder.record.history())
        weights.append([variable.numpy() for variable in model.variables])
        if recorder.interrupted:
            (epochs,) = histories[-1].epochs_S
            interrupted = row + 1 < len(seeds) or epochs < training.epochs
            break
    stacked = [np.stack(values) for values in zip(*weights, strict=True)]
    return Trained(joined(histories), stacked, digests.facts(), interrupted)


def _fit(model: keras.Sequential, data: Data, training: Training, row: int, recorder: _Recorder) -> None:
    steps = data.steps(training.batch_size, training.drop_last)
    model.compile(
        optimizer=make_optimizer(training, steps),
        loss=measures.LOSSES[data.task],
        metrics=measures.keras_metrics(data.task),
    )
    model.fit(
        recorder.batches(),
        shuffle=False,  # they come in their own orders
        epochs=training.epochs,
        validation_data=_evaluated(data, row, "val"),
        callbacks=[recorder, *_early_stopping(training.early_stopping)],
        verbose=0,
    )


def _part(data: Data, row: int, rows_R: NDArray[np.int32], part: str) -> Part:
    return data.inputs(row, rows_R, part), np.asarray(measures.targets(data.task, data.targets(row, rows_R)))


def _evaluated(data: Data, row: int, part: str) -> tf.data.Dataset:
    size, rows_R = measures.EVALUATED_ROWS, data.parts[part][row]
    return _dataset(data, row, lambda: rows_R, size, steps=-(-len(rows_R) // size), part=part)


def _dataset(
    data: Data, row: int, rows_of: Callable[[], NDArray[np.int32]], size: int, *, steps: int, part: str = "train"
) -> tf.data.Dataset:
    """Give rows of a part in batches, asking anew which in every epoch; only a batch at a time is in memory."""

    def batches() -> Iterator[Part]:
        rows_R = rows_of()
        for start in range(0, len(rows_R), size):
            yield _part(data, row, rows_R[start : start + size], part)

    signature = tuple(
        tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in _part(data, row, data.train_SR[row][:1], part)
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(steps))


def _early_stopping(rule: EarlyStopping | None) -> list[keras.callbacks.Callback]:
    if rule is None:
        return []
    mode = "max" if higher_is_better(rule.monitor) else "min"
    return [
        keras.callbacks.EarlyStopping(
            rule.monitor, rule.min_delta, rule.patience, mode=mode, restore_best_weights=rule.restore_best
        )
    ]


class _Recorder(keras.callbacks.Callback):
    """Feeds a seed its own batch orders and records what Keras reports."""

    def __init__(
        self,
        seed: int,
        data: Data,
        row: int,
        training: Training,
        digests: OrderDigests,
        watch: Callable[[Record], bool],
    ) -> None:
        super().__init__()
        self.record = Record((seed,), training.early_stopping)
        self.interrupted = False
        self._seed, self._data, self._row, self._training, self._watch = seed, data, row, training, watch
        self._digests = digests
        self._epoch = 0

    def batches(self) -> tf.data.Dataset:
        """Give the batches of one epoch, anew in the order of the current epoch each time Keras asks."""
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
            self._refresh("val" if self._training.refresh_statistics == "each_part" else "train")

    def _refresh(self, part: str) -> None:
        model = self.model
        rows_R = self._data.parts[part][self._row]
        trainable = [variable.value for variable in model.trainable_variables]
        frozen = [variable.value for variable in model.non_trainable_variables]
        seen = partial(self._data.inputs, self._row, part=part)
        inputs = (tf.constant(seen(rows_R[piece])) for piece in equal_parts(len(rows_R)))
        parts = [batch_statistics(model, trainable, frozen, x) for x in inputs]
        values = refreshed_values(model, parts)
        for layer in moving_layers(model):
            layer.moving_mean.assign(values[id(layer.moving_mean)])
            layer.moving_variance.assign(values[id(layer.moving_variance)])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch, evaluate the training part, and stop where the seed diverged or the user asked to."""
        values = dict(logs or {})
        parts = self._data.evaluated(train=self._training.evaluate_train)
        for part in [part for part in parts if part != "val"]:  # which Keras has evaluated already
            if self._training.refresh_statistics == "each_part":
                self._refresh(part)
            rows = _evaluated(self._data, self._row, part)
            evaluated = self.model.evaluate(rows, verbose=0, return_dict=True)
            values |= {f"{part}_{name}": value for name, value in evaluated.items()}
        if self._training.refresh_statistics == "each_part":
            self._refresh("train")  # with which the next epoch's model, and the last one, is kept
        measured = names(self._data.task, list(parts))
        self.record.add({name: np.array([values[name]], "float64") for name in measured})
        self.interrupted = self._watch(self.record)
        if self.interrupted or self.record.diverged_at:
            self.model.stop_training = True
