"""Documents of studies, as study.json holds them, with made-up numbers."""

from __future__ import annotations

from typing import Any

ACCURACY = {"metric": "test_accuracy", "epochs_to": None, "failures_below": None, "ratio": False}


def interval(mean: float | None) -> dict[str, Any]:
    return {"mean": mean, "low": None if mean is None else mean - 0.1, "high": None if mean is None else mean + 0.1}


def document(*factors: tuple[str, list[Any]], endpoint: dict[str, Any] = ACCURACY, **facts: Any) -> dict[str, Any]:
    points = [()]
    for _, levels in factors:
        points = [(*point, level) for point in points for level in levels]
    cells = [
        {
            "cell": number,
            "levels": {name: level for (name, _), level in zip(factors, point, strict=True)},
            "arms": {arm: {"endpoints": [interval(0.5 + number / 10)]} for arm in ("bn", "none")},
            "differences": [interval(number / 10 - 0.2)],
        }
        for number, point in enumerate(points)
    ]
    claim = {
        "claim": "It helps.", "metric": endpoint, "treated": "bn", "baseline": "none", "smallest": 0.05, "wins": False,
        "at": {}, "minus": None, "over": None, "direction": "higher", "level": 0.975, "difference": interval(0.2),
        "reading": "ratio", "other_sign": [], "groups": [], "verdict": {"word": "supported"},
    }  # fmt: skip
    return {
        "name": "s", "verdict": "supported", "level": 0.95, "seeds": 20, "arms": ["bn", "none"],
        "factors": [{"name": name, "levels": levels} for name, levels in factors], "endpoints": [endpoint],
        "cells": cells, "hypotheses": [claim], **facts,
    }  # fmt: skip
