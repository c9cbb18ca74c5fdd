"""How the inputs of a saved model are made of raw rows, and what its outputs mean: what inputs.json holds."""

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
"""Channels of an image -> what they are."""


Numbers = list[float | None] | None
"""One number for each column, or for each channel or feature of a frame; None where nothing is done."""


class ModelInputs(TypedDict, total=False):
    """inputs.json: a kind of inputs has the keys that mean something for it."""

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
    """Return what the seed in this row of the arrays does to its rows, in numbers and texts that strict JSON holds.

    A number x becomes (x - center) / width, and a missing one then `fill`:
    lists with an entry for each of `columns`, or for each channel or feature
    of a frame; None where nothing is done. `fold` is an expression of Python
    for the text that is cut at its blanks. A word becomes its place in
    `words`: 0 is padding, 1 stands for all words that are not there.
    `log_mel` holds the arguments of Keras's MelSpectrogram. A
    regression's outputs are in widths of the target from its center.
    """
    rows, view = data.rows, data.view.of(row)
    document: ModelInputs = {
        "format": FORMAT,
        "kind": rows.kind,
        "task": data.task,
        "classes": None if rows.classes is None else list(rows.classes),
        "shape": list(rows.x.shape[1:]),
    }
    match rows.kind:
        case "text":
            return {**document, "fold": FOLD, "words": _words(rows.words, view.ids)}
        case "table":
            document["columns"] = list(rows.columns) or None
        case "image":
            document["color"] = COLORS.get(rows.x.shape[-1])
        case "sequence":
            document["samples_per_second"] = rows.facts.samples_per_second
            document["log_mel"] = None if rows.facts.log_mel is None else asdict(rows.facts.log_mel)
    document |= {"center": _numbers(view.center), "width": _numbers(view.width), "fill": _numbers(view.fill)}
    if rows.classes is None:
        document["target_center"] = _numbers(view.target_center)
        document["target_width"] = _numbers(view.target_width)
    return document


def _words(words: tuple[str, ...], ids: Any) -> list[str]:
    """Return the words that a seed knows, each in the place of its number."""
    known = ["", "[UNK]"] + [""] * (int(ids.max()) - UNKNOWN)
    for word, number in zip(words, ids.tolist(), strict=True):
        if number > UNKNOWN:
            known[number] = word
    return known


def _numbers(part: NDArray[Any] | None) -> Numbers:
    """Return one number for each feature; None for what no training row tells."""
    if part is None:
        return None
    return [number if np.isfinite(number) else None for number in np.ravel(part).tolist()]
