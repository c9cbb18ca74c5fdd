"""Whether TensorFlow maps a model over seeds exactly: found out by one step of two seeds, whatever the layers are.

Axes: S the two seeds of the trial step, B its rows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bnexp.config.training import Training
from bnexp.models.sequential import refusal_text
from bnexp.training.optimizers import why_not_stacked
from bnexp.training.random_operations import draw_for_each_seed

SEEDS, ROWS = 2, 4
CLOSE = 1e-3
"""A mapped and a plain step may differ by this share of the largest number: rounding is far below."""
ROUNDING = 1e-5
"""Of float32, as a share of the largest gradient of all: what may be left of gradients that are zero."""
ALWAYS_MAPPED = frozenset({
    "Activation", "ActivityRegularization", "AveragePooling1D", "AveragePooling2D", "BatchNormalization",
    "Bidirectional", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "ConvLSTM1D", "ConvLSTM1DCell",
    "ConvLSTM2D", "ConvLSTM2DCell", "ConvLSTM3D", "ConvLSTM3DCell", "Dense", "DepthwiseConv1D", "DepthwiseConv2D",
    "Dropout", "ELU", "EinsumDense", "Flatten", "GRU", "GRUCell", "GaussianDropout", "GaussianNoise",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GroupNormalization", "Identity", "InputLayer", "LSTM", "LSTMCell", "LayerNormalization", "LeakyReLU", "Masking",
    "MaxPooling1D", "MaxPooling2D", "MultiHeadAttention", "PReLU", "Permute", "RMSNormalization", "ReLU",
    "RepeatVector", "Rescaling", "Reshape", "SeparableConv1D", "SeparableConv2D", "SimpleRNN", "SimpleRNNCell",
    "Softmax", "SpatialDropout1D", "SpatialDropout2D", "TimeDistributed", "UnitNormalization", "UpSampling1D",
    "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D",
})  # fmt: skip
"""Keras's layers with which tests compare the engines: a trial of them would only take time (an LSTM's: 3 seconds)."""


def why_not(training: Training, model: keras.Sequential) -> str | None:
    """Return why the seeds of an experiment cannot be trained at once exactly; None if they can."""
    return why_not_stacked(training, model) or why_not_mapped(model)


def why_not_mapped(model: keras.Model) -> str | None:
    """Return why a model cannot be trained exactly where it is mapped over seeds; None if it can.

    A model of layers that are not known to map takes a step of two seeds, mapped, and a plain step of each seed alone.
    The two must give the same outputs, penalties, gradients and states.
    """
    layers = list(model._flatten_layers(include_self=False))
    if (other := next((one for one in layers if type(one) is keras.layers.RandomElasticTransform), None)) is not None:
        return f"{other.name} draws other numbers in a pure step than in model.fit (measured with Keras 3.15)"
    if isinstance(model, keras.Sequential) and all(map(_is_known, layers)):
        return None
    return _why_trial_failed(model)


def _is_known(layer: keras.Layer) -> bool:
    kind = type(layer)
    room = kind.__module__.partition(".")[0]
    return kind.__module__.startswith("bnexp.models.") or (room == "keras" and kind.__name__ in ALWAYS_MAPPED)


@functools.lru_cache(maxsize=8)
def _why_trial_failed(model: keras.Model) -> str | None:
    """Take the two steps; see `why_not_mapped`."""
    draw_for_each_seed()
    weights = _two_seeds(model)
    try:
        x_SB, alone = _plain_steps(model, weights)
        if (moved := _assigned(model, x_SB[0])) is not None:
            return f"a layer assigns to {moved} while it runs, which only a plain step of Keras does"
        traced = tf.function(lambda *stacked: _step(model, *stacked, mapped=True), autograph=False)
        program = traced.get_concrete_function(*weights, x_SB)
        if (unknown := next(_unknown_variables(program.graph), None)) is not None:
            return f"it uses {unknown}, a variable of TensorFlow that is not among the model's own"
        mapped = program(*weights, x_SB)
    except Exception as error:  # a user's layer may raise anything; then the plain engine is left
        return f"TensorFlow cannot map it over seeds: {refusal_text(error).rstrip('.')}"
    gradients = zip(model.trainable_variables, mapped["gradients"], alone[0]["gradients"], strict=True)
    if cut := next((v.path for v, *both in gradients if any(one is None for one in both)), None):
        return f"no gradient reaches {cut.partition('/')[2]}"
    of_each = [tf.nest.map_structure(lambda value, row=row: value[row], mapped) for row in range(SEEDS)]
    if not all(_are_close(one[what], other[what]) for one, other in zip(of_each, alone, strict=True) for what in one):
        return "mapped over seeds, TensorFlow computes other numbers than for one seed alone"
    return None


def _plain_steps(model: keras.Model, weights: tuple[list[Any], list[Any]]) -> tuple[Any, list[Any]]:
    """Return inputs that the model takes, (S, B, *shape), and all that each seed's step on them computes."""
    for last, x_SB in reversed(list(enumerate(reversed(_rows(model))))):
        try:
            seeds = [tf.nest.map_structure(lambda v, row=row: v[row], (*weights, x_SB)) for row in range(SEEDS)]
            return x_SB, [_step(model, *of_seed) for of_seed in seeds]
        except Exception:
            if not last:
                raise
    raise AssertionError("there are inputs to try")


def _two_seeds(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """Return the weights of two seeds that differ: trainable and others, each (S, *shape)."""

    def stacked(variable: keras.Variable, factor: float) -> Any:
        value = variable.numpy()
        other = value + 1 if value.dtype.kind == "u" else value * factor  # generators are whole numbers
        return tf.constant(np.stack([value, other.astype(value.dtype)]))

    return (
        [stacked(variable, 0.5) for variable in model.trainable_variables],
        [stacked(variable, 1) for variable in model.non_trainable_variables],
    )


def _rows(model: keras.Model) -> list[Any]:
    """Return inputs to try in turn, (S, B, *shape): Gaussian numbers, then 0 and 1 as words or classes."""
    generator = np.random.default_rng(0)
    shape, kind = (SEEDS, ROWS, *model.inputs[0].shape[1:]), model.inputs[0].dtype
    whole, gaussian = generator.integers(0, 2, shape), generator.standard_normal(shape)
    return [tf.constant(values.astype(kind)) for values in ([gaussian] if "float" in kind else []) + [whole]]


def _step(model: keras.Model, trainable: list[Any], frozen: list[Any], x: Any, *, mapped: bool = False) -> Any:
    """Return all that one step computes, of one seed, or of both at once."""

    def forward(one_seed: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        predicted, state, penalties = model.stateless_call(*one_seed, training=True, return_losses=True)
        inferred = model.stateless_call(*one_seed, training=False)[0]
        return tf.reduce_sum(predicted**2) + sum(penalties), state, inferred

    with tf.GradientTape() as tape:
        tape.watch(trainable)
        seeds = trainable, frozen, x
        losses, state, inferred = tf.vectorized_map(forward, seeds) if mapped else forward(seeds)
        total = tf.reduce_sum(losses)
    gradients = [None if one is None else tf.convert_to_tensor(one) for one in tape.gradient(total, trainable)]
    return {"gradients": gradients, "losses": losses, "state": state, "inferred": inferred}


def _assigned(model: keras.Model, x: Any) -> str | None:
    """Return the name of a trainable weight that the model itself changes while training, such as a kernel's scale."""
    values = [(variable, tf.constant(variable.numpy())) for variable in model.variables]
    with keras.StatelessScope(state_mapping=values) as scope:
        model(x, training=True)
        moved = [v for v, value in values if v.trainable and scope.get_current_value(v) is not value]
    return moved[0].path.partition("/")[2] if moved else None


def _unknown_variables(graph: Any) -> Iterator[str]:
    """Yield the names of variables that a step reads and that were not handed to it."""
    by_handle = {id(variable.handle): variable.name for variable in graph.variables}
    for outer, _ in graph.captures:
        if outer.dtype == tf.resource:
            yield by_handle.get(id(outer), "a resource").partition(":")[0]


def _are_close(found: Any, wanted: Any) -> bool:
    """Return True if two structures of numbers differ by rounding alone.

    Some gradients are zero but for rounding, as a bias's before batch normalization. What rounding leaves of them is as
    large as the other gradients make it.
    """
    pairs = list(zip(tf.nest.flatten(found), tf.nest.flatten(wanted), strict=True))
    largest = max((_largest(one) for _, one in pairs), default=0.0)
    return all(
        np.allclose(one, other, rtol=CLOSE, atol=CLOSE * _largest(other) + ROUNDING * largest, equal_nan=True)
        for one, other in pairs
    )


def _largest(values: Any) -> float:
    """Return the largest finite size of some numbers; 0 of none."""
    values = np.asarray(values)
    return float(np.abs(values[np.isfinite(values)].astype("float64")).max(initial=0.0))
