"""What makes two runs comparable seed by seed (same rows, splits, kernels and batch orders), and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bnexp import config
from bnexp.config import Experiment, parts_that_differ
from bnexp.errors import ComparisonError
from bnexp.held_out import HeldOut
from bnexp.history import History
from bnexp.store import ComparedRecord, DataFacts

INTENDED = ("model.normalization", "model.placement", "model.layers")
"""Keys that a comparison is meant to vary. If one of them differs, any other key that differs is a confounder."""
PREPARATION = ("scale", "scale_target", "missing", "vocabulary", "shift")
"""Keys of a dataset that decide which inputs and targets are made from the same rows and split."""
NEUTRAL = (
    "training.seeds",
    "training.keep_rows",
    "training.save",
    "training.evaluate_train",
    "training.trainer",
    "training.memory_limit",
)
"""Keys that do not change a seed's results. The trainer is among them, because the run's record names it."""


@dataclass(frozen=True)
class Arm:
    """One run that takes part in a comparison: its name, its run directory, and what is stored there."""

    name: str
    run: str
    experiment: Experiment
    history: History
    record: ComparedRecord
    held_out: HeldOut | None = None
    """What each held-out row measured; None if it was not kept."""


@dataclass(frozen=True)
class Basis:
    """What an arm was trained on, or will be trained on. All fields are known before training."""

    name: str
    run: str | None
    """None if the arm is not trained yet."""
    experiment: Experiment
    digest: str
    splits: Mapping[str, str]
    error_unit: str | None = None
    """The unit of mae and mse if the target is scaled (`error_unit_of`); else None."""

    def __str__(self) -> str:
        """Return the arm's name and run, as messages show them."""
        return f"{self.name} ({self.run or 'to be trained'})"


def basis_of(arm: Arm) -> Basis:
    """Return what a run was trained on."""
    record = arm.record
    unit = error_unit_of(arm.experiment, record.dataset)
    return Basis(arm.name, arm.run, arm.experiment, record.dataset.digest, record.pairing.splits, unit)


def error_unit_of(experiment: Experiment, facts: DataFacts) -> str | None:
    """Return the unit of mae and mse; None if the target is not scaled, so that only one unit is possible.

    Older runs stored mae and mse in standard deviations of the training part.
    """
    if facts.task != "regression" or not getattr(experiment.dataset, "scale_target", False):
        return None
    return facts.error_unit or "standard deviations"


@dataclass(frozen=True)
class PairedArms:
    """The two arms of one contrast, each an arm and its history over the common seeds."""

    arm: Arm
    treated: History
    baseline: Arm
    base: History


def common_seeds(arms: Sequence[Arm]) -> tuple[int, ...]:
    """Return the seeds that all arms have, in order.

    Raises:
        ComparisonError: if there is none.
    """
    common = [seed for seed in arms[0].history.seeds if all(seed in arm.history.seeds for arm in arms)]
    if not common:
        counts = "; ".join(f"{arm.name} ({arm.run}) has {list(arm.history.seeds)}" for arm in arms)
        raise ComparisonError(f"The arms have no seed in common: {counts}. Train them with the same training.seeds.")
    return tuple(common)


def refuse_the_same(arms: Sequence[Arm]) -> None:
    """Raise ComparisonError if one run takes part twice."""
    runs = [arm.run for arm in arms]
    for arm in arms:
        if runs.count(arm.run) > 1:
            raise ComparisonError(
                f"{arm.name} ({arm.run}) takes part {runs.count(arm.run)} times; expected different runs. "
                "Name each run once."
            )


def refuse_other_data(arms: Sequence[Basis], baseline: Basis) -> None:
    """Raise ComparisonError if an arm has different rows, splits, units, inputs or targets than the baseline."""
    for arm in arms:
        for fact, same in _data_checks(arm, baseline).items():
            if not same:
                were = "were not trained" if arm.run and baseline.run else "would not be trained"
                raise ComparisonError(
                    f"{arm} and {baseline} {were} on the same {fact}: "
                    f"{_dataset_text(arm, baseline)}. Train both on one dataset, then compare."
                )


def _data_checks(arm: Basis, other: Basis) -> dict[str, bool]:
    return {
        "data": arm.digest == other.digest,
        "split": _agree(arm.splits, other.splits),
        "unit of mae and mse": arm.error_unit == other.error_unit,
        "inputs and targets": all(
            getattr(arm.experiment.dataset, key, None) == getattr(other.experiment.dataset, key, None)
            for key in PREPARATION
        ),
    }


def _dataset_text(arm: Basis, other: Basis) -> str:
    differing = config.differences(arm.experiment, other.experiment).items()
    parts = [part for key, pair in differing if key.startswith("dataset") for part in parts_that_differ(key, *pair)]
    named = [f"{place} is {one} and {another}" for place, one, another in parts]
    if arm.error_unit != other.error_unit:
        units = f"mae and mse are in {arm.error_unit} and in {other.error_unit}"
        named.append(f"{units}, because an older bnexp trained one of the runs")
    return "; ".join(named) or "the configs agree, but the digests of the rows differ"


def _agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return True if two records of digests share at least one key, and agree in all keys that they share."""
    common = one.keys() & other.keys()
    return bool(common) and all(one[key] == other[key] for key in common)


def agreement(arms: PairedArms) -> dict[str, bool | None]:
    """Return whether the paired seeds have equal splits, shared kernels and batch orders; None where not known."""
    seeds = arms.treated.seeds
    one, other = arms.arm.record.pairing.of(seeds), arms.baseline.record.pairing.of(seeds)
    shared = one.kernels.keys() & other.kernels.keys()
    span: Literal["all_epochs", "first_epoch"] = "first_epoch"
    if arms.treated.epochs_S == arms.base.epochs_S:
        span = "all_epochs"
    return {
        "splits": one.splits == other.splits,
        "kernels": all(one.kernels[name] == other.kernels[name] for name in shared) if shared else None,
        "batch orders": one.batches[span] == other.batches[span],
    }


def varied(arms: PairedArms) -> dict[str, list[Any]]:
    """Map the keys that the comparison varies to both arms' values: keys of INTENDED, else all keys that differ."""
    differing = _differing(arms)
    intended = {key: pair for key, pair in differing.items() if key.startswith(INTENDED)}
    return intended or differing


def confounders(arms: PairedArms) -> dict[str, list[Any]]:
    """Map everything else that differs (other keys, trainer, machine, versions) to both arms' values."""
    meant = varied(arms)
    others = {key: pair for key, pair in _differing(arms).items() if key not in meant}
    return {**others, **_circumstances(arms.arm, arms.baseline)}


def _differing(arms: PairedArms) -> dict[str, list[Any]]:
    differing = config.differences(arms.arm.experiment, arms.baseline.experiment)
    return {key: list(pair) for key, pair in differing.items() if key not in NEUTRAL}


def _circumstances(arm: Arm, baseline: Arm) -> dict[str, list[Any]]:
    """Map what differs besides the config (trainer, machine, versions) to both arms' values."""
    one, other = arm.record, baseline.record
    pairs: dict[str, tuple[Any, Any]] = {
        "trainer": (one.trainer.name, other.trainer.name),
        "machine": (one.machine.as_json(), other.machine.as_json()),
    }
    pairs |= {
        f"version of {name}": (one.versions.get(name), other.versions.get(name))
        for name in one.versions | other.versions
    }
    return {name: list(pair) for name, pair in pairs.items() if pair[0] != pair[1]}
