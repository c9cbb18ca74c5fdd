"""A study without a hypothesis is a sweep: the metric of its table, its cautions, and the arms' differences.

It judges nothing. A hypothesis that is added later is answered from the same trials.

Axis: S seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bnexp import statistics
from bnexp.comparison.metric_names import (
    Predictions,
    all_of,
    has_test_part,
    not_computed,
    not_measured,
    unmeasured_part,
)
from bnexp.comparison.metric_rules import adds_penalty as adds_by_config
from bnexp.comparison.metric_rules import judged_by_what_chose, penalty_in_loss
from bnexp.config.study import Endpoint, StudyFile
from bnexp.metrics import headline
from bnexp.statistics.arrays import Floats
from bnexp.study.contrast import Results
from bnexp.study.grid import Cell
from bnexp.system.spelling import spelt

NO_VERDICT = (
    "No hypothesis, so no verdict. You can add a hypothesis to the file later. It rarely needs new training: "
    "`--dry-run` shows what would be trained. It will be marked as asked after results."
)


def metric_of(file: StudyFile, measured: Sequence[str], asked: str | None) -> str | None:
    """Return the metric that a sweep shows: the one asked for, else its task's headline. None for other studies."""
    return None if file.study.claims() else asked or headline(measured)


def faulty_metric(
    file: StudyFile, measured: Sequence[str], asked: str | None, predictions: Predictions
) -> Iterator[str]:
    """Yield why a metric that was asked for outside the study's file cannot be shown."""
    if asked is None:
        return
    option = spelt("metric")
    if file.study.claims():
        place = file.where(*file.claim_keys(0), "metric")
        yield (
            f"{option} is {asked!r}, which is for a study without a hypothesis. Change the metric of the hypothesis "
            f"instead, at {place}. It rarely needs new training: `--dry-run` shows what would be trained."
        )
    elif not measured:
        if asked not in (good := all_of(asked.partition("_")[0])):
            yield f"{option} is {asked!r}; {not_measured(asked, good)}"
    elif asked not in measured:
        why = unmeasured_part(asked, measured) or not_computed(asked, measured, predictions)
        yield f"{option} is {asked!r}; {why or not_measured(asked, measured, where=' in every cell')}"


def differences(cell: Cell, arms: Sequence[str], endpoint: Endpoint, results: Results) -> list[Floats]:
    """Return each arm minus the last one in a cell, seed by seed, (S,)."""
    *others, baseline = [results[cell.number, arm].values(endpoint) for arm in arms]
    return [statistics.subtracted(values_S, baseline, in_logs=endpoint.in_logs) for values_S in others]


def cautions(metric: str, chosen: Mapping[str, str], cells: Sequence[Cell], results: Results) -> Iterator[str]:
    """Yield cautions about the table: rows by which something was chosen, and a penalty in the loss.

    `chosen` maps each metric by which something is chosen to what uses it.
    """
    has_test = all(has_test_part(result.final) for result in results.values())
    for text in judged_by_what_chose(metric, chosen, has_test=has_test):
        yield f"The table {text}"
    arms = {
        arm: any(adds_penalty(results, cell, arm) for cell in cells) for arm in (cells[0].candidates if cells else ())
    }
    measured = next(iter(results.values())).final
    yield from penalty_in_loss(metric, measured, arms)


def adds_penalty(results: Results, cell: Cell, arm: str) -> bool:
    """Return True if the model of a cell's arm adds a penalty to its loss, by its config or as it was built."""
    by_config = any(adds_by_config(one.experiment) for one in cell.candidates[arm])
    return by_config or results[cell.number, arm].adds_penalty
