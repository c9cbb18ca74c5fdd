"""How often verdicts err where the interval over seeds alone misleads, by simulation. Prints and keeps a table.

Each row draws 4,000 comparisons from a world whose truth is known. "Before" is the plain rule: the 95% t interval over
pairs of seeds, each arm by itself, losses by their difference. "Now" is bnexp's rule. From the repository's root, a
minute or two:

    python benchmarks/verdicts.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.comparison.answer import answer
from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.comparison.scale import difference_on_scale
from bnexp.statistics import LEVEL, Interval, Shown, mean_interval, shared_levels

OUT = Path(__file__).with_suffix(".json")
DRAWS, PAIRS = 4000, (6, 10, 20)
MARGIN = 0.01
"""Of an accuracy: one point."""
COLLAPSE, LOST = 0.05, 0.30
"""Seeds of one arm that collapse, and the accuracy that they lose."""


class Plain:
    """The least that a verdict's sentence needs beside what `answer` itself writes."""

    open = "cannot tell yet"

    def word(self, found: Shown) -> str:
        """Return the word of a comparison of accuracies."""
        return statistics.comparison_word(found, higher_is_better=True)

    def says(self, interval: Interval, word: str) -> str:
        """Return the word alone."""
        return f"{word}."

    def bounds(self, interval: Interval) -> str:
        """Return nothing: no interval is read here."""
        return ""

    def margin_of_all(self) -> str:
        """Return nothing: an accuracy has no margin of all."""
        return ""

    def own_cure(self) -> None:
        """Return None: seeds settle it."""

    def how_to_add(self, seeds: int) -> str:
        """Return the option that asks for a number of seeds."""
        return f"--seeds {seeds}"

    def how_to_hold_out(self, factor: float) -> str:
        """Return nothing: the draws have no data set."""
        return ""

    def why_these_rows_only(self) -> None:
        """Return None: new rows were not asked for."""


def before(difference_S: np.ndarray, margin: float) -> str:
    """Return the word of the plain rule."""
    found = mean_interval(difference_S, LEVEL)
    if -margin < found.low and found.high < margin:
        return "no difference"
    if found.low > 0 or found.high < 0:
        return ("above" if found.mean > 0 else "below") if abs(found.mean) >= margin else "open"
    return "open"


def now(difference: JudgedDifference) -> str:
    """Return the word of bnexp's rule."""
    found = difference.shown
    if found.is_small:
        return "no difference"
    return {1: "above", -1: "below", 0: "open"}[found.sign] if found.is_large else "open"


def share(words: list[str], *wanted: str) -> float:
    """Return how often one of these words was said."""
    return float(np.mean([word in wanted for word in words]))


def collapsing() -> Iterator[dict[str, Any]]:
    """Yield how often a rare collapse is passed over, and whether the sentence names a rate that covers it."""
    for pairs in PAIRS:
        generator = np.random.default_rng(pairs)
        difference_DS = generator.normal(0, 0.005, (DRAWS, pairs))
        difference_DS -= LOST * (generator.random((DRAWS, pairs)) < COLLAPSE)
        words = [before(one_S, MARGIN) for one_S in difference_DS]
        verdicts = [answer(JudgedDifference("val_accuracy", one_S, MARGIN), Plain()) for one_S in difference_DS]
        small = [verdict.sentence for verdict in verdicts if verdict.word == "no difference that matters"]
        yield {
            "world": "5% of the seeds of one arm lose 30 points",
            "error": "no difference that matters, and no word of failures",
            "pairs": pairs,
            "before": share(words, "no difference"),
            "now": sum(named_rate(sentence) < COLLAPSE for sentence in small) / DRAWS,
            "no_difference_now": len(small) / DRAWS,
            "lowest_named_rate": min(map(named_rate, small)),
        }


def named_rate(sentence: str) -> float:
    """Return the share of seeds that could fail, by a verdict's sentence; 0 where it names none."""
    found = re.search(r"up to ([0-9.]+)% of one arm's trainings", sentence)
    return 0.0 if found is None else float(found[1]) / 100


def skewed() -> Iterator[dict[str, Any]]:
    """Yield how often the wrong direction is said of lognormal losses: by their means, and by their ratio."""
    for pairs in PAIRS:
        generator, spread = np.random.default_rng(pairs), 1.5
        loss_DS = 0.3 * np.exp(spread * generator.standard_normal((DRAWS, pairs)))
        steady_DS = 0.3 * np.exp(0.05 * generator.standard_normal((DRAWS, pairs)))
        equal_means_DS = loss_DS * np.exp(-(spread**2) / 2)
        by_difference = [before(one_S - base_S, 0.015) for one_S, base_S in zip(equal_means_DS, steady_DS, strict=True)]
        by_ratio = [
            now(JudgedDifference("val_loss", difference_on_scale(one_S, base_S, "ratio"), np.log(1.05)))
            for one_S, base_S in zip(loss_DS, steady_DS, strict=True)
        ]
        yield {
            "world": "lognormal losses in one arm, equal in what the rule compares",
            "error": "a direction",
            "pairs": pairs,
            "before": share(by_difference, "above", "below"),
            "now": share(by_ratio, "above", "below"),
        }


def unsupported() -> Iterator[dict[str, Any]]:
    """Yield the share of directions that stand beside a sign-flip p above 0.05."""
    for pairs in PAIRS:
        generator = np.random.default_rng(pairs)
        difference_DS = 0.02 + generator.normal(0, 0.02, (DRAWS, pairs))
        rows = [(one_S, statistics.sign_flip_p_value(one_S)) for one_S in difference_DS]
        said: list[list[float]] = [[], []]
        for one_S, p_value in rows:
            for place, word in enumerate((before(one_S, MARGIN), now(JudgedDifference("val_accuracy", one_S, MARGIN)))):
                said[place] += [p_value] if word in ("above", "below") else []
        yield {
            "world": "a true difference of one standard deviation",
            "error": "of all directions: beside a sign-flip p above 0.05",
            "pairs": pairs,
            "before": float(np.mean(np.array(said[0]) > 1 - LEVEL)),
            "now": float(np.mean(np.array(said[1]) > 1 - LEVEL)),
        }


def several_arms() -> Iterator[dict[str, Any]]:
    """Yield how often any of four equal arms is said to differ from the baseline."""
    for pairs in PAIRS:
        generator, arms = np.random.default_rng(pairs), 4
        values_DAS = generator.normal(0, 0.02, (DRAWS, arms + 1, pairs))
        said = [[0, 0] for _ in range(DRAWS)]
        for draw, values_AS in enumerate(values_DAS):
            differences = values_AS[1:] - values_AS[0]
            said[draw][0] = any(before(one_S, 0.001) in ("above", "below") for one_S in differences)
            plain = [JudgedDifference("val_accuracy", one_S, 0.001) for one_S in differences]
            levels = shared_levels([one.deciding_p for one in plain])
            shared = [
                JudgedDifference("val_accuracy", one.difference_S, 0.001, levels=each)
                for one, each in zip(plain, levels, strict=True)
            ]
            said[draw][1] = any(now(one) in ("above", "below") for one in shared)
        yield {
            "world": "four arms equal to their baseline",
            "error": "a direction for any of them",
            "pairs": pairs,
            "before": float(np.mean([one for one, _ in said])),
            "now": float(np.mean([one for _, one in said])),
        }


WORLDS: tuple[Callable[[], Iterator[dict[str, Any]]], ...] = (collapsing, skewed, unsupported, several_arms)


def main() -> None:
    """Simulate all worlds, keep and print what was found."""
    found = [row for world in WORLDS for row in world()]
    for row in found:
        print(row, flush=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
