"""What the engine of many seeds costs beside the arithmetic: bookkeeping, dropout, a seed that trains alone.

Prints a table, keeps it. Both sides of a ratio are measured in turn. From the repository's root:

    python benchmarks/engine.py [--rounds 3] [--only NAME]
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from keeping import Row, measure, row, row_of_seconds
from speed import BNEXP, HERE, ROOT, in_turn, seconds

from bnexp.statistics.classification import METRICS

OUT = HERE / "engine.json"
PARTS = ("", "val_", "train_")


def bookkeeping(seeds: int = 20, epochs: int = 8_000) -> float:
    """Return the seconds that recording, progress and keeping of a run take, without training and its data."""
    from rich.console import Console

    from bnexp.experiment.run_files import RunFiles
    from bnexp.report.progress import Reporter
    from bnexp.store import RunRecord
    from bnexp.training.record import Record

    values = {f"{part}{name}": np.full(seeds, 0.5) for part in PARTS for name in ("loss", "accuracy")}
    record = Record(tuple(range(seeds)), None)
    reporter = Reporter(Console(file=io.StringIO()), "bn", epochs=epochs, seeds=seeds, quiet=False)
    with tempfile.TemporaryDirectory() as directory, reporter.live():
        watch = RunFiles(Path(directory), RunRecord(), reporter.watch).epoch_ended
        begun = time.perf_counter()
        for _ in range(epochs):
            record.add(values)
            watch([record.history()])
        return time.perf_counter() - begun


AT_ONCE = """
import tensorflow as tf
from bnexp.training import random_operations
written_out, of_each = random_operations._written_out, random_operations._of_each
def at_once(wrap, mapped):
    if mapped.op.type != "StatelessRandomUniformV2":
        return written_out(wrap, mapped)
    (shape, _), *others = (mapped.input(number)[:2] for number in range(mapped.num_inputs))
    count = next(tensor.shape[0] for tensor, is_stacked in others if is_stacked)
    key, counter, alg = (of_each(tensor, count)[0] if is_stacked else tensor for tensor, is_stacked in others)
    shape = tf.concat([[count], shape], axis=0)
    return [wrap(tf.raw_ops.StatelessRandomUniformV2(shape=shape, key=key, counter=counter, alg=alg), True)]
random_operations._written_out = at_once
"""
"""Python source that lets one operation draw a layer's masks for all seeds, from the first seed's stream.

These are not Keras's masks, and a seed's masks depend on its neighbours. It shows the least that drawing so many
numbers takes: this and not the number of operations is most of what dropout costs."""


def seed_epoch_seconds(experiment: str, before: str = "") -> float:
    """Train an experiment, given as Python source of a dict, in a process of its own; return one seed's epoch.

    `before` is source that runs first.
    """
    code = f"""
from bnexp.system import backend
backend.load()
{before}
import time
from bnexp.experiment import prepare
from bnexp.config import Experiment
experiment = Experiment.model_validate({experiment})
data = prepare.prepared(experiment)
built = prepare.built_for(experiment, data)
from bnexp.training import many_seeds
seeds, ends = tuple(range(experiment.training.seeds)), []
def watch(so_far):
    ends.append(time.perf_counter())
    return False
many_seeds.train(built.model, data, [experiment.training], seeds, built.initial.draw(seeds), watch)
took = sorted(later - earlier for earlier, later in zip(ends[1:], ends[2:]))
print(took[len(took) // 2] / len(seeds))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def mlp(dropout: float) -> str:
    """Return the source of the common tutorial's net with dropout."""
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


def checkpoint_seconds(experiment: str) -> float:
    """Train an experiment, given as Python source of a dict, and keep a checkpoint at each epoch; return what one takes.

    Its directory is on the disk of the repository.
    """
    code = f"""
import tempfile, time
from pathlib import Path
from bnexp.config import Experiment
from bnexp.experiment import run, run_checkpoint
experiment = Experiment.model_validate({experiment})
run_checkpoint.CHECKPOINT_EVERY_SECONDS, run_checkpoint.CHECKPOINT_SHARE = 0.0, float("inf")
keep, took = run_checkpoint.RunCheckpoint.keep, []
def timed(self, head, arrays=()):
    begun = time.perf_counter()
    keep(self, head, arrays)
    took.append(time.perf_counter() - begun)
run_checkpoint.RunCheckpoint.keep = timed
with tempfile.TemporaryDirectory(dir=".") as directory:
    run.train_experiment(experiment, Path(directory), watch=lambda so_far: False)
print(sorted(took)[len(took) // 2])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def checkpoints(rounds: int) -> list[Row]:
    """Time a checkpoint, and return the share of the time that they take as often as they are kept."""
    from bnexp.experiment.run_checkpoint import CHECKPOINT_EVERY_SECONDS, CHECKPOINT_SHARE

    wide: dict[str, Any] = ast.literal_eval(mlp(0.0))
    wide["model"]["hidden"], wide["training"]["epochs"] = [1024, 1024, 1024], 3
    rows = []
    for what, experiment in (("tutorial's mlp", mlp(0.0)), ("mlp 3x1024", repr(wide))):
        took = median(checkpoint_seconds(experiment) for _ in range(rounds))
        every = max(CHECKPOINT_EVERY_SECONDS, took / CHECKPOINT_SHARE)
        said = f"checkpoint of the {what}, 20 seeds / time between two"
        rows.append(row(said, (1e3 * took, 1e3 * every, took / every), "ms", at_most=0.03))
    return rows


def kept(rounds: int) -> list[Row]:
    """Time the bookkeeping."""
    took = median(bookkeeping() for _ in range(rounds))
    return [row_of_seconds("bookkeeping of 20 seeds x 8,000 epochs", took, at_most=0.3)]


def dropout(rounds: int) -> list[Row]:
    """Time dropout with Keras's own masks, and with masks that one operation draws for all seeds."""

    def against_none(before: str) -> tuple[float, float, float]:
        return in_turn(
            rounds, lambda: 1e3 * seed_epoch_seconds(mlp(0.3), before), lambda: 1e3 * seed_epoch_seconds(mlp(0.0))
        )

    what = "mlp with dropout 0.3 / without, one seed's epoch of 20"
    return [
        row(what, against_none(""), "ms", at_most=1.2),
        row(
            "the same with one operation that draws all seeds' masks, not Keras's / without",
            against_none(AT_ONCE),
            "ms",
            at_most=1.2,
        ),
    ]


def alone(rounds: int) -> list[Row]:
    """Time a recurrent net's only seed against one of four."""
    with tempfile.TemporaryDirectory() as directory:
        rows = Path(directory) / "frames.npz"
        x = np.random.default_rng(0).normal(size=(800, 30, 16)).astype("float32")
        np.savez(rows, x=x, y=np.arange(800) % 2)
        took = in_turn(
            rounds, lambda: 1e3 * seed_epoch_seconds(lstm(1, rows)), lambda: 1e3 * seed_epoch_seconds(lstm(4, rows))
        )
    return [row("LSTM of 128 units, one seed alone / the same among 4", took, "ms", at_most=1.3)]


def epoch_metrics(rounds: int) -> list[Row]:
    """Time the common tutorial's example with metrics of classes at each epoch: one of them, and all that two classes have."""
    rows = []
    for names in (("auc",), tuple(name for name in METRICS if name != "top_5")):
        with tempfile.TemporaryDirectory() as runs:
            plain = [BNEXP, "train", "configs/bn.yaml", "--quiet", "--runs", runs]
            more = [*plain, f"training.metrics=[{','.join(names)}]"]
            took = in_turn(rounds, partial(seconds, more), partial(seconds, plain))
        what = f"`bnexp train configs/bn.yaml` with {len(names)} of `training.metrics` / with none"
        rows.append(row(what, took, "s", at_most=1.25))
    return rows


MEASURES = {
    "bookkeeping": kept,
    "checkpoints": checkpoints,
    "dropout": dropout,
    "alone": alone,
    "epoch_metrics": epoch_metrics,
}

if __name__ == "__main__":
    measure(__doc__, OUT, MEASURES, rounds=3)
