"""The file beside a trial's file that stores the values of each of its held-out rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bnexp import statistics, store
from bnexp.config.study import Endpoint
from bnexp.errors import RunError
from bnexp.held_out import HeldOut, from_npz
from bnexp.metrics import is_computed
from bnexp.study.result import Result


def rows_path(path: Path) -> Path:
    """Return the file with the values of each held-out row of the trial in the file `path`."""
    return path.with_suffix(".npz")


def keep_rows(path: Path, result: Result) -> Result:
    """Write the rows of a trial before its own file is written. Return the result with the sha256 of the rows' file."""
    if result.held_out is None:
        return result
    content = result.held_out.to_npz()
    store.write(rows_path(path), content)
    return result.model_copy(update={"held_out": None, "rows_sha256": hashlib.sha256(content).hexdigest()})


def kept_rows(path: Path, result: Result) -> HeldOut | None:
    """Read the values of each held-out row of the trial in this file; None if they were never stored.

    Raises:
        RunError: if they were stored, and the file is missing, damaged or of another trial.
    """
    if result.rows_sha256 is None:
        return None
    file = rows_path(path)
    content = store.content(file)
    if hashlib.sha256(content).hexdigest() != result.rows_sha256:
        raise RunError(f"{file}: is not the file that was kept with {path.name}. Run the study again.")
    rows = from_npz(content, str(file))
    counts = {part: values.rows_SR.shape[1] for part, values in rows.parts.items()}
    if not set(result.seeds) <= set(rows.seeds) or (result.rows and not counts.items() <= result.rows.items()):
        raise RunError(f"{file}: is of other seeds or rows than {path.name}. Run the study again.")
    if (seen := rows.contradiction(result.seeds, result.final_of_whole())) is not None:
        raise RunError(f"{file}: {seen} in {path.name}. Run the study again.")
    return rows


def with_computed(path: Path, result: Result, endpoints: Sequence[Endpoint]) -> Result:
    """Return the result of the trial in this file, with the metrics of classes that its stored predictions give.

    They are the metrics of the endpoints that were not asked for when the trial was trained.

    Raises:
        RunError: if the rows were stored, and the file is missing, damaged or of another trial.
    """
    names = {one.metric for one in endpoints if one.epochs_to is None and is_computed(one.metric)} - {*result.final}
    rows = kept_rows(path, result) if names else None
    if rows is None:
        return result
    found, of_seeds = dict(result.final), rows.of(tuple(result.seeds))
    lost_S = [str(seed) in result.diverged for seed in result.seeds]
    for name in sorted(names):
        if (values_SR := of_seeds.values(name)) is not None:
            found[name] = statistics.strict_values(np.where(lost_S, np.nan, values_SR.mean(axis=1)))
    return result.model_copy(update={"final": found})


def holds_rows(path: Path, result: Result) -> bool:
    """Return True if the values of each held-out row are there and complete, or were never stored."""
    try:
        return result.rows_sha256 is None or kept_rows(path, result) is not None
    except RunError:
        return False
