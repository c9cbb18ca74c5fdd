"""Checks that a study can answer its hypotheses: arms, factors, levels, metrics, and rows used for choosing.

The rule on choosing: a part of the data that was used to choose something must not judge the result. If `tune` or early
stopping reads a part, no hypothesis may read it. One exception: under early stopping, epochs to a value may be read
there. If `tune` reads the validation part, no seed's test part may hold rows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bnexp.comparison import computed_by, predictions_of
from bnexp.comparison.metric_names import (
    Predictions,
    all_of,
    has_test_part,
    not_computed,
    not_measured,
    unmeasured_part,
)
from bnexp.comparison.metric_rules import (
    chosen_by,
    holds_out_own_rows,
    impossible_margin,
    impossible_value,
    judged_by_what_chose,
    of_one_class,
)
from bnexp.config import Experiment, merging
from bnexp.config.section import Task
from bnexp.config.study import Hypothesis, StudyFile, keys_of
from bnexp.config.yaml import Keys
from bnexp.errors import ConfigError, nearest
from bnexp.metrics import higher_is_better, quantity
from bnexp.store import DataFacts
from bnexp.study.grid import Candidate, Cell, cells_read, experiments, factor_names, is_whole, matches, not_varied
from bnexp.study.sweep import faulty_metric
from bnexp.system.spelling import spelt

TaskOf = Callable[[Experiment], Task]
DataOf = Callable[[Experiment], DataFacts]
Faults = Iterator[tuple[Keys, str]]


def refuse_unanswerable(
    file: StudyFile, cells: Sequence[Cell], task_of: TaskOf, data_of: DataOf, metric: str | None = None
) -> None:
    """Raise ConfigError with every reason why the hypotheses cannot be answered.

    `task_of` returns the task of an experiment, and `data_of` the facts about its data. `metric` is the metric that a
    sweep is to show, if one was asked for. If other mistakes are known, the file or the cells lack the faulty parts.
    What depends on a missing part is not checked.
    """
    has_all = is_whole(file, cells)
    known = cells if file.has_whole_grid else []
    each_epoch = measured_in(known, task_of)
    computed = _shared(known, lambda one: computed_by(task_of(one), data_of(one), one))
    measured = [*dict.fromkeys([*each_epoch, *computed])]
    told = [(task_of(one), data_of(one), one) for one in (each.experiment for each in experiments(known))]
    predictions = predictions_of(told)
    faults = list(faulty_metric(file, measured, metric, predictions))
    if metric is not None and not file.study.claims():
        faults += [
            f"{spelt('metric')} is {metric!r}; {why}" for why in _without_classes(metric, experiments(cells), data_of)
        ]
    faults += [f"{file.where('tune', 'metric')}: tune.metric {text}" for text in _faulty_tuning(file, cells, measured)]
    if file.study.tune is not None:
        why_not = _without_classes(file.study.tune.metric, experiments(cells), data_of)
        faults += [f"{file.where('tune', 'metric')}: tune.metric is {file.study.tune.metric}; {why}" for why in why_not]
    for number, claim in enumerate(file.study.claims()):
        first = file.claim_keys(number)
        named = list(_faulty_names(file, claim))
        if has_all and not named:
            named = [
                *_nowhere(cells, claim),
                *_other_budget(cells, claim),
                *_ratio_over_splits(cells, claim),
                *_of_one_class(cells, claim, data_of),
            ]
        of_metric = _faulty_metric(claim, measured, each_epoch, chosen_in(file, cells), predictions)
        for keys, text in (*named, *of_metric):
            place = first if keys == ("smallest",) else (*first, *keys)  # its unit follows from the other keys
            if not file.is_faulty(*place):
                faults.append(f"{file.where(*first, *keys)}: {file.key_text(*first, *keys)} {text}")
    if faults:
        raise ConfigError(faults)


def measured_in(cells: Sequence[Cell], task_of: TaskOf) -> list[str]:
    """List the metrics that all experiments measure at each epoch."""
    return _shared(cells, lambda one: one.measured(task_of(one)))


def _shared(cells: Sequence[Cell], metrics_of: Callable[[Experiment], list[str]]) -> list[str]:
    """List the metrics that all experiments have in common."""
    found = {tuple(metrics_of(one.experiment)): None for one in experiments(cells)} or {(): None}
    first, *others = found
    return [name for name in first if all(name in several for several in others)]


def chosen_in(file: StudyFile, cells: Sequence[Cell]) -> dict[str, str]:
    """Map each metric by which something is chosen to the key that uses it: `tune` or `training.early_stopping`."""
    stopping = chosen_by(one.experiment for one in experiments(cells))
    return {**stopping, **({file.study.tune.metric: "tune"} if file.study.tune is not None else {})}


def _faulty_tuning(file: StudyFile, cells: Sequence[Cell], measured: Sequence[str]) -> Iterator[str]:
    if file.study.tune is None:
        return
    metric = file.study.tune.metric
    good = [name for name in measured or all_of("val") if name.startswith("val_")]
    if metric not in good:
        yield f"is {metric!r}; expected a metric of the validation part. {nearest(metric, good)}"
    elif any(one.experiment.dataset.resample is True for one in experiments(cells)):
        seen = "by which it chooses for all seeds, while dataset.resample is true"
        why = "its validation rows would be test rows of other seeds"
        yield f"is {metric}, {seen}; {why}. Use dataset.resample: validation, which keeps one test part."


def _faulty_names(file: StudyFile, claim: Hypothesis) -> Faults:
    arms = list(file.study.arms)
    for side, arm in (("treated", claim.treated), ("baseline", claim.baseline)):
        if arms and arm not in arms:
            yield (side,), f"is {arm!r}; expected one of the arms. {nearest(arm, arms)}"
    if claim.treated == claim.baseline:
        yield ("baseline",), f"is {claim.baseline!r}, and so is treated; a contrast needs two arms. Name another."
    for side, at in (("at", claim.at), ("minus", claim.minus or {})):
        yield from (((side, *keys), text) for keys, text in _faulty_levels(file, at))
    known = list(file.study.vary)
    if claim.over is not None and claim.over.factor not in known:
        if not file.is_faulty("vary"):
            yield ("over", "factor"), f"is {claim.over.factor!r}; {not_varied(claim.over.factor, known)}"
    elif claim.over is not None:
        yield from _faulty_reduction(file, claim)


def _faulty_levels(file: StudyFile, at: Mapping[str, Any]) -> Faults:
    known = factor_names(file.study)
    for name, wanted in at.items():
        if name not in known:
            if not file.is_faulty("vary"):
                yield (name,), f"names a factor; {not_varied(name, known)}"
            continue
        levels = _levels(file, name)
        every = [wanted] if wanted in levels or not isinstance(wanted, list) else wanted
        for level in every:
            if level not in levels:
                seen = ", ".join(map(merging.shown, levels))
                yield (name,), f"is {merging.shown(level)}; expected one of its levels: {seen}. Use one of them."


def _nowhere(cells: Sequence[Cell], claim: Hypothesis) -> Faults:
    for side, at in (("at", claim.at), ("minus", claim.minus or {})):
        if not any(matches(cell, at) for cell in cells):
            yield (side,), "names levels that no cell has together; expected levels of one cell or more. Name fewer."


def _other_budget(cells: Sequence[Cell], claim: Hypothesis) -> Faults:
    """Yield an error if the claim counts epochs and the arms of a cell have different budgets of epochs."""
    if claim.metric.epochs_to is None:
        return
    for cell in cells_read(cells, claim):
        arms = [cell.candidates[arm] for arm in (claim.treated, claim.baseline)]
        budgets = sorted({one.experiment.training.epochs for found in arms for one in found})
        if len(budgets) > 1:
            seen = f"training.epochs is {' and '.join(map(str, budgets))} in arms that it compares"
            yield ("metric",), f"counts epochs, and {seen}; expected the same. Vary it by `vary`, not by the arm."
            return


def _ratio_over_splits(cells: Sequence[Cell], claim: Hypothesis) -> Faults:
    """Yield an error for a ratio if each seed holds out its own rows: its interval then covers the truth too rarely."""
    metric, asked = claim.metric.metric, [cell for cell in cells if matches(cell, claim.at)]
    resamples = {one.experiment.dataset.resample for one in experiments(asked)}
    if claim.metric.ratio and resamples and all(holds_out_own_rows(metric, one) for one in resamples):
        why = "each seed holds out rows of its own, so the interval of a ratio covers the truth too rarely"
        yield ("metric",), f"has ratio: true; {why}. Leave ratio out, and give smallest in the unit of {metric}."


def _of_one_class(cells: Sequence[Cell], claim: Hypothesis, data_of: DataOf) -> Faults:
    """Yield an error for a metric that compares classes if a cell that is read has only one class."""
    arms = (claim.treated, claim.baseline)
    read = [one for cell in cells_read(cells, claim) for arm in arms for one in cell.candidates[arm]]
    for why in _without_classes(claim.metric.metric, read, data_of):
        yield ("metric",), f"is {claim.metric.metric}; {why}"


def _without_classes(metric: str, several: Iterable[Candidate], data_of: DataOf) -> Iterable[str]:
    """Return the reasons why a metric that compares classes has no value in an experiment, each once, with the cure."""
    found = (of_one_class(metric, data_of(one.experiment)) for one in several)
    return dict.fromkeys(why for why in found if why is not None)


def _levels(file: StudyFile, name: str) -> list[Any]:
    """List the levels of a factor, or of one key of a factor that has several keys."""
    vary = file.study.vary
    factor = next(factor for factor in vary if name in (factor, *keys_of(factor)))
    return [Cell(0, {factor: level}, {}).level(name) for level in vary[factor]]


def _faulty_reduction(file: StudyFile, claim: Hypothesis) -> Faults:
    assert claim.over is not None
    factor, width = claim.over.factor, claim.over.take == "width"
    fixed = {key for name in (*claim.at, *(claim.minus or {})) for key in keys_of(name)}
    if fixed & set(keys_of(factor)):
        yield ("over", "factor"), f"is {factor}, which `at` or `minus` fixes; expected another. Name it in one of them."
    levels = file.study.vary[factor]
    if width and not all(isinstance(level, int | float) and level > 0 for level in levels):
        yield ("over", "take"), f"is width; {factor} has levels that are no numbers above 0. Use mean."
    if width and (claim.metric.in_logs or claim.metric.failures_below is not None):
        yield ("over", "take"), "is width; it reads final values. Use mean, or a plain metric."


def _faulty_metric(
    claim: Hypothesis,
    measured: Sequence[str],
    each_epoch: Sequence[str],
    chosen: Mapping[str, str],
    predictions: Predictions,
) -> Faults:
    endpoint = claim.metric
    metric, timed = endpoint.metric, endpoint.epochs_to is not None
    if not measured:
        if metric not in (good := all_of(metric.partition("_")[0])):
            yield ("metric",), f"is {metric!r}; {not_measured(metric, good)}"
    elif without := unmeasured_part(metric, measured) or not_computed(metric, measured, predictions):
        yield ("metric",), f"is {metric}; {without}"
    elif metric not in measured:
        yield ("metric",), f"is {metric!r}; {not_measured(metric, measured, where=' in every cell')}"
    if endpoint.in_logs and endpoint.failures_below is not None:
        yield ("metric",), "has failures_below beside epochs_to or ratio; expected one of them. Leave one out."
    if timed and metric in measured and metric not in each_epoch:
        name = quantity(metric)
        yield (
            ("metric",),
            f"counts epochs to {metric}; {name} is not computed at each epoch in every cell. "
            f"Set training.metrics: [{name}].",
        )
    if endpoint.ratio and metric in measured and higher_is_better(metric):
        yield (
            ("metric",),
            f"is a ratio of {metric}, and more of it is better; expected a loss or an error. Leave ratio out.",
        )
    if endpoint.failures_below is not None and not higher_is_better(metric):
        yield (
            ("metric",),
            f"counts failures below a value of {metric}, and less of it is better. Use an accuracy or r2.",
        )
    yield from _impossible(claim)
    if claim.is_ratio and claim.smallest <= 1:
        yield ("smallest",), f"is {claim.smallest:g}; expected a ratio above 1. Use 1.2, for example."
    if claim.wins and claim.smallest >= 0.5:
        yield ("smallest",), f"is {claim.smallest:g}; of wins it is a share minus one half. Use 0.25, for example."
    for text in judged_by_what_chose(metric, chosen, has_test=has_test_part(measured), timed=timed):
        yield ("metric",), text


def _impossible(claim: Hypothesis) -> Faults:
    """Yield an error for each value that the metric cannot have, such as an accuracy in percent."""
    metric = claim.metric.metric
    for key in ("epochs_to", "failures_below"):
        value = getattr(claim.metric, key)
        if value is not None and (expected := impossible_value(metric, value)):
            yield ("metric",), f"has {key}: {value:g}; {expected}"
    over = claim.over if claim.over is not None and claim.over.take == "width" else None
    if over is not None and (expected := impossible_margin(metric, over.within)):
        yield ("over", "within"), f"is {over.within:g}; {expected}"
    unit = "accuracy" if claim.metric.failures_below is not None else metric
    own_unit = claim.is_ratio or claim.wins or over is not None
    if not own_unit and (expected := impossible_margin(unit, claim.smallest)):
        yield ("smallest",), f"is {claim.smallest:g}; {expected}"
