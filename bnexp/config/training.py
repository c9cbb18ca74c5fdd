"""`training`: optimizer, learning rate, epochs, batches, seeds, and when to stop."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from bnexp.config.section import Fraction, NonNegative, Positive, Section, named
from bnexp.metrics import is_computed, quantity


def first_seeds(count: int) -> tuple[int, ...]:
    """Return the seeds for a number of seeds, in a config and in a study.

    >>> first_seeds(3)
    (0, 1, 2)
    """
    return tuple(range(count))


class ConstantRate(Section):
    """The same learning rate at every step."""

    name: Literal["constant"]
    initial: Positive


class CosineRate(Section):
    """Falls from `initial` to `final_share * initial` along half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"]
    initial: Positive
    final_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup_epochs: NonNegative = 0.0
    """Number of epochs at the start in which the rate rises linearly from zero."""


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
    """Rises linearly from zero to `initial` over `warmup_epochs`, then stays constant."""

    name: Literal["warmup"]
    initial: Positive
    warmup_epochs: Positive


def _rate(value: Any) -> Any:
    """Return `{name: constant, initial: 0.001}` for `0.001`; return a mapping unchanged."""
    return value if isinstance(value, dict | Section) else {"name": "constant", "initial": value}


def _by_name(value: Any) -> Any:
    """Return a mapping whose keys, the names of classes, are converted to text."""
    return {str(name): weight for name, weight in value.items()} if isinstance(value, dict) else value


def _kind_of_weights(value: Any) -> str | None:
    """Return the form of class weights that a value probably means, so that a mistake gives only one message."""
    return "weight_of_each" if isinstance(value, dict) else "balanced" if value == "balanced" else None


ClassWeight = Annotated[
    Annotated[Literal["balanced"], Tag("balanced")] | Annotated[dict[str, NonNegative], Tag("weight_of_each")],
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
    """A Keras optimizer: its name and its options, spelt as in Keras.

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
    """Keep a moving average of the weights, and replace the weights by it every `ema_overwrite_frequency` steps."""
    ema_momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    ema_overwrite_frequency: Annotated[int, Field(ge=1)] | None = None
    gradient_accumulation_steps: Annotated[int, Field(ge=2)] | None = None
    """Number of batches for each update of the weights. The update uses the mean of the batches' gradients."""
    loss_scale_factor: Positive | None = None
    """Factor by which the loss is multiplied before gradients are computed. The gradients are divided by it."""

    @model_validator(mode="after")
    def _averages_are_measured(self) -> Optimizer:
        """Refuse averaged weights that no epoch would measure: Keras would use them only after the last epoch."""
        if self.use_ema and self.ema_overwrite_frequency is None:
            raise PydanticCustomError(
                "averages_not_measured",
                "ema_overwrite_frequency beside use_ema, a number of steps such as 100. Without it, Keras uses the "
                "averaged weights only after the last epoch, so that no epoch would measure them",
            )
        return self

    def options(self) -> dict[str, Any]:
        """Map Keras's name of each option that was given to its value."""
        return {key: value for key, value in self if key != "name" and value is not None}


EpochMetric = Literal[
    "auc", "pr_auc", "f1", "balanced_accuracy", "mcc", "log_loss", "brier", "top_5", "calibration_error",
]  # fmt: skip


class EarlyStopping(Section):
    """Stop a seed once `monitor` has not improved for `patience` epochs (Keras's rule, for each seed separately)."""

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
    """The weight of each class in the training loss: a mapping from class names to weights (1 for other classes), or
    balanced: rows / (classes * rows of the class), in the training part. Only `loss` is weighted; metrics of the parts
    count every row once."""
    drop_last: bool = False
    """Leave out the last batch of each epoch if it is smaller than the others."""
    batch_order: Literal["shuffled", "repeated", "sorted"] = "shuffled"
    """shuffled: a new order in every epoch. repeated: the first epoch's order in all epochs. sorted: rows of the same
    class (or target) together."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Number of trainings: seed 0, 1, ... Each has its own initial weights and batch orders."""
    early_stopping: EarlyStopping | None = None
    metrics: list[EpochMetric] = []
    """Metrics of the validation part and the test part that are computed at the end of each epoch. Metrics that are not
    listed here are computed once, for the final weights."""
    evaluate_train: bool = True
    """Evaluate the training part in inference mode too, at the end of each epoch."""
    refresh_statistics: bool | Literal["each_part"] = False
    """Re-estimate moving averages before each evaluation. `true` uses the training part. `each_part` uses the inputs
    of the evaluated part, as Li et al. (2016) do to adapt to another domain."""
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?[MG]iB$")] | None = None
    """Memory for data and training, such as 4GiB; null: half of the machine's. If the seeds need more, they are trained
    in waves."""
    trainer: Literal["auto", "many_seeds", "keras_fit"] = "auto"
    """many_seeds: all seeds in one compiled program. keras_fit: one `model.fit` per seed. auto: many_seeds where it
    is exact."""
    keep_rows: bool = True
    """Keep the measurements of each held-out row for every seed, so that a verdict can be about new rows."""
    save: Literal["first", "best", "all", "none"] = "first"
    """The seeds whose trained models are kept."""

    def all_seeds(self) -> tuple[int, ...]:
        """Return the seeds that are trained."""
        return first_seeds(self.seeds)

    @property
    def epoch_metrics(self) -> list[str]:
        """Return the metrics that are computed at the end of each epoch, for `metrics` and early stopping."""
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
        """Set Keras's default learning rate for SGD, 0.01. Every other optimizer has 0.001, the default here."""
        if isinstance(value, dict) and "learning_rate" not in value:
            optimizer = value.get("optimizer")
            name = optimizer.get("name") if isinstance(optimizer, dict) else optimizer
            return value if name != "sgd" else {**value, "learning_rate": 0.01}
        return value
