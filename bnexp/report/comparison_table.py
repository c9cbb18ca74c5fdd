"""The output of a comparison: for each contrast its table, what differs between the arms, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.comparison.scale import ratio_text
from bnexp.config import parts_that_differ
from bnexp.errors import counted
from bnexp.metrics import number, p_text, with_mode
from bnexp.report.about_data import data_lines
from bnexp.report.about_network import arms_lines, one_by_one_lines
from bnexp.report.comparison_notes import (
    MARK,
    OfOneTable,
    deciding,
    deciding_row,
    disagrees,
    goal,
    is_unbounded,
    new_column,
    notes,
    speed_up,
)
from bnexp.report.console import diverged_lines, plain_table, with_spread
from bnexp.report.styles import STRONG, of_arms, warning
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import (
    ArmFacts,
    Contrast,
    Interval,
    MetricDifference,
    NewRowsInterval,
)
from bnexp.store.reach import Reach, SpeedUp
from bnexp.system.terminal import plain

NOT_REACHED = "not reached"


def comparison(document: ComparisonDocument) -> RenderableType:
    """Return the data and the arms, then for each contrast: pairing, table, notes, what else differs, the verdict."""
    parts: list[RenderableType] = [*data_lines(document.dataset, document.primary.metric)]
    parts += arms_lines([(arm.name, arm.network) for arm in document.arms])
    parts += one_by_one_lines([(arm.name, arm.one_by_one) for arm in document.arms])
    explained: set[str] = set()
    for contrast in document.contrasts:
        arm, base = document.arm(contrast.arm), document.arm(contrast.baseline)
        parts += [*_contrast(document, contrast, arm, base, explained), Text("")]
    return Group(*parts[:-1])


def _contrast(
    document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts, explained: set[str]
) -> Iterator[RenderableType]:
    """Yield the parts of a contrast. Skip texts in `explained`, printed for an earlier contrast; add the new ones."""
    names = f"{plain(arm.name)} vs {plain(base.name)}"
    yield Text(
        f"{names}: {counted(len(document.seeds), 'seed pair')}; {_pairing(contrast.pairing, contrast.varied)}",
        style=STRONG,
    )
    yield _table(document, contrast, arm, base)
    found = notes(document, contrast, arm, base)
    told = [text for text in found if text not in explained or isinstance(text, OfOneTable)]
    explained.update(told)
    yield from map(Text, told)
    yield from diverged_lines({side.name: side.diverged for side in (arm, base)}, document.task)
    warned = {f"{side.name}: {text}": (side.name, text) for side in (arm, base) for text in side.warnings}
    yield from map(warning, of_arms(one for key, one in warned.items() if key not in explained))
    yield Text(f"varied: {_listed(contrast.varied) or 'nothing; both arms are the same experiment'}")
    yield from map(warning, _unfair(contrast))
    if not contrast.confounders:
        yield Text("also checked, and equal: every other key of the config, engine, versions, machine")
    if not explained.issuperset(contrast.cautions):  # all of them again if one is new: they belong together
        yield from map(warning, contrast.cautions)
    explained.update(warned, contrast.cautions)
    verdict = contrast.verdict
    yield Text.assemble((f"VERDICT  {verdict.word}", STRONG), f"  {plain(verdict.sentence)}")


def warnings_of(document: ComparisonDocument) -> list[str]:
    """Return the warnings of a comparison: about its data, its arms and each contrast."""
    of_each_arm = of_arms((arm.name, text) for arm in document.arms for text in arm.warnings)
    of_contrasts = [text for one in document.contrasts for text in (*_unfair(one), *one.cautions)]
    return [*dict.fromkeys([*(document.dataset.warnings or ()), *of_each_arm, *of_contrasts])]


def _unfair(contrast: Contrast) -> Iterator[str]:
    """Yield why a contrast may not be about one thing: several keys vary, or the arms differ in more."""
    if len(contrast.varied) > 1:
        yield "these vary together; the verdict cannot tell their effects apart"
    if contrast.confounders:
        yield f"the arms also differ in {_listed(contrast.confounders)}"


def _listed(differing: Mapping[str, Sequence[Any]]) -> str:
    """Return the keys that differ, with both values; for two lists of layers only the layers that differ."""
    parts = [part for key, pair in differing.items() for part in parts_that_differ(key, *pair)]
    return "; ".join(f"{place} ({plain(one)} / {plain(other)})" for place, one, other in parts)


def _pairing(checks: Mapping[str, bool | None], differing: Iterable[str]) -> str:
    """Return a sentence on which digests of the two arms are equal; kernels of different networks cannot be equal.

    >>> _pairing({"splits": True, "kernels": True, "batch orders": False}, ["training.batch_size"])
    'checked by digest: splits equal, kernels equal, batch orders NOT equal'
    >>> _pairing({"splits": True, "kernels": False}, ["model.build"])
    'checked by digest: splits equal, kernels NOT equal (the networks differ in model.build)'
    """
    words = {True: "equal", False: "NOT equal", None: "cannot be compared"}
    networks = [key for key in differing if key.startswith("model.") and not key.startswith("model.normalization")]
    why = f" (the networks differ in {', '.join(networks)})" if networks and checks.get("kernels") is False else ""
    found = (f"{what} {words[equal]}{why if what == 'kernels' else ''}" for what, equal in checks.items())
    return "checked by digest: " + ", ".join(found)


# --- the table ------------------------------------------------------------------


def _table(document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts) -> Table:
    names = plain(arm.name), plain(base.name)
    anew = [] if (heading := new_column(contrast)) is None else [heading]
    table = plain_table("", *names, f"{names[0]} - {names[1]}", "p", *anew)
    has_own_row = deciding_row(document, contrast) is not None
    for metric, difference in contrast.metrics.items():
        decides = metric == document.primary.metric
        cells = [_estimate(metric, arm.metrics[metric]), _estimate(metric, base.metrics[metric])]
        cells += [_difference(metric, difference), _p_value(difference, document.level)]
        anew_cells = [_bounds(document, metric, difference.new_rows)] if anew else []
        table.add_row(_label(metric) + " *" * (decides and not has_own_row), *cells, *anew_cells)
        if decides and has_own_row:
            table.add_row(*_deciding_cells(document, contrast)[: 5 + len(anew)])
    for row in _other_rows(document, contrast, arm, base):
        table.add_row(*row, *([""] if anew else []))
    return table


def _label(metric: str) -> Text:
    """Return a metric's name. Add the mode if it was measured in training mode, as `loss` and `accuracy` are."""
    return Text(plain(with_mode(metric)))


def _p_value(difference: MetricDifference, level: float) -> str:
    """Write a p-value, with a mark if it disagrees with the interval beside it."""
    return p_text(difference.p_value) + f" {MARK}" * disagrees(difference, level)


def _deciding_cells(document: ComparisonDocument, contrast: Contrast) -> list[str]:
    """Write the extra row of the deciding ratio, or of the deciding interval at another level; new rows come last."""
    judged, metric = contrast.judged, document.primary.metric
    assert judged is not None
    decides, level = deciding(contrast, judged)
    p_value = p_text(judged.p_value) + f" {MARK}" * (level != document.level and disagrees(judged, judged.level))
    if judged.scale == "ratio":
        here, anew = _ratio(decides), "" if decides.new_rows is None else _ratio(decides.new_rows).partition(" ")[2]
    else:
        here, anew = _difference(metric, decides), _bounds(document, metric, decides.new_rows)
    return [f"{deciding_row(document, contrast)} *", "", "", here, p_value, anew]


def _ratio(log: Interval) -> str:
    """Write a ratio with its interval, both given as logarithms.

    >>> _ratio(Interval(mean=0.0, low=-0.105, high=0.105)), _ratio(Interval(mean=0.0, low=None, high=None))
    ('1.00 [0.900, 1.11]', '1.00')
    """
    mean = "-" if log.mean is None else ratio_text(log.mean)
    bounded = log.low is not None and log.high is not None
    return f"{mean} [{ratio_text(log.low or 0.0)}, {ratio_text(log.high or 0.0)}]" if bounded else mean


def _bounds(document: ComparisonDocument, metric: str, interval: NewRowsInterval | None) -> str:
    """Write the interval for new rows without its mean; "-" if the rows are too few for one, "" if there is none."""
    if interval is None:
        return ""
    if is_unbounded(document, metric, interval):
        return "-"
    return _difference(metric, interval).partition(" ")[2]


def _half(interval: Interval) -> float | None:
    """Return half the width of an interval; None if the interval is unknown."""
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
    """Write how many times fewer epochs the arm took than the baseline.

    `>=` means that some baseline seeds never reached the target, `<=` that some seeds of the arm did not.

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


def _other_rows(
    document: ComparisonDocument, contrast: Contrast, arm: ArmFacts, base: ArmFacts
) -> Iterator[tuple[str, ...]]:
    if contrast.to_target is not None and arm.to_target is not None and base.to_target is not None:
        found = speed_up(contrast, arm, base)
        yield from _reach_rows(document, contrast, found, (arm.to_target, base.to_target))
    parameters = [side.parameters.trainable for side in (arm, base)]
    yield "trainable parameters", *map(str, parameters), f"{parameters[0] - parameters[1]:+d}", ""
    diverged = [len(side.diverged) for side in (arm, base)]
    cells = [f"{count} of {side.seeds}" for count, side in zip(diverged, (arm, base), strict=True)]
    yield "diverged seeds", *cells, f"{diverged[0] - diverged[1]:+d}", p_text(contrast.diverged_p_value)


def _reach_rows(
    document: ComparisonDocument, contrast: Contrast, found: SpeedUp | None, sides: tuple[Reach, Reach]
) -> Iterator[tuple[str, ...]]:
    """Yield the rows on how many seeds reach the target, and after how many epochs and seconds.

    Differences of epochs and seconds are left out if no speed-up is known.
    """
    assert contrast.to_target is not None
    arm, base, difference = *sides, contrast.to_target.epochs
    target = goal(document.target)
    reached = [f"{side.reached} of {side.seeds}" for side in sides]
    yield f"seeds that reach {target}", *reached, f"{arm.reached - base.reached:+d}", ""
    epochs = [f"{side.mean_epochs:.1f}" if side.reached else NOT_REACHED for side in sides]
    are_known = found is not None and arm.reached and base.reached  # else one mean is only the configured epochs
    known = (_difference("", difference), _p_value(difference, document.level)) if are_known else ("", "-")
    yield f"epochs to reach {target}", *epochs, *known
    yield "speed-up in epochs", "", "", NOT_REACHED if found is None else _speed_up(found), ""
    if arm.mean_seconds is not None and base.mean_seconds is not None:
        seconds = [number("", side.mean_seconds) if side.reached else NOT_REACHED for side in sides]
        less = "" if not are_known else number("", arm.mean_seconds - base.mean_seconds, signed=True)
        yield f"seconds to reach {target}", *seconds, less, ""
