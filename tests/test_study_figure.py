"""A study's figure: of the kind that suits its factors, with the document's numbers, whatever the names are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from study_documents import ACCURACY, document, interval

from bnexp.errors import RunError
from bnexp.report import figures
from bnexp.report.labels import text_width
from bnexp.report.plots import render
from bnexp.report.study_figure import study_figures
from bnexp.store import Run
from bnexp.store.study_document import FORMAT, StudyDocument


def study_figure(facts: dict[str, Any]) -> Figure:
    """Draw the figure of the first hypothesis."""
    return drawn(facts)["figure"]


def drawn(facts: dict[str, Any]) -> dict[str, Figure]:
    return study_figures(StudyDocument.model_validate_json(json.dumps(facts)))


LOSS = {"metric": "test_loss", "epochs_to": None, "failures_below": None, "ratio": False}
EPOCHS = {"metric": "val_accuracy", "epochs_to": 0.9, "failures_below": None, "ratio": False}


def texts(figure: Figure) -> list[str]:
    (axes,) = figure.axes
    return [text.get_text() for text in axes.texts]


def numbers(figure: Figure) -> list[str]:
    """Return the numbers in the cells of a map, without their intervals."""
    return [text.partition("\n")[0] for text in texts(figure)[2:]]


def test_one_ordered_factor_is_a_line_with_a_band_for_each_arm_on_decades_where_it_spans_them() -> None:
    figure = study_figure(document(("training.batch_size", [32, 2, 8])))
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    bn, _ = axes.lines
    assert bn.get_xdata().tolist() == [2, 8, 32]
    assert bn.get_ydata() == pytest.approx([60, 70, 50])
    assert len(axes.collections) == 2
    assert axes.get_ylabel() == "test_accuracy (%)"
    assert texts(figure)[:2] == [
        "Supported: It helps.",
        "+20.00 [+10.00, +30.00] (97.5% t interval); 20 seeds\nline: mean; band: 95% t interval of the mean",
    ]
    narrow = study_figure(document(("x", [2, 4, 8])))
    assert narrow.axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("factor", [("training.batch_size", [32, 2, 8]), ("model.activation", ["relu", "tanh", "elu"])])
def test_losses_that_span_two_decades_are_on_a_logarithmic_axis_that_shows_every_mean(factor: Any) -> None:
    def drawn_axes(means: list[float | None], endpoint: dict[str, Any]) -> Any:
        facts = document(factor, endpoint=endpoint, hypotheses=[], verdict=None)
        for cell, mean in zip(facts["cells"], means, strict=True):
            cell["arms"]["bn"]["endpoints"] = [interval(mean)]
        return drawn(facts)["figure"].axes[0]

    is_line = factor[0] == "training.batch_size"
    exploding = drawn_axes([0.05, 300.0, None], LOSS)
    scale, limits = (
        (exploding.get_yscale(), exploding.get_ylim()) if is_line else (exploding.get_xscale(), exploding.get_xlim())
    )
    assert scale == "log" and 0 < limits[0] < 0.05 and limits[1] > 300
    for means, endpoint in (([0.5, 2.0, 4.0], LOSS), ([0.5, 200.0, 4.0], ACCURACY), ([-0.5, 200.0, 0.1], LOSS)):
        axes = drawn_axes(means, endpoint)
        assert (axes.get_yscale() if is_line else axes.get_xscale()) == "linear"


FORMS = [[], [("model.activation", ["relu", "tanh"])], [("x", [1, 2, 3])], [("x", [1, 2]), ("y", [1, 2])]]
"""Factors of a forest of one row, of a forest, of lines, and of a map."""


@pytest.mark.parametrize("factors", FORMS)
def test_a_bar_below_shows_where_the_uncertainty_for_new_rows_comes_from(factors: list[Any]) -> None:
    """Variances 0.4 / 20 seeds, 1.2 / 60 rows and 48 / 1200 of both: shares of 25, 25 and 50%."""
    facts = document(*factors)
    assert len(study_figure(facts).axes) == 1
    claim = facts["hypotheses"][0]
    variances = {"seed_variance": 0.4, "row_variance": 1.2, "rest_variance": 48.0}
    claim["difference"]["new_rows"] = {**NEW_ROWS, **variances}
    figure = study_figure(facts)
    axes, bars = figure.axes
    assert bars.get_title() == "uncertainty for new rows comes from"
    assert [text.get_text() for text in bars.texts] == ["25%", "25%", "50%"]
    figure.draw_without_rendering()
    above = [axes.xaxis.get_label(), *figure.legends, *filter(None, [axes.get_legend()])]
    top = bars.title.get_window_extent().y1
    assert all(one.get_window_extent().y0 > top for one in above), "nothing lies over the bar"
    claim["verdict"] = {"word": "inconclusive", "is_withheld": True}
    assert len(study_figure(facts).axes) == 1


def test_a_figure_says_that_no_verdict_rests_on_its_intervals() -> None:
    facts = document(("model.activation", ["relu", "tanh", "elu"]))
    facts["hypotheses"][0]["verdict"] = {"word": "inconclusive", "is_withheld": True}
    title, said = texts(study_figure(facts))
    assert title == "Inconclusive (no verdict): It helps."
    assert "no verdict rests on these intervals; the study's table says why" in said.splitlines()
    assert "no verdict" not in " ".join(texts(study_figure(document())))


def test_a_claim_about_wins_is_the_curve_of_how_often_fewer_seeds_mislead() -> None:
    facts = document()
    facts["hypotheses"][0] |= {"wins": True, "other_sign": [[1, 0.3], [5, 0.12], [10, 0.04]]}
    figure = study_figure(facts)
    (axes,) = figure.axes
    assert axes.lines[0].get_xdata().tolist() == [1, 5, 10]
    assert axes.lines[0].get_ydata() == pytest.approx([30, 12, 4])
    assert texts(figure)[2:] == ["30%", "12%", "4%"]
    facts["hypotheses"][0]["other_sign"] = [[1, 0.8], [5, 0.6]]  # a few large differences outweigh the rest
    assert study_figure(facts).axes[0].get_ylim()[1] > 80
    facts["hypotheses"][0]["other_sign"] = [[1, 0.0], [5, 0.0]]  # all pairs agree: a flat line tells nothing
    assert study_figure(facts).axes[0].get_xlabel().startswith("test_accuracy (%): bn - none")


def test_two_factors_are_a_map_of_the_difference() -> None:
    figure = study_figure(document(("x", [1, 2]), ("model.activation", ["relu", "tanh", "elu"])))
    (axes,) = figure.axes
    (image,) = axes.images
    assert np.asarray(image.get_array()) == pytest.approx(np.array([[-20, -10, 0], [10, 20, 30]]))
    assert image.get_clim() == pytest.approx((-30, 30))
    assert numbers(figure) == ["-20.00", "-10.00", "+0.00", "+10.00", "+20.00", "+30.00"]
    assert texts(figure)[2:4] == ["-20.00\n[-30.00, -10.00]", "-10.00\n[-20.00, +0.00]"]
    assert "test_accuracy (%): bn - none, mean, and below it its 95% t interval of the mean" in texts(figure)[1]


@pytest.mark.parametrize(
    ("columns", "lines", "first"), [(3, 2, "-20.00"), (6, 1, "-20.00"), (10, 1, "-20.0"), (11, 1, "-20"), (40, 1, "")]
)
def test_the_texts_of_a_map_fit_their_cells(columns: int, lines: int, first: str) -> None:
    """With many columns there is no room for intervals, then for decimals, and then for numbers."""
    figure = study_figure(document(("x", [1]), ("y", list(range(columns)))))
    assert texts(figure)[2].count("\n") + 1 == lines
    assert numbers(figure)[0] == first and len(numbers(figure)) == columns
    width = figure.axes[0].get_position().width * figure.get_size_inches()[0] * 72 / columns
    assert all(text_width(line, 8) < width for text in texts(figure)[2:] for line in text.split("\n"))


def test_the_colours_of_a_map_are_explained_and_brown_is_what_is_claimed() -> None:
    facts = document(("x", [1, 2]), ("y", [1, 2]))

    def drawn_map() -> tuple[Any, list[str]]:
        figure = study_figure(facts)
        (legend,) = figure.legends
        return np.asarray(figure.axes[0].images[0].get_array()), [text.get_text() for text in legend.get_texts()]

    higher, words = drawn_map()
    assert (higher.ravel().tolist(), words) == (pytest.approx([-20, -10, 0, 10]), ["bn higher, as claimed", "bn lower"])
    facts["hypotheses"][0]["direction"] = "lower"
    lower, words = drawn_map()
    assert (lower.ravel().tolist(), words) == (pytest.approx([20, 10, 0, -10]), ["bn lower, as claimed", "bn higher"])
    assert numbers(study_figure(facts)) == ["-20.00", "-10.00", "+0.00", "+10.00"]
    facts["hypotheses"][0]["wins"] = True  # of an accuracy, fewer wins are lower accuracies
    assert drawn_map()[0].ravel().tolist() == pytest.approx([20, 10, 0, -10])
    assert drawn_map()[1] == ["as claimed", "the other way round"]
    facts["hypotheses"][0] |= {"wins": False, "at": {"x": 1}, "minus": {"x": 2}}
    assert drawn_map()[1] == ["bn lower", "bn higher"]


def test_the_colours_of_a_map_reach_the_smallest_effect_of_interest_so_that_a_smaller_one_is_pale() -> None:
    def limits(facts: dict[str, Any]) -> tuple[float, float]:
        return study_figure(facts).axes[0].images[0].get_clim()

    facts = document(("x", [1, 2]), ("y", [1, 2]), endpoint=EPOCHS)
    facts["hypotheses"][0] |= {"direction": "lower", "smallest": 1.2}
    for cell, log in zip(facts["cells"], (-0.03, 0.0, 0.06, 0.0), strict=True):
        cell["differences"] = [interval(log)]
        for arm in cell["arms"].values():
            arm["endpoints"][0] |= {"seeds": 20, "reached": 20}
    assert numbers(study_figure(facts)) == ["1.03x", "1x", "0.942x", "1x"]
    assert limits(facts) == pytest.approx((-np.log2(1.2), np.log2(1.2)))
    facts["hypotheses"][0]["smallest"] = 1.02
    assert limits(facts) == pytest.approx((-0.06 / np.log(2), 0.06 / np.log(2)))
    facts = document(("x", [1, 2]), ("y", [1, 2]))
    facts["hypotheses"][0]["smallest"] = 0.4
    assert limits(facts) == pytest.approx((-40, 40))
    facts["hypotheses"][0]["wins"] = True  # now 0.4 is a share of seeds
    assert limits(facts) == pytest.approx((-20, 20))


@pytest.mark.parametrize("factors", [[("x", [1, 2]), ("y", [1])], [("x", ["a", "b"])]])
def test_a_ratio_of_epochs_is_drawn_as_a_bound_where_seeds_never_arrive(factors: list[Any]) -> None:
    facts = document(*factors, endpoint=EPOCHS)
    facts["hypotheses"][0] |= {"direction": "lower", "smallest": 1.2}
    for cell in facts["cells"]:
        for arm in ("bn", "none"):
            late = cell["cell"] == 1 and arm == "none"
            cell["arms"][arm]["endpoints"][0] |= {"seeds": 20, "reached": 17 if late else 20}
    figure = study_figure(facts)
    if len(factors) == 2:
        assert numbers(figure) == ["1.22x", ">=1.11x"]
        assert np.asarray(figure.axes[0].images[0].get_array()).min() > 0  # fewer epochs are as claimed
    else:
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert names == ["x a", "x b (>=)", "the claim"]


@pytest.mark.parametrize(
    ("factors", "rows"),
    [
        ([], ["all seeds"]),
        ([("model.activation", ["relu", "tanh"])], ["activation relu", "activation tanh", "the claim"]),
        ([("a", [1, 2]), ("b", ["x"]), ("c", [True])], ["a 1, b x, c true", "a 2, b x, c true", "the claim"]),
        ([("d.rows, d.noise", [[9, 0.5], [5, 0.1]])], ["rows 9\nnoise 0.5", "rows 5\nnoise 0.1", "the claim"]),
    ],
)
def test_anything_else_is_a_row_for_each_cell(factors: list[Any], rows: list[str]) -> None:
    (axes,) = study_figure(document(*factors)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == rows
    assert axes.get_xlabel().startswith("test_accuracy (%): bn - none")


def test_a_level_that_is_a_whole_section_has_a_line_for_each_of_its_keys() -> None:
    figure = study_figure(document(("model", [{"name": "cnn", "filters": [8, 16]}, {"name": "resnet"}])))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["name cnn\nfilters [8, 16]", "name resnet", "the claim"]


def test_a_factor_that_is_reduced_to_a_width_is_a_row_of_decades_for_each_level_of_the_others() -> None:
    facts = document(("training.batch_size", [8, 32]), ("training.learning_rate", [0.1, 1, 10]))
    groups = [
        {"levels": {"training.batch_size": size}, "subtracted": False, "difference": interval(size / 32)}
        for size in (8, 32)
    ]
    over = {"factor": "training.learning_rate", "take": "width", "within": 0.01}
    facts["hypotheses"][0] |= {"over": over, "groups": groups, "smallest": 0.477}
    (axes,) = study_figure(facts).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["batch_size 8", "batch_size 32", "the claim"]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"] == [0.25, 1.0]
    lines = axes.get_xlabel().splitlines()
    assert lines == [
        "decades of learning_rate with test_accuracy within 1.00 points",
        "of its best: bn - none",
        "grey: smaller than the smallest effect of interest",
    ]
    (grey,) = axes.patches
    assert grey.get_x() == -0.477
    facts["hypotheses"][0]["over"] = {**over, "take": "mean"}
    (axes,) = study_figure(facts).axes
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"] == [25.0, 100.0]


def test_below_the_cells_is_a_diamond_for_the_claim_itself_with_its_own_interval() -> None:
    facts = document(("model.activation", ["relu", "tanh"]))
    (axes,) = study_figure(facts).axes
    (diamond,) = [line for line in axes.lines if line.get_marker() == "D"]
    found = facts["hypotheses"][0]["difference"]
    assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == (pytest.approx(100 * found["mean"]), 2)
    assert "diamond: the claim, 97.5%" in " ".join(texts(study_figure(facts)))
    facts["hypotheses"][0]["wins"] = True  # whose unit is not that of the cells
    assert not [line for line in study_figure(facts).axes[0].lines if line.get_marker() == "D"]


def test_the_only_row_of_a_forest_is_the_claim_with_the_interval_that_decides() -> None:
    figure = study_figure(document())
    assert "bar: 97.5% t interval of the mean" in texts(figure)[1]
    bar = figure.axes[0].lines[0]
    assert list(bar.get_xdata()) == pytest.approx([10, 30])


def test_where_another_cell_would_lie_is_dotted_behind_the_diamond() -> None:
    facts = document(("model.activation", ["relu", "tanh", "elu"]))
    assert "dotted" not in " ".join(texts(study_figure(facts)))
    prediction = {"mean": 0.02, "low": -0.03, "high": 0.07}
    cells = [{"levels": {"model.activation": one}, "direction": None, **prediction} for one in ("relu", "tanh", "elu")]
    differ = {"q": 9.0, "p_value": 0.01, "tau": 0.01, "correlation": 0.2, "prediction": prediction}
    facts["hypotheses"][0]["across"] = {"level": 0.98, "about": "these rows", "cells": cells, "heterogeneity": differ}
    figure = study_figure(facts)
    (dotted,) = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert (list(dotted.get_xdata()), list(dotted.get_ydata())) == (pytest.approx([-3, 7]), [3, 3])
    assert "diamond: the claim, 97.5%; dotted: another cell" in " ".join(texts(figure))
    assert "the cells differ beyond their noise (Cochran's Q, p 0.01): see each of them" in texts(figure)[1]
    cells[0]["direction"], cells[1]["direction"] = "higher", "lower"
    said = texts(study_figure(facts))[1]
    assert "no single answer: bn is higher in 1 cell and lower in 1, each beyond its noise" in said
    assert "differ" not in said


NEW_ROWS = {"mean": 0.2, "low": -0.1, "high": 0.5, "drawn": "rows", "count": 60}


def thin(figure: Figure) -> list[tuple[list[float], float]]:
    """The intervals for new rows that a figure shows, each with its place."""
    lines = [line for line in figure.axes[0].lines if line.get_label() == "new rows"]
    return [(pytest.approx(list(line.get_xdata())), line.get_ydata()[0]) for line in lines]


@pytest.mark.parametrize("factors", [[], [("model.activation", ["relu", "tanh"])], [("x", [1, 2, 3])]])
def test_where_new_rows_decide_both_intervals_are_told_below_the_title(factors: list[Any]) -> None:
    facts = document(*factors)
    facts["hypotheses"][0]["difference"]["new_rows"] = NEW_ROWS
    answer, other, legend = texts(study_figure(facts))[1].splitlines()
    assert answer == "+20.00 [-10.00, +50.00] for new rows (97.5% interval); 20 seeds"
    assert other == "on these rows [+10.00, +30.00] (97.5% interval)"
    level = "95%" if factors else "97.5%"  # the only row is the claim itself
    assert f": {level} interval on these rows" in legend
    facts["hypotheses"][0]["difference"]["new_rows"] = {**NEW_ROWS, "drawn": "splits"}
    answer, other, legend = texts(study_figure(facts))[1].splitlines()
    assert "for other splits and rows" in answer and other.startswith("on these splits [") and "these splits" in legend


def test_a_forest_shows_the_interval_for_new_rows_as_a_thin_line_of_the_claim_and_of_each_cell_that_has_one() -> None:
    facts = document()
    facts["hypotheses"][0]["difference"]["new_rows"] = NEW_ROWS
    assert thin(study_figure(facts)) == [([-10, 50], 0)], "the only cell is the claim"
    facts = document(("model.activation", ["relu", "tanh", "elu"]))
    facts["hypotheses"][0]["difference"]["new_rows"] = NEW_ROWS
    assert thin(study_figure(facts)) == [([-10, 50], 3)], "of no cell is one known"
    cells = [
        {"levels": {"model.activation": one}, "direction": None, "mean": 0.1, "low": low, "high": 0.4}
        for one, low in (("elu", -0.3), ("relu", -0.2))
    ]
    facts["hypotheses"][0]["across"] = {"level": 0.98, "about": "new rows", "cells": cells}
    figure = study_figure(facts)
    assert thin(figure) == [([-20, 40], 0), ([-30, 40], 2), ([-10, 50], 3)]
    assert "thick: 95% interval on these rows; thin: for new rows; " in texts(figure)[1]
    facts["hypotheses"][0]["across"]["about"] = "these rows"
    assert thin(study_figure(facts)) == [([-10, 50], 3)]
    assert thin(study_figure(document(("model.activation", ["relu", "tanh"])))) == []


def test_epochs_are_drawn_as_how_many_times_fewer_they_are() -> None:
    facts = document(endpoint=EPOCHS)
    facts["hypotheses"][0]["difference"] = interval(-0.2)
    (axes,) = study_figure(facts).axes
    assert axes.get_xscale() == "log"
    assert axes.lines[1].get_xdata()[0] == pytest.approx(np.exp(0.2))
    assert axes.get_xlabel() == "epochs to val_accuracy 90.00%: none / bn"
    low, high = axes.get_xlim()
    assert sum(low <= tick <= high for tick in axes.get_xticks()) > 2  # though the axis spans no decade


@pytest.mark.parametrize(("high", "least", "most"), [(9.0, 3, 8), (40.0, 5, 9), (2000.0, 3, 6)])
def test_an_axis_of_ratios_has_several_numbers_whatever_it_spans(high: float, least: int, most: int) -> None:
    facts = document(("model.activation", ["relu", "tanh", "elu"]), endpoint=EPOCHS)
    for cell in facts["cells"]:
        cell["differences"] = [{"mean": -0.1, "low": -np.log(high), "high": 0.05}]
    (axes,) = study_figure(facts).axes
    lowest, highest = axes.get_xlim()
    shown = [tick for tick in axes.get_xticks() if lowest <= tick <= highest]
    assert least <= len(shown) <= most, shown


@pytest.mark.parametrize("factors", [[("$\\foo$ \x1b[31m", [1, 2])], [("a", ["\u202ex" * 90]), ("b", [None])], []])
def test_no_name_or_missing_value_breaks_a_figure(factors: list[Any]) -> None:
    facts = document(*factors)
    for cell in facts["cells"]:
        cell["differences"] = [interval(None)]
        cell["arms"]["bn"]["endpoints"] = [interval(None)]
    facts["hypotheses"][0]["claim"] = "\x1b[31m$\\frac" * 40
    assert render(study_figure(facts), "png") == render(study_figure(facts), "png")


def test_a_document_of_other_kinds_of_values_is_told_as_damaged(tmp_path: Path) -> None:
    facts = {"format": FORMAT, **document(("a", [1, 2]))}
    facts["hypotheses"][0]["claim"] = 5
    (tmp_path / "study.yaml").write_text("")
    (tmp_path / "study.json").write_text(json.dumps(facts))
    with pytest.raises(RunError, match=r"study.json: hypotheses.0.claim: .* valid string. It is damaged"):
        figures.draw(Run(tmp_path))


@pytest.mark.parametrize("format", [1, 4, FORMAT])
def test_a_study_of_an_earlier_format_is_drawn(tmp_path: Path, format: int) -> None:
    facts = {"format": format, **document(("a", [1, 2]))}
    (tmp_path / "study.yaml").write_text("")
    (tmp_path / "study.json").write_text(json.dumps(facts))
    assert [path.name for path in figures.draw(Run(tmp_path))] == ["figure.png"]


@pytest.mark.parametrize("format", [0, FORMAT + 1, None, "4"])
def test_a_study_of_a_later_format_or_of_none_is_refused(tmp_path: Path, format: object) -> None:
    (tmp_path / "study.yaml").write_text("")
    (tmp_path / "study.json").write_text(json.dumps({**document(("a", [1, 2])), "format": format}))
    with pytest.raises(RunError, match=r"has format .*; expected 1 to 5\. Use the bnexp that wrote it\."):
        figures.draw(Run(tmp_path))


def test_every_hypothesis_has_a_figure_of_its_own_numbers() -> None:
    facts = document(("x", [1, 2, 3]))
    facts["endpoints"] = [ACCURACY, LOSS]
    for cell in facts["cells"]:
        cell["differences"] *= 2
        for arm in cell["arms"].values():
            arm["endpoints"].append(interval(7.0))
    facts["hypotheses"].append({**facts["hypotheses"][0], "claim": "Loss.", "metric": LOSS})
    both = drawn(facts)
    assert list(both) == ["figure", "figure-2"]
    (axes,) = both["figure-2"].axes
    assert axes.get_ylabel() == "test_loss"
    assert axes.lines[0].get_ydata() == pytest.approx([7, 7, 7])


def test_the_cells_that_a_claim_is_about_are_marked_and_none_where_it_is_about_all() -> None:
    def marked(*factors: tuple[str, list[Any]], at: dict[str, Any], minus: dict[str, Any] | None = None) -> Figure:
        facts = document(*factors)
        facts["hypotheses"][0] |= {"at": at, "minus": minus}
        return study_figure(facts)

    (axes,) = marked(("x", [1, 2, 3]), at={"x": 1}, minus={"x": 3}).axes
    marks = {line.get_xdata()[0]: line.get_linestyle() for line in axes.lines if line.get_linestyle() in (":", "--")}
    assert marks == {1: ":", 3: "--"}
    assert "dotted: judged, dashed: subtracted" in texts(axes.figure)[1]
    (axes,) = marked(("x", [1, 2]), ("y", [1, 2]), at={"x": 2}, minus={"x": 1}).axes
    assert sorted(patch.get_linestyle() for patch in axes.patches) == ["-", "-", "--", "--"]
    (axes,) = marked(("x", [1, 2]), ("y", [1, 2]), at={"x": 2}).axes
    assert [(patch.get_x() > 0.5, patch.get_y() > 0.5) for patch in axes.patches] == [(False, True), (True, True)]
    (axes,) = marked(("x", ["a", "b"]), at={"x": "b"}).axes
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
    assert faces[0] == "white" != faces[1]
    for figure in (study_figure(document(("x", [1, 2, 3]))), study_figure(document(("x", [1, 2]), ("y", [1, 2])))):
        assert "judged" not in texts(figure)[1]


@pytest.mark.parametrize("factors", [[], [("x", [1, 2, 3])], [("x", [1, 2]), ("y", [1, 2])]])
def test_a_figure_of_a_hypothesis_that_was_asked_after_results_says_so_and_no_other(factors: list[Any]) -> None:
    facts = document(*factors)
    assert "exploratory" not in texts(study_figure(facts))[1]
    facts["hypotheses"][0]["asked_after_results"] = True
    said = texts(study_figure(facts))[1].splitlines()
    assert said[1] == "exploratory: added or changed after the results were known"


def test_a_figure_tells_the_verdict_in_its_title_and_the_warnings_below_it() -> None:
    facts = document(("x", [1, 2]))
    facts["hypotheses"][0]["warned"] = True
    facts["hypotheses"][0]["verdict"]["word"] = "inconclusive"
    facts["cells"][0]["arms"]["bn"]["warnings"] = ["training.batch_size is 4; batch normalization estimates poorly."]
    title, said = texts(study_figure(facts))[:2]
    assert title == "Inconclusive: It helps."
    assert said.splitlines()[1] == "WARNING: Small batches (training.batch_size)"
