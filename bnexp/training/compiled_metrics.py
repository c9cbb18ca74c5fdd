"""Names the metrics that a user's model was compiled with and that its training does not measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bnexp.config.section import Task
from bnexp.config.training import Training
from bnexp.errors import listed
from bnexp.metrics import KNOWN, MEASURED, OTHER_NAMES
from bnexp.models.built import Built
from bnexp.models.layer_paths import automatic_name
from bnexp.statistics.classification import METRICS

LOSSES = ("categorical_crossentropy", "binary_crossentropy")
"""Keras's names of metrics that are the loss of a task with classes."""
SHOWN = ("curve", "k")
"""Options of a metric that are always named."""
DEFAULTS = {"threshold": (None, 0.5), "average": (None, "macro"), "multi_label": (False,), "class_id": (None,)}
"""Option of a metric that changes what it measures -> the values with which bnexp's metric measures the same."""
MOST_NAMED = 5


def with_unmeasured_metrics(built: Built, training: Training, task: Task, classes: int) -> Built:
    """Return what was built, with a note for compiled metrics that `training.metrics` adds, and for unknown ones."""
    return replace(built, notes=(*built.notes, *_notes(built, training, task, classes)))


def _notes(built: Built, training: Training, task: Task, classes: int) -> Iterator[str]:
    measured = ("loss", *MEASURED[task], *training.metrics)
    offered = [name for name, metric in METRICS.items() if metric.fits(classes)]
    found = {_told(*one): _quantity(*one) for one in built.compiled.metrics}
    measured = measured if task == "regression" else ("cross_entropy", *measured)
    if missing := [name for name in dict.fromkeys(found.values()) if name in offered and name not in measured]:
        all_metrics = ",".join([*training.metrics, *missing])
        them = "it" if len(missing) == 1 else "them"
        yield (
            f"The network was compiled with the {_counted(missing)}. To measure {them} at each epoch, add "
            f"training.metrics=[{all_metrics}]."
        )
    if unknown := [told for told, name in found.items() if name not in (*offered, *measured)]:
        yield f"The network was compiled with the {_counted(unknown)}, which bnexp does not measure for these data."


def _counted(names: list[str]) -> str:
    return f"{'metric' if len(names) == 1 else 'metrics'} {listed(names, MOST_NAMED)}"


def _told(kind: str, options: Mapping[str, Any]) -> str:
    """Return a metric for a message, with the options that decide what it measures.

    >>> _told("SparseTopKCategoricalAccuracy", {"k": 3, "dtype": "float32"}), _told("Recall", {})
    ('SparseTopKCategoricalAccuracy (k=3)', 'Recall')
    """
    keys = [key for key in (*SHOWN, *_decisive(options)) if isinstance(options.get(key), str | int | float)]
    shown = [f"{key}={options[key]}" for key in keys]
    return f"{kind} ({', '.join(shown)})" if shown else kind


def _decisive(options: Mapping[str, Any]) -> list[str]:
    """List the options with which a metric measures something else than bnexp's."""
    return [key for key, usual in DEFAULTS.items() if key in options and options[key] not in usual]


def _quantity(kind: str, options: Mapping[str, Any]) -> str | None:
    """Return bnexp's name of a metric of Keras; None if bnexp has none.

    >>> _quantity("AUC", {"curve": "PR"}), _quantity("MeanAbsoluteError", {}), _quantity("F1Score", {})
    ('pr_auc', 'mae', 'f1')
    >>> _quantity("SparseTopKCategoricalAccuracy", {"k": 5}), _quantity("sparse_categorical_accuracy", {})
    ('top_5', 'accuracy')
    >>> _quantity("SparseTopKCategoricalAccuracy", {"k": 3}), _quantity("F1Score", {"average": "micro"})
    (None, None)
    """
    if _decisive(options):
        return None
    name = automatic_name(kind).removeprefix("sparse_").removesuffix("_score")
    if name == "auc":
        return {"PR": "pr_auc"}.get(str(options.get("curve")), "auc")
    if name == "top_k_categorical_accuracy":
        return "top_5" if options.get("k", 5) == 5 else None
    if name in ("categorical_accuracy", "binary_accuracy"):
        return "accuracy"
    if name in LOSSES:
        return "cross_entropy"
    name = OTHER_NAMES.get(name, name)
    return name if name in KNOWN else None
