"""What it costs to keep the held-out rows of each seed, and to judge and draw from them. Prints and keeps a table.

From the repository's root:

    python benchmarks/evidence.py [--rounds 5] [--only NAME]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from keeping import Row, measure, row, row_of_seconds
from speed import BNEXP, HERE, ROOT, compare, in_turn, seconds

from bnexp.statistics.held_out_rows import new_rows

OUT = HERE / "evidence.json"
SEEDS, ROWS = 100, 10_000
METRIC_SEEDS, METRIC_ROWS = 20, 2_000

SHARE = """
import sys, time
import bnexp
from bnexp import comparison
from bnexp.api import comparisons
from bnexp.report import figures

begun, spent, inside = time.perf_counter(), [], []

def timed(module, name):
    plain = getattr(module, name)
    def call(*values, **named):
        before = time.perf_counter()
        inside.append(name)
        try:
            return plain(*values, **named)
        finally:
            inside.pop()
            if not inside:
                spent.append(time.perf_counter() - before)
    setattr(module, name, call)

for module, name in ((comparison, "compare"), (comparisons, "_with_earlier"), (comparisons, "_stored"), (figures, "drawn")):
    timed(module, name)
bnexp.compare(["bn", "nobn"], runs=sys.argv[1])
print(sum(spent))
"""
"""Prints the seconds in which a comparison from nothing judges, writes its answer, and draws all figures."""


def keeping(rounds: int) -> list[Row]:
    """Time a comparison from nothing that keeps its rows, in turn with one that does not."""
    took = in_turn(rounds, lambda: seconds(compare()), lambda: seconds([*compare(), "training.keep_rows=false"]))
    return [row("`bnexp compare bn nobn` from nothing / with `training.keep_rows=false`", took, "s", at_most=1.05)]


def judging(rounds: int) -> list[Row]:
    """Time the judging and drawing within a comparison from nothing, in turn with the whole command."""

    def share() -> float:
        with tempfile.TemporaryDirectory() as runs:
            command = [sys.executable, "-c", SHARE, runs]
            return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)

    took = in_turn(rounds, share, lambda: seconds(compare()))
    return [row("judging and drawing / the whole of `bnexp compare bn nobn` from nothing", took, "s", at_most=0.05)]


def interval(rounds: int) -> list[Row]:
    """Time the interval for new rows of many seeds and rows."""
    difference_SR = np.random.default_rng(0).normal(size=(SEEDS, ROWS))
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        new_rows(difference_SR)
        took.append(time.perf_counter() - begun)
    what = f"interval for new rows of {SEEDS} seeds x {ROWS:,} rows"
    return [row_of_seconds(what, float(np.median(took)), at_most=0.2)]


def another_metric(rounds: int) -> list[Row]:
    """Time a comparison of stored runs by the area under the ROC curve."""
    with tempfile.TemporaryDirectory() as runs:
        sizes = ["dataset.samples=10000", "--epochs", "5", "--seeds", str(METRIC_SEEDS)]
        assert METRIC_ROWS == 10_000 * 0.2
        subprocess.run([*compare(runs), *sizes], cwd=ROOT, check=True, capture_output=True)
        names = sorted(path.name for path in Path(runs).iterdir() if (path / "rows.npz").exists())
        again = [BNEXP, "compare", *names, "--metric", "val_auc", "--quiet", "--runs", runs]
        took = [seconds(again) for _ in range(rounds)]
    what = f"`bnexp compare` of stored runs by val_auc, {METRIC_SEEDS} seeds x {METRIC_ROWS:,} rows"
    return [row_of_seconds(what, float(np.median(took)), at_most=5.0)]


MEASURES = {"keeping": keeping, "judging": judging, "interval": interval, "another_metric": another_metric}

if __name__ == "__main__":
    measure(__doc__, OUT, MEASURES, rounds=5)
