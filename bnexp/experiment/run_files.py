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
from bnexp.config import Experiment
from bnexp.errors import UserError
from bnexp.experiment.batch import BatchObserver, Wave
from bnexp.experiment.measured_rows import held_out
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
    """

    def __init__(self, directory: Path, record: store.RunRecord, watch: Watch) -> None:
        self._directory, self._record, self._watch = directory, record, watch
        self._histories: list[History] = []
        self._rows: list[HeldOut] = []
        self._ends: list[tuple[float, int]] = []
        self._due = time.monotonic() + KEEP_EVERY_SECONDS
        self._asked = False
        self.seconds = 0.0
        """Of training."""
        self.paces: list[float] = []
        """Seconds that one seed's epoch took, in the waves in which that could be measured."""
        self.interrupted = False
        """The user stopped it before its last epoch."""
        self.not_kept: list[str] = []
        """What could not be kept beside the history, and why."""
        record.pairing, record.models = Pairing(), {}

    @property
    def history(self) -> History:
        """Return the history of all waves."""
        return joined(self._histories)

    def epoch_ended(self, so_far: Sequence[History]) -> bool:
        """Write the history if it is time to, and pass it on."""
        begun = time.monotonic()
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
        self._record.pairing = _joined(self._record.pairing, _pairing(wave))
        self._write_rows(wave)
        try:
            self._record.models |= self._save_models(wave)
        except Exception as error:  # what was trained is worth more than a file of it
            reason = (str(error) if isinstance(error, UserError) else repr(error)).rstrip(".")
            self.not_kept.append(f"The model was not saved: {reason}. Train again to have it; all numbers are kept.")
        store.write_record(self._directory / "run.json", self._record)

    def _write_rows(self, wave: Wave) -> None:
        """Write what each held-out row measured, of all waves so far."""
        if (rows := held_out(wave)) is not None:
            self._rows.append(rows)
            store.write(self._directory / "rows.npz", joined_rows(self._rows).to_npz())

    def _save_models(self, wave: Wave) -> dict[str, str]:
        """Write the models that the config asks for, and beside each how its inputs are made; return their sha256."""
        digests = {}
        rows = {seed: row for row, seed in enumerate(wave.trained.history.seeds)}
        for name, seed in _saved_seeds(wave.prepared.experiment, self.history).items():
            if seed not in rows:
                continue
            from bnexp.data.model_inputs import model_inputs
            from bnexp.models.saving import model_bytes

            content = model_bytes(wave.prepared.built.model, [values[rows[seed]] for values in wave.trained.weights])
            store.write(self._directory / name, content)
            digests[name] = hashlib.sha256(content).hexdigest()
            described = model_inputs(wave.prepared.data, rows[seed])
            inputs = {"model": name, "model_sha256": digests[name], "seed": seed, **described}
            store.write_json(self._directory / name.replace("model", "inputs").replace(".keras", ".json"), inputs)
        return digests


def _pace(ends: Sequence[tuple[float, int]], *, at_once: int) -> float | None:
    """Return one seed's seconds an epoch, from when epochs ended for `at_once` seeds, and how many seeds had begun.

    The first epoch holds the tracing and does not count; nor does the first of each seed that is trained after others.

    >>> _pace([(9.0, 20), (11.0, 20), (13.0, 20)], at_once=20), _pace([(5.0, 1), (6.0, 1), (11.0, 2)], at_once=1)
    (0.1, 1.0)
    """
    took = [end - begun for (begun, before), (end, seeds) in itertools.pairwise(ends) if seeds == before]
    return float(np.median(took)) / at_once if took else None


def _pairing(wave: Wave) -> Pairing:
    """Return digests of what pairs the seeds of two arms: splits, initial kernels and batches."""
    from bnexp.data import short_digest

    seeds, initial = wave.trained.history.seeds, wave.prepared.built.initial
    kernels = {
        name: {str(seed): short_digest(wave.initial[position][row]) for row, seed in enumerate(seeds)}
        for position, name in initial.kernel_names().items()
    }
    return Pairing.model_validate(
        {"splits": wave.prepared.data.split_digests(seeds), "batches": wave.trained.batches, "kernels": kernels}
    )


def _joined(before: Pairing, wave: Pairing) -> Pairing:
    """Join the digests of the seeds so far and of a wave's, which have the same batches and kernels by name.

    >>> _joined(Pairing(splits={"0": "ab"}), Pairing(splits={"1": "cd"})).splits
    {'0': 'ab', '1': 'cd'}
    """
    return Pairing(
        splits=before.splits | wave.splits,
        batches={span: before.batches.get(span, {}) | digests for span, digests in wave.batches.items()},
        kernels={name: before.kernels.get(name, {}) | digests for name, digests in wave.kernels.items()},
    )


def _saved_seeds(experiment: Experiment, measured: History) -> dict[str, int]:
    """Map the file of each model to keep to its seed."""
    seeds = measured.seeds
    match experiment.training.save:
        case "none":
            return {}
        case "first":
            return {"model.keras": seeds[0]}
        case "all":
            return {f"model-{seed}.keras": seed for seed in seeds}
        case "best":
            losses_S = measured.final("val_loss")
            return {"model.keras": seeds[int(np.nanargmin(losses_S))]} if np.isfinite(losses_S).any() else {}
