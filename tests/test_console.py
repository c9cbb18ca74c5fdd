"""What a person reads: tables whose numbers are the document's, progress, and names that cannot do any harm."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from printed import DATA, DATA_LINE, HISTORY, lines
from rich.console import Console, RenderableType

from bnexp.experiment.copied_seeds import ROUNDING
from bnexp.history import History
from bnexp.report import console, run_list
from bnexp.report.progress import Reporter
from bnexp.store import RunRecord
from bnexp.system.terminal import plain


def summary(record: dict[str, Any], history: History) -> RenderableType:
    return console.run_summary(RunRecord.model_validate(record), history)


def record(**facts: Any) -> dict[str, Any]:
    return {
        "name": "bn", "duration_seconds": 1.26, "warnings": [],
        "trainer": {"name": "many_seeds", "reason": None}, "dataset": DATA, **facts,
    }  # fmt: skip


def test_a_runs_table_holds_mean_and_deviation_of_final_and_best() -> None:
    assert lines(summary(record(), HISTORY)) == [
        "bn: 2 seeds, 2 epochs, 1.3 s",
        DATA_LINE,
        "                         final          best",
        "loss               0.40 ± 0.14   0.40 ± 0.14",
        "val_accuracy (%)  75.00 ± 7.07  75.00 ± 7.07",
        "mean ± standard deviation over seeds",
    ]


def test_a_run_to_which_seeds_were_added_says_how_its_numbers_may_differ() -> None:
    told = lines(summary(record(rounding=ROUNDING), HISTORY))
    assert told[:-1] == lines(summary(record(), HISTORY))
    assert told[-1] == ROUNDING
    assert ROUNDING.startswith("Seeds were added to a run, so numbers can differ from training all at once: ")


def test_the_test_part_chooses_no_best_epoch() -> None:
    history = History((0, 1), {"test_accuracy": np.array([[0.9, 0.7], [0.9, 0.8]])}, (2, 2))
    assert lines(summary(record(), history))[3].split() == ["test_accuracy", "(%)", "75.00", "±", "7.07"]


def test_rows_that_were_dropped_or_not_drawn_are_told() -> None:
    facts = {**DATA, "test_rows": 30, "rows": 208, "duplicates_dropped": 1, "rows_before_limit": 300}
    said = lines(summary(record(dataset=facts), HISTORY))[1]
    assert said == (
        "wine: 142 training rows, 36 for validation, 30 for the test (random, 0.2 held out); 1 repeated row dropped; "
        "limited to 208 of 300 rows; majority-class baseline (always the training rows' commonest class): 39.44% on the test rows"
    )


def test_a_runs_warnings_reason_and_diverged_seeds_are_told() -> None:
    history = History((0, 1), HISTORY.metrics, (2, 2), {1: 2})
    facts = record(warnings=["beware"], trainer={"name": "keras_fit", "reason": "lamb mixes"})
    assert lines(summary(facts, history))[-4:] == [
        "trained seed by seed with keras_fit: lamb mixes",
        "WARNING  beware",
        "DIVERGED  bn: seed 1 at epoch 2 (loss no longer finite)",
        "a diverged seed counts as guessing the commonest class in accuracy, and has no other value",
    ]
    facts["dataset"] = {**DATA, "task": "regression"}
    assert lines(summary(facts, history))[-1] == "a diverged seed has no value"


def test_a_diverged_seed_is_not_dropped_from_a_runs_mean_accuracy() -> None:
    history = History((0, 1), HISTORY.metrics, (2, 2), {1: 2})
    facts = record(dataset={**DATA, "guessing": {"train": 0.6, "val": 0.6}})
    kept = history.final("val_accuracy")[0]
    row = next(line for line in lines(summary(facts, history)) if line.startswith("val_accuracy"))
    assert row.split()[2] == f"{100 * (kept + 0.6) / 2:.2f}"


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


def test_a_line_says_how_long_the_other_epochs_take(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100.0, 30.0)
    monkeypatch.setattr("bnexp.report.progress.time.monotonic", lambda: next(clock))
    told = [line.rpartition(")")[2] for line in watched(5)]
    assert told == ["", "; about 90 s left", "; about 60 s left", "; about 30 s left", ""]


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
    row = run_list.RunRow("bn-1", "run", "finished", 20, "val_accuracy (%) 80.00", "training.epochs=4")
    told = run_list.table([row, replace(row, run="[red]x[/red]\x1b[31m")]).splitlines()
    assert [line.split() for line in told] == [
        ["run", "kind", "status", "seeds", "result", "overrides", "options"],
        ["bn-1", "run", "finished", "20", "val_accuracy", "(%)", "80.00", "training.epochs=4", "-"],
        ["[red]x[/red]?[31m", "run", "finished", "20", "val_accuracy", "(%)", "80.00", "training.epochs=4", "-"],
    ]


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
    told = "\n".join(lines(summary(record(), History((0,), {metric: np.ones((1, 1))}, (1,)))))
    assert plain(metric) in told and "\x1b" not in told


@pytest.mark.parametrize("name", ["\x1b[31mred", "[red]x[/red]", "[/]", "[link=http://x]y", "a\u202eb", "a\nb"])
def test_a_name_is_text_and_nothing_else(name: str) -> None:
    text = "\n".join(lines(summary(record(name=name), HISTORY)))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert plain(name) in text


def test_of_seeds_that_are_added_only_these_are_shown() -> None:
    """Ten seeds are finished with a loss of 0.1; two others are at their first epoch, with 0.9."""

    def at(seeds: range, epochs: int, loss: float) -> History:
        values = {name: np.full((len(seeds), epochs), loss) for name in ("loss", "val_loss")}
        return History(tuple(seeds), values, (epochs,) * len(seeds))

    shown = io.StringIO()
    reporter = Reporter(Console(file=shown), "bn", epochs=4, seeds=12, quiet=False, kept=range(10))
    before = at(range(10), 4, 0.1)
    assert reporter.watch([before]) is False
    for epoch in (1, 4):
        reporter.watch([before, at(range(10, 12), epoch, 0.9)])
    assert shown.getvalue().splitlines() == [
        f"bn: epoch {epoch}/4  loss 0.9 ± 0  val_loss 0.9 ± 0  (mean ± standard deviation)" for epoch in (1, 4)
    ]
