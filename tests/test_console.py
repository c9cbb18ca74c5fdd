"""What a person reads: tables whose numbers are the document's, progress, and names that cannot do any harm."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console, RenderableType

from bnexp.history import History
from bnexp.report import console, run_list
from bnexp.report.progress import Reporter
from bnexp.system.terminal import plain

HISTORY = History(
    (0, 1), {"loss": np.array([[0.9, 0.5], [0.7, 0.3]]), "val_accuracy": np.array([[0.5, 0.8], [0.6, 0.7]])}, (2, 2)
)


def lines(what: RenderableType, width: int = 200) -> list[str]:
    out = Console(file=io.StringIO(), width=width)
    out.print(what)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]


DATA = {
    "name": "wine", "training_rows": 142, "validation_rows": 36, "split": "random, 0.2 held out",
    "commonest_class_share": 0.3944,
}  # fmt: skip
DATA_LINE = "wine: 142 training rows, 36 for validation (random, 0.2 held out); majority-class baseline: 39.44%"


def record(**facts: Any) -> dict[str, Any]:
    return {
        "name": "bn", "duration_seconds": 1.26, "warnings": [],
        "trainer": {"name": "many_seeds", "reason": None}, "dataset": DATA, **facts,
    }  # fmt: skip


def test_a_runs_table_holds_mean_and_deviation_of_final_and_best() -> None:
    assert lines(console.run_summary(record(), HISTORY)) == [
        "bn: 2 seeds, 2 epochs, 1.3 s",
        DATA_LINE,
        "                         final          best",
        "loss               0.40 ± 0.14   0.40 ± 0.14",
        "val_accuracy (%)  75.00 ± 7.07  75.00 ± 7.07",
        "mean ± standard deviation over seeds",
    ]


def test_the_test_part_chooses_no_best_epoch() -> None:
    history = History((0, 1), {"test_accuracy": np.array([[0.9, 0.7], [0.9, 0.8]])}, (2, 2))
    assert lines(console.run_summary(record(), history))[3].split() == ["test_accuracy", "(%)", "75.00", "±", "7.07"]


def test_rows_that_were_dropped_or_not_drawn_are_told() -> None:
    facts = {**DATA, "test_rows": 30, "rows": 208, "duplicates_dropped": 1, "rows_before_limit": 300}
    said = lines(console.run_summary(record(dataset=facts), HISTORY))[1]
    assert said == (
        "wine: 142 training rows, 36 for validation, 30 for the test (random, 0.2 held out); 1 repeated row dropped; "
        "limited to 208 of 300 rows; majority-class baseline: 39.44%"
    )


def test_a_runs_warnings_reason_and_diverged_seeds_are_told() -> None:
    history = History((0, 1), HISTORY.metrics, (2, 2), {1: 2})
    facts = record(warnings=["beware"], trainer={"name": "keras_fit", "reason": "lamb mixes"})
    assert lines(console.run_summary(facts, history))[-4:] == [
        "trained seed by seed with keras_fit: lamb mixes",
        "WARNING  beware",
        "DIVERGED  bn: seed 1 at epoch 2 (loss no longer finite)",
        "a diverged seed counts as guessing the commonest class in accuracy, and has no other value",
    ]
    facts["dataset"] = {**DATA, "task": "regression"}
    assert lines(console.run_summary(facts, history))[-1] == "a diverged seed has no value"


def test_a_diverged_seed_is_not_dropped_from_a_runs_mean_accuracy() -> None:
    history = History((0, 1), HISTORY.metrics, (2, 2), {1: 2})
    facts = record(dataset={**DATA, "guessing": {"train": 0.6, "val": 0.6}})
    kept = history.final("val_accuracy")[0]
    row = next(line for line in lines(console.run_summary(facts, history)) if line.startswith("val_accuracy"))
    assert row.split()[2] == f"{100 * (kept + 0.6) / 2:.2f}"


def interval(mean: float, half: float, **more: Any) -> dict[str, Any]:
    return {"mean": mean, "low": mean - half, "high": mean + half, **more}


def document(arm: str = "bn", **contrast: Any) -> dict[str, Any]:
    def arm_values(name: str, mean: float) -> dict[str, Any]:
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
        "level": 0.95, "seeds": list(range(20)), "dataset": DATA,
        "primary": {"metric": "val_accuracy", "margin": 0.01},
        "target": {"metric": "val_accuracy", "value": 0.76, "rule": "95% of nobn's"},
        "arms": [arm_values(arm, 0.5), arm_values("nobn", 0.6)],
        "contrasts": [{
            "arm": arm, "baseline": "nobn", "metrics": difference, "diverged_p_value": 1.0,
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
    assert lines(console.comparison(document())) == [
        DATA_LINE,
        "bn vs nobn: 20 seed pairs; checked by digest: splits equal, kernels equal, batch orders NOT equal",
        "                                 bn           nobn                bn - nobn       p",
        "val_loss              0.500 ± 0.012  0.600 ± 0.012  -0.100 [-0.120, -0.080]  <0.001",
        "val_accuracy (%) *     80.00 ± 1.00   80.00 ± 1.00     +0.50 [+0.10, +0.90]   0.031",
        "seeds at target            18 of 20       18 of 20                       +0",
        "epochs to target                3.2            3.2     +0.50 [+0.25, +0.75]     0.5",
        "times fewer epochs                                       <= 0.8 [0.5, 1.25]",
        "seconds to target            0.0325          0.039                  -0.0065",
        "trainable parameters            120            100                      +20",
        "diverged seeds              0 of 20        0 of 20                       +0       1",
        "mean ± half of its 95% t interval, of the final epoch (the best under early stopping); p: sign-flip test",
        "target: val_accuracy (%) 76.00, 95% of nobn's; seconds: one seed's share of one measured time; "
        "a seed that never arrives counts with all its epochs",
        "varied: model.normalization (batch / none)",
        "also checked, and equal: every other key of the config, trainer, versions, machine",
        "VERDICT  helps  because.",
    ]


def test_whatever_else_differs_is_a_warning() -> None:
    text = lines(console.comparison(document(confounders={"training.batch_size": [32, 16]}, varied={})))
    assert "varied: nothing; both arms are one experiment" in text
    assert "WARNING  the arms also differ in training.batch_size (32 / 16)" in text


def test_an_arms_own_warnings_are_repeated_in_the_comparison() -> None:
    told = document()
    told["arms"][0]["warnings"] = ["beware"]
    assert "WARNING  bn: beware" in lines(console.comparison(told))


def test_a_caution_stands_before_the_verdict() -> None:
    told = document()
    told["contrasts"][0]["cautions"] = ["val_loss holds it"]
    printed = lines(console.comparison(told))
    place = printed.index("WARNING  val_loss holds it")
    assert printed[place + 1].startswith("VERDICT  ")


def test_several_things_varied_at_once_are_a_warning() -> None:
    text = lines(console.comparison(document(varied={"training.batch_size": [32, 16], "training.epochs": [5, 9]})))
    assert "WARNING  these vary together; the verdict cannot tell their effects apart" in text


def test_every_number_survives_a_narrow_terminal() -> None:
    narrow = lines(console.comparison(document()), width=60)
    assert max(map(len, narrow)) <= 60
    words = " ".join(narrow).split()
    for number in ("-0.100", "[-0.120,", "-0.080]", "<0.001", "0.012"):
        assert number in words
    assert not any("…" in word for word in words)


@pytest.mark.parametrize("name", ["\x1b[31mred", "[red]x[/red]", "[/]", "[link=http://x]y", "a\u202eb", "a\nb"])
def test_a_name_is_text_and_nothing_else(name: str) -> None:
    for shown in (console.comparison(document(name)), console.run_summary(record(name=name), HISTORY)):
        text = "\n".join(lines(shown))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert plain(name) in text


# --- progress ------------------------------------------------------------------------------


def watched(epochs: int, *, seeds: int = 3, quiet: bool = False, one_by_one: bool = False) -> list[str]:
    out = Console(file=io.StringIO(), width=200)
    reporter = Reporter(out, "bn", epochs=epochs, seeds=seeds, quiet=quiet)
    with reporter.live():
        reporter.note("loading TensorFlow")
        for trained in range(1, seeds + 1) if one_by_one else [seeds]:
            for epoch in range(1, epochs + 1):
                done = (*((epochs,) * (trained - 1)), epoch) if one_by_one else (epoch,) * trained
                values = np.full((trained, max(done)), 0.5)
                history = History(tuple(range(trained)), {"loss": values, "val_loss": values}, done)
                assert reporter.watch([history]) is False
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


def test_where_there_is_no_terminal_there_is_a_line_every_tenth() -> None:
    told = watched(200)
    assert len(told) == 10
    assert told[0] == "bn: epoch 20/200  loss 0.5 ± 0  val_loss 0.5 ± 0  (mean ± standard deviation)"
    assert told[-1].startswith("bn: epoch 200/200")


def test_few_epochs_have_a_line_each() -> None:
    assert len(watched(3)) == 3


def test_seeds_trained_one_by_one_are_counted() -> None:
    told = watched(10, one_by_one=True)
    assert len(told) == 10
    assert told[0].startswith("bn: seed 1/3, epoch 3/10")
    assert told[-1].startswith("bn: seed 3/3, epoch 10/10")


def test_quiet_is_silent() -> None:
    assert watched(10, quiet=True) == []


# --- at the edges ---


def test_the_list_of_runs_is_a_table_of_plain_text() -> None:
    row = {
        "run": "bn-1",
        "kind": "run",
        "status": "finished",
        "seeds": "20",
        "result": "val_accuracy (%) 80.00",
        "overrides": "training.epochs=4",
    }
    told = run_list.table([row, {**row, "run": "[red]x[/red]\x1b[31m"}]).splitlines()
    assert [line.split() for line in told] == [
        ["run", "kind", "status", "seeds", "result", "overrides"],
        ["bn-1", "run", "finished", "20", "val_accuracy", "(%)", "80.00", "training.epochs=4"],
        ["[red]x[/red]?[31m", "run", "finished", "20", "val_accuracy", "(%)", "80.00", "training.epochs=4"],
    ]


def test_the_diverged_seeds_of_both_arms_are_named_and_counted() -> None:
    told = document(diverged_p_value=0.25)
    told["arms"][0]["diverged"], told["arms"][1]["diverged"] = {"3": 2, "7": 1}, {"4": 5}
    text = lines(console.comparison(told))
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
    text = lines(console.comparison(told))
    assert next(line.split() for line in text if line.startswith("val_loss")) == ["val_loss", "0.5", "0.6", "-0.1", "1"]
    assert next(line for line in text if line.startswith("val_accuracy")).split()[-2:] == ["-", "-"]
    assert not any("target" in line for line in text)


def test_every_contrast_has_its_verdict_and_an_empty_line_between() -> None:
    told = document()
    told["contrasts"] *= 2
    text = lines(console.comparison(told))
    assert sum(line.startswith("VERDICT") for line in text) == 2
    assert text.count("") == 1 and text[-1] != ""


def test_progress_never_writes_to_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    watched(20)
    watched(20, one_by_one=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_is_redrawn_and_a_quiet_one_is_left_alone(capfd: pytest.CaptureFixture[str], quiet: bool) -> None:
    out = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    reporter = Reporter(out, "[red]x[/red]\x1b[31m", epochs=2, seeds=2, quiet=quiet)
    with reporter.live():
        assert reporter.watch([HISTORY]) is False
    told = out.file.getvalue()  # type: ignore[attr-defined]
    assert ("[red]x[/red]?[31m: epoch 2/2" in told) is not quiet
    assert "\x1b[31m" not in told
    assert capfd.readouterr().out == ""


def test_a_loss_that_is_no_longer_finite_is_told_as_a_dash() -> None:
    out = Console(file=io.StringIO(), width=200)
    values = np.full((2, 1), np.nan)
    Reporter(out, "bn", epochs=1, seeds=2, quiet=False).watch(
        [History((0, 1), {"loss": values, "val_loss": values}, (1, 1))]
    )
    assert out.file.getvalue() == "bn: epoch 1/1  loss -  val_loss -  (mean ± standard deviation)\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("metric", ["[red]loss[/red]", "[/]", "loss\x1b[31m"])
def test_a_metrics_name_from_a_foreign_history_is_text(metric: str) -> None:
    told = "\n".join(lines(console.run_summary(record(), History((0,), {metric: np.ones((1, 1))}, (1,)))))
    assert plain(metric) in told and "\x1b" not in told
