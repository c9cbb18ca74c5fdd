"""What the engine of many seeds costs beside the arithmetic: bookkeeping, dropout, a seed that trains alone.

`python benchmarks/engine.py [--rounds 3]` prints a table; every ratio is of two sides that are measured in turn.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

PARTS = ("", "val_", "train_")


def bookkeeping(seeds: int = 20, epochs: int = 8_000) -> float:
    """Return the seconds that recording, progress and keeping of a run take, without training and its data."""
    from rich.console import Console

    from bnexp.experiment import _keeping
    from bnexp.show.progress import Reporter
    from bnexp.training.record import Record

    values = {f"{part}{name}": np.full(seeds, 0.5) for part in PARTS for name in ("loss", "accuracy")}
    record = Record(tuple(range(seeds)), None)
    reporter = Reporter(Console(file=io.StringIO()), "bn", epochs=epochs, seeds=seeds, quiet=False)
    with tempfile.TemporaryDirectory() as directory, reporter.live():
        watch = _keeping(Path(directory), reporter.watch)
        begun = time.perf_counter()
        for _ in range(epochs):
            record.add(values)
            watch([record.history()])
        return time.perf_counter() - begun


def seed_epoch_seconds(experiment: str) -> float:
    """Train an experiment, given as Python source of a dict, in a process of its own; return one seed's epoch."""
    code = f"""
import time
from bnexp import preparing
from bnexp.config import Experiment
experiment = Experiment.model_validate({experiment})
data = preparing.prepared(experiment)
built = preparing.built_for(experiment, data)
from bnexp.training import train
seeds, ends = tuple(range(experiment.training.seeds)), []
def watch(so_far):
    ends.append(time.perf_counter())
    return False
train(built.model, data, experiment.training, seeds, built.initial.draw(seeds), watch)
took = sorted(later - earlier for earlier, later in zip(ends[1:], ends[2:]))
print(took[len(took) // 2] / len(seeds))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def mlp(dropout: float) -> str:
    """Return the source of the tutorial's net with dropout."""
    return repr(
        {
            "name": "mlp",
            "dataset": {"name": "classification", "samples": 1000},
            "model": {"name": "mlp", "hidden": [64, 64], "normalization": "batch", "dropout": dropout},
            "training": {"epochs": 60, "seeds": 20},
        }
    )


def lstm(seeds: int, rows: Path) -> str:
    """Return the source of a recurrent net on frames of a file."""
    return repr(
        {
            "name": "lstm",
            "dataset": {"name": "npz", "path": str(rows)},
            "model": {"name": "rnn", "cell": "lstm", "units": [128], "normalization": "none"},
            "training": {"epochs": 8, "seeds": seeds},
        }
    )


def ratio(name: str, one: str, other: str, rounds: int) -> None:
    """Print the median ratio of two experiments that are trained in turn."""
    pairs = [(seed_epoch_seconds(one), seed_epoch_seconds(other)) for _ in range(rounds)]
    first, second = (median(side) for side in zip(*pairs, strict=True))
    ratios = [a / b for a, b in pairs]
    print(
        f"| {name} | {first * 1e3:.1f} ms / {second * 1e3:.1f} ms | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
    )


def main() -> None:
    """Measure and print every row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print("| what | measured | ratio |\n|---|---|---|", flush=True)
    seconds = median(bookkeeping() for _ in range(rounds))
    print(f"| bookkeeping of 20 seeds x 8,000 epochs | {seconds:.2f} s | |", flush=True)
    ratio("mlp with dropout 0.3 / without, one seed's epoch of 20", mlp(0.3), mlp(0.0), rounds)
    with tempfile.TemporaryDirectory() as directory:
        rows = Path(directory) / "frames.npz"
        x = np.random.default_rng(0).normal(size=(800, 30, 16)).astype("float32")
        np.savez(rows, x=x, y=np.arange(800) % 2)
        ratio("LSTM of 128 units, one seed alone / the same among 4", lstm(1, rows), lstm(4, rows), rounds)


if __name__ == "__main__":
    main()
