"""Studies for tests: a small file with any part replaced, its plan, a hypothesis, and made-up results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnexp.config.study import Hypothesis
from bnexp.errors import ConfigError
from bnexp.metrics import impossible
from bnexp.study import plan as study_plan
from bnexp.study.result import Result

BASE = "experiment: {dataset: {name: moons, samples: 80, validation_size: 0.25}, model: {name: mlp, hidden: [4]}, training: {epochs: 10}}\n"
ARMS = "arms:\n  bn: {model.normalization: batch}\n  none: {model.normalization: none}\n"
CLAIM = (
    "hypothesis: {claim: c, metric: test_accuracy, treated: bn, baseline: none, direction: higher, smallest: 0.01}\n"
)
SMALL = BASE + ARMS + CLAIM


def planned(place: Path, text: str, **options: Any) -> study_plan.Plan:
    path = place / "s.yaml"
    path.write_text(text)
    return study_plan.plan(path, place / "runs", **options)


def refusal(place: Path, text: str, **options: Any) -> str:
    """Return what a study is refused with; its directory is left out."""
    with pytest.raises(ConfigError) as caught:
        planned(place, text, **options)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{place}/", "")


def claim(**keys: Any) -> Hypothesis:
    known = {
        "claim": "c", "metric": "test_accuracy", "treated": "bn", "baseline": "none", "direction": "higher",
        "smallest": 0.01,
    }  # fmt: skip
    return Hypothesis.model_validate({**known, **keys})


def result(cell: int, arm: str, final: list[float] | list[float | None] | None = None, **facts: Any) -> Result:
    count = len(final or facts["epochs_to"]["val_accuracy 0.9"])
    measured = [name for name in ("test_accuracy", "test_loss") if final and impossible(name, final) is None]
    known: dict[str, Any] = {
        "trial": f"{cell}-{arm}", "levels": {}, "arm": arm, "experiment": "e", "seeds": list(range(count)),
        "final": dict.fromkeys(measured, final), "epochs_to": {},
        "budget_epochs": 10, "diverged": {}, "steps": 1, "seconds": 0.1,
    }  # fmt: skip
    return Result.model_validate({**known, **facts})
