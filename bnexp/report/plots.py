"""Figures of histories: the curves of one run, or of the arms of a comparison. No file, no window.

Axes: S seeds, E epochs. Only matplotlib's `Figure` is used, never pyplot, and every
setting holds for the duration of one call. `frame` draws everything around the curves.
Names are untrusted: see `labels`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bnexp.errors import nearest
from bnexp.history import History
from bnexp.metrics import higher_is_better, traits
from bnexp.metrics import quantity as quantity_of
from bnexp.report.frame import DPI, GREY, arranged, finish, new_axes, scale, settings
from bnexp.report.labels import comparison_subtitle, distinct, part_label, parts_line, run_subtitle
from bnexp.statistics.arrays import Floats

METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
"""Format -> metadata to leave out of the file, so that equal figures are equal bytes on every machine and day."""

BLUE, ORANGE, BLACK, VERMILLION, GREEN = "#0072B2", "#E69F00", "#000000", "#D55E00", "#009E73"
COLOURS = (BLUE, ORANGE, BLACK, VERMILLION, GREEN, "#CC79A7", "#56B4E9")
"""Okabe and Ito (2008), without yellow, which is hard to see on white. The first four also differ in greyscale."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # 8 against 7 colours: 56 arms before a pair repeats

TICKS = 0.035
"""The height of one arm's ticks, as a share of the axes' height."""


class Part(NamedTuple):
    """How a run's figure draws the curve of one part of the data (training, validation or test)."""

    label: str
    colour: str
    linestyle: str
    width: float
    each_seed: bool


PARTS = {
    "": Part("Train", ORANGE, "--", 2.0, True),
    "val_": Part("Validation", GREEN, "-", 2.0, True),
    "test_": Part("Test", BLUE, "-", 2.0, True),
    "train_": Part("Train, inference mode", BLACK, "-.", 1.1, False),
}


# --- the two kinds of figures ------------------------------------------------


def run_figures(history: History, *, title: str = "", loss_unit: str = "", stopped: str = "") -> dict[str, Figure]:
    """Return quantity -> figure: every seed as a thin line, their mean as a strong one, for each part of the data.

    `accuracy` is drawn in percent. `loss_unit` ("nats") is added to the label of the loss. `stopped` says how far an
    interrupted run is; "" for a finished run.
    """
    with settings():
        return {name: _run_figure(name, history, title, loss_unit, stopped) for name in _quantities([history])}


def comparison_figures(
    histories: Mapping[str, History], *, target: tuple[str, float] | None = None, loss_unit: str = ""
) -> dict[str, Figure]:
    """Return quantity -> figure: each arm's mean over seeds, with a band of ± 1 standard deviation, Train dashed.

    The band belongs to the test part; without a test part, to the validation part. The standard deviation is the
    sample's (n - 1). `histories` maps an arm to its history. `target` is a metric and its value, such as
    ("val_accuracy", 0.9). It is drawn as a dotted line in the figure of this metric.
    """
    arms = dict(zip(distinct(histories), histories.values(), strict=True))
    with settings():
        return {name: _comparison_figure(name, arms, target, loss_unit) for name in _quantities(histories.values())}


def render(figure: Figure, format: str) -> bytes:
    """Return the figure as the bytes of a png, svg or pdf file. The same figure has the same bytes every time.

    Raises:
        ValueError: if the format is not png, svg or pdf.
    """
    if format not in METADATA:
        raise ValueError(f"figure format is {format!r}. {nearest(format, METADATA)}")
    with settings(), io.BytesIO() as file:
        figure.savefig(file, format=format, dpi=DPI, metadata=METADATA[format])
        return file.getvalue()


# --- what is drawn -----------------------------------------------------------


def _run_figure(quantity: str, history: History, title: str, loss_unit: str, stopped: str) -> Figure:
    axes = new_axes(quantity, title=title, loss_unit=loss_unit)
    lines: list[Line2D] = []
    drawn: list[Floats] = []
    for prefix, part in _parts(history).items():
        if prefix + quantity in history.metrics:
            values_SE = _values(history, prefix + quantity)
            if part.each_seed and len(history.seeds) > 1:
                _draw_seeds(axes, values_SE, part.colour)
                drawn.append(values_SE)
            lines.append(_draw_mean(axes, values_SE, part))
    _draw_kept(axes, quantity, history, GREY)
    scale(axes, quantity, [*drawn, *map(_heights, lines)])
    told = [stopped, run_subtitle(history), parts_line(quantity, history.metrics)]
    subtitle = "\n".join(line for line in told if line)
    return finish(axes, lines, columns=len(lines), subtitle=subtitle)


def _comparison_figure(
    quantity: str, arms: Mapping[str, History], target: tuple[str, float] | None, loss_unit: str
) -> Figure:
    axes = new_axes(quantity, title="", loss_unit=loss_unit)
    tests: list[Line2D] = []
    trains: list[Line2D] = []
    bands: list[Floats] = []
    banded: list[str] = []
    held: list[str] = []
    for place, (arm, history) in enumerate(arms.items()):
        look = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        stagger = place / len(arms)
        held_out = next((name for name in _held_out(quantity) if name in history.metrics), None)
        if held_out:
            values_SE = _values(history, held_out)
            bands += (edges := _draw_band(axes, values_SE, look["color"]))
            held.append(held_out)
            banded += [held_out] if edges else []
            tests.append(
                _draw_arm(
                    axes, values_SE, f"{arm}, {part_label(held_out)}", stagger, linewidth=1.8, markersize=5, **look
                )
            )
        if quantity in history.metrics:
            style = {"linewidth": 0.9, "linestyle": (0, (4, 2)), "markersize": 3}
            trains.append(_draw_arm(axes, _values(history, quantity), f"{arm}, Train", stagger, **style, **look))
        _draw_kept(axes, quantity, history, look["color"], place)
    goal = _draw_target(axes, quantity, target if target is not None and target[0] in (quantity, *held) else None)
    scale(axes, quantity, [_heights(line) for line in (*tests, *trains)], others=[*bands, *map(_heights, goal)])
    shown = [*held, *([quantity] if trains else [])]
    subtitle = f"{comparison_subtitle(arms, banded=banded)}\n{parts_line(quantity, shown)}"
    return finish(axes, *arranged(tests, trains, goal), subtitle=subtitle)


def _parts(history: History) -> dict[str, Part]:
    """Return metric prefix -> how to draw this part. Without a test part, validation is drawn like a test part."""
    if any(name.startswith("test_") for name in history.metrics):
        return PARTS
    alone = PARTS["test_"]._replace(label=PARTS["val_"].label)
    return {"": PARTS[""], "val_": alone, "train_": PARTS["train_"]}


def _held_out(quantity: str) -> tuple[str, str]:
    """Return the test and the validation metric of a quantity. A comparison draws the first one that was measured."""
    return f"test_{quantity}", f"val_{quantity}"


def _draw_seeds(axes: Axes, values_SE: Floats, colour: str) -> None:
    """Draw a thin line for every seed; dots if there is only one epoch, which makes no line."""
    seeds, epochs = values_SE.shape
    alpha = max(0.08, 0.35 - 0.003 * seeds)
    epochs_E = np.arange(1.0, epochs + 1)
    if epochs == 1:
        axes.plot(np.repeat(epochs_E, seeds), values_SE[:, 0], ".", color=colour, alpha=alpha)
        return
    segments = np.stack([np.broadcast_to(epochs_E, values_SE.shape), values_SE], axis=-1)
    axes.add_collection(LineCollection(list(segments), colors=colour, linewidths=0.7, alpha=alpha), autolim=False)


def _draw_mean(axes: Axes, values_SE: Floats, part: Part) -> Line2D:
    mean_E = _mean(values_SE)
    marker = "o" if np.isfinite(mean_E).sum() == 1 else ""
    style: dict[str, Any] = {"color": part.colour, "linestyle": part.linestyle, "linewidth": part.width}
    return axes.plot(np.arange(1, len(mean_E) + 1), mean_E, label=part.label, marker=marker, zorder=3, **style)[0]


def _draw_arm(axes: Axes, values_SE: Floats, label: str, stagger: float, **style: Any) -> Line2D:
    """Draw an arm's mean with about 8 markers. `stagger` (0 to 1) shifts them so that arms' markers do not overlap."""
    mean_E = _mean(values_SE)
    reached = np.flatnonzero(np.isfinite(mean_E))
    step = max(1, len(reached) // 8)
    marked = reached[int(stagger * step) :: step].tolist()
    return axes.plot(np.arange(1, len(mean_E) + 1), mean_E, label=label, markevery=marked, zorder=3, **style)[0]


def _draw_band(axes: Axes, values_SE: Floats, colour: str) -> list[Floats]:
    """Draw mean ± 1 standard deviation where at least two seeds have values. Return its edges; [] if none is drawn."""
    mean_E, deviation_E = _mean(values_SE), _deviation(values_SE)
    if not np.isfinite(deviation_E).any():
        return []
    low_E, high_E = mean_E - deviation_E, mean_E + deviation_E
    axes.fill_between(np.arange(1, len(mean_E) + 1), low_E, high_E, color=colour, alpha=0.16, linewidth=0)
    return [low_E, high_E]


def _draw_kept(axes: Axes, quantity: str, history: History, colour: str, place: int = 0) -> None:
    """Draw a tick for each seed at the epoch that early stopping kept: at the bottom if higher is better, else the top.

    So the ticks are far from the ends of the curves.
    """
    kept = [epoch for seed, epoch in history.best_epoch.items() if seed not in history.diverged_at]
    if not kept:
        return
    from_edge = TICKS * (place + 0.5)
    height = from_edge if higher_is_better(quantity) else 1 - from_edge
    style: dict[str, Any] = {"color": colour, "alpha": 0.7, "markersize": 8, "transform": axes.get_xaxis_transform()}
    axes.plot(kept, np.full(len(kept), height), "|", **style)


def _draw_target(axes: Axes, quantity: str, target: tuple[str, float] | None) -> list[Line2D]:
    if target is None or not abs(target[1]) < 1e99:
        return []
    value, sign = (target[1] * 100, "%") if traits(quantity).in_percent else (target[1], "")
    return [
        axes.axhline(value, color=GREY, linewidth=1, linestyle=":", label=f"Target of {target[0]}: {value:.4g}{sign}")
    ]


# --- numbers -----------------------------------------------------------------


def _quantities(histories: Iterable[History]) -> list[str]:
    return list(dict.fromkeys(quantity_of(name) for history in histories for name in history.metrics))


def _values(history: History, metric: str) -> Floats:
    """Return the values to draw, (S, E): accuracies in percent; NaN for values that are not finite or reach 1e99."""
    values_SE = np.asarray(history.metrics[metric], float)
    drawn_SE = np.where(np.abs(values_SE) < 1e99, values_SE, np.nan)
    return drawn_SE * 100 if traits(metric).in_percent else drawn_SE


def _mean(values_SE: Floats) -> Floats:
    """Return each epoch's mean over the seeds with a value, (E,); NaN, without a warning, if no seed has one."""
    count_E = np.isfinite(values_SE).sum(axis=0)
    return np.where(count_E > 0, np.nansum(values_SE, axis=0) / np.maximum(count_E, 1), np.nan)


def _deviation(values_SE: Floats) -> Floats:
    count_E = np.isfinite(values_SE).sum(axis=0)
    squares_E = np.nansum((values_SE - _mean(values_SE)) ** 2, axis=0)
    return np.where(count_E > 1, np.sqrt(squares_E / np.maximum(count_E - 1, 1)), np.nan)


def _heights(line: Line2D) -> Floats:
    return np.asarray(line.get_ydata(), float)
