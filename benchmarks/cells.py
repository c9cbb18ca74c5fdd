"""How often cells that are alike are said to differ, and the prediction interval holds another cell, by simulation.

Each row draws 1,000 studies, whose cells share seeds and are unlike in their noise. In some, the noise of a cell grows
with its effect, as in trainings that become unstable. "Textbook" takes the errors of cells for known and independent.
"Now" is bnexp's: estimated, and correlated. From the repository's root, some minutes:

    python benchmarks/cells.py
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.config.study import Hypothesis
from bnexp.statistics import Estimate, Heterogeneity, Levels, heterogeneity, over_seeds
from bnexp.study.across import Part, Parts
from bnexp.study.contrast import Contrast
from bnexp.study.words import ClaimWording

OUT = Path(__file__).with_suffix(".json")
DRAWS = 1000
CELLS, SEEDS, CORRELATIONS = (3, 6, 12), (6, 10, 20), (0.0, 0.5, 0.8)
TAU, LARGE_TAU = 0.3, 3.0
"""Between cells that differ, in units of the noise of a seed. The second is used where noise grows with the effect."""
CLAIM = Hypothesis.model_validate(
    {"claim": "c", "metric": "test_loss", "treated": "bn", "baseline": "none", "direction": "higher", "smallest": 0.01}
)


def drawn(
    generator: np.random.Generator, tau: float, cells: int, seeds: int, correlation: float, *, grows: bool = False
) -> np.ndarray:
    """Return the differences of cells and seeds, (C, S). With `grows`, large effects have more noise."""
    effects_C = tau * generator.normal(size=cells)
    spread_C = 0.7 + np.abs(effects_C) if grows else np.exp(generator.normal(0, 0.3, cells))
    shared_S, own_CS = generator.normal(size=seeds), generator.normal(size=(cells, seeds))
    noise_CS = math.sqrt(correlation) * shared_S + math.sqrt(1 - correlation) * own_CS
    return np.asarray(effects_C[:, None] + spread_C[:, None] * noise_CS)


def judged(difference_CS: np.ndarray) -> tuple[Heterogeneity, Heterogeneity]:
    """Return how much cells differ by the textbook, and now."""
    cells: Sequence[Estimate] = [over_seeds(one_S) for one_S in difference_CS]
    textbook = heterogeneity([replace(one, degrees=math.inf) for one in cells])
    now = heterogeneity(cells, over_seeds(difference_CS.mean(axis=0)))
    assert textbook is not None
    assert now is not None
    return textbook, now


def disagree(difference_CS: np.ndarray) -> bool:
    """Return True if cells are said to point in opposite directions."""
    wording = ClaimWording(CLAIM, None, (0, 0), lambda claimed: False)
    parts = [
        Part(Contrast(one_S), JudgedDifference("test_loss", one_S, CLAIM.smallest), wording) for one_S in difference_CS
    ]
    return Parts.of(parts, Levels()).disagree


def holds(found: Heterogeneity, effect: float) -> bool:
    """Return True if another cell lies in the prediction interval."""
    assert found.prediction is not None
    return found.prediction.low <= effect <= found.prediction.high


def worlds() -> Iterator[dict[str, Any]]:
    """Yield a row for each number of cells and seeds, and each correlation of their errors."""
    plain = itertools.product(CELLS, SEEDS, CORRELATIONS, [False])
    growing = itertools.product(CELLS, SEEDS, [0.0], [True])
    for cells, seeds, correlation, grows in (*plain, *growing):
        generator, tau = np.random.default_rng([cells, seeds, int(10 * correlation)]), LARGE_TAU if grows else TAU
        alike = [drawn(generator, 0.0, cells, seeds, correlation) for _ in range(DRAWS)]
        tests = np.array([[one.p_value < 0.05 for one in judged(each)] for each in alike])
        held, taus = np.empty((DRAWS, 2)), np.empty((DRAWS, 2))
        for draw in range(DRAWS):
            pair = judged(drawn(generator, tau, cells, seeds, correlation, grows=grows))
            held[draw] = [holds(one, effect) for effect in [tau * generator.normal()] for one in pair]
            taus[draw] = [one.tau for one in pair]
        yield {
            "cells": cells,
            "seeds": seeds,
            "correlation": correlation,
            "noise_grows": grows,
            "tau": tau,
            "alike_said_to_differ": dict(zip(("textbook", "now"), tests.mean(axis=0).tolist(), strict=True)),
            "interval_holds_another_cell": dict(zip(("textbook", "now"), held.mean(axis=0).tolist(), strict=True)),
            "median_tau": dict(zip(("textbook", "now"), np.median(taus, axis=0).tolist(), strict=True)),
            "alike_said_to_disagree": float(np.mean([disagree(each) for each in alike])),
        }


def main() -> None:
    """Simulate all worlds, keep and print what was found."""
    found = []
    for row in worlds():
        found.append(row)
        print(row, flush=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
