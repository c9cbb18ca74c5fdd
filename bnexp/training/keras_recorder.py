"""What the reference trainer feeds to a seed, and what it records at each epoch.

Axes: M metrics, E epochs, R rows of one part.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.checkpoint import Snapshot
from bnexp.config.training import EarlyStopping, Training
from bnexp.data import Data
from bnexp.history import History
from bnexp.metrics import higher_is_better
from bnexp.training import kept_rows, keras_statistics, measures
from bnexp.training.batches import OrderDigests, fed_rows
from bnexp.training.epoch_metrics import metrics_of
from bnexp.training.keras_batches import dataset, evaluated, sample_weights
from bnexp.training.keras_generators import nothing_drawn
from bnexp.training.keras_progress import Remembers
from bnexp.training.keras_scores import score


def refresh(model: keras.Model, data: Data, row: int, part: str) -> None:
    """Replace the model's moving averages by the statistics over the rows of a part."""
    size = measures.evaluated_rows(data.rows.x.shape[1:])
    batches = keras_statistics.batches(data.parts[part][row], size)
    with nothing_drawn(model):
        keras_statistics.refresh(model, (data.inputs(row, batch_R, part) for batch_R in batches))


def predictions(model: keras.Model, data: Data, row: int, part: str, training: Training) -> NDArray[np.float32]:
    """Return what the model predicts in inference mode for the rows of a part: (R, C), or (R, 1) for two classes."""
    if training.refresh_statistics == "each_part":
        refresh(model, data, row, part)
    with nothing_drawn(model):
        return np.concatenate([model(x, training=False).numpy() for x, _ in evaluated(data, row, part)])


def early_stopping(rule: EarlyStopping) -> keras.callbacks.EarlyStopping:
    """Return Keras's own early-stopping callback with this rule."""
    mode = "max" if higher_is_better(rule.monitor) else "min"
    return keras.callbacks.EarlyStopping(
        rule.monitor, rule.min_delta, rule.patience, mode=mode, restore_best_weights=rule.restore_best
    )


class Recorder(keras.callbacks.Callback):
    """Feeds a seed its own batch orders and records what Keras reports."""

    def __init__(self, seed: int, data: Data, row: int, training: Training, digests: OrderDigests) -> None:
        super().__init__()
        self.interrupted = self.ended = False
        self.stopping = training.early_stopping and early_stopping(training.early_stopping)
        self._seed, self._data, self._row, self._training, self._digests = seed, data, row, training, digests
        self._values: dict[str, array[float]] = {}
        self._evaluated: dict[str, tf.data.Dataset] = {}
        self._epoch = 0

    @property
    def epochs(self) -> int:
        """Return how many epochs have been recorded."""
        return len(self._values.get("loss", ()))

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

    def values(self) -> NDArray[np.float64]:
        """Return what has been recorded so far, (M, E), as a checkpoint holds it."""
        return np.array([*self._values.values()])

    def go_on(self, snapshot: Snapshot, epochs: int) -> list[keras.callbacks.Callback]:
        """Restore the values of these epochs from a checkpoint; return the callbacks that restore early stopping."""
        metrics = metrics_of(self._data, self._training)
        values_ME = snapshot.take("values", np.empty((len(metrics), epochs)))
        self._values = {name: array("d", values_E) for name, values_E in zip(metrics, values_ME, strict=True)}
        self.feed_again(epochs)
        return [Remembers(self.stopping, snapshot, self._training.epochs)] if self.stopping else []

    def feed_again(self, epochs: int) -> None:
        """Digest the rows of past epochs again; they are known, because they follow from seed and epoch."""
        for self._epoch in range(epochs):
            self._fed_rows()

    def batches(self) -> tf.data.Dataset:
        """Return the batches of one epoch. Each time Keras reads them, they have the current epoch's order."""
        settings = self._training
        steps = self._data.steps(settings.batch_size, settings.drop_last)
        weight_N = sample_weights(self._data, self._row, settings)
        return dataset(self._data, self._row, self._fed_rows, settings.batch_size, steps=steps, weight_N=weight_N)

    def _fed_rows(self) -> NDArray[np.int32]:
        rows_R, y_N = self._data.train_SR[self._row], self._data.rows.y_N
        fed_R = fed_rows(rows_R, y_N, self._seed, self._epoch, self._training)
        self._digests.add(self._row, fed_R)
        return fed_R

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the epoch whose batch order comes next."""
        self._epoch = epoch

    def on_test_begin(self, logs: Any = None) -> None:
        """Refresh the moving averages before Keras validates."""
        if self._training.refresh_statistics:
            part = "val" if self._training.refresh_statistics == "each_part" else "train"
            refresh(self.model, self._data, self._row, part)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch, and evaluate the other parts."""
        values = dict(logs or {})
        parts = self._data.evaluated(train=self._training.evaluate_train)
        for part in [part for part in parts if part != "val"]:  # Keras has evaluated "val" already
            if self._training.refresh_statistics == "each_part":
                refresh(self.model, self._data, self._row, part)
            if part not in self._evaluated:
                self._evaluated[part] = evaluated(self._data, self._row, part)
            with nothing_drawn(self.model):
                found = self.model.evaluate(self._evaluated[part], verbose=0, return_dict=True)
            values |= {f"{part}_{name}": value for name, value in found.items()}
        computed = self._computed()
        if self._training.refresh_statistics == "each_part":
            # the next epoch and the final model use these statistics
            refresh(self.model, self._data, self._row, "train")
        self._count_rows(values)
        self._in_own_unit(values)
        if logs is not None:
            logs.update({name: values[name] for name in logs} | computed)  # early stopping reads these next
        values |= computed
        for name in metrics_of(self._data, self._training):
            self._values.setdefault(name, array("d")).append(float(values[name]))

    def _computed(self) -> dict[str, float]:
        """Return the class metrics of the held-out parts that are computed at each epoch."""
        found: dict[str, float] = {}
        asked, data = self._training.epoch_metrics, self._data
        for part in kept_rows.held_out(data) if asked else ():
            predicted_RC = predictions(self.model, data, self._row, part, self._training)
            y_R = data.rows.y_N[data.parts[part][self._row]]
            found |= {f"{part}_{name}": score(name, y_R, predicted_RC) for name in asked}
        return found

    def _in_own_unit(self, values: dict[str, Any]) -> None:
        """Convert absolute errors to the unit of the unscaled target, and squared errors to the square of this unit."""
        widths = self._data.preprocessing.target_width
        width = 1.0 if widths is None else float(widths[self._row, 0])
        for name in values:
            if name.endswith("mae"):
                values[name] = float(values[name]) * width
            elif name.endswith("mse"):
                values[name] = float(values[name]) * width**2

    def _count_rows(self, values: dict[str, float]) -> None:
        """Replace each accuracy, which Keras computes in float32, by the number of right rows over all rows."""
        counts = {f"{part}_accuracy": rows_SR.shape[1] for part, rows_SR in self._data.parts.items()}
        settings, fed = self._training, self._data.train_SR.shape[1]
        counts["accuracy"] = fed - fed % settings.batch_size if settings.drop_last else fed
        for name in counts.keys() & values.keys():
            if math.isfinite(values[name]):
                values[name] = round(values[name] * counts[name]) / counts[name]
