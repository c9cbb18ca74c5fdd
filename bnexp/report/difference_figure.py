"""The figure of a comparison's verdict: every pair's difference, their mean with its interval, and the margin.

It is drawn from comparison.json alone. Names are untrusted: see `labels`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bnexp.comparison.scale import ratio_limits
from bnexp.errors import counted
from bnexp.metrics import number, traits, with_mode
from bnexp.report.comparison_notes import deciding, is_unbounded, written_level
from bnexp.report.frame import DPI, GREY, WIDTH, ShownFigure, settings
from bnexp.report.labels import SMALL, TITLE, distinct, fitted, in_lines, shown, text_width
from bnexp.report.plots import BLUE
from bnexp.report.share_bars import bars_of, units_of
from bnexp.report.stacked_dots import draw_dots, draw_numbers
from bnexp.statistics.arrays import Floats
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import Contrast, Interval, NewRowsInterval
from bnexp.warning_kinds import title_of

ROW, LEFT, RIGHT, ABOVE, BELOW, NOTE = 0.9, 1.5, 0.25, 0.95, 0.55, 0.16  # inches
WORDS, NAME, NAME_LINES = 16, 85.0, 4  # characters, points, lines
LINE = 0.155  # inches, of the labels of rows and of the axis
NEW_ROWS = "new rows"
ABOVE_ROW = 0.22
"""Where the interval is drawn above the middle of a row, as a share of its height. The dots are below the middle."""
MINUS = "\N{MINUS SIGN}"
MOST_STEPS = 8
"""The most steps between the numbers of the axis."""
LABEL, EXAMPLE = 9.0, 1.1  # points; the ratio whose place a note names
NAME_LENGTH = 100
"""Characters of a name that a label shows in several lines."""


def difference_figure(document: ComparisonDocument) -> Figure:
    """Return a figure of the metric that decides, with a row for each contrast with the baseline."""
    contrasts, metric = document.contrasts, document.primary.metric
    with settings():
        decisive = [_decisive(document, contrast) for contrast in contrasts]
        labels = _labels(contrasts, decisive)
        axes = _axes([label.count("\n") + 1 for label in labels], metric, document)
        dots = [_pairs(contrast, _unit(metric)) for contrast in contrasts]
        drawn = np.concatenate([*dots, *(_bounds(one) * _unit(metric) for one in decisive), np.zeros(1)])
        span = max(float(np.ptp(drawn)), axes.dataLim.width)
        for place, (contrast, one, pairs_S) in enumerate(zip(contrasts, decisive, dots, strict=True)):
            draw_dots(axes, place, pairs_S, color=BLUE, span=span)
            _draw(axes, place, contrast, one, _unit(metric))
        axes.set_yticks(range(len(contrasts)), labels)
        axes.set_ylim(len(contrasts) - 0.5, -0.5)
        if axes.get_xscale() == "linear":  # more numbers of many digits would run into each other
            axes.xaxis.set_major_locator(MaxNLocator(MOST_STEPS, steps=[1, 2, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))
        for place, pairs_S in enumerate(dots):
            draw_numbers(axes, place, pairs_S, span=span)
        figure = axes.figure
        assert isinstance(figure, Figure)
        bars_of(document).draw(figure, left=LEFT, right=RIGHT)
        return figure


def _labels(contrasts: Sequence[Contrast], decisive: Sequence[_Decisive]) -> list[str]:
    """Return the label of each row, in short lines: the arm's name, its word, and the level if levels differ."""
    names = distinct([contrast.arm for contrast in contrasts], NAME_LINES * NAME, LABEL, NAME_LENGTH)
    shared = len({written_level(one.level) for one in decisive}) == 1
    labels = []
    for name, contrast, one in zip(names, contrasts, decisive, strict=True):
        lines = [*in_lines(f"{name}:", NAME, LABEL, NAME_LINES), *textwrap.wrap(contrast.verdict.word, WORDS)]
        lines += ["(no verdict)"] * contrast.verdict.is_withheld
        lines += [] if shared else [f"({written_level(one.level)} interval)"]
        labels.append("\n".join(lines))
    return labels


def _unit(metric: str) -> float:
    """Return the factor that turns a value into the drawn one: 100 for metrics in percent, such as accuracy, else 1."""
    return 100.0 if traits(metric).in_percent else 1.0


def _axes(label_lines: Sequence[int], metric: str, document: ComparisonDocument) -> Axes:
    """Return the axes with their title, for rows whose labels have these numbers of lines."""
    label = _axis_label(document)
    below = BELOW + LINE * label.count("\n") + bars_of(document).height
    notes = [*_ratio_note(document), *_void_note(document), *_warned(document)]
    above = ABOVE + NOTE * len(notes)
    height = max(ROW, LINE * (max(label_lines) + 1)) * len(label_lines) + above + below
    figure = ShownFigure(figsize=(WIDTH, height), dpi=DPI)
    axes = figure.add_subplot()
    figure.subplots_adjust(LEFT / WIDTH, below / height, 1 - RIGHT / WIDTH, 1 - above / height)
    margin = document.primary.margin * _unit(metric)
    axes.axvspan(*(_ratio_margin(document) or (-margin, margin)), color=GREY, alpha=0.08, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label)
    centred: Any = {"ha": "center", "va": "top", "transform": figure.transFigure}
    axes.text(0.5, 1 - 0.16 / height, "Difference, pair by pair", fontsize=TITLE, **centred)
    said = (
        f"dots: {counted(len(document.seeds), 'pair')}; {_legend(document, metric)}",
        f"grey area: {_margin_text(document, margin)}",
        *notes,
    )
    lines = "\n".join(fitted(line, 72 * (WIDTH - 0.5), SMALL) for line in said)  # 72 points are an inch
    axes.text(0.5, 1 - 0.42 / height, lines, fontsize=SMALL, color=GREY, linespacing=1.4, **centred)
    return axes


def _axis_label(document: ComparisonDocument) -> str:
    """Return what the axis shows. If the baseline's name is too long for one line, the label has two."""
    before, behind = f"{shown(with_mode(document.primary.metric))}: arm minus ", "by pairs of seeds"
    room = 72 * (WIDTH - LEFT - RIGHT)  # 72 points are an inch
    name = shown(document.baseline, room - text_width(f"{before},", LABEL), LABEL, NAME_LENGTH)
    line = f"{before}{name}, {behind}"
    return line if text_width(line, LABEL) <= room else f"{before}{name},\n{behind}"


def _legend(document: ComparisonDocument, metric: str) -> str:
    """Return what the diamonds and lines mean. If the levels differ, they are listed in the order of the rows."""
    decisive = [_decisive(document, contrast) for contrast in document.contrasts]
    levels = " / ".join(dict.fromkeys(written_level(one.level) for one in decisive))
    what = "mean ratio" if any(one.is_ratio for one in decisive) else "mean"
    anew, these = [one.new_rows for one in decisive], document.contrasts[0].measured_on
    if not any(anew):
        return f"diamond: {what}; line: its {levels} interval for {these}"
    units = units_of(document)
    is_of_splits = any(one is not None and one.drawn == "splits" for one in anew)
    new, here = "other splits" if is_of_splits else f"new {units}", these.replace("rows", units)
    return f"diamond: {what}; {levels} interval: thick for {here}, thin for {new}"


def _ratio_note(document: ComparisonDocument) -> Iterator[str]:
    if any(_decisive(document, contrast).is_ratio for contrast in document.contrasts):
        base, metric = shown(document.baseline, NAME, SMALL), document.primary.metric
        mean = document.arm(document.baseline).metrics[metric].mean or 0.0
        drawn = f"{EXAMPLE - 1:.0%} of {base}'s mean ({number(metric, mean)}), which is {(EXAMPLE - 1) * mean:.3g}"
        yield f"a ratio of {EXAMPLE} is drawn as a difference: {drawn}"


def _void_note(document: ComparisonDocument) -> Iterator[str]:
    if any(contrast.verdict.is_withheld for contrast in document.contrasts):
        yield "dark grey lines: no verdict rests on them"


def _margin_text(document: ComparisonDocument, margin: float) -> str:
    """Return which differences or ratios do not matter; `margin` is in drawn units."""
    judged = [one.judged for one in document.contrasts if one.judged is not None and one.judged.scale == "ratio"]
    if judged:
        return f"ratios {ratio_limits(judged[0].margin)}, which are too near 1 to matter"
    return f"differences that are too small to matter (margin ±{margin:.3g})"


def _ratio_margin(document: ComparisonDocument) -> tuple[float, float] | None:
    """Return the margin of ratios as two differences from the baseline's mean; None if no ratio is judged."""
    logs = [
        contrast.judged.margin
        for contrast in document.contrasts
        if contrast.judged and contrast.judged.scale == "ratio"
    ]
    if not logs:
        return None
    base = document.arm(document.baseline).metrics[document.primary.metric].mean or 0.0
    return float(base * np.expm1(-logs[0])), float(base * np.expm1(min(logs[0], 700.0)))


def _warned(document: ComparisonDocument) -> Iterator[str]:
    """Yield a short line for each kind of warning of the trainings, with the arms that have it."""
    warned: dict[str, list[str]] = {}
    for arm in document.arms:
        for kind in dict.fromkeys(map(title_of, arm.warnings)):
            warned.setdefault(kind, []).append(shown(arm.name, NAME, SMALL))
    for kind, names in warned.items():
        whose = "all arms" if len(names) == len(document.arms) > 2 else ", ".join(names)
        yield f"WARNING: {whose}: {kind}"


@dataclass(frozen=True)
class _Decisive:
    """The intervals that decide a verdict, in the metric's unit, and their level."""

    here: Interval
    new_rows: NewRowsInterval | None
    level: float
    is_ratio: bool = False
    unknown: str | None = None
    """What is drawn anew, if the arms agree on all of them and they are too few for an interval."""


def _decisive(document: ComparisonDocument, contrast: Contrast) -> _Decisive:
    """Return the intervals that decide; none for new rows if it is unknown, which the stored bounds of 0 do not say."""
    found = _stored(document, contrast)
    if found.new_rows is not None and is_unbounded(document, document.primary.metric, found.new_rows):
        return replace(found, new_rows=None, unknown=found.new_rows.drawn)
    return found


def _stored(document: ComparisonDocument, contrast: Contrast) -> _Decisive:
    """Return the intervals that decide. If the document stores none, return the intervals of its table.

    Older documents, and comparisons without a verdict, store none. A ratio is converted into a difference from the
    baseline's mean, like the margin.
    """
    judged, metric = contrast.judged, document.primary.metric
    if judged is None:
        difference = contrast.metrics[metric]
        return _Decisive(difference, difference.new_rows, document.level)
    source, level = deciding(contrast, judged)
    if judged.scale == "difference":
        return _Decisive(source, source.new_rows, level)
    base = document.arm(contrast.baseline).metrics[metric].mean or 0.0
    new_rows = None if source.new_rows is None else _times(source.new_rows, base)
    return _Decisive(_times(source, base), new_rows, level, is_ratio=True)


Bounds = TypeVar("Bounds", bound=Interval)


def _times(log: Bounds, base: float) -> Bounds:
    """Convert the logs of ratios (a mean and its bounds) into differences from the baseline's mean `base`."""
    values = {key: getattr(log, key) for key in ("mean", "low", "high")}
    return log.model_copy(
        update={key: None if one is None else float(base * np.expm1(min(one, 700.0))) for key, one in values.items()}
    )


def _pairs(contrast: Contrast, unit: float) -> Floats:
    """Return the drawn values, (S,). Pairs without a value are left out, as in the interval."""
    pairs_S = _numbers(contrast.pairs) * unit
    return pairs_S[np.isfinite(pairs_S)]


def _bounds(decisive: _Decisive) -> Floats:
    """Return the known bounds of the intervals, in the metric's unit."""
    both = [one for one in (decisive.here, decisive.new_rows) if one is not None]
    bounds = _numbers([bound for one in both for bound in (one.low, one.high)])
    return bounds[np.isfinite(bounds)]


def _draw(axes: Axes, place: float, contrast: Contrast, decisive: _Decisive, unit: float) -> None:
    """Draw the intervals of one contrast."""
    here = decisive.here
    place -= ABOVE_ROW
    is_void = contrast.verdict.is_withheld
    of_new, of_here = GREY if is_void else BLUE, GREY if is_void and contrast.verdict.these_rows is None else BLUE
    mean, low, high = _numbers([here.mean, here.low, here.high]) * unit
    if (anew := decisive.new_rows) is not None:
        ends = _numbers([anew.low, anew.high]) * unit
        axes.plot(
            ends,
            [place, place],
            color=of_new,
            linewidth=1,
            marker="|",
            markersize=9,
            label=NEW_ROWS,
            solid_capstyle="butt",
        )
    axes.plot([low, high], [place, place], color=of_here, linewidth=3.2, solid_capstyle="butt")
    axes.plot([mean], [place], "D", color=of_here, markersize=6, markeredgecolor="white")
    if decisive.unknown is not None:
        told = f"interval for new {decisive.unknown}: not known, these {decisive.unknown} are too few"
        across: Any = axes.get_yaxis_transform()
        over_zero = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        axes.text(0.5, place - 0.12, told, fontsize=SMALL, color=GREY, ha="center", transform=across, bbox=over_zero)


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], float)
