"""Copies the seeds of an earlier run into the directory of a new run, as if the new run had trained them first."""

from __future__ import annotations

from pathlib import Path

from bnexp import store
from bnexp.experiment.finished_seeds import FinishedSeeds
from bnexp.experiment.kept_seeds import KeptSeeds
from bnexp.experiment.saved_models import inputs_file, not_saved, saved_seeds

ROUNDING = (
    "Seeds were added to a run, so numbers can differ from training all at once: how many seeds train together decides "
    "the rounding of float32. Measured: by 0 to 5e-7 in most nets, and by up to 0.05 in a seed's loss where training "
    "amplifies it, as with a last batch of 2 rows or one seed that trains alone (benchmarks/more_seeds.py)."
)
"""Note in run.json if `many_seeds` trained the seeds in several parts."""


def note_kept(kept: KeptSeeds, record: store.RunRecord) -> None:
    """Write into the record of a new run which seeds come from an earlier run, and when they were trained."""
    (own,) = record.trained
    seeds = tuple(seed for seed in own.seeds if seed not in kept.seeds)
    record.trained = [*kept.trained, own.model_copy(update={"seeds": seeds})]
    record.seed_epoch_seconds = kept.record.seed_epoch_seconds
    if record.trainer is not None and record.trainer.name == "many_seeds":
        record.rounding = ROUNDING


def copied_seeds(kept: KeptSeeds, directory: Path, record: store.RunRecord) -> FinishedSeeds:
    """Write the kept seeds into a new run's directory; return them as the seeds that the new run has finished.

    Raises:
        StorageError: if a file cannot be written.
    """
    store.write_json(directory / "history.json", kept.history.to_json())
    if kept.rows is not None:
        store.keep_rows(directory, kept.rows, record)
    record.pairing, notes = kept.pairing, [*kept.not_saved]
    try:
        record.models = {} if kept.not_saved else _copied_models(kept, directory)
    except Exception as error:  # for example, a model file was deleted meanwhile
        notes.append(not_saved(error))
    store.write_record(directory / "run.json", record)
    return FinishedSeeds(kept.history, kept.rows, not_kept=notes)


def _copied_models(kept: KeptSeeds, directory: Path) -> dict[str, str]:
    """Copy those models of the kept seeds that the new run must keep, too; return file name -> sha256."""
    wanted = saved_seeds(kept.experiment, kept.history)
    for name in wanted:
        for file in (name, inputs_file(name)):
            store.copy(kept.directory / file, directory / file)
    return {name: store.read_json(directory / inputs_file(name))["model_sha256"] for name in wanted}
