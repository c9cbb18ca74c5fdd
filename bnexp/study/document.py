"""Results of a study -> what is stored: study.json with every cell's means and the verdicts, and a tidy table.

Axis: S seeds.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.comparison.metric_rules import penalty_in_loss, tiny_margin
from bnexp.config.study import Endpoint, Hypothesis, Study, StudyFile, Tune, keys_of
from bnexp.statistics import LEVEL
from bnexp.statistics.arrays import Floats
from bnexp.store.asked_document import UNKNOWN, AskedHypothesis
from bnexp.store.study_document import (
    CellRecord,
    Factor,
    Group,
    HypothesisRecord,
    MeanOverSeeds,
    StudyDocument,
    TrialRecord,
    Tuning,
)
from bnexp.study import sweep
from bnexp.study.contrast import Contrast, FactsOf, Results, cell_difference, contrast_of, group_differences
from bnexp.study.grid import Cell, cells_read, level_text, matches, tied_value, tuning_seeds
from bnexp.study.new_rows import ReadRows, no_rows
from bnexp.study.refusals import chosen_in
from bnexp.study.result import Result, target_name
from bnexp.study.verdict import judged, overall


def document(
    file: StudyFile,
    cells: Sequence[Cell],
    digest: str,
    results: Results,
    asked: Sequence[AskedHypothesis] = (),
    rows: ReadRows = no_rows,
    *,
    facts_of: FactsOf | None = None,
    metric: str | None = None,
) -> StudyDocument:
    """Return the content of study.json. It has no time and no place, so that the same numbers give the same bytes.

    `asked` says for each hypothesis what was known before it was asked. If it is empty, nothing was known.
    `rows` reads the values of each held-out row of a trial. `facts_of` returns the facts about an experiment's data.
    `metric` is the metric that a sweep shows.
    """
    study, arms = file.study, list(file.study.arms)
    claims = study.claims()
    shown = endpoints(claims, metric)
    contrasts = [contrast_of(claim, cells, results, rows, facts_of) for claim in claims]
    hypotheses = _hypotheses(claims, contrasts, cells, results, asked)
    return StudyDocument(
        name=study.name,
        digest=digest,
        level=LEVEL,
        seeds=study.seeds,
        trainings=study.trainings(),
        tune=None if study.tune is None else _tuning(study.tune, tuning_seeds(study)),
        arms=arms,
        factors=[Factor(name=name, levels=levels) for name, levels in study.vary.items()],
        endpoints=shown,
        versions=_versions(results),
        cells=[_cell(cell, arms, shown, _cell_differences(cell, study, shown, results), results) for cell in cells],
        hypotheses=hypotheses,
        verdict=overall([one.verdict.word for one in hypotheses]) if claims else None,
        cautions=[] if metric is None else list(sweep.cautions(metric, chosen_in(file, cells), cells, results)),
        data_warnings=_data_warnings(cells, arms, results),
    )


def _hypotheses(
    claims: Sequence[Hypothesis],
    contrasts: Sequence[Contrast],
    cells: Sequence[Cell],
    results: Results,
    asked: Sequence[AskedHypothesis],
) -> list[HypothesisRecord]:
    before = asked or [AskedHypothesis(digest="", claim=one.claim, after_results=False) for one in claims]
    answers = judged(claims, contrasts, [known.earlier_seeds for known in before])
    return [
        one.model_copy(
            update={
                "groups": _groups(claim, cells, results),
                "cautions": [*_cautions(claim, cells, results), *_tiny_smallest(claim, contrast)],
                "asked_after_results": known.after_results,
                "earlier_seeds": known.earlier_seeds,
                "first_answer": None if known.first_answer in (one.verdict.word, UNKNOWN) else known.first_answer,
            }
        )
        for claim, contrast, one, known in zip(claims, contrasts, answers, before, strict=True)
    ]


def _tuning(tune: Tune, seeds: Sequence[int]) -> Tuning:
    return Tuning(key=tune.key, values=tune.values, seeds=list(seeds), metric=tune.metric)


def _data_warnings(cells: Sequence[Cell], arms: Sequence[str], results: Results) -> list[str]:
    """List the warnings about the data of all trials, each once."""
    read = [results[cell.number, arm] for cell in cells for arm in arms]
    return list(dict.fromkeys(text for one in read for text in one.data_warnings))


def _versions(results: Results) -> dict[str, list[str]]:
    """Map each package to the versions that made the results, and "GPU" to the kinds of GPU, if there are any.

    Several versions mean that the results were made at different times.
    """
    found: dict[str, set[str]] = {}
    for result in results.values():
        for package, version in {"GPU": "none", **result.versions}.items():
            found.setdefault(package, set()).add(version)
    if found.get("GPU") == {"none"}:
        del found["GPU"]
    return {package: sorted(found[package]) for package in sorted(found)}


def endpoints(claims: Sequence[Hypothesis], metric: str | None = None) -> list[Endpoint]:
    """List the different endpoints of the claims. A sweep has none, and shows a metric instead."""
    found = [] if metric is None else [Endpoint(metric=metric)]
    for claim in claims:
        found += [claim.metric] if claim.metric not in found else []
    return found


def _cell(
    cell: Cell, arms: Sequence[str], shown: Sequence[Endpoint], differences: Sequence[Floats], results: Results
) -> CellRecord:
    return CellRecord(
        cell=cell.number,
        levels=dict(cell.levels),
        arms={arm: _trial(results[cell.number, arm], shown) for arm in arms},
        differences=[_mean(difference_S) for difference_S in differences],
    )


def _cell_differences(cell: Cell, study: Study, shown: Sequence[Endpoint], results: Results) -> list[Floats]:
    """Return the difference of each hypothesis in a cell, (S,); in a sweep, each arm minus the last one."""
    if claims := study.claims():
        return [cell_difference(claim, cell, results) for claim in claims]
    return sweep.differences(cell, list(study.arms), shown[0], results)


def _mean(values_S: Floats) -> MeanOverSeeds:
    return MeanOverSeeds(**statistics.of_finite(values_S))


def _groups(claim: Hypothesis, cells: Sequence[Cell], results: Results) -> list[Group]:
    """Return the difference of each group of cells that `over` reduces, with the levels of the other factors."""
    if claim.over is None:
        return []
    return [
        Group(
            levels={name: level for name, level in cell.levels.items() if name != claim.over.factor},
            subtracted=not matches(cell, claim.at),
            difference=_mean(difference_S),
        )
        for cell, difference_S in group_differences(claim, cells, results)
    ]


def _cautions(claim: Hypothesis, cells: Sequence[Cell], results: Results) -> Iterator[str]:
    """Yield the cautions about what else may look like a claim's effect in the experiments that it reads."""
    read = cells_read(cells, claim)
    arms = {
        arm: any(sweep.adds_penalty(results, cell, arm) for cell in read) for arm in (claim.treated, claim.baseline)
    }
    measured = results[read[0].number, claim.treated].final
    yield from penalty_in_loss(claim.metric.metric, measured, arms)


def _tiny_smallest(claim: Hypothesis, contrast: Contrast) -> Iterator[str]:
    mean = contrast.baseline_mean
    yield from tiny_margin(claim.metric.metric, claim.smallest, claim.baseline, mean, key="smallest: ")


def _trial(result: Result, shown: Sequence[Endpoint]) -> TrialRecord:
    return TrialRecord(
        tuned=None if result.tuned is None else result.tuned.value,
        tuning_means=None if result.tuned is None else result.tuned.means,
        diverged=len(result.diverged),
        warnings=result.warnings,
        endpoints=[_endpoint(result, endpoint) for endpoint in shown],
    )


def _endpoint(result: Result, endpoint: Endpoint) -> MeanOverSeeds:
    """Return the mean over seeds with its interval; for epochs, the mean within the budget, and how many arrived."""
    values_S = result.values(endpoint)
    if endpoint.epochs_to is None:
        return _mean(np.exp(values_S) if endpoint.ratio else values_S)
    reached = int((~result.censored(endpoint)).sum())
    return _mean(np.exp(values_S)).model_copy(update={"reached": reached})


# --- the tidy table -------------------------------------------------------------------


def table(file: StudyFile, cells: Sequence[Cell], results: Results) -> str:
    """Return results.csv: a row for each cell, arm and seed, with a column for each varied and each tied key.

    Missing values are empty.
    """
    kept = [results[cell.number, arm] for cell in cells for arm in file.study.arms]
    metrics = list(dict.fromkeys(name for result in kept for name in result.final))
    targets = [one for one in endpoints(file.study.claims()) if one.epochs_to is not None]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    tied = [f"{key} (tied)" for key in file.study.tie]
    tuned = [file.study.tune.key + " (tuned)"] if file.study.tune is not None else []
    epochs = [f"epochs to {target_name(one)}" for one in targets]
    keys = [key for factor in file.study.vary for key in keys_of(factor)]
    writer.writerow(["cell", *keys, "arm", *tied, *tuned, "seed", *metrics, *epochs, "diverged_at"])
    for cell in cells:
        for arm in file.study.arms:
            settings = [*(level_text(cell.level(key)) for key in keys), arm]
            settings += [level_text(tied_value(cell.candidates[arm][0].experiment, key)) for key in file.study.tie]
            rows = _rows(results[cell.number, arm], settings, metrics, targets)
            writer.writerows([cell.number, *row] for row in rows)
    return text.getvalue()


def _rows(
    result: Result, settings: Sequence[str], metrics: Sequence[str], targets: Sequence[Endpoint]
) -> Iterator[list[Any]]:
    tuned = [] if result.tuned is None else [level_text(result.tuned.value)]
    reached = [result.epochs(endpoint) for endpoint in targets]
    for row, seed in enumerate(result.seeds):
        values = [result.final[name][row] if name in result.final else None for name in metrics]
        epochs = [each[row] for each in reached]
        ended = result.diverged.get(str(seed))
        yield [*settings, *tuned, seed, *values, *epochs, ended]
