"""The figure files of a directory. They are drawn from its JSON alone, so that each can be redrawn at any time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnexp import store
from bnexp.errors import RunError, UserError
from bnexp.history import History
from bnexp.store import ComparisonDocument
from bnexp.store.study_document import StudyDocument
from bnexp.system.spelling import command

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(run: store.Run, *, format: str = "png", out: Path | None = None) -> list[Path]:
    """Write the figures of a run, a comparison or a study to its directory, or to `out`, and return the files' paths.

    Raises:
        RunError: if its JSON is missing, damaged or foreign.
        StorageError: if the files cannot be written.
    """
    from bnexp.report.plots import render

    place = out or run.directory
    if out is not None:
        store.make_place(out, option="out")
    files = []
    for quantity, figure in figures_of(run).items():
        path = place / f"{quantity}.{format}"
        store.write(path, render(figure, format), option="out")
        files.append(path)
    return files


def drawn(run: store.Run) -> list[str]:
    """Draw the figures of a new result and return the warnings. A figure that fails never costs the result."""
    from bnexp.report.fonts import noting_missing, warning_of_missing

    try:
        with noting_missing() as letters:
            draw(run)
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else repr(error)
        reason = reason.rstrip(".")
        again = f"`{command('plot', run.id)}` draws the figures"
        return [f"The figures were not drawn: {reason}. All numbers are kept: {again}."]
    warning = warning_of_missing(letters)
    return [] if warning is None else [warning]


def figures_of(run: store.Run) -> dict[str, Figure]:
    """Return quantity -> figure of a run, a comparison or a study, drawn from its JSON alone.

    Raises:
        RunError: if its JSON is missing, damaged or foreign.
    """
    if run.kind == "run":
        record = run.record()
        return figures_of_run(run, record, run.history(record))
    if run.kind == "study":
        return _study_figures(run)
    document = run.comparison()
    return figures_of_comparison(document, run.histories(document.seeds))


def figures_of_run(run: store.Run, record: store.RunRecord, history: History) -> dict[str, Figure]:
    """Return quantity -> figure of a run whose record and history are already loaded."""
    from bnexp.report.plots import run_figures

    title, unit = record.name or run.id, _loss_unit(record.dataset.task)
    return run_figures(history, title=title, loss_unit=unit, stopped=_stopped(run, record))


def _stopped(run: store.Run, record: store.RunRecord) -> str:
    """Return the status of an unfinished run and how far it is; "" for a finished run."""
    if record.status == "finished":
        return ""
    head = run.checkpoint()
    return f"{record.status}" if head is None else f"{record.status} at {head.place}"


def figures_of_comparison(document: ComparisonDocument, histories: Mapping[str, History]) -> dict[str, Figure]:
    """Return quantity -> figure of a comparison, drawn from its document and each arm's history of its seeds."""
    from bnexp.report.difference_figure import difference_figure
    from bnexp.report.plots import comparison_figures

    target = document.target
    goal = None if target.metric is None or target.value is None else (target.metric, target.value)
    curves = comparison_figures(histories, target=goal, loss_unit=_loss_unit(document.task))
    return {**curves, "difference": difference_figure(document)}


def _study_figures(run: store.Run) -> dict[str, Figure]:
    """Return name -> figure of a finished study."""
    path = run.directory / "study.json"
    if not path.exists():
        raise RunError(f"{path}: is missing; the study is not finished. Run the study again: it goes on.")
    return figures_of_study(run.study())


def figures_of_study(document: StudyDocument) -> dict[str, Figure]:
    """Return name -> figure of a study."""
    from bnexp.report.study_figure import study_figures

    with np.errstate(over="ignore", invalid="ignore"):  # stored numbers may be too large to compute with
        return study_figures(document)


def _loss_unit(task: str | None) -> str:
    """Return the unit of the loss: nats for cross-entropies; "" for squared errors, whose unit bnexp does not know."""
    return "" if task == "regression" else "nats"
