"""What tests print: a history, the facts of a data set, and the lines that a terminal would show."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console, RenderableType

from bnexp.history import History

HISTORY = History(
    (0, 1), {"loss": np.array([[0.9, 0.5], [0.7, 0.3]]), "val_accuracy": np.array([[0.5, 0.8], [0.6, 0.7]])}, (2, 2)
)

DATA = {
    "name": "wine", "training_rows": 142, "validation_rows": 36, "split": "random, 0.2 held out",
    "commonest_class_share": 0.3944,
}  # fmt: skip
DATA_LINE = "wine: 142 training rows, 36 for validation (random, 0.2 held out); majority-class baseline (always the training rows' commonest class): 39.44% on the validation rows"
"""What DATA reads like."""


def lines(what: RenderableType, width: int = 400) -> list[str]:
    """Print something on a wide terminal, and return its lines."""
    out = Console(file=io.StringIO(), width=width)
    out.print(what)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]
