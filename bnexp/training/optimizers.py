"""Makes a Keras optimizer from the config, and the same optimizer as a pure function of stacked weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bnexp.config.training import (
    ConstantRate,
    CosineRate,
    ExponentialRate,
    LearningRate,
    Optimizer,
    StepRate,
    Training,
    WarmupRate,
)
from bnexp.errors import SettingError

KERAS_NAMES = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "nadam": "Nadam", "adamax": "Adamax",
    "adagrad": "Adagrad", "adadelta": "Adadelta", "lion": "Lion", "ftrl": "Ftrl", "adafactor": "Adafactor",
    "lamb": "Lamb", "muon": "Muon",
}  # fmt: skip
MIXING = frozenset({"adafactor", "lamb", "muon"})
"""Optimizers whose update of one element depends on others of the same weight (norms, factors, products)."""
NOT_STACKED = {
    "clipnorm": "clips by the norm of a whole weight",
    "global_clipnorm": "clips by the norm of a whole weight",
    "use_ema": "replaces weights in some steps only, which Keras does not do on stacked weights",
    "gradient_accumulation_steps": "updates weights in some steps only, which Keras does not do on stacked weights",
}
"""Options that an optimizer cannot have on stacked weights, and why."""

WRITES = ("assign", "assign_add", "assign_sub", "stateless_apply", "_var_key")
"""Methods that Keras overrides for tf.distribute."""
HOOKS = ("_backend_update_step", "_apply_weight_decay")
"""Keras's methods that `_RateOfEachRow` replaces. Without them no row would have its own rate."""


def make_optimizer(training: Training, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer that the config describes.

    Raises:
        SettingError: if this optimizer does not take one of the options.
    """
    return _make(getattr(keras.optimizers, KERAS_NAMES[training.optimizer.name]), training, steps_per_epoch)


def make_pure_optimizer(training: Training, steps_per_epoch: int, rows: int) -> keras.optimizers.Optimizer:
    """Return the same optimizer with a working `stateless_apply` on stacked weights, and a rate for each row.

    The rates are the values of its variable `rates_S`, (rows,). The config's initial rate has no effect.

    On TensorFlow, Keras sends an optimizer's writes through tf.distribute, which needs tf.Variables and so refuses
    `stateless_apply`. BaseOptimizer writes through Keras's own stateless scope. So a parent class with BaseOptimizer's
    methods is added behind the optimizer's own class, whose update rule does not change.
    """
    kind = getattr(keras.optimizers, KERAS_NAMES[training.optimizer.name])
    base = next(parent for parent in kind.__mro__ if parent.__name__ == "BaseOptimizer")
    _refuse_other_keras(base)
    writes = {name: getattr(base, name) for name in WRITES}
    stateless = type("Stateless", (_RateOfEachRow, keras.optimizers.Optimizer), writes)
    optimizer = _make(type(kind.__name__, (kind, stateless), {}), training, steps_per_epoch, math.nan)
    one = training.learning_rate.model_copy(update={"initial": 1.0})
    schedule = _learning_rate(one, training.epochs, steps_per_epoch)
    optimizer.schedule = schedule if callable(schedule) else None
    optimizer.rates_S = optimizer.add_variable((rows,), "ones", name="rates")
    return optimizer


def _refuse_other_keras(base: type) -> None:
    """Raise RuntimeError if Keras's optimizers no longer have the methods that give each row its rate."""
    missing = [name for name in HOOKS if not hasattr(base, name)]
    if missing:
        raise RuntimeError(
            f"keras.optimizers of Keras {keras.__version__} have no {' and no '.join(missing)}, by which each seed is "
            "updated at its own learning rate. This version of bnexp does not work with this version of Keras."
        )


class _RateOfEachRow:
    """Updates stacked weights with stacked rates (S, 1, ..., 1), where Keras uses one number.

    Elementwise rules combine the rate with each element alone, so each row is updated as if it were the only one.
    Keras's own rate is set to NaN, so that any use of it would show.
    """

    schedule: Callable[[Any], Any] | None = None
    """Step -> the factor by which the initial rates are multiplied."""
    rates_S: keras.Variable
    _iterations: Any
    weight_decay: float | None
    update_step: Callable[[Any, Any, Any], None]
    _use_weight_decay: Callable[[Any], bool]

    def _of_each(self, weight: Any) -> Any:
        """Return the current rates, shaped to broadcast over a stacked weight."""
        rates_S = ops.convert_to_tensor(self.rates_S)
        if self.schedule is not None:
            rates_S = rates_S * self.schedule(self._iterations)
        return ops.reshape(rates_S, (-1,) + (1,) * (len(weight.shape) - 1))

    def _backend_update_step(self, gradients: list[Any], weights: list[Any], learning_rate: Any) -> None:
        for gradient, weight in zip(gradients, weights, strict=True):
            self.update_step(gradient, weight, self._of_each(weight))

    def _apply_weight_decay(self, weights: list[Any]) -> None:
        if self.weight_decay is None:
            return
        for weight in weights:
            if self._use_weight_decay(weight):
                weight.assign(weight - weight * self.weight_decay * self._of_each(weight))


def _make(
    kind: type, training: Training, steps_per_epoch: int, rate: float | None = None
) -> keras.optimizers.Optimizer:
    """Make an optimizer with this learning rate or, if it is None, with the config's."""
    options = training.optimizer.options()
    if rate is None:
        rate = _learning_rate(training.learning_rate, training.epochs, steps_per_epoch)
    try:
        return kind(learning_rate=rate, name=kind.__name__.lower(), **options)  # Keras's default name has a counter
    except (TypeError, ValueError) as error:
        raise SettingError("training.optimizer", _refusal(training.optimizer, options, str(error))) from error


def _refusal(optimizer: Optimizer, options: dict[str, Any], reason: str) -> str:
    return (
        f"is {optimizer.name} with {options}; Keras refuses it: {reason.splitlines()[0].rstrip('. ')}. "
        f"Use the options of keras.optimizers.{KERAS_NAMES[optimizer.name]}."
    )


def _learning_rate(rate: LearningRate, epochs: int, steps_per_epoch: int) -> Any:
    """Return the rate as a number or as a Keras schedule over steps."""
    schedules = keras.optimizers.schedules
    match rate:
        case ConstantRate():
            return rate.initial
        case StepRate():
            return schedules.ExponentialDecay(
                rate.initial, max(1, round(rate.every_epochs * steps_per_epoch)), rate.factor, staircase=True
            )
        case ExponentialRate():
            return schedules.ExponentialDecay(rate.initial, steps_per_epoch, rate.factor)
        case WarmupRate():
            steps = max(1, round(rate.warmup_epochs * steps_per_epoch))
            return schedules.PolynomialDecay(0.0, steps, end_learning_rate=rate.initial)
        case CosineRate():
            return _cosine(rate, epochs * steps_per_epoch, round(rate.warmup_epochs * steps_per_epoch))


def _cosine(rate: CosineRate, total_steps: int, warmup_steps: int) -> Any:
    cosine = keras.optimizers.schedules.CosineDecay
    if not warmup_steps:
        return cosine(rate.initial, total_steps, alpha=rate.final_share)
    return cosine(
        0.0,
        max(1, total_steps - warmup_steps),
        alpha=rate.final_share,
        warmup_target=rate.initial,
        warmup_steps=warmup_steps,
    )


def why_not_stacked(training: Training, model: keras.Model) -> str | None:
    """Return why this experiment cannot be trained exactly on stacked weights; None if it can."""
    optimizer = training.optimizer
    if optimizer.name in MIXING:
        return f"training.optimizer {optimizer.name} mixes the elements of a whole weight"
    for option, reason in NOT_STACKED.items():
        if getattr(optimizer, option):
            return f"training.optimizer.{option} {reason}"
    for variable in model.trainable_variables:
        if variable.constraint is not None:
            return f"{variable.path.partition('/')[2]} has a constraint on a whole weight"
    for layer in model._flatten_layers(include_self=False):
        if {layer.variable_dtype, layer.compute_dtype} != {"float32"}:
            return f"{layer.name} computes in {layer.dtype_policy.name}, and seeds are stacked in float32 only"
    return None
