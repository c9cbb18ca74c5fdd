"""`Embedding`: words to vectors, with the gradient that every optimizer is defined for."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("bnexp")
class Embedding(keras.layers.Embedding):
    """Keras's `Embedding` with one gradient for each word, however often a batch holds it.

    Inputs (B, T) whole numbers below `input_dim`, outputs (B, T, output_dim);
    with `mask_zero` the mask (B, T) is false where a word's number is 0.

    On TensorFlow, the gradient of Keras's own is a list with an entry for each
    occurrence of a word. Optimizers that square gradients (Adam, RMSprop, Adagrad, ...) then add the squares of the
    entries. They ought to square their sum: a word that a batch holds twice moves less than on JAX or PyTorch. Here the
    gradient is one dense array.
    """

    def call(self, inputs: Any) -> Any:
        """Look the words' vectors up."""
        dense = ops.multiply(self.embeddings, 1.0)  # its gradient is an array, which sums over occurrences
        return ops.cast(ops.take(dense, ops.cast(inputs, "int32"), axis=0), self.compute_dtype)


def sum_gradients_of_words(model: keras.Model) -> list[str]:
    """Let every `Embedding` of Keras's in a model compute as `Embedding` here; return a sentence if there is any.

    The layers stay the same objects, with their weights, names and calls, wherever they stand: only `call` changes.
    """
    own = [one for one in model._flatten_layers(include_self=False) if type(one) is keras.layers.Embedding]
    for layer in own:
        layer.__class__ = Embedding
    return ["The gradient of a word in Embedding is summed over its places in a batch."] if own else []
