"""Stored runs, comparisons and studies: find, list and plot them. TensorFlow is never loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bnexp import store
from bnexp.api.names import RUNS, Name
from bnexp.api.observer import Observer
from bnexp.api.results import StoredRun
from bnexp.errors import RunError
from bnexp.experiment.run_to_read import run_to_read
from bnexp.report import figures


def load_run(name: Name, *, runs: Name = RUNS, observer: Observer | None = None) -> StoredRun:
    """Return a stored run, comparison or study by its directory, id, unique prefix, experiment's name, or `latest`.

    The name of a config means the newest finished run that fits the config. If none fits, it means the experiment's
    newest finished run, and the observer is warned how that differs.
    `frame()` and `figure(metric)` show what was measured. `record()` and `history()` read the files of a run;
    `comparison()` and `study()` read the other documents.

    Raises:
        RunError: if nothing has this name, or several do.
    """
    runs = Path(runs)
    observer = observer or Observer()
    run = run_to_read(runs, str(name), warn=observer.warn, info=observer.info)
    if run is None:
        expected = "expected a directory, an id or latest"
        raise RunError(f"No run is called {str(name)!r}; {expected}. {store.nearest_runs(runs, str(name))}")
    return StoredRun(run.directory)


def list_runs(*, runs: Name = RUNS) -> list[StoredRun]:
    """Return all runs, comparisons and studies, the newest first. `state()` of each tells how it ended."""
    return [StoredRun(run.directory) for run in store.runs_in(Path(runs))]


def plot(
    name: Name,
    *,
    format: Literal["png", "svg", "pdf"] = "png",
    out: Name | None = None,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> list[Path]:
    """Redraw the figures of a run, comparison or study into its directory or `out`; return the paths of the files.

    Raises:
        RunError: if nothing has this name, or what is stored is damaged.
        StorageError: if the files cannot be written.
    """
    from bnexp.report.fonts import noting_missing, warning_of_missing

    observer = observer or Observer()
    run = load_run(name, runs=runs, observer=observer)
    with noting_missing() as letters:
        paths = figures.draw(run, format=format, out=None if out is None else Path(out))
    if (state := run.state()).status == "damaged":
        observer.warn(f"{run.id} is damaged ({state.reason.rstrip('.')}). Its figures are drawn from what is left.")
    if (told := warning_of_missing(letters)) is not None:
        observer.warn(told)
    return paths
