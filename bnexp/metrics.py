"""What a metric's name implies: the task that measures it, its direction, its unit, and the format of its values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

MEASURED = {"binary": ("accuracy",), "multiclass": ("accuracy",), "regression": ("mse", "mae", "r2")}
"""Task -> the metrics that are measured besides the loss."""
HELD_OUT_PARTS = ("val", "test")
PARTS = ("", "train", "val", "test")
"""Parts on which a metric can be measured. The empty one means the training batches of the running epoch."""
LARGEST = 1e100
"""The largest possible value. Training computes in float32. Squares of much larger numbers overflow float64."""
About = Literal["new-rows", "these-rows"]
"""What a verdict is about: new rows of the same kind, or these held-out rows alone."""


@dataclass(frozen=True)
class Traits:
    """The properties of a metric, which are the same for all parts."""

    low: float = 0.0
    high: float = 1.0
    higher_is_better: bool = True
    in_percent: bool = False
    """Whether a value is written in percent, and a difference in points."""
    margin: float | None = 0.01
    """The default for the smallest difference that matters; None if it depends on the baseline's mean.

    A metric with None has no upper end that matters, and is judged by ratios.
    """
    counts: Literal["rows", "classes"] | None = None
    """What is counted as right or wrong. With `classes`, a rare class counts as much as a common one. None: the metric
    measures the size of an error instead."""
    computed: bool = False
    """Whether `statistics.classification` computes it from the predictions for held-out rows."""


KNOWN = {
    "loss": Traits(-LARGEST, LARGEST, higher_is_better=False, margin=None),
    "accuracy": Traits(in_percent=True, counts="rows"),
    "mse": Traits(0.0, LARGEST, higher_is_better=False, margin=None),
    "mae": Traits(0.0, LARGEST, higher_is_better=False, margin=None),
    "r2": Traits(-LARGEST),
    "auc": Traits(counts="classes", computed=True),
    "f1": Traits(counts="classes", computed=True),
    "balanced_accuracy": Traits(in_percent=True, counts="classes", computed=True),
    "mcc": Traits(-1.0, counts="classes", computed=True),
    "pr_auc": Traits(counts="classes", computed=True),
    "log_loss": Traits(0.0, LARGEST, higher_is_better=False, margin=None, computed=True),
    "brier": Traits(0.0, 2.0, higher_is_better=False, margin=None, computed=True),
    "top_5": Traits(in_percent=True, counts="rows", computed=True),
    "calibration_error": Traits(higher_is_better=False, computed=True),
}
"""Every quantity that bnexp measures or computes."""
OTHER_NAMES = {
    "acc": "accuracy",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "roc_auc": "auc",
    "average_precision": "pr_auc",
    "matthews_corrcoef": "mcc",
    "brier_score": "brier",
    "top_k_accuracy": "top_5",
    "ece": "calibration_error",
}
"""The name of a metric in Keras, in scikit-learn or in papers -> the name here."""
ROUNDING = 1e-5
"""The largest rounding error of a mean in float32: a share may exceed 1 by this much."""
COMMON = 0.8
"""If one class has this share of the rows or more, guessing is nearly as accurate as a good net."""
HEADLINES = ("test_accuracy", "test_r2", "test_loss", "val_accuracy", "val_r2", "val_loss")
"""The metrics that can represent a run, in order of preference. The first one that was measured is used."""

SMALLEST_SIGNED = 0.0005
"""In percentage points. A smaller difference is written as zero."""
LARGEST_WRITTEN_OUT, MOST_DECIMALS = 1e6, 5
"""A number that is larger, or needs more decimals, may be written with an exponent."""
HIDDEN_DECIMALS = 2
"""The most decimals that are added so that a signed value is not written as zero."""
DIGITS_WITHOUT_NOISE = 12
"""The digits of a float64, of 15 to 17, that stay the same if a sum is computed in another order."""


def names(task: str, parts: Sequence[str], computed: Sequence[str] = ()) -> list[str]:
    """Return the names of a history's metrics, in order, for the parts that are evaluated at each epoch's end.

    `computed` names further quantities that are computed on the held-out parts at each epoch.

    >>> names("binary", ["val"], ["auc"])
    ['loss', 'accuracy', 'val_loss', 'val_accuracy', 'val_auc']
    """
    prefixes = ("", *(f"{part}_" for part in parts))
    measured = [prefix + name for prefix in prefixes for name in ("loss", *MEASURED[task])]
    return measured + [f"{part}_{name}" for part in parts if part in HELD_OUT_PARTS for name in computed]


def is_computed(metric: str) -> bool:
    """Return True for a metric that is computed from predictions.

    It is computed for the final weights, and at each epoch only if the config asks for that.

    >>> is_computed("val_auc"), is_computed("val_accuracy")
    (True, False)
    """
    return traits(metric).computed


def is_measured(metric: str) -> bool:
    """Return True if bnexp measures a metric of this name.

    >>> is_measured("val_accuracy"), is_measured("val_../x"), is_measured("test_"), is_measured("_loss")
    (True, False, False, False)
    """
    return quantity(metric) in KNOWN


def impossible(metric: str, values: Iterable[float | None]) -> str | None:
    """Return a message on the first impossible value; None if all values are possible, as NaN and None are.

    A loss can be below 0, because a network of the user's own may add any penalty to it.

    >>> impossible("val_accuracy", [0.9, 90.0]), impossible("val_r2", [-0.5, float("nan"), None, 1.0])
    ('val_accuracy holds 90; expected numbers from 0 to 1', None)
    """
    known = traits(metric)
    for value in values:
        if value is not None and (value < known.low - ROUNDING or value > known.high + ROUNDING):
            return f"{metric} holds {value:g}; expected numbers from {known.low:g} to {known.high:g}"
    return None


def headline(measured: Collection[str]) -> str:
    """Return the metric that represents a run, of those measured.

    >>> headline(["loss", "val_loss", "val_accuracy"]), headline(["val_r2", "test_r2"])
    ('val_accuracy', 'test_r2')
    """
    return next(metric for metric in HEADLINES if metric in measured)


def fair_metric(rows_per_class: Sequence[int], part: str) -> str | None:
    """Return a metric in which a rare class counts as much as a common one; None if no class is very common.

    >>> fair_metric([98, 2], "val"), fair_metric([90, 5, 5], "test"), fair_metric([60, 40], "val")
    ('val_auc', 'test_balanced_accuracy', None)
    """
    if max(rows_per_class) < COMMON * sum(rows_per_class):
        return None
    return f"{part}_auc" if len(rows_per_class) == 2 else f"{part}_balanced_accuracy"


def on_validation(metric: str) -> str:
    """Return the validation metric that corresponds to a test metric; any other metric unchanged.

    >>> on_validation("test_accuracy"), on_validation("train_loss")
    ('val_accuracy', 'train_loss')
    """
    return f"val_{quantity(metric)}" if metric.startswith("test_") else metric


def part_of(metric: str) -> str:
    """Return the part of the data that a metric is measured on. Without a part in its name, that is `train`.

    >>> part_of("val_loss"), part_of("loss"), part_of("train_r2")
    ('val', 'train', 'train')
    """
    return _parted(metric)[0] or "train"


def quantity(metric: str) -> str:
    """Return the name of a metric without its part.

    >>> quantity("val_accuracy"), quantity("loss"), quantity("test_balanced_accuracy")
    ('accuracy', 'loss', 'balanced_accuracy')
    """
    return _parted(metric)[1]


def _parted(metric: str) -> tuple[str, str]:
    """Split a metric's name into its part, which may be empty, and the rest."""
    part, line, measured = metric.partition("_")
    return (part, measured) if part and part in PARTS and line else ("", metric)


def traits(metric: str) -> Traits:
    """Return the traits of a metric. An unknown metric has the traits of a loss."""
    return KNOWN.get(quantity(metric), KNOWN["loss"])


def higher_is_better(metric: str) -> bool:
    """Return True if a higher value of the metric is better.

    >>> higher_is_better("val_accuracy"), higher_is_better("train_loss")
    (True, False)
    """
    return traits(metric).higher_is_better


def with_unit(metric: str) -> str:
    """Return the metric's name with the unit in which `number` writes it."""
    return f"{metric} (%)" if traits(metric).in_percent else metric


def with_mode(metric: str) -> str:
    """Return the metric's name with its unit. Add the mode if it is measured in training mode, as `loss` is.

    >>> with_mode("accuracy"), with_mode("train_loss")
    ('accuracy (%), training mode', 'train_loss')
    """
    return with_unit(metric) + ", training mode" * _is_in_training_mode(metric)


def in_phrase(metric: str) -> str:
    """Return the metric's name for use within a phrase, with its mode in brackets.

    >>> in_phrase("loss"), in_phrase("val_loss")
    ('loss (training mode)', 'val_loss')
    """
    return metric + " (training mode)" * _is_in_training_mode(metric)


def _is_in_training_mode(metric: str) -> bool:
    """Return True for a metric without a part in its name: the mean over the batches of an epoch."""
    return quantity(metric) == metric


def number(metric: str, value: float | None, *, spread: float | None = None, signed: bool = False) -> str:
    """Return a value as text: accuracies in percent with two decimals, other metrics with three digits.

    `spread` is the standard deviation of the value, or half its interval. The value then gets as many decimals as the
    first two digits of the spread need. A value that rounds to zero has no sign. A small signed value gets more
    decimals instead of zero, because it matters on which side of zero the bound of an interval is.

    >>> number("val_accuracy", 0.8265), number("loss", 0.12345), number("loss", 0.1, signed=True), number("loss", None)
    ('82.65', '0.123', '+0.1', '-')
    >>> number("val_loss", -0.00003, spread=0.0018, signed=True), number("val_accuracy", -1e-9)
    ('-0.00003', '0.00')
    >>> number("val_accuracy", -0.00004, signed=True), number("val_accuracy", -0.0000004, signed=True)
    ('-0.004', '0.00')
    >>> number("loss", 0.123456, spread=0.0078), number("mse", 1234.5, spread=56.7), number("mae", 1512.0)
    ('0.1235', '1234', '1510')
    """
    if value is None:
        return "-"
    sign = "+" if signed else ""
    if traits(metric).in_percent:
        is_hidden = signed and SMALLEST_SIGNED <= abs(100 * value) < 0.005
        return _without_noise(100 * value, f"{sign}.1g" if is_hidden else f"{sign}.2f")
    if not spread or abs(value) >= LARGEST_WRITTEN_OUT or not 10**-MOST_DECIMALS < spread < LARGEST_WRITTEN_OUT:
        short = _without_noise(value, f"{sign}.3g")
        return f"{float(short):{sign}.0f}" if "e+" in short and abs(value) < LARGEST_WRITTEN_OUT else short
    decimals = max(0, 1 - math.floor(math.log10(spread)))
    texts = [_without_noise(value, f"{sign}.{decimals + more}f") for more in range(HIDDEN_DECIMALS + 1)]
    return next((text for text in texts if signed and text[0] in "+-"), texts[0])


def two_digits(value: float) -> str:
    """Return a number rounded to two digits as text that a person can type, without an exponent if possible.

    >>> two_digits(825.0), two_digits(0.0331), two_digits(2.4e-7)
    ('820', '0.033', '2.4e-07')
    """
    return number("", float(f"{value:.2g}"))


def p_text(value: float | None) -> str:
    """Return a p-value as text.

    >>> p_text(0.0312), p_text(0.00002), p_text(None)
    ('0.031', '<0.001', '-')
    """
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.2g}"


def _without_noise(value: float, form: str) -> str:
    """Return a number as text. Noise in its last bits does not change how a tie is rounded. A zero has no sign.

    >>> {_without_noise(value, "+.2f") for value in (-1.6249999999999998, -1.625, -1.6250000000000002)}
    {'-1.62'}
    """
    text = format(float(f"{value:.{DIGITS_WITHOUT_NOISE}g}"), form)
    return text.lstrip("+-") if float(text) == 0 else text
