"""The compiled program where threads share it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from experiments import build_for, experiment

from bnexp.data import prepare
from bnexp.training import refresh
from bnexp.training.program import Program
from bnexp.training.source import sources

SEEDS = (0, 1)


def test_a_thread_that_traces_does_not_meet_the_layers_that_another_one_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Statistics put the layers in training mode while they are traced. One thread stands there; another evaluates."""
    config = experiment(model={"normalization": "batch"}, training={"seeds": 2})
    data = prepare(config.dataset, SEEDS, 2**32)
    built = build_for(config, data)
    (source,) = sources(data, None, [np.arange(2)])
    parts = {"val": data.parts["val"]}

    def begun() -> tuple[Program, Any]:
        """Return a program that has traced nothing yet, and its first state."""
        program = Program(built.model, data.task, config.training, 5, 2)
        return program, program.start(built.initial.draw(SEEDS), np.full(2, 0.01, "float32"))

    program, state = begun()
    expected = program.evaluate(state, parts, source)["val"]["loss"]
    changed, evaluated, counted = threading.Event(), threading.Event(), refresh._counted_in_training

    def slowly(*arguments: Any, **more: Any) -> Any:
        """Count as ever, after another thread could evaluate; it must not, so that this ends without it."""
        changed.set()
        evaluated.wait(0.3)
        return counted(*arguments, **more)

    monkeypatch.setattr(refresh, "_counted_in_training", slowly)
    program, state = begun()
    with ThreadPoolExecutor(1) as pool:
        refreshed = pool.submit(program.refresh, state, data.train_SR, source)
        assert changed.wait(30)
        found = program.evaluate(state, parts, source)["val"]["loss"]
        evaluated.set()
        refreshed.result()
    assert found.tobytes() == expected.tobytes()
