"""What explains the table of a comparison: the star, the modes, the intervals, the target, what seems to disagree."""

from __future__ import annotations

from collections.abc import Iterator

from bnexp.metrics import number, with_unit
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import ArmFacts, Contrast, Judged, MetricDifference, NewRowsInterval
from bnexp.store.comparison_question import Target
from bnexp.system.terminal import plain

RUNNING = "{}: means over the last epoch, in training mode."
MEASURED = (
    "train_, val_ and test_ metrics: after the epoch, in inference mode, in which batch normalization uses its moving "
    "averages."
)
SCALED = (
    "The loss is the squared error in standard deviations of the training part's target; "
    "mse and mae are in the target's own unit."
)
RATIO = (
    "The verdict reads the ratio of {metric}, by its geometric mean over seeds: a few large values do not decide it."
)
NEW_ROWS = "new rows"
CENSORED = "A seed that never reaches it counts with all its epochs."
BOUNDS = {
    "at least": ">=: some seeds of {baseline} never reach it, so the true speed-up is larger.",
    "at most": "<=: some seeds of {arm} never reach it, so the true speed-up is smaller.",
    "restricted means": "In both arms some seeds never reach it, so the speed-up is the ratio of the means above.",
}
"""How a speed-up reads where seeds are censored."""


def notes(document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Iterator[str]:
    """Yield what explains the table: the star, the modes, the intervals, the target, and what seems a contradiction."""
    yield f"* the metric that decides; a difference of {_margin(document)} or more matters"
    if running := [metric for metric in contrast.metrics if "_" not in metric]:
        yield RUNNING.format(", ".join(running))
    if len(running) < len(contrast.metrics):
        yield MEASURED
    if contrast.judged is not None and contrast.judged.scale == "ratio":
        yield RATIO.format(metric=document.primary.metric)
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
    disagreeing += _disagrees_where_it_decides(document, contrast)
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
    """Write the shares of seeds, of rows and of their interaction in the variance of the mean difference.

    >>> _shares(NewRowsInterval(mean=0, low=-1, high=1, drawn="rows", count=200, seed_variance=0.01, row_variance=0.3,
    ...     rest_variance=4.0), 20)
    '20 seeds 17%, 200 held-out rows 50%, seeds and rows interacting 33%'
    """
    found = variance_shares(anew, seeds)
    if found is None:
        return None
    share, rows = [f"{100 * one:.0f}%" for one in found], anew.drawn
    return (
        f"{seeds} seeds {share[0]}, {anew.count:,} held-out {rows} {share[1]}, seeds and {rows} interacting {share[2]}"
    )


def variance_shares(anew: NewRowsInterval, seeds: int) -> tuple[float, float, float] | None:
    """Return the shares of seeds, of rows and of their interaction in the variance; None if they are not known."""
    parts, over = (anew.seed_variance, anew.row_variance, anew.rest_variance), (seeds, anew.count, seeds * anew.count)
    of_seeds, of_rows, rest = (0.0 if part is None else part / count for part, count in zip(parts, over, strict=True))
    total = of_seeds + of_rows + rest
    return (of_seeds / total, of_rows / total, rest / total) if total else None


def _target_notes(target: Target, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Iterator[str]:
    """Yield what is to be reached and how censored seeds count, or why there is no target."""
    if target.value is None or target.metric is None:
        if target.rule.startswith("none: "):
            yield f"target: {plain(target.rule)}"
        return
    rule = "given" if target.rule == "given" else plain(target.rule)
    told = f"to reach: {target.metric} of {goal(target)}, {rule}."
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
        yield f"epochs to reach {goal(document.target)}", contrast.to_target.epochs


def _disagrees_where_it_decides(document: ComparisonDocument, contrast: Contrast) -> Iterator[str]:
    """Yield the metric that decides if interval and p-value disagree at its level, which is not the table's."""
    judged = contrast.judged
    if judged is not None and judged.level != document.level and _disagrees(judged, judged.level):
        level, limit = written_level(judged.level), f"p {judged.p_value:.2g}, against {1 - judged.level:.2g}"
        yield f"{document.primary.metric} on {contrast.measured_on} at {level}, the level that decides ({limit})"


def written_level(level: float) -> str:
    """Write the level of an interval.

    >>> written_level(0.95), written_level(0.97056)
    ('95%', '97.06%')
    """
    return f"{100 * level:.4g}%"


def _disagrees(found: MetricDifference | Judged, level: float) -> bool:
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


def goal(target: Target) -> str:
    """Write the value that is to be reached, with its unit."""
    metric = target.metric or ""
    return number(metric, target.value) + ("%" if with_unit(metric) != metric else "")
