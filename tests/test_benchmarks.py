"""Benchmarks keep their rows: what is measured again replaces its row, and all else stays."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import keeping  # type: ignore[import-not-found]

    monkeypatch.setattr(keeping, "machine", lambda: {"cores": 2})
    return keeping


def test_a_row_that_is_measured_again_is_replaced_and_the_others_are_kept(keeping: Any, tmp_path: Path) -> None:
    out = tmp_path / "some.json"
    first = keeping.row("a / b", (1.0, 2.0, 0.5), "s", at_most=0.4)
    other = keeping.row_of_seconds("c", 0.15, at_most=0.3)
    keeping.keep(out, [first, other])
    rows = keeping.keep(out, [keeping.row("a / b", (30.0, 100.0, 0.3), "ms", at_most=0.4)])
    assert rows == [
        {"what": "a / b", "measured": "30 ms / 100 ms", "ratio": 0.3, "at_most": 0.4, "met": True},
        {"what": "c / 0.3 s", "measured": "0.15 s", "ratio": 0.5, "at_most": 1.0, "met": True},
    ]
    assert json.loads(out.read_text()) == {"machine": {"cores": 2}, "rows": rows}


def test_a_row_above_its_limit_is_kept_as_missed(keeping: Any, tmp_path: Path) -> None:
    (row,) = keeping.keep(tmp_path / "some.json", [keeping.row("a / b", (1.0, 2.0, 0.5), "s", at_most=0.4)])
    assert row["met"] is False


@pytest.mark.parametrize(
    ("script", "measures"),
    [
        ("scale", ["large_table", "stored"]),
        ("engine", ["bookkeeping", "checkpoints", "dropout", "alone", "epoch_metrics"]),
        ("runs", ["listed"]),
        ("larger_than_memory", ["images"]),
        ("own_networks", ["xception", "mobilenet", "resnet50"]),
    ],
)
def test_make_benchmark_runs_every_script_that_keeps_its_limits(
    monkeypatch: pytest.MonkeyPatch, script: str, measures: list[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module(script)
    assert list(module.MEASURES) == measures
    assert module.OUT.name == f"{script}.json"
    assert f"benchmarks/{script}.py" in (BENCHMARKS.parent / "Makefile").read_text()


def test_every_world_of_verdicts_is_drawn_and_a_rare_collapse_is_passed_over_with_its_rate_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    verdicts = importlib.import_module("verdicts")
    monkeypatch.setattr(verdicts, "DRAWS", 60)
    collapsing, *others = ([*world()] for world in verdicts.WORLDS)
    for row in collapsing:
        assert row["no_difference_now"] > 0.1 and row["now"] == 0
        assert row["lowest_named_rate"] > verdicts.COLLAPSE
    assert [[row["pairs"] for row in world] for world in others] == [[6, 10, 20]] * 3
    assert verdicts.named_rate("No difference that matters.") == 0


def test_the_looks_at_several_arms_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    found = importlib.import_module("looks").several_arms(2, most=20)
    assert 0 <= found["until_settled"] <= 1 and found["looks"][-1] == 20
