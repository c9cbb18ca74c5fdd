"""Finds stored comparisons: one of the same data, for its variances, or one that is equal to a new comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bnexp import config, store
from bnexp.comparison.earlier import Earlier
from bnexp.config import Experiment
from bnexp.data.fingerprint import source_sha256
from bnexp.errors import UserError
from bnexp.experiment import lookup


def comparison_of(runs: Path, experiments: Sequence[Experiment], baseline: Experiment, metric: str) -> Earlier | None:
    """Find the most fitting comparison that measured this metric on the baseline's data; None if there is none.

    Its variances show which difference a new comparison can detect. A comparison of these experiments is preferred.
    One of other experiments has other variances, so its `Earlier.is_of_these` is False. Of several that fit equally
    well (`Earlier.fitness`), the newest is taken.
    """
    source, best = source_sha256(baseline.dataset), None
    asked = {config.digest(one) for one in experiments}
    for run, document in _comparisons(runs):
        found = Earlier(run.id, document)
        compared = _experiments(runs, document, baseline, source)
        found = replace(found, is_of_these={config.digest(one) for one in compared} == asked)
        if not compared or not found.fitness(metric)[0]:
            continue
        if all(found.fitness(metric)):
            return found
        best = found if best is None or found.fitness(metric) > best.fitness(metric) else best
    return best


def same_comparison(runs: Path, document: store.ComparisonDocument) -> store.Run | None:
    """Find the newest stored comparison of the same runs with the same results; None if there is none."""
    return next((run for run, found in _comparisons(runs) if found == document), None)


def _comparisons(runs: Path) -> Iterator[tuple[store.Run, store.ComparisonDocument]]:
    """Yield all finished comparisons, the newest first."""
    for run in store.runs_in(runs):
        state = run.state()
        if state.kind == "comparison" and state.status == "finished":
            try:
                yield run, run.comparison()
            except UserError:  # a damaged comparison does not hide the others
                continue


def _experiments(
    runs: Path, document: store.ComparisonDocument, baseline: Experiment, source: str | None
) -> list[Experiment]:
    """Return the compared experiments; an empty list if a run is missing or was not trained on the baseline's data."""
    found = []
    for arm in document.arms:
        run = store.Run(runs / (arm.run or ""))
        try:
            experiment = None if arm.run is None else config.load(run.config)
        except UserError:
            return []
        files = lookup.files_of(run)
        if experiment is None or experiment.dataset != baseline.dataset or files is None or files.data != source:
            return []
        found.append(experiment)
    return found
