"""Why a requested metric is not available, and which name was probably meant: for a comparison and for a study."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnexp.errors import nearest
from bnexp.metrics import HELD_OUT_PARTS, KNOWN, OTHER_NAMES, PARTS, is_computed, part_of, quantity
from bnexp.statistics.classification import METRICS

CURE = "Set dataset.validation_size, such as 0.25, or name both parts: dataset.validation_path, dataset.test_path."
"""How to get a test part in addition to the validation part."""
NEEDS_TEST_PART = (
    "Read a test_ metric (dataset.validation_size makes a test part; so do dataset.validation_path and "
    "dataset.test_path)."
)


def has_test_part(measured: Iterable[str]) -> bool:
    """Return True if one of these metrics is measured on a test part."""
    return any(part_of(name) == "test" for name in measured)


@dataclass(frozen=True)
class Predictions:
    """The predictions for held-out rows of all experiments that are read. AUC and the like are computed from them."""

    classes: frozenset[int]
    """The numbers of classes that the experiments have; 0 for a regression."""
    are_kept: bool
    """Whether every experiment keeps its predictions."""

    def do_not_fit(self, metric: str) -> str | None:
        """Return why a computed metric is not defined for the number of classes; None if it is, or without classes.

        >>> Predictions(frozenset({3}), are_kept=True).do_not_fit("val_auc")
        'AUC needs two classes, and these data have more'
        """
        if not is_computed(metric) or not all(self.classes):
            return None
        known = METRICS[quantity(metric)]
        return None if all(map(known.fits, self.classes)) else known.needs


def all_of(part: str) -> list[str]:
    """List the names of all metrics that can be measured on a part of the data; "" means the training batches.

    Any other word counts as "", because it is no part: `acuracy` is one slip from `accuracy`.

    >>> "val_auc" in all_of("val"), "train_auc" in all_of("train"), all_of("acuracy")
    (True, False, ['loss', 'accuracy', 'mse', 'mae', 'r2'])
    """
    prefix = f"{part}_" if part in PARTS and part else ""
    return [f"{prefix}{name}" for name, known in KNOWN.items() if part in HELD_OUT_PARTS or not known.computed]


def unmeasured_part(metric: str, measured: Sequence[str]) -> str | None:
    """Return why the part of the data that `metric` names has no metrics, and the cure; None if it has some.

    >>> unmeasured_part("train_loss", ["val_loss"]), unmeasured_part("test_loss", ["test_loss"])
    ('the training part is not evaluated. Set training.evaluate_train: true.', None)
    """
    part = metric.partition("_")[0]
    if any(name.startswith(f"{part}_") for name in measured):
        return None
    if part == "test":
        return f"there is no test part beside the validation part. {CURE}"
    return "the training part is not evaluated. Set training.evaluate_train: true." if part == "train" else None


def not_computed(metric: str, measured: Sequence[str], predictions: Predictions) -> str | None:
    """Return why a metric cannot be computed after training, and what to use instead; None for another reason.

    >>> not_computed("val_f1", ["val_loss", "val_accuracy"], Predictions(frozenset({2}), are_kept=False))
    'it is computed from the predictions for held-out rows, and an arm keeps none. Set training.keep_rows: true.'
    >>> not_computed("val_auc", ["val_accuracy", "val_f1"], Predictions(frozenset({3}), are_kept=True))
    'AUC needs two classes, and these data have more. Good names: val_accuracy, val_f1.'
    """
    if not is_computed(metric) or part_of(metric) not in HELD_OUT_PARTS or not all(predictions.classes):
        return None
    if (why := predictions.do_not_fit(metric)) is not None:
        return f"{why}. Good names: {', '.join(measured)}."
    if predictions.are_kept:
        return None
    return "it is computed from the predictions for held-out rows, and an arm keeps none. Set training.keep_rows: true."


def not_measured(metric: str, measured: Sequence[str], *, where: str = "") -> str:
    """Return that a metric is not measured, and the names that are. Names from other libraries are translated.

    >>> not_measured("val_acc", ["val_auc", "val_accuracy"], where=" in every cell")
    "it is not measured in every cell. Did you mean 'val_accuracy'? Good names: val_auc, val_accuracy."
    """
    part, _, other = metric.partition("_") if metric.partition("_")[0] in PARTS else ("", "", metric)
    name = "_".join(one for one in (part, OTHER_NAMES.get(other, other)) if one)
    return f"it is not measured{where}. {nearest(name, measured)}"
