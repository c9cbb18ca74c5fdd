"""Ghost batch normalization: normalizes each part of a batch as if it were a batch of its own."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bnexp.models.moments import anything_in, fitting_mask, moments_of, precise, transformed


@keras.saving.register_keras_serializable("bnexp")
class GhostBatchNormalization(keras.layers.BatchNormalization):
    """Normalizes each part of a batch as batch normalization would if the part were a batch of its own.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Inputs and outputs (B, *P, C); gamma and beta (C,). While training, the rows are cut in order into parts of
    `virtual_batch_size`. A remainder joins the last part, and a smaller batch is one part. Mean and biased variance
    (parts, C) are computed over a part's rows and positions. At inference the moving mean and variance are used, as in
    Keras's batch normalization. Masked positions do not count, as in Keras; the mask is (B, *P).

    The moving averages are updated once per batch, with the parts' mean and variance averaged over parts. So momentum
    means the same as in Keras: the weight of the old value at each step. The paper updates them with each part in turn,
    so they forget faster: by momentum**parts. As in the paper, the moving variance is the variance within parts, which
    is less than the whole batch's variance. Parts and batches with only masked positions do not change the moving
    statistics. In Keras's own layer, a fully masked batch pulls them to 0.

    Raises:
        ValueError: if `virtual_batch_size` is less than 2, if `renorm` or `synchronized` is set, if the channels are
            not the last axis, or if the mask is not of shape (B, *P).

    Source: Hoffer, Hubara and Soudry 2017, "Train longer, generalize better",
    algorithm 1.
    """

    def __init__(self, virtual_batch_size: int = 16, **options: Any) -> None:
        super().__init__(**options)
        if virtual_batch_size < 2:
            raise ValueError(f"virtual_batch_size is {virtual_batch_size}; a variance needs rows. Use 2 or more.")
        if self.renorm or self.synchronized:
            raise ValueError(
                "renorm and synchronized work on whole batches; ghost batch normalization supports neither."
            )
        self.virtual_batch_size = virtual_batch_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights. Raise ValueError if the channels are not the last axis."""
        if self.axis not in (-1, len(input_shape) - 1):
            raise ValueError(f"axis is {self.axis}; ghost batch normalization takes channels in the last axis, -1.")
        super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize the inputs; while training, part by part."""
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
        """Cut (B, ...) into one or two pieces (parts, rows, ...).

        Parts of equal size form one piece. Otherwise the last, longer part is a second piece. Two pieces cost copies of
        all rows, but they are needed if the batch size is unknown when the batch is traced.
        """
        size, (rows, *rest) = self.virtual_batch_size, ops.shape(x)
        parts = max(rows // size, 1) if isinstance(rows, int) else ops.maximum(rows // size, 1)
        if isinstance(rows, int) and (parts == 1 or rows == parts * size):
            return [ops.reshape(x, (parts, rows // parts, *rest))]
        first = (parts - 1) * size
        return [ops.reshape(x[:first], (parts - 1, size, *rest)), x[first:][None]]

    def _move(self, moments: list[tuple[Any, Any]], anything: list[Any]) -> None:
        """Update the moving averages with the mean over the parts that have unmasked positions."""
        weight = ops.concatenate(anything)
        parts = ops.sum(weight)
        for moving, pieces in zip((self.moving_mean, self.moving_variance), zip(*moments, strict=True), strict=True):
            mean = ops.reshape(ops.sum(weight * ops.concatenate(pieces), axis=0) / ops.maximum(parts, 1), moving.shape)
            old = ops.cast(moving, mean.dtype)
            moving.assign(ops.where(parts > 0, old * self.momentum + mean * (1 - self.momentum), old))

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the layer."""
        return {**super().get_config(), "virtual_batch_size": self.virtual_batch_size}
