"""The warnings of a study's trainings: each kind once, with the text and the place of the worst one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnexp.errors import counted
from bnexp.study.words import levels_text
from bnexp.warning_kinds import kind_of


@dataclass(frozen=True)
class Warned:
    """The warnings of one trial, and its place in the grid."""

    levels: Mapping[str, Any]
    arm: str
    warnings: Sequence[str]


def told_once(trials: Iterable[Warned]) -> Iterator[str]:
    """Yield each kind of warning once: in how many cells it is, and the text of the worst one."""
    worst: dict[str, tuple[float, str, Mapping[str, Any]]] = {}
    counts: dict[str, Counter[str]] = {}
    for trial in trials:
        for text in trial.warnings:
            kind, size = kind_of(text), _severity(text)
            if kind not in worst or size > worst[kind][0]:
                worst[kind] = (size, text, trial.levels)
        for kind in dict.fromkeys(map(kind_of, trial.warnings)):
            counts.setdefault(kind, Counter())[trial.arm] += 1
    for kind, cells in counts.items():
        size, text, levels = worst[kind]
        which = "the worst" if size else "the first"
        place = f", {which} at {levels_text(levels)}" if sum(cells.values()) > 1 and levels else ""
        yield f"{places(cells)}{place}: {text}"


def places(counts: Mapping[str, int]) -> str:
    """Return the numbers of cells as text, one for each arm.

    >>> places({"bn": 2, "nobn": 1})
    'bn in 2 cells, nobn in 1 cell'
    """
    return ", ".join(f"{what} in {counted(number_of, 'cell')}" for what, number_of in counts.items())


def _severity(text: str) -> float:
    """Return how severe a warning is within its kind; 0 if its text does not show it.

    Moving averages that hold more of their initial values are more severe, and so are smaller batches.

    >>> _severity("after 9 steps they still hold 70% of their initial values"), _severity("training.batch_size is 4;")
    (70.0, 0.25)
    """
    if share := re.search(r"still hold (\d+)%", text):
        return float(share[1])
    size = re.match(r"training\.batch_size is (\d+)", text)
    return 0.0 if size is None else 1 / float(size[1])
