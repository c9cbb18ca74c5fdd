"""How soon the arms of a comparison reached the target, as comparison.json holds it."""

from __future__ import annotations

from bnexp.statistics import Reading
from bnexp.store.records import Number, Record
from bnexp.system.numbers import Count


class Reach(Record):
    """How soon an arm's seeds reached the target. A seed that never reaches it counts with the whole epoch budget."""

    reached: Count
    seeds: Count
    budget_epochs: Count = 0
    mean_epochs: float
    mean_seconds: Number = None
    epochs: list[Number] = []


class SpeedUp(Record):
    """How many times fewer epochs the arm took than the baseline, and how to read it."""

    ratio: float
    low: Number
    high: Number
    reading: Reading
