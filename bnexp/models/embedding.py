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
