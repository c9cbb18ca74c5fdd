"""inputs.json: how raw rows become the inputs of a saved model, and what its outputs mean."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from bnexp.config.section import Kind, Task
from bnexp.data import Data
from bnexp.data.sources.scripts import FOLD
from bnexp.data.sources.text import UNKNOWN

FORMAT = 1
COLORS = {1: "grayscale", 3: "rgb"}
"""Number of channels of an image -> its color mode."""


Numbers = list[float | None] | None
"""One number for each column, channel, or feature of a frame. The list is None if the step is not done."""


class ModelInputs(TypedDict, total=False):
    """The keys of inputs.json. Each kind of inputs has only the keys that apply to it."""

    format: int
    kind: Kind
    task: Task
    classes: list[str] | None
    shape: list[int]
    fold: str
    words: list[str]
    columns: list[str] | None
    color: str | None
    samples_per_second: int | None
    log_mel: dict[str, float] | None
    center: Numbers
    width: Numbers
    fill: Numbers
    target_center: Numbers
    target_width: Numbers


def model_inputs(data: Data, row: int) -> ModelInputs:
    """Return how the seed at position `row` of the arrays transforms raw rows, in values that strict JSON can hold.

    A number x becomes (x - center) / width. A missing number then becomes `fill`. These three are lists with an entry
    for each column, channel, or feature of a frame; a list is None if its step is not done. `fold` is a Python
    expression that normalizes a text before it is split into words at its blanks. A word becomes its index in
    `words`: 0 is padding, and 1 stands for all unknown words. `log_mel` holds the arguments of Keras's
    MelSpectrogram. An output o of a regression means the target o * target_width + target_center.
    """
    rows, fitted = data.rows, data.preprocessing.of(row)
    document: ModelInputs = {
        "format": FORMAT,
        "kind": rows.kind,
        "task": data.task,
        "classes": None if rows.classes is None else list(rows.classes),
        "shape": list(rows.x.shape[1:]),
    }
    match rows.kind:
        case "text":
            return {**document, "fold": FOLD, "words": _words(rows.words, fitted.ids)}
        case "table":
            document["columns"] = list(rows.columns) or None
        case "image":
            document["color"] = COLORS.get(rows.x.shape[-1])
        case "sequence":
            document["samples_per_second"] = rows.facts.samples_per_second
            document["log_mel"] = None if rows.facts.log_mel is None else asdict(rows.facts.log_mel)
    document |= {"center": _numbers(fitted.center), "width": _numbers(fitted.width), "fill": _numbers(fitted.fill)}
    if rows.classes is None:
        document["target_center"] = _numbers(fitted.target_center)
        document["target_width"] = _numbers(fitted.target_width)
    return document


def _words(words: tuple[str, ...], ids: Any) -> list[str]:
    """Return the words that a seed knows, each at the index that is its number."""
    known = ["", "[UNK]"] + [""] * (int(ids.max()) - UNKNOWN)
    for word, number in zip(words, ids.tolist(), strict=True):
        if number > UNKNOWN:
            known[number] = word
    return known


def _numbers(part: NDArray[Any] | None) -> Numbers:
    """Return one number for each feature, or None for a number that is not finite: no training row determines it."""
    if part is None:
        return None
    return [number if np.isfinite(number) else None for number in np.ravel(part).tolist()]
