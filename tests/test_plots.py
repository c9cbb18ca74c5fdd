"""Figures by content: which curves, of which numbers, with which words; and that no name and no setting breaks one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from arms import arm, spread
from cases import slow
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bnexp import store
from bnexp.comparison import Question, compare
from bnexp.history import History
from bnexp.report.figures import draw
from bnexp.report.labels import distinct
from bnexp.report.plots import COLOURS, comparison_figures, render, run_figures

SEEDS, EPOCHS = 5, 12


def history(offset: float = 0.0, seeds: int = SEEDS, epochs: int = EPOCHS) -> History:
    generator = np.random.default_rng(int(offset * 10))
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "train_loss", "train_accuracy")
    metrics = {name: 0.3 + offset + 0.2 * generator.random((seeds, epochs)) for name in names}
    return History(tuple(range(seeds)), metrics, (epochs,) * seeds)


def labelled(figure: Figure) -> dict[str, Any]:
    """Label -> line of a figure's only axes."""
    (axes,) = figure.axes
    return {str(line.get_label()): line for line in axes.lines}


def legend(figure: Figure) -> list[str]:
    found = figure.axes[0].get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def ticks(figure: Figure) -> list[Any]:
    """Return the ticks at epochs that were kept, a line of them for each arm."""
    return [line for line in figure.axes[0].lines if line.get_marker() == "|"]


def _stopped(seeds: int) -> History:
    """Return a metric of an early-stopped run, as `training.metrics` measures it: of all seeds but one till epoch 3."""
    return History(tuple(range(seeds)), {"val_auc": np.full((seeds, 50), 0.5)}, (50, *[3] * (seeds - 1)))


def test_a_subtitle_that_is_wider_than_the_axes_is_wrapped_and_nothing_of_it_is_lost() -> None:
    (figure,) = comparison_figures({"imb-batch": _stopped(20), "imb-none": _stopped(18)}).values()
    assert subtitle(figure).splitlines() == [
        "18 to 20 seeds each; line: mean over seeds still training",
        "band: ± 1 standard deviation (Validation)",
        "imb-batch: 19 of 20 seeds stopped before epoch 50",
        "imb-none: 17 of 18 seeds stopped before epoch 50",
        "Validation: val_auc, in inference mode",
    ]


def test_a_tick_marks_the_epoch_that_early_stopping_kept_of_each_seed_that_did_not_diverge() -> None:
    """Curves of a loss end low and those of an accuracy high, so the ticks lie at the other edge."""
    one = history()
    kept = History(one.seeds, one.metrics, one.epochs_S, {4: 7}, {0: 3, 1: 9, 2: 9, 4: 2})
    found = {name: ticks(figure) for name, figure in comparison_figures({"bn": kept, "nobn": kept}).items()}
    assert [[line.get_xdata().tolist() for line in lines] for lines in found.values()] == [[[3, 9, 9]] * 2] * 2
    assert [{line.get_color() for line in lines} for lines in found.values()] == [{*COLOURS[:2]}] * 2
    heights = {name: [float(line.get_ydata()[0]) for line in lines] for name, lines in found.items()}
    assert heights["loss"][1] < heights["loss"][0] < 1 and heights["loss"][1] > 0.9
    assert 0 < heights["accuracy"][0] < heights["accuracy"][1] < 0.1
    figure = run_figures(kept)["loss"]
    assert [line.get_xdata().tolist() for line in ticks(figure)] == [[3, 9, 9]]
    told = "ticks: epochs kept by early stopping"
    assert told in subtitle(figure) and told in subtitle(comparison_figures({"bn": kept, "nobn": one})["loss"])
    assert not ticks(run_figures(one)["loss"]) and told not in subtitle(run_figures(one)["loss"])


# --- a run ---------------------------------------------------------------------------


def test_a_run_has_a_figure_for_each_quantity_with_titles_units_and_a_legend() -> None:
    figures = run_figures(history(), title="bn", loss_unit="nats")
    assert list(figures) == ["loss", "accuracy"]
    loss, accuracy = figures["loss"].axes[0], figures["accuracy"].axes[0]
    assert (loss.get_title(), loss.get_xlabel(), loss.get_ylabel()) == ("Model loss: bn", "Epoch", "Loss (nats)")
    assert (accuracy.get_title(), accuracy.get_ylabel()) == ("Model accuracy: bn", "Accuracy (%)")
    assert legend(figures["accuracy"]) == ["Train", "Validation", "Train, inference mode"]


def test_metrics_of_classes_are_drawn_by_their_titles_and_shares_in_percent() -> None:
    one = History((0, 1), {f"val_{name}": np.full((2, 3), 0.25) for name in ("auc", "top_5", "pr_auc")}, (3, 3))
    figures = run_figures(one)
    labels = {name: figure.axes[0].get_ylabel() for name, figure in figures.items()}
    assert labels == {"auc": "AUC", "top_5": "Top-5 accuracy (%)", "pr_auc": "Average precision"}
    assert figures["auc"].axes[0].get_title() == "Model AUC"
    drawn = {name: max(labelled(figure)["Validation"].get_ydata()) for name, figure in figures.items()}
    assert drawn == {"auc": 0.25, "top_5": 25.0, "pr_auc": 0.25}


def test_beside_a_test_part_the_validation_part_has_its_own_name_and_a_comparison_draws_the_test() -> None:
    two = history()
    metrics = {**two.metrics, "test_loss": two.metrics["loss"] + 1, "test_accuracy": two.metrics["accuracy"] + 1}
    three = History(two.seeds, metrics, two.epochs_S)
    figures = run_figures(three)
    assert list(figures) == ["loss", "accuracy"]
    assert legend(figures["loss"]) == ["Train", "Validation", "Test", "Train, inference mode"]
    lines = labelled(figures["loss"])
    np.testing.assert_allclose(lines["Validation"].get_ydata(), two.metrics["val_loss"].mean(axis=0))
    np.testing.assert_allclose(lines["Test"].get_ydata(), metrics["test_loss"].mean(axis=0))
    arms = labelled(comparison_figures({"a": three, "b": two})["loss"])
    np.testing.assert_allclose(arms["a, Test"].get_ydata(), metrics["test_loss"].mean(axis=0))
    np.testing.assert_allclose(arms["b, Validation"].get_ydata(), two.metrics["val_loss"].mean(axis=0))


def subtitle(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.axes[0].texts)


def test_a_figure_calls_each_part_as_its_metric_does() -> None:
    two = history()
    three = History(two.seeds, {**two.metrics, "test_loss": two.metrics["loss"] + 1}, two.epochs_S)
    validation, train = "Validation: val_loss, in inference mode", "Train: loss, in training mode"
    assert f"{validation}; {train}" in subtitle(run_figures(two)["loss"])
    assert f"Test and Validation: in inference mode; {train}" in subtitle(run_figures(three)["loss"])
    told = {
        "standard deviation (Validation)\n" + f"{validation}; {train}": {"a": two, "b": two},
        "standard deviation (Test)\n" + f"Test: test_loss, in inference mode; {train}": {"a": three, "b": three},
        "standard deviation (Test and Validation)\n" + f"Test and Validation: in inference mode; {train}": {
            "a": three,
            "b": two,
        },
    }
    for text, arms in told.items():
        assert text in subtitle(comparison_figures(arms)["loss"])


def test_the_strong_line_is_the_mean_and_each_seed_is_a_thin_one_in_percent() -> None:
    measured = history()
    figure = run_figures(measured)["accuracy"]
    line = labelled(figure)["Validation"]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, EPOCHS + 1))
    np.testing.assert_allclose(line.get_ydata(), 100 * measured.metrics["val_accuracy"].mean(axis=0))
    thin = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    assert [len(collection.get_segments()) for collection in thin] == [SEEDS, SEEDS]
    drawn = np.array([segment[:, 1] for segment in thin[1].get_segments()])
    np.testing.assert_allclose(drawn, 100 * measured.metrics["val_accuracy"])
    assert all(collection.get_linewidths()[0] < line.get_linewidth() for collection in thin)


def test_all_that_is_drawn_lies_within_the_axes() -> None:
    measured = history()
    for name, figure in run_figures(measured).items():
        low, high = figure.axes[0].get_ylim()
        values = measured.metrics[f"val_{name}"] * (100 if name == "accuracy" else 1)
        assert low <= values.min()
        assert high >= values.max()


def test_seeds_that_stopped_early_or_diverged_leave_the_mean_to_the_others() -> None:
    values = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, np.nan], [5.0, np.nan, np.nan]])
    measured = History((0, 1, 2), {"loss": values, "val_loss": values}, (3, 2, 1), {2: 1})
    line = labelled(run_figures(measured)["loss"])["Validation"]
    np.testing.assert_allclose(line.get_ydata(), [3.0, 3.0, 3.0])


def test_nothing_finite_to_draw_is_said_in_the_figure() -> None:
    values = np.full((2, 3), np.nan)
    figure = run_figures(History((0, 1), {"loss": values, "val_loss": values}, (3, 3), {0: 1, 1: 1}))["loss"]
    assert "no finite value to draw" in [text.get_text() for text in figure.axes[0].texts]
    assert render(figure, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize(("seeds", "epochs"), [(1, 1), (1, 5), (4, 1), (200, 3)])
def test_few_and_many_seeds_and_epochs_are_drawn(seeds: int, epochs: int) -> None:
    for figure in run_figures(history(seeds=seeds, epochs=epochs)).values():
        assert render(figure, "svg").startswith(b"<?xml")


@pytest.mark.parametrize("least", [5e-324, 1e-300, 1e-46])
def test_a_number_that_no_training_measures_is_drawn_at_the_smallest_one(least: float) -> None:
    tiny = np.array([[0.5, least, 1.0]])
    axes = run_figures(History((0,), {"loss": tiny, "val_loss": tiny}, (3,)))["loss"].axes[0]
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "log" and 1e-48 < low < 1e-45 and 1 < high < 100


def test_a_loss_over_several_decades_is_drawn_on_a_logarithmic_axis_and_any_other_is_not() -> None:
    wide = np.array([[1000.0, 10.0, 0.1]])
    assert run_figures(History((0,), {"loss": wide, "val_loss": wide}, (3,)))["loss"].axes[0].get_yscale() == "log"
    assert run_figures(history())["loss"].axes[0].get_yscale() == "linear"


def test_a_regression_has_its_own_quantities() -> None:
    names = ("loss", "mse", "mae", "r2")
    metrics = {part + name: np.ones((2, 3)) * 0.5 for part in ("", "val_") for name in names}
    figures = run_figures(History((0, 1), metrics, (3, 3)))
    assert [figure.axes[0].get_ylabel() for figure in figures.values()] == [
        "Loss", "Mean squared error (target's unit, squared)", "Mean absolute error (target's unit)", "R²",
    ]  # fmt: skip


# --- a comparison ----------------------------------------------------------------------


def test_a_comparison_draws_each_arms_mean_and_a_band_of_one_standard_deviation() -> None:
    arms = {"bn": history(), "nobn": history(0.2)}
    figure = comparison_figures(arms, target=("val_accuracy", 0.45))["accuracy"]
    lines = labelled(figure)
    assert legend(figure) == [
        "bn, Validation",
        "bn, Train",
        "nobn, Validation",
        "nobn, Train",
        "Target of val_accuracy: 45%",
    ]
    values = 100 * arms["nobn"].metrics["val_accuracy"]
    np.testing.assert_allclose(lines["nobn, Validation"].get_ydata(), values.mean(axis=0))
    np.testing.assert_allclose(lines["nobn, Train"].get_ydata(), 100 * arms["nobn"].metrics["accuracy"].mean(axis=0))
    bands = [c for c in figure.axes[0].collections if not isinstance(c, LineCollection)]
    assert len(bands) == 2
    edges = bands[1].get_paths()[0].vertices[:, 1]
    assert edges.max() == pytest.approx((values.mean(axis=0) + values.std(axis=0, ddof=1)).max())
    assert edges.min() == pytest.approx((values.mean(axis=0) - values.std(axis=0, ddof=1)).min())
    np.testing.assert_allclose(lines["Target of val_accuracy: 45%"].get_ydata(), 45)
    assert "Target of val_accuracy: 45%" not in labelled(
        comparison_figures(arms, target=("val_accuracy", 0.45))["loss"]
    )


def test_arms_differ_in_colour_in_marker_and_in_grey() -> None:
    arms = {name: history(position / 10) for position, name in enumerate("abcd")}
    tests = [line for label, line in labelled(comparison_figures(arms)["loss"]).items() if label.endswith("Validation")]
    assert len({line.get_color() for line in tests}) == 4
    assert len({line.get_marker() for line in tests}) == 4
    grey = sorted(np.dot(to_rgb(colour), [0.2126, 0.7152, 0.0722]) for colour in COLOURS[:4])
    assert min(np.diff(grey)) > 0.05


@pytest.mark.parametrize("length", [slow(2), 7, 8, slow(12), 20])
def test_no_legend_is_wider_than_its_figure(length: int) -> None:
    arms = {letter * length: history(position / 10) for position, letter in enumerate("abcd")}
    figure = comparison_figures(arms)["loss"]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    legend_box = figure.axes[0].get_legend().get_window_extent(canvas.get_renderer())
    assert legend_box.x0 >= 0 and legend_box.x1 <= figure.bbox.width


def test_many_arms_are_all_in_the_legend() -> None:
    arms = {f"arm {position}": history(position / 10) for position in range(12)}
    figure = comparison_figures(arms)["loss"]
    assert len(legend(figure)) == 24
    render(figure, "png")


# --- names, files, settings --------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        r"$\foo$",
        slow("$$"),
        slow("_hidden"),
        slow("a" * 500),
        "\x1b[31m\n",
        slow("‮abc"),
        "\ud800",
        slow("[/red]"),
        "",
        slow("日本"),
    ],
)
def test_no_name_breaks_a_figure(name: str) -> None:
    for figure in (run_figures(history(), title=name)["loss"], comparison_figures({name: history()})["loss"]):
        assert render(figure, "png").startswith(b"\x89PNG")
        assert all("\x1b" not in text for text in legend(figure))


@pytest.mark.parametrize(("format", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_every_format_gives_the_same_bytes_twice(format: str, magic: bytes) -> None:
    first, second = (render(run_figures(history(), title="bn")["loss"], format) for _ in range(2))
    assert first.startswith(magic)
    assert first == second


def test_another_format_is_refused_with_the_good_names() -> None:
    with pytest.raises(ValueError, match=r"figure format is 'gif'\. Good names: png, svg, pdf\."):
        render(run_figures(history())["loss"], "gif")


def test_a_users_matplotlib_settings_neither_leak_in_nor_are_changed() -> None:
    plain = render(run_figures(history())["loss"], "png")
    with matplotlib.rc_context({"text.usetex": True, "lines.linewidth": 9, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert render(run_figures(history())["loss"], "png") == plain
        assert dict(matplotlib.rcParams) == before


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys, numpy as np\nfrom bnexp.history import History\nfrom bnexp.report.plots import render, run_figures\n"
        "values = np.ones((1, 2))\nfigures = run_figures(History((0,), {'loss': values, 'val_loss': values}, (2,)))\n"
        "render(figures['loss'], 'png')\nprint('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# --- at the edges ----------------------------------------------------------------------------


def one_metric(values: Any, name: str = "loss", diverged: dict[int, int] | None = None) -> History:
    values_SE = np.array(values, float)
    seeds, epochs = values_SE.shape
    return History(tuple(range(seeds)), {name: values_SE, "val_" + name: values_SE}, (epochs,) * seeds, diverged or {})


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("loss", [1, 100], "linear"), ("loss", [1, 101], "log"), ("mse", [1, 101], "log"), ("mae", [1, 101], "log"),
        ("loss", [-1, 101], "linear"), ("accuracy", [0.001, 1], "linear"), ("r2", [0.001, 1], "linear"),
        ("loss", [0, 0], "linear"), ("loss", [0, 1], "linear"),
    ],
)  # fmt: skip
def test_only_losses_and_errors_over_more_than_two_decades_are_logarithmic(
    name: str, values: list[float], expected: str
) -> None:
    for figure in (*run_figures(one_metric([values], name)).values(),
                   *comparison_figures({"a": one_metric([values], name)}).values()):  # fmt: skip
        assert figure.axes[0].get_yscale() == expected


def test_one_seed_has_neither_thin_lines_nor_a_band() -> None:
    one = one_metric([[0.5, 0.4, 0.3]])
    run, comparison = run_figures(one)["loss"].axes[0], comparison_figures({"a": one, "b": one})["loss"].axes[0]
    assert not [c for c in run.collections if isinstance(c, LineCollection)]
    assert not comparison.collections
    assert not any("band" in text.get_text() for text in comparison.texts)


def test_without_a_name_the_title_is_the_quantity_alone() -> None:
    for figures in (
        run_figures(one_metric([[0.5]], "accuracy")),
        comparison_figures({"a": one_metric([[0.5]], "accuracy")}),
    ):
        assert figures["accuracy"].axes[0].get_title() == "Model accuracy"


def test_a_comparison_draws_arms_that_diverged_wholly_or_in_part_and_of_unequal_lengths() -> None:
    gone = np.nan
    arms = {
        "whole": one_metric([[1, 2, 3], [3, 4, 5]]),
        "part": one_metric([[1, 2], [3, gone]], diverged={1: 2}),
        "lost": one_metric([[gone], [gone]], diverged={0: 1, 1: 1}),
    }
    figure = comparison_figures(arms)["loss"]
    lines = {str(line.get_label()): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["part, Validation"], [2, 2])
    np.testing.assert_allclose(lines["whole, Validation"], [2, 3, 4])
    assert np.isnan(lines["lost, Validation"]).all()
    assert len(figure.axes[0].collections) == 2
    said = "\n".join(text.get_text() for text in figure.axes[0].texts)
    assert "part: 1 of 2 seeds diverged" in said and "lost: 2 of 2 seeds diverged" in said
    assert render(figure, "png").startswith(b"\x89PNG")


def test_arms_that_all_diverged_are_said_to_have_nothing_to_draw() -> None:
    gone = one_metric([[np.nan, np.nan]], diverged={0: 1})
    figure = comparison_figures({"a": gone, "b": gone})["loss"]
    assert "no finite value to draw" in [text.get_text() for text in figure.axes[0].texts]
    assert render(figure, "pdf").startswith(b"%PDF")


def test_arms_whose_names_look_the_same_are_numbered_in_the_legend() -> None:
    one = one_metric([[0.5, 0.4]])
    assert {"b n, Validation", "b n (2), Validation"} <= set(
        legend(comparison_figures({"b\nn": one, "b\tn": one})["loss"])
    )


@pytest.mark.parametrize("names", [["b", "b (3)", "b\n"], ["b", "b\n", "b (2)"], ["a" * 60, "a" * 61, "a" * 62]])
def test_no_two_arms_share_a_label(names: list[str]) -> None:
    assert len(set(distinct(names))) == len(names)


def test_an_interrupted_run_says_so_below_the_title() -> None:
    figure = run_figures(history(), stopped="interrupted at epoch 12 of 2000")["loss"]
    assert subtitle(figure).splitlines()[0] == "interrupted at epoch 12 of 2000"
    assert "interrupted" not in subtitle(run_figures(history())["loss"])


def test_the_curves_of_a_comparison_are_of_the_seeds_that_are_paired(tmp_path: Path) -> None:
    more, fewer = arm("bn", spread(0.9)), arm("nobn", spread(0.8, count=8), seeds=8)
    store.write_record(tmp_path / "comparison.json", compare([more, fewer], Question()))
    store.write_histories(tmp_path, {one.name: one.history for one in (more, fewer)})
    draw(store.Run(tmp_path), format="svg")
    drawn = (tmp_path / "accuracy.svg").read_text()
    assert "8 seeds each" in drawn and "8 to 10 seeds" not in drawn
