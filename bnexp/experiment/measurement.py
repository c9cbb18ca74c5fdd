"""What a study keeps of a training: experiments that share a program are trained together, and nothing is written.

Axis: S seeds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnexp.config import Experiment
from bnexp.data.fingerprint import Sources, refuse_changed
from bnexp.experiment.batch import Prepared, Seeds, program_key, train
from bnexp.experiment.prepare import built_for, prepared
from bnexp.experiment.warnings import cautions
from bnexp.history import History

if TYPE_CHECKING:
    from bnexp.data import Data


@dataclass(frozen=True)
class Measured:
    """What a training of some seeds of one experiment measured."""

    history: History
    guessing: dict[str, float]
    """`Data.guessing`."""
    one_class: dict[str, float]
    """`Data.one_class`."""
    rows: dict[str, int]
    """Part of the data -> its rows."""
    steps: int
    """Optimizer steps of all seeds together."""
    seconds: float
    """Its share of the time that all took that were trained together."""
    warnings: list[str]


def measured(
    experiments: Sequence[Experiment], seeds: Seeds, *, sources: Sources | None = None, largest_shard: int | None = None
) -> list[Measured]:
    """Train these seeds of each experiment and return what was measured; nothing is written.

    At most `largest_shard` trainings are worked on at a time, else as many as fit and gain speed.

    Raises:
        SettingError: if the data, compared with `sources` too, or the model is not as it should be.
        MemoryError: if what is worked on at a time does not fit in memory.
    """
    data = prepared_once(experiments, seeds)
    for one, own in zip(experiments, data, strict=True):
        refuse_changed(one.dataset, own.source_sha256, sources or {})
    alike: dict[Any, list[int]] = {}
    for number, one in enumerate(experiments):
        alike.setdefault((program_key(one), data[number].shape), []).append(number)
    found: dict[int, Measured] = {}
    for numbers in alike.values():
        those = [experiments[number] for number in numbers], [data[number] for number in numbers]
        found |= zip(numbers, _measured_alike(*those, seeds, largest_shard), strict=True)
    return [found[number] for number in range(len(experiments))]


def prepared_once(experiments: Sequence[Experiment], seeds: Seeds) -> list[Data]:
    """Return the data of each experiment. Experiments with one dataset share one copy."""
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(experiments):
        numbers.setdefault(one.dataset.model_dump_json(), []).append(number)
    data = {number: prepared(experiments[number], seeds) for several in numbers.values() for number in several}
    return [data[number] for number in range(len(experiments))]


def _measured_alike(
    experiments: Sequence[Experiment], data: Sequence[Data], seeds: Seeds, largest_shard: int | None
) -> list[Measured]:
    begun = time.monotonic()
    batch = [Prepared(one, own, built_for(one, own)) for one, own in zip(experiments, data, strict=True)]
    histories = list(train(batch, seeds, largest_shard=largest_shard))
    seconds = (time.monotonic() - begun) / len(experiments)
    return [_measured(*each, seconds) for each in zip(experiments, data, histories, strict=True)]


def _measured(experiment: Experiment, data: Data, history: History, seconds: float) -> Measured:
    per_epoch = data.steps(experiment.training.batch_size, experiment.training.drop_last)
    return Measured(
        history,
        data.guessing,
        data.one_class,
        {part: int(rows_SR.shape[1]) for part, rows_SR in data.parts.items()},
        per_epoch * sum(history.epochs_S),
        seconds,
        [*(data.rows.facts.warnings or ()), *cautions(experiment, per_epoch * history.fewest_kept)],
    )
