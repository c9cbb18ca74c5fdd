"""What a study keeps of a training. Experiments that share a program are trained together, and no file is written.

Axis: S seeds.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bnexp.comparison.computed import NEEDS_PREDICTIONS, with_computed
from bnexp.config import Experiment
from bnexp.config.own_model import OWN_NETWORKS
from bnexp.data.fingerprint import Sources, refuse_changed
from bnexp.errors import SettingError
from bnexp.experiment.batch import BatchObserver, Prepared, Wave, program_key, train
from bnexp.experiment.codes import with_codes
from bnexp.experiment.measured_rows import held_out
from bnexp.experiment.own_files import refuse_changed_network
from bnexp.experiment.prepare import built_for, prepared
from bnexp.experiment.warnings import warnings_of
from bnexp.held_out import HeldOut, joined
from bnexp.history import History
from bnexp.store.records import Seeds

if TYPE_CHECKING:
    from bnexp.data import Data

MOST_PREDICTION_BYTES = 2**25
"""Limit for the predictions of all seeds and rows of one experiment that no question needs yet. They are kept so that a
later question about AUC and the like needs no training. Measured: 20 seeds x 10,000 rows x 10 classes take 4 MiB, are
written in 0.3 s and read in 0.05 s."""


@dataclass(frozen=True)
class Measured:
    """What a training of some seeds of one experiment measured."""

    history: History
    guessing: dict[str, float]
    """Part of the data -> accuracy of always answering the training part's commonest class (`Data.guessing`)."""
    one_class: dict[str, float]
    """Part of the data -> accuracy of the best single answer (`Data.one_class`)."""
    rows: dict[str, int]
    """Part of the data -> its number of rows."""
    steps: int
    """Optimizer steps of all seeds together."""
    seconds: float
    """Its share of the training time of all experiments that were trained together."""
    warnings: list[str]
    """Warnings about its network and its training."""
    data_warnings: list[str]
    """Warnings about its data, which hold for any network."""
    adds_penalty: bool = False
    """True if a network of the user's own adds a penalty to its loss."""
    held_out: HeldOut | None = None
    """The measures of each held-out row; None if they are not kept."""


class _RowKeeper(BatchObserver):
    """Keeps the measures of each held-out row, wave by wave, for each experiment of a batch."""

    def __init__(self, batch: Sequence[Prepared], seeds: int, *, predictions: bool) -> None:
        self._seeds, self._predictions = seeds, predictions
        self._numbers = {id(one.experiment): number for number, one in enumerate(batch)}
        self._waves: list[list[HeldOut]] = [[] for _ in batch]

    def wave_ended(self, wave: Wave) -> None:
        """Keep the rows of a wave. Large predictions are kept only if errors or metrics are computed from them."""
        if (rows := held_out(wave)) is not None:
            is_needed = self._predictions or wave.prepared.data.task == "regression"
            is_small = self._seeds * rows.prediction_bytes <= MOST_PREDICTION_BYTES
            kept = rows if is_needed or is_small else rows.without_predictions()
            self._waves[self._numbers[id(wave.prepared.experiment)]].append(kept)

    def of(self, number: int, seeds: Seeds) -> HeldOut | None:
        """Return the rows of one experiment; None if a wave kept none."""
        waves = self._waves[number]
        whole = waves and sum(len(one.seeds) for one in waves) == len(seeds)
        return joined(waves) if whole else None


def measured(
    experiments: Sequence[Experiment],
    seeds: Seeds,
    among: Seeds | None = None,
    *,
    sources: Sources | None = None,
    largest_shard: int | None = None,
    computed: Collection[str] = (),
) -> list[Measured]:
    """Train these seeds of each experiment and return what was measured; nothing is written.

    `seeds` are the last ones of `among`, which are all seeds; if `among` is None, `seeds` are all seeds. The facts
    about the data cover all seeds. At most `largest_shard` trainings run at the same time; None means as many as fit
    in memory and gain speed. `computed` names metrics that are computed after training, such as `val_auc`. The
    histories hold them, too.

    Raises:
        SettingError: if the data or the model is invalid or differs from `sources`. Also if a metric needs
            predictions, and the data are too large to keep them.
        MemoryError: if the trainings that run at the same time do not fit in memory.
    """
    data = prepared_once(experiments, among or seeds)
    for one, own in zip(experiments, data, strict=True):
        refuse_changed(one.dataset, own.source_sha256, sources or {})
        refuse_changed_network(one.model, sources or {})
    alike: dict[Any, list[int]] = {}
    for number, one in enumerate(experiments):
        alike.setdefault((program_key(one), data[number].shape), []).append(number)
    found: dict[int, Measured] = {}
    for numbers in alike.values():
        those = [experiments[number] for number in numbers], [data[number] for number in numbers]
        found |= zip(numbers, _measured_alike(*those, seeds, largest_shard, predictions=bool(computed)), strict=True)
    return [_with_computed(found[number], computed) for number in range(len(experiments))]


def _with_computed(one: Measured, computed: Collection[str]) -> Measured:
    """Return the measurements with those metrics added that are computed after training."""
    for metric in computed:
        history = with_computed(one.history, one.held_out, metric)
        if history is None:
            why = f"{metric} {NEEDS_PREDICTIONS}, and the parts are too large to keep them"
            raise SettingError("dataset.limit", f"is too large: {why}. Use fewer seeds, or a smaller dataset.limit.")
        one = replace(one, history=history)
    return one


def prepared_once(experiments: Sequence[Experiment], seeds: Seeds) -> list[Data]:
    """Return the data of each experiment.

    Experiments with the same dataset are prepared one after the other, because `prepared` keeps its newest data. So
    they share one copy if they have the same memory limit.
    """
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(experiments):
        numbers.setdefault(one.dataset.model_dump_json(), []).append(number)
    data = {number: prepared(experiments[number], seeds) for several in numbers.values() for number in several}
    return [data[number] for number in range(len(experiments))]


def ready(experiment: Experiment, data: Data, part: Data) -> Prepared:
    """Return the experiment with its network, which is built for `data`, and a part of them as the network gets it."""
    built = built_for(experiment, data)
    return Prepared(experiment, with_codes(part, built), built)


def _measured_alike(
    experiments: Sequence[Experiment],
    data: Sequence[Data],
    seeds: Seeds,
    largest_shard: int | None,
    *,
    predictions: bool,
) -> list[Measured]:
    begun = time.monotonic()
    last = slice(-len(seeds), None)
    batch = [ready(one, own, own.of(last)) for one, own in zip(experiments, data, strict=True)]
    keeper = _RowKeeper(batch, len(seeds), predictions=predictions)
    histories = list(train(batch, seeds, keeper, largest_shard=largest_shard))
    seconds = (time.monotonic() - begun) / len(experiments)
    rows = [keeper.of(number, seeds) for number in range(len(batch))]
    return [_measured(*each, seconds) for each in zip(batch, data, histories, rows, strict=True)]


def _measured(one: Prepared, data: Data, history: History, rows: HeldOut | None, seconds: float) -> Measured:
    experiment, built = one.experiment, one.built
    per_epoch = data.steps(experiment.training.batch_size, experiment.training.drop_last)
    return Measured(
        history,
        data.guessing,
        data.one_class,
        {part: int(rows_SR.shape[1]) for part, rows_SR in data.parts.items()},
        per_epoch * sum(history.epochs_S),
        seconds,
        warnings_of(experiment, per_epoch * history.fewest_kept, built.warnings, built.own_momenta),
        list(data.rows.facts.warnings or ()),
        built.adds_penalty and isinstance(experiment.model, OWN_NETWORKS),
        rows,
    )
