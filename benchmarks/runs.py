"""What `bnexp runs` costs: the whole process with 10,000 run directories. Prints a table, keeps it.

The directories are valid but were never trained. Beside the wall time stands the
processor time, which other work on the machine disturbs less. From the repository's root:

    python benchmarks/runs.py [--rounds 5]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from keeping import Row, measure, row_of_seconds
from speed import HERE, ROOT

OUT = HERE / "runs.json"
COUNT, MOST_SECONDS = 10_000, 2.0
SEEDS, EPOCHS = 20, 50
METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")


def record(name: str, number: int) -> dict[str, object]:
    """Return a run.json as bnexp writes it, with digests for each of its seeds."""
    digests = {str(seed): f"{seed:016x}" for seed in range(SEEDS)}
    return {
        "format": 1,
        "id": name,
        "name": "bn",
        "status": "finished",
        "config_digest": f"{number:064x}",
        "started": "2026-11-23T10:15:00+00:00",
        "seeds": SEEDS,
        "trainer": {"name": "many_seeds", "reason": None},
        "dataset": {"name": "classification", "rows": 1000, "task": "binary", "digest": "0" * 16},
        "parameters": {"trainable": 5825, "non_trainable": 256},
        "versions": {"bnexp": "0", "keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.3", "python": "3.11.7"},
        "machine": {"system": "Linux", "cores": 2},
        "git": None,
        "pairing": {
            "splits": digests,
            "batches": {"first_epoch": digests, "all_epochs": digests},
            "kernels": {f"dense_{layer}/kernel": digests for layer in range(3)},
        },
        "models": {},
        "duration_seconds": 3.2,
        "seed_epoch_seconds": 0.003,
        "diverged": {},
        "metrics": {metric: {"final": 0.8, "best": 0.9} for metric in METRICS},
        "warnings": [],
    }


def make_runs(place: Path, count: int) -> None:
    """Make that many run directories, a second apart."""
    history = {"format": 1, "seeds": [{"seed": 0, "history": {metric: [0.5] * EPOCHS for metric in METRICS}}]}
    begun = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(count):
        name = f"bn-{begun + timedelta(seconds=number):%Y%m%d-%H%M%S}"
        directory = place / name
        directory.mkdir()
        (directory / "run.json").write_text(json.dumps(record(name, number), indent=1) + "\n", encoding="utf-8")
        (directory / "history.json").write_text(json.dumps(history), encoding="utf-8")
        (directory / "config.yaml").write_text("name: bn\n", encoding="utf-8")


class Cost(NamedTuple):
    """Seconds of one listing, the start of Python included."""

    wall: float
    processor: float


def cost(place: Path) -> Cost:
    """Time one listing."""
    begun, before = time.perf_counter(), os.times()
    command = [sys.executable, "-c", "from bnexp.cli import main; main()", "runs", "--runs", str(place)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.perf_counter() - begun, used)


def listed(rounds: int) -> list[Row]:
    """Make the directories and list them."""
    with tempfile.TemporaryDirectory() as place:
        make_runs(Path(place), COUNT)
        cost(Path(place))  # from the disk
        costs = [cost(Path(place)) for _ in range(rounds)]
    wall, processor = (statistics.median(times) for times in zip(*costs, strict=True))
    what = f"`bnexp runs` with {COUNT:,} run directories"
    return [
        row_of_seconds(what, wall, at_most=MOST_SECONDS),
        row_of_seconds("processor time of the same", processor, at_most=MOST_SECONDS),
    ]


MEASURES = {"listed": listed}

if __name__ == "__main__":
    measure(__doc__, OUT, MEASURES, rounds=5)
