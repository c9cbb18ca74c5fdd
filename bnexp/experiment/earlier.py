"""A stored comparison of the same data, whose variances say beforehand what another one can detect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bnexp import config, store
from bnexp.comparison.detectable import Earlier
from bnexp.config import Experiment
from bnexp.data.fingerprint import source_sha256
from bnexp.errors import UserError
from bnexp.experiment import lookup


def comparison_of(runs: Path, experiment: Experiment, metric: str, names: Sequence[str]) -> Earlier | None:
    """Find the newest comparison of an experiment's data that measured a metric; one of these arms, if there is one."""
    source, newest = source_sha256(experiment.dataset), None
    for run, document in _comparisons(runs):
        found = Earlier(run.id, document)
        if found.difference(metric) is None or not _is_of(runs, document, experiment, source):
            continue
        if {arm.name for arm in document.arms} == set(names):
            return found
        newest = newest or found
    return newest


def _comparisons(runs: Path) -> Iterator[tuple[store.Run, store.ComparisonDocument]]:
    """Yield all finished comparisons, the newest first."""
    for run in store.runs_in(runs):
        state = run.state()
        if state.kind == "comparison" and state.status == "finished":
            try:
                yield run, run.comparison()
            except UserError:  # a damaged one says nothing of the others
                continue


def _is_of(runs: Path, document: store.ComparisonDocument, experiment: Experiment, source: str | None) -> bool:
    """Return True if the runs that were compared are there and were trained on an experiment's data."""
    for arm in document.arms:
        run = store.Run(runs / (arm.run or ""))
        try:
            if arm.run is None or config.load(run.config).dataset != experiment.dataset:
                return False
        except UserError:
            return False
        if not lookup.is_of(run, source):
            return False
    return bool(document.arms)
