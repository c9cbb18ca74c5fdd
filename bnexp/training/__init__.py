"""From data, a built model and settings to a history and final weights."""

from __future__ import annotations

import keras

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.errors import SettingError
from bnexp.training.keras_fit import train_keras_fit
from bnexp.training.many_seeds import train_many_seeds, train_together
from bnexp.training.memory import most_together, refuse_too_large, shortage_told, turns
from bnexp.training.optimizers import why_not_stacked
from bnexp.training.record import Stacked, Trained, Watch

__all__ = ["most_together", "refuse_too_large", "shortage_told", "train", "train_together", "trainer_of", "turns"]

TRAINERS = {"many_seeds": train_many_seeds, "keras_fit": train_keras_fit}


def trainer_of(training: Training, model: keras.Sequential) -> tuple[str, str | None]:
    """Return the trainer's name and, where the seeds are not trained at once, why.

    Raises:
        SettingError: if many_seeds is asked for and would not be exact.
    """
    reason = why_not_stacked(training, model)
    if training.trainer == "many_seeds" and reason:
        raise SettingError("training.trainer", f"is many_seeds; {reason}. Use auto or keras_fit.")
    if training.trainer == "keras_fit":
        return "keras_fit", "training.trainer is keras_fit"
    return ("keras_fit", reason) if reason else ("many_seeds", None)


def train(
    model: keras.Sequential, data: Data, training: Training, seeds: tuple[int, ...], initial: Stacked, watch: Watch
) -> Trained:
    """Train all seeds at once, or one by one where only that is exact (`trainer_of`).

    `initial` holds the first values of `model.variables`, each stacked over
    seeds; `watch` is called after every epoch.
    """
    name, _ = trainer_of(training, model)
    return TRAINERS[name](model, data, training, seeds, initial, watch)
