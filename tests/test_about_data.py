"""What a person reads about data: class names with their rows in every command, and names that can do no harm."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bnexp import config
from bnexp.api import progress
from bnexp.cli import commands
from bnexp.comparison import Question
from bnexp.experiment.prepare import check
from bnexp.report import plan_table
from bnexp.report.about_data import class_list, data_lines, left_out
from bnexp.store import DataFacts
from bnexp.study import plan as study_plan
from bnexp.study.outlook import plan_document

DATA: dict[str, Any] = {
    "name": "pets", "training_rows": 30, "validation_rows": 9, "split": "random, 0.2 held out", "commonest_class_share": None,
    "classes": ["cat", "dog"], "rows_per_class": [1234, 720], "files_left_out": {".txt": 2}, "warnings": ["beware"],
}  # fmt: skip


def facts_of(**facts: Any) -> DataFacts:
    return DataFacts.model_validate(facts)


def lines(facts: dict[str, Any]) -> list[str]:
    return [line.plain for line in data_lines(facts_of(**facts))]


def test_classes_are_named_with_their_rows_before_the_warnings() -> None:
    assert lines(DATA) == [
        "pets: 30 training rows, 9 for validation (random, 0.2 held out); other files left out: 2 .txt",
        "2 classes: cat (1,234 rows), dog (720)",
        "WARNING  beware",
    ]
    assert lines({**DATA, "classes": None, "rows_per_class": None})[1:] == ["WARNING  beware"]


def test_only_the_first_of_many_classes_and_files_are_named() -> None:
    many = {"classes": [f"c{number}" for number in range(13)], "rows_per_class": list(range(13))}
    assert class_list(facts_of(**many)) == "13 classes: c0 (0 rows), " + ", ".join(
        f"c{n} ({n})" for n in range(1, 10)
    ) + (" and 3 more (10 to 12 rows each)")
    for counts, end in (([20], "20 rows"), ([1], "1 row"), ([7, 7], "7 rows each"), ([1, 1], "1 row each")):
        rest = {"classes": [f"c{n}" for n in range(10 + len(counts))], "rows_per_class": [9] * 10 + counts}
        assert class_list(facts_of(**rest)).endswith(f" and {len(counts)} more ({end})")
    assert left_out(facts_of(**{"files_left_out": {f".{n}": 1 for n in range(2000)}})).endswith(", 1 .9 and 1,990 more")
    assert left_out(facts_of(**{"arrays_left_out": ["x_test", "y_test"]})) == "other arrays left out: x_test, y_test"
    assert left_out(facts_of(**{"runs_left_out": ["runs", "a/old"]})) == "bnexp's own runs left out: runs, a/old"


def test_rows_that_take_no_part_are_told_before_files() -> None:
    facts = {"duplicates_dropped": 20, "rows_before_limit": 8, "rows": 6, "files_left_out": {".db": 1}}
    assert (
        left_out(facts_of(**facts)) == "20 repeated rows dropped; limited to 6 of 8 rows; other files left out: 1 .db"
    )
    assert left_out(facts_of(**{"duplicates_dropped": 0, "rows_before_limit": 8, "rows": 8})) == ""


def test_names_of_classes_and_files_can_do_no_harm() -> None:
    hostile = {"classes": ["a\x1b[31m", "[red]b[/red]", " ", "x" * 999], "rows_per_class": [1, 1, 1, 1]}
    line = class_list(facts_of(**hostile))
    assert line == f"4 classes: a?[31m (1 row), [red]b[/red] (1), ' ' (1), {'x' * 39}… (1)"
    out = Console(file=io.StringIO(), width=500)
    out.print(*data_lines(facts_of(**{**DATA, **hostile, "files_left_out": {"\x1b]0;": 1}})))
    assert "[red]b[/red]" in out.file.getvalue() and "\x1b" not in out.file.getvalue()  # type: ignore[attr-defined]
    assert left_out(facts_of(**{"arrays_left_out": ["a\nb"]})) == "other arrays left out: a?b"


@pytest.fixture
def classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with a small experiment and a study of it; the line that names its classes."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(40, 3))
    np.savez("d.npz", x=x, y=np.where(x[:, 0] > 0, "spam", "ham"), x_test=x)
    Path("c.yaml").write_text(
        "dataset: {name: npz, path: d.npz}\nmodel: {name: mlp, hidden: [4]}\ntraining: {epochs: 1, seeds: 2, save: none}\n"
    )
    Path("s.yaml").write_text(
        "name: s\nexperiment: {extends: c.yaml}\nseeds: 7\nvary: {training.batch_size: [8, 16]}\n"
        "arms: {bn: {model.normalization: batch}, none: {model.normalization: none}}\nhypotheses:\n"
        "- {claim: It helps., metric: val_accuracy, treated: bn, baseline: none, direction: higher, smallest: 0.01}\n"
    )
    return f"2 classes: ham ({(x[:, 0] <= 0).sum()} rows), spam ({(x[:, 0] > 0).sum()})"


def test_a_dry_run_names_the_classes(classes: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands.train(["c.yaml"], seeds=None, runs=Path("runs"), dry_run=True, quiet=False, as_json=False)
    told = capsys.readouterr().out.splitlines()
    facts = check(config.load(Path("c.yaml"))).data
    printed = [f"# {line}" for line in lines(facts.as_json())]
    assert (
        printed[0].startswith("# npz: 32 training rows, 8 for validation (")
        and "; majority-class baseline (always the training rows' commonest class): " in printed[0]
    )
    assert printed[1] == f"# {classes}"
    assert printed[2].startswith("# WARNING  The file holds parts of a split that are not read: x_test.")
    first = told.index(printed[0])
    assert told[first : first + len(printed)] == printed
    assert told[-1] == "# 2 seeds x 1 epoch; nothing was trained or written"


@pytest.mark.slow
def test_training_and_comparing_name_the_classes(
    classes: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "own_stderr", lambda: Console(file=io.StringIO()))
    for name, normalization in (("a", "batch"), ("b", "none")):
        commands.train(
            ["c.yaml", f"name={name}", f"model.normalization={normalization}"],
            seeds=None, runs=Path("runs"), dry_run=False, quiet=False, as_json=False,
        )  # fmt: skip
        assert classes in capsys.readouterr().out.splitlines()
    commands.compare(["a", "b"], Question(), seeds=None, runs=Path("runs"), quiet=False, as_json=False)
    told = capsys.readouterr().out.splitlines()
    assert told[1] == classes and told[0].endswith("; other arrays left out: x_test; " + told[0].rpartition("; ")[2])


def test_the_plan_of_a_study_names_the_classes_of_each_data_set_once(classes: str) -> None:
    planned = study_plan.plan(Path("s.yaml"), Path("runs"))
    facts = plan_document(planned, 1)
    out = Console(file=io.StringIO(), width=500)
    out.print(plan_table.study_plan(facts))
    told = [line.rstrip() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert told[1].startswith("npz: 32 training rows, 8 for validation (") and told[2] == classes
    assert told.count(classes) == 1
    data = [facts.data[0].model_copy(update={"name": f"d{number}"}) for number in range(5)]
    out.print(plan_table.study_plan(facts.model_copy(update={"data": data})))
    assert out.file.getvalue().count(classes) == 4  # type: ignore[attr-defined]
    assert "and 2 more data sets, by the factors below\n" in out.file.getvalue().replace(" " * 99, "")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("by_command")
def test_a_common_class_is_told_with_a_metric_that_is_fair_unless_it_is_measured() -> None:
    facts = DataFacts(name="csv", split="random", training_rows=80, validation_rows=20, classes=["no", "yes"])
    lines = [line.plain for line in data_lines(facts.model_copy(update={"rows_per_class": [98, 2]}))]
    assert lines[-1] == (
        "WARNING  98% of the rows are of class no, so accuracy says little. training.metrics: [auc] adds a metric that is "
        "fair to all classes; bnexp compare judges by it with --metric val_auc."
    )
    rare = facts.model_copy(update={"rows_per_class": [98, 2]})
    (*_, line) = data_lines(rare, "val_accuracy")
    assert line.plain.endswith("Use a metric that is fair to all classes: --metric val_auc.")
    assert any("WARNING" in line.plain for line in data_lines(rare, measured=["f1"]))
    assert not any("WARNING" in line.plain for line in data_lines(rare, measured=["f1", "auc"])), "it is heeded"
    assert not any("WARNING" in line.plain for line in data_lines(rare, "val_auc"))
    for asked in ("loss", "train_accuracy", "accuracy"):
        (*_, line) = data_lines(rare, asked)
        assert line.plain.endswith("--metric val_auc."), "train_auc is measured by no training"
    for part in ("val", "test"):
        (*_, line) = data_lines(rare.model_copy(update={"test_rows": 9}), f"{part}_accuracy", has_hypothesis=True)
        assert line.plain.endswith(f"Use a metric that is fair to all classes: metric: {part}_auc in the hypothesis.")
    several = facts.model_copy(update={"classes": ["a", "b", "c"], "rows_per_class": [5, 90, 5], "test_rows": 9})
    assert next(line.plain for line in reversed([*data_lines(several)])).endswith("--metric test_balanced_accuracy.")
    assert not any(
        "WARNING" in line.plain for line in data_lines(facts.model_copy(update={"rows_per_class": [60, 40]}))
    )


def test_few_held_out_rows_of_the_rarest_class_are_told_where_a_metric_of_classes_rests_on_them() -> None:
    facts = {
        "name": "csv", "split": "random", "training_rows": 320, "validation_rows": 80, "test_rows": 100,
        "classes": ["a", "b", "c"], "rows_per_class": [400, 60, 40],
    }  # fmt: skip

    def told(asked: str | None, **rarest: int) -> list[str]:
        found = data_lines(facts_of(**facts, rarest_held_out=rarest), asked)
        return [line.plain for line in found if "rarest" in line.plain]

    few = "only 1 of the 80 validation rows is of the rarest class; f1 depends mostly on it"
    assert told("val_f1", val=1, test=60) == [few]
    assert told("test_f1", val=1, test=50) == told("val_log_loss", val=1, test=9) == told("val_f1") == []
    of_test = ["only 8 of the 100 test rows are of the rarest class; balanced_accuracy would depend mostly on them"]
    assert told(None, val=1, test=8) == told("test_accuracy", val=1, test=8) == of_test
    of_val = ["only 1 of the 80 validation rows is of the rarest class; balanced_accuracy would depend mostly on it"]
    assert told("val_accuracy", val=1, test=8) == of_val


def test_in_python_a_metric_that_is_fair_is_a_field_of_the_question() -> None:
    facts = DataFacts(name="csv", split="random", training_rows=80, classes=["no", "yes"], rows_per_class=[98, 2])
    (*_, line) = data_lines(facts, "val_accuracy")
    assert line.plain.endswith('Use a metric that is fair to all classes: metric="val_auc".')
