"""The output of a study: a table with a row for each trial, then each hypothesis with its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.config.study import Endpoint
from bnexp.errors import counted
from bnexp.metrics import number, p_text, quantity, with_unit
from bnexp.report.console import with_spread
from bnexp.report.study_cells import cells_of, simple_differences, uncertainty
from bnexp.report.styles import STRONG, warning
from bnexp.store.comparison_document import MetricDifference
from bnexp.store.study_document import (
    CellRecord,
    HypothesisRecord,
    MeanOverSeeds,
    StudyDocument,
    TrialRecord,
    Tuning,
)
from bnexp.study.asked_words import AFTER_RESULTS, first_answer_in_words, looked_before, shares_with_later
from bnexp.study.grid import level_text
from bnexp.study.sweep import NO_VERDICT
from bnexp.study.warned import Warned, places, told_once
from bnexp.study.words import about, both_intervals, bounds, endpoint_name
from bnexp.system.terminal import plain

if TYPE_CHECKING:
    from bnexp.study.claims import ClaimRow


def study(document: StudyDocument) -> RenderableType:
    """Return the whole answer: the table of trials, tuning, warnings, hypotheses with verdicts, and terms."""
    head = f"{plain(document.name)}: {counted(len(document.cells), 'cell')}, {counted(document.seeds, 'seed')}"
    parts: list[RenderableType] = [Text(head, style=STRONG), _cells(document)]
    parts.append(
        Text(f"mean ± half the width of its {document.level:.0%} t interval over seeds{_in_brackets(document)}")
    )
    if document.tune is not None:
        parts += _tuning(document, document.tune)
    parts += map(warning, [*document.data_warnings, *_mixed(document.versions), *_warnings(document)])
    if document.is_sweep:
        parts += _sweep_notes(document)
    shared = shares_with_later([claim.asked_after_results for claim in document.hypotheses])
    for place, claim in enumerate(document.hypotheses):
        parts += [Text(""), *_hypothesis(claim, document.seeds, shared, simple_differences(document, place))]
    parts += [Text(line) for line in _terms(document)]
    if len(document.hypotheses) > 1:
        parts.append(Text(f"STUDY    {document.verdict}", style=STRONG))
    return Group(*parts)


def claims(rows: Sequence[ClaimRow]) -> RenderableType:
    """Return a table with a row for each claim: verdict, effect, seeds and seconds. Notes and warnings follow."""
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    for column in ("study", "claim", "verdict"):
        table.add_column(column, overflow="fold")
    for column in ("effect", "seeds", "s"):
        table.add_column(column, justify="right")
    for before, row in zip([None, *rows], rows, strict=False):
        whom = f"; for {row.speaks_of}" if row.speaks_of else ""
        said = Text.assemble(plain(row.claim), (f"\n{plain(row.about)}{whom}", "dim"))
        words = [Text(plain(row.study)), said, Text(plain(row.verdict), style=STRONG)]
        seconds = "" if before is not None and before.study == row.study else f"{row.seconds:.0f}"
        table.add_row(*words, plain(row.effect or "-"), str(row.seeds), seconds)
    late = [warning(f'{row.study}, "{row.claim}": {caution}') for row in rows for caution in row.cautions]
    failures = [warning(f"{row.study}: {row.sentence}") for row in rows if row.verdict == "failed"]
    notes = (
        "effect: mean over paired seeds [95% interval, for new rows where they decide]. It is wider if a study has "
        "several claims.",
        "For epochs and losses it is how many times smaller they are. s: seconds of training, summed over cores.",
    )
    return Group(table, *map(Text, notes), *late, *failures)


def _level(level: Any) -> str:
    return plain(level_text(level))


def _trials(document: StudyDocument) -> Iterator[tuple[CellRecord, str, TrialRecord]]:
    """Yield (cell, arm, trial) for each cell and each of its arms."""
    for cell in document.cells:
        for arm, trial in cell.arms.items():
            yield cell, arm, trial


def _levels(cell: CellRecord) -> list[Text]:
    return [Text(_level(level)) for level in cell.levels.values()]


def _cells(document: StudyDocument) -> Table:
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    for factor in document.factors:
        table.add_column(Text(plain(factor.name)), overflow="fold")
    table.add_column("arm")
    tuned = [] if document.tune is None else [document.tune.key]
    measured = [endpoint_name(endpoint) for endpoint in document.endpoints]
    minus = [f"minus {document.arms[-1]}"] if document.is_sweep and len(document.arms) > 1 else []
    for column in (*tuned, *measured, *minus, "diverged"):
        table.add_column(Text(plain(column)), justify="right", overflow="fold")
    for cell, arm, trial in _trials(document):
        chosen = [level_text(trial.tuned)] if tuned else []
        values = map(_value, document.endpoints, trial.endpoints)
        lost = f"{trial.diverged} of {document.seeds}"
        differences = [_difference(document, cell, arm)] if minus else []
        table.add_row(*_levels(cell), Text(plain(arm)), *chosen, *values, *differences, lost)
    return table


def _difference(document: StudyDocument, cell: CellRecord, arm: str) -> str:
    """Return an arm's difference from the last arm in a sweep, with the number of pairs if some have no value."""
    *others, last = document.arms
    if arm == last or arm not in others:
        return ""
    found, metric = cell.differences[others.index(arm)], document.endpoints[0].metric
    if found.mean is None or found.high is None:
        return number(metric, found.mean, signed=True)
    half = found.high - found.mean
    said = f"{number(metric, found.mean, spread=half, signed=True)} ± {number(metric, half, spread=half)}"
    return said if found.seeds == document.seeds else f"{said} ({counted(found.seeds, 'pair')})"


def _sweep_notes(document: StudyDocument) -> Iterator[RenderableType]:
    """Yield notes on how to read the table of a study without a hypothesis, and why it has no verdict."""
    if document.seeds > 1:
        yield from _interval_notes(document)
    else:
        yield Text("One seed has no interval: the spread over seeds is unknown. Use more seeds.")
    yield from map(warning, document.cautions)
    yield Text.assemble("\n", (NO_VERDICT, STRONG))


def _interval_notes(document: StudyDocument) -> Iterator[Text]:
    if len(document.arms) > 1:
        half = f"half the width of its {document.level:.0%} t interval"
        yield Text(f"minus {plain(document.arms[-1])}: mean over pairs of seeds ± {half}")
    missed = f"{1 - document.level:.0%} of them miss the true value"
    yield Text(
        f"Each interval counts on its own: about {missed}. They are for other seeds. An interval for new rows is "
        "usually wider."
    )


def _in_brackets(document: StudyDocument) -> str:
    """Return a note on the numbers in brackets: seeds that reach the target (epochs), seeds that fail (failures)."""
    said = ""
    if any(endpoint.epochs_to is not None for endpoint in document.endpoints):
        said += "; for epochs, in brackets: seeds that reach the target; the others count with all their epochs"
    if any(endpoint.failures_below is not None for endpoint in document.endpoints):
        said += "; for failures, in brackets: seeds that fail"
    return said


def _tuning(document: StudyDocument, tune: Tuning) -> Iterator[RenderableType]:
    """Yield a table of each arm's mean score at each tried value, so that arms can be compared at one value, too."""
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    for column in (*(factor.name for factor in document.factors), "arm"):
        table.add_column(Text(plain(column)), overflow="fold")
    for value in tune.values:
        table.add_column(Text(_level(value)), justify="right")
    for cell, arm, trial in _trials(document):
        means = [number(tune.metric, mean) for mean in trial.tuning_means or []]
        table.add_row(*_levels(cell), Text(plain(arm)), *means)
    seeds = f"{counted(len(tune.seeds), 'seed')} of their own"
    yield Text(f"\ntuning {plain(tune.key)}: mean {plain(with_unit(tune.metric))} over {seeds}; the best is used")
    yield table
    yield from map(warning, _doubts(document, tune))


def _doubts(document: StudyDocument, tune: Tuning) -> Iterator[str]:
    """Yield warnings about cells in which no tried value has a score, or the best value is the lowest or highest."""
    numbers = [one for one in tune.values if isinstance(one, int | float) and not isinstance(one, bool)]
    ends = (min(numbers), max(numbers)) if len(numbers) == len(tune.values) else ()
    unscored: Counter[str] = Counter()
    at_end: Counter[str] = Counter()
    for _, arm, trial in _trials(document):
        if all(mean is None for mean in trial.tuning_means or []):
            unscored[arm] += 1
        elif trial.tuned in ends:
            at_end[f"{arm} {level_text(trial.tuned)}"] += 1
    if unscored:
        yield f"Every value tried has a diverged seed, and the first was used: {places(unscored)}. Try other values."
    if at_end:
        yield f"The best value is at the edge of the grid: {places(at_end)}. A wider grid may change the answer."


def _value(endpoint: Endpoint, interval: MeanOverSeeds) -> str:
    mean, high = interval.mean, interval.high
    half = None if high is None or mean is None else high - mean
    if endpoint.epochs_to is not None:
        return f"{with_spread('', mean, half)} ({interval.reached} of {interval.seeds})"
    if endpoint.failures_below is not None:
        if mean is None:
            return "-"
        return f"{number('accuracy', mean)} ({round(mean * interval.seeds)} of {interval.seeds})"
    return with_spread(endpoint.metric, mean, half)


def _warnings(document: StudyDocument) -> Iterator[str]:
    """Yield each kind of warning of the trials once."""
    trials = _trials(document)
    return told_once(Warned(cell.levels, arm, trial.warnings) for cell, arm, trial in trials)


def _mixed(versions: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield a warning if trials were trained with several versions of a package, or on several GPUs."""
    several = [f"{package} {' and '.join(found)}" for package, found in versions.items() if len(found) > 1]
    if several:
        mixed = ", ".join(several)
        yield f"Cells were trained with different software or GPUs: {mixed}. Pairs may differ for this alone."


def _terms(document: StudyDocument) -> Iterator[str]:
    """Yield an explanation of each term that is used beside the intervals, once."""
    if any(claim.bootstrap is not None for claim in document.hypotheses):
        yield "BCa: a bootstrap interval over seeds, as a check of the t interval."
    found = (claim.direction for claim in document.hypotheses if claim.probability_of_improvement is not None)
    if directions := dict.fromkeys(found):
        words = " or ".join(directions)
        yield f"probability of {words}: the share of pairs in which the treated arm is {words}; a tie counts half."


def _hypothesis(
    claim: HypothesisRecord, seeds: int, shared: str | None, simple: str | None
) -> Iterator[RenderableType]:
    """Yield the lines of a hypothesis, its verdict last.

    `shared` is the warning if it shares the error with hypotheses that were asked after results. `simple` has the two
    differences of an interaction.
    """
    yield Text(plain(claim.claim), style=STRONG)
    if claim.difference is not None:
        said = "; ".join(_evidence(claim, claim.difference))
        yield Text(plain(f"{about(claim)}: {both_intervals(claim)} ({said})"))
        yield from map(Text, uncertainty(claim, claim.difference, seeds))
    if simple is not None:
        yield Text(plain(simple))
    yield from cells_of(claim)
    if claim.warned:
        yield warning("some trainings behind this result have warnings, see above")
    yield from map(warning, claim.cautions)
    if claim.asked_after_results:
        yield warning(AFTER_RESULTS)
    elif shared is not None:
        yield warning(shared)
    if claim.first_answer is not None:
        yield warning(first_answer_in_words(claim.first_answer))
    if claim.earlier_seeds:
        yield warning(looked_before(claim.earlier_seeds, seeds))
    yield Text.assemble((f"VERDICT  {claim.verdict.word}", STRONG), f"  {plain(claim.verdict.sentence)}")


def _evidence(claim: HypothesisRecord, found: MetricDifference) -> Iterator[str]:
    """Yield what is printed beside the interval: BCa interval, p-value, pairs won, probability of improvement."""
    if found.new_rows is None:
        yield f"{100 * claim.level:.4g}% t interval: {claim.speaks_of}"
    else:
        yield f"{100 * claim.level:.4g}% intervals, the second one for {claim.speaks_of}"
    if claim.bootstrap is not None:
        yield f"BCa {bounds(claim, claim.bootstrap)}"
    if found.p_value is not None:
        yield f"sign-flip p {p_text(found.p_value)}"
    if claim.wins:
        won, lost = f"{claim.treated} wins {counted(found.positive, 'pair')}", f"{claim.baseline} {found.negative}"
        yield f"{won}, {lost}, and {found.ties} tie, half for each"
    if (chance := claim.probability_of_improvement) is not None:
        mean, low, high = (number("", value) for value in (chance.mean, chance.low, chance.high))
        yield f"probability of {claim.direction} {mean} [{low}, {high}]"
    if claim.diverged and (as_what := _counted_as(claim.metric)):
        yield f"{counted(claim.diverged, 'diverged training')} counted as {as_what}"
    for arm, count in claim.never_reached.items():
        if count:
            yield f"{arm}: {count} never reached the target, counted with all epochs"


def _counted_as(endpoint: Endpoint) -> str | None:
    """Return what a diverged seed counts as; None if it has no value, or if the epochs before it diverged decide."""
    if endpoint.epochs_to is not None:
        return None
    if endpoint.failures_below is not None:
        return "failures"
    return "guessing" if quantity(endpoint.metric) == "accuracy" else None
