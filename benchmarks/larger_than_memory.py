"""How fast bnexp trains on images of 4 times `training.memory_limit`, in turn with the same images in memory.

The measuring is `speed.py`'s. It takes about 13 GiB of disk in the system's folder for temporary files, and 14 GiB of
memory for the side in memory. A small network makes it hard for the disk: there is little to compute
for each row. From the repository's root:

    python benchmarks/larger_than_memory.py [--rounds 3]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keeping import Row, measure, row
from speed import BNEXP, HERE, in_turn, seconds, trained

OUT = HERE / "larger_than_memory.json"
LIMIT_BYTES, SIZE = 3 * 2**29, 128
SEEDS, EPOCHS = 2, 1
IMAGES = 4 * LIMIT_BYTES // (3 * SIZE**2)

WRITE_IMAGES = """
import sys, numpy as np
from pathlib import Path
from PIL import Image
folder, count, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
generator = np.random.default_rng(0)
for name in "ab":
    (folder / name).mkdir(parents=True)
for number in range(count):
    coarse = generator.integers(60 * (number % 2), 256, (size // 8, size // 8, 3), dtype="uint8")
    Image.fromarray(coarse.repeat(8, axis=0).repeat(8, axis=1)).save(folder / "ab"[number % 2] / f"{number}.ppm")
"""


def images(rounds: int) -> list[Row]:
    """Time a seed's epoch and the whole command, with rows in the cache on disk and with rows in memory."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BNEXP_CACHE_DIR"] = folder
        subprocess.run([sys.executable, "-c", WRITE_IMAGES, f"{folder}/images", str(IMAGES), str(SIZE)], check=True)
        config = Path(folder, "images.yaml")
        config.write_text(
            f"dataset: {{name: image_folder, path: {folder}/images}}\n"
            "model: {name: mlp, hidden: [16], normalization: batch}\n"
            f"training: {{epochs: {EPOCHS}, seeds: {SEEDS}, evaluate_train: false}}\n"
        )
        command = [BNEXP, "train", str(config), "--json"]
        limits = [f"training.memory_limit={size / 2**20:.0f}MiB" for size in (LIMIT_BYTES, 16 * LIMIT_BYTES)]
        took: list[list[float]] = [[], []]
        peaks: list[list[float]] = [[], []]
        digests: set[str] = set()

        def epoch(side: int) -> float:
            begun = time.perf_counter()
            record, peak = trained([*command, limits[side]])
            took[side].append(time.perf_counter() - begun)
            peaks[side].append(peak / 2**20)
            digests.add(record["dataset"]["digest"])
            return float(record["seed_epoch_seconds"])

        built = seconds([*command, limits[0], "--runs", folder])
        print(f"  from nothing, the cache written: {built:.0f} s", file=sys.stderr)
        epochs = in_turn(rounds, lambda: epoch(0), lambda: epoch(1))
    assert len(digests) == 1, "the rows are the same"
    what = f"{IMAGES:,} images of 4 times `memory_limit` ({LIMIT_BYTES / 2**30:g} GiB), mlp of 16 units, {SEEDS} seeds"
    ours, plain = map(statistics.median, took)
    ratio = statistics.median(one / other for one, other in zip(*took, strict=True))
    cached, held = map(statistics.median, peaks)
    return [
        row(f"{what}: a seed's epoch from the cache on disk / with all rows in memory", epochs, "s", at_most=1.5),
        row("the whole of `bnexp train` on the same / with all rows in memory", (ours, plain, ratio), "s", at_most=1.5),
        row("peak memory of the same / with all rows in memory", (cached, held, cached / held), "MiB", at_most=0.5),
    ]


MEASURES = {"images": images}

if __name__ == "__main__":
    measure(__doc__, OUT, MEASURES, rounds=3)
