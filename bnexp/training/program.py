"""The compiled program: one epoch of a shard of seeds as a pure function from state to state.

Public methods take and return NumPy arrays. Private methods that take a state run inside the traced program, except
`_evaluate_stored`.

Axes: S seeds of a shard, T steps, B batch, N rows of the data, R rows of one part. Inputs have further axes after them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.config.section import Task
from bnexp.config.training import Training
from bnexp.data.stored_rows import StoredRows
from bnexp.metrics import HELD_OUT_PARTS
from bnexp.training import measures
from bnexp.training.optimizers import make_pure_optimizer
from bnexp.training.pieces import cuts_of_batches, cuts_of_steps, places, whole_batches
from bnexp.training.random_operations import draw_for_each_seed
from bnexp.training.refresh import batch_statistics, equal_parts, refreshed_values
from bnexp.training.source import Source

Tensors = dict[str, Any]


class State(NamedTuple):
    """All that a step changes: lists of tensors stacked over seeds. The seeds share the optimizer's count of steps."""

    trainable: list[Any]
    frozen: list[Any]
    optimizer: list[Any]


class Program:
    """Starts a shard of trainings, trains it for an epoch, evaluates it, and returns its weights. Holds no data."""

    def __init__(
        self, model: keras.Model, task: Task, training: Training, steps_per_epoch: int, shard_seeds: int
    ) -> None:
        self._model = model
        self._task = task
        self._batch = training.batch_size
        self._shard_seeds = shard_seeds
        self._predicting = HELD_OUT_PARTS if training.epoch_metrics else ()
        self._optimizer = make_pure_optimizer(training, steps_per_epoch, shard_seeds)
        draw_for_each_seed()
        self._tracing = threading.RLock()
        self._epoch = self._compiled(self._train_epoch)
        self._measured = self._compiled(self._measure_parts)
        self._predicted = self._compiled(self._predict_part)
        self._statistics = self._compiled(self._chunk_statistics)

    def _compiled(self, body: Callable[..., Any]) -> Any:
        """Compile a function. Only one thread at a time may trace one of the compiled functions.

        These functions share the model, and `batch_statistics` changes its layers during tracing. Shards with different
        shapes are traced separately, each in its own thread.
        """

        @functools.wraps(body)
        def traced(*arguments: Any) -> Any:
            with self._tracing:
                return body(*arguments)

        return tf.function(traced, autograph=False)

    def start(self, initial: list[NDArray[Any]], rates_S: NDArray[np.float32]) -> State:
        """Return a shard's first state from the initial `model.variables`, each (S, *shape), and the learning rates."""
        value = {id(variable): tf.constant(v) for variable, v in zip(self._model.variables, initial, strict=True)}
        trainable = [value[id(variable)] for variable in self._model.trainable_variables]
        frozen = [value[id(variable)] for variable in self._model.non_trainable_variables]
        if not self._optimizer.built:
            self._optimizer.build([keras.Variable(weight) for weight in trainable])
        own = self._optimizer.rates_S
        slots = [rates_S if variable is own else variable.numpy() for variable in self._optimizer.variables]
        return State(trainable, frozen, [tf.constant(slot) for slot in slots])

    def weights(self, state: State) -> list[NDArray[Any]]:
        """Return the values of `model.variables`, each (S, *shape)."""
        model = self._model
        owners = [*model.trainable_variables, *model.non_trainable_variables]
        value = {id(variable): v for variable, v in zip(owners, [*state.trainable, *state.frozen], strict=True)}
        return [value[id(variable)].numpy() for variable in model.variables]

    def train(self, state: State, order_SR: NDArray[np.int32], source: Source) -> tuple[State, dict[str, Any]]:
        """Train one epoch on the rows in this order; return the new state and the epoch's running means, each (S,)."""
        sums = {name: tf.zeros(self._shard_seeds) for name in measures.row_names(self._task)}
        cuts = [slice(0, order_SR.shape[1])]
        if isinstance(source.x, StoredRows):
            cuts = cuts_of_steps(order_SR, self._batch, source.x.nbytes // len(source.x))
        for rows_SR, held in source.held(order_SR, cuts):
            steps = tf.constant(rows_SR.shape[1] // self._batch)
            state, sums = self._epoch(state, sums, *whole_batches(rows_SR, self._batch, cuts[0].stop), steps, held)
        share = np.float32(1) / np.float32(order_SR.shape[1])  # as TensorFlow's graph optimizer (Grappler) divides
        return state, {name: value.numpy() * share for name, value in sums.items()}

    def evaluate(self, state: State, parts: Mapping[str, NDArray[np.int32]], source: Source) -> dict[str, Tensors]:
        """Measure the rows (S, R) of each part in inference mode: part -> measure -> (S, R).

        If metrics are computed at each epoch, the measures of held-out parts include `predicted`, (S, R, C). A batch
        holds rows of only one part, as in Keras's `evaluate`. This matters because an activity regularizer, or a layer
        over axis 0, mixes the rows of a batch.
        """
        if isinstance(source.x, StoredRows):
            return {part: self._evaluate_stored(state, part, rows_SR, source) for part, rows_SR in parts.items()}
        batches = {part: whole_batches(rows_SR, source.evaluated_rows) for part, rows_SR in parts.items()}
        measured = self._measured(state, batches, source)
        return {part: {name: value.numpy() for name, value in found.items()} for part, found in measured.items()}

    def predict(self, state: State, rows_SR: NDArray[np.int32], source: Source) -> NDArray[np.float32]:
        """Return what each seed predicts for these rows in inference mode: (S, R), or (S, R, C) for several classes."""
        if isinstance(source.x, StoredRows):
            held = source.held(rows_SR, cuts_of_batches(rows_SR, source.evaluated_rows))
            return np.concatenate([self.predict(state, *one) for one in held], axis=1)
        predicted: NDArray[np.float32] = self._predicted(
            state, *whole_batches(rows_SR, source.evaluated_rows), source
        ).numpy()
        return predicted if self._task == "multiclass" else predicted[..., 0]

    def refresh(self, state: State, rows_SR: NDArray[np.int32], source: Source) -> State:
        """Return the state with moving averages that are computed over these rows (`equal_parts`)."""
        cuts = equal_parts(rows_SR.shape[1], source.evaluated_rows)
        parts = [self._statistics(state, *held) for held in source.held(rows_SR, cuts)]
        new = refreshed_values(self._model, parts)
        return state._replace(
            frozen=[
                new.get(id(variable), value)
                for variable, value in zip(self._model.non_trainable_variables, state.frozen, strict=True)
            ]
        )

    def _evaluate_stored(
        self, state: State, part: str, rows_SR: NDArray[np.int32], source: Source
    ) -> dict[str, NDArray[np.float32]]:
        """Measure the rows of one part whose inputs are on disk, batch by batch."""
        held = source.held(rows_SR, cuts_of_batches(rows_SR, source.evaluated_rows))
        found = [self.evaluate(state, {part: batch_SR}, one)[part] for batch_SR, one in held]
        return {name: np.concatenate([one[name] for one in found], axis=1) for name in found[0]}

    def _rows(self, rows_SB: Any, source: Source) -> tuple[Any, Any]:
        """Return these rows as `Preprocessing.inputs` and `Preprocessing.targets` do, for all seeds at once."""
        at_SB = rows_SB if source.held_K is None else places(source.held_K, rows_SB)
        x, y_SB, fitted = tf.gather(source.x, at_SB), tf.gather(source.y_N, rows_SB), source.preprocessing
        if fitted.target_center is not None:
            y_SB = (y_SB - fitted.target_center) / fitted.target_width
        y = measures.targets(self._task, y_SB)
        if fitted.ids is not None:
            return tf.gather(fitted.ids, x, batch_dims=1), y
        x = tf.cast(x, tf.float32)
        if fitted.center is not None:
            x = (x - fitted.center[:, None]) / fitted.width[:, None]
        return x if fitted.fill is None else tf.where(tf.math.is_nan(x), fitted.fill[:, None], x), y

    def _train_epoch(
        self, state: State, sums: Tensors, full_TSB: Any, last_SB: Any, steps: Any, source: Source
    ) -> tuple[State, Tensors]:
        """Train on this number of whole batches, then on the smaller last one; return the new state and sums."""

        def body(step: Any, state: State, sums: Tensors) -> tuple[Any, State, Tensors]:
            return step + 1, *self._step(state, sums, full_TSB[step], source)

        if full_TSB.shape[0]:
            _, state, sums = tf.while_loop(lambda step, *_: step < steps, body, (0, state, sums))
        if last_SB.shape[1]:
            state, sums = self._step(state, sums, last_SB, source)
        return state, sums

    def _step(self, state: State, sums: Tensors, rows_SB: Any, source: Source) -> tuple[State, Tensors]:
        x, y = self._rows(rows_SB, source)
        weight = self._weights(rows_SB, source)
        with tf.GradientTape() as tape:
            tape.watch(state.trainable)
            means, frozen = self._for_each_seed(self._forward, (state.trainable, state.frozen, x, y, *weight))
            total = self._optimizer.scale_loss(tf.reduce_sum(means["loss"]))
        gradients = tape.gradient(total, state.trainable)
        trainable, optimizer = self._optimizer.stateless_apply(state.optimizer, gradients, state.trainable)
        batch = float(rows_SB.shape[1])
        new = _shaped_like(state, State(trainable, frozen, optimizer))
        return new, {name: sums[name] + batch * means[name] for name in sums}

    def _weights(self, rows_SB: Any, source: Source) -> list[Any]:
        """Return each row's weight in the loss, (S, B), in a list; an empty list if all rows count the same."""
        if source.weight_N is None:
            return []
        class_SB = tf.zeros_like(rows_SB)
        if self._task != "regression":
            class_SB = tf.cast(tf.gather(source.y_N, rows_SB), tf.int32)
        return [tf.gather(source.weight_N, rows_SB) * tf.gather(source.class_weight_SC, class_SB, batch_dims=1)]

    def _for_each_seed(self, function: Callable[[Any], Any], stacked: Any) -> Any:
        """Map a function of one seed over values that are stacked over seeds.

        A single seed is not mapped, because the mapping would fail for recurrent layers.
        """
        if self._shard_seeds > 1:
            return tf.vectorized_map(function, stacked)
        result = function(tf.nest.map_structure(lambda value: value[0], stacked))
        return tf.nest.map_structure(lambda value: value[None], result)

    def _forward(self, one_seed: tuple[Any, ...]) -> tuple[Tensors, list[Any]]:
        """Run one seed's batch in training mode; return its mean measures and the new non-trainable weights.

        Only the loss is weighted; its sum is divided by the number of rows, as Keras does with `sample_weight`.
        """
        trainable, frozen, x, y, *weight = one_seed
        predicted, frozen, penalties = self._model.stateless_call(
            trainable, frozen, x, training=True, return_losses=True
        )
        measured = measures.row_measures(self._task, y, predicted)
        for weight_B in weight:
            measured["loss"] = measured["loss"] * weight_B
        means = {name: tf.reduce_mean(value_B) for name, value_B in measured.items()}
        return {**means, "loss": measures.with_penalties(means["loss"], penalties)}, frozen

    def _measure_parts(self, state: State, batches: dict[str, tuple[Any, Any]], source: Source) -> dict[str, Tensors]:
        return {
            part: self._measure_part(state, *of_part, source.of(part), part in self._predicting)
            for part, of_part in batches.items()
        }

    def _measure_part(self, state: State, full_TSB: Any, last_SB: Any, source: Source, predicts: bool) -> Tensors:
        """Measure the whole batches, then the last, smaller one; join the measures of each row, (S, R)."""
        measure = functools.partial(self._measure, predicts)

        def measure_batch(rows_SB: Any) -> Tensors:
            x, y = self._rows(rows_SB, source)
            measured: Tensors = self._for_each_seed(measure, (state.trainable, state.frozen, x, y))
            return measured

        found = []
        if full_TSB.shape[0]:
            like = {name: tf.TensorSpec(full_TSB.shape[1:], tf.float32) for name in measures.row_names(self._task)}
            if predicts:
                like["predicted"] = tf.TensorSpec((*full_TSB.shape[1:], self._model.output_shape[-1]), tf.float32)
            full = tf.map_fn(measure_batch, full_TSB, fn_output_signature=like, parallel_iterations=1)
            found.append({name: _side_by_side(value_TSB) for name, value_TSB in full.items()})
        if last_SB.shape[1]:
            found.append(measure_batch(last_SB))
        return {name: tf.concat([one[name] for one in found], axis=1) for name in found[0]}

    def _predict_part(self, state: State, full_TSB: Any, last_SB: Any, source: Source) -> Any:
        """Predict the whole batches, then the last, smaller one: (S, R, C)."""

        def predict_batch(rows_SB: Any) -> Any:
            x, _ = self._rows(rows_SB, source)
            return self._for_each_seed(self._predict, (state.trainable, state.frozen, x))

        found = []
        if full_TSB.shape[0]:
            outputs = self._model.output_shape[-1]
            like = tf.TensorSpec((*full_TSB.shape[1:], outputs), tf.float32)
            full = tf.map_fn(predict_batch, full_TSB, fn_output_signature=like, parallel_iterations=1)
            found.append(_side_by_side(full))
        if last_SB.shape[1]:
            found.append(predict_batch(last_SB))
        return tf.concat(found, axis=1)

    def _predict(self, one_seed: tuple[Any, Any, Any]) -> Any:
        trainable, frozen, x = one_seed
        return self._model.stateless_call(trainable, frozen, x, training=False)[0]

    def _measure(self, predicts: bool, one_seed: tuple[Any, Any, Any, Any]) -> Tensors:
        """Run one seed's rows in inference mode; return its measures row by row and, if `predicts`, its predictions."""
        trainable, frozen, x, y = one_seed
        predicted, _, penalties = self._model.stateless_call(trainable, frozen, x, training=False, return_losses=True)
        measured = measures.row_measures(self._task, y, predicted)
        measured["loss"] = measures.with_penalties(measured["loss"], penalties)
        return {**measured, "predicted": predicted} if predicts else measured

    def _chunk_statistics(self, state: State, rows_SB: Any, source: Source) -> Any:
        x, _ = self._rows(rows_SB, source)
        return self._for_each_seed(
            lambda one_seed: batch_statistics(self._model, *one_seed), (state.trainable, state.frozen, x)
        )


def _side_by_side(value_TSB: Any) -> Any:
    """Concatenate the batches of each seed: (S, T * B), with any further axes unchanged."""
    steps, seeds, batch, *others = value_TSB.shape
    order = (1, 0, *range(2, 3 + len(others)))
    return tf.reshape(tf.transpose(value_TSB, order), (seeds, steps * batch, *others))


def _shaped_like(old: State, new: State) -> State:
    """Restore the static shapes that TensorFlow has lost; no shape has changed."""
    for before, after in zip(tf.nest.flatten(old), tf.nest.flatten(new), strict=True):
        after.set_shape(before.shape)
    return new
