"""Trains the seeds of one experiment and keeps what comes of them, in turns where memory does not hold all weights.

TensorFlow is imported here, inside functions.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp import store
from bnexp.config import Experiment
from bnexp.errors import UserError
from bnexp.history import History, joined

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.training.record import Trained

Watch = Callable[[Sequence[History]], bool]


@dataclass(frozen=True)
class _Work:
    """What all turns share: what is trained, and where it is kept."""

    experiment: Experiment
    built: Built
    directory: Path
    record: dict[str, Any]
    """That of run.json."""


@dataclass
class Outcome:
    """What has come of the seeds trained so far."""

    histories: list[History] = field(default_factory=list)
    """One a turn."""
    seconds: float = 0.0
    """Of training."""
    paces: list[float] = field(default_factory=list)
    """Seconds that one seed's epoch took, in the turns in which that could be measured."""
    interrupted: bool = False
    """The user stopped it before its last epoch."""
    not_kept: list[str] = field(default_factory=list)
    """What could not be kept beside the history, and why."""

    @property
    def history(self) -> History:
        """Return the history of all turns."""
        return joined(self.histories)


def train_in_turns(
    experiment: Experiment, data: Data, built: Built, *, directory: Path, record: dict[str, Any], watch: Watch
) -> Outcome:
    """Train the seeds; keep history, models and, in the record of run.json, digests after each turn.

    `watch` gets the histories so far after each epoch, and may ask to stop.

    Raises:
        MemoryError: if TensorFlow runs out of memory.
    """
    from bnexp.training import turns

    outcome, settings, asked = Outcome(), experiment.training, False
    record |= {"pairing": {}, "models": {}}
    work = _Work(experiment, built, directory, record)

    def noted(so_far: Sequence[History]) -> bool:
        """Pass on what there is of all turns, and remember whether the answer was to stop."""
        nonlocal asked
        asked = watch([*outcome.histories, *so_far])
        return asked

    for turn in turns(built.model, data, settings, settings.seeds):
        seeds = tuple(range(settings.seeds)[turn])
        outcome.interrupted = _turn(work, outcome, data.of(turn), seeds, watch=noted)
        outcome.interrupted |= asked and turn.stop < settings.seeds
        if outcome.interrupted:
            break
    return outcome


def _turn(work: _Work, outcome: Outcome, data: Data, seeds: tuple[int, ...], *, watch: Watch) -> bool:
    """Train these seeds and keep what comes of them; tell whether the user stopped it. Their weights end here."""
    from bnexp.training import shortage_told, train, trainer_of

    ends: list[tuple[float, int]] = []

    def timed(so_far: Sequence[History]) -> bool:
        ends.append((time.monotonic(), sum(len(history.seeds) for history in so_far)))
        return watch(so_far)

    built, settings, record = work.built, work.experiment.training, work.record
    with shortage_told():
        initial = built.initial.draw(seeds)
    begun = time.monotonic()
    trained = train(built.model, data, settings, seeds, initial, timed)
    outcome.seconds += time.monotonic() - begun
    name, _ = trainer_of(settings, built.model)
    pace = _pace(ends, at_once=len(seeds) if name == "many_seeds" else 1)
    outcome.paces += [] if pace is None else [pace]
    outcome.histories.append(trained.history)
    store.write_json(work.directory / "history.json", outcome.history.to_json())
    record["pairing"] = _merged(record["pairing"], _pairing(data, built, initial, trained))
    try:
        record["models"] |= _save_models(work, data, trained, so_far=outcome.history)
    except Exception as error:  # what was trained is worth more than a file of it
        reason = (str(error) if isinstance(error, UserError) else repr(error)).rstrip(".")
        outcome.not_kept.append(f"The model was not saved: {reason}. Train again to have it; all numbers are kept.")
    store.write_json(work.directory / "run.json", record)
    return trained.interrupted


def _pace(ends: Sequence[tuple[float, int]], *, at_once: int) -> float | None:
    """Return one seed's seconds an epoch, from when epochs ended for so many seeds at once, and how many had begun.

    The first epoch holds the tracing and does not count; nor does the first of each seed that is trained after others.

    >>> _pace([(9.0, 20), (11.0, 20), (13.0, 20)], at_once=20), _pace([(5.0, 1), (6.0, 1), (11.0, 2)], at_once=1)
    (0.1, 1.0)
    """
    took = [end - begun for (begun, before), (end, seeds) in itertools.pairwise(ends) if seeds == before]
    return float(np.median(took)) / at_once if took else None


def _pairing(data: Data, built: Built, initial: list[Any], trained: Trained) -> dict[str, Any]:
    """Digest what must be equal in two arms for their seeds to be paired: split, initial kernels, batches."""
    from bnexp.data import short_digest

    rows = dict(enumerate(trained.history.seeds))
    return {
        "splits": data.split_digests(trained.history.seeds),
        "batches": trained.batches,
        "kernels": {
            name: {str(seed): short_digest(initial[position][row]) for row, seed in rows.items()}
            for position, name in built.initial.kernel_names().items()
        },
    }


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Join what is said of some seeds and of others, key by key.

    >>> _merged({"splits": {"0": "ab"}}, {"splits": {"1": "cd"}})
    {'splits': {'0': 'ab', '1': 'cd'}}
    """
    inner = {key: _merged(one[key], other[key]) for key in one if isinstance(one[key], dict) and key in other}
    return {**one, **other, **inner}


def _save_models(work: _Work, data: Data, trained: Trained, *, so_far: History) -> dict[str, str]:
    """Write those just trained that the config asks for, and beside each how its inputs are made; give their sha256."""
    digests = {}
    rows = {seed: row for row, seed in enumerate(trained.history.seeds)}
    for name, seed in _saved_seeds(work.experiment, so_far).items():
        if seed not in rows:
            continue
        from bnexp.data.model_inputs import recipe
        from bnexp.models.saving import model_bytes

        content = model_bytes(work.built.model, [values[rows[seed]] for values in trained.weights])
        store.write(work.directory / name, content)
        digests[name] = hashlib.sha256(content).hexdigest()
        inputs = {"model": name, "model_sha256": digests[name], "seed": seed, **recipe(data, rows[seed])}
        store.write_json(work.directory / name.replace("model", "inputs").replace(".keras", ".json"), inputs)
    return digests


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
