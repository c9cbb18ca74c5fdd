"""The figure of a comparison's verdict, by its content."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bnexp.report import difference_figure as figures
from bnexp.store import ComparisonDocument


def contrast(arm: str, pairs: list[float | None]) -> dict[str, Any]:
    found = {"mean": 0.02, "low": 0.01, "high": 0.03}
    return {
        "arm": arm, "baseline": "none", "pairs": pairs, "metrics": {"val_accuracy": found, "val_loss": found}, "verdict": {"word": "helps"},
    }  # fmt: skip


def document(*contrasts: dict[str, Any], metric: str = "val_accuracy") -> dict[str, Any]:
    return {
        "level": 0.95, "seeds": [0, 1, 2], "baseline": "none", "primary": {"metric": metric, "margin": 0.01},
        "contrasts": list(contrasts),
    }  # fmt: skip


def difference_figure(document: dict[str, Any]) -> Figure:
    return figures.difference_figure(ComparisonDocument.model_validate(document))


def rows(figure: Figure) -> list[list[float]]:
    """Return what is drawn of each contrast: the pairs, then low, high, and mean."""
    (axes,) = figure.axes
    lines = axes.lines[1:]  # the first is that of zero
    return [
        [float(value) for line in lines[start : start + 3] for value in line.get_xdata()]
        for start in range(0, len(lines), 3)
    ]


def test_a_contrast_is_its_pairs_its_mean_with_the_interval_and_the_margin() -> None:
    figure = difference_figure(document(contrast("bn", [0.01, 0.03, 0.02]), contrast("layer", [0.0, None, 0.04])))
    assert rows(figure) == [pytest.approx([1, 3, 2, 1, 3, 2]), pytest.approx([0, 4, 1, 3, 2])]
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bn:\nhelps", "layer:\nhelps"]
    assert axes.get_xlabel() == "val_accuracy (%): arm minus none, by pairs of seeds"
    assert "grey area: differences that are too small to matter (margin ±1)" in axes.texts[1].get_text()
    (margin,) = axes.patches
    assert margin.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx([-1, 1])


def test_the_interval_for_new_rows_is_a_thin_line_around_the_thick_one_and_the_title_says_so() -> None:
    told = contrast("bn", [0.01, 0.03, 0.02])
    anew = {"mean": 0.02, "low": -0.01, "high": 0.05, "drawn": "rows", "count": 200}
    told["metrics"]["val_accuracy"] = {**told["metrics"]["val_accuracy"], "new_rows": anew}
    (axes,) = difference_figure(document(told)).axes
    (thin,) = (line for line in axes.lines if line.get_label() == figures.NEW_ROWS)
    assert thin.get_xdata() == pytest.approx([-1, 5])
    assert "mean; 95% interval: thick for these rows, thin for new rows" in axes.texts[1].get_text()
    anew["drawn"] = "splits"
    (axes,) = difference_figure(document(told)).axes
    assert "thin for other splits" in axes.texts[1].get_text()
    (axes,) = difference_figure(document(contrast("bn", [0.01]))).axes
    assert "mean; line: its 95% interval for these rows" in axes.texts[1].get_text()


def test_arms_that_agree_on_few_rows_are_said_to_have_no_known_interval_for_new_rows() -> None:
    equal, known = contrast("bn", [0.0, 0.0, 0.0]), contrast("layer", [0.01, 0.03, 0.02])
    anew = {"mean": 0.0, "low": 0.0, "high": 0.0, "drawn": "rows", "count": 30}
    equal["metrics"] = {"val_accuracy": {"mean": 0.0, "low": 0.0, "high": 0.0, "new_rows": anew}}
    known["metrics"]["val_accuracy"]["new_rows"] = {
        "mean": 0.02,
        "low": -0.01,
        "high": 0.05,
        "drawn": "rows",
        "count": 30,
    }
    said = "interval for new rows: not known, these rows are too few"
    (axes,) = difference_figure(document(equal)).axes
    assert said in [text.get_text() for text in axes.texts]
    assert figures.NEW_ROWS not in [line.get_label() for line in axes.lines]
    assert "mean; line: its 95% interval for these rows" in axes.texts[1].get_text()
    (axes,) = difference_figure(document(equal, known)).axes
    assert [text.get_text() for text in axes.texts].count(said) == 1
    assert "thick for these rows, thin for new rows" in axes.texts[1].get_text()
    anew["count"] = 400
    (axes,) = difference_figure(document(equal)).axes
    assert said not in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(
    ("verdict", "label", "new_rows", "these_rows"),
    [
        ({}, "bn:\ncannot tell yet", figures.BLUE, figures.BLUE),
        ({"is_withheld": True, "these_rows": "hurts"}, "bn:\ncannot tell yet\n(no verdict)", figures.GREY, figures.BLUE),
        ({"is_withheld": True}, "bn:\ncannot tell yet\n(no verdict)", figures.GREY, figures.GREY),
    ],
)  # fmt: skip
def test_an_interval_that_no_verdict_rests_on_is_grey(
    verdict: dict[str, Any], label: str, new_rows: str, these_rows: str
) -> None:
    told = contrast("bn", [0.01, 0.03, 0.02]) | {"verdict": {"word": "cannot tell yet", **verdict}}
    anew = {"mean": 0.02, "low": -0.01, "high": 0.05, "drawn": "rows", "count": 200}
    told["metrics"]["val_accuracy"] = {**told["metrics"]["val_accuracy"], "new_rows": anew}
    (axes,) = difference_figure(document(told)).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == [label]
    _, thin, thick, mean = axes.lines[1:]
    assert [line.get_color() for line in (thin, thick, mean)] == [new_rows, these_rows, these_rows]
    note = "dark grey lines: no verdict rests on them"
    assert (note in axes.texts[1].get_text()) == ("no verdict" in label)


def test_a_bar_shows_which_share_of_the_uncertainty_seeds_rows_and_their_interaction_have() -> None:
    """Variances 0.06 / 3 seeds, 4 / 200 rows and 24 / 600 of both: shares of 25, 25 and 50%."""
    known, unknown = contrast("bn", [0.01, 0.03, 0.02]), contrast("layer", [0.01, 0.03, 0.02])
    anew = {"mean": 0.02, "low": -0.01, "high": 0.05, "drawn": "rows", "count": 200}
    variances = {"seed_variance": 0.06, "row_variance": 4.0, "rest_variance": 24.0}
    known["metrics"]["val_accuracy"] = {**known["metrics"]["val_accuracy"], "new_rows": {**anew, **variances}}
    _, bars = difference_figure(document(known, unknown)).axes
    assert bars.get_title() == "uncertainty for new rows comes from"
    assert [(bar.get_x(), bar.get_width()) for bar in bars.patches] == [
        pytest.approx(place) for place in ((0.0, 0.25), (0.25, 0.25), (0.5, 0.5))
    ]
    assert [text.get_text() for text in bars.texts] == ["25%", "25%", "50%"]
    legend = bars.get_legend()
    assert legend is not None
    words = ["seeds (25%)", "rows (25%)", "interaction of seeds and rows (50%)"]
    assert [one.get_text() for one in legend.get_texts()] == words
    assert [label.get_text() for label in bars.get_yticklabels()] == ["bn"]
    known["metrics"]["val_accuracy"]["new_rows"]["drawn"] = "groups"
    axes, of_groups = difference_figure(document(known, unknown)).axes
    assert "thick for these groups, thin for new groups" in axes.texts[1].get_text()
    assert of_groups.get_title() == "uncertainty for new groups comes from"
    (legend,) = [of_groups.get_legend()]
    assert legend is not None and legend.get_texts()[2].get_text() == "interaction of seeds and groups (50%)"
    known["metrics"]["val_accuracy"]["new_rows"]["drawn"] = "rows"
    of_these = document(known) | {"asked": {"about": "these-rows"}}
    assert len(difference_figure(of_these).axes) == 1, "new rows were not asked about"
    known["verdict"] = {"word": "cannot tell yet", "is_withheld": True}
    assert len(difference_figure(document(known)).axes) == 1, "there is no verdict that it could explain"


def test_a_loss_is_drawn_in_its_own_unit_and_what_is_not_there_not_at_all() -> None:
    assert rows(difference_figure(document(contrast("bn", [0.5]), metric="val_loss"))) == [
        pytest.approx([0.5, 0.01, 0.03, 0.02])
    ]
    lost = contrast("bn", [None, None])
    lost["metrics"]["val_loss"] = {"mean": None, "low": None, "high": None}
    (found,) = rows(difference_figure(document(lost, metric="val_loss")))
    assert all(value != value for value in found)


@pytest.mark.parametrize("name", ["$\\foo$", "[/]", "a\x1b[31m\nb", "x" * 500])
def test_no_name_breaks_the_figure(name: str) -> None:
    figure = difference_figure({**document(contrast(name, [0.1, 0.2])), "baseline": name})
    figure.savefig("/dev/null", format="png")
    assert "\x1b" not in figure.axes[0].get_xlabel() + figure.axes[0].get_yticklabels()[0].get_text()


def test_the_interval_that_decides_is_drawn_with_its_level() -> None:
    one, other = contrast("bn", [0.01, 0.03, 0.02]), contrast("layer", [0.01, 0.03, 0.02])
    judged = {"scale": "difference", "margin": 0.01, "margin_level": 0.975, "p_value": 0.01}
    wide, wider = {"mean": 0.02, "low": 0.005, "high": 0.035}, {"mean": 0.02, "low": 0.0, "high": 0.04}
    one["judged"] = {**judged, **wider, "level": 0.975}
    other["judged"] = {**judged, **wide, "level": 0.95, "of_margin": wider}
    figure = difference_figure(document(one, other))
    assert [row[-3:] for row in rows(figure)] == [pytest.approx([0, 4, 2]), pytest.approx([0.5, 3.5, 2])]
    assert "mean; line: its 97.5% / 95% interval for these rows" in figure.axes[0].texts[1].get_text()
    other["verdict"] = {"word": "no difference that matters"}
    figure = difference_figure(document(one, other))
    assert rows(figure)[1][-3:] == pytest.approx([0, 4, 2])
    assert "mean; line: its 97.5% interval for these rows" in figure.axes[0].texts[1].get_text()


def test_a_ratio_is_drawn_as_the_difference_that_it_makes_from_the_baselines_mean() -> None:
    told = contrast("bn", [-0.5, -0.4])
    anew = {"mean": np.log(0.5), "low": np.log(0.1), "high": np.log(2.5), "drawn": "rows", "count": 200}
    told["judged"] = {
        "scale": "ratio", "mean": np.log(0.5), "low": np.log(0.25), "high": np.log(1.25), "level": 0.97056, "margin": 0.05,
        "margin_level": 0.97056, "p_value": 0.01, "new_rows": anew,
    }  # fmt: skip
    asked = document(told, metric="val_loss")
    mean = {"val_loss": {"mean": 0.8, "low": 0.7, "high": 0.9}}
    asked["arms"] = [{"name": "none", "parameters": {"trainable": 1}, "seeds": 2, "metrics": mean}]
    figure = difference_figure(asked)
    (axes,) = figure.axes
    drawn = [list(line.get_xdata()) for line in axes.lines[2:]]
    assert drawn == [pytest.approx(one) for one in ([-0.72, 1.2], [-0.6, 0.2], [-0.4])]
    assert (
        "; diamond: mean ratio; 97.06% interval: thick for these rows, thin for new rows\n" in axes.texts[1].get_text()
    )
    (margin,) = axes.patches
    bounds = margin.get_extents().transformed(axes.transData.inverted()).intervalx
    assert bounds == pytest.approx([0.8 * np.expm1(-0.05), 0.8 * np.expm1(0.05)])
    assert "grey area: ratios between 0.951 and 1.051, which are too near 1 to matter" in axes.texts[1].get_text()
    assert (
        axes.texts[1]
        .get_text()
        .endswith("\na ratio of 1.1 is drawn as a difference: 10% of none's mean (0.8), which is 0.08")
    )


def test_equal_pairs_lie_below_each_other_and_none_below_the_interval() -> None:
    figure = difference_figure(document(contrast("bn", [0.01, 0.01, 0.03, 0.01, 0.02])))
    dots, interval, _ = figure.axes[0].lines[1:]
    places = list(zip(dots.get_xdata(), np.round(dots.get_ydata(), 3), strict=True))
    assert len(set(places)) == 5 and min(dots.get_ydata()) > max(interval.get_ydata())


def crowded(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_text().endswith(" dots")]


def test_a_stack_of_dots_that_looks_like_a_bar_has_its_number_beside_it() -> None:
    assert crowded(difference_figure(document(contrast("bn", [0.0] * 20)))) == ["20 dots"]
    several = contrast("bn", [0.0] * 12 + [0.03] * 8), contrast("layer", [0.02] * 9)
    assert crowded(difference_figure(document(*several))) == ["12 dots", "9 dots"]
    between = contrast("bn", [0.0] * 10 + [0.002] * 11 + [0.004] * 9)
    assert crowded(difference_figure(document(between))) == ["10 dots", "9 dots"], "there is no room for 11 dots"


@pytest.mark.parametrize(
    "pairs",
    [
        [[0.0] * 12 + [0.005] * 8], [[0.0] * 12 + [0.0033] * 9], [[0.0] * 6 + [0.03] * 14], [[-0.03] * 14, [0.03] * 14],
        [[0.0] * 17 + [0.005] * 2 + [0.03]], [[0.0] * 10 + [0.002] * 11 + [0.004] * 9], [[0.0] * 12 + [0.001], [0.3] * 9],
    ],
)  # fmt: skip
def test_no_number_of_a_stack_lies_over_a_dot_or_leaves_the_axes(pairs: list[list[float | None]]) -> None:
    figure = difference_figure(document(*(contrast(f"arm {place}", one) for place, one in enumerate(pairs))))
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text().endswith(" dots")]
    dots = np.concatenate(
        [axes.transData.transform(line.get_xydata()) for line in axes.lines if line.get_marker() == "o"]
    )
    assert boxes
    for box in boxes:
        assert axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
        assert not box.count_contains(dots)


def test_a_long_name_is_shown_whole_in_lines_that_stay_within_the_figure_and_apart() -> None:
    names = ["mobilenet_keras_file_layer_frozen", "mobilenet_keras_file_group_frozen_and_longer_than_all_the_others"]
    told = [
        contrast(name, [0.01, 0.03]) | {"verdict": {"word": "no difference that matters", "is_withheld": True}}
        for name in names
    ]
    figure = difference_figure({**document(*told), "baseline": "mobilenet_keras_file_batch_frozen"})
    FigureCanvasAgg(figure).draw()
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text().partition(":")[0].replace("\n", "") for label in labels] == names
    above, below = (label.get_window_extent() for label in labels)
    assert above.x0 > 0 and below.x0 > 0 and above.y0 > below.y1 and below.y0 > 0
    axis = figure.axes[0].xaxis.label
    assert axis.get_text() == "val_accuracy (%): arm minus mobilenet_keras_file_batch_frozen,\nby pairs of seeds"
    assert axis.get_window_extent().y0 > 0


def test_dots_that_are_near_each_other_on_the_axis_are_stacked_however_wide_the_margin_makes_it() -> None:
    near = document(contrast("bn", [0.0101, 0.0102, 0.0103]))
    near["primary"]["margin"] = 0.5
    dots = difference_figure(near).axes[0].lines[1]
    assert len(set(dots.get_ydata())) == 3


@pytest.mark.parametrize("metric", ["val_accuracy", "test_balanced_accuracy", "accuracy"])
def test_the_label_of_the_axis_stays_within_the_figure_whatever_the_names_are(metric: str) -> None:
    named = contrast("bn", [0.01, 0.03]) | {"baseline": "wide-Name-W" * 9}
    named["metrics"] = {metric: named["metrics"]["val_loss"]}
    figure = difference_figure({**document(named, metric=metric), "baseline": "wide-Name-W" * 9})
    FigureCanvasAgg(figure).draw()
    (axes,), width = figure.axes, figure.bbox.width
    drawn = axes.xaxis.label.get_window_extent()
    assert 0.02 * width < drawn.x0 < drawn.x1 < 0.98 * width
    assert axes.get_xlabel().startswith(metric) and ": arm minus wid" in axes.get_xlabel()
    assert axes.get_xlabel().endswith("ame-W,\nby pairs of seeds")


def test_no_line_runs_through_the_text_that_the_interval_is_not_known() -> None:
    equal = contrast("bn", [0.0] * 20)
    anew = {"mean": 0.0, "low": 0.0, "high": 0.0, "drawn": "rows", "count": 30}
    equal["metrics"] = {"val_accuracy": {"mean": 0.0, "low": 0.0, "high": 0.0, "new_rows": anew}}
    figure = difference_figure(document(equal))
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    (told,) = (text for text in axes.texts if text.get_text().startswith("interval for new rows: not known"))
    box, mean = told.get_bbox_patch(), axes.lines[-1]
    assert box is not None and box.get_facecolor() == (1, 1, 1, 1) and told.zorder > axes.lines[0].zorder
    ((_, middle),) = axes.transData.transform(mean.get_xydata())
    half = mean.get_markersize() / 2 * figure.dpi / 72
    assert box.get_window_extent().y0 > middle + half, "it covers the diamond"


def test_the_figure_tells_what_the_trainings_of_an_arm_are_warned_of() -> None:
    asked = document(contrast("bn", [0.01, 0.03]))
    side = {"parameters": {"trainable": 1}, "seeds": 2}
    stale = ["BatchNormalization's moving averages have not converged: after 9 steps"]
    asked["arms"] = [{**side, "name": "bn", "warnings": stale}, {**side, "name": "none"}]
    said = difference_figure(asked).axes[0].texts[1].get_text()
    assert said.endswith("\nWARNING: bn: BatchNormalization's moving averages have not converged")
    assert said.count("WARNING") == 1


def test_arms_whose_intervals_have_other_levels_are_labelled_with_them() -> None:
    asked = document(contrast("bn", [0.01, 0.03]), contrast("layer", [0.01, 0.02]))
    for one, level in zip(asked["contrasts"], (0.975, 0.95), strict=True):
        one["judged"] = {
            "mean": 0.02,
            "low": -0.1,
            "high": 0.1,
            "scale": "difference",
            "level": level,
            "margin": 0.01,
            "margin_level": level,
            "p_value": 0.1,
        }
    labels = [label.get_text() for label in difference_figure(asked).axes[0].get_yticklabels()]
    assert [label.partition("(")[2] for label in labels] == ["97.5% interval)", "95% interval)"]


def test_the_figure_tells_each_kind_of_warning_in_a_line_with_the_arms_that_have_it() -> None:
    asked = document(contrast("bn", [0.01, 0.03]))
    side = {"parameters": {"trainable": 1}, "seeds": 2}
    small = "training.batch_size is 4; batch normalization"
    asked["arms"] = [
        {**side, "name": "bn", "warnings": [small, "not converged: after 9 steps"]},
        {**side, "name": "none", "warnings": [small]},
    ]
    said = difference_figure(asked).axes[0].texts[1].get_text()
    assert said.endswith("\nWARNING: bn, none: Small batches (training.batch_size)\nWARNING: bn: not converged")


def test_the_numbers_of_the_axis_do_not_run_into_each_other_where_all_pairs_are_equal() -> None:
    equal = contrast("bn", [0.0, 0.0, 0.0])
    equal["metrics"]["val_auc"] = {"mean": 0.0, "low": 0.0, "high": 0.0}
    figure = difference_figure(document(equal, metric="val_auc"))
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    places = [one.get_window_extent() for one in axes.get_xticklabels() if one.get_text()]
    shown = [one for one in places if axes.bbox.x0 <= (one.x0 + one.x1) / 2 <= axes.bbox.x1]
    assert len(shown) >= 3
    assert not axes.xaxis.get_offset_text().get_text(), "a power of ten would lie over the label"
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(shown))
