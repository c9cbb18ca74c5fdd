"""Output in the terminal: a run's table, and the list of known data sets. `comparison_table.py` has comparisons.

Names are untrusted text: control characters are removed, and nothing in them
is read as markup. Live progress is in `progress.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.errors import counted
from bnexp.history import History
from bnexp.metrics import number, quantity, with_unit
from bnexp.report.about_data import data_lines
from bnexp.report.about_network import network_lines
from bnexp.report.styles import FAILURE, STRONG, warning
from bnexp.statistics.arrays import Floats
from bnexp.store import RunRecord
from bnexp.system.terminal import plain

# --- runs ---------------------------------------------------------------------


def run_summary(record: RunRecord, history: History) -> RenderableType:
    """Return a run's short table: each metric at the last and the best epoch, mean ± standard deviation over seeds."""
    table = plain_table("", "final", "best")
    for metric in history.metrics:
        values = [history.final(metric)]
        if not metric.startswith("test_"):  # a test part must choose nothing, not even the best epoch
            values.append(history.best(metric))
        judged = [history.as_judged(metric, values_S, record.dataset.guessing) for values_S in values]
        table.add_row(metric_text(metric), *(_mean_deviation(metric, values_S) for values_S in judged))
    lengths = f"{counted(len(history.seeds), 'seed')}, {counted(max(history.epochs_S), 'epoch')}"
    took = "" if record.duration_seconds is None else f", {record.duration_seconds:.1f} s"
    head = f"{plain(record.name)}: {lengths}{took}"
    parts: list[RenderableType] = [
        Text(head, style=STRONG),
        *data_lines(record.dataset, measured={*map(quantity, history.metrics)}),
        *network_lines(record.network),
        table,
        Text("mean ± standard deviation over seeds"),
    ]
    if record.trainer is not None and record.trainer.reason:
        parts.append(Text(f"trained seed by seed with keras_fit: {plain(record.trainer.reason)}"))
    if record.rounding:
        parts.append(Text(plain(record.rounding)))
    return Group(
        *parts,
        *map(warning, [*record.warnings, *record.not_kept]),
        *diverged_lines({record.name: history.diverged_at}, record.dataset.task),
    )


def data_list(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the list of known data sets, and the command that fetches the missing ones."""
    table = Table("data set", "kind", "rows", "classes", "here", "what", "licence", box=None, pad_edge=False)
    for row in rows:
        classes = "-" if row["classes"] is None else str(row["classes"])
        here = "yes" if row["here"] else "no"
        table.add_row(row["name"], row["kind"], f"{row['rows']:,}", classes, here, row["what"], row["licence"])
    missing = [row["name"] for row in rows if not row["here"]]
    if not missing:
        return table
    return Group(table, Text(f"`bnexp data fetch NAME` fetches what is not here: {', '.join(missing)}"))


def _mean_deviation(metric: str, values_S: Floats) -> str:
    finite = values_S[np.isfinite(values_S)]
    if not len(finite):
        return "-"
    return with_spread(metric, float(finite.mean()), float(finite.std(ddof=1)) if len(finite) > 1 else None)


def metric_text(metric: str) -> Text:
    """Return a metric's name with its unit. The name is untrusted, as it comes from a file."""
    return Text(plain(with_unit(metric)))


def with_spread(metric: str, mean: float | None, spread: float | None) -> str:
    """Write a mean ± its spread, or the mean alone if there is no spread.

    >>> with_spread("loss", 0.12345, 0.0234), with_spread("accuracy", 0.9, None)
    ('0.123 ± 0.023', '90.00')
    """
    if spread is None:
        return number(metric, mean)
    return f"{number(metric, mean, spread=spread)} ± {number(metric, spread, spread=spread)}"


def diverged_lines(by_name: Mapping[str, Mapping[Any, int]], task: str | None) -> Iterator[Text]:
    """Yield lines on which seeds of each run diverged, at which epoch, and how they are counted."""
    for name, epochs in by_name.items():
        if epochs:
            listed = ", ".join(f"seed {seed} at epoch {epoch}" for seed, epoch in epochs.items())
            yield Text(f"DIVERGED  {plain(name)}: {listed} (loss no longer finite)", style=FAILURE)
    if any(by_name.values()):
        guessing = "counts as guessing the commonest class in accuracy, and has no other value"
        yield Text(f"a diverged seed {'has no value' if task == 'regression' else guessing}")


def plain_table(first: str, *others: str) -> Table:
    """Return an empty table without lines. The first column is aligned left, the others right; long texts wrap."""
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    table.add_column(Text(first), overflow="fold")
    for column in others:
        table.add_column(Text(column), justify="right", overflow="fold")
    return table
