"""A comparison in the terminal: its table, what explains the rows, what differs, the verdict."""

from __future__ import annotations

import math
from typing import Any

import pytest
from printed import DATA, DATA_LINE, lines
from rich.console import RenderableType

from bnexp.report import comparison_table
from bnexp.store import ComparisonDocument
from bnexp.system.terminal import plain


def comparison(document: dict[str, Any]) -> RenderableType:
    return comparison_table.comparison(ComparisonDocument.model_validate(document))


def interval(mean: float, half: float, **more: Any) -> dict[str, Any]:
    return {"mean": mean, "low": mean - half, "high": mean + half, **more}


def document(arm: str = "bn", **contrast: Any) -> dict[str, Any]:
    def side(name: str, mean: float) -> dict[str, Any]:
        return {
            "name": name, "parameters": {"trainable": 120 if name == arm else 100}, "seeds": 20,
            "diverged": {}, "warnings": [], "metrics": {"val_loss": interval(mean, 0.0123), "val_accuracy": interval(0.8, 0.01)},
            "to_target": {"reached": 18, "seeds": 20, "mean_epochs": 3.25, "mean_seconds": 0.065 * mean},
        }  # fmt: skip

    difference = {
        "val_loss": interval(-0.1, 0.02, p_value=0.0001),
        "val_accuracy": interval(0.005, 0.004, p_value=0.0312),
    }
    return {
        "task": "binary",
        "level": 0.95, "baseline": "nobn", "seeds": list(range(20)), "dataset": DATA,
        "primary": {"metric": "val_accuracy", "margin": 0.01},
        "target": {"metric": "val_accuracy", "value": 0.76, "rule": "95% of nobn's"},
        "arms": [side(arm, 0.5), side("nobn", 0.6)],
        "contrasts": [{
            "arm": arm, "baseline": "nobn", "metrics": difference, "pairs": [], "diverged_p_value": 1.0,
            "pairing": {"splits": True, "kernels": True, "batch orders": False},
            "to_target": {
                "epochs": interval(0.5, 0.25, p_value=0.5),
                "speed_up": {"ratio": 0.8, "low": 0.5, "high": 1.25, "reading": "at most"},
            },
            "varied": {"model.normalization": ["batch", "none"]}, "confounders": {},
            "verdict": {"word": "helps", "sentence": "because."}, **contrast,
        }],
    }  # fmt: skip


def test_a_comparison_reads_from_how_it_is_paired_down_to_its_verdict() -> None:
    assert lines(comparison(document())) == [
        DATA_LINE,
        "bn vs nobn: 20 seed pairs; checked by digest: splits equal, kernels equal, batch orders NOT equal",
        "                                    bn           nobn                bn - nobn       p",
        "val_loss                 0.500 ± 0.012  0.600 ± 0.012  -0.100 [-0.120, -0.080]  <0.001",
        "val_accuracy (%) *        80.00 ± 1.00   80.00 ± 1.00     +0.50 [+0.10, +0.90]   0.031",
        "seeds that reach 76.00%       18 of 20       18 of 20                       +0",
        "epochs to reach 76.00%             3.2            3.2     +0.50 [+0.25, +0.75]   0.5 !",
        "speed-up in epochs                                          <= 0.8 [0.5, 1.25]",
        "seconds to reach 76.00%         0.0325          0.039                  -0.0065",
        "trainable parameters               120            100                      +20",
        "diverged seeds                 0 of 20        0 of 20                       +0       1",
        "* the metric that decides; a difference of 1.00 points or more matters",
        "train_, val_ and test_ metrics: after the epoch, in inference mode, in which batch normalization uses its moving "
        "averages.",
        "Arms: the value of the final epoch (with early stopping: of the best epoch), as a mean over seeds ± half the width of its 95% confidence interval. "
        "Differences: mean [95% confidence interval]. p: sign-flip test over seeds, for these rows.",
        "to reach: the target is a val_accuracy of 76.00%, which is 95% of nobn's. A seed reaches it at the first of two epochs in a row that are at the target or better. In the last epoch, one is enough. A seed that never reaches it counts with all configured epochs, even if it stopped earlier. "
        "Seconds: for one seed, the time of all seeds together divided by their number.",
        "speed-up in epochs: nobn's epochs / bn's, the geometric mean over pairs. Below 1, bn needs more epochs. <=: 2 of 20 seeds of bn never reach it, so the true speed-up is smaller.",
        "! The interval and the test (p) disagree for epochs to reach 76.00%: only one of them shows a difference. "
        "That happens if the differences are skewed, or if there are few seeds. Take this as not settled. If a few seeds differ much from the rest, it takes many more seeds to settle it. For epochs, read the speed-up: a ratio is less skewed.",
        "varied: model.normalization (batch / none)",
        "also checked, and equal: every other key of the config, engine, versions, machine",
        "VERDICT  helps  because.",
    ]


def test_a_bound_of_the_speed_up_says_if_no_seed_of_an_arm_reaches_the_target() -> None:
    told = document()
    told["arms"][0]["to_target"]["reached"] = 0
    assert any(
        "<=: no seed of bn reaches it, so the true speed-up is smaller." in line for line in lines(comparison(told))
    )


def test_an_interval_and_a_p_value_that_disagree_at_the_level_that_decides_are_told() -> None:
    """At 95% they agree in the table: [+0.10, +0.90] and p 0.027. With 2 arms, 97.5% decides."""
    told = document()
    judged = {"scale": "difference", "level": 0.975, "margin": 0.01, "margin_level": 0.975, "p_value": 0.027}
    told["contrasts"][0]["judged"] = {"mean": 0.005, "low": 0.0002, "high": 0.0098, **judged}
    assert any(
        line.startswith(
            "! The interval and the test (p) disagree for epochs to reach 76.00%, val_accuracy on these rows at 97.5%, the level that decides (p 0.027, "
            "against 0.025): only one of them shows a difference."
        )
        for line in lines(comparison(told))
    )
    told["contrasts"][0]["judged"]["p_value"] = 0.02
    assert not any("val_accuracy on these rows at 97.5%" in line for line in lines(comparison(told)))


def test_an_interval_that_decides_at_another_level_than_the_table_s_has_a_row_of_its_own() -> None:
    """The star marks the interval of the verdict: of small differences the one that is set against the margin."""
    told = document()
    told["contrasts"][0]["judged"] = {
        **interval(0.005, 0.0052), "scale": "difference", "level": 0.97056, "margin": 0.01, "margin_level": 0.975, "p_value": 0.0312,
        "new_rows": {**interval(0.005, 0.009), "drawn": "rows", "count": 9},
        "of_margin": interval(0.005, 0.0061),
    }  # fmt: skip
    told["contrasts"][0]["metrics"]["val_accuracy"]["new_rows"] = {
        **interval(0.005, 0.008),
        "drawn": "rows",
        "count": 9,
    }
    text = lines(comparison(told))
    assert [line.split() for line in text if line.startswith("val_accuracy")] == [
        ["val_accuracy", "(%)", "80.00", "±", "1.00", "80.00", "±", "1.00", "+0.50", "[+0.10,", "+0.90]", "0.031", "[-0.30,", "+1.30]"],
        ["val_accuracy", "(%),", "97.06%", "*", "+0.50", "[-0.02,", "+1.02]", "0.031", "[-0.40,", "+1.40]"],
    ]  # fmt: skip
    star = "* the metric that decides, with the {} interval of the verdict; a difference of 1.00 points or more matters"
    assert star.format("97.06%") in text
    told["contrasts"][0]["verdict"]["word"] = "no difference that matters"
    text = lines(comparison(told))
    (row,) = [line.split() for line in text if line.startswith("val_accuracy (%), 97.5% *")]
    assert row[4:] == ["+0.50", "[-0.11,", "+1.11]", "0.031"]
    assert star.format("97.5%") in text


def test_a_target_that_no_seed_of_an_arm_reaches_has_no_speed_up_also_in_a_document_that_holds_one() -> None:
    told = document()
    for side, count in zip(told["arms"], (0, 6), strict=True):
        side["to_target"] |= {"reached": count, "seeds": 20, "mean_epochs": 5.0}
    told["contrasts"][0]["to_target"]["speed_up"] |= {"ratio": 0.52, "reading": "restricted means"}
    text = lines(comparison(told))
    start = next(place for place, line in enumerate(text) if line.startswith("seeds that reach"))
    assert [line.split("76.00%")[-1].split() for line in text[start : start + 4]] == [
        ["0", "of", "20", "6", "of", "20", "-6"],
        ["not", "reached", "5.0", "-"],
        ["speed-up", "in", "epochs", "not", "reached"],
        ["not", "reached", "0.039"],
    ]
    assert "not reached: no seed of bn reaches the target, so the speed-up is unknown." in text
    assert not any("disagree for epochs" in line or "counts with all configured epochs" in line for line in text)


def test_a_loss_is_judged_by_a_ratio_that_has_a_row_of_its_own() -> None:
    told = document()
    told["primary"] = {"metric": "val_loss", "margin": 0.03}
    log = {"mean": math.log(0.919), "low": math.log(0.826), "high": math.log(1.02), "p_value": 0.2}
    told["contrasts"][0]["judged"] = {
        **log, "scale": "ratio", "level": 0.95, "margin": math.log(1.05), "margin_level": 0.95,
        "new_rows": {"mean": log["mean"], "low": math.log(0.8), "high": math.log(1.1), "drawn": "rows", "count": 9},
    }  # fmt: skip
    text = lines(comparison(told))
    rows = {line.split("  ")[0]: line.split() for line in text}
    assert rows["val_loss, bn / nobn *"][5:] == ["0.919", "[0.826,", "1.02]", "0.2"] and "val_loss" in rows
    assert (
        "* the ratio that decides; a ratio between 0.952 and 1.05 does not matter (a difference of 0.03)" in text
        and "val_loss, bn / nobn: the geometric mean over seeds. The verdict reads it, as a few seeds with large "
        "values do not decide it."
        in text
    )
    anew = {"mean": -0.1, "low": -0.3, "high": 0.1, "drawn": "rows", "count": 9}
    told["contrasts"][0]["metrics"]["val_loss"]["new_rows"] = anew
    told["contrasts"][0]["judged"] |= {"level": 0.975}
    (row,) = [line.split() for line in lines(comparison(told)) if line.startswith("val_loss, bn / nobn, 97.5% *")]
    assert row[6:] == ["0.919", "[0.826,", "1.02]", "0.2", "[0.800,", "1.10]"]


def test_a_scaled_target_and_the_metrics_of_training_are_explained() -> None:
    told = document()
    told["dataset"] = {**DATA, "error_unit": "target"}
    interval_of_loss = told["contrasts"][0]["metrics"]["val_loss"]
    told["contrasts"][0]["metrics"] = {
        "loss": interval_of_loss,
        "mae": interval_of_loss,
        "val_accuracy": interval_of_loss,
    }
    for side in told["arms"]:
        side["metrics"] |= dict.fromkeys(("loss", "mae"), side["metrics"]["val_loss"])
    text = lines(comparison(told))
    assert "loss, mae: means over the last epoch, or with early stopping over the best one, in training mode." in text
    assert (
        "The loss is the squared error in standard deviations of the training part's target; "
        "mse and mae are in the target's own unit." in text
    )


@pytest.mark.parametrize(
    ("of_bn", "of_nobn", "by"),
    [
        ([], [], None),
        (["training.class_weight"], ["training.class_weight"], "training.class_weight"),
        (["training.class_weight"], ["dataset.weight_column"], "training.class_weight in bn and dataset.weight_column in nobn"),
        ([], ["training.class_weight"], "training.class_weight in nobn"),
    ],
)  # fmt: skip
def test_a_weighted_training_loss_is_told_and_that_the_deciding_metric_is_not(
    of_bn: list[str], of_nobn: list[str], by: str | None
) -> None:
    told = document()
    told["contrasts"][0]["metrics"]["loss"] = told["contrasts"][0]["metrics"]["val_loss"]
    for side, keys in zip(told["arms"], (of_bn, of_nobn), strict=True):
        side["metrics"]["loss"], side["weighted_by"] = side["metrics"]["val_loss"], keys
    said = [line for line in lines(comparison(told)) if "weight" in line]
    expected = (
        f"loss counts each training row with its weight ({by}). All other metrics, also {told['primary']['metric']}, "
    )
    assert said == ([] if by is None else [f"{expected}which decides, count every row once."])


def test_whatever_else_differs_is_a_warning() -> None:
    text = lines(comparison(document(confounders={"training.batch_size": [32, 16]}, varied={})))
    assert "varied: nothing; both arms are the same experiment" in text
    assert "WARNING  the arms also differ in training.batch_size (32 / 16)" in text


def test_an_arms_own_warnings_are_repeated_in_the_comparison() -> None:
    told = document()
    told["arms"][0]["warnings"] = ["beware"]
    assert "WARNING  bn: beware" in lines(comparison(told))


def test_a_caution_stands_before_the_verdict() -> None:
    told = document()
    told["contrasts"][0]["cautions"] = ["val_loss holds it"]
    printed = lines(comparison(told))
    place = printed.index("WARNING  val_loss holds it")
    assert printed[place + 1].startswith("VERDICT  ")


def test_of_two_lists_of_layers_only_what_differs_is_told() -> None:
    dense, head = {"Dense": {"units": 8}}, {"Dense": {"units": 1, "activation": "sigmoid"}}
    varied = {
        "model.layers": [[dense, "BatchNormalization", "ReLU", head], [dense, "ReLU", {"Dropout": {"rate": 0.3}}, head]]
    }
    text = lines(comparison(document(varied=varied)))
    assert (
        "varied: model.layers.1 (BatchNormalization / nothing); model.layers.2 (nothing / {Dropout: {rate: 0.3}})"
        in text
    )


def test_several_things_varied_at_once_are_a_warning() -> None:
    text = lines(comparison(document(varied={"training.batch_size": [32, 16], "training.epochs": [5, 9]})))
    assert "WARNING  these vary together; the verdict cannot tell their effects apart" in text


def test_the_warnings_of_a_comparison_are_those_that_its_table_prints() -> None:
    told = document(
        varied={"training.batch_size": [32, 16], "training.epochs": [5, 9]}, confounders={"machine": ["a", "b"]}
    )
    told["dataset"] = {**DATA, "warnings": ["few rows"]}
    told["arms"][0]["warnings"] = told["arms"][1]["warnings"] = ["beware"]
    told["contrasts"][0]["cautions"] = ["val_loss holds it"]
    printed = [line.removeprefix("WARNING  ") for line in lines(comparison(told)) if line.startswith("WARNING  ")]
    assert comparison_table.warnings_of(ComparisonDocument.model_validate(told)) == printed
    assert len(printed) == 5
    assert comparison_table.warnings_of(ComparisonDocument.model_validate(document())) == []


def test_every_number_survives_a_narrow_terminal() -> None:
    narrow = lines(comparison(document()), width=60)
    assert max(map(len, narrow)) <= 60
    words = " ".join(narrow).split()
    for number in ("-0.100", "[-0.120,", "-0.080]", "<0.001", "0.012"):
        assert number in words
    assert not any("…" in word for word in words)


@pytest.mark.parametrize("name", ["\x1b[31mred", "[red]x[/red]", "[/]", "[link=http://x]y", "a\u202eb", "a\nb"])
def test_a_name_is_text_and_nothing_else(name: str) -> None:
    text = "\n".join(lines(comparison(document(name))))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert plain(name) in text


# --- progress ------------------------------------------------------------------------------


def test_the_diverged_seeds_of_both_arms_are_named_and_counted() -> None:
    told = document(diverged_p_value=0.25)
    told["arms"][0]["diverged"], told["arms"][1]["diverged"] = {"3": 2, "7": 1}, {"4": 5}
    text = lines(comparison(told))
    assert "DIVERGED  bn: seed 3 at epoch 2, seed 7 at epoch 1 (loss no longer finite)" in text
    assert "DIVERGED  nobn: seed 4 at epoch 5 (loss no longer finite)" in text
    (row,) = (line.split() for line in text if line.startswith("diverged seeds"))
    assert row == ["diverged", "seeds", "2", "of", "20", "1", "of", "20", "+1", "0.25"]


def test_one_pair_and_no_target_leave_out_intervals_and_the_rows_of_the_target() -> None:
    told = document(metrics={"val_loss": {"mean": -0.1, "low": None, "high": None, "p_value": 1.0},
                             "val_accuracy": {"mean": None, "low": None, "high": None, "pairs": 0}})  # fmt: skip
    told["target"]["value"] = None
    told["contrasts"][0]["to_target"] = None
    for arm in told["arms"]:
        arm["metrics"]["val_loss"] |= {"low": None, "high": None}
    text = lines(comparison(told))
    assert next(line.split() for line in text if line.startswith("val_loss")) == ["val_loss", "0.5", "0.6", "-0.1", "1"]
    assert next(line for line in text if line.startswith("val_accuracy")).split()[-2:] == ["-", "-"]
    assert not any("target" in line for line in text)


def test_every_contrast_has_its_verdict_and_an_empty_line_between() -> None:
    told = document()
    told["contrasts"] *= 2
    text = lines(comparison(told))
    assert sum(line.startswith("VERDICT") for line in text) == 2
    assert text.count("") == 1 and text[-1] != ""


def test_what_became_of_the_layers_of_a_network_of_the_users_own_stands_above_the_tables() -> None:
    told = document()
    swapped = [{"path": "norm_1", "was": "BatchNormalization", "now": "nothing"}]
    told["arms"][1]["network"] = {"swapped": swapped, "notes": ["The network's outputs are logits."]}
    assert lines(comparison(told))[1:3] == [
        "nobn: BatchNormalization -> nothing, 1 layer: norm_1",
        "nobn: The network's outputs are logits.",
    ]


def test_what_explains_several_tables_is_told_once() -> None:
    text = lines(comparison({**document(), "contrasts": document()["contrasts"] * 2}))
    assert sum(line.startswith("* the metric that decides") for line in text) == 1
    assert sum(line.startswith("! The interval and the test") for line in text) == 2, "it is about one table"
    assert sum(line.startswith("VERDICT") for line in text) == 2


def test_where_one_arm_never_reaches_the_target_no_difference_in_epochs_is_shown() -> None:
    """Its mean is the budget, a bound: a difference of 0 epochs would say that both arms are alike."""
    told = document()
    for side, count in zip(told["arms"], (0, 20), strict=True):
        side["to_target"] |= {"reached": count, "seeds": 20, "mean_epochs": 3.0}
    told["contrasts"][0]["to_target"]["speed_up"] |= {"ratio": 1.0, "low": 1.0, "high": 1.0, "reading": "at most"}
    row = next(line for line in lines(comparison(told)) if line.startswith("epochs to reach"))
    assert row.split("76.00%")[-1].split() == ["not", "reached", "3.0", "-"]


def test_new_rows_have_no_interval_where_the_arms_agree_on_all_rows() -> None:
    given = document()
    drawn = {"drawn": "rows", "count": 12}
    metrics = given["contrasts"][0]["metrics"]
    metrics["val_loss"]["new_rows"] = {**interval(-0.1, 0.05), **drawn}
    metrics["val_accuracy"] = {**interval(0.0, 0.0, p_value=1.0), "new_rows": {**interval(0.0, 0.0), **drawn}}
    rows = {line.split()[0]: line.split()[-1] for line in lines(comparison(given)) if line.startswith("val_")}
    assert rows == {"val_loss": "-0.050]", "val_accuracy": "-"}
    told = "-: in val_accuracy the arms agree on all these rows. They are too few to say how far the arms differ on new rows."
    assert told in lines(comparison(given))
    metrics["val_accuracy"]["new_rows"]["count"] = 400
    assert not any(line.startswith("-: ") for line in lines(comparison(given)))
    given["primary"]["margin"] /= 10
    assert told in lines(comparison(given)), "the margin that was asked for decides"


def test_the_p_value_speaks_of_what_was_measured_on() -> None:
    given = document()
    for about in ("these rows", "these splits"):
        given["contrasts"][0]["verdict"]["about"] = about
        assert any(f"p: sign-flip test over seeds, for {about}." in line for line in lines(comparison(given)))


def test_a_metric_of_classes_names_the_rows_of_the_rarest_class_among_the_held_out_ones() -> None:
    given = document()
    drawn = {
        "drawn": "rows",
        "count": 200,
        "rarest": 6,
        "seed_variance": 0.01,
        "row_variance": 0.3,
        "rest_variance": 4.0,
    }
    given["contrasts"][0]["metrics"]["val_accuracy"]["new_rows"] = {**interval(0.005, 0.02), **drawn}
    assert "the choice of 200 held-out rows, 6 of them of the rarest class (50%), and their interaction" in " ".join(
        lines(comparison(given))
    )


def test_where_the_uncertainty_for_new_rows_comes_from_is_told_beside_a_verdict_about_them_alone() -> None:
    variances = {"seed_variance": 0.01, "row_variance": 0.3, "rest_variance": 4.0}

    def told(given: dict[str, Any]) -> bool:
        anew = {**interval(0.005, 0.02), "drawn": "rows", "count": 200, **variances}
        given["contrasts"][0]["metrics"]["val_accuracy"]["new_rows"] = anew
        return any(line.startswith("The uncertainty of bn - nobn in ") for line in lines(comparison(given)))

    assert told(document())
    assert not told(document(verdict={"word": "cannot tell yet", "is_withheld": True}))
    assert not told({**document(), "asked": {"about": "these-rows"}})
