"""Finished runs -> a comparison: seeds paired, each metric's difference with its interval, and a verdict.

Nothing is trained, drawn or printed here. Axes: S seeds, E epochs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bnexp import config, statistics
from bnexp.config import Experiment
from bnexp.errors import ComparisonError, nearest
from bnexp.history import Floats, History
from bnexp.metrics import headline, higher_is_better, number, quantity, with_unit

FORMAT = 1
LEVEL = 0.95
TARGET_SHARE = 0.95
"""Default target: this share of the median over the baseline's seeds of their best value."""
DEFAULT_MARGINS = {"accuracy": 0.01, "r2": 0.01}
"""Smallest difference that matters; for losses and errors it is RELATIVE_MARGIN of the baseline's mean."""
RELATIVE_MARGIN = 0.05
INTENDED = ("model.normalization", "model.placement", "model.layers")
"""Keys whose difference is the point of a comparison; any other is named as a confounder."""


@dataclass(frozen=True)
class Arm:
    """One run taking part: what it was called, where it lies, and what it holds."""

    name: str
    run: str
    experiment: Experiment
    history: History
    record: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked of the arms, stated before the answer: the primary metric, its margin, a target."""

    metric: str | None = None
    margin: float | None = None
    target: float | None = None
    baseline: str | None = None


def compare(arms: Sequence[Arm], question: Question) -> dict[str, Any]:
    """Compare each arm with the baseline, seed by seed; give the document that comparison.json holds.

    Raises:
        ComparisonError: for fewer than two arms, arms without a common seed,
            arms trained on other data or splits, or a question about what was not measured.
    """
    baseline = _baseline(arms, question.baseline)
    seeds = _common_seeds(arms)
    _refuse_other_data(arms, baseline)
    metric = _primary(baseline, question.metric)
    paired = {arm.name: arm.history.of(seeds) for arm in arms}
    margin = _default_margin(metric, paired[baseline.name]) if question.margin is None else question.margin
    target = question.target if question.target is not None else _default_target(metric, paired[baseline.name])
    others = [arm for arm in arms if arm is not baseline]
    return {
        "format": FORMAT,
        "baseline": baseline.name,
        "seeds": list(seeds),
        "level": LEVEL,
        "task": baseline.record["dataset"]["task"],
        "primary": {"metric": metric, "margin": margin},
        "target": {"metric": metric, "value": target, "rule": _target_rule(question, metric, baseline.name)},
        "arms": [_arm_facts(arm, paired[arm.name], metric, target) for arm in arms],
        "contrasts": [
            _contrast(_Sides(arm, paired[arm.name], baseline, paired[baseline.name]), metric, margin, target)
            for arm in others
        ],
    }


# --- what may be compared ---------------------------------------------------


def _baseline(arms: Sequence[Arm], name: str | None) -> Arm:
    names = [arm.name for arm in arms]
    if len(arms) < 2:
        raise ComparisonError(
            f"compare was given {len(arms)} arm ({', '.join(names)}); expected two or more. "
            "Name another, as in `bnexp compare bn nobn`."
        )
    if name is None:
        return arms[-1]
    if name not in names:
        raise ComparisonError(f"--baseline is {name!r}; expected one of the arms. {nearest(name, names)}")
    return arms[names.index(name)]


def _common_seeds(arms: Sequence[Arm]) -> tuple[int, ...]:
    common = [seed for seed in arms[0].history.seeds if all(seed in arm.history.seeds for arm in arms)]
    if not common:
        counts = "; ".join(f"{arm.name} ({arm.run}) has {list(arm.history.seeds)}" for arm in arms)
        raise ComparisonError(f"The arms have no seed in common: {counts}. Train them with the same training.seeds.")
    return tuple(common)


def _refuse_other_data(arms: Sequence[Arm], baseline: Arm) -> None:
    for arm in arms:
        for fact, same in _data_checks(arm, baseline).items():
            if not same:
                raise ComparisonError(
                    f"{arm.name} ({arm.run}) and {baseline.name} ({baseline.run}) were not trained on the same {fact}: "
                    f"{_dataset_text(arm, baseline)}. Train both on one dataset, then compare."
                )


def _data_checks(arm: Arm, other: Arm) -> dict[str, bool]:
    a, b = arm.record, other.record
    return {
        "data": a["dataset"]["digest"] == b["dataset"]["digest"],
        "split": _agree(a["pairing"]["splits"], b["pairing"]["splits"]),
        "scaling": arm.experiment.dataset.scale == other.experiment.dataset.scale,
    }


def _dataset_text(arm: Arm, other: Arm) -> str:
    differing = config.differences(arm.experiment, other.experiment)
    named = [f"{key} is {a} and {b}" for key, (a, b) in differing.items() if key.startswith("dataset")]
    return "; ".join(named) or "the rows differ by digest though the configs agree"


def _agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two records of digests agree wherever both have one, and share at least one."""
    common = one.keys() & other.keys()
    return bool(common) and all(one[key] == other[key] for key in common)


# --- what is asked ------------------------------------------------------------


def _primary(baseline: Arm, metric: str | None) -> str:
    measured = list(baseline.history.metrics)
    chosen = metric or headline(measured)
    if chosen not in measured:
        raise ComparisonError(f"--metric is {chosen!r}; it was not measured. {nearest(chosen, measured)}")
    return chosen


def _default_margin(metric: str, baseline: History) -> float:
    if quantity(metric) in DEFAULT_MARGINS:
        return DEFAULT_MARGINS[quantity(metric)]
    values_S = baseline.final(metric)
    finite = values_S[np.isfinite(values_S)]
    return RELATIVE_MARGIN * abs(float(finite.mean())) if len(finite) else 0.0


def _default_target(metric: str, baseline: History) -> float | None:
    best_S = baseline.best(metric)
    if not np.isfinite(best_S).any():
        return None
    median = float(np.nanmedian(best_S))
    return median * TARGET_SHARE if higher_is_better(metric) else median / TARGET_SHARE


def _target_rule(question: Question, metric: str, baseline: str) -> str:
    if question.target is not None:
        return "given"
    share = f"{TARGET_SHARE:.0%} of" if higher_is_better(metric) else f"1/{TARGET_SHARE} times"
    return f"{share} the median best {metric} of {baseline}'s seeds"


# --- what is answered ---------------------------------------------------------


def _arm_facts(arm: Arm, history: History, metric: str, target: float | None) -> dict[str, Any]:
    return {
        "name": arm.name,
        "run": arm.run,
        "parameters": arm.record["parameters"],
        "seeds": len(history.seeds),
        "diverged": {str(seed): epoch for seed, epoch in history.diverged_at.items()},
        "metrics": {name: _interval(history.final(name)) for name in history.metrics},
        "to_target": _reach(arm, _epochs_to(history, metric, target)),
        "seconds_per_seed": arm.record["duration_seconds"] / arm.record["seeds"],
    }


def _interval(values_S: Floats) -> dict[str, Any]:
    finite = values_S[np.isfinite(values_S)]
    if not len(finite):
        return {"mean": None, "low": None, "high": None, "seeds": 0}
    return {**_strict(asdict(statistics.mean_interval(finite, LEVEL))), "seeds": len(finite)}


def _epochs_to(history: History, metric: str, target: float | None) -> Floats:
    if target is None:
        return np.full(len(history.seeds), np.nan)
    return statistics.epochs_to_target(history.metrics[metric], target, higher_is_better(metric))


def _seconds_per_epoch(arm: Arm) -> float:
    """Give one seed's share of an epoch in which all were trained."""
    return float(arm.record["epoch_seconds"]) / float(arm.record["seeds"])


def _reach(arm: Arm, epochs_S: Floats) -> dict[str, Any]:
    """Tell how soon the target was reached; a seed that never reached it counts with the whole budget."""
    budget = arm.experiment.training.epochs
    reach = statistics.reach(epochs_S, budget)
    return {
        "reached": reach.reached,
        "seeds": reach.seeds,
        "budget_epochs": budget,
        "mean_epochs": reach.restricted_mean,
        "mean_seconds": reach.restricted_mean * _seconds_per_epoch(arm),
        "epochs": [_json(value) for value in epochs_S],
    }


@dataclass(frozen=True)
class _Sides:
    """The two sides of one contrast, each an arm and its history over the common seeds."""

    arm: Arm
    treated: History
    baseline: Arm
    base: History


def _contrast(sides: _Sides, metric: str, margin: float, target: float | None) -> dict[str, Any]:
    arm, baseline = sides.arm, sides.baseline
    shared = [name for name in sides.treated.metrics if name in sides.base.metrics]
    differences = {name: _difference(sides, name) for name in shared}
    failed = [
        np.array([seed in history.diverged_at for seed in history.seeds]) for history in (sides.treated, sides.base)
    ]
    differing = config.differences(arm.experiment, baseline.experiment)
    return {
        "arm": arm.name,
        "baseline": baseline.name,
        "pairing": _pairing(sides),
        "metrics": differences,
        "to_target": _reach_difference(sides, metric, target),
        "diverged_p_value": statistics.failure_difference(*failed),
        "varied": {key: list(pair) for key, pair in differing.items() if key.startswith(INTENDED)},
        "confounders": {
            **{key: list(pair) for key, pair in differing.items() if not key.startswith(INTENDED)},
            **_circumstances(arm, baseline),
        },
        "verdict": _verdict(sides, differences[metric], metric, margin),
    }


def _difference(sides: _Sides, metric: str) -> dict[str, Any]:
    """Give the paired difference of the final values; pairs in which a seed diverged are counted apart."""
    treated_S, base_S = sides.treated.final(metric), sides.base.final(metric)
    if quantity(metric) == "accuracy":
        treated_S = _chance_where_diverged(sides.arm, sides.treated, treated_S)
        base_S = _chance_where_diverged(sides.baseline, sides.base, base_S)
    whole_S = np.isfinite(treated_S) & np.isfinite(base_S)
    left_out = int((~whole_S).sum())
    if not whole_S.any():
        return {"mean": None, "low": None, "high": None, "pairs": 0, "left_out": left_out}
    result = statistics.paired_difference(treated_S[whole_S], base_S[whole_S], LEVEL)
    return {**_strict(asdict(result)), "left_out": left_out}


def _chance_where_diverged(arm: Arm, history: History, values_S: Floats) -> Floats:
    """Count a diverged seed as one that guesses the commonest class: no failure is dropped from a mean."""
    counts = arm.record["dataset"]["rows_per_class"]
    diverged_S = np.array([seed in history.diverged_at for seed in history.seeds])
    return np.where(diverged_S, max(counts) / sum(counts), values_S)


def _reach_difference(sides: _Sides, metric: str, target: float | None) -> dict[str, Any]:
    """Give the paired differences in epochs and seconds to the target, epochs capped at the smaller budget."""
    budget = min(sides.arm.experiment.training.epochs, sides.baseline.experiment.training.epochs)

    def capped(history: History) -> Floats:
        return np.fmin(np.nan_to_num(_epochs_to(history, metric, target), nan=budget), budget)

    treated_S, base_S = capped(sides.treated), capped(sides.base)
    shares = _seconds_per_epoch(sides.arm), _seconds_per_epoch(sides.baseline)
    return {
        "epochs": _strict(asdict(statistics.paired_difference(treated_S, base_S, LEVEL))),
        "seconds": _strict(asdict(statistics.paired_difference(treated_S * shares[0], base_S * shares[1], LEVEL))),
    }


def _strict(facts: dict[str, Any]) -> dict[str, Any]:
    """Write what is not finite as null."""
    return {key: _json(value) if isinstance(value, float) else value for key, value in facts.items()}


def _json(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _pairing(sides: _Sides) -> dict[str, bool | None]:
    """Tell by digest whether splits, shared kernels and batch orders were equal; None where nothing can be compared."""
    one, other = sides.arm.record["pairing"], sides.baseline.record["pairing"]
    shared = one["kernels"].keys() & other["kernels"].keys()
    span = "all_epochs" if sides.treated.epochs_S == sides.base.epochs_S else "first_epoch"
    batches = [_of(record["batches"][span], sides.treated.seeds) for record in (one, other)]
    return {
        "splits": _agree(one["splits"], other["splits"]),
        "kernels": all(_agree(one["kernels"][name], other["kernels"][name]) for name in shared) if shared else None,
        "batch orders": _agree(*batches),
    }


def _of(digests: dict[str, str], seeds: Iterable[int]) -> dict[str, str]:
    return {str(seed): digests[str(seed)] for seed in seeds}


def _circumstances(arm: Arm, baseline: Arm) -> dict[str, list[Any]]:
    """List what differs besides the config: trainer, machine, versions."""
    one, other = arm.record, baseline.record
    pairs = {
        "trainer": (one["trainer"]["name"], other["trainer"]["name"]),
        "machine": (one["machine"], other["machine"]),
    }
    pairs |= {f"version of {name}": (value, other["versions"].get(name)) for name, value in one["versions"].items()}
    return {name: list(pair) for name, pair in pairs.items() if pair[0] != pair[1]}


# --- the verdict ----------------------------------------------------------------


def _verdict(sides: _Sides, difference: dict[str, Any], metric: str, margin: float) -> dict[str, Any]:
    if difference["left_out"]:
        reason = f"{difference['left_out']} pairs hold a diverged seed without a value; the others alone would flatter."
        return {"word": "cannot tell yet", "settled_by": None, "sentence": reason}
    if difference["pairs"] < 2:
        reason = f"{difference['pairs']} pair tells nothing about the spread over seeds. Use --seeds 20."
        return {"word": "cannot tell yet", "settled_by": None, "sentence": reason}
    keys = ("low", "high", "mean", "pairs", "standard_deviation")
    result = statistics.verdict(
        **{key: difference[key] for key in keys}, margin=margin, higher_is_better=higher_is_better(metric)
    )
    return {**asdict(result), "sentence": _sentence(sides, difference, metric, margin, result)}


def _sentence(sides: _Sides, difference: dict[str, Any], metric: str, margin: float, result: statistics.Verdict) -> str:
    """Say in one sentence what the word rests on."""
    arm, base, what = sides.arm.name, sides.baseline.name, with_unit(metric)
    low, high = (number(metric, difference[side], signed=True) for side in ("low", "high"))
    interval, limit = f"[{low}, {high}]", number(metric, margin)
    match result.word:
        case "helps" | "hurts":
            mean = number(metric, abs(difference["mean"]))
            better = "better" if result.word == "helps" else "worse"
            return f"{arm} is {better} than {base} in {what} by {mean} {interval}; the margin is {limit}."
        case "no difference that matters":
            return f"In {what}, {arm} - {base} lies in {interval}, inside the margin of ±{limit}."
    more = f" About {result.settled_by} pairs would settle it." if result.settled_by else ""
    return f"In {what}, {arm} - {base} lies in {interval}, and the margin is ±{limit}.{more}"
