"""The output of `bnexp check`: data, network, memory and time of an experiment before it is trained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.data.row_cache import SHARE
from bnexp.errors import counted, listed
from bnexp.experiment.inspection import Columns, Inspection
from bnexp.experiment.prepare import Checked
from bnexp.report.about_data import data_lines
from bnexp.report.about_network import network_lines
from bnexp.report.plan_table import duration
from bnexp.report.styles import STRONG, warning
from bnexp.system.terminal import plain

MOST_COLUMNS, MOST_LAYERS = 12, 40
"""The most columns that a line lists by name, and the most layers in the table."""


def check_table(
    facts: Checked, found: Inspection, plan: Iterable[Text], warnings: Iterable[str], *, measured: Collection[str] = ()
) -> RenderableType:
    """Return what is known about an experiment, section by section. Warnings come last, so that they are seen.

    `plan` holds the lines about what would be trained. `measured` are the quantities of `training.metrics`.
    """
    parts: list[RenderableType] = [Text("Data", style=STRONG), *data_lines(facts.data, measured=measured)]
    parts += [Text(plain(line)) for line in _columns(found.columns)]
    parts += [Text("Network", style=STRONG), _layers(found), *network_lines(facts.network)]
    parts += [Text(plain(line)) for line in _size(found)]
    parts.append(Text("Training", style=STRONG))
    parts += plan
    both = f"{duration(2 * found.seconds)} to compare two arms like it"
    parts.append(Text(f"{duration(found.seconds)} for all seeds, {both}, estimated by timing a few steps"))
    parts += map(warning, warnings)
    return Group(*parts)


def _columns(columns: Columns | None) -> Iterator[str]:
    if columns is None:
        return
    if columns.numbers:
        yield f"{counted(len(columns.numbers), 'column')} of numbers: {listed(columns.numbers, MOST_COLUMNS)}"
    if columns.categories:
        others = {name: f", {count:,} more in held-out rows only" for name, count in columns.held_out_only.items()}
        each = columns.categories.items()
        named = [f"{name} ({counted(values, 'value')}{others.get(name, '')})" for name, values in each]
        yield f"{counted(len(named), 'column')} of categories: {listed(named, MOST_COLUMNS)}"
    if columns.weights is not None:
        yield f"weights of the rows in the training loss: {columns.weights}"
    if columns.left_out:
        yield f"{counted(len(columns.left_out), 'column')} left out: {listed(columns.left_out, MOST_COLUMNS)}"


def _layers(found: Inspection) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("layer", "kind", "outputs"):
        table.add_column(name)
    table.add_column("parameters", justify="right")
    for layer in found.layers[:MOST_LAYERS]:
        table.add_row(plain(layer.path), plain(layer.kind), layer.shape, f"{layer.parameters:,}")
    if len(found.layers) > MOST_LAYERS:
        table.add_row(f"... and {len(found.layers) - MOST_LAYERS} more")
    return table


def _size(found: Inspection) -> Iterator[str]:
    weights = found.parameters
    fixed = f", and {weights.non_trainable:,} that are not trained" if weights.non_trainable else ""
    yield f"{weights.trainable:,} trainable parameters{fixed}"
    trainer, why = found.trainer.name, found.trainer.reason
    yield f"trained by {trainer}" + (", all seeds in one program" if why is None else f": {why}")
    limit = found.memory_limit_bytes
    at_once = ""
    if found.seeds_at_once > 1:
        is_less = "; as many are trained at once as fit" if found.memory_bytes_at_once > limit else ""
        at_once = f", at most {_gibibytes(found.memory_bytes_at_once)} for all {found.seeds_at_once} at once{is_less}"
    yield f"memory: {_gibibytes(found.memory_bytes)} for one seed{at_once}; {_gibibytes(limit)} may be used"
    if (stored := found.rows_on_disk) is not None:
        share = f"more than 1/{SHARE} of the memory that training.memory_limit leaves beside the program"
        yield f"rows: {_gibibytes(stored.bytes)}, on disk in {stored.path}, as they take {share}"


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
