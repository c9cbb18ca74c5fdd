"""The default value that seeds should reach, or why there is no default."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from bnexp import statistics
from bnexp.history import History
from bnexp.metrics import higher_is_better, is_computed, number, on_validation, quantity, with_unit

TARGET_SHARE = 0.05
"""The default target is the median best value of the baseline's seeds, made worse by this share of it."""


def default_target(
    metric: str, baseline: str, history: History, guessing: Mapping[str, float], each_epoch: Collection[str]
) -> tuple[float | None, str, str | None]:
    """Return the value to reach, its rule and None. If there is no value to reach, return None, "" and the reason.

    `history` is the baseline's. `guessing` maps each part to the score of the best single answer. `each_epoch` are the
    metrics that all arms measure at each epoch.
    """
    watched = on_validation(metric)
    if watched not in each_epoch:
        name = quantity(metric)
        return None, "", f"{name} is not computed at each epoch; training.metrics: [{name}] does that"
    share = 1 - TARGET_SHARE if higher_is_better(watched) else 1 + TARGET_SHARE
    rule = f"{share:.0%} of {baseline}'s best {watched} (median over its seeds)"
    if quantity(watched) == "r2" and not statistics.beats(history.final(watched), 0.0):
        beaten = f"{baseline} does not beat predicting the mean (0) in {watched} by its 95% interval"
        return None, "", f"{beaten}; --reach sets one"
    best_S = history.best(watched)
    target = float(np.nanmedian(best_S)) * share if np.isfinite(best_S).any() else None
    has_guess = quantity(watched) == "accuracy" or is_computed(watched)
    if target is None or not has_guess or "val" not in guessing:
        return target, rule, None
    if target <= guessing["val"]:
        return None, "", f"{rule} is no more than guessing scores; --reach sets one"
    if len(history.seeds) > 1 and not statistics.beats(history.final(watched), guessing["val"]):
        beaten = f"{baseline} does not beat guessing ({number(watched, guessing['val'])}) in {with_unit(watched)}"
        return None, "", f"{beaten} by its 95% interval; --reach sets one"
    return target, rule, None
