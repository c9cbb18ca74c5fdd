"""What a person reads in the terminal: a run's table, a comparison and its verdict.

Names are untrusted text: they are stripped of control characters and never
read as markup. Live progress is in `progress.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.config import parts_that_differ
from bnexp.history import History
from bnexp.metrics import number, with_unit
from bnexp.report.about_data import data_lines
from bnexp.report.styles import FAILURE, STRONG, counted, warning
from bnexp.statistics.arrays import Floats
from bnexp.store import ComparisonDocument, RunRecord
from bnexp.store.comparison_document import (
    ArmFacts,
    Contrast,
    Interval,
    Reach,
    ReachDifference,
    SpeedUp,
)
from bnexp.system.terminal import plain

# --- runs ---------------------------------------------------------------------


def run_summary(record: RunRecord, history: History) -> RenderableType:
    """Return a run's short table: each metric at the last and the best epoch, mean ± standard deviation over seeds."""
    table = _table("", "final", "best")
    for metric in history.metrics:
        values = [history.final(metric)]
        if not metric.startswith("test_"):  # which chooses nothing, not even an epoch
            values.append(history.best(metric))
        judged = [history.as_judged(metric, values_S, record.dataset.guessing) for values_S in values]
        table.add_row(_metric(metric), *(_mean_deviation(metric, values_S) for values_S in judged))
    lengths = f"{counted(len(history.seeds), 'seed')}, {counted(max(history.epochs_S), 'epoch')}"
    took = "" if record.duration_seconds is None else f", {record.duration_seconds:.1f} s"
    head = f"{plain(record.name)}: {lengths}{took}"
    parts: list[RenderableType] = [
        Text(head, style=STRONG),
        *data_lines(record.dataset),
        table,
        Text("mean ± standard deviation over seeds"),
    ]
    if record.trainer is not None and record.trainer.reason:
        parts.append(Text(f"trained seed by seed with keras_fit: {plain(record.trainer.reason)}"))
    return Group(
        *parts,
        *map(warning, [*record.warnings, *record.not_kept]),
        *_diverged({record.name: history.diverged_at}, record.dataset.task),
    )


def data_list(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the list of known data sets, and the command that brings those that are not here."""
    table = Table("data set", "kind", "rows", "classes", "here", "what", "licence", box=None, pad_edge=False)
    for row in rows:
        classes = "-" if row["classes"] is None else str(row["classes"])
        here = "yes" if row["here"] else "no"
        table.add_row(row["name"], row["kind"], f"{row['rows']:,}", classes, here, row["what"], row["licence"])
    missing = [row["name"] for row in rows if not row["here"]]
    if not missing:
        return table
    return Group(table, Text(f"`bnexp data fetch NAME` brings what is not here: {', '.join(missing)}"))


def _mean_deviation(metric: str, values_S: Floats) -> str:
    finite = values_S[np.isfinite(values_S)]
    if not len(finite):
        return "-"
    return with_spread(metric, float(finite.mean()), float(finite.std(ddof=1)) if len(finite) > 1 else None)


def _metric(metric: str) -> Text:
    """Return a metric's name: text from a file, like any other."""
    return Text(plain(with_unit(metric)))


def with_spread(metric: str, mean: float | None, spread: float | None) -> str:
    """Write a mean and what goes with it.

    >>> with_spread("loss", 0.12345, 0.0234), with_spread("accuracy", 0.9, None)
    ('0.123 ± 0.023', '90.00')
    """
    if spread is None:
        return number(metric, mean)
    return f"{number(metric, mean, spread=spread)} ± {number(metric, spread, spread=spread)}"


def _diverged(by_name: Mapping[str, Mapping[Any, int]], task: str | None) -> Iterator[Text]:
    """Return lines on the seeds of each run that diverged, at which epoch, and what they count for."""
    for name, epochs in by_name.items():
        if epochs:
            listed = ", ".join(f"seed {seed} at epoch {epoch}" for seed, epoch in epochs.items())
            yield Text(f"DIVERGED  {plain(name)}: {listed} (loss no longer finite)", style=FAILURE)
    if any(by_name.values()):
        guessing = "counts as guessing the commonest class in accuracy, and has no other value"
        yield Text(f"a diverged seed {'has no value' if task == 'regression' else guessing}")


def _table(first: str, *others: str) -> Table:
    """Return a table without lines: the first column to the left, the others to the right, wrapped where it must be."""
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    table.add_column(Text(first), overflow="fold")
    for column in others:
        table.add_column(Text(column), justify="right", overflow="fold")
    return table


# --- a comparison ---------------------------------------------------------------


def comparison(document: ComparisonDocument) -> RenderableType:
    """Return each contrast of a comparison: how it is paired, its table, what else differs, the verdict."""
    parts: list[RenderableType] = [*data_lines(document.dataset)]
    for contrast in document.contrasts:
        arm, base = document.arm(contrast.arm), document.arm(contrast.baseline)
        parts += [*_contrast(document, contrast, arm, base), Text("")]
    return Group(*parts[:-1])


def _contrast(
    document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts
) -> Iterator[RenderableType]:
    names = f"{plain(arm.name)} vs {plain(base.name)}"
    yield Text(f"{names}: {len(document.seeds)} seed pairs; {_pairing(contrast.pairing)}", style=STRONG)
    yield _contrast_table(document, contrast, arm, base)
    yield Text(
        f"mean ± half of its {document.level:.0%} t interval, of the final epoch (the best under early stopping); "
        "p: sign-flip test"
    )
    yield from _target(document, arm, base)
    yield from _diverged({side.name: side.diverged for side in (arm, base)}, document.task)
    yield from (warning(f"{side.name}: {text}") for side in (arm, base) for text in side.warnings)
    yield Text(f"varied: {_listed(contrast.varied) or 'nothing; both arms are one experiment'}")
    if len(contrast.varied) > 1:
        yield warning("these vary together; the verdict cannot tell their effects apart")
    if contrast.confounders:
        yield warning(f"the arms also differ in {_listed(contrast.confounders)}")
    else:
        yield Text("also checked, and equal: every other key of the config, trainer, versions, machine")
    yield from map(warning, contrast.cautions)
    verdict = contrast.verdict
    yield Text.assemble((f"VERDICT  {verdict.word}", STRONG), f"  {plain(verdict.sentence)}")


def _target(document: ComparisonDocument, arm: ArmFacts, base: ArmFacts) -> Iterator[Text]:
    """Yield a line on the value that is to be reached, or on why there is none."""
    target = document.target
    if target.value is not None and target.metric is not None:
        goal = f"{with_unit(target.metric)} {number(target.metric, target.value)}"
        line = f"target: {goal}, {plain(target.rule)}; seconds: one seed's share of one measured time"
        reaches = [side.to_target for side in (arm, base) if side.to_target is not None]
        missed = any(reach.reached < reach.seeds for reach in reaches)
        yield Text(line + ("; a seed that never arrives counts with all its epochs" if missed else ""))
    elif target.rule.startswith("none: "):
        yield Text(f"target: {plain(target.rule)}")


def _listed(differing: Mapping[str, Sequence[Any]]) -> str:
    """Return the keys that differ with both values; of two lists of layers only what differs in them."""
    parts = [part for key, pair in differing.items() for part in parts_that_differ(key, *pair)]
    return "; ".join(f"{place} ({plain(one)} / {plain(other)})" for place, one, other in parts)


def _pairing(checks: Mapping[str, bool | None]) -> str:
    """Return a sentence on which digests of the two arms were equal.

    >>> _pairing({"splits": True, "kernels": True, "batch orders": False})
    'checked by digest: splits equal, kernels equal, batch orders NOT equal'
    """
    words = {True: "equal", False: "NOT equal", None: "cannot be compared"}
    return "checked by digest: " + ", ".join(f"{what} {words[equal]}" for what, equal in checks.items())


def _contrast_table(document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Table:
    names = plain(arm.name), plain(base.name)
    table = _table("", *names, f"{names[0]} - {names[1]}", "p")
    for metric, difference in contrast.metrics.items():
        star = " *" if metric == document.primary.metric else ""
        cells = [_estimate(metric, arm.metrics[metric]), _estimate(metric, base.metrics[metric])]
        table.add_row(_metric(metric) + star, *cells, _difference(metric, difference), _p(difference.p_value))
    for row in _other_rows(contrast, arm, base):
        table.add_row(*row)
    return table


def _half(interval: Interval) -> float | None:
    """Return half the width of an interval; None where there is none."""
    return None if interval.high is None or interval.mean is None else interval.high - interval.mean


def _estimate(metric: str, interval: Interval) -> str:
    return with_spread(metric, interval.mean, _half(interval))


def _difference(metric: str, interval: Interval) -> str:
    """Write a difference and its interval.

    >>> _difference("loss", Interval(mean=0.5, low=0.25, high=0.75))
    '+0.50 [+0.25, +0.75]'
    """
    if interval.low is None:
        return number(metric, interval.mean, signed=True)
    values = (interval.mean, interval.low, interval.high)
    mean, low, high = (number(metric, value, spread=_half(interval), signed=True) for value in values)
    return f"{mean} [{low}, {high}]"


def _speed_up(found: SpeedUp) -> str:
    """Write how many times fewer epochs the arm took than the baseline; `>=` where some of the baseline never arrive.

    >>> _speed_up(SpeedUp(ratio=2.125, low=1.5, high=3.0, reading="at least"))
    '>= 2.12 [1.5, 3]'
    >>> _speed_up(SpeedUp(ratio=1.5, low=None, high=None, reading="restricted means"))
    '1.5 (of means within the budget)'
    """
    ratio = f"{found.ratio:.3g}"
    if found.reading == "restricted means":
        return f"{ratio} (of means within the budget)"
    sign = {"ratio": "", "at least": ">= ", "at most": "<= "}[found.reading]
    return f"{sign}{ratio}" if found.low is None else f"{sign}{ratio} [{found.low:.3g}, {found.high:.3g}]"


def _p(value: float | None) -> str:
    """Write a p-value.

    >>> _p(0.0312), _p(0.00002), _p(None)
    ('0.031', '<0.001', '-')
    """
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.2g}"


def _other_rows(contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Iterator[tuple[str, ...]]:
    if contrast.to_target is not None and arm.to_target is not None and base.to_target is not None:
        yield from _reach_rows(contrast.to_target, arm.to_target, base.to_target)
    parameters = [side.parameters.trainable for side in (arm, base)]
    yield "trainable parameters", *map(str, parameters), f"{parameters[0] - parameters[1]:+d}", ""
    diverged = [len(side.diverged) for side in (arm, base)]
    cells = [f"{count} of {side.seeds}" for count, side in zip(diverged, (arm, base), strict=True)]
    yield "diverged seeds", *cells, f"{diverged[0] - diverged[1]:+d}", _p(contrast.diverged_p_value)


def _reach_rows(difference: ReachDifference, arm: Reach, base: Reach) -> Iterator[tuple[str, ...]]:
    reached = [f"{side.reached} of {side.seeds}" for side in (arm, base)]
    yield "seeds at target", *reached, f"{arm.reached - base.reached:+d}", ""
    epochs = [f"{side.mean_epochs:.1f}" for side in (arm, base)]
    yield "epochs to target", *epochs, _difference("", difference.epochs), _p(difference.epochs.p_value)
    yield "times fewer epochs", "", "", _speed_up(difference.speed_up), ""
    if arm.mean_seconds is not None and base.mean_seconds is not None:
        cells = [number("", side.mean_seconds) for side in (arm, base)]
        yield "seconds to target", *cells, number("", arm.mean_seconds - base.mean_seconds, signed=True), ""
