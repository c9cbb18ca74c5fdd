"""The files of a run that grow during training: its history, digests and models, written after each wave.

TensorFlow is imported here, inside functions.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bnexp import store
from bnexp.checkpoint import Arrays, Facts
from bnexp.experiment.batch import BatchObserver, Wave
from bnexp.experiment.finished_seeds import NONE_FINISHED, FinishedSeeds
from bnexp.experiment.measured_rows import held_out
from bnexp.experiment.pairing_digests import joined_pairing, pairing_of
from bnexp.experiment.run_checkpoint import RunCheckpoint
from bnexp.experiment.saved_models import inputs_file, not_saved, saved_seeds
from bnexp.held_out import HeldOut
from bnexp.held_out import joined as joined_rows
from bnexp.history import History, Watch, joined

KEEP_EVERY_SECONDS = 5.0
"""Seconds between two writes of the history during training, so that even a kill loses little."""

KEEPING_SHARE = 0.05
"""Largest share of the time that these writes may take. Each write takes longer, because the history grows."""


class RunFiles(BatchObserver):
    """Writes what a run measures into its directory: after each wave, and the history every few seconds.

    `record` is the content of run.json; the digests and models of each wave are added to it. `watch` is called with
    the histories so far after each epoch, and can ask for a stop. `finished` holds the seeds that the directory has
    already; they come before the seeds that are trained now.
    """

    def __init__(
        self, directory: Path, record: store.RunRecord, watch: Watch, finished: FinishedSeeds = NONE_FINISHED
    ) -> None:
        self._directory, self._record, self._watch = directory, record, watch
        self._before = [] if finished.history is None else [finished.history]
        self._histories: list[History] = [*self._before]
        self._rows: list[HeldOut] = [] if finished.rows is None else [finished.rows]
        self._checkpoint, self._wave_begun = RunCheckpoint(directory, record), time.monotonic()
        self._ends: list[tuple[float, int]] = []
        self._due = time.monotonic() + KEEP_EVERY_SECONDS
        self._asked, self._unsaid = False, bool(record.resumed)
        self.seconds = finished.seconds
        """Seconds of training so far."""
        self.paces: list[float] = [*finished.paces]
        """Seconds of one seed's epoch: one value for each wave in which they could be measured."""
        self.interrupted = False
        """True if the user stopped the run before its last epoch."""
        self.not_kept: list[str] = [*finished.not_kept]
        """What could not be kept besides the history, and why."""

    @property
    def seeds_before(self) -> int:
        """Return the number of seeds that were finished before."""
        return sum(len(history.seeds) for history in self._before)

    @property
    def history(self) -> History:
        """Return the history of all seeds so far."""
        return joined(self._histories)

    def epoch_ended(self, so_far: Sequence[History]) -> bool:
        """Write the history if that is due, and report it; return True to ask for a stop."""
        begun, so_far = time.monotonic(), [*self._before, *so_far]
        if self._unsaid:
            store.write_record(self._directory / "run.json", self._record)
            self._unsaid = False
        self._ends.append((begun, sum(len(history.seeds) for history in so_far)))
        if begun > self._due:
            store.write_json(self._directory / "history.json", joined(so_far).to_json())
            ended = time.monotonic()
            self._due = ended + max(KEEP_EVERY_SECONDS, (ended - begun) / KEEPING_SHARE)
        self._asked = self._watch(so_far)
        return self._asked

    def wave_ended(self, wave: Wave) -> None:
        """Write the history, and the digests and models of the seeds that were just trained."""
        from bnexp.training import engine_name

        trained, one = wave.trained, wave.prepared
        name, _ = engine_name(one.experiment.training, one.built.model)
        pace = _pace(self._ends, at_once=len(trained.history.seeds) if name == "many_seeds" else 1)
        self._ends.clear()
        self.paces += [] if pace is None else [pace]
        self.seconds, self._wave_begun = self.seconds + wave.seconds, time.monotonic()
        self.interrupted = trained.interrupted or (self._asked and wave.left > 0)
        self._histories.append(trained.history)
        store.write_json(self._directory / "history.json", self.history.to_json())
        self._record.pairing = joined_pairing(self._record.pairing, pairing_of(wave))
        self._write_rows(wave)
        if len(self._histories) == 1:
            self._remove_models()
        try:
            self._record.models |= self._save_models(wave)
        except Exception as error:  # the numbers are kept even if a model is not saved
            self.not_kept.append(not_saved(error))
        store.write_record(self._directory / "run.json", self._record)
        if wave.left and not trained.interrupted:
            self.keep_checkpoint({"epoch": 0, "epochs": wave.prepared.experiment.training.epochs}, ())

    def checkpoint_due(self, size: Callable[[], int]) -> bool:
        """Return True if a checkpoint is due by time, or if the user has asked for a stop."""
        return self._asked or self._checkpoint.is_due(size)

    def keep_checkpoint(self, facts: Facts, arrays: Arrays) -> None:
        """Write the state of the seeds that are being trained; the other files hold the finished seeds."""
        finished = [seed for history in self._histories for seed in history.seeds]
        seconds = self.seconds + time.monotonic() - self._wave_begun
        head = self._checkpoint.head(facts, finished=finished, seconds=seconds, paces=self.paces, notes=self.not_kept)
        self._checkpoint.keep(head, arrays)

    def close(self) -> None:
        """Add a note if the run was interrupted and its newest checkpoint could not be written."""
        if self.interrupted and self._checkpoint.lost is not None:
            self.not_kept.append(self._checkpoint.lost)

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint of a finished run. Call it after run.json was written."""
        if not self.interrupted:
            self._checkpoint.remove()

    def _write_rows(self, wave: Wave) -> None:
        """Write the measures of each held-out row, for all waves so far."""
        if (rows := held_out(wave)) is not None:
            self._rows.append(rows)
            store.keep_rows(self._directory, joined_rows(self._rows), self._record)

    def _judged(self, wave: Wave) -> History:
        """Return the history by which models are chosen, without an interrupted wave if the best model is saved."""
        whole = self._histories[:-1]
        goes_on = wave.trained.interrupted and wave.prepared.experiment.training.save == "best"
        return joined(whole) if whole and goes_on else self.history

    def _remove_models(self) -> None:
        """Remove models from before an interruption, because the wave may end with another best model, or none."""
        for name in self._record.models:
            for file in (name, inputs_file(name)):
                (self._directory / file).unlink(missing_ok=True)
        self._record.models = {}

    def _save_models(self, wave: Wave) -> dict[str, str]:
        """Write the models that the config asks for, each with a description of its inputs; return name -> sha256."""
        digests = {}
        rows = {seed: row for row, seed in enumerate(wave.trained.history.seeds)}
        for name, seed in saved_seeds(wave.prepared.experiment, self._judged(wave)).items():
            if seed not in rows:
                continue
            from bnexp.data.model_inputs import model_inputs
            from bnexp.models.saving import model_bytes

            content = model_bytes(wave.prepared.built.model, [values[rows[seed]] for values in wave.trained.weights])
            store.write(self._directory / name, content)
            digests[name] = hashlib.sha256(content).hexdigest()
            described = model_inputs(wave.prepared.data, rows[seed])
            inputs = {"model": name, "model_sha256": digests[name], "seed": seed, **described}
            store.write_json(self._directory / inputs_file(name), inputs)
        return digests


def _pace(ends: Sequence[tuple[float, int]], *, at_once: int) -> float | None:
    """Return the seconds of one epoch of one seed, if `at_once` seeds are trained together; None if it is not known.

    `ends` holds when each epoch ended, and how many seeds had begun by then. The first epoch includes the tracing and
    does not count. If seeds are trained one after the other, the first epoch of each seed does not count.

    >>> _pace([(9.0, 20), (11.0, 20), (13.0, 20)], at_once=20), _pace([(5.0, 1), (6.0, 1), (11.0, 2)], at_once=1)
    (0.1, 1.0)
    """
    took = [end - begun for (begun, before), (end, seeds) in itertools.pairwise(ends) if seeds == before]
    return float(np.median(took)) / at_once if took else None
