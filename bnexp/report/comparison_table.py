"""What a person reads of a comparison: for each contrast its table, what the rows mean, what differs, the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.config import parts_that_differ
from bnexp.metrics import number, with_unit
from bnexp.report.about_data import data_lines
from bnexp.report.console import diverged_lines, metric_text, plain_table, with_spread
from bnexp.report.styles import STRONG, counted, warning
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import (
    ArmFacts,
    Contrast,
    Interval,
    MetricDifference,
    NewRowsInterval,
    Reach,
    SpeedUp,
    Target,
)
from bnexp.system.terminal import plain

RUNNING = "{}: means over the last epoch, in training mode."
MEASURED = (
    "train_, val_ and test_ metrics: after the epoch, in inference mode, in which batch normalization uses its moving "
    "averages."
)
SCALED = "The loss is in standard deviations of the training part's target, mse and mae are in the target's own unit."
NEW_ROWS = "new rows"
CENSORED = "A seed that never reaches it counts with all its epochs."
BOUNDS = {
    "at least": ">=: some seeds of {baseline} never reach it, so the true speed-up is larger.",
    "at most": "<=: some seeds of {arm} never reach it, so the true speed-up is smaller.",
    "restricted means": "In both arms some seeds never reach it, so the speed-up is the ratio of the means above.",
}
"""How a speed-up reads where seeds are censored."""


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
    yield Text(f"{names}: {counted(len(document.seeds), 'seed pair')}; {_pairing(contrast.pairing)}", style=STRONG)
    yield _table(document, contrast, arm, base)
    yield from map(Text, _notes(document, contrast, arm, base))
    yield from diverged_lines({side.name: side.diverged for side in (arm, base)}, document.task)
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


# --- what the rows mean ---------------------------------------------------------


def _notes(document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Iterator[str]:
    """Yield what explains the table: the star, the modes, the intervals, the target, and what seems a contradiction."""
    yield f"* the metric that decides; a difference of {_margin(document)} or more matters"
    if running := [metric for metric in contrast.metrics if "_" not in metric]:
        yield RUNNING.format(", ".join(running))
    if len(running) < len(contrast.metrics):
        yield MEASURED
    if document.dataset.error_unit == "target":
        yield SCALED
    level = f"{document.level:.0%}"
    yield (
        f"Arms: mean ± half of the {level} confidence interval over seeds, of the final epoch (the best under early "
        f"stopping). Differences: mean [{level} confidence interval]. p: sign-flip test."
    )
    yield from _new_rows_notes(document, contrast)
    yield from _target_notes(document.target, contrast, arm, base)
    disagreeing = [name for name, found in _tested(document, contrast) if _disagrees(found, document.level)]
    if disagreeing:
        yield (
            f"Interval and p disagree for {', '.join(disagreeing)}: only one of them excludes zero. "
            "Skewed differences, or few of them, cause that. Trust neither alone there; more seeds are safer."
        )


def _new_rows_notes(document: ComparisonDocument, contrast: Contrast) -> Iterator[str]:
    """Yield what the interval for new rows is, and where its width comes from."""
    metric = document.primary.metric
    anew = contrast.metrics[metric].new_rows
    if anew is None:
        return
    level = f"{document.level:.0%} confidence interval"
    if anew.drawn == "splits":
        yield (
            f"{NEW_ROWS}: the {level} for other splits and rows of this kind. The splits of the seeds overlap, so the "
            "interval beside the mean speaks of these splits only."
        )
        return
    yield (
        f"{NEW_ROWS}: the {level} for new {anew.drawn} of this kind, over seeds and {anew.drawn}. The interval beside "
        f"the mean speaks of these {anew.count:,} {anew.drawn}. Both speak of nets trained on these training rows."
    )
    shares = _shares(anew, len(document.seeds))
    if shares is not None:
        yield f"uncertainty of {metric} for new {anew.drawn}: {shares}"


def _shares(anew: NewRowsInterval, seeds: int) -> str | None:
    """Return the shares of seeds, of rows and of both together in the variance of the mean difference.

    >>> _shares(NewRowsInterval(mean=0, low=-1, high=1, drawn="rows", count=200, seed_variance=0.01, row_variance=0.3,
    ...     rest_variance=4.0), 20)
    '20 seeds 17%, 200 held-out rows 50%, both together 33%'
    """
    parts, over = (anew.seed_variance, anew.row_variance, anew.rest_variance), (seeds, anew.count, seeds * anew.count)
    known = [0.0 if part is None else part / count for part, count in zip(parts, over, strict=True)]
    total = sum(known)
    if not total:
        return None
    share = [f"{100 * part / total:.0f}%" for part in known]
    return f"{seeds} seeds {share[0]}, {anew.count:,} held-out {anew.drawn} {share[1]}, both together {share[2]}"


def _target_notes(target: Target, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Iterator[str]:
    """Yield what is to be reached and how censored seeds count, or why there is no target."""
    if target.value is None or target.metric is None:
        if target.rule.startswith("none: "):
            yield f"target: {plain(target.rule)}"
        return
    rule = "given" if target.rule == "given" else plain(target.rule)
    told = f"to reach: {target.metric} of {_goal(target)}, {rule}."
    reaches = [side.to_target for side in (arm, base) if side.to_target is not None]
    if any(reach.reached < reach.seeds for reach in reaches):
        told += f" {CENSORED}"
    yield f"{told} Seconds: one seed's share of one measured time."
    if contrast.to_target is not None:
        names = {"arm": plain(arm.name), "baseline": plain(base.name)}
        bound = BOUNDS.get(contrast.to_target.speed_up.reading, "").format_map(names)
        mean = "" if contrast.to_target.speed_up.reading == "restricted means" else ", the geometric mean over pairs"
        yield f"speed-up in epochs: {names['baseline']}'s epochs / {names['arm']}'s{mean}. {bound}".rstrip()


def _tested(document: ComparisonDocument, contrast: Contrast) -> Iterator[tuple[str, MetricDifference]]:
    """Yield each row of the table that has both an interval and a p-value, with its label."""
    yield from contrast.metrics.items()
    if contrast.to_target is not None:
        yield f"epochs to reach {_goal(document.target)}", contrast.to_target.epochs


def _disagrees(found: MetricDifference, level: float) -> bool:
    """Return True if only one of interval and p-value says that there is a difference.

    >>> _disagrees(MetricDifference(mean=3.3, low=-1.6, high=8.2, p_value=0.009), 0.95)
    True
    """
    if found.low is None or found.high is None or found.p_value is None:
        return False
    return (found.low > 0 or found.high < 0) != (found.p_value <= 1 - level)


def _margin(document: ComparisonDocument) -> str:
    """Write the margin with its unit, and where it comes from if that is not plain."""
    metric, margin = document.primary.metric, document.primary.margin
    points = " points" if with_unit(metric) != metric else ""
    return f"{number(metric, margin)}{points}"


def _goal(target: Target) -> str:
    """Write the value that is to be reached, with its unit."""
    metric = target.metric or ""
    return number(metric, target.value) + ("%" if with_unit(metric) != metric else "")


# --- the table ------------------------------------------------------------------


def _table(document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Table:
    names = plain(arm.name), plain(base.name)
    anew = [NEW_ROWS] if _has_new_rows(contrast) else []
    table = plain_table("", *names, f"{names[0]} - {names[1]}", *anew, "p")
    for metric, difference in contrast.metrics.items():
        star = " *" if metric == document.primary.metric else ""
        cells = [_estimate(metric, arm.metrics[metric]), _estimate(metric, base.metrics[metric])]
        cells += [_difference(metric, difference), *([_bounds(metric, difference.new_rows)] if anew else [])]
        table.add_row(metric_text(metric) + star, *cells, _p(difference.p_value))
    for row in _other_rows(document, contrast, arm, base):
        table.add_row(*row[:4], *([""] if anew else []), *row[4:])
    return table


def _has_new_rows(contrast: Contrast) -> bool:
    """Return True if a metric has an interval for new rows."""
    return any(difference.new_rows is not None for difference in contrast.metrics.values())


def _bounds(metric: str, interval: NewRowsInterval | None) -> str:
    """Write an interval without its mean.

    >>> _bounds("loss", NewRowsInterval(mean=0.5, low=0.25, high=0.75, drawn="rows", count=9)), _bounds("loss", None)
    ('[+0.25, +0.75]', '')
    """
    return "" if interval is None else _difference(metric, interval).partition(" ")[2]


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
    """Write how many times fewer epochs the arm took than the baseline; `>=` where some baseline seeds are censored.

    >>> _speed_up(SpeedUp(ratio=2.125, low=1.5, high=3.0, reading="at least"))
    '>= 2.12 [1.5, 3]'
    >>> _speed_up(SpeedUp(ratio=1.5, low=None, high=None, reading="restricted means"))
    '1.5'
    """
    ratio = f"{found.ratio:.3g}"
    if found.reading == "restricted means":
        return ratio
    sign = {"ratio": "", "at least": ">= ", "at most": "<= "}[found.reading]
    return f"{sign}{ratio}" if found.low is None else f"{sign}{ratio} [{found.low:.3g}, {found.high:.3g}]"


def _p(value: float | None) -> str:
    """Write a p-value.

    >>> _p(0.0312), _p(0.00002), _p(None)
    ('0.031', '<0.001', '-')
    """
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.2g}"


def _other_rows(
    document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts
) -> Iterator[tuple[str, ...]]:
    if contrast.to_target is not None and arm.to_target is not None and base.to_target is not None:
        yield from _reach_rows(contrast, _goal(document.target), arm.to_target, base.to_target)
    parameters = [side.parameters.trainable for side in (arm, base)]
    yield "trainable parameters", *map(str, parameters), f"{parameters[0] - parameters[1]:+d}", ""
    diverged = [len(side.diverged) for side in (arm, base)]
    cells = [f"{count} of {side.seeds}" for count, side in zip(diverged, (arm, base), strict=True)]
    yield "diverged seeds", *cells, f"{diverged[0] - diverged[1]:+d}", _p(contrast.diverged_p_value)


def _reach_rows(contrast: Contrast, goal: str, arm: Reach, base: Reach) -> Iterator[tuple[str, ...]]:
    assert contrast.to_target is not None
    difference = contrast.to_target
    reached = [f"{side.reached} of {side.seeds}" for side in (arm, base)]
    yield f"seeds that reach {goal}", *reached, f"{arm.reached - base.reached:+d}", ""
    epochs = [f"{side.mean_epochs:.1f}" for side in (arm, base)]
    p_value = _p(difference.epochs.p_value)
    yield f"epochs to reach {goal}", *epochs, _difference("", difference.epochs), p_value
    yield "speed-up in epochs", "", "", _speed_up(difference.speed_up), ""
    if arm.mean_seconds is not None and base.mean_seconds is not None:
        cells = [number("", side.mean_seconds) for side in (arm, base)]
        yield f"seconds to reach {goal}", *cells, number("", arm.mean_seconds - base.mean_seconds, signed=True), ""
