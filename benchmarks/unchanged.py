"""Proof that a change of the code changes no number: runs this tree and an earlier commit, and compares their files.

From the repository's root, with the commit to compare with:

    python benchmarks/unchanged.py main~3

Both train `compare bn nobn`, a small config of each kind of model and of each
engine, and one study. history.json, run.json, comparison.json, results.csv and
study.json must be equal byte for byte, with the order of their keys. Aside are
times and versions, and what an earlier version kept otherwise: the number of
seeds in the place of their list, digests that held it, keys that a later one
added, and in study.json how trials are kept (`format`, `asked_after_results`, `earlier_seeds`, `holm_p_value`). It takes one
to three minutes.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
SMALL = {"epochs": 2, "seeds": 2}
DIGITS = {"name": "digits", "limit": 300}
TEXT = {"name": "text_csv", "path": "texts.csv", "text": "text", "target": "label", "length": 6, "duplicates": "keep"}
CONFIGS: dict[str, dict[str, Any]] = {
    "mlp": {"dataset": {"name": "classification", "samples": 300}, "model": {"name": "mlp", "dropout": 0.3}},
    "keras-fit": {
        "dataset": {"name": "classification", "samples": 300},
        "model": {"name": "mlp"},
        "training": {"trainer": "keras_fit"},
    },
    "regression": {"dataset": {"name": "regression", "samples": 300}, "model": {"name": "mlp", "normalization": "layer"}},
    "table": {"dataset": {"name": "csv", "path": "prices.csv", "target": "price"}, "model": {"name": "mlp"}},
    "sequential": {
        "dataset": {"name": "moons", "samples": 300},
        "model": {"name": "sequential", "layers": [{"Dense": {"units": 8}}, "BatchNormalization", {"Dense": {"units": 1, "activation": "sigmoid"}}]},
    },
    "cnn": {"dataset": DIGITS, "model": {"name": "cnn", "filters": [4]}},
    "resnet": {"dataset": DIGITS, "model": {"name": "resnet", "width": 4}},
    "transformer": {"dataset": TEXT, "model": {"name": "transformer", "normalization": "layer"}},
    "rnn": {"dataset": TEXT, "model": {"name": "rnn"}},
    "conv1d": {"dataset": TEXT, "model": {"name": "conv1d"}},
}  # fmt: skip
STUDY = """\
name: small
experiment:
  dataset: {name: moons, samples: 200, validation_size: 0.25}
  model: {name: mlp, hidden: [8]}
  training: {epochs: 3}
vary: {training.learning_rate: [0.01, 0.1]}
arms: {bn: {model.normalization: batch}, none: {model.normalization: none}}
seeds: 6
hypotheses:
  - {claim: c, metric: test_loss, treated: bn, baseline: none, direction: lower, smallest: 0.01}
"""
VARYING = {
    "seconds",
    "duration_seconds",
    "versions",
    "machine",
    "git",
    "started",
    "begun",
    "answered",
    "trained",
    "ended",
}
VARYING |= {"id", "run", "seed_epoch_seconds", "mean_seconds", "models"}  # named by the time; a zip holds the time
VARYING |= {"rows_sha256", "asked", "reading", "network"}  # added by a later version
STAMP = re.compile(r"-(study-[0-9a-f]{10}|[0-9]{8}-[0-9]{6}(-[0-9]+)?)$")
DIGESTS = {"config_digest", "digest", "design", "experiment"}
"""Of a config or a study: they held the number of seeds."""
KEEPING = {"format", "asked_after_results", "earlier_seeds", "holm_p_value"}
"""Keys of study.json that say how a study is kept, or that nothing shows."""


def main() -> None:
    """Run both trees, and say which files differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="The commit to compare with.")
    commit = parser.parse_args().commit
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", "-q", str(before), commit], cwd=ROOT, check=True)
        try:
            found = [dict(results(tree, Path(folder) / name)) for tree, name in ((before, "old"), (ROOT, "new"))]
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(before)], cwd=ROOT, check=True)
    old, new = found
    differing = sorted(name for name in old.keys() | new.keys() if written(old.get(name)) != written(new.get(name)))
    print(f"{len(old)} files of {commit} compared: {len(differing)} differ")
    for name in differing:
        print(f"{name}: {', '.join(places(old.get(name), new.get(name))) or 'the order of its keys'}")
    raise SystemExit(bool(differing))


def written(document: Any) -> Any:
    """Return a document as text, in which the order of keys counts; bytes stay."""
    return document if isinstance(document, bytes) else json.dumps(document)


def places(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Yield where two documents differ: the dotted keys, each with both values in short."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from places(old.get(key), new.get(key), f"{at}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, pair in enumerate(zip(old, new, strict=True)):
            yield from places(*pair, f"{at}.{place}".lstrip("."))
    elif old != new:
        yield f"{at} {str(old)[:60]} -> {str(new)[:60]}"


def results(tree: Path, place: Path) -> Iterator[tuple[str, Any]]:
    """Run everything with the code of this tree in an empty folder; yield what must not change."""
    place.mkdir()
    words = [f"good film {number % 7}" if number % 3 else f"bad film {number % 5} end" for number in range(120)]
    rows = [f"{text},{'no' if text.startswith('bad') else 'yes'}" for text in words]
    (place / "texts.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    prices = [f"{number % 17},{number % 5},{40_000 + 900 * (number % 17)}" for number in range(200)]
    (place / "prices.csv").write_text("age,rooms,price\n" + "\n".join(prices) + "\n", encoding="utf-8")
    for name, sections in CONFIGS.items():
        training = SMALL | sections.get("training", {})
        (place / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, **sections, "training": training}))
    (place / "study.yaml").write_text(STUDY)
    for arguments in (
        ["compare", str(ROOT / "configs" / "bn.yaml"), str(ROOT / "configs" / "nobn.yaml")],
        ["train", *(f"{name}.yaml" for name in CONFIGS)],
        ["study", "study.yaml"],
    ):
        environment = os.environ | {"PYTHONPATH": str(tree)}
        command = [sys.executable, "-c", "from bnexp.cli import main; main()", *arguments, "--quiet"]
        done = subprocess.run(command, cwd=place, env=environment, check=False)
        if done.returncode not in (0, 3):
            raise SystemExit(f"{tree}: bnexp {' '.join(arguments)} ended with {done.returncode}")
    for path in sorted((place / "runs").glob("*/*.*")):
        name = f"{STAMP.sub('', path.parent.name)}/{path.name}"
        if path.name in ("history.json", "histories.json"):
            yield name, path.read_bytes()
        elif path.name in ("run.json", "comparison.json", "study.json"):
            yield name, without_times(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix == ".csv":
            lines = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
            yield name, [without_times(line) for line in lines]


def without_times(document: Any) -> Any:
    """Return a document without what differs from one run to the next, and with the seeds of an earlier one listed."""
    if isinstance(document, dict):
        kept = {key: without_times(value) for key, value in document.items() if key not in VARYING}
        if "config_digest" in kept or "hypotheses" in kept or "design" in kept:
            kept = {key: value for key, value in kept.items() if key not in DIGESTS}
        if "hypotheses" in kept or "claim" in kept:
            kept = {key: value for key, value in kept.items() if key not in KEEPING}
        if isinstance(kept.get("seeds"), int) and "overrides" in kept:
            kept["seeds"] = list(range(kept["seeds"]))
        return kept
    return [without_times(value) for value in document] if isinstance(document, list) else document


if __name__ == "__main__":
    main()
