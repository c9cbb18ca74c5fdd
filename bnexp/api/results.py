"""The classes that the API returns, with methods for data frames, figures and verdicts. Notebooks display them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bnexp import store
from bnexp.comparison import Arm
from bnexp.comparison.answer import FIX_WARNINGS, WARNED
from bnexp.errors import RunError, UserError, nearest
from bnexp.experiment.run import Finished
from bnexp.history import History
from bnexp.metrics import is_measured
from bnexp.metrics import quantity as quantity_of
from bnexp.report import comparison_table, console, figures, page_part, study_table
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import Verdict
from bnexp.store.study_document import StudyDocument

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

SHOWN_FIRST = ("accuracy", "r2")
"""Metrics for the figure that represents a run: the first one that was measured."""


class StoredRun(store.Run):
    """A stored run, comparison or study, with its numbers as a data frame and its figures.

    `record()` and `history()` read the files of a run; `comparison()` and `study()` read the other documents.
    """

    def frame(self) -> pandas.DataFrame:
        """Return a row for each arm, seed, epoch and metric: columns arm, seed, epoch (from 1), metric, value.

        Accuracies are shares from 0 to 1. For a comparison, only seeds that all arms have are included. For a study,
        return results.csv instead: a row for each cell, arm and seed.

        Raises:
            RunError: if its files are missing or damaged.
        """
        return _table(self) if self.kind == "study" else _frame(_histories(self))

    def figure(self, metric: str) -> Figure:
        """Return the figure of a metric, such as `accuracy`. A comparison also has the figure `difference`.

        Raises:
            UserError: if there is no such figure. The message lists the existing ones.
            RunError: if its files are missing or damaged.
        """
        return _chosen(figures.figures_of(self), metric)

    def __str__(self) -> str:
        """Return the table that the command line prints, or the reason why there is none."""
        try:
            return page_part.as_text(page_part.table_of(self))
        except RunError as error:
            return f"{self.id}: {error}"

    def _repr_html_(self) -> str:
        try:
            return page_part.as_html(str(self), _picture(figures.figures_of(self)))
        except RunError:
            return page_part.as_html(str(self), None)


@dataclass(frozen=True, repr=False)
class Comparison:
    """A stored comparison: its directory, its document (comparison.json), and its arms."""

    run: StoredRun
    document: ComparisonDocument
    arms: Sequence[Arm]

    @property
    def diverged(self) -> bool:
        """Return True if a seed of any arm diverged."""
        return any(arm.history.diverged_at for arm in self.arms)

    @property
    def verdict(self) -> Verdict:
        """Return the answer about the first arm. `about` tells which rows it holds for: new rows, or these rows.

        Its `word` is one of: helps, hurts, no difference that matters, or cannot tell yet.
        """
        return _naming_warnings(page_part.in_python(self.document).contrasts[0].verdict)

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Return the answer about each arm that is compared with the baseline."""
        contrasts = page_part.in_python(self.document).contrasts
        return {contrast.arm: _naming_warnings(contrast.verdict) for contrast in contrasts}

    @property
    def warnings(self) -> list[str]:
        """Return the warnings that the table prints: about the data, the arms, and how the arms differ."""
        return comparison_table.warnings_of(page_part.in_python(self.document))

    def frame(self) -> pandas.DataFrame:
        """Return a row for each arm, seed, epoch and metric: columns arm, seed, epoch (from 1), metric, value.

        Accuracies are shares from 0 to 1. Only seeds that all arms have are included.
        """
        return _frame(self._histories())

    def figure(self, metric: str) -> Figure:
        """Return the figure of a metric: `accuracy`, `loss`, or `difference`, which shows each pair of seeds.

        Raises:
            UserError: if there is no such figure. The message lists the existing ones.
        """
        return _chosen(self._figures(), metric)

    def __str__(self) -> str:
        """Return the table that the command line prints."""
        return page_part.as_text(comparison_table.comparison(page_part.in_python(self.document)))

    def __repr__(self) -> str:
        words = ", ".join(f"{arm} {verdict.word}" for arm, verdict in self.verdicts.items())
        return f"<Comparison {self.run.id}: {words}>"

    def _repr_html_(self) -> str:
        return page_part.as_html(str(self), _picture(self._figures(), self.document.primary.metric))

    def _histories(self) -> dict[str, History]:
        return {arm.name: arm.history.of(self.document.seeds) for arm in self.arms}

    def _figures(self) -> Mapping[str, Figure]:
        return figures.figures_of_comparison(self.document, self._histories())


@dataclass(frozen=True)
class TrainedRun(Finished):
    """A run after training: the stored run with `frame()` and `figure(metric)`, its record, and its history."""

    run: StoredRun

    @classmethod
    def of(cls, finished: Finished) -> TrainedRun:
        """Return what a training returned, with the run as `load_run` returns it."""
        return cls(StoredRun(finished.run.directory), finished.record, finished.history)


class Trained(list[TrainedRun]):
    """The runs that were trained, in order, each with `run`, `record` and `history`."""

    def frame(self) -> pandas.DataFrame:
        """Return a row for each run, seed, epoch and metric: columns arm, seed, epoch (from 1), metric, value.

        Accuracies are shares from 0 to 1. `arm` is the experiment's name, or the run's id if several runs share it.
        """
        return _frame(self._histories())

    def figure(self, metric: str) -> Figure:
        """Return the figure of a metric, such as `accuracy`. It shows each seed, or the means of several runs.

        Raises:
            UserError: if there is no such figure. The message lists the existing ones.
        """
        return _chosen(self._figures(), metric)

    def __str__(self) -> str:
        """Return the tables that the command line prints."""
        return "\n\n".join(page_part.as_text(console.run_summary(one.record, one.history)) for one in self)

    def __repr__(self) -> str:
        return f"<Trained {', '.join(one.run.id for one in self) or 'nothing'}>"

    def _repr_html_(self) -> str:
        return page_part.as_html(str(self), _picture(self._figures()) if self else None)

    def _histories(self) -> dict[str, History]:
        """Map names to histories: the experiment's name, or the run's id if several runs have that name."""
        names = [one.record.name for one in self]
        return {
            name if names.count(name) == 1 else one.run.id: one.history for name, one in zip(names, self, strict=True)
        }

    def _figures(self) -> Mapping[str, Figure]:
        if len(self) == 1:
            return figures.figures_of_run(self[0].run, self[0].record, self[0].history)
        from bnexp.report.plots import comparison_figures

        return comparison_figures(self._histories())


@dataclass(frozen=True, repr=False)
class Study:
    """An answered study: its directory and its document (study.json)."""

    directory: Path
    document: StudyDocument

    @property
    def verdict(self) -> str | None:
        """Return supported, refuted or inconclusive for all hypotheses together; None for a sweep."""
        return self.document.verdict

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Return the verdict of each claim: `word` and `sentence`."""
        return {hypothesis.claim: hypothesis.verdict for hypothesis in self.document.hypotheses}

    def frame(self) -> pandas.DataFrame:
        """Return results.csv: a row for each cell, arm and seed.

        Raises:
            RunError: if results.csv is missing or damaged.
        """
        return _table(store.Run(self.directory))

    def figure(self, name: str = "figure") -> Figure:
        """Return a figure: `figure` for the first hypothesis or a sweep, `figure-2` for the second hypothesis, ...

        Raises:
            UserError: if there is no such figure. The message lists the existing ones.
        """
        return _chosen(figures.figures_of_study(self.document), name)

    def __str__(self) -> str:
        """Return the table that the command line prints."""
        return page_part.as_text(study_table.study(self.document))

    def __repr__(self) -> str:
        return f"<Study {self.directory.name}: {self.verdict or 'a sweep'}>"

    def _repr_html_(self) -> str:
        return page_part.as_html(str(self), _picture(figures.figures_of_study(self.document)))


def _histories(run: store.Run) -> dict[str, History]:
    """Map each arm of a stored run or comparison to its history."""
    if run.kind == "comparison":
        return run.histories(run.comparison().seeds)
    record = run.record()
    return {record.name or run.id: run.history(record)}


def _table(study: store.Run) -> pandas.DataFrame:
    """Read results.csv. Only an empty cell is a missing value, because an arm may be called `null`."""
    import pandas

    path = study.directory / "results.csv"
    try:
        return pandas.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Run the study again: it goes on.") from None


def _frame(histories: Mapping[str, History]) -> pandas.DataFrame:
    from bnexp.report.measured_frame import measured

    return measured(histories)


def _chosen(drawn: Mapping[str, Figure], metric: str) -> Figure:
    """Return the figure that shows a metric: `val_accuracy` is part of the figure `accuracy`."""
    metric = str(metric)  # None, or a number, is no name of a figure either
    name = quantity_of(metric) if is_measured(metric) else metric
    if name not in drawn:
        raise UserError(f"There is no figure of {metric!r}. {nearest(metric, drawn)}")
    return drawn[name]


def _picture(drawn: Mapping[str, Figure], metric: str | None = None) -> bytes | None:
    """Return the figure of a metric as a PNG file, or the figure `difference` if the metric has no curves.

    Without a metric, return the figure of accuracy, of r2, or the first one. None if there are no figures.
    """
    from bnexp.report.plots import render

    if not drawn:
        return None
    wanted = (*SHOWN_FIRST, *drawn) if metric is None else (quantity_of(metric), "difference")
    return render(drawn[next(name for name in wanted if name in drawn)], "png")


def _naming_warnings(verdict: Verdict) -> Verdict:
    """Return a verdict whose sentence says where the warnings are that it mentions. The table has them beside it."""
    sentence = verdict.sentence
    for said in (WARNED, FIX_WARNINGS):
        sentence = sentence.replace(said, f"{said.removesuffix('.')} (result.warnings).")
    return verdict.model_copy(update={"sentence": sentence})
