"""What a seed of a network of one's own costs, for published networks: one of several seeds against plain `model.fit`.

Prints a table, keeps it. Both sides of a ratio are measured in turn. From the repository's root:

    python benchmarks/own_networks.py [--rounds 3] [--only NAME]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from keeping import Row, measure, row
from speed import BNEXP, HERE, ROOT, in_turn, model_fit, trained

OUT = HERE / "own_networks.json"
NETS = ROOT / "tests" / "published.py"
SEEDS, ROWS, EPOCHS = 4, 120, 3
"""A fifth of the rows is held out; the first epoch holds the tracing and does not count."""


def experiment(place: Path, name: str) -> Path:
    """Write random images and the config of a network on them; return the config."""
    rng = np.random.default_rng(0)
    np.savez(place / "images.npz", x=rng.integers(0, 256, (ROWS, 32, 32, 3)).astype("uint8"), y=np.arange(ROWS) % 3)
    training = {"epochs": EPOCHS, "seeds": SEEDS, "batch_size": 32, "evaluate_train": False, "save": "none"}
    sections = {
        "name": name,
        "dataset": {"name": "npz", "path": str(place / "images.npz"), "scale": "minmax"},
        "model": {"name": "python", "build": f"{NETS}:{name}"},
        "training": training,
    }
    (place / "own.yaml").write_text(yaml.safe_dump(sections))
    return place / "own.yaml"


def seeds_at_once(name: str, rounds: int) -> list[Row]:
    """Time one seed's share of an epoch against an epoch of `model.fit`."""
    with tempfile.TemporaryDirectory() as directory:
        config = str(experiment(Path(directory), name))

        def ours() -> float:
            record, _ = trained([BNEXP, "train", config, "--json"])
            assert record["trainer"]["name"] == "many_seeds"
            return 1e3 * float(record["seed_epoch_seconds"])

        took = in_turn(rounds, ours, lambda: 1e3 * model_fit(config)[1])
    return [row(f"{name} as written: one seed's epoch of {SEEDS} / an epoch of `model.fit`", took, "ms", at_most=1.1)]


MEASURES: dict[str, Callable[[int], list[Row]]] = {
    name: partial(seeds_at_once, name) for name in ("xception", "mobilenet", "resnet50")
}

if __name__ == "__main__":
    measure(__doc__, OUT, MEASURES, rounds=3)
