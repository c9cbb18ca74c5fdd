"""Which models can be mapped over seeds: a dry step finds it out for layers that bnexp has never seen."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import slow

from bnexp.config.training import Training
from bnexp.training import engine_name, mapping
from bnexp.training.mapping import why_not_mapped

CANNOT = "TensorFlow cannot map it over seeds: "


class Doubled(keras.Layer):
    """Doubles its inputs, in a graph of Keras's operations."""

    def call(self, x: Any) -> Any:
        return x * 2


class OwnVariable(keras.Layer):
    """Multiplies by a variable that Keras does not know of: all seeds would share it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = tf.Variable(2.0, name="hidden")

    def call(self, x: Any) -> Any:
        return x * self.hidden


class GlobalNoise(keras.Layer):
    """Draws from TensorFlow's own generator, whose numbers follow from no seed of bnexp."""

    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x))


class Cut(keras.Layer):
    """Lets no gradient through."""

    def call(self, x: Any) -> Any:
        return tf.stop_gradient(x)


class OfChosenRows(keras.Layer):
    """Computes with the rows that meet a condition; in a trial of two seeds as many may meet it in both."""

    def call(self, x: Any) -> Any:
        chosen = tf.where(x[:, 0] > -1e9)[:, 0]
        return x + tf.reduce_mean(tf.gather(x, chosen), axis=0)


class OfNumpy(keras.Layer):
    """Computes in NumPy, through which TensorFlow has no gradient."""

    def call(self, x: Any) -> Any:
        y = tf.numpy_function(lambda values: values * 2, [x], tf.float32)
        y.set_shape(x.shape)
        return y


class OfOneTraining(keras.Layer):
    """Runs in no graph that holds more than one seed."""

    def call(self, x: Any) -> Any:
        if not tf.executing_eagerly() and x.op.type != "Placeholder" and "loop_body" in x.op.name:
            raise KeyError("one seed, please")
        return x


class Gathered(keras.Layer):
    """Looks words up in a table, as Keras's own Embedding does."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(3, 2), name="table")

    def call(self, x: Any) -> Any:
        return keras.layers.Flatten()(keras.ops.take(self.table, keras.ops.cast(keras.ops.abs(x) > 1, "int32"), axis=0))


class Whole(keras.Layer):
    """Takes whole numbers from 0 up only, as what encodes classes does."""

    def call(self, x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x)]):
            return tf.identity(x)


def chain(*layers: keras.Layer) -> keras.Sequential:
    return keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(1, name="head")])


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([Doubled()], None),
        ([Whole()], None),
        ([keras.layers.Lambda(lambda x: x + 1)], None),
        ([OwnVariable()], "it uses hidden, a variable of TensorFlow that is not among the model's own"),
        ([GlobalNoise()], "the same step computes other numbers each time, so that no seed repeats them"),
        ([Gathered()], "gathered/table gets a gradient for each place of a word, which optimizers treat differently when stacked"),
        ([keras.layers.Dense(3, name="lost"), Cut()], "no gradient reaches lost/kernel"),
        ([keras.layers.Dense(3, name="lost"), OfNumpy()], "no gradient reaches lost/kernel"),
        ([keras.layers.SpectralNormalization(keras.layers.Dense(3, name="normed"), name="spectral")],
         "a layer assigns to spectral/normed/kernel while it runs, which only a plain step of Keras does"),
        ([OfOneTraining()], CANNOT),
        ([OfChosenRows()], "a layer computes Where, whose size depends on values, so that seeds cannot share it"),
    ],
)  # fmt: skip
def test_a_step_of_two_seeds_finds_out_whether_a_model_can_be_mapped(layers: list[Any], why: str | None) -> None:
    found = why_not_mapped(chain(*layers))
    assert found == why if why != CANNOT else str(found).startswith(CANNOT) and "one seed, please" in str(found)


def test_a_model_that_cannot_be_mapped_is_trained_by_keras_and_the_reason_is_given() -> None:
    name, why = engine_name(Training(), chain(OwnVariable()))
    assert (name, why) == ("keras_fit", "it uses hidden, a variable of TensorFlow that is not among the model's own")


def test_layers_that_are_known_to_map_take_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mapping, "_why_step_fails")
    assert why_not_mapped(chain(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))) is None


def noisy(x: Any) -> Any:
    return x + tf.random.normal(tf.shape(x))


def noisy_penalty(weight: Any) -> Any:
    """Outweigh the loss by a factor that is hardly ever alike in two draws."""
    return tf.reduce_sum(weight**2) * 10.0 ** tf.random.uniform((), 3, 12)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (lambda: keras.layers.Dense(3, activation=noisy), "the same step computes other numbers each time"),
        (lambda: keras.layers.Activation(noisy), "the same step computes other numbers each time"),
        (lambda: keras.layers.SimpleRNN(3, activation=noisy), "the same step computes other numbers each time"),
        (
            lambda: keras.layers.Dense(3, kernel_regularizer=noisy_penalty),
            "the same step computes other numbers each time",
        ),
        (lambda: keras.layers.Dense(3, activation=lambda x: x * 2), None),
    ],
)
def test_code_of_the_users_own_in_a_known_layer_takes_a_step(layer: Any, why: str | None) -> None:
    one = layer()
    found = why_not_mapped(chain(*([keras.layers.Reshape((5, 1))] if isinstance(one, keras.layers.RNN) else []), one))
    assert found is None if why is None else str(found).startswith(why)


def functional(*, merge: Any) -> keras.Model:
    """Return a network with biases that a batch normalization takes away, so that their gradients are only rounding."""
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding="same")(inputs))
    x = merge(x, keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding="same")(x)))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x)))


def test_functional_networks_of_known_layers_and_merges_take_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    monkeypatch.setattr(mapping, "_why_step_fails", tried.append)
    for kind in (keras.layers.Add, keras.layers.Concatenate, keras.layers.Multiply, keras.layers.Maximum):
        assert why_not_mapped(functional(merge=lambda x, y, kind=kind: kind()([x, y]))) is None
    assert tried == []
    of_operations = functional(merge=lambda x, y: x + y)
    assert why_not_mapped(of_operations) is None
    assert tried == [of_operations]


def test_gradients_that_are_nothing_but_rounding_do_not_keep_a_model_from_being_mapped() -> None:
    model = functional(merge=lambda x, y: x + y)
    first = next(one for one in model.layers if isinstance(one, keras.layers.Conv2D))
    assert why_not_mapped(model) is None
    weights = mapping._two_seeds(model)
    _, (alone, _) = mapping._plain_steps(model, weights)
    bias = next(at for at, v in enumerate(model.trainable_variables) if v is first.bias)
    assert float(tf.reduce_max(abs(alone["gradients"][bias]))) < 1e-5


@pytest.mark.parametrize("factor", [slow(1.01), 0.0])
def test_a_step_that_is_mapped_wrongly_is_found_out(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = tf.vectorized_map

    def wrongly(function: Any, stacked: Any) -> Any:
        losses, state, inferred = mapped(function, stacked)
        return losses * factor, state, inferred

    monkeypatch.setattr(tf, "vectorized_map", wrongly)
    assert why_not_mapped(functional(merge=lambda x, y: x + y)) == (
        "mapped over seeds, TensorFlow computes other numbers than for one seed alone"
    )


def test_a_trial_leaves_the_weights_and_generators_of_the_model_alone() -> None:
    model = chain(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5), Doubled())
    before = [variable.numpy() for variable in model.variables]
    assert why_not_mapped(model) is None
    assert all(np.array_equal(v.numpy(), value) for v, value in zip(model.variables, before, strict=True))


def test_a_bias_whose_gradient_is_zero_but_for_rounding_is_mapped_all_the_same() -> None:
    """Batch normalization subtracts the bias in front of it: what is left of its gradient is rounding alone."""
    inputs = keras.Input((30,))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Dense(64)(inputs)))
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Dense(64)(x)))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Add()([x, y]))
    assert why_not_mapped(keras.Model(inputs, outputs)) is None


def test_equal_probabilities_of_all_classes_have_gradients_to_compare() -> None:
    """A deep network without normalization begins so. By the squares of its outputs, rounding alone was compared."""
    model = keras.Sequential(
        [keras.Input((4,)), Doubled(), keras.layers.Dense(3, "softmax", kernel_initializer="zeros")]
    )
    _, (alone, _) = mapping._plain_steps(model, mapping._two_seeds(model))
    assert all(float(tf.reduce_max(abs(one))) > 0.1 for one in alone["gradients"])


def test_a_layer_that_runs_python_code_in_each_step_is_named() -> None:
    class Python(keras.layers.Layer):
        """A layer whose step is Python code, with a gradient."""

        def call(self, x: Any) -> Any:
            """Return the inputs."""
            return tf.ensure_shape(tf.py_function(lambda one: one * 1.0, [x], tf.float32), x.shape)

    assert why_not_mapped(chain(keras.layers.Dense(3), Python(name="own"))) == (
        "own runs Python code in each step (tf.py_function or the like), which cannot be mapped"
    )
