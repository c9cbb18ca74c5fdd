"""Checks between keys: keys that contradict each other, or that do not fit the rows of the dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bnexp.config.dataset import drawn_classes, drawn_task, drawn_training_rows, has_test_part
from bnexp.config.layers import every_layer
from bnexp.config.model import Sequential
from bnexp.config.networks import Cnn, Mlp, Rnn, Transformer
from bnexp.config.normalization import BATCH_STATISTICS
from bnexp.config.own_model import OWN_NETWORKS, Frozen
from bnexp.config.real import CsvDataset, NpzDataset, OpenmlDataset, OwnFile, ParquetDataset, RealDataset
from bnexp.config.schema import Experiment
from bnexp.config.section import Task
from bnexp.config.synthetic import BlobsDataset, ClassificationDataset, RegressionDataset
from bnexp.errors import counted
from bnexp.metrics import MEASURED
from bnexp.statistics.classification import METRICS

Faults = Iterator[tuple[str, str]]
"""Pairs: the dotted key of a mistake, and its message (what was seen; what is expected. The cure)."""


def disagreements(experiment: Experiment) -> Faults:
    """Yield all mistakes between keys of an experiment: keys that contradict each other."""
    yield from _features(experiment)
    yield from _heads(experiment)
    yield from _shift(experiment)
    yield from _openml(experiment)
    yield from _own_parts(experiment)
    yield from _marks_of_numbers(experiment)
    yield from _dates(experiment)
    yield from _frozen(experiment)
    if isinstance(experiment.dataset, RealDataset):
        return
    rows = drawn_training_rows(experiment.dataset)
    if rows < 1:
        yield (
            "dataset.test_size",
            f"is {experiment.dataset.test_size:g} of {counted(experiment.dataset.samples, 'row')}; "
            "no row is left for training. Use a smaller one.",
        )
    else:
        classes = drawn_classes(experiment.dataset)
        yield from unfit_for_rows(experiment, rows, drawn_task(experiment.dataset), classes)


def unfit_for_rows(experiment: Experiment, training_rows: int, task: Task, classes: int, *, dropped: int = 0) -> Faults:
    """Yield a mistake for each key that does not fit the number of training rows, the task or its classes.

    `classes` is 0 for a regression. `dropped` is the number of rows left out because they repeat an earlier row.
    """
    size = experiment.training.batch_size
    if size > training_rows:
        repeats = f" ({counted(dropped, 'repeated row')} dropped; dataset.duplicates: keep would use them, too)"
        yield (
            "training.batch_size",
            f"is {size}; the training part has {counted(training_rows, 'row')}{repeats if dropped else ''}. "
            f"Use {training_rows} or fewer.",
        )
    elif needs_two_rows(experiment):
        yield from _single_rows(experiment, size, training_rows)
    yield from _monitor(experiment, task, classes)
    yield from _metrics(experiment, classes)


def uses_batch_statistics(experiment: Experiment) -> bool:
    """Return True if the model normalizes with the statistics of its batches."""
    match experiment.model:
        case Sequential(layers=layers):
            return any(layer.name == "BatchNormalization" for layer in every_layer(layers))
        case network:
            return isinstance(network.normalization, BATCH_STATISTICS)


def needs_two_rows(experiment: Experiment) -> bool:
    """Return True if a normalization layer sees one value per row, so that a batch of one row has no variance."""
    match experiment.model:
        case Mlp() | Sequential() | Cnn(hidden=[_, *_]) | Rnn(placement="after"):  # an rnn's last layer gives one state
            return uses_batch_statistics(experiment)
    return False


def _features(experiment: Experiment) -> Faults:
    match experiment.dataset:
        case ClassificationDataset() as dataset:
            yield from _classification(dataset)
        case RegressionDataset() as dataset if dataset.informative > dataset.features:
            yield (
                "dataset.informative",
                f"is {dataset.informative} of {dataset.features} features; expected no more than "
                "that. Use fewer, or more dataset.features.",
            )
        case BlobsDataset(center_box=[low, high]) if low >= high:
            yield (
                "dataset.center_box",
                f"is [{low:g}, {high:g}]; expected the lower bound first. Swap them.",
            )


def _heads(experiment: Experiment) -> Faults:
    model = experiment.model
    if isinstance(model, Transformer) and model.width % model.heads:
        yield (
            "model.heads",
            f"is {model.heads}, which does not divide model.width, {model.width}; each head takes an equal part of it. "
            "Change one of them.",
        )


def _frozen(experiment: Experiment) -> Faults:
    """Yield a mistake if batch normalization is frozen before it has learned anything."""
    model = experiment.model
    if isinstance(model, OWN_NETWORKS) and isinstance(model.normalization, Frozen) and model.weights == "draw":
        yield (
            "model.normalization",
            "is frozen, but model.weights is draw, so there are no learned statistics to keep. "
            "Set model.weights: keep, with a network that comes with trained weights.",
        )


def _shift(experiment: Experiment) -> Faults:
    dataset = experiment.dataset
    held_out = [*getattr(dataset, "held_out_keys", ())]
    if getattr(dataset, "shift", None) is not None and not has_test_part(dataset):
        cure = "Name it: dataset.test_path" if "validation" in held_out else "Set dataset.validation_size, such as 0.25"
        yield "dataset.shift", f"is given, but there is no test part that it could change. {cure}."


def _marks_of_numbers(experiment: Experiment) -> Faults:
    """Yield a mistake if the thousands separator and the decimal mark are the same character."""
    dataset = experiment.dataset
    if isinstance(dataset, CsvDataset) and dataset.thousands == dataset.decimal:
        mark = json.dumps(dataset.thousands)
        other = "," if dataset.decimal == "." else "."
        cure = f'Use dataset.decimal: "{other}", or leave out dataset.thousands'
        yield "dataset.thousands", f"is {mark}, and so is dataset.decimal; expected two different characters. {cure}."


def _dates(experiment: Experiment) -> Faults:
    """Yield a mistake for each date column that another key names, too."""
    dataset = experiment.dataset
    if not isinstance(dataset, CsvDataset | ParquetDataset | OpenmlDataset):
        return
    group = getattr(dataset, "group", None)
    for name in dataset.dates:
        others = {"drop": name in dataset.drop, "categories": name in dataset.categories, "group": name == group}
        for key in (key for key, is_named in others.items() if is_named):
            yield "dataset.dates", f"names {name!r}, and so does dataset.{key}. Name it in one of the two."


def _own_parts(experiment: Experiment) -> Faults:
    """Yield a mistake for each key that asks for a split that the user's own files already define."""
    dataset = experiment.dataset
    if not isinstance(dataset, OwnFile):
        return
    given = dataset.held_out_keys
    for key, parts in (("test_size", [*given]), ("validation_size", [part for part in given if part == "validation"])):
        if (value := getattr(dataset, key)) is not None and parts:
            keys = " and ".join(f"dataset.{given[part]}" for part in parts)
            yield f"dataset.{key}", f"is {value:g}, but the held-out rows come from {keys}. Leave out dataset.{key}."
    if dataset.resample and ("validation" in given or (given and dataset.resample is True)):
        keys = " and ".join(f"dataset.{key}" for key in given.values())
        seen = f"is {json.dumps(dataset.resample)}, but the held-out rows of every seed come from {keys}"
        yield "dataset.resample", f"{seen}. Use dataset.resample: false."
    if isinstance(dataset, NpzDataset):
        yield from _arrays_of_parts(dataset)


def _arrays_of_parts(dataset: NpzDataset) -> Faults:
    """Yield a mistake for each part that lacks inputs or targets, has no groups, or is given twice."""
    for part in ("validation", "test"):
        named = [key for key in (f"x_{part}", f"y_{part}") if getattr(dataset, key) is not None]
        if len(named) == 1:
            (other,) = {f"x_{part}", f"y_{part}"} - {*named}
            yield f"dataset.{named[0]}", f"is given without dataset.{other}; expected both. Name that array, too."
        if named and dataset.group is not None:
            cure = "Leave it out, or put each part in a file of its own, with its groups"
            yield "dataset.group", f"is {dataset.group!r}, but the rows of dataset.{named[0]} have no groups. {cure}."
        if named and getattr(dataset, f"{part}_path") is not None:
            yield f"dataset.{named[0]}", f"is given, and so is dataset.{part}_path. Leave out one of the two."


def _openml(experiment: Experiment) -> Faults:
    match experiment.dataset:
        case OpenmlDataset(id=None, data_name=None):
            yield (
                "dataset",
                "is openml without a set; expected its number, dataset.id, or its name, dataset.data_name. "
                "Look it up on openml.org.",
            )
        case OpenmlDataset(id=int(number), data_name=str(name)):
            yield "dataset.data_name", f"is {name}, and dataset.id is {number}; expected one of them. Leave one out."
        case OpenmlDataset(id=int(), version=int(version)):
            yield (
                "dataset.version",
                f"is {version}, but a set's number, dataset.id, already fixes its version. Leave it out, or use "
                "dataset.data_name for dataset.id.",
            )


def _classification(dataset: ClassificationDataset) -> Faults:
    used = dataset.informative + dataset.redundant + dataset.repeated
    if used > dataset.features:
        yield (
            "dataset.features",
            f"is {dataset.features}; informative + redundant + repeated are {used} "
            f"({dataset.informative} + {dataset.redundant} + {dataset.repeated}). "
            f"Use {used} features or more, or fewer of those.",
        )
    clusters = dataset.classes * dataset.clusters_per_class
    if clusters > 2**dataset.informative:
        needed = (clusters - 1).bit_length()
        yield (
            "dataset.classes",
            f"is {dataset.classes} with {dataset.clusters_per_class} clusters each; "
            f"{dataset.informative} informative features have {2**dataset.informative} corners for {clusters} "
            f"clusters. Use dataset.informative: {needed} or more, or fewer dataset.clusters_per_class.",
        )
    if dataset.weights is not None and (
        len(dataset.weights) != dataset.classes or abs(sum(dataset.weights) - 1) > 1e-6
    ):
        yield (
            "dataset.weights",
            f"is {dataset.weights}; expected one share for each of the {dataset.classes} classes, "
            "1 in sum. Change them, or leave them out for equal shares.",
        )


def _single_rows(experiment: Experiment, size: int, rows: int) -> Faults:
    if size == 1:
        yield (
            "training.batch_size",
            "is 1; batch normalization needs at least 2 rows to have a variance. "
            "Use 2 or more, or another normalization.",
        )
    elif rows % size == 1 and not experiment.training.drop_last:
        yield (
            "training.batch_size",
            f"is {size}; the last batch of {rows} training rows holds a single row, and batch "
            f"normalization needs at least 2 to have a variance. Use training.drop_last: true, or another batch size.",
        )


def _monitor(experiment: Experiment, task: Task, classes: int) -> Faults:
    rule = experiment.training.early_stopping
    if rule is None:
        return
    measured = [f"{part}{name}" for part in ("val_", "") for name in ("loss", *MEASURED[task])]
    measured += [f"val_{name}" for name, metric in METRICS.items() if metric.fits(classes)]
    if rule.monitor not in measured:
        yield (
            "training.early_stopping.monitor",
            f"is {rule.monitor}; a {task} task does not measure it. Good names: {', '.join(measured)}.",
        )


def _metrics(experiment: Experiment, classes: int) -> Faults:
    """Yield a mistake for each metric in `training.metrics` that is not defined for this number of classes."""
    good = [name for name, metric in METRICS.items() if metric.fits(classes)]
    for name in experiment.training.metrics:
        if name not in good:
            needs = METRICS[name].needs if classes else "a regression has no classes"
            cure = f"Good names: {', '.join(good)}." if good else "Leave it out: mse, mae and r2 are measured anyway."
            yield "training.metrics", f"names {name}; {needs}. {cure}"
