"""What no single key of a config shows: keys that disagree with each other."""

from __future__ import annotations

from collections.abc import Iterator

from bnexp.config.dataset import BlobsDataset, ClassificationDataset, RegressionDataset, task_of, training_rows
from bnexp.config.model import BatchNormalization, Mlp, Sequential
from bnexp.config.schema import Experiment
from bnexp.metrics import MEASURED

Problems = Iterator[tuple[tuple[str, ...], str]]
"""Pairs of where a mistake stands (keys) and what it is: seen; expected. Cure."""


def disagreements(experiment: Experiment) -> Problems:
    """List all mistakes that lie between the keys of an experiment."""
    yield from _features(experiment)
    yield from _batches(experiment)
    yield from _monitor(experiment)


def uses_batch_statistics(experiment: Experiment) -> bool:
    """Tell whether the model normalizes with the statistics of its batches."""
    match experiment.model:
        case Mlp(normalization=BatchNormalization()):
            return True
        case Sequential(layers=layers):
            return any(layer.name == "BatchNormalization" for layer in layers)
    return False


def _features(experiment: Experiment) -> Problems:
    match experiment.dataset:
        case ClassificationDataset() as dataset:
            yield from _classification(dataset)
        case RegressionDataset() as dataset if dataset.informative > dataset.features:
            yield (
                ("dataset", "informative"),
                f"dataset.informative is {dataset.informative} of {dataset.features} features; expected no more than "
                "there are. Use fewer, or more dataset.features.",
            )
        case BlobsDataset(center_box=[low, high]) if low >= high:
            yield (
                ("dataset", "center_box"),
                f"dataset.center_box is [{low:g}, {high:g}]; expected the lower bound first. Turn them round.",
            )


def _classification(dataset: ClassificationDataset) -> Problems:
    used = dataset.informative + dataset.redundant + dataset.repeated
    if used > dataset.features:
        yield (
            ("dataset", "features"),
            f"dataset.features is {dataset.features}; informative + redundant + repeated are {used} "
            f"({dataset.informative} + {dataset.redundant} + {dataset.repeated}). "
            f"Use {used} features or more, or fewer of those.",
        )
    clusters = dataset.classes * dataset.clusters_per_class
    if clusters > 2**dataset.informative:
        needed = (clusters - 1).bit_length()
        yield (
            ("dataset", "classes"),
            f"dataset.classes is {dataset.classes} with {dataset.clusters_per_class} clusters each; "
            f"{dataset.informative} informative features have {2**dataset.informative} corners for {clusters} "
            f"clusters. Use dataset.informative: {needed} or more, or fewer dataset.clusters_per_class.",
        )
    if dataset.weights is not None and (
        len(dataset.weights) != dataset.classes or abs(sum(dataset.weights) - 1) > 1e-6
    ):
        yield (
            ("dataset", "weights"),
            f"dataset.weights is {dataset.weights}; expected one share for each of the {dataset.classes} classes, "
            "1 in sum. Change them, or leave them out for equal shares.",
        )


def _batches(experiment: Experiment) -> Problems:
    size, rows = experiment.training.batch_size, training_rows(experiment.dataset)
    place = ("training", "batch_size")
    if rows < 1:
        yield (
            ("dataset", "test_size"),
            f"dataset.test_size is {experiment.dataset.test_size:g} of {experiment.dataset.samples} rows; "
            "no row is left for training. Use a smaller one.",
        )
    elif size > rows:
        yield (
            place,
            f"training.batch_size is {size}; the training part has {rows} rows. Use {rows} or fewer.",
        )
    elif uses_batch_statistics(experiment):
        yield from _single_rows(experiment, size, rows)


def _single_rows(experiment: Experiment, size: int, rows: int) -> Problems:
    place = ("training", "batch_size")
    if size == 1:
        yield (
            place,
            "training.batch_size is 1; batch normalization needs at least 2 rows to have a variance. "
            "Use 2 or more, or model.normalization: layer or none.",
        )
    elif rows % size == 1 and not experiment.training.drop_last:
        yield (
            place,
            f"training.batch_size is {size}; the last batch of {rows} training rows holds a single row, and batch "
            f"normalization needs at least 2 to have a variance. Use training.drop_last: true, or another batch size.",
        )


def _monitor(experiment: Experiment) -> Problems:
    rule = experiment.training.early_stopping
    if rule is None:
        return
    task = task_of(experiment.dataset)
    measured = [f"{part}{name}" for part in ("val_", "") for name in ("loss", *MEASURED[task])]
    if rule.monitor not in measured:
        yield (
            ("training", "early_stopping", "monitor"),
            f"training.early_stopping.monitor is {rule.monitor}; a {task} task does not measure it. "
            f"Good names: {', '.join(measured)}.",
        )
