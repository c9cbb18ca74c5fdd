"""Ghost batch normalization: over parts of the batch, as if each part were a batch of its own."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bnexp.models.moments import anything_in, fitting_mask, moments_of, precise, transformed


@keras.saving.register_keras_serializable("bnexp")
class GhostBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over parts of the batch, as if each part were a batch of its own.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Inputs and outputs (B, *P, C); gamma and beta (C,). While training, the rows
    are cut in order into parts of `virtual_batch_size`; a remainder joins the
    last part, and a smaller batch is one part. Mean and biased variance
    (parts, C) are over a part's rows and positions. At inference they are the
    moving ones, as in Keras's batch normalization; a mask (B, *P) leaves
    positions out, as there.

    Once a batch, the moving statistics take in the parts' mean and variance, averaged over parts. So momentum means
    what it means in Keras: the weight of the old value at each step. The paper's take every part in turn, and so forget
    faster: by momentum**parts. As in the paper, the moving variance is that within parts, less than the whole batch's.
    Parts, and batches, of only masked positions leave the moving statistics alone; in Keras's own a fully masked batch
    pulls them to 0.

    Raises:
        ValueError: for a virtual batch of fewer than 2 rows, for `renorm` or
            `synchronized`, if the channels are not the last axis, or the mask
            is not of shape (B, *P).

    Source: Hoffer, Hubara and Soudry 2017, "Train longer, generalize better",
    algorithm 1.
    """

    def __init__(self, virtual_batch_size: int = 16, **options: Any) -> None:
        super().__init__(**options)
        if virtual_batch_size < 2:
            raise ValueError(f"virtual_batch_size is {virtual_batch_size}; a variance needs rows. Use 2 or more.")
        if self.renorm or self.synchronized:
            raise ValueError("renorm and synchronized are of whole batches; ghost batch normalization takes neither.")
        self.virtual_batch_size = virtual_batch_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, if the channels are the last axis."""
        if self.axis not in (-1, len(input_shape) - 1):
            raise ValueError(f"axis is {self.axis}; ghost batch normalization takes channels in the last axis, -1.")
        super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize; while training, part by part."""
        if not (training and self.trainable):
            return super().call(inputs, training=False, mask=mask)
        x = precise(inputs)
        pieces = self._cut(x)
        counted = [None] * len(pieces) if mask is None else self._cut(fitting_mask(mask, inputs)[..., None])
        axes = tuple(range(1, len(x.shape)))
        moments = [moments_of(piece, axes, count) for piece, count in zip(pieces, counted, strict=True)]
        self._move(moments, [anything_in(piece, axes, count) for piece, count in zip(pieces, counted, strict=True)])
        standard = [
            ops.reshape((piece - mean) * ops.rsqrt(variance + self.epsilon), (-1, *ops.shape(x)[1:]))
            for piece, (mean, variance) in zip(pieces, moments, strict=True)
        ]
        return ops.cast(transformed(self, ops.concatenate(standard)), self.compute_dtype)

    def _cut(self, x: Any) -> list[Any]:
        """Cut (B, ...) into pieces (parts, rows, ...): one of all parts, or all but the last and the last, longer one.

        Two pieces cost copies of all rows, but a batch whose size is not known when it is traced needs them.
        """
        size, (rows, *rest) = self.virtual_batch_size, ops.shape(x)
        parts = max(rows // size, 1) if isinstance(rows, int) else ops.maximum(rows // size, 1)
        if isinstance(rows, int) and (parts == 1 or rows == parts * size):
            return [ops.reshape(x, (parts, rows // parts, *rest))]
        first = (parts - 1) * size
        return [ops.reshape(x[:first], (parts - 1, size, *rest)), x[first:][None]]

    def _move(self, moments: list[tuple[Any, Any]], anything: list[Any]) -> None:
        """Let the moving statistics take the mean over the parts in which anything is left."""
        weight = ops.concatenate(anything)
        parts = ops.sum(weight)
        for moving, pieces in zip((self.moving_mean, self.moving_variance), zip(*moments, strict=True), strict=True):
            mean = ops.reshape(ops.sum(weight * ops.concatenate(pieces), axis=0) / ops.maximum(parts, 1), moving.shape)
            old = ops.cast(moving, mean.dtype)
            moving.assign(ops.where(parts > 0, old * self.momentum + mean * (1 - self.momentum), old))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from."""
        return {**super().get_config(), "virtual_batch_size": self.virtual_batch_size}
