"""Notes below a comparison's table: the star, modes, intervals, the target, and p-values that disagree."""

from __future__ import annotations

from collections.abc import Iterator

from bnexp import statistics
from bnexp.comparison.drawn_anew import anew_in_words
from bnexp.comparison.scale import ratio_limits
from bnexp.metrics import number, traits, with_unit
from bnexp.report.variance_shares import shares_in_words, shares_shown
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import (
    ArmFacts,
    Contrast,
    Judged,
    MarginInterval,
    MetricDifference,
    NewRowsInterval,
)
from bnexp.store.comparison_question import Target
from bnexp.store.reach import Reach, SpeedUp
from bnexp.system.terminal import plain

RUNNING = "{}: means over the last epoch, or with early stopping over the best one, in training mode."
MEASURED = (
    "train_, val_ and test_ metrics: after the epoch, in inference mode, in which batch normalization uses its moving "
    "averages."
)
SCALED = (
    "The loss is the squared error in standard deviations of the training part's target; "
    "mse and mae are in the target's own unit."
)
RATIO = "{row}: the geometric mean over seeds. The verdict reads it, as a few seeds with large values do not decide it."
MARK = "!"  # marks a p-value that disagrees with its interval, in the table and in the note about it
KEPT = (
    "A seed reaches it at the first of two epochs in a row that are at the target or better. In the last epoch, one is "
    "enough."
)
CENSORED = "A seed that never reaches it counts with all configured epochs, even if it stopped earlier."
BOUNDS = {
    "at least": ">=: {baseline}, so the true speed-up is larger.",
    "at most": "<=: {arm}, so the true speed-up is smaller.",
    "restricted means": "In both arms some seeds never reach it, so the speed-up is the ratio of the means above.",
}
"""How to read a speed-up if some seeds are censored (never reached the target), by `SpeedUp.reading`."""


class OfOneTable(str):
    """A note about one table only. It is printed below each table; other notes are printed once for all tables."""

    __slots__ = ()


def notes(document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Iterator[str]:
    """Yield the notes that explain a table: the star, modes, intervals, the target, and p-values that disagree."""
    yield f"* {_what_decides(document, contrast)}"
    if running := [metric for metric in contrast.metrics if "_" not in metric]:
        yield RUNNING.format(", ".join(running))
    if len(running) < len(contrast.metrics):
        yield MEASURED
    if "loss" in contrast.metrics:
        yield from _weighted(document.primary.metric, arm, base)
    if contrast.judged is not None and contrast.judged.scale == "ratio":
        yield RATIO.format(row=deciding_row(document, contrast))
    if document.dataset.error_unit == "target":
        yield SCALED
    level = f"{document.level:.0%}"
    yield (
        f"Arms: the value of the final epoch (with early stopping: of the best epoch), as a mean over seeds ± half the "
        f"width of its {level} confidence interval. Differences: mean [{level} confidence interval]. p: sign-flip test "
        f"over seeds, for {contrast.measured_on}."
    )
    yield from _new_rows_notes(document, contrast)
    yield from _target_notes(document.target, contrast, arm, base)
    disagreeing = [name for name, found in _tested(document, contrast) if disagrees(found, document.level)]
    disagreeing += _disagrees_where_it_decides(document, contrast)
    if disagreeing:
        yield OfOneTable(
            f"{MARK} The interval and the test (p) disagree for {', '.join(disagreeing)}: only one of them shows "
            "a difference. That happens if the differences are skewed, or if there are few seeds. Take this as not "
            "settled. If a few seeds differ much from the rest, it takes many more seeds to settle it."
            f"{_less_skewed(contrast)}"
        )


def _weighted(metric: str, arm: ArmFacts, base: ArmFacts) -> Iterator[str]:
    """Yield a note that the training loss is weighted, in one arm or both, and that all other metrics are not."""
    keys = [*dict.fromkeys([*arm.weighted_by, *base.weighted_by])]
    if not keys:
        return
    only = [f"{key} in {plain(side.name)}" for side in (arm, base) for key in side.weighted_by]
    by = " and ".join(keys if arm.weighted_by == base.weighted_by else only)
    decides = "" if metric == "loss" else f", also {metric}, which decides,"
    yield f"loss counts each training row with its weight ({by}). All other metrics{decides} count every row once."


def new_column(contrast: Contrast) -> str | None:
    """Return the heading of the table's column for new rows or groups; None if no metric has an interval for them."""
    found = [one.new_rows for one in contrast.metrics.values() if one.new_rows is not None]
    is_of_groups = any(one.drawn == "groups" or one.are_grouped for one in found)
    return f"new {'groups' if is_of_groups else 'rows'}" if found else None


def _new_rows_notes(document: ComparisonDocument, contrast: Contrast) -> Iterator[str]:
    """Yield notes on the interval for new rows: what it is, and where its width comes from."""
    metric = document.primary.metric
    anew = contrast.metrics[metric].new_rows
    if anew is None:
        return
    level = f"{document.level:.0%} confidence interval"
    if anew.drawn == "splits":
        yield (
            f"{new_column(contrast)}: the {level} for {anew_in_words(anew)} of this kind. The splits of the seeds "
            "overlap, so the interval beside the mean difference is for these splits only."
        )
        return
    split = document.dataset.split or ""
    trained_on = "other splits of these training rows" if ", anew for every seed" in split else "these training rows"
    if "held out" in split and trained_on == "these training rows":
        trained_on += ". With dataset.resample=true, a comparison is about other training rows, too"
    yield (
        f"{new_column(contrast)}: the {level} for new {anew.drawn} of this kind, over seeds and {anew.drawn}. In "
        f"the same lines, the interval beside the mean difference is for these {anew.count:,} {anew.drawn}. Both "
        f"intervals are for networks trained on {trained_on}."
    )
    unbounded = [one for one, found in contrast.metrics.items() if is_unbounded(document, one, found.new_rows)]
    if unbounded:
        yield OfOneTable(
            f"-: in {', '.join(unbounded)} the arms agree on all these {anew.drawn}. They are too few to say how far "
            f"the arms differ on new {anew.drawn}."
        )
    shares = shares_shown(contrast.metrics[metric], contrast.verdict, document.asked.about, len(document.seeds))
    if shares is not None:
        pair, words = f"{plain(contrast.arm)} - {plain(contrast.baseline)}", shares_in_words(shares)
        yield OfOneTable(f"The uncertainty of {pair} in {metric} for new {anew.drawn} comes from {words}.")


def is_unbounded(document: ComparisonDocument, metric: str, anew: NewRowsInterval | None) -> bool:
    """Return True if the arms agree on all held-out rows, but these are too few to exclude a difference that matters.

    Only metrics that count right answers can be unbounded. The margin says what matters: the comparison's for the
    metric that decides, and the metric's default for the others.
    """
    known = traits(metric)
    margin = document.primary.margin if metric == document.primary.metric else known.margin
    if anew is None or known.counts is None or margin is None or not anew.low == anew.high == 0:
        return False
    return (anew.rarest or anew.count) < statistics.draws_to_exclude(margin / (known.high - known.low))


def _target_notes(target: Target, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Iterator[str]:
    """Yield notes on the target and on how censored seeds count, or on why there is no target."""
    if target.value is None or target.metric is None:
        if target.why_none is not None:
            yield f"target: none: {plain(target.why_none)}"
        return
    rule = "as given" if target.rule == "given" else f"which is {plain(target.rule)}"
    told = f"to reach: the target is a {target.metric} of {goal(target)}, {rule}. {KEPT}"
    reaches = {side.name: side.to_target for side in (arm, base) if side.to_target is not None}
    found = speed_up(contrast, arm, base)
    if found is not None and any(reach.reached < reach.seeds for reach in reaches.values()):
        told += f" {CENSORED}"
    yield f"{told} Seconds: for one seed, the time of all seeds together divided by their number."
    if contrast.to_target is not None:
        never = {key: _never(plain(side.name), side.to_target) for key, side in (("arm", arm), ("baseline", base))}
        if found is None:
            nobody = " and ".join(plain(name) for name, reach in reaches.items() if not reach.reached)
            yield f"not reached: no seed of {nobody} reaches the target, so the speed-up is unknown."
            return
        bound = BOUNDS.get(found.reading, "").format_map(never)
        mean = "" if found.reading == "restricted means" else ", the geometric mean over pairs"
        below = f"Below 1, {plain(arm.name)} needs more epochs."
        yield f"speed-up in epochs: {plain(base.name)}'s epochs / {plain(arm.name)}'s{mean}. {below} {bound}".rstrip()


def _never(name: str, reach: Reach | None) -> str:
    """Write how many seeds of an arm never reach the target."""
    if reach is None:
        return f"some seeds of {name} never reach it"
    if not reach.reached:
        return f"no seed of {name} reaches it"
    never = reach.seeds - reach.reached
    return f"{never:,} of {reach.seeds:,} seeds of {name} never {'reaches' if never == 1 else 'reach'} it"


def speed_up(contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> SpeedUp | None:
    """Return the speed-up; None if no seed of one arm reaches the target, and not all seeds of the other arm do.

    Documents of an older bnexp store a ratio in this case. It depends more on the number of epochs than on the arms.
    """
    found = None if contrast.to_target is None else contrast.to_target.speed_up
    none_reached = any(side.to_target is not None and not side.to_target.reached for side in (arm, base))
    return None if found is None or (none_reached and found.reading == "restricted means") else found


def _tested(document: ComparisonDocument, contrast: Contrast) -> Iterator[tuple[str, MetricDifference]]:
    """Yield (label, difference) of each row of the table that has both an interval and a p-value."""
    yield from contrast.metrics.items()
    known = speed_up(contrast, document.arm(contrast.arm), document.arm(contrast.baseline)) is not None
    if contrast.to_target is not None and known:
        yield f"epochs to reach {goal(document.target)}", contrast.to_target.epochs


def _less_skewed(contrast: Contrast) -> str:
    """Return where to read epochs to a value if their interval and their test disagree; else an empty text."""
    reach = contrast.to_target
    if reach is None or reach.speed_up is None or not disagrees(reach.epochs, statistics.LEVEL):
        return ""
    return " For epochs, read the speed-up: a ratio is less skewed."


def _disagrees_where_it_decides(document: ComparisonDocument, contrast: Contrast) -> Iterator[str]:
    """Yield the name of the deciding metric if its interval and p-value disagree at a level other than the table's."""
    judged = contrast.judged
    if judged is not None and judged.level != document.level and disagrees(judged, judged.level):
        level, limit = written_level(judged.level), f"p {judged.p_value:.2g}, against {1 - judged.level:.2g}"
        yield f"{document.primary.metric} on {contrast.measured_on} at {level}, the level that decides ({limit})"


def written_level(level: float) -> str:
    """Write the level of an interval.

    >>> written_level(0.95), written_level(0.97056)
    ('95%', '97.06%')
    """
    return f"{100 * level:.4g}%"


def disagrees(found: MetricDifference | Judged, level: float) -> bool:
    """Return True if the interval shows a difference and the p-value does not, or the reverse.

    >>> disagrees(MetricDifference(mean=3.3, low=-1.6, high=8.2, p_value=0.009), 0.95)
    True
    """
    if found.low is None or found.high is None or found.p_value is None:
        return False
    return (found.low > 0 or found.high < 0) != (found.p_value <= 1 - level)


def _what_decides(document: ComparisonDocument, contrast: Contrast) -> str:
    """Return the note on the star: what decides, and how large a difference or ratio matters."""
    metric, margin, judged = document.primary.metric, document.primary.margin, contrast.judged
    points = " points" if with_unit(metric) != metric else ""
    if judged is not None and judged.scale == "ratio":
        matters = f"a ratio {ratio_limits(judged.margin)} does not matter (a difference of {number(metric, margin)})"
        return f"the ratio that decides; {matters}"
    level = document.level if judged is None else deciding(contrast, judged)[1]
    of_verdict = "" if level == document.level else f", with the {written_level(level)} interval of the verdict"
    return f"the metric that decides{of_verdict}; a difference of {number(metric, margin)}{points} or more matters"


def deciding(contrast: Contrast, judged: Judged) -> tuple[Judged | MarginInterval, float]:
    """Return the intervals that decide the word of a verdict, and their level."""
    if contrast.verdict.word == "no difference that matters" and judged.of_margin is not None:
        return judged.of_margin, judged.margin_level
    return judged, judged.level


def deciding_row(document: ComparisonDocument, contrast: Contrast) -> str | None:
    """Return the label of the extra row that decides; None if the metric's own row decides.

    There is an extra row if a ratio decides, or an interval at another level than the table's. Its label names the
    level.
    """
    metric, judged = document.primary.metric, contrast.judged
    if judged is None:
        return None
    level = deciding(contrast, judged)[1]
    of_level = "" if level == document.level else f", {written_level(level)}"
    if judged.scale == "ratio":
        return f"{metric}, {plain(contrast.arm)} / {plain(contrast.baseline)}{of_level}"
    return f"{with_unit(metric)}{of_level}" if of_level else None


def goal(target: Target) -> str:
    """Write the target's value with its unit."""
    metric = target.metric or ""
    return number(metric, target.value) + ("%" if with_unit(metric) != metric else "")
