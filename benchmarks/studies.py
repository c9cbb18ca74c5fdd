"""How fast studies are: against plain `model.fit`, with one and two workers, placed by Ray. Prints a table, keeps it.

From the repository's root:

    python benchmarks/studies.py [--rounds 3] [--only workers]
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from speed import BNEXP, HERE, ROOT, machine, seconds, table

from bnexp.system.machine import cores

OUT = HERE / "studies.json"
GRID, ARITHMETIC = HERE / "study_files" / "grid.yaml", HERE / "study_files" / "arithmetic.yaml"
TRAININGS, SAMPLE = 1500, 20
NORMALIZATIONS = ("none", "batch", "layer", "group", "rms")
RATES, BATCHES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03), (8, 16, 32, 64, 128)

PLAIN = """
import json, sys, time
from pathlib import Path
import numpy as np
from bnexp import config
from bnexp.system import backend
backend.load()
import keras
from bnexp.data import prepare
from bnexp.models import build
from bnexp.models.inputs import Inputs
from bnexp.training.measures import LOSSES, targets
begun = time.perf_counter()
for overrides in json.loads(sys.argv[1]):
    one = config.load(Path("configs/bn.yaml"), ["dataset.validation_size=0.25", *overrides])
    data = prepare(one.dataset, (0,))
    model = build(one.model, Inputs("table", (20,), None), task=data.task, classes=2).model
    x, y, vx, vy = (
        part for rows in (data.train_SR[0], data.parts["val"][0])
        for part in (data.inputs(0, rows), np.asarray(targets(data.task, data.targets(0, rows))))
    )
    model.compile(keras.optimizers.Adam(one.training.learning_rate.initial), LOSSES[data.task], metrics=["accuracy"])
    model.fit(x, y, one.training.batch_size, one.training.epochs, verbose=0, validation_data=(vx, vy))
    keras.backend.clear_session()
print(time.perf_counter() - begun)
"""


def main() -> None:
    """Measure every row of the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["plain", "workers"], help="These rows; the others are kept.")
    options = parser.parse_args()
    new = [] if options.only == "workers" else against_plain()
    new += [] if options.only == "plain" else workers(options.rounds)
    measured = {row["what"]: row | {"met": row["ratio"] <= row["at_most"]} for row in new}
    kept = json.loads(OUT.read_text())["rows"] if options.only else new
    rows = [measured.get(row["what"], row) for row in kept]
    OUT.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    print(table(rows))


def against_plain() -> list[dict[str, Any]]:
    """Time the grid of 1,500 against plain trainings, extrapolated from a sample: one by one, and one process a core."""
    grid = list(itertools.product(NORMALIZATIONS, RATES, BATCHES))
    sample = [
        [f"model.normalization={one}", f"training.learning_rate={rate}", f"training.batch_size={size}"]
        for one, rate, size in random.Random(0).sample(grid, SAMPLE)
    ]
    one_by_one = plain_seconds([sample]) / SAMPLE * TRAININGS
    study = study_seconds(GRID)
    workers = cores()
    side_by_side = plain_seconds([sample[core::workers] for core in range(workers)]) / SAMPLE * TRAININGS
    what = "`bnexp study` of 1,500 trainings / the same as plain `model.fit`"
    return [
        {
            "what": f"{what}, one after the other",
            "measured": f"{study:.0f} s / {one_by_one / 60:.0f} min",
            "rounds": 1,
            "ratio": study / one_by_one,
            "at_most": 1 / 80,
        },
        {
            "what": f"{what}, one process a core",
            "measured": f"{study:.0f} s / {side_by_side / 60:.0f} min",
            "rounds": 1,
            "ratio": study / side_by_side,
            "at_most": 1 / 40,
        },
    ]


def workers(rounds: int) -> list[dict[str, Any]]:
    """Time one and two workers of one core each, what `--workers` does when nothing is said, and Ray's workers."""
    ways: tuple[list[str], ...] = (["--workers", "1"], ["--workers", "2"], [], ["--launcher", "ray"])
    times = []
    for _ in range(rounds):
        times.append([study_seconds(ARITHMETIC, *options) for options in ways])
        print("  jobs 1, 2, default; ray:", *(f"{value:.1f}" for value in times[-1]), file=sys.stderr)
    one, two, default, placed = (statistics.median(side) for side in zip(*times, strict=True))
    return [
        {
            "what": "a study bound by arithmetic, `--workers 2` / `--workers 1`",
            "measured": f"{two:.0f} s / {one:.0f} s",
            "rounds": rounds,
            "ratio": statistics.median(each[1] / each[0] for each in times),
            "at_most": 1 / 1.7,
        },
        {
            "what": "the same, default `--workers` / the best of 1 and 2",
            "measured": f"{default:.0f} s / {min(one, two):.0f} s",
            "rounds": rounds,
            "ratio": statistics.median(each[2] / min(each[:2]) for each in times),
            "at_most": 1.1,
        },
        {
            "what": "the same, `--launcher ray` / `--launcher local`",
            "measured": f"{placed:.0f} s / {default:.0f} s",
            "rounds": rounds,
            "ratio": statistics.median(each[3] / each[2] for each in times),
            "at_most": 1.2,
        },
    ]


def study_seconds(study: Path, *options: str) -> float:
    """Time a whole study from nothing."""
    with tempfile.TemporaryDirectory() as runs:
        return seconds([BNEXP, "study", str(study), "--quiet", "--runs", runs, *options])


def plain_seconds(parts: list[list[list[str]]]) -> float:
    """Time plain trainings, each part in a process of its own, all side by side; until the last of them is done."""
    command = [sys.executable, "-c", PLAIN]
    started = [
        subprocess.Popen([*command, json.dumps(part)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for part in parts
    ]
    outputs = [process.communicate()[0] for process in started]
    assert all(process.returncode == 0 for process in started), "a plain training failed"
    return max(float(output) for output in outputs)


if __name__ == "__main__":
    main()
