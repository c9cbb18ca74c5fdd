"""What looking more than once does to a verdict: errors, power and mean number of seeds, by simulation. Keeps a table.

Each row draws comparisons from a world whose truth is known: 4,000 to count errors, else 1,000. bnexp's whole rule (t
interval, sign-flip test, margin) judges them: `--until-settled`, with looks at 10, 20, 40, 80 and 160 seeds; the same
looks by hand, each at 95%; and a single look, the first or the last. From the repository's root, about half an hour:

    python benchmarks/looks.py [part of a world's name]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.comparison.new_rows import Stratum, over_rows
from bnexp.comparison.question import MOST_SEEDS, planned_looks
from bnexp.statistics import Levels, shared_levels, shown, within_reach

OUT = Path(__file__).with_suffix(".json")
DRAWS = {"an error": 4000, "an answer": 1000}
MARGIN, TINY = 0.01, 1e-6
DIRECTION, SMALL = ("above", "below"), ("no difference",)


@dataclass(frozen=True)
class World:
    """Differences of pairs of seeds, on rows that vary too, or that are fixed."""

    name: str
    counts: str
    """What is counted: an error, or an answer that is right."""
    said: Sequence[str]
    mean: float
    margin: float = MARGIN
    seed: float = 0.02
    """Standard deviation between seeds."""
    rows: int | None = None
    row: float = 0.15
    rest: float = 0.25
    is_skewed: bool = False

    def draw(self, generator: np.random.Generator, seeds: int) -> np.ndarray:
        """Return differences, (S, R), of this number of seeds; R is 1 where rows are fixed."""
        of_seed_S = generator.exponential(1, seeds) - 1 if self.is_skewed else generator.standard_normal(seeds)
        difference_SR = self.mean + self.seed * of_seed_S[:, None]
        if self.rows is None:
            return difference_SR
        rest_SR = generator.standard_normal((seeds, self.rows))
        return difference_SR + self.row * generator.standard_normal(self.rows) + self.rest * rest_SR


SEVERAL = "these rows, four arms equal to their baseline"
of_new_rows = partial(World, seed=0.005, rows=2000)
WORLDS = (
    World("these rows, no difference", "an error: a direction", DIRECTION, 0.0, TINY),
    World("these rows, no difference, skewed", "an error: a direction", DIRECTION, 0.0, TINY, is_skewed=True),
    World("these rows, the margin's difference", "an error: no difference that matters", SMALL, MARGIN),
    World("these rows, no difference", "an answer: no difference that matters", SMALL, 0.0),
    World("these rows, 1.5 points", "an answer: better", ("above",), 0.015),
    of_new_rows("new rows (2,000), no difference", "an error: a direction", DIRECTION, 0.0, TINY),
    of_new_rows("new rows (2,000), the margin's difference", "an error: no difference that matters", SMALL, MARGIN),
    of_new_rows("new rows (2,000), no difference", "an answer: no difference that matters", SMALL, 0.0),
    of_new_rows("new rows (2,000), 1.5 points", "an answer: better", ("above",), 0.015),
    World("new rows (200), no difference", "an answer: no difference that matters", SMALL, 0.0, seed=0.005, rows=200),
    World("new rows (200), 4 points", "an answer: better", ("above",), 0.04, seed=0.005, rows=200),
)


def grounds_of(world: World, difference_SR: np.ndarray) -> JudgedDifference:
    """Return what a verdict would rest on."""
    new_rows = None if world.rows is None else over_rows(difference_SR, None)
    assert not isinstance(new_rows, str)
    if new_rows is not None:
        new_rows = replace(new_rows, strata=[Stratum(new_rows.count, 1.0)])
    return JudgedDifference("val_accuracy", difference_SR.mean(axis=1), world.margin, new_rows=new_rows)


def word(difference: JudgedDifference, levels: Levels) -> str:
    """Return what is said of a difference at these levels, as `JudgedDifference.shown` finds it.

    The sign-flip test takes long. It is not asked where the word does not depend on it.
    """
    rule = partial(shown, difference.decides, margin=difference.margin, pairs=difference.pairs, levels=levels)
    found = rule(sign_flip_p=lambda: 0.0)
    if found.is_small and difference.lacking is None:
        return "no difference"
    if found.sign and found.is_large:
        found = rule(sign_flip_p=lambda: difference.sign_flip_p)
    return {1: "above", -1: "below", 0: "open"}[found.sign] if found.is_large else "open"


def ended(looks: Sequence[JudgedDifference], levels: Levels, *, stops: bool) -> dict[str, Any]:
    """Return the last word of several looks, its seeds, and whether it ended since more seeds would not settle it."""
    for difference in looks:
        if (said := word(difference, levels)) != "open":
            return {"word": said, "seeds": difference.pairs, "stopped": False}
        here, least = difference.here.interval(levels.sign), difference.error_beyond_seeds
        can_be_small = difference.lacking is None
        if stops and not within_reach(here, least, margin=difference.margin, levels=levels, can_be_small=can_be_small):
            return {"word": said, "seeds": difference.pairs, "stopped": True}
    return {"word": "open", "seeds": looks[-1].pairs, "stopped": False}


def simulated(world: World, draws: int, most: int = MOST_SEEDS) -> dict[str, Any]:
    """Return how often the words that are counted are said, by each way to look, and after how many seeds."""
    counts, generator = planned_looks(most), np.random.default_rng(0)
    (shared,), alone = shared_levels([1.0], counts), Levels()
    ways: dict[str, list[dict[str, Any]]] = {"until_settled": [], "by_hand": [], "first_look": [], "last_look": []}
    for _ in range(draws):
        drawn_SR = world.draw(generator, most)
        looks = [grounds_of(world, drawn_SR[:seeds]) for seeds in counts]
        ways["until_settled"].append(ended(looks, shared, stops=True))
        ways["by_hand"].append(ended(looks, alone, stops=False))
        ways["first_look"].append(ended(looks[:1], alone, stops=False))
        ways["last_look"].append(ended(looks[-1:], alone, stops=False))
    found: dict[str, Any] = {"world": world.name, "counts": world.counts, "looks": list(counts)}
    for way, ends in ways.items():
        found[way] = float(np.mean([one["word"] in world.said for one in ends]))
    found["mean_seeds"] = float(np.mean([one["seeds"] for one in ways["until_settled"]]))
    found["stopped"] = float(np.mean([one["stopped"] for one in ways["until_settled"]]))
    return found


def several_arms(draws: int, most: int = MOST_SEEDS) -> dict[str, Any]:
    """Return how often any of four equal arms is said to differ from the baseline, at any look."""
    counts, generator, arms = planned_looks(most), np.random.default_rng(0), 4
    said: dict[str, list[bool]] = {"until_settled": [], "by_hand": [], "first_look": [], "last_look": []}
    for _ in range(draws):
        values_AS = generator.normal(0, 0.02, (arms + 1, most))
        differs = {
            way: [_any_differs(values_AS[:, :seeds], looks) for seeds in counts]
            for way, looks in (("until_settled", counts), ("by_hand", ()))
        }
        said["until_settled"].append(any(differs["until_settled"]))
        said["by_hand"].append(any(differs["by_hand"]))
        said["first_look"].append(differs["by_hand"][0])
        said["last_look"].append(differs["by_hand"][-1])
    found = {"world": SEVERAL, "counts": "an error: a direction of any arm", "looks": list(counts)}
    return {**found, **{way: float(np.mean(each)) for way, each in said.items()}, "mean_seeds": None, "stopped": None}


def _any_differs(values_AS: np.ndarray, looks: Sequence[int]) -> bool:
    """Return True if any arm is said to differ from the baseline, the first one, where Holm's rule shares the error."""
    several = [JudgedDifference("val_accuracy", one_S - values_AS[0], TINY) for one_S in values_AS[1:]]
    levels = shared_levels([one.deciding_p for one in several], looks)
    return any(word(one, each) in DIRECTION for one, each in zip(several, levels, strict=True))


def rows(part: str) -> Iterator[dict[str, Any]]:
    """Yield a row for each world whose name holds this part."""
    for world in WORLDS:
        if part in world.name:
            yield simulated(world, DRAWS[world.counts.partition(": ")[0]])
    if part in SEVERAL:
        yield several_arms(DRAWS["an error"])


def main() -> None:
    """Simulate the worlds whose names hold the text that is given, or all; keep and print what was found."""
    known = json.loads(OUT.read_text()) if OUT.exists() else []
    kept = {(row["world"], row["counts"]): row for row in known}
    for row in rows("".join(sys.argv[1:])):
        print(row, flush=True)
        kept[row["world"], row["counts"]] = row
    OUT.write_text(json.dumps(list(kept.values()), indent=1) + "\n")


if __name__ == "__main__":
    main()
