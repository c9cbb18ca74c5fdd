"""Histories as a pandas data frame: one row for each arm, seed, epoch and metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bnexp.history import History

if TYPE_CHECKING:
    import pandas


def measured(histories: Mapping[str, History]) -> pandas.DataFrame:
    """Return all measured values as a data frame with the columns arm, seed, epoch (from 1), metric and value.

    `histories` maps each arm to its history. Epochs that a seed did not reach have no row. A value that is not finite
    is NaN.
    """
    import pandas

    parts = [_part(arm, history, metric) for arm, history in histories.items() for metric in history.metrics]
    return pandas.concat(parts, ignore_index=True)


def _part(arm: str, history: History, metric: str) -> pandas.DataFrame:
    """Return the rows of one arm and metric, seed by seed."""
    import pandas

    lengths_S = np.array(history.epochs_S)
    reached_SE = np.arange(max(history.epochs_S)) < lengths_S[:, None]
    return pandas.DataFrame(
        {
            "arm": arm,
            "seed": np.repeat(np.array(history.seeds), lengths_S),
            "epoch": np.nonzero(reached_SE)[1] + 1,
            "metric": metric,
            "value": np.asarray(history.metrics[metric], float)[reached_SE],
        }
    )
