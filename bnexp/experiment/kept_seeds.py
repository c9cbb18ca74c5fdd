"""Seeds of an experiment that a stored run has trained already, so that only the other seeds must be trained.

A finished run is never changed. The run that trains the other seeds gets its own directory, which holds all seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bnexp import store
from bnexp.config import Experiment
from bnexp.errors import RunError
from bnexp.experiment import lookup
from bnexp.experiment.circumstances import (
    CORES,
    ENGINE,
    changed_circumstances,
    changes,
    circumstances_of,
    machine_of,
)
from bnexp.experiment.codes import with_codes
from bnexp.experiment.finished_seeds import other_measures
from bnexp.experiment.measured_rows import is_of_data, within_limits
from bnexp.experiment.pairing_digests import kernel_digests
from bnexp.experiment.prepare import built_for, prepared
from bnexp.experiment.saved_models import NOT_SAVED, holds_models, saved_seeds
from bnexp.held_out import HeldOut
from bnexp.history import History
from bnexp.store import RunRecord
from bnexp.store.plan_document import PlannedSeeds
from bnexp.store.records import Seeds
from bnexp.store.run_record import Machine, Pairing, TrainedSeeds
from bnexp.system.listeners import Note
from bnexp.system.machine import machine

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built


@dataclass(frozen=True)
class KeptSeeds:
    """The first seeds of an experiment, as a stored run keeps them."""

    directory: Path
    record: RunRecord
    experiment: Experiment
    """The experiment to train; it has more seeds."""
    history: History
    """History of the kept seeds."""
    rows: HeldOut | None

    @property
    def seeds(self) -> Seeds:
        """Return the seeds that need no training."""
        return self.history.seeds

    @property
    def pairing(self) -> Pairing:
        """Return the digests that pair these seeds with other runs' seeds."""
        return self.record.pairing.of(self.seeds)

    @property
    def trained(self) -> list[TrainedSeeds]:
        """List the trainings of these seeds: in which run, when, and on which machine."""
        record = self.record
        whole = TrainedSeeds(
            seeds=record.seeds or self.seeds,
            run=self.directory.name,
            started=record.started,
            duration_seconds=record.duration_seconds,
            machine=record.machine,
        )
        found = []
        for one in record.trained or [whole]:
            if seeds := tuple(seed for seed in one.seeds if seed in self.seeds):
                found.append(one.model_copy(update={"seeds": seeds}))
        return found

    @property
    def not_saved(self) -> list[str]:
        """List the reasons why models of these seeds are missing."""
        return [text for text in self.record.not_kept if text.startswith(NOT_SAVED)]


def kept_seeds(experiment: Experiment, runs: Path, info: Note) -> KeptSeeds | None:
    """Return the seeds that a run of this experiment with fewer seeds keeps; None if all seeds must be trained.

    `info` is called with the seeds that will be trained, and with each reason why a run cannot be used.

    Raises:
        UserError: if the data or the model of the experiment is invalid.
    """
    kept, not_used = usable_seeds(experiment, runs)
    for text in not_used:
        info(f"{experiment.name}: {text}")
    if kept is not None:
        left = experiment.training.all_seeds()[len(kept.seeds) :]
        info(f"{experiment.name}: {kept.directory.name} holds {_span(kept.seeds)}; to be trained: {_span(left)}")
    return kept


def usable_seeds(experiment: Experiment, runs: Path) -> tuple[KeptSeeds | None, list[str]]:
    """Return what `kept_seeds` returns, and why runs with more of the seeds cannot be used, each reason once.

    Raises:
        UserError: if the data or the model of the experiment is invalid.
    """
    not_used: dict[str, str] = {}
    for run, seeds in lookup.with_fewer_seeds(runs, experiment):
        try:
            kept = _read(run, seeds, experiment)
            reasons = list(_obstacles(kept))
        except RunError as error:
            reasons = [str(error).rstrip(".")]
        if not reasons:
            return kept, list(not_used.values())
        why = "; ".join(reasons)
        not_used.setdefault(why, f"the training of {_span(seeds)} in {run.id} cannot be used: {why}")
    return None, list(not_used.values())


def planned_seeds(experiment: Experiment, runs: Path, *, compared: bool = False) -> PlannedSeeds:
    """Return how many seeds of an experiment a run keeps, and why other runs cannot be used; nothing is trained.

    It also says how an interrupted run goes on. `compared` is True if the experiment is an arm of a comparison.

    Raises:
        UserError: if the data or the model of the experiment is invalid.
    """
    kept, not_used = usable_seeds(experiment, runs)
    return PlannedSeeds(
        seeds=experiment.training.seeds,
        seeds_kept=0 if kept is None else len(kept.seeds),
        kept_in=None if kept is None else kept.directory.name,
        seeds_not_used=not_used,
        interrupted=lookup.offer(runs, experiment, compared=compared),
    )


def _span(seeds: Seeds) -> str:
    """Write consecutive seeds as a text.

    >>> _span((0, 1, 2)), _span((7,))
    ('seeds 0 to 2', 'seed 7')
    """
    return f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _read(run: store.Run, seeds: Seeds, experiment: Experiment) -> KeptSeeds:
    """Read the history and rows of some of a run's seeds.

    Raises:
        RunError: if a file is missing or damaged, or has other seeds than run.json, or if run.json lacks a digest.
    """
    record = run.record()
    history, rows = run.measured(record)
    if (lost := record.pairing.lacks(seeds)) is not None:
        raise RunError(f"{run.id}/run.json: {lost}")
    if rows is not None:
        rows = within_limits(rows.of(seeds), experiment, prepared(experiment))
    return KeptSeeds(run.directory, record, experiment, history.of(seeds), rows)


def _obstacles(kept: KeptSeeds) -> Iterator[str]:
    """Yield each reason why seeds that are trained now cannot be combined with the kept seeds."""
    data = prepared(kept.experiment)
    yield from _other_circumstances(kept.record)
    splits = data.split_digests(kept.experiment.training.all_seeds())
    if kept.record.dataset.digest != data.digest or not kept.pairing.splits.items() <= splits.items():
        yield "the rows or splits differ"
        return
    built = built_for(kept.experiment, data)
    if kept.record.dataset.codes != with_codes(data, built).codes:
        yield "inputs that are codes were scaled"
    yield from _other_model(kept, data, built)
    yield from _lost(kept, data)


def _other_circumstances(record: RunRecord) -> Iterator[str]:
    """Yield each difference in versions and machine, but not in the number of cores, which changes only rounding."""
    from bnexp.training.devices import gpus

    here = machine_of(Machine.model_validate({**machine(), "gpus": gpus()}))
    here.pop(CORES)
    yield from changed_circumstances(record.versions, machine_of(record.machine), here)


def _other_model(kept: KeptSeeds, data: Data, built: Built) -> Iterator[str]:
    """Yield each difference in the engine, in the metrics and epochs, and in the initial weights."""
    from bnexp.training import engine_name

    trainer, _ = engine_name(kept.experiment.training, built.model)
    yield from changes(circumstances_of(kept.record), {ENGINE: trainer})
    yield from other_measures(kept.history, kept.experiment, data.task)
    first = kept.seeds[:1]
    now = kernel_digests(built, first, built.initial.draw(first))
    if now != {name: {str(*first): digests[str(*first)]} for name, digests in kept.pairing.kernels.items()}:
        yield "the initial weights differ"


def _lost(kept: KeptSeeds, data: Data) -> Iterator[str]:
    """Yield each file or measure that a run of all seeds would have and that the kept seeds lack."""
    from bnexp.training.kept_rows import keeps_measures, keeps_predictions

    training = kept.experiment.training
    wanted = keeps_measures(training, data, training.seeds), keeps_predictions(training, data, training.seeds)
    if kept.rows is not None and not is_of_data(kept.rows, data):
        yield f"{store.ROWS} is of other rows"
        return
    parts = [] if kept.rows is None else list(kept.rows.parts.values())
    if wanted != (wanted[0] and bool(parts), wanted[1] and all("predicted" in part.measures for part in parts)):
        yield "what each held-out row measured was not kept (training.keep_rows)"
    if not kept.not_saved and not holds_models(kept.directory, saved_seeds(kept.experiment, kept.history)):
        yield f"the models that training.save: {training.save} asks for were not kept"
