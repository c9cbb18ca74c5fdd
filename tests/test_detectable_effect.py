"""What a study's plan says of held-out rows: how they count, by the metric and by how each seed splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats
from studies import planned

from bnexp.study.detectable_effect import for_new_rows
from bnexp.study.outlook import plan_document

BASE = "experiment: {dataset: {name: moons, samples: 500%s}, model: {name: mlp}, training: {epochs: 1}}\n"
REST = """\
arms: {bn: {model.normalization: batch}, none: {}}
vary: {training.learning_rate: [0.1, 0.2]}
seeds: 10
hypothesis: {claim: c, metric: val_accuracy, treated: bn, baseline: none, direction: higher, smallest: 0.01}
"""
STUDY = BASE % "" + REST


def said(place: Path, text: str) -> list[str]:
    return for_new_rows(planned(place, text), 0.95)


def test_an_accuracy_on_one_held_out_part_is_told_with_the_worst_case_as_a_comparison_tells_it(tmp_path: Path) -> None:
    (sentence,) = said(tmp_path, STUDY)
    assert sentence.startswith(
        "For new rows, only the worst case is known so far. If the arms disagree on the same 20% of the 100 held-out rows in every seed, 10 seeds detect a "
        "difference of 12."
    )
    assert sentence.endswith("; the spread over seeds is not known yet, and adds to it.")
    assert plan_document(planned(tmp_path, STUDY), 1).detectable_for_new_rows == [sentence]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("metric: val_accuracy", "metric: val_loss",
         "For new rows, the spread over the 100 held-out rows adds to it. In val_loss, it is not known before trials "
         "are stored."),
        ("smallest: 0.01", "smallest: 0.01, at: {training.learning_rate: 0.1}, minus: {training.learning_rate: 0.2}",
         "For new rows, the spread over the held-out rows adds to it. In val_accuracy (%), it is not known before "
         "trials are stored."),
    ],
)  # fmt: skip
def test_where_no_worst_case_is_known_only_that_rows_add_to_the_spread(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert said(tmp_path, STUDY.replace(old, new)) == [told]


def test_of_splits_that_overlap_the_corrected_deviation_is_told(tmp_path: Path) -> None:
    (sentence,) = said(tmp_path, BASE % ", resample: true" + REST)
    times = float(sentence.removeprefix("For other splits, which overlap, at least ").partition(" times")[0])
    error = (1 / 10 + 100 / 400) ** 0.5  # Nadeau and Bengio 2003
    assert sentence.endswith(" times, in val_accuracy (%).")
    power = stats.nct.sf(stats.t.ppf(0.975, 9), 9, times / error)
    assert power == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("metric: val_accuracy", "metric: {metric: val_accuracy, failures_below: 0.9}"),
        ("metric: val_accuracy", "metric: accuracy"),
        ("epochs: 1}", "epochs: 1, keep_rows: false}"),
    ],
)
def test_nothing_is_said_where_verdicts_are_about_these_rows(tmp_path: Path, old: str, new: str) -> None:
    assert said(tmp_path, STUDY.replace(old, new)) == []
