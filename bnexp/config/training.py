"""`training`: optimizer, learning rate, epochs, batches, seeds, and when to stop."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from bnexp.config.section import Fraction, NonNegative, Positive, Section, named
from bnexp.metrics import is_computed, quantity


def first_seeds(count: int) -> tuple[int, ...]:
    """Return the seeds that a number of seeds stands for, in a config and in a study.

    >>> first_seeds(3)
    (0, 1, 2)
    """
    return tuple(range(count))


class ConstantRate(Section):
    """The same learning rate at every step."""

    name: Literal["constant"]
    initial: Positive


class CosineRate(Section):
    """From `initial` to `final_share * initial` along half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"]
    initial: Positive
    final_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup_epochs: NonNegative = 0.0
    """Epochs, from the first step, in which the rate rises linearly from zero."""


class StepRate(Section):
    """Multiplied by `factor` every `every_epochs` epochs."""

    name: Literal["step"]
    initial: Positive
    every_epochs: Positive
    factor: Fraction = 0.1


class ExponentialRate(Section):
    """Multiplied by `factor` over each epoch, smoothly at every step."""

    name: Literal["exponential"]
    initial: Positive
    factor: Fraction


class WarmupRate(Section):
    """Rises linearly from zero to `initial` over `warmup_epochs`, then stays."""

    name: Literal["warmup"]
    initial: Positive
    warmup_epochs: Positive


def _rate(value: Any) -> Any:
    """Let `0.001` stand for `{name: constant, initial: 0.001}`."""
    return value if isinstance(value, dict | Section) else {"name": "constant", "initial": value}


def _by_name(value: Any) -> Any:
    """Let each `ClassName` be a key of a mapping, by its text."""
    return {str(name): weight for name, weight in value.items()} if isinstance(value, dict) else value


def _kind_of_weights(value: Any) -> str | None:
    """Return which of the two a value is meant as, so that a mistake is one message."""
    return "weights" if isinstance(value, dict) else "balanced" if value == "balanced" else None


ClassWeight = Annotated[
    Annotated[Literal["balanced"], Tag("balanced")] | Annotated[dict[str, NonNegative], Tag("weights")],
    Discriminator(
        _kind_of_weights,
        custom_error_type="class_weight",
        custom_error_message="balanced, or a weight for each class, such as {no: 1, yes: 5}",
    ),
    BeforeValidator(_by_name),
]

LearningRate = Annotated[
    ConstantRate | CosineRate | StepRate | ExponentialRate | WarmupRate,
    Field(discriminator="name"),
    BeforeValidator(_rate),
]

OptimizerName = Literal[
    "sgd", "adam", "adamw", "rmsprop", "nadam", "adamax", "adagrad", "adadelta", "lion", "ftrl",
    "adafactor", "lamb", "muon",
]  # fmt: skip


class Optimizer(Section):
    """A Keras optimizer: its name and its options, spelt as Keras spells them.

    Options that are not given keep Keras's defaults. An option that the
    optimizer does not have is refused when the optimizer is made, before training.
    """

    name: OptimizerName = "adam"
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    nesterov: bool | None = None
    beta_1: Annotated[float, Field(ge=0, lt=1)] | None = None
    beta_2: Annotated[float, Field(ge=0, lt=1)] | None = None
    rho: Annotated[float, Field(ge=0, lt=1)] | None = None
    epsilon: Positive | None = None
    amsgrad: bool | None = None
    centered: bool | None = None
    weight_decay: NonNegative | None = None
    clipvalue: Positive | None = None
    """Each element of the gradient is clipped to [-clipvalue, clipvalue]."""
    clipnorm: Positive | None = None
    """The gradient of each weight is scaled to at most this norm."""
    global_clipnorm: Positive | None = None
    """The gradient of all weights is scaled to at most this norm."""
    use_ema: bool | None = None
    """Keep a moving average of the weights, and put it in their place every `ema_overwrite_frequency` steps."""
    ema_momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    ema_overwrite_frequency: Annotated[int, Field(ge=1)] | None = None
    gradient_accumulation_steps: Annotated[int, Field(ge=2)] | None = None
    """Update the weights once in this number of batches, with the mean of their gradients."""
    loss_scale_factor: Positive | None = None
    """The loss is multiplied by this before gradients are taken, and they are divided by it."""

    @model_validator(mode="after")
    def _averages_are_measured(self) -> Optimizer:
        """Refuse averaged weights that no epoch would measure: Keras would put them in place after the last one."""
        if self.use_ema and self.ema_overwrite_frequency is None:
            raise ValueError(
                "use_ema is true without ema_overwrite_frequency. Keras would then use the averaged weights only after "
                "the last epoch, so that no epoch would measure them. Set ema_overwrite_frequency, such as 100 steps"
            )
        return self

    def options(self) -> dict[str, Any]:
        """Return the options that were given, by Keras's names."""
        return {key: value for key, value in self if key != "name" and value is not None}


EpochMetric = Literal[
    "auc", "pr_auc", "f1", "balanced_accuracy", "mcc", "log_loss", "brier", "top_5", "calibration_error",
]  # fmt: skip


class EarlyStopping(Section):
    """Stop a seed once `monitor` has not improved for `patience` epochs (Keras's rule, each seed for itself)."""

    monitor: Literal[
        "val_loss", "val_accuracy", "val_mse", "val_mae", "val_r2", "loss", "accuracy", "mse", "mae", "r2", "val_auc",
        "val_pr_auc", "val_f1", "val_balanced_accuracy", "val_mcc", "val_log_loss", "val_brier", "val_top_5",
        "val_calibration_error",
    ] = "val_loss"  # fmt: skip
    patience: Annotated[int, Field(ge=0)] = 5
    min_delta: NonNegative = 0.0
    restore_best: bool = True
    """Restore the weights of the best epoch instead of the last."""


class Training(Section):
    """How an experiment is trained."""

    optimizer: Annotated[Optimizer, BeforeValidator(named)] = Optimizer(name="adam")
    learning_rate: LearningRate = ConstantRate(name="constant", initial=0.001)
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    batch_size: Annotated[int, Field(ge=1)] = 32
    class_weight: ClassWeight | None = None
    """How much rows of each class count in the training loss: a weight for each class by its name (1 for others), or
    balanced: rows / (classes * rows of the class), in the training part. Only `loss` is weighted; metrics of the parts
    count every row once."""
    drop_last: bool = False
    """Leave out the last batch of each epoch if it is smaller than the others."""
    batch_order: Literal["shuffled", "repeated", "sorted"] = "shuffled"
    """A new order in every epoch; the first epoch's order in all of them; or rows of one class (or target) together."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Trainings: seed 0, 1, ... each with its own initial weights and batch orders."""
    early_stopping: EarlyStopping | None = None
    metrics: list[EpochMetric] = []
    """Metrics of the validation part and the test part that are computed at the end of each epoch. Those that are not
    named are computed once, of the final weights."""
    evaluate_train: bool = True
    """Evaluate the training part in inference mode too, at the end of each epoch."""
    refresh_statistics: bool | Literal["each_part"] = False
    """Re-estimate moving statistics before each evaluation. `true` takes them over the training part, `each_part` over
    the inputs of the evaluated part (Li et al., 2016, adapt to another domain in this way)."""
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?[MG]iB$")] | None = None
    """Memory for data and training, as in 4GiB; null: half of the machine's. Seeds beyond it train in waves."""
    trainer: Literal["auto", "many_seeds", "keras_fit"] = "auto"
    """All seeds in one compiled program, or one `model.fit` a seed; `auto` takes the first wherever it is exact."""
    keep_rows: bool = True
    """Keep what each held-out row measures, for every seed, so that a verdict can speak of new rows."""
    save: Literal["first", "best", "all", "none"] = "first"
    """The seeds whose trained models are kept."""

    def all_seeds(self) -> tuple[int, ...]:
        """Return the seeds that are trained."""
        return first_seeds(self.seeds)

    @property
    def epoch_metrics(self) -> list[str]:
        """Return the quantities that are computed at the end of each epoch: those that are asked for, or stop it."""
        rule = self.early_stopping
        monitored = [] if rule is None or not is_computed(rule.monitor) else [quantity(rule.monitor)]
        return [*dict.fromkeys([*self.metrics, *monitored])]

    def memory_limit_bytes(self) -> int | None:
        """Return the memory limit in bytes, or None for the default."""
        if self.memory_limit is None:
            return None
        number, unit = float(self.memory_limit[:-3]), self.memory_limit[-3:]
        return int(number * {"MiB": 2**20, "GiB": 2**30}[unit])

    @model_validator(mode="before")
    @classmethod
    def _default_rate_of_sgd(cls, value: Any) -> Any:
        """Keras's own default: 0.01 for SGD, 0.001 for every other optimizer."""
        if isinstance(value, dict) and "learning_rate" not in value:
            optimizer = value.get("optimizer")
            name = optimizer.get("name") if isinstance(optimizer, dict) else optimizer
            return value if name != "sgd" else {**value, "learning_rate": 0.01}
        return value
