"""How bnexp does on a large table and on what is stored already, in turn with the plain way. Prints and keeps a table.

The measuring is `speed.py`'s. From the repository's root:

    python benchmarks/scale.py [--rounds 5] [--only NAME]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from keeping import Row, measure, row
from speed import BNEXP, HERE, ROOT, compare, in_turn, peak_bytes, seconds

OUT = HERE / "scale.json"
ROWS, COLUMNS, SEEDS, EPOCHS = 1_000_000, 30, 4, 2

WRITE_TABLE = """
import sys, numpy as np, pandas
generator = np.random.default_rng(0)
x = generator.normal(size=(int(sys.argv[2]), int(sys.argv[3])))
frame = pandas.DataFrame(x.round(4), columns=[f"f{number}" for number in range(x.shape[1])])
frame["y"] = (x[:, :5].sum(axis=1) + generator.normal(size=len(x)) > 0).astype(int)
frame.to_csv(sys.argv[1], index=False)
"""

PANDAS_AND_FIT = """
import sys, keras, pandas
from sklearn.model_selection import train_test_split
frame = pandas.read_csv(sys.argv[1])
x, y = frame.drop(columns="y").to_numpy("float32"), frame["y"].to_numpy("float32")
train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.2, random_state=42, stratify=y)
mean, deviation = train_x.mean(axis=0), train_x.std(axis=0)
train_x, test_x = (train_x - mean) / deviation, (test_x - mean) / deviation
layers = [keras.Input((x.shape[1],)), *(keras.layers.Dense(64, "relu") for _ in range(2)), keras.layers.Dense(1, "sigmoid")]
model = keras.Sequential(layers)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(train_x, train_y, 32, int(sys.argv[2]), verbose=0, validation_data=(test_x, test_y))
"""

IMPORTS = [sys.executable, "-c", "import matplotlib.figure, numpy"]


def large_table(rounds: int) -> list[Row]:
    """Time training on a large CSV, from the command to its end, and compare the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path, config = Path(folder, "large.csv"), Path(folder, "large.yaml")
        subprocess.run([sys.executable, "-c", WRITE_TABLE, path, str(ROWS), str(COLUMNS)], check=True)
        config.write_text(
            f"name: large\ndataset: {{name: csv, path: {path}, target: y}}\nmodel: {{name: mlp, hidden: [64, 64]}}\n"
            f"training: {{epochs: {EPOCHS}, seeds: {SEEDS}}}\n"
        )
        ours = [BNEXP, "train", str(config), "--quiet", "--runs", folder]
        plain = [sys.executable, "-c", PANDAS_AND_FIT, str(path), str(EPOCHS)]
        took = in_turn(min(rounds, 3), lambda: seconds(ours), lambda: seconds(plain))
        peaks = in_turn(1, lambda: peak_bytes(ours) / 2**20, lambda: peak_bytes(plain) / 2**20)
    trained = f"`bnexp train` on a CSV of {ROWS:,} rows x {COLUMNS} columns, mlp 64-64, {SEEDS} seeds, {EPOCHS} epochs"
    plainly = "`pandas.read_csv` and `model.fit` of one seed"
    return [
        row(f"{trained} / {plainly}", took, "s", at_most=0.9),
        row(f"peak memory of the same / of {plainly}", peaks, "MiB", at_most=1.2),
    ]


def stored(rounds: int) -> list[Row]:
    """Time a comparison of stored runs, and drawing its figures anew, against the imports that drawing takes."""
    with tempfile.TemporaryDirectory() as runs:
        subprocess.run(compare(runs), cwd=ROOT, check=True, capture_output=True)
        subprocess.run(compare(runs), cwd=ROOT, check=True, capture_output=True)  # compiles what is compiled once
        again = in_turn(3 * rounds, lambda: seconds(compare(runs)), lambda: seconds(IMPORTS))
        plot = [BNEXP, "plot", "latest", "--runs", runs]
        drawn = in_turn(3 * rounds, lambda: seconds(plot), lambda: seconds(IMPORTS))
    imports = f'`python -c "{IMPORTS[-1]}"`'
    return [
        row(f"`bnexp compare` of stored runs / {imports}", again, "s", at_most=2.3),
        row(f"`bnexp plot` of a comparison / {imports}", drawn, "s", at_most=2.3),
    ]


MEASURES = {"large_table": large_table, "stored": stored}

if __name__ == "__main__":
    measure(__doc__, OUT, MEASURES, rounds=5)
