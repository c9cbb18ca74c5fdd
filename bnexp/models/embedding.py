"""`Embedding`: maps words to vectors, with a dense gradient that every optimizer handles correctly."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("bnexp")
class Embedding(keras.layers.Embedding):
    """Keras's `Embedding`, with a single gradient for each word, however often the word occurs in a batch.

    Inputs (B, T) whole numbers below `input_dim`, outputs (B, T, output_dim). With `mask_zero`, the mask (B, T) is
    false where a word's number is 0.

    On TensorFlow, the gradient of Keras's own layer is a list with one entry for each occurrence of a word. Optimizers
    that square gradients (Adam, RMSprop, Adagrad, ...) then add the squares of the entries. They should square the sum
    of the entries instead. So a word that occurs twice in a batch moves less than on JAX or PyTorch. Here the gradient
    is one dense array.
    """

    def call(self, inputs: Any) -> Any:
        """Return the vectors of the words."""
        dense = ops.multiply(self.embeddings, 1.0)  # its gradient is an array, with the sum over occurrences
        return ops.cast(ops.take(dense, ops.cast(inputs, "int32"), axis=0), self.compute_dtype)


def sum_gradients_of_words(model: keras.Model) -> list[str]:
    """Replace the `call` of each Keras `Embedding` in a model by the one above; return a sentence if there is any.

    The layers remain the same objects, with the same weights, names and connections.
    """
    own = [one for one in model._flatten_layers(include_self=False) if type(one) is keras.layers.Embedding]
    for layer in own:
        layer.__class__ = Embedding
    return ["The gradient of a word in Embedding is summed over its places in a batch."] if own else []
