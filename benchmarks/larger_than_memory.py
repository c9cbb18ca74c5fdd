"""How fast bnexp trains on images of 4 times `training.memory_limit`, in turn with the same images in memory.

The measuring is `speed.py`'s. It takes about 12 GiB of disk in the system's folder for temporary files, and 20 GiB of
memory for the side in memory. A small network makes it hard for the disk: there is little to compute for each row.
Before each round the system forgets what it holds of the cache in memory, so that its digest is checked from the
disk; what is read after that may be in memory again. The file of the images is forgotten, too, for both sides. From the
repository's root:

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
LIMIT_BYTES, SIZE = 3 * 2**29, 64
SEEDS, EPOCHS = 1, 2
LARGE_BYTES = 2**26
IMAGES = 4 * LIMIT_BYTES // (3 * SIZE**2)

WRITE_IMAGES = """
import sys, numpy as np
count, size = int(sys.argv[2]), int(sys.argv[3])
generator = np.random.default_rng(0)
y = np.arange(count) % 2
coarse = generator.integers(0, 196, (count, size // 8, size // 8, 3), dtype="uint8") + (60 * y[:, None, None, None]).astype("uint8")
np.savez(sys.argv[1], x=coarse.repeat(8, axis=1).repeat(8, axis=2), y=y)
"""


def images(rounds: int) -> list[Row]:
    """Time a seed's epoch and the whole command, with rows in the cache on disk and with rows in memory."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BNEXP_CACHE_DIR"] = folder
        subprocess.run([sys.executable, "-c", WRITE_IMAGES, f"{folder}/images.npz", str(IMAGES), str(SIZE)], check=True)
        config = Path(folder, "images.yaml")
        config.write_text(
            f"dataset: {{name: npz, path: {folder}/images.npz}}\n"
            "model: {name: mlp, hidden: [16], normalization: batch}\n"
            f"training: {{epochs: {EPOCHS}, seeds: {SEEDS}, evaluate_train: false}}\n"
        )
        command = [BNEXP, "train", str(config), "--json"]
        limits = [f"training.memory_limit={size / 2**20:.0f}MiB" for size in (LIMIT_BYTES, 16 * LIMIT_BYTES)]
        took: list[list[float]] = [[], []]
        peaks: list[list[float]] = [[], []]
        digests: set[str] = set()

        def epoch(side: int) -> float:
            forget(Path(folder))
            begun = time.perf_counter()
            record, peak = trained([*command, limits[side]])
            took[side].append(time.perf_counter() - begun)
            peaks[side].append(peak / 2**20)
            digests.add(record["dataset"]["digest"])
            return float(record["seed_epoch_seconds"])

        built = seconds([BNEXP, "check", str(config), limits[0]])
        print(f"  `bnexp check`, the cache written: {built:.0f} s", file=sys.stderr)
        epochs = in_turn(rounds, lambda: epoch(0), lambda: epoch(1))
    assert len(digests) == 1, "the rows are the same"
    what = f"{IMAGES:,} images of 4 times `memory_limit` ({LIMIT_BYTES / 2**30:g} GiB), mlp of 16 units, {SEEDS} seed"
    ours, plain = map(statistics.median, took)
    ratio = statistics.median(one / other for one, other in zip(*took, strict=True))
    cached, held = map(statistics.median, peaks)
    return [
        row(f"{what}: a seed's epoch from the cache on disk / with all rows in memory", epochs, "s", at_most=1.5),
        row("the whole of `bnexp train` on the same / with all rows in memory", (ours, plain, ratio), "s", at_most=1.5),
        row("peak memory of the same / with all rows in memory", (cached, held, cached / held), "MiB", at_most=0.5),
    ]


def forget(folder: Path) -> None:
    """Let the system forget what it holds in memory of the large files in a folder, where it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > LARGE_BYTES:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


MEASURES = {"images": images}

if __name__ == "__main__":
    measure(__doc__, OUT, MEASURES, rounds=3)
