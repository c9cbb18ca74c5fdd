"""The figure files of a directory: drawn from its JSON alone, so that each can be redrawn at any time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from bnexp import store
from bnexp.errors import RunError, UserError
from bnexp.store.study_document import FORMAT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


DAMAGES = (KeyError, TypeError, IndexError, ValueError, AttributeError, ArithmeticError, RuntimeError, StopIteration)
"""What drawing raises where parts of a document, each of its right type, do not go together."""


def draw(run: store.Run, *, format: str = "png", out: Path | None = None) -> list[Path]:
    """Draw the figures of a run, a comparison or a study into its directory, or into `out`; return the files written.

    Raises:
        RunError: if its JSON is missing, damaged or foreign.
        StorageError: if the files cannot be written.
    """
    from bnexp.report.plots import render

    place = out or run.directory
    if out is not None:
        store.make_place(out, option="--out")
    files = []
    for quantity, figure in _figures(run).items():
        path = place / f"{quantity}.{format}"
        store.write(path, render(figure, format), option="--out")
        files.append(path)
    return files


def drawn(run: store.Run) -> list[str]:
    """Draw the figures of what has just been measured; return what to warn of. No figure is worth a result."""
    from bnexp.report.fonts import missing_told, noting_missing

    try:
        with noting_missing() as letters:
            draw(run)
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else repr(error)
        reason = reason.rstrip(".")
        return [f"The figures were not drawn: {reason}. All numbers are kept: `bnexp plot {run.id}` draws them."]
    told = missing_told(letters)
    return [] if told is None else [told]


def _figures(run: store.Run) -> dict[str, Figure]:
    from bnexp.report.plots import comparison_figures, run_figures

    if run.kind == "run":
        return run_figures(run.history(), title=_title(run), loss_unit=_loss_unit(run.record().get("dataset")))
    if run.kind == "study":
        return _study_figures(run)
    document = run.comparison()
    target = document.get("target", {})
    goal = (target["metric"], target["value"]) if None not in map(target.get, ("metric", "value")) else None
    curves = comparison_figures(run.histories(), target=goal, loss_unit=_loss_unit(document))
    return {**curves, "difference": _difference_figure(run.directory / "comparison.json", document)}


def _difference_figure(path: Path, document: dict[str, Any]) -> Figure:
    from bnexp.report.difference_figure import difference_figure

    try:
        with np.errstate(over="ignore", invalid="ignore"):  # of numbers that no training gives
            return difference_figure(document)
    except DAMAGES as error:
        raise _damaged(path, error) from error


def _study_figures(run: store.Run) -> dict[str, Figure]:
    """Draw the figures of a finished study."""
    from bnexp.report.study_figure import study_figures

    path = run.directory / "study.json"
    if not path.exists():
        raise RunError(f"{path}: is missing; the study is not finished. Run `bnexp study` again: it goes on.")
    seen = store.read_json(path).get("format")
    if not isinstance(seen, int) or not 1 <= seen <= FORMAT:
        raise RunError(f"{path}: has format {seen!r}; expected 1 to {FORMAT}. Draw it with the bnexp that wrote it.")
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that no training gives
        return study_figures(run.study())


def _damaged(path: Path, error: Exception) -> RunError:
    """Return the refusal of a document whose parts do not go together."""
    reason = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else repr(error)
    return RunError(f"{path}: is damaged, or of an older bnexp ({reason}). {store.cure(path)}")


def _title(run: store.Run) -> str:
    return str(run.record().get("name", run.id))


def _loss_unit(facts: object) -> str:
    """Return the unit of the loss: nats for the cross-entropies, none that bnexp knows for squared errors."""
    task = facts.get("task") if isinstance(facts, dict) else None
    return "" if task == "regression" else "nats"
