"""How often the intervals cover the true difference, by simulation with real trainings. Prints and keeps a table.

A fixed split: 200 seeds of each arm are trained, and measured on 10,200 held-out rows. They stand for all seeds and
rows there are, so their mean difference is the truth. From them some seeds and rows are drawn again and again,
and the intervals are computed as for a run that had just these. Accuracies are judged by their difference, losses by
their ratio, as bnexp does where all seeds share their split. Where bnexp gives no interval, a miss does not count as
said: if few rows carry the ratio of a loss, or if the arms agree on all rows, and these are too few to exclude a
difference of the margin.

Groups: the same held-out rows, in groups of 5 to 15 that the plain network finds about equally hard, as the rows of one
patient may be. Whole groups are drawn, and an interval over groups is compared with one that takes each row by itself.

Splits anew for each seed: many sets of rows are drawn from one source, and each is trained with splits of its own.
The truth is the mean over all sets. From the repository's root, about fifteen minutes:

    python benchmarks/coverage.py [--only fixed|groups|resampled]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bnexp import config
from bnexp.comparison.scale import Scale, difference_on_scale, rows_on_scale
from bnexp.experiment.batch import BatchObserver, Prepared, Wave, train
from bnexp.experiment.measurement import measured
from bnexp.experiment.prepare import built_for, prepared
from bnexp.statistics import LEVEL, draws_to_exclude, mean_interval, over_splits
from bnexp.statistics.held_out_rows import FEWEST_EFFECTIVE, MOSTLY_ROWS, NewRows, by_group, new_rows

HERE = Path(__file__).parent
OUT, ARMS = HERE / "coverage.json", ("bn", "nobn")
SEEDS, DRAWS, MARGIN = 200, 1000, 0.01
HELD_OUT = ["dataset.samples=11000", "dataset.test_size=0.9272727"]
TASKS: dict[str, list[str]] = {
    "a larger draw of the tutorial's task, 12% errors": [*HELD_OUT],
    "an easy task, 2% errors": [*HELD_OUT, "dataset.class_sep=2.0", "dataset.flip_y=0.005", "training.epochs=30"],
    "a very easy task, 1% errors": [*HELD_OUT, "dataset.class_sep=2.3", "dataset.flip_y=0.005", "training.epochs=30"],
}
SETS, SPLITS, EPOCHS = 300, (6, 10, 20), 10


class _Rows(BatchObserver):
    """Keeps what each held-out row measures."""

    def __init__(self) -> None:
        self.waves: list[dict[str, Any]] = []

    def wave_ended(self, wave: Wave) -> None:
        """Keep the rows of a wave."""
        self.waves.append(wave.trained.rows["val"])


def rows_of(arm: str, settings: Sequence[str]) -> dict[str, Any]:
    """Train all seeds of an arm; return measure -> (S, R)."""
    experiment = config.load(HERE.parent / "configs" / f"{arm}.yaml", [*settings, f"training.seeds={SEEDS}"])
    data = prepared(experiment)
    observer = _Rows()
    list(train([Prepared(experiment, data, built_for(experiment, data))], tuple(range(SEEDS)), observer))
    return {name: np.concatenate([wave[name] for wave in observer.waves]) for name in ("accuracy", "loss")}


def fixed() -> Iterator[dict[str, Any]]:
    """Draw seeds and rows from those that were trained; yield a row of the table for each number of both."""
    generator = np.random.default_rng(0)
    for task, settings in TASKS.items():
        treated, baseline = (rows_of(arm, settings) for arm in ARMS)
        for metric in ("accuracy", "loss"):
            both_ASR = np.stack([one[metric].astype("float64") for one in (treated, baseline)])
            for seeds in (6, 10, 20):
                for rows in (100, 200, 1000):
                    yield {"task": task, "metric": metric, **_covered(both_ASR, metric, seeds, rows, generator)}


def judged(both_ASR: np.ndarray, metric: str) -> np.ndarray:
    """Return the difference of each seed and row, (S, R), on the scale that is judged; its mean is that of the seeds."""
    scale: Scale = "ratio" if metric == "loss" else "difference"
    finals_AS = both_ASR.mean(axis=2)
    parts = [rows_on_scale(one_SR, final_S, scale) for one_SR, final_S in zip(both_ASR, finals_AS, strict=True)]
    difference_SR = parts[0] - parts[1]
    centred_SR = difference_SR - difference_SR.mean(axis=1, keepdims=True)
    judged_SR: np.ndarray = difference_on_scale(finals_AS[0], finals_AS[1], scale)[:, None] + centred_SR
    return judged_SR


def _covered(
    both_ASR: np.ndarray, metric: str, seeds: int, rows: int, generator: np.random.Generator
) -> dict[str, Any]:
    truth, ours, plain, withheld = float(judged(both_ASR, metric).mean()), 0, 0, 0
    unbounded, missed_and_said, widths = 0, 0, []
    for _ in range(DRAWS):
        chosen = generator.integers(0, both_ASR.shape[1], seeds), generator.integers(0, both_ASR.shape[2], rows)
        drawn_SR = judged(both_ASR[:, chosen[0][:, None], chosen[1]], metric)
        anew = new_rows(drawn_SR)
        found = anew.estimate.interval(LEVEL)
        of_seeds = mean_interval(drawn_SR.mean(axis=1), LEVEL)
        covers = found.low <= truth <= found.high
        ours += covers
        plain += of_seeds.low <= truth <= of_seeds.high
        carried_by_few = metric == "loss" and _is_carried_by_few(anew, seeds, rows)
        withheld += carried_by_few
        is_unbounded = metric == "accuracy" and not drawn_SR.any() and rows < draws_to_exclude(MARGIN)
        unbounded += is_unbounded
        missed_and_said += not covers and not carried_by_few and not is_unbounded
        widths.append((found.high - found.low) / max(of_seeds.high - of_seeds.low, 1e-12))
    return {
        "seeds": seeds,
        "rows": rows,
        "seeds_and_rows": ours / DRAWS,
        "seeds_alone": plain / DRAWS,
        "width_ratio": float(np.median(widths)),
        "carried_by_few_rows": withheld / DRAWS,
        "alike_on_all_rows": unbounded / DRAWS,
        "missed_and_said": missed_and_said / DRAWS,
    }


def grouped() -> Iterator[dict[str, Any]]:
    """Draw seeds and groups of rows of the first task; yield a row of the table for each number of both."""
    generator = np.random.default_rng(0)
    task, settings = next(iter(TASKS.items()))
    measures = [rows_of(arm, settings) for arm in ARMS]
    hardest_R = np.argsort(measures[1]["loss"].mean(axis=0))
    for metric in ("accuracy", "loss"):
        both_ASR = np.stack([one[metric].astype("float64") for one in measures])[:, :, hardest_R]
        ends = np.cumsum(generator.integers(5, 16, both_ASR.shape[2] // 5))
        groups = np.split(np.arange(both_ASR.shape[2]), ends[ends < both_ASR.shape[2]])
        for seeds in (6, 10, 20):
            for count in (20, 100):
                covered = _covered_by_group(both_ASR, metric, seeds, count, groups, generator)
                yield {"task": task, "metric": metric, "seeds": seeds, "groups": count, **covered}


def _covered_by_group(
    both_ASR: np.ndarray,
    metric: str,
    seeds: int,
    count: int,
    groups: Sequence[np.ndarray],
    generator: np.random.Generator,
) -> dict[str, float]:
    """Return the shares of draws in which intervals over seeds, over rows and over groups cover the truth."""
    truth, covers, withheld, missed_and_said = float(judged(both_ASR, metric).mean()), np.zeros(3), 0, 0
    for _ in range(DRAWS):
        chosen = generator.integers(0, both_ASR.shape[1], seeds)
        drawn = [groups[number] for number in generator.integers(0, len(groups), count)]
        rows_R, groups_R = np.concatenate(drawn), np.repeat(np.arange(count), [len(one) for one in drawn])
        drawn_SR = judged(both_ASR[:, chosen[:, None], rows_R], metric)
        anew = new_rows(by_group(drawn_SR, groups_R))
        found = [
            mean_interval(drawn_SR.mean(axis=1), LEVEL),
            new_rows(drawn_SR).estimate.interval(LEVEL),
            anew.estimate.interval(LEVEL),
        ]
        covered = [one.low <= truth <= one.high for one in found]
        covers += covered
        carried_by_few = metric == "loss" and _is_carried_by_few(anew, seeds, count)
        withheld += carried_by_few
        missed_and_said += not covered[-1] and not carried_by_few
    shares = dict(zip(("seeds_alone", "rows_as_if_alone", "seeds_and_groups"), (covers / DRAWS).tolist(), strict=True))
    return shares | {
        "carried_by_few_groups": withheld / DRAWS,
        "missed_and_said": missed_and_said / DRAWS,
    }


def _is_carried_by_few(anew: NewRows, seeds: int, rows: int) -> bool:
    """Return True if bnexp would give no verdict, because few rows (or groups) carry the difference."""
    return anew.effective_rows < FEWEST_EFFECTIVE and anew.components.share_of_rows(seeds, rows) >= MOSTLY_ROWS


def resampled() -> Iterator[dict[str, Any]]:
    """Train both arms on many sets of rows, with splits of their own; yield a row for each number of splits."""
    common = ["dataset.resample=true", "dataset.samples=250", f"training.epochs={EPOCHS}", "training.batch_size=16"]
    differences: dict[str, list[np.ndarray]] = {"accuracy": [], "loss": [], "loss, as a ratio": []}
    most = max(SPLITS)
    for start in range(0, SETS, 10):
        found = {}
        for arm in ARMS:
            experiments = [
                config.load(HERE.parent / "configs" / f"{arm}.yaml", [*common, f"dataset.seed={number}"])
                for number in range(start, min(start + 10, SETS))
            ]
            found[arm] = measured(experiments, tuple(range(most)))
        for treated, baseline in zip(*(found[arm] for arm in ARMS), strict=True):
            share = treated.rows["val"] / treated.rows["train"]
            for metric, kept in differences.items():
                name, _, as_ratio = f"val_{metric}".partition(", ")
                finals = (treated.history.final(name), baseline.history.final(name))
                kept.append(difference_on_scale(*finals, "ratio" if as_ratio else "difference"))
    for metric, kept in differences.items():
        all_DS = np.stack(kept)
        truth = float(all_DS.mean())
        for splits in SPLITS:
            intervals = [
                (mean_interval(one_S[:splits], LEVEL), over_splits(one_S[:splits], share).interval(LEVEL))
                for one_S in all_DS
            ]
            plain, ours = (
                float(np.mean([pair[number].low <= truth <= pair[number].high for pair in intervals]))
                for number in (0, 1)
            )
            row = {
                "task": f"the common tutorial's task, 200 training rows, {SETS} sets",
                "metric": metric,
                "splits": splits,
            }
            yield {**row, "corrected": ours, "t_interval": plain}


def main() -> None:
    """Measure what the command line asks for, keep it, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", choices=["", "fixed", "groups", "resampled"])
    only = parser.parse_args().only
    kept = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name, rows in (("fixed", fixed), ("groups", grouped), ("resampled", resampled)):
        if only in ("", name):
            kept[name] = []
            for row in rows():
                kept[name].append(row)
                print(row, flush=True)
    OUT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
