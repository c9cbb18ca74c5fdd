"""Normalization layers: `model.normalization` -> a Keras layer. The place for a new one.

Axes: B batch, P positions (none, frames, or height and width), C channels.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from bnexp.config.normalization import (
    BatchNormalization,
    BatchRenormalization,
    LayerNormalization,
    NoNormalization,
    Normalization,
)
from bnexp.config.normalization import GhostBatchNormalization as Ghost
from bnexp.config.normalization import GroupNormalization as Group
from bnexp.config.normalization import InstanceNormalization as Instance
from bnexp.config.normalization import RmsNormalization as Rms
from bnexp.config.own_model import SwappedGroup
from bnexp.models.ghost import GhostBatchNormalization
from bnexp.models.moments import fitting_mask, moments_of, precise, transformed

MOST_GROUPS = 32
"""The number of groups of Wu and He (2018)."""
LEAST_OF_A_GROUP = 8
"""Numbers that a group standardises together: of two, each becomes 1 or -1."""


def normalization_layer(normalization: Normalization | SwappedGroup, name: str | None) -> keras.Layer | None:
    """Return the Keras layer that the config names, or None for `none`.

    Batch (Ioffe and Szegedy, 2015) standardises each feature with the mean and
    biased variance of the batch while training, and with moving averages of
    both at inference. Renorm (Ioffe, 2017) corrects the first towards the
    second while training. Layer (Ba, Kiros and Hinton, 2016) standardises each
    position of each row over its features, in both modes alike. All then scale
    by gamma and shift by beta. The other kinds are the classes of this file.
    """
    options = {"name": name, **normalization.model_dump(exclude={"name"}, exclude_none=True)}
    match normalization:
        case NoNormalization():
            return None
        case BatchNormalization():
            return keras.layers.BatchNormalization(**options)
        case BatchRenormalization():
            return _renormalization(options)
        case Ghost():
            return GhostBatchNormalization(**options)
        case LayerNormalization():
            return keras.layers.LayerNormalization(**options)
        case Group() | SwappedGroup():
            return GroupNormalization(**{"groups": None, **options})
        case Instance():
            return InstanceNormalization(**options)
        case Rms():
            return RmsNormalization(**options)


def _renormalization(options: dict[str, Any]) -> keras.Layer:
    """Return Keras's layer, which takes the bounds of r and d in one mapping; r is bounded alike up and down."""
    rmax, dmax = options.pop("rmax"), options.pop("dmax")
    clipping = {"rmax": rmax, "rmin": 1 / rmax, "dmax": dmax}
    return keras.layers.BatchNormalization(renorm=True, renorm_clipping=clipping, **options)


@keras.saving.register_keras_serializable("bnexp")
class GroupNormalization(keras.layers.GroupNormalization):
    """Standardises each row over its positions and the channels of a group, in training and at inference alike.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Inputs and outputs (B, *P, C); mean and biased variance (B, groups), over
    positions and the C / groups neighbouring channels of a group; gamma and
    beta (C,). A mask (B, *P) leaves positions out of mean and variance; they
    are still normalized. Half precision is computed in float32.

    Keras's own hands the mask on, but lets masked positions into mean and
    variance, so that a text's outputs depend on how far it was padded. Keras's
    also takes groups of a single number, which all become beta.

    Raises:
        ValueError: if the channels are not the last axis, the groups do not
            divide them, a group holds one number only, or the mask is not of
            shape (B, *P).

    Source: Wu and He 2018, "Group Normalization".
    """

    def __init__(self, groups: int | None = 32, **options: Any) -> None:
        super().__init__(groups=groups or 1, **options)
        self.groups, self.chooses_groups = groups, groups is None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gamma and beta, if groups fit the channels."""
        self.fit_groups(input_shape)
        super().build(input_shape)

    def fit_groups(self, input_shape: tuple[int | None, ...]) -> None:
        """Choose the groups for inputs of this shape, if nobody set them; check that they fit.

        A layer that was built for any size can be given the size that its inputs have. Its weights stay.
        """
        channels = input_shape[-1]
        if channels is None or self.axis not in (-1, len(input_shape) - 1):
            raise ValueError(
                f"axis is {self.axis}, of inputs of shape {input_shape}; channels must be the last, and known."
            )
        if self.chooses_groups:
            positions = [size or LEAST_OF_A_GROUP for size in input_shape[1:-1]]
            self.groups = groups_for(channels, positions=math.prod(positions))
        groups = channels if self.groups in (-1, None) else self.groups
        if channels % groups:
            fitting = ", ".join(str(number) for number in range(1, channels + 1) if channels % number == 0)
            raise ValueError(
                f"groups is {groups}, which does not divide the {channels} channels. Use one of {fitting}."
            )
        if channels == groups and all(size == 1 for size in input_shape[1:-1]):
            raise ValueError(self._lonely(groups, input_shape))

    def _lonely(self, groups: int, input_shape: tuple[int | None, ...]) -> str:
        return (
            f"groups is {groups}, so that with inputs of shape {input_shape} each group is one number, "
            "and normalizes to 0. Use fewer groups."
        )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Normalize; what is masked does not count."""
        x = precise(inputs)
        counted = None if mask is None else fitting_mask(mask, inputs)[..., None]
        difference = x - self._over_groups(x, counted)
        variance = self._over_groups(ops.square(difference), counted)
        return ops.cast(transformed(self, difference * ops.rsqrt(variance + self.epsilon)), self.compute_dtype)

    def _over_groups(self, x: Any, counted: Any) -> Any:
        """Return the mean over positions and a group's channels, for each channel of it: (B, 1, ..., 1, C).

        First over positions, then over channels: three times as fast as over both at once.
        """
        axes = tuple(range(1, len(x.shape) - 1))
        mean, _ = moments_of(x, axes, counted) if counted is not None else (ops.mean(x, axes, keepdims=True), None)
        shape = (-1, *(1 for _ in axes), self.groups, x.shape[-1] // self.groups)
        grouped = ops.mean(ops.reshape(mean, shape), axis=-1, keepdims=True)
        return ops.reshape(ops.broadcast_to(grouped, (ops.shape(x)[0], *shape[1:])), (*shape[:-2], x.shape[-1]))


def groups_for(channels: int, *, positions: int) -> int:
    """Return the number of groups for inputs of these channels and positions.

    >>> groups_for(64, positions=49), groups_for(24, positions=49), groups_for(64, positions=1)
    (32, 24, 8)
    """
    numbers = range(1, min(MOST_GROUPS, channels) + 1)
    fitting = [n for n in numbers if channels % n == 0 and channels // n * positions >= LEAST_OF_A_GROUP]
    return max(fitting, default=1)


@keras.saving.register_keras_serializable("bnexp")
class InstanceNormalization(GroupNormalization):
    """Standardises each channel of each row over its positions, in training and at inference alike.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Inputs and outputs (B, *P, C); mean and biased variance (B, C); gamma and
    beta (C,). A mask (B, *P) leaves positions out of mean and variance. The
    same as group normalization with one channel a group. PyTorch's InstanceNorm2d has no gamma and beta by default.

    Raises:
        ValueError: if there is one position only, which would give zeros.

    Source: Ulyanov, Vedaldi and Lempitsky 2016, "Instance Normalization".
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(groups=-1, **options)

    def _lonely(self, groups: int, input_shape: tuple[int | None, ...]) -> str:
        return (
            f"instance normalization is over the positions of a row, and inputs of shape {input_shape} have one, "
            "so that all would become 0. Use layer or group normalization."
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from; the groups follow from the channels."""
        config: dict[str, Any] = super().get_config()
        del config["groups"]
        return config


@keras.saving.register_keras_serializable("bnexp")
class RmsNormalization(keras.layers.RMSNormalization):
    """Divides each position of each row by its root mean square, in training and at inference alike.

    y = scale x / sqrt(mean(x**2) + epsilon)

    Inputs and outputs (B, *P, C); the mean is over channels, so that no mask
    matters; scale (C,). Unlike layer normalization it subtracts no mean and
    adds no beta.

    Keras's own drops the mask for all layers behind it; this one hands it on.
    Keras's also rounds `scale` where the policy computes in half precision, and
    always starts it at 1; here options say how, by the names of gamma's.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """

    def __init__(
        self,
        gamma_initializer: Any = "ones",
        gamma_regularizer: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the scale."""
        self.scale = self.add_weight(
            name="scale",
            shape=(input_shape[self.axis],),
            initializer=self.gamma_initializer,
            regularizer=self.gamma_regularizer,
            constraint=self.gamma_constraint,
            autocast=False,
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from."""
        return {
            **super().get_config(),
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RmsNormalization:
        """Build the layer from its options; models that were saved earlier call the initializer `initializer`."""
        older = {"gamma_initializer": config["initializer"]} if "initializer" in config else {}
        return cls(**{name: value for name, value in config.items() if name != "initializer"}, **older)
