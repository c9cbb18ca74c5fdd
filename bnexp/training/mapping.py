"""Checks whether TensorFlow maps a model over seeds exactly, with one step of two seeds, for any kind of layers.

Axes: S the two seeds of the dry step, B its rows.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bnexp.config.training import Training
from bnexp.models.layer_kinds import code_of, is_plain_model
from bnexp.models.sequential import refusal_text
from bnexp.training.measures import with_penalties
from bnexp.training.optimizers import why_not_stacked
from bnexp.training.random_operations import draw_for_each_seed

SEEDS, ROWS = 2, 4
CLOSE = 1e-3
"""A mapped and a plain step may differ by this share of a tensor's largest number. Rounding errors are far smaller."""
SHAKEN = 1e-6
"""Every weight is changed by this share, to see the effect of rounding. It is about ten times float32's rounding."""
NOISE = 10.0
"""A mapped and a plain step may also differ by NOISE times the difference that changing the weights causes (SHAKEN).

This matters for a bias before a batch normalization: its gradient is zero, so the computed value is only rounding.
"""
LEAST = 1e-6
"""Gradients may always differ by this share of the largest of all gradients."""
REPEATABLE = 1e-2
"""A plain step and its repetition may differ by this share of a tensor's largest number: threads sum in any order."""
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
"""Keras layers for which tests compare the engines. A dry step would only cost time (3 seconds for an LSTM)."""


def why_not(training: Training, model: keras.Model) -> str | None:
    """Return why the seeds of an experiment cannot be trained at once exactly; None if they can."""
    return why_not_stacked(training, model) or why_not_mapped(model)


def why_not_mapped(model: keras.Model) -> str | None:
    """Return why a model cannot be trained exactly if it is mapped over seeds; None if it can.

    A model with layers that are not known to map takes one mapped step of two seeds, and one plain step of each seed.
    Both must give the same outputs, penalties, gradients and states.
    """
    layers = list(model._flatten_layers(include_self=False))
    if (other := next((one for one in layers if type(one) is keras.layers.RandomElasticTransform), None)) is not None:
        return f"{other.name} draws other numbers in a pure step than in model.fit (measured with Keras 3.15)"
    if _is_known_graph(model):
        return None
    return _why_step_fails(model)


MERGES = frozenset({"Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"})
"""Keras layers with several inputs that are known to map."""


def _is_known_graph(model: keras.Model) -> bool:
    """Return True if all layers are known to map, and only those in MERGES are called with several tensors.

    A functional model may hold operations that are no layers, such as `x + y`, or a mask. These need a dry step.
    """
    if not is_plain_model(model):
        return False
    if isinstance(model, keras.Sequential):
        return all(map(_is_known_part, model.layers))
    return all(_is_known_part(one) and _is_called_plainly(one) for one in model.operations)


def _is_known_part(part: Any) -> bool:
    if isinstance(part, keras.Sequential | keras.Function):
        return _is_known_graph(part)
    return isinstance(part, keras.Layer) and all(map(_is_known, part._flatten_layers()))


def _is_called_plainly(layer: keras.Layer) -> bool:
    several = type(layer).__name__ in MERGES
    return all(
        (several or len(node.input_tensors) <= 1) and not any(v is not None for v in node.arguments.kwargs.values())
        for node in layer._inbound_nodes
    )


def _is_known(layer: keras.Layer) -> bool:
    """Return True for a layer for which tests compare the engines, if it holds no code of the user's own."""
    kind = type(layer)
    of_keras = kind.__module__.startswith("keras.") and kind.__name__ in ALWAYS_MAPPED | MERGES
    return (of_keras or kind.__module__.startswith("bnexp.models.")) and not any(
        map(_is_of_user, code_of(layer).values())
    )


def _is_of_user(code: Any) -> bool:
    """Return True for an activation, a regularizer or the like that is neither Keras's nor bnexp's."""
    module = str(getattr(code, "__module__", type(code).__module__))
    return code is not None and module.partition(".")[0] not in ("keras", "bnexp")


@functools.lru_cache(maxsize=8)
def _why_step_fails(model: keras.Model) -> str | None:
    """Return why the mapped step is not exact, after taking the steps of `why_not_mapped`; None if it is."""
    draw_for_each_seed()
    weights, python = _two_seeds(model), None
    try:
        x_SB, alone = _plain_steps(model, weights)
        if (moved := _assigned(model, x_SB[0])) is not None:
            return f"a layer assigns to {moved} while it runs, which only a plain step of Keras does"
        again = _step(model, *tf.nest.map_structure(lambda v: v[0], (*weights, x_SB)))
        if not _are_close(again, alone[0], rtol=REPEATABLE):
            return "the same step computes other numbers each time, so that no seed repeats them"
        if (sparse := _with_entries_for_places(model, alone[0])) is not None:
            return f"{sparse} gets a gradient for each place of a word, which optimizers treat differently when stacked"
        graph = _graph_of_one(model, weights, x_SB)
        python = next(_python_calls(graph, model), None)
        traced = tf.function(lambda *stacked: _step(model, *stacked, mapped=True), autograph=False)
        program = traced.get_concrete_function(*weights, x_SB)
        if (unknown := next(_unknown_variables(program.graph), None)) is not None:
            return f"it uses {unknown}, a variable of TensorFlow that is not among the model's own"
        if (counted := next(_sized_by_values(graph), None)) is not None:
            return f"a layer computes {counted}, whose size depends on values, so that seeds cannot share it"
        mapped = program(*weights, x_SB)
        shaken = _shaken(model, weights, x_SB)
    except Exception as error:  # a user's layer may raise anything; then only the plain engine can train it
        if python is not None:
            return f"{python} runs Python code in each step (tf.py_function or the like), which cannot be mapped"
        return f"TensorFlow cannot map it over seeds: {refusal_text(error).rstrip('.')}"
    gradients = zip(model.trainable_variables, mapped["gradients"], alone[0]["gradients"], strict=True)
    if cut := next((v.path for v, *both in gradients if any(one is None for one in both)), None):
        return f"no gradient reaches {cut.partition('/')[2]}"
    for row in range(SEEDS):
        of_one = tf.nest.map_structure(lambda value, row=row: value[row], mapped)
        if not _are_close(of_one, alone[row], shaken[row]):
            return "mapped over seeds, TensorFlow computes other numbers than for one seed alone"
    return None


def _python_calls(graph: Any, model: keras.Model) -> Iterator[str]:
    """Yield the layer of each operation that calls Python, by its name in the model."""
    names = {one.name for one in model._flatten_layers()}
    for operation in graph.get_operations():
        if "PyFunc" in operation.type:
            parts = [re.sub(r"_\d+$", "", one) if one not in names else one for one in operation.name.split("/")]
            yield next((one for one in reversed(parts) if one in names), operation.name)


def _plain_steps(model: keras.Model, weights: tuple[list[Any], list[Any]]) -> tuple[Any, list[Any]]:
    """Return inputs that the model accepts, (S, B, *shape), and everything that each seed's step computes from them."""
    *first, last = _rows(model)
    for x_SB in first:
        with suppress(Exception):  # the model may accept only the other inputs
            return x_SB, _of_each_seed(model, weights, x_SB)
    return last, _of_each_seed(model, weights, last)


def _of_each_seed(model: keras.Model, weights: tuple[list[Any], list[Any]], x_SB: Any) -> list[Any]:
    """Return everything that each seed's step computes from its inputs."""
    seeds = [tf.nest.map_structure(lambda v, row=row: v[row], (*weights, x_SB)) for row in range(SEEDS)]
    return [_step(model, *of_seed) for of_seed in seeds]


def _two_seeds(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """Return different weights for two seeds: trainable and other weights, each (S, *shape)."""

    def stacked(variable: keras.Variable, factor: float) -> Any:
        value = variable.numpy()
        other = value + 1 if value.dtype.kind == "u" else value * factor  # states of random generators are integers
        return tf.constant(np.stack([value, other.astype(value.dtype)]))

    return (
        [stacked(variable, 0.5) for variable in model.trainable_variables],
        [stacked(variable, 1) for variable in model.non_trainable_variables],
    )


def _rows(model: keras.Model) -> list[Any]:
    """Return inputs to try in this order, (S, B, *shape): Gaussian numbers, then 0 and 1 as words or classes."""
    generator = np.random.default_rng(0)
    shape, kind = (SEEDS, ROWS, *model.inputs[0].shape[1:]), model.inputs[0].dtype
    whole, gaussian = generator.integers(0, 2, shape), generator.standard_normal(shape)
    return [tf.constant(values.astype(kind)) for values in ([gaussian] if "float" in kind else []) + [whole]]


def _step(model: keras.Model, trainable: list[Any], frozen: list[Any], x: Any, *, mapped: bool = False) -> Any:
    """Return everything that one step computes, for one seed or, if `mapped`, for both seeds at once."""

    def forward(one_seed: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        predicted, state, penalties = model.stateless_call(*one_seed, training=True, return_losses=True)
        inferred = model.stateless_call(*one_seed, training=False)[0]
        return with_penalties(tf.reduce_sum(predicted**2 + _uneven(predicted)), penalties), state, inferred

    with tf.GradientTape() as tape:
        tape.watch(trainable)
        seeds = trainable, frozen, x
        losses, state, inferred = tf.vectorized_map(forward, seeds) if mapped else forward(seeds)
        total = tf.reduce_sum(losses)
    gradients = tape.gradient(total, trainable)
    if mapped:
        gradients = [None if one is None else tf.convert_to_tensor(one) for one in gradients]
    return {"gradients": gradients, "losses": losses, "state": state, "inferred": inferred}


def _uneven(predicted: Any) -> Any:
    """Return predictions (..., C) multiplied by a different weight for each of C classes.

    The sum of squares alone has no gradient if a softmax gives all classes the same probability, except for rounding.
    """
    return predicted * tf.constant(np.cos(np.arange(1, predicted.shape[-1] + 1)), predicted.dtype)


def _assigned(model: keras.Model, x: Any) -> str | None:
    """Return the name of a trainable weight that the model itself changes in training, such as a scale; else None."""
    values = [(variable, tf.constant(variable.numpy())) for variable in model.variables]
    with keras.StatelessScope(state_mapping=values) as scope:
        model(x, training=True)
        moved = [v for v, value in values if v.trainable and scope.get_current_value(v) is not value]
    return moved[0].path.partition("/")[2] if moved else None


def _unknown_variables(graph: Any) -> Iterator[str]:
    """Yield the names of variables that a step reads although they were not passed to it."""
    by_handle = {id(variable.handle): variable.name for variable in graph.variables}
    for outer, _ in graph.captures:
        if outer.dtype == tf.resource:
            yield by_handle.get(id(outer), "a resource").partition(":")[0]


SIZED_BY_VALUES = frozenset({"Where", "Unique", "UniqueV2", "DynamicPartition"})
"""TensorFlow operations whose output size depends on values, so that two seeds rarely have the same size."""


def _graph_of_one(model: keras.Model, weights: tuple[list[Any], list[Any]], x_SB: Any) -> Any:
    """Return the graph of one seed's step, not mapped."""
    traced = tf.function(lambda *one: _step(model, *one), autograph=False)
    return traced.get_concrete_function(*tf.nest.map_structure(lambda v: v[0], (*weights, x_SB))).graph


def _sized_by_values(graph: Any) -> Iterator[str]:
    """Yield the kinds of SIZED_BY_VALUES operations in a graph and in the functions that it calls."""
    functions = [one.graph for one in getattr(graph, "_functions", {}).values()]
    yield from (one.type for one in graph.get_operations() if one.type in SIZED_BY_VALUES)
    for inner in functions:
        yield from _sized_by_values(inner)


def _with_entries_for_places(model: keras.Model, step: Any) -> str | None:
    """Return the name of a weight whose gradient is sparse, with an entry for each place of a batch; else None."""
    pairs = zip(model.trainable_variables, step["gradients"], strict=True)
    return next((v.path.partition("/")[2] for v, one in pairs if isinstance(one, tf.IndexedSlices)), None)


def _shaken(model: keras.Model, weights: tuple[list[Any], list[Any]], x_SB: Any) -> list[Any]:
    """Return what each seed's step computes after every trainable weight was changed slightly, up or down."""
    generator, (trainable, frozen) = np.random.default_rng(0), weights
    moved = [one * (1 + SHAKEN * generator.choice((-1.0, 1.0), one.shape).astype(one.dtype.name)) for one in trainable]
    seeds = [tf.nest.map_structure(lambda v, row=row: v[row], (moved, frozen, x_SB)) for row in range(SEEDS)]
    return [_step(model, *of_seed) for of_seed in seeds]


def _are_close(found: Any, wanted: Any, shaken: Any = None, *, rtol: float = CLOSE) -> bool:
    """Return True if two steps agree, tensor by tensor. The tolerance grows with the difference to a `shaken` step."""
    least = LEAST * max((_largest(one) for one in wanted["gradients"] if one is not None), default=0.0)
    for key in wanted:
        floor = least if key == "gradients" else 0.0
        tensors = [tf.nest.flatten(one[key]) for one in (found, wanted, wanted if shaken is None else shaken)]
        for one, other, third in zip(*tensors, strict=True):
            if other is not None and not _is_close(one, other, third, rtol, floor):
                return False
    return True


def _is_close(found: Any, wanted: Any, shaken: Any, rtol: float, floor: float) -> bool:
    found, wanted, shaken = (np.asarray(tf.convert_to_tensor(one)) for one in (found, wanted, shaken))
    reach = np.abs(shaken.astype("float64") - wanted.astype("float64"))
    noise = NOISE * float(reach[np.isfinite(reach)].max(initial=0.0))
    return np.allclose(found, wanted, rtol=rtol, atol=rtol * _largest(wanted) + noise + floor, equal_nan=True)


def _largest(tensor: Any) -> float:
    values = np.abs(np.asarray(tf.convert_to_tensor(tensor)).astype("float64"))
    return float(values[np.isfinite(values)].max(initial=0.0))
