"""Before the first of several experiments is trained, all of them are checked, and all problems are told at once."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bnexp import config, store
from bnexp.api import progress, studies
from bnexp.cli import commands, study_commands
from bnexp.comparison import Question
from bnexp.errors import ComparisonError, ConfigError, Problems, StoppedError, StorageError, UserError, WorkError
from bnexp.experiment import kept_data, prepare
from bnexp.experiment import run as experiment
from bnexp.experiment.prepare import ToTrain
from bnexp.study import run as study_run

GOOD = """\
dataset: {name: classification, samples: 60, test_size: 0.5}
model: {name: mlp, hidden: [4], normalization: none}
training: {epochs: 1, batch_size: 10, seeds: 2, evaluate_train: false, save: none}
"""
HIGH = """\
extends: good.yaml
model:
  name: sequential
  layers:
    - BatchNormalization: {momentum: high}
    - Dense: {units: 1, activation: sigmoid}
"""
CLIPS = "extends: good.yaml\ntraining:\n  optimizer: {name: adam, clipnorm: 1, global_clipnorm: 1}\n"
MISSING = """\
dataset:
  name: csv
  path: nowhere.csv
  target: y
model: {name: mlp, hidden: [4]}
training: {epochs: 1, seeds: 2}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configs, in which the test runs; whatever is refused has written nothing."""
    texts = {
        "good": GOOD,
        "bn": "extends: good.yaml\nmodel: {normalization: batch}\n",
        "high": HIGH,
        "clips": CLIPS,
        "missing": MISSING,
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "own_stderr", lambda: Console(file=io.StringIO()))
    return tmp_path


def train(*arguments: str, **options: Any) -> int:
    known: dict[str, Any] = {"seeds": None, "runs": Path("runs"), "dry_run": False, "quiet": True, "as_json": False}
    return commands.train(arguments, **{**known, **options})


def compare(*arguments: str, question: Question | None = None, **options: Any) -> int:
    known: dict[str, Any] = {"seeds": None, "runs": Path("runs"), "quiet": True, "as_json": False}
    return commands.compare(arguments, question or Question(), **{**known, **options})


def refused(command: Callable[..., int], *arguments: str, **options: Any) -> list[str]:
    """Run what must be refused; return the lines of its message: nothing was trained or written."""
    with pytest.raises(UserError) as caught:
        command(*arguments, **options)
    assert caught.value.exit_code == 2
    assert not Path("runs").exists()
    return str(caught.value).splitlines()


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_faulty_experiment_behind_a_good_one_is_refused_before_the_good_one_is_trained(dry_run: bool) -> None:
    (told,) = refused(train, "good.yaml", "missing.yaml", dry_run=dry_run)
    assert told.startswith("missing.yaml:3: dataset.path is 'nowhere.csv'")


@pytest.mark.parametrize("dry_run", [False, True])
def test_all_problems_of_all_experiments_are_told_at_once_in_their_order(dry_run: bool) -> None:
    told = refused(train, "high.yaml", "missing.yaml", "good.yaml", "clips.yaml", dry_run=dry_run)
    assert [line.partition(" is ")[0] for line in told] == [
        "high.yaml:5: model.layers.0", "missing.yaml:3: dataset.path", "clips.yaml:3: training.optimizer",
    ]  # fmt: skip
    assert "Keras refuses it" in told[0] and "Keras refuses it" in told[2]


def test_the_optimizer_and_the_model_of_one_experiment_are_told_together(place: Path) -> None:
    (place / "both.yaml").write_text(HIGH + "training: {optimizer: {name: adam, momentum: 0.5}}\n")
    told = refused(train, "both.yaml", dry_run=True)
    assert [line.partition(" is ")[0] for line in told] == [
        "both.yaml:7: training.optimizer",
        "both.yaml:5: model.layers.0",
    ]


def test_configs_that_cannot_be_read_are_told_together_with_a_place_that_cannot_be_written(place: Path) -> None:
    (place / "typo.yaml").write_text(GOOD.replace("epochs", "epochz"))
    (place / "file").touch()
    told = refused(train, "typo.yaml", "high.yaml", "none.yaml", runs=place / "file" / "runs")
    assert told[0].startswith(f"{place}/file is a file; expected a directory for runs.")
    assert [line.partition(": ")[0] for line in told[1:]] == ["none.yaml", "typo.yaml:3"]


@pytest.mark.parametrize("command", [train, compare])
@pytest.mark.usefixtures("by_command")
def test_a_place_that_cannot_be_written_is_noticed_before_data_are_read_or_tensorflow_is_loaded(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*arguments: Any, **options: Any) -> None:
        raise AssertionError("too late")

    monkeypatch.setattr(prepare, "prepared", too_late)
    monkeypatch.setattr(prepare, "_load_backend", too_late)
    (told,) = refused(command, "good.yaml", "bn.yaml", runs=Path("good.yaml"))
    assert told == "good.yaml is a file; expected a directory for runs. Move it, or use --runs DIR."


def test_an_arm_that_cannot_be_built_is_refused_before_the_first_arm_is_trained() -> None:
    told = refused(compare, "good.yaml", "high.yaml", "clips.yaml")
    assert [line.partition(" is ")[0] for line in told] == [
        "high.yaml:5: model.layers.0",
        "clips.yaml:3: training.optimizer",
    ]


def test_arms_of_other_rows_are_refused_before_the_first_arm_is_trained(place: Path) -> None:
    (place / "other.yaml").write_text("extends: good.yaml\ndataset: {seed: 7}\n")
    (told,) = refused(compare, "good.yaml", "other.yaml")
    assert told == (
        "good (to be trained) and other (to be trained) would not be trained on the same data: dataset.seed is 42 and 7. "
        "Train both on one dataset, then compare."
    )


@pytest.mark.slow
def test_early_stopping_on_the_part_that_judges_is_refused_before_training_and_a_test_part_cures_it() -> None:
    stopping = "training.early_stopping={monitor: val_accuracy}"
    (told,) = refused(compare, "good.yaml", "bn.yaml", stopping)
    assert told.startswith(
        "good: the verdict reads val_accuracy, and training.early_stopping chooses by val_accuracy, on the same rows; expected"
    )
    assert compare("good.yaml", "bn.yaml", stopping, "dataset.validation_size=0.5") == 0


@pytest.mark.slow
def test_runs_that_were_stopped_so_keep_their_numbers_and_have_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    stopping = "training.early_stopping={monitor: val_loss}"
    assert train("good.yaml", "bn.yaml", stopping) == 0
    capsys.readouterr()
    assert compare("good.yaml", "bn.yaml", stopping, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["contrasts"][0]["metrics"]["val_accuracy"]["pairs"] == 2
    assert document["contrasts"][0]["verdict"]["sentence"].startswith(
        "No verdict: it reads val_accuracy, and training."
    )


def test_a_damaged_stored_arm_is_refused_before_the_other_is_trained(place: Path) -> None:
    train("good.yaml")
    (run,) = store.runs_in(place / "runs")
    (run.directory / "history.json").write_text("{")
    with pytest.raises(UserError, match=r"history\.json: not a history of bnexp") as caught:
        compare("bn.yaml", run.id)
    assert caught.value.exit_code == 2
    assert [one.id for one in store.runs_in(place / "runs")] == [run.id]


def test_two_arms_of_one_name_are_told_apart_everywhere(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert compare("bn.yaml", "good.yaml", "name=exp1", question=Question(baseline="bn.yaml"), as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert [arm["name"] for arm in document["arms"]] == ["exp1 (batch)", "exp1 (none)"]
    assert (document["baseline"], document["contrasts"][0]["arm"]) == ("exp1 (batch)", "exp1 (none)")
    assert compare("bn.yaml", "good.yaml", "name=exp1", question=Question(baseline="exp1 (none)"), quiet=False) == 0
    assert "exp1 (batch) vs exp1 (none): 2 seed pairs" in capsys.readouterr().out
    commands.list_runs(place / "runs", as_json=True)
    listed = [row["overrides"] for row in json.loads(capsys.readouterr().out) if row["kind"] == "run"]
    assert listed == ["name=exp1", "name=exp1"]


# --- what fails later ---------------------------------------------------------------------


def failing(at: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the training of the experiment at this place, from 0, raise an error."""
    real, count = experiment.train, iter(range(9))

    def perhaps(*arguments: Any, **options: Any) -> Any:
        if next(count) == at:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(experiment, "train", perhaps)


FULL = StorageError("runs/x: cannot be written (No space left on device). The disk is full: free some space.")


@pytest.mark.parametrize("command", [train, compare])
@pytest.mark.parametrize("error", [FULL, MemoryError("OOM"), ZeroDivisionError("a bug")])
def test_where_a_later_experiment_fails_json_holds_what_was_finished_and_the_error(
    command: Callable[..., int], error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(1, error, monkeypatch)
    with pytest.raises(ZeroDivisionError if isinstance(error, ZeroDivisionError) else WorkError):
        command("good.yaml", "bn.yaml", as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["status"]) for one in document["finished"]] == [("good", "finished")]
    assert document["error"]["exit_code"] == 1
    assert str(error).partition(":")[0].split()[0] in document["error"]["message"]


def test_a_single_experiment_that_fails_is_told_in_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(0, FULL, monkeypatch)
    with pytest.raises(WorkError):
        train("good.yaml", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"error": {"message": str(FULL), "exit_code": 1}, "finished": []}


def test_a_disk_that_is_full_once_training_has_begun_is_failed_work_and_before_it_is_bad_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = store.write

    def full(path: Path, content: str | bytes) -> None:
        if path.name == "history.json":
            raise StorageError(f"{path}: cannot be written ({errno.errorcode[errno.ENOSPC]}).")
        write(path, content)

    monkeypatch.setattr(store.writing if hasattr(store, "writing") else store, "write", full)
    with pytest.raises(WorkError, match=r"history\.json: cannot be written \(ENOSPC\)") as caught:
        train("good.yaml")
    assert caught.value.exit_code == 1
    assert [run.status() for run in store.runs_in(Path("runs"))] == ["interrupted"]
    refusing = StorageError("runs has 0.0 MiB free")
    monkeypatch.setattr(store, "refuse_unwritable", lambda runs: (_ for _ in ()).throw(refusing))
    with pytest.raises(StorageError) as first:
        train("good.yaml")
    assert first.value.exit_code == 2


def test_who_stops_the_check_is_told_that_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "check", stopped)
    for command in (train, compare):
        with pytest.raises(StoppedError, match=r"^Stopped before anything was trained; nothing is kept\.$") as caught:
            command("good.yaml", "bn.yaml")
        assert caught.value.exit_code == 130


# --- a study --------------------------------------------------------------------------------

STUDY = """\
experiment: {extends: good.yaml, dataset: {validation_size: 0.5}}
arms:
  bn: {model.normalization: batch}
  none: {model.normalization: none}
seeds: 2
hypothesis: {claim: c, metric: test_accuracy, treated: bn, baseline: none, direction: higher, smallest: 0.01}
"""


class HereAndNow:
    """`Workers` that are no processes but this one."""

    at_once = 1

    def each(self, work: Callable[[Any], Any], several: Sequence[Any]) -> Any:
        for one in several:
            yield one, work(one)


class Here(studies.Place):
    def launched(self, jobs: int, warn: Any) -> Any:
        return nullcontext(HereAndNow())


def study(place: Path, text: str, **options: Any) -> int:
    (place / "s.yaml").write_text(text)
    known: dict[str, Any] = {
        "runs": Path("runs"), "dry_run": False, "most_trainings": None, "quiet": False, "as_json": True
    }  # fmt: skip
    return study_commands.study(Path("s.yaml"), Here(workers=1), **{**known, **options})


@pytest.fixture
def quiet_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_commands, "own_stderr", lambda: Console(file=io.StringIO()))


@pytest.mark.usefixtures("quiet_reports")
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_study_and_its_dry_run_refuse_what_training_refuses_in_any_cell(place: Path, dry_run: bool) -> None:
    vary = "vary: {training.optimizer: [adam, {name: adam, clipnorm: 1, global_clipnorm: 1}]}\n"
    (told,) = refused(study, place, STUDY + vary, dry_run=dry_run)
    assert told.startswith(
        "s.yaml:7: training.optimizer is adam with {'clipnorm': 1.0, 'global_clipnorm': 1.0}; Keras refuses"
    )


@pytest.mark.usefixtures("quiet_reports")
def test_a_plan_tells_a_rough_time_and_trains_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(place, STUDY, dry_run=True) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["is_rough"] and facts["seconds_left"] > 0
    assert study(place, STUDY, dry_run=True, quiet=True, as_json=False) == 0
    assert capsys.readouterr().out == ""  # nothing is kept, so there is no place to print
    assert not (place / "runs").exists()


@pytest.mark.usefixtures("quiet_reports")
def test_a_study_that_fails_half_way_is_one_json_document_with_what_is_finished(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep, count = study_run._keep, iter(range(9))

    def perhaps(*arguments: Any) -> Any:
        if next(count) == 1:
            raise FULL
        return keep(*arguments)

    monkeypatch.setattr(study_run, "_keep", perhaps)
    with pytest.raises(WorkError, match="No space left on device"):
        study(place, STUDY)
    document = json.loads(capsys.readouterr().out)
    assert document == {"error": {"message": str(FULL), "exit_code": 1}, "finished": [{"cell": 0, "arm": "bn"}]}


# --- what the data cost -------------------------------------------------------------------


def asked(*overrides: str) -> ToTrain:
    return ToTrain(config.load(Path("good.yaml"), overrides), lambda key: "good.yaml:1")


def count_reads(monkeypatch: pytest.MonkeyPatch, kept_share: int) -> list[int]:
    from bnexp import data

    real, read = data.prepare, list[int]()

    def counted(dataset: Any, *arguments: Any) -> Any:
        read.append(dataset.seed)
        return real(dataset, *arguments)

    monkeypatch.setattr(data, "prepare", counted)
    monkeypatch.setattr(kept_data, "KEPT_SHARE", kept_share)
    monkeypatch.setattr(prepare, "KEPT", kept_data.KeptData())
    return read


def test_the_first_experiment_is_checked_last_so_that_its_data_are_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    read = count_reads(monkeypatch, kept_share=2**60)
    several = [asked(), asked("dataset.seed=1"), asked("dataset.seed=2")]
    prepare.preflight(several)
    assert read == [2, 1, 42]
    prepare.prepared(several[0].experiment)
    assert read == [2, 1, 42], "read once"
    assert len(prepare.KEPT._data) == 1, "and only one is held where they are large"


def test_small_data_of_several_experiments_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = count_reads(monkeypatch, kept_share=8)
    several = [asked(), asked("dataset.seed=1"), asked("training.epochs=2")]
    prepare.preflight(several)
    for one in several:
        prepare.prepared(one.experiment)
    assert sorted(read) == [1, 42]


def test_a_check_tells_what_a_plan_needs_and_digests_only_where_they_are_asked_for() -> None:
    (facts,) = prepare.preflight([asked()])
    assert (facts.task, facts.steps, facts.digest, facts.splits) == ("binary", 3, None, None)
    assert (facts.data.training_rows, facts.data.validation_rows, facts.data.test_rows) == (30, 30, None)
    (digested,) = prepare.preflight([asked()], digests=True)
    train("good.yaml")
    (run,) = store.runs_in(Path("runs"))
    record = run.record()
    assert (digested.digest, digested.splits) == (record.dataset.digest, record.pairing.splits)


def test_of_a_stored_run_with_more_seeds_those_are_used_that_were_typed_or_all_that_a_config_does_not_ask_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train("good.yaml")
    train("bn.yaml")
    capsys.readouterr()
    assert compare("good.yaml", "bn.yaml", "training.seeds=1", quiet=False) == 0
    told = capsys.readouterr()
    runs = {run.stem: run.id for run in store.runs_in(Path("runs"))}
    assert told.err.splitlines() == [
        f"{name}: {runs[name]} holds 2 seeds, more than the 1 asked for; its first 1 are used"
        for name in ("good", "bn")
    ]
    assert "good vs bn: 1 seed pair;" in told.out
    Path("one.yaml").write_text("extends: good.yaml\nname: good\ntraining: {seeds: 1}\n")
    assert compare("one.yaml", "bn.yaml", quiet=False) == 0
    told = capsys.readouterr()
    assert "holds 2 seeds, more than the 1 asked for; those that all arms have are used" in told.err
    assert "good vs bn: 2 seed pairs;" in told.out


def test_mistakes_keep_their_kind_where_there_is_one_alone() -> None:
    with pytest.raises(ComparisonError):
        compare("good.yaml", "bn.yaml", question=Question(margin=1))
    with pytest.raises(ConfigError):
        train("missing.yaml")


def test_all_mistakes_of_one_input_are_counted_where_only_some_are_told() -> None:
    problems = Problems()
    for number in range(200):
        problems.note("dataset.path", f"holds {number}.wav, which is faulty.")
    with pytest.raises(ConfigError) as refused, prepare.located_errors(lambda key: "a.yaml:3"):
        problems.refuse()
    lines = str(refused.value).splitlines()
    assert (lines[0], lines[-1]) == (
        "a.yaml:3: dataset.path holds 0.wav, which is faulty.",
        "and 180 more mistakes. Fix these first.",
    )


def test_a_batch_larger_than_what_repeated_rows_leave_is_told_with_the_rows_that_were_dropped(place: Path) -> None:
    rows = "".join(f"{number % 5},{'ab'[number % 2]}\n" for number in range(60))
    (place / "d.csv").write_text(f"x,y\n{rows}")
    (place / "d.yaml").write_text(
        "dataset: {name: csv, path: d.csv, target: y, test_size: 0.4}\nmodel: {name: mlp, hidden: [4]}\n"
        "training: {epochs: 1, seeds: 2}\n"
    )
    (told,) = refused(train, "d.yaml")
    assert told == (
        "d.yaml:3: training.batch_size is 32; the training part has 6 rows (50 repeated rows dropped; "
        "dataset.duplicates: keep would use them, too). Use 6 or fewer."
    )
