"""What the API returns shows itself from what is at hand: nothing is read again, so a directory may be gone."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pandas as pd
import pytest
from arms import BN, NOBN
from study_documents import document as document_of

import bnexp
from bnexp import comparison
from bnexp.store.study_document import StudyDocument

GONE = Path("runs/gone-20260101-000000")


def test_a_comparison_shows_itself_without_its_directory() -> None:
    found = bnexp.Comparison(bnexp.StoredRun(GONE), comparison.compare([BN, NOBN], bnexp.Question()), [BN, NOBN])
    assert repr(found) == "<Comparison gone-20260101-000000: bn helps>"
    assert str(found).splitlines()[-1].strip() != ""
    assert "VERDICT  helps" in str(found)
    assert found._repr_html_().startswith("<pre style")
    assert '<img alt="figure"' in found._repr_html_()
    assert found.figure("val_accuracy").axes[0].get_title() == "Model accuracy"


def test_what_is_trained_says_its_runs_in_one_line() -> None:
    assert repr(bnexp.Trained()) == "<Trained nothing>"


def study(place: Path, **facts: object) -> bnexp.Study:
    return bnexp.Study(place, StudyDocument.model_validate(document_of(("depth", [1, 2]), **facts)))


def test_a_study_has_verdicts_figures_and_a_table_as_a_comparison_has() -> None:
    found = study(GONE)
    assert (found.verdict, {claim: one.word for claim, one in found.verdicts.items()}) == (
        "supported",
        {"It helps.": "supported"},
    )
    assert repr(found) == "<Study gone-20260101-000000: supported>"
    assert str(found).splitlines()[0] == "s: 2 cells, 20 seeds"
    assert '<img alt="figure"' in found._repr_html_()
    assert found.figure() is not None
    with pytest.raises(bnexp.UserError, match=r"^There is no figure of 'figure-2'\. .*Good names: figure\.$"):
        found.figure("figure-2")
    with pytest.raises(
        bnexp.RunError, match=r"results\.csv: cannot be read \(.*\)\. Run the study again: it goes on\.$"
    ):
        found.frame()


def test_the_frame_of_a_study_has_a_row_for_each_cell_arm_and_seed_and_only_empty_cells_are_missing(
    tmp_path: Path,
) -> None:
    (tmp_path / "results.csv").write_text("cell,arm,seed,val_loss,diverged_at\n0,null,0,0.5,\n0,none,0,,3\n")
    (tmp_path / "study.yaml").touch()
    frame = pd.DataFrame(
        {
            "cell": [0, 0],
            "arm": ["null", "none"],
            "seed": [0, 0],
            "val_loss": [0.5, None],
            "diverged_at": [None, 3.0],
        }
    )
    pd.testing.assert_frame_equal(study(tmp_path).frame(), frame)
    pd.testing.assert_frame_equal(bnexp.StoredRun(tmp_path).frame(), frame)


@pytest.mark.parametrize("name", [name for name in bnexp.EXPORTED if name[0].islower()])
def test_what_a_function_raises_and_returns_is_exported(name: str) -> None:
    function = getattr(bnexp, name)
    raised = re.findall(r"^ +((?:\w+Error(?:, )?)+): ", inspect.getdoc(function).partition("Raises:")[2], re.MULTILINE)
    returned = re.findall(r"\b[A-Z]\w+", inspect.signature(function).return_annotation)
    names = {one for line in raised for one in line.split(", ")} | set(returned)
    assert names - {"Path"} <= set(bnexp.EXPORTED)


def test_a_warning_is_told_at_the_line_that_called_unless_an_observer_hears_it() -> None:
    with pytest.warns(bnexp.BnexpWarning, match="^odd$") as told:
        bnexp.Observer().warn("odd")
    assert [one.filename for one in told] == [__file__]
