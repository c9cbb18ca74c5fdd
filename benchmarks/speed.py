"""How fast and how small: bnexp against the plain way, each pair in turn in one run. Prints a table, keeps it as JSON.

Ratios are medians over rounds of the ratio within a round, so that a noisy
machine disturbs both sides alike. From the repository's root:

    python benchmarks/speed.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnexp.system.machine import cores

HERE = Path(__file__).parent
ROOT = HERE.parent
BNEXP = str(Path(sys.executable).with_name("bnexp"))
OUT = HERE / "speed.json"

MODEL_FIT = """
import sys, time, numpy as np
from pathlib import Path
from bnexp import config
from bnexp.system import backend
backend.load()
from bnexp.data import prepare
from bnexp.models import build
from bnexp.models.inputs import Inputs
from bnexp.training.measures import LOSSES, targets
experiment = config.load(Path(sys.argv[1]), sys.argv[2:])
data = prepare(experiment.dataset, (0,))
inputs = Inputs(data.rows.kind, tuple(data.rows.x.shape[1:]), data.vocabulary)
model = build(experiment.model, inputs, task=data.task, classes=len(data.rows.classes)).model
rows = data.train_SR[0], data.parts["val"][0]
parts = [(data.inputs(0, rows_R), np.asarray(targets(data.task, data.targets(0, rows_R)))) for rows_R in rows]
model.compile(experiment.training.optimizer.name, LOSSES[data.task], metrics=["accuracy"])
ends = []
from keras.callbacks import LambdaCallback
note = LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()))
begun = time.perf_counter()
training = experiment.training
model.fit(*parts[0], training.batch_size, training.epochs, verbose=0, validation_data=parts[1], callbacks=[note])
print(time.perf_counter() - begun, float(np.median(np.diff(ends))))
"""


def main() -> None:
    """Measure every row of the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="Only kinds of models that begin so; the other rows are kept.")
    options = parser.parse_args()
    subprocess.run([BNEXP, "data", "fetch", *SETS], check=True)
    measures = [] if options.only else [whole_comparison, one_more_seed, memory, start]
    measures += [functools.partial(kind, *one) for one in KINDS if one[0].startswith(options.only)]
    new = [row | {"met": row["ratio"] <= row["at_most"]} for row in (measure(options.rounds) for measure in measures)]
    measured = {row["what"]: row for row in new}
    kept = json.loads(OUT.read_text())["rows"] if options.only else new
    rows = [measured.get(row["what"], row) for row in kept]
    OUT.write_text(json.dumps({"machine": machine(), "rounds": options.rounds, "rows": rows}, indent=1) + "\n")
    print(table(rows))


def machine() -> dict[str, Any]:
    """Return what decides the speed: processor, cores, versions."""
    versions = subprocess.run(
        [sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True
    ).stdout
    named = [line for line in versions.splitlines() if line.startswith(("tensorflow==", "keras==", "numpy=="))]
    return {"cores": cores(), "python": platform.python_version(), "packages": named}


def table(rows: list[dict[str, Any]]) -> str:
    """Return a table of docs/speed.md."""
    lines = ["| what | measured | ratio | at most |", "|---|---|---|---|"]
    for row in rows:
        ratio = f"1/{1 / row['ratio']:.0f}" if row["ratio"] < 0.1 else f"{row['ratio']:.2f}"
        limit = (
            f"1/{1 / row['at_most']:.0f}"
            if row["at_most"] < 0.1
            else f"{row['at_most']:.{1 if round(row['at_most'], 1) == row['at_most'] else 2}f}"
        )
        lines.append(f"| {row['what']} | {row['measured']} | {ratio} | {limit}{'' if row['met'] else ' (missed)'} |")
    return "\n".join(lines)


# --- the rows -------------------------------------------------------------------


def whole_comparison(rounds: int) -> dict[str, Any]:
    """Time `bnexp compare bn nobn` from nothing against the common tutorial's script."""
    tutorial = [sys.executable, str(HERE / "tutorial.py"), "--out", tempfile.gettempdir()]
    ours, plain, ratio = in_turn(rounds, lambda: seconds(compare()), lambda: seconds(tutorial))
    return {
        "what": "`bnexp compare bn nobn` from nothing, 40 trainings / the common tutorial's script, 1 training",
        "measured": f"{ours:.1f} s / {plain:.1f} s",
        "ratio": ratio,
        "at_most": 1.0,
    }


def one_more_seed(rounds: int) -> dict[str, Any]:
    """Time the slope from 20 to 100 seeds against one model.fit of the same experiment."""

    def slope() -> float:
        return (train_seconds(seeds=100) - train_seconds(seeds=20)) / 80

    ours, plain, ratio = in_turn(rounds, slope, lambda: model_fit("configs/bn.yaml")[0])
    return {
        "what": "one more seed in `bnexp train configs/bn.yaml` / one `model.fit`",
        "measured": f"{1000 * ours:.0f} ms / {plain:.1f} s",
        "ratio": ratio,
        "at_most": 1 / 100,
    }


def memory(rounds: int) -> dict[str, Any]:
    """Compare the peak memory of 200 seeds with that of 1."""

    def peak(seeds: int) -> float:
        return peak_bytes(train_command(seeds=seeds)) / 2**20

    ours, plain, ratio = in_turn(min(rounds, 3), lambda: peak(200), lambda: peak(1))
    return {
        "what": "peak memory of 200 seeds / of 1 seed",
        "measured": f"{ours:.0f} MiB / {plain:.0f} MiB",
        "ratio": ratio,
        "at_most": 1.5,
    }


def start(rounds: int) -> dict[str, Any]:
    """Time `bnexp --help` against the imports that it needs."""
    imports = [sys.executable, "-c", "import typer, yaml, pydantic"]
    ours, plain, ratio = in_turn(3 * rounds, lambda: seconds([BNEXP, "--help"]), lambda: seconds(imports))
    return {
        "what": '`bnexp --help` / `python -c "import typer, yaml, pydantic"`',
        "measured": f"{1000 * ours:.0f} ms / {1000 * plain:.0f} ms",
        "ratio": ratio,
        "at_most": 2.0,
    }


KINDS = (
    ("mlp", "tables/segments-bn", 0.5),
    ("cnn", "images/digits-bn", 0.5),
    ("conv1d, frames", "speech/spoken-bn", 0.5),
    ("conv1d, words", "text/spam-bn", 0.5),
    ("rnn", "speech/spoken-gru-bn", 0.5),
    ("transformer", "text/sentiment-layer", 0.5),
    ("resnet", "images/fashion-bn", 1.1),
)
"""Kind of model, the config that it is measured on, and the most that the ratio may be."""
SETS = ("image_segments", "spoken_digits", "spam_assassin", "sentiment_sentences", "fashion_mnist")
"""The data sets of these configs that come as packages."""
KIND_ROUNDS, KIND_EPOCHS = 3, 4


def kind(name: str, config: str, at_most: float, rounds: int) -> dict[str, Any]:
    """Time one seed's share of an epoch against an epoch of model.fit; both evaluate the validation part only."""
    path, peaks = f"configs/{config}.yaml", []
    overrides = [f"training.epochs={KIND_EPOCHS}", "training.evaluate_train=false"]

    def ours() -> float:
        record, peak = trained([BNEXP, "train", path, *overrides, "--json"])
        peaks.append(peak)
        return float(record["seed_epoch_seconds"])

    share, plain, ratio = in_turn(min(rounds, KIND_ROUNDS), ours, lambda: model_fit(path, *overrides)[1])
    return {
        "what": f"{name} (`{config}`): one seed's epoch / an epoch of `model.fit`",
        "measured": f"{share:.3f} s / {plain:.3f} s; {statistics.median(peaks) / 2**20:.0f} MiB",
        "ratio": ratio,
        "at_most": at_most,
    }


# --- how it is measured ------------------------------------------------------------


def in_turn(rounds: int, ours: Callable[[], float], plain: Callable[[], float]) -> tuple[float, float, float]:
    """Measure both, one after the other, round after round; give both medians and the median ratio."""
    pairs = [(ours(), plain()) for _ in range(rounds)]
    for pair in pairs:
        print(f"  {pair[0]:.4g} / {pair[1]:.4g} = {pair[0] / pair[1]:.4g}", file=sys.stderr)
    medians = (statistics.median(side) for side in zip(*pairs, strict=True))
    return *medians, statistics.median(one / other for one, other in pairs)


def compare(runs: str | None = None) -> list[str]:
    """Return the main job's command; without a directory of runs, nothing was trained before."""
    return [BNEXP, "compare", "bn", "nobn", "--quiet", "--runs", runs or tempfile.mkdtemp()]


def train_command(*, seeds: int) -> list[str]:
    """Return the command that trains the common tutorial's example."""
    return [BNEXP, "train", "configs/bn.yaml", "--seeds", str(seeds), "--json", "--runs", tempfile.mkdtemp()]


def seconds(command: list[str]) -> float:
    """Time a whole process."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - begun


def trained(command: list[str]) -> tuple[dict[str, Any], int]:
    """Train; give the record and the peak resident memory in bytes."""
    with tempfile.TemporaryFile("w+") as out:
        peak = peak_bytes([*command, "--runs", tempfile.mkdtemp()], out)
        out.seek(0)
        return json.load(out), peak


def train_seconds(*, seeds: int) -> float:
    """Time a whole `bnexp train`."""
    return seconds(train_command(seeds=seeds))


def model_fit(config: str, *overrides: str) -> tuple[float, float]:
    """Time `model.fit` in a process of its own: as a whole, and its median epoch after the first."""
    command = [sys.executable, "-c", MODEL_FIT, config, *overrides]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    whole, epoch = done.stdout.split()
    return float(whole), float(epoch)


def peak_bytes(command: list[str], out: Any = subprocess.DEVNULL) -> int:
    """Return the peak resident memory of a process."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
