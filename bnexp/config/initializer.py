"""`model.initializer`: how kernels are drawn. The initializers are Keras's, and are spelt as in Keras."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bnexp.config.section import Positive, Section, named


class PlainInitializer(Section):
    """An initializer without options."""

    name: Literal[
        "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
        "orthogonal", "random_uniform", "zeros",
    ]  # fmt: skip


class NormalInitializer(Section):
    """Gaussian numbers. `truncated_normal` draws numbers beyond two standard deviations again."""

    name: Literal["random_normal", "truncated_normal"]
    stddev: Positive = 0.05


class VarianceScaling(Section):
    """Random numbers with variance scale / fan.

    `he_normal` has scale 2 and fan_in. `glorot_uniform` has scale 1, fan_avg and uniform.
    """

    name: Literal["variance_scaling"]
    scale: Positive = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in"
    distribution: Literal["truncated_normal", "untruncated_normal", "uniform"] = "truncated_normal"


Initializer = PlainInitializer | NormalInitializer | VarianceScaling
InitializerKey = Annotated[Initializer, Field(discriminator="name"), BeforeValidator(named)]
GLOROT_UNIFORM = PlainInitializer(name="glorot_uniform")
HE_NORMAL = PlainInitializer(name="he_normal")
