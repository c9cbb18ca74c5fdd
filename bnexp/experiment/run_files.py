"""The files of a run that grow while it is trained: its history, digests and models, written after each wave.

TensorFlow is imported here, inside functions.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bnexp import store
from bnexp.errors import UserError
from bnexp.experiment.batch import BatchObserver, Wave
from bnexp.experiment.kept_seeds import KeptSeeds
from bnexp.experiment.measured_rows import held_out
from bnexp.experiment.pairing_digests import joined_pairing, pairing_of
from bnexp.experiment.saved_models import NOT_SAVED, inputs_file, saved_seeds
from bnexp.held_out import HeldOut
from bnexp.held_out import joined as joined_rows
from bnexp.history import History, Watch, joined
from bnexp.store.run_record import Pairing

KEEP_EVERY_SECONDS = 5.0
"""How often the history so far is written while training, so that even a kill loses little."""

KEEPING_SHARE = 0.05
"""The most of the time that this writing may take: a history grows with every epoch."""


class RunFiles(BatchObserver):
    """Writes what a run measures into its directory: after each wave, and the history every few seconds.

    `record` is what run.json holds; it gets the digests and models of each
    wave. `watch` gets the histories so far after each epoch, and may ask to stop.
    What is `kept` of seeds that were trained before stands in front of all that is trained here.
    """

    def __init__(self, directory: Path, record: store.RunRecord, watch: Watch, kept: KeptSeeds | None = None) -> None:
        self._directory, self._record, self._watch = directory, record, watch
        self._before = [] if kept is None else [kept.history]
        self._histories: list[History] = [*self._before]
        self._rows: list[HeldOut] = [] if kept is None or kept.rows is None else [kept.rows]
        self._ends: list[tuple[float, int]] = []
        self._due = time.monotonic() + KEEP_EVERY_SECONDS
        self._asked = False
        self.seconds = 0.0
        """Of training."""
        self.paces: list[float] = []
        """Seconds that one seed's epoch took, in the waves in which that could be measured."""
        self.pace_before = None if kept is None else kept.record.seed_epoch_seconds
        """The same of the seeds that were trained before."""
        self.interrupted = False
        """The user stopped it before its last epoch."""
        self.not_kept: list[str] = []
        """What could not be kept beside the history, and why."""
        record.pairing, record.models = Pairing(), {}
        if kept is not None:
            self._copy(kept)

    @property
    def history(self) -> History:
        """Return the history of all waves."""
        return joined(self._histories)

    def epoch_ended(self, so_far: Sequence[History]) -> bool:
        """Write the history if it is time to, and pass it on."""
        begun, so_far = time.monotonic(), [*self._before, *so_far]
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
        self.seconds += wave.seconds
        self.interrupted = trained.interrupted or (self._asked and wave.left > 0)
        self._histories.append(trained.history)
        store.write_json(self._directory / "history.json", self.history.to_json())
        self._record.pairing = joined_pairing(self._record.pairing, pairing_of(wave))
        self._write_rows(wave)
        try:
            self._record.models |= self._save_models(wave)
        except Exception as error:  # what was trained is worth more than a file of it
            self._note_not_saved(error)
        store.write_record(self._directory / "run.json", self._record)

    def _note_not_saved(self, error: Exception) -> None:
        reason = (str(error) if isinstance(error, UserError) else repr(error)).rstrip(".")
        self.not_kept.append(f"{NOT_SAVED}: {reason}. Train again to have it; all numbers are kept.")

    def _copy(self, kept: KeptSeeds) -> None:
        """Write what is kept of seeds that were trained before, as if they had been the first wave."""
        store.write_json(self._directory / "history.json", self.history.to_json())
        if self._rows:
            store.write(self._directory / "rows.npz", joined_rows(self._rows).to_npz())
        self._record.pairing = kept.pairing
        self.not_kept += kept.not_saved
        try:
            self._record.models |= {} if kept.not_saved else self._copied_models(kept)
        except Exception as error:  # as when they are lost by now
            self._note_not_saved(error)
        store.write_record(self._directory / "run.json", self._record)

    def _copied_models(self, kept: KeptSeeds) -> dict[str, str]:
        """Copy the models of these seeds that this run keeps, too; return their sha256."""
        wanted = saved_seeds(kept.experiment, kept.history)
        for name in wanted:
            for file in (name, inputs_file(name)):
                store.copy(kept.directory / file, self._directory / file)
        return {name: store.read_json(self._directory / inputs_file(name))["model_sha256"] for name in wanted}

    def _write_rows(self, wave: Wave) -> None:
        """Write what each held-out row measured, of all waves so far."""
        if (rows := held_out(wave)) is not None:
            self._rows.append(rows)
            store.write(self._directory / "rows.npz", joined_rows(self._rows).to_npz())

    def _save_models(self, wave: Wave) -> dict[str, str]:
        """Write the models that the config asks for, and beside each how its inputs are made; return their sha256."""
        digests = {}
        rows = {seed: row for row, seed in enumerate(wave.trained.history.seeds)}
        for name, seed in saved_seeds(wave.prepared.experiment, self.history).items():
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
    """Return one seed's seconds an epoch, from when epochs ended for `at_once` seeds, and how many seeds had begun.

    The first epoch holds the tracing and does not count; nor does the first of each seed that is trained after others.

    >>> _pace([(9.0, 20), (11.0, 20), (13.0, 20)], at_once=20), _pace([(5.0, 1), (6.0, 1), (11.0, 2)], at_once=1)
    (0.1, 1.0)
    """
    took = [end - begun for (begun, before), (end, seeds) in itertools.pairwise(ends) if seeds == before]
    return float(np.median(took)) / at_once if took else None
