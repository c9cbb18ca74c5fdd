"""Why an experiment must be trained although it has runs: they lack seeds, or its newest finished run differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bnexp import config, store
from bnexp.config import Experiment
from bnexp.config.overrides import said_of
from bnexp.errors import RunError, UserError, counted
from bnexp.experiment import lookup
from bnexp.experiment.own_files import own_files


def reason(runs: Path, experiment: Experiment, overrides: Sequence[str]) -> str:
    """Return why an experiment has to be trained.

    Possible reasons: its runs lack seeds or rows, its newest run is damaged, or something has changed since that run.
    """
    if (without_rows := next(lookup.whole(runs, experiment), None)) is not None:
        return f"{without_rows[0].id} {_why_no_rows(without_rows[0])}"
    if fewer := lookup.with_fewer_seeds(runs, experiment):
        return f"{len(fewer[0][1])} of its {counted(experiment.training.seeds, 'seed')} are stored"
    if damaged := lookup.damage(runs, experiment.name):
        return damaged[0]
    newest = lookup.newest(runs, experiment.name)
    if newest is None:
        return "no finished run was found"
    try:
        before = config.load(newest.config)
    except UserError:
        return "its newest run cannot be read"
    changes = config.differences(before, experiment)
    if before.training.seeds > experiment.training.seeds:  # then the newest run holds all seeds
        changes.pop("training.seeds")
    if not changes and lookup.has_older_unit(newest, experiment):
        return "its newest run is of an older bnexp, which kept mae and mse of a scaled target in standard deviations"
    if not changes and lookup.is_of(newest, own_files(experiment)):
        return "its newest run is of an older bnexp, whose configs had other keys"
    if not changes:
        read = lookup.files_of(newest)
        is_same_network = read is not None and read.network == own_files(experiment).network
        changed = "its data" if is_same_network else "the files of its network, or packages that it imports,"
        return f"{changed} have changed since its newest run"
    then = _overrides_of(newest)
    listed = "; ".join(
        f"{place} was {old}, now {new}{_origin(key, overrides, then)}"
        for key, pair in changes.items()
        for place, old, new in config.parts_that_differ(key, *pair)
    )
    return f"it differs from its newest run: {listed}"


def _why_no_rows(run: store.Run) -> str:
    """Return why a run holds no rows.npz."""
    try:
        was_kept = run.record().rows_sha256 is not None
    except RunError:
        was_kept = False
    return f"has lost its {store.ROWS}" if was_kept else "did not keep what each held-out row measured"


def _overrides_of(run: store.Run) -> Sequence[str]:
    try:
        return run.record().overrides
    except RunError:
        return []


def _origin(key: str, now: Iterable[str], then: Iterable[str]) -> str:
    """Return in brackets where a key was set: on the command line now, in that run's overrides, or in the file.

    >>> _origin("training.epochs", ["training.epochs=3"], []), _origin("training.epochs", [], ["training={epochs: 3}"])
    (' (set on the command line)', ' (that run had an override)')
    """
    if any(_sets(override, key) for override in now):
        return " (set on the command line)"
    return (
        " (that run had an override)" if any(_sets(override, key) for override in then) else " (the config has changed)"
    )


def _sets(override: str, key: str) -> bool:
    """Return True if an override sets a key, a part of it, or the `name` that decides which keys its section has.

    >>> [_sets("training={batch_size: 8, optimizer: sgd}", key) for key in ("training.epochs", "training.batch_size")]
    [False, True]
    >>> [_sets(text, "model.hidden") for text in ("model={name: mlp}", "name=bn", "model={norm: {name: batch}}")]
    [True, False, False]
    """
    said, parts = said_of(override), key.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(said, dict):
            return said is not None
        if part not in said:
            return depth > 0 and "name" in said
        said = said[part]
    return True
