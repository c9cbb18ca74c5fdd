"""The texts of figures: untrusted names in a form that is safe to draw, and subtitles that say what is drawn."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping

from bnexp.errors import counted
from bnexp.history import History
from bnexp.report.fonts import can_draw, font_of

SMALL, TITLE = 8.0, 11.0  # font sizes, points
NAME_LENGTH = 40  # characters
NAME_WIDTH, LINE_WIDTH = 150.0, 390.0  # points
SEPARATORS = "_-./ "
KEPT = "; ticks: epochs kept by early stopping"


def shown(name: str, width: float = NAME_WIDTH, size: float = SMALL, length: int = NAME_LENGTH) -> str:
    r"""Return a name in a form that a figure can show: one line, only visible characters, shortened in the middle.

    "?" replaces control and bidi characters, lone surrogates, and characters
    that no font has. `width` and `size` are in points, `length` in characters.

    >>> shown("evil\x1b[31m\nname")
    'evil?[31m name'
    """
    seen = (letter if can_draw(letter) else "?" for letter in " ".join(name.split()))
    return fitted("".join(seen) or "?", width, size, length)


def fitted(text: str, width: float, size: float, length: int = 200) -> str:
    """Shorten a text to a width in points and a length in characters. The ellipsis is in the middle.

    The end is kept because names often differ there.
    """
    for kept in range(min(len(text), length), 0, -1):
        cut = text if kept == len(text) else f"{text[: kept // 2]}…{text[len(text) - (kept - 1) // 2 :]}"
        if text_width(cut, size) <= width:
            return cut
    return "…"


def wrapped(text: str, most: int = 2) -> str:
    r"""Break a subtitle at semicolons into at most `most` lines that fit the axes' width; shorten a line that does not.

    >>> wrapped("20 seeds; " + "; ".join(f"{arm * 30}: 3 of 20 seeds diverged" for arm in "ab")).count("\n")
    1
    """
    lines: list[str] = []
    for part in text.split("; "):
        longer = f"{lines[-1]}; {part}" if lines else part
        if lines and (len(lines) == most or text_width(longer, SMALL) <= LINE_WIDTH):
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(fitted(line, LINE_WIDTH, SMALL) for line in lines)


def text_width(text: str, size: float) -> float:
    """Return the width of a text in points, without drawing it."""
    font = font_of(text)
    font.set_size(size, 72)
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64


def in_lines(text: str, width: float, size: float, most: int) -> list[str]:
    """Break a name into at most `most` lines of a width in points, at separators if possible; shorten the last line.

    >>> in_lines("mobilenet_keras_file_layer_frozen", 90, 9, 4)
    ['mobilenet_keras_', 'file_layer_frozen']
    """
    lines: list[str] = []
    while len(lines) < most - 1 and text_width(text, size) > width:
        end = next(kept for kept in range(len(text) - 1, 0, -1) if kept == 1 or text_width(text[:kept], size) <= width)
        after = max(text.rfind(separator, 0, end) for separator in SEPARATORS) + 1
        end = after if after >= end / 2 else end
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, fitted(text, width, size)]


def distinct(
    names: Iterable[str], width: float = NAME_WIDTH, size: float = SMALL, length: int = NAME_LENGTH
) -> list[str]:
    """Return the names as shown; a name that would look like an earlier one gets a number.

    >>> distinct(["bn", "b\\nn", "b\\tn"])
    ['bn', 'b n', 'b n (2)']
    """
    labels: list[str] = []
    for label in (shown(name, width, size, length) for name in names):
        numbered = (label if number == 1 else f"{label} ({number})" for number in itertools.count(1))
        labels.append(next(one for one in numbered if one not in labels))
    return labels


def run_subtitle(history: History) -> str:
    """Return a run's subtitle: number of seeds, meaning of the lines, and how many seeds diverged or stopped early."""
    count, epochs = len(history.seeds), max(history.epochs_S, default=0)
    lost = _lost(history)
    if count == 1:
        return "\n".join(["1 seed", *(f"diverged at epoch {epoch}" for epoch in history.diverged_at.values())])
    mean = "mean over seeds still training" if lost else "mean"
    drawn = f"{count} seeds: {'thin lines' if epochs > 1 else 'small dots'}; strong line: {mean}"
    return "\n".join([drawn + (KEPT if history.best_epoch else ""), *lost])


def comparison_subtitle(arms: Mapping[str, History], *, banded: Collection[str]) -> str:
    """Return a comparison's subtitle: seeds, meaning of lines and bands, and seeds that diverged or stopped early.

    `arms` maps a name to a history; `banded` are the metrics that are drawn with a band.
    """
    fewest, most = (pick(len(history.seeds) for history in arms.values()) for pick in (min, max))
    seeds = f"{fewest} to {most} seeds each" if fewest < most else f"{counted(most, 'seed')} each"
    losses = {arm: _lost(history) for arm, history in arms.items()}
    mean = "mean over seeds still training" if any(losses.values()) else "mean"
    parts = " and ".join(dict.fromkeys(map(part_label, banded)))
    line = f"{seeds}; line: {mean}" + (f"; band: ± 1 standard deviation ({parts})" if parts else "")
    line += KEPT if any(history.best_epoch for history in arms.values()) else ""
    lost = "; ".join(f"{arm}: {', '.join(lines)}" for arm, lines in losses.items() if lines)
    return "\n".join(map(wrapped, [line, *([lost] if lost else [])]))


def part_label(metric: str) -> str:
    """Return the name, in figures, of the held-out part on which a metric is measured.

    >>> part_label("val_accuracy"), part_label("test_loss")
    ('Validation', 'Test')
    """
    return "Validation" if metric.startswith("val_") else "Test"


def parts_line(quantity: str, metrics: Collection[str]) -> str:
    """Return a line that says which metric is drawn as Train, Validation and Test, and in which mode it was measured.

    >>> parts_line("loss", ["loss", "val_loss"])
    'Validation: val_loss, in inference mode; Train: loss, in training mode'
    """
    held_out = [name for name in (f"test_{quantity}", f"val_{quantity}") if name in metrics]
    said = [f"{part_label(name)}: {name}, in inference mode" for name in held_out]
    if len(held_out) > 1:  # a line with both metrics' names would not fit
        said = [f"{' and '.join(map(part_label, held_out))}: in inference mode"]
    said += [f"Train: {quantity}, in training mode"] if quantity in metrics else []
    return fitted("; ".join(said), LINE_WIDTH, SMALL)


def _lost(history: History) -> list[str]:
    """Return a line on how many seeds diverged or stopped before the last epoch; an empty list if none did."""
    count, epochs, diverged = len(history.seeds), max(history.epochs_S, default=0), history.diverged_at
    rows = zip(history.seeds, history.epochs_S, strict=True)
    stopped = sum(reached < epochs and seed not in diverged for seed, reached in rows)
    counts = {"diverged": len(diverged), f"stopped before epoch {epochs}": stopped}
    said = [f"{number} of {count} seeds {what}" for what, number in counts.items() if number]
    return ["; ".join(said)] if said else []
