"""Which trials of a study share a job: those of one program, as many as memory holds."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from studies import ARMS, BASE, CLAIM, planned

from bnexp.study import jobs as study_jobs
from bnexp.study import plan as study_plan

SHORT = BASE.replace("epochs: 10", "epochs: 2") + ARMS + CLAIM + "seeds: 2\n"


def names(plan: study_plan.Plan) -> list[list[str]]:
    return [[f"{trial.cell.number}-{trial.arm}" for trial in one.trials] for one in study_plan.pending(plan)]


def test_rates_and_data_of_one_shape_share_a_program_and_batch_sizes_do_not(tmp_path: Path) -> None:
    rates = planned(tmp_path, SHORT + "vary: {training.learning_rate: [0.001, 0.01], dataset.noise: [0.1, 0.2]}\n")
    assert names(rates) == [["0-bn", "1-bn", "2-bn", "3-bn"], ["0-none", "1-none", "2-none", "3-none"]]
    sizes = planned(tmp_path, SHORT + "vary: {training.batch_size: [8, 4], model.initializer: [he_normal, zeros]}\n")
    assert names(sizes) == [["2-bn", "3-bn"], ["2-none", "3-none"], ["0-bn", "1-bn"], ["0-none", "1-none"]]
    rows = planned(tmp_path, SHORT + "vary: {dataset.samples: [80, 120]}\n")
    assert names(rows) == [["1-bn"], ["1-none"], ["0-bn"], ["0-none"]]


def test_a_large_job_is_cut_between_cells(tmp_path: Path) -> None:
    text = SHORT.replace("seeds: 2", "seeds: 30") + "vary: {training.learning_rate: [0.001, 0.002, 0.003]}\n"
    assert names(planned(tmp_path, text)) == [["0-bn", "1-bn"], ["0-none", "1-none"], ["2-bn"], ["2-none"]]


def test_a_job_is_cut_where_its_data_are_too_large_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHORT + "vary: {dataset.noise: [0.1, 0.2, 0.3], training.learning_rate: [0.01, 0.1]}\n"
    rows = 80 * 2 * 4  # bytes of float32
    rates_first = SHORT + "vary: {training.learning_rate: [0.01, 0.1], dataset.noise: [0.1, 0.2]}\n"
    monkeypatch.setattr(study_jobs, "MOST_ROW_BYTES", rows)
    assert names(planned(tmp_path, rates_first))[:2] == [["0-bn", "2-bn"], ["1-bn", "3-bn"]]
    monkeypatch.setattr(study_jobs, "MOST_ROW_BYTES", 2 * rows)
    assert [one for one in names(planned(tmp_path, text)) if one[0].endswith("bn")] == [
        ["0-bn", "1-bn", "2-bn", "3-bn"],
        ["4-bn", "5-bn"],
    ]
    monkeypatch.setattr(study_jobs, "MOST_ROW_BYTES", 1)
    assert [len(one) for one in names(planned(tmp_path, text))] == [2] * 6


def test_a_job_is_cut_into_halves_and_into_its_trials_each_with_half_as_much_worked_on_at_a_time(
    tmp_path: Path,
) -> None:
    vary = "vary: {training.learning_rate: [0.001, 0.002, 0.003]}\n"
    whole, _ = study_plan.pending(planned(tmp_path, SHORT + vary))
    assert (whole.keys, whole.largest_shard) == ([(0, "bn"), (1, "bn"), (2, "bn")], 64)
    assert [(one.keys, one.largest_shard) for one in whole.halved()] == [
        ([(0, "bn"), (1, "bn")], 32),
        ([(2, "bn")], 32),
    ]
    assert [(one.keys, one.largest_shard) for one in whole.alone()] == [([(n, "bn")], 32) for n in range(3)]
    (one, *_) = whole.alone()
    for expected in (16, 8, 4, 2, 1, 1):
        (one,) = one.halved()
        assert (one.keys, one.largest_shard) == ([(0, "bn")], expected)
    assert pickle.loads(pickle.dumps(whole)) == whole
