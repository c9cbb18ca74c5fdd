"""What `bnexp runs` costs: the whole process with N run directories, and with none.

    python benchmarks/runs.py --count 10000 --rounds 5

It makes run directories that are valid but were never trained, lists them and an
empty directory in turn, and prints the medians of wall time and of processor time
(which other work on the machine disturbs less), and the ratio of each.
"""

from __future__ import annotations

import argparse
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
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.perf_counter() - begun, used)


def main() -> None:
    """Make the directories, time both listings in turn, and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as empty:
        make_runs(Path(full), asked.count)
        cost(Path(full))  # from the disk
        rounds = [(cost(Path(full)), cost(Path(empty))) for _ in range(asked.rounds)]
    for kind in Cost._fields:
        pairs = [(getattr(listed, kind), getattr(nothing, kind)) for listed, nothing in rounds]
        listed, nothing = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        print(f"{asked.count} runs, {kind}: {listed:.2f} s; no run: {nothing:.2f} s; ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
