"""Whether added seeds measure what they measure among all: some of the seeds alone, and all seeds at once.

From the repository's root:

    python benchmarks/more_seeds.py

The table compares the second half of the seeds, and the last seed alone, with all seeds at once. It says the largest
difference over all seeds, epochs and metrics, and over the final weights.
Where it is not 0, it began with the rounding of float32: a processor's vector instructions compute the last few
elements of an array in another way, and which elements these are follows from the number of seeds in a shard. A seed
alone in its shard takes another path through the program. Training can amplify the rounding. It takes two to five
minutes.
"""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bnexp.config import Experiment
from bnexp.experiment.batch import BatchObserver, Prepared, Wave, train
from bnexp.experiment.prepare import built_for, prepared
from bnexp.history import History

ROWS = {"name": "classification", "samples": 1000, "seed": 42}
DIGITS = {"name": "digits", "limit": 300}


def nets(texts: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Yield what each net is called, its data, its model and how it is trained."""
    words = {"name": "text_csv", "path": str(texts), "text": "text", "target": "label", "length": 6}
    words["duplicates"] = "keep"
    dense = {"name": "mlp", "hidden": [64, 64], "normalization": "batch"}
    yield "dense (the common tutorial's)", ROWS, dense, {"epochs": 50, "seeds": 40}
    yield "dense, a last batch of 2 rows", ROWS | {"samples": 1003}, dense, {"epochs": 50}
    yield "dense, dropout, each seed its own split", ROWS | {"resample": True}, dense | {"dropout": 0.3}, {"epochs": 20}
    yield "dense, early stopping, refreshed statistics", ROWS, dense, {
        "epochs": 30, "early_stopping": {"patience": 2}, "refresh_statistics": True,
    }  # fmt: skip
    yield "dense, all seeds in waves", ROWS, dense, {"epochs": 10, "memory_limit": "760MiB"}
    yield "cnn", DIGITS, {"name": "cnn", "filters": [8, 16], "normalization": "batch"}, {"epochs": 20}
    yield "resnet", DIGITS, {"name": "resnet", "width": 4}, {"epochs": 5, "seeds": 12}
    yield "lstm", words, {"name": "rnn", "normalization": "layer"}, {"epochs": 10}
    yield "transformer", words, {"name": "transformer", "normalization": "layer"}, {"epochs": 10}
    yield "dense, keras_fit", ROWS, dense, {"epochs": 2, "seeds": 6, "trainer": "keras_fit"}


class _Weights(BatchObserver):
    """Keeps the final weights of all waves."""

    def __init__(self) -> None:
        self.waves: list[Wave] = []

    def wave_ended(self, wave: Wave) -> None:
        self.waves.append(wave)

    def all(self) -> list[Any]:
        """Return the value of each variable, stacked over seeds."""
        return [np.concatenate(values) for values in zip(*(wave.trained.weights for wave in self.waves), strict=True)]


def trained(one: Experiment, first: int) -> tuple[History, list[Any]]:
    """Train the seeds of an experiment from this one on; return their history and weights."""
    data, weights = prepared(one), _Weights()
    (history,) = train(
        [Prepared(one, data.of(slice(first, None)), built_for(one, data))],
        one.training.all_seeds()[first:],
        weights,
    )
    return history, weights.all()


def differences(one: Experiment) -> list[float]:
    """Return the largest difference of metrics and of weights for the second half of the seeds, and for the last."""
    whole, all_weights = trained(one, 0)
    found = []
    for first in (one.training.seeds // 2, one.training.seeds - 1):
        alone, own = trained(one, first)
        same = whole.of(alone.seeds)
        found.append(max(_largest(alone.metrics[name], same.metrics[name]) for name in alone.metrics))
        found.append(max(_largest(few, many[first:]) for few, many in zip(own, all_weights, strict=True)))
    return found


def _largest(one: Any, other: Any) -> float:
    return float(np.nanmax(np.abs(np.asarray(one, "float64") - np.asarray(other, "float64")), initial=0.0))


def main() -> None:
    """Measure, and print the table."""
    print("| net | seeds | epochs | half of them: metrics | weights | one of them: metrics | weights |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        texts = Path(place) / "texts.csv"
        words = random.Random(1)
        with texts.open("w", newline="") as file:
            rows = (
                [" ".join(f"w{words.randrange(30)}" for _ in range(6)), "yes" if i % 2 else "no"] for i in range(300)
            )
            csv.writer(file).writerows([["text", "label"], *rows])
        for name, dataset, model, training in nets(texts):
            settings = {"seeds": 20, **training}
            one = Experiment.model_validate({"name": "x", "dataset": dataset, "model": model, "training": settings})
            found = " | ".join(f"{value:.1g}" for value in differences(one))
            print(f"| {name} | {settings['seeds']} | {settings['epochs']} | {found} |", flush=True)


if __name__ == "__main__":
    main()
