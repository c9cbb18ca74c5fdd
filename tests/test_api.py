"""The Python API: what each command does, as functions with typed results that print nothing by themselves."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock, call

import pytest
from command import ENVIRONMENT

import bnexp
from bnexp.api import studies
from bnexp.config import Experiment
from bnexp.errors import ComparisonError, ConfigError, RunError, StoppedError, UserError
from bnexp.experiment.run import Finished
from bnexp.history import History, Watch
from bnexp.system.listeners import Note

pytestmark = pytest.mark.usefixtures("seed_by_seed")
CONFIG = """\
dataset: {{name: moons, samples: 60}}
model: {{name: mlp, hidden: [4], normalization: {normalization}}}
training: {{epochs: 2, seeds: 2, batch_size: 24, save: none}}
"""


STUDY = """\
experiment: {dataset: {name: moons, samples: 60}, model: {name: mlp, hidden: [4]}, training: {epochs: 1, batch_size: 24}}
arms: {bn: {model.normalization: batch}, none: {model.normalization: none}}
seeds: 2
hypothesis: {claim: c, metric: val_accuracy, treated: bn, baseline: none, direction: higher, smallest: 0.01}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    for name, normalization in (("bn", "batch"), ("nobn", "none")):
        (tmp_path / "configs" / f"{name}.yaml").write_text(CONFIG.format(normalization=normalization))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Told(bnexp.Observer):
    """Writes down what it hears."""

    def __init__(self, *, stops_after: int = 99) -> None:
        self.said: list[str] = []
        self.epochs = 0
        self._stops_after = stops_after

    def info(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def training(self, experiment: Experiment) -> Iterator[tuple[Watch, Note]]:
        yield self._epoch, self.said.append

    def trained(self, finished: Finished) -> None:
        self.said.append(f"trained {finished.record.name}")

    def _epoch(self, so_far: Sequence[History]) -> bool:
        self.epochs += 1
        return self.epochs >= self._stops_after


@pytest.mark.slow
def test_more_seeds_of_a_finished_run_train_only_the_new_ones() -> None:
    bnexp.compare(["bn", "nobn"])
    told = Told()
    found = bnexp.compare(["bn", "nobn"], "training.seeds=4", observer=told)
    assert [len(arm.history.seeds) for arm in found.arms] == [4, 4]
    assert [[one.seeds for one in arm.record.trained] for arm in found.arms] == [[(0, 1), (2, 3)]] * 2
    said = [text.partition(" holds ")[2] for text in told.said if " holds " in text]
    assert said == ["seeds 0 to 1; to be trained: seeds 2 to 3"] * 2
    (again,) = bnexp.train("bn", "training.seeds=4")
    assert [one.seeds for one in again.record.trained] == [(0, 1, 2, 3)], "it holds all seeds: they are trained again"


def test_a_comparison_trains_what_is_missing_prints_nothing_and_returns_what_is_stored(
    capfd: pytest.CaptureFixture[str],
) -> None:
    found = bnexp.compare(["bn", "nobn"], ["training.epochs=1"])
    assert capfd.readouterr() == ("", "")
    assert [arm.name for arm in found.arms] == ["bn", "nobn"]
    assert found.document.contrasts[0].verdict.word == "cannot tell yet"
    assert found.run.comparison() == found.document
    assert not found.diverged
    assert found.run.id in [run.id for run in bnexp.list_runs()]
    with pytest.warns(
        bnexp.BnexpWarning, match=r"^No finished run of bn fits .*bn\.yaml; .* is used, the newest one\.$"
    ) as told:
        run = bnexp.load_run("bn")
    assert [one.filename for one in told] == [__file__], "at the line that called"
    assert (run.record().seeds, run.history().seeds) == ((0, 1), (0, 1))
    (path,) = [path for path in bnexp.plot(found.run.directory, format="svg") if path.stem == "difference"]
    assert path.read_text().startswith("svg\n")


def test_progress_shows_epochs_in_a_script_and_in_a_notebook(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()  # as a notebook's: it is not the process's own stderr
    monkeypatch.setattr(sys, "stderr", shown)
    progress = bnexp.Progress()
    (run,) = bnexp.train("bn", observer=progress)
    assert "bn: epoch 2/2  loss " in shown.getvalue()
    assert progress.finished[0].run.directory == run.run.directory
    assert capfd.readouterr().err == ""
    quiet = io.StringIO()
    monkeypatch.setattr(sys, "stderr", quiet)
    silent = bnexp.Progress(quiet=True)
    bnexp.train("bn", observer=silent)
    silent.warn("odd")
    assert quiet.getvalue() == "WARNING  odd\n"


def test_a_question_decides_the_metric_and_the_margin() -> None:
    question = bnexp.Question(metric="val_loss", baseline="bn")
    found = bnexp.compare(["bn", "nobn"], question=question, margin=0.5)
    assert (found.document.primary.metric, found.document.primary.margin, found.document.baseline) == (
        "val_loss",
        0.5,
        "bn",
    )


def test_check_reads_data_and_model_and_writes_nothing(place: Path) -> None:
    (checked,) = bnexp.check("bn", ["dataset.samples=80"])
    assert (checked.facts.task, checked.facts.data.training_rows, checked.experiment.training.seeds) == (
        "binary",
        64,
        2,
    )
    assert not (place / "runs").exists()


def test_an_observer_hears_each_epoch_and_each_run_and_may_stop() -> None:
    told = Told()
    (finished,) = bnexp.train("bn", observer=told)
    assert (told.epochs, told.said[-1]) == (2, "trained bn")
    assert finished.record.status == "finished"
    told = Told(stops_after=1)
    (finished,) = bnexp.train(["bn", "nobn"], observer=told)  # the second is not begun
    assert (finished.record.name, finished.interrupted) == ("bn", True)
    with pytest.raises(StoppedError, match=r"keeps the epochs so far\. Nothing was compared"):
        bnexp.compare(["nobn", "bn"], ["training.seeds=3"], observer=Told(stops_after=1))


def test_a_comparison_that_found_the_very_same_is_kept_once_and_is_the_latest(place: Path) -> None:
    first = bnexp.compare(["bn", "nobn"])
    bnexp.train("bn", ["name=other"])
    told = Told()
    again = bnexp.compare(["bn", "nobn"], observer=told)
    assert (again.run, again.document) == (first.run, first.document)
    assert f"{first.run.id} is the same comparison, so no new one is written" in told.said
    assert bnexp.load_run("latest").id == first.run.id
    assert [run.id for run in bnexp.list_runs() if run.kind == "comparison"] == [first.run.id]
    asked = bnexp.compare(["bn", "nobn"], question=bnexp.Question(margin=0.2))
    assert asked.run != first.run, "another question"
    (first.run.directory / "comparison.json").write_text("{")
    assert bnexp.compare(["bn", "nobn"]).run != first.run, "a damaged one"


def test_an_observer_hears_why_an_arm_is_trained_and_what_does_not_apply() -> None:
    told = Told()
    bnexp.compare(["bn", "nobn"], ["model.normalization.momentum=0.9"], observer=told)
    assert "training bn: no finished run was found" in told.said
    assert "nobn: model.normalization.momentum=0.9 does not apply there" in told.said


@pytest.mark.parametrize("question", [bnexp.Question(baseline="bm"), bnexp.Question(reach=90.0)])
def test_what_is_refused_is_not_preceded_by_notes(question: bnexp.Question) -> None:
    bnexp.train(["bn", "nobn"], "training.seeds=3")
    told = Told()
    with pytest.raises(ComparisonError, match=r"question\.baseline is 'bm'|question\.reach is 90"):
        bnexp.compare(["bn", "nobn"], ["training.seeds=2"], question=question, observer=told)
    assert told.said == []


def test_mistakes_are_raised_as_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"training\.epoch is not a known key\. Did you mean .epochs"):
        bnexp.train("bn", ["training.epoch=3"])
    with pytest.raises(RunError, match="No run is called 'x'"):
        bnexp.load_run("x")
    Path("other/bn-20260101-000000").mkdir(parents=True)
    with pytest.raises(RunError, match=r"Did you mean 'other/bn-20260101-000000'\? .* other/latest\."):
        bnexp.load_run("other/bn-20260101-00000")
    with pytest.raises(ComparisonError, match="expected two or more"):
        bnexp.compare(["bn"])


def test_a_study_is_planned_run_and_read_again(place: Path, workers_here: None) -> None:
    (place / "s.yaml").write_text(STUDY)
    planned = bnexp.plan_study("s.yaml")
    assert bnexp.outlook(planned).trainings == 4
    found = bnexp.run_study(planned)
    assert found.document.verdict == "inconclusive"
    assert bnexp.load_run(found.directory).study() == found.document
    claims = bnexp.claims(["s.yaml"])
    assert [(row.study, row.verdict) for row in claims.rows] == [("s", "inconclusive")]
    assert claims.page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_a_script_without_a_main_guard_runs_a_study_once(place: Path) -> None:
    (place / "s.yaml").write_text(STUDY)
    (place / "script.py").write_text(
        "import bnexp\nprint('begun')\nprint(bnexp.run_study('s.yaml', bnexp.Place(workers=1)).document.verdict)\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, timeout=300, env=ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stdout) == (0, "begun\ninconclusive\n"), done.stderr


def test_one_text_is_one_name_or_one_override_and_never_its_letters(place: Path) -> None:
    with pytest.raises(ComparisonError, match=r"given 1 arm \(bn\)"):
        bnexp.compare("bn")
    with pytest.raises(UserError, match="No study is called 'tutorial'"):
        bnexp.claims("tutorial")
    with pytest.raises(UserError, match="No data set is called 'minst'"):
        bnexp.fetch_data("minst")
    (checked,) = bnexp.check(place / "configs" / "bn.yaml", "training.epochs=7")
    assert checked.experiment.training.epochs == 7


@pytest.mark.slow
def test_a_sentence_that_mentions_warnings_says_where_they_are_and_the_table_has_them() -> None:
    one = {"name": "one", "dataset": {"name": "moons"}, "model": {"name": "mlp", "normalization": "batch"}}
    found = bnexp.compare([one, {**one, "name": "other", "model": {"name": "mlp"}}], seeds=6, epochs=2)
    assert "warnings first (result.warnings). " in found.verdict.sentence and found.verdict == found.verdicts["one"]
    assert found.warnings and "result.warnings" not in str(found)


def test_a_directory_may_be_named_by_a_text(place: Path) -> None:
    (finished,) = bnexp.train("bn", runs="results")
    assert [run.id for run in bnexp.list_runs(runs="results")] == [finished.run.id]
    assert {path.parent for path in bnexp.plot("bn", runs="results", out="figures")} == {Path("figures")}


def test_a_study_is_kept_where_runs_says_or_where_its_plan_says(place: Path, workers_here: None) -> None:
    (place / "s.yaml").write_text(STUDY)
    planned = bnexp.plan_study("s.yaml", runs="other")
    found = bnexp.run_study("s.yaml", runs="other")
    assert found.directory == planned.directory
    assert found.directory.parent == Path("other")
    assert not (place / "runs").exists()
    assert len(found.frame()) == 4
    with pytest.raises(UserError) as raised:
        bnexp.outlook(planned, runs="third")
    assert str(raised.value) == (
        f"runs is 'third', but the plan is for {planned.directory}. Give runs to plan_study instead."
    )
    assert bnexp.outlook("s.yaml", runs="other").finished == 2, "trials"
    assert bnexp.claims("s.yaml", runs="other").page == Path("other/claims.html")
    assert bnexp.outlook("s.yaml").finished == 0  # in runs/, where a name alone is kept
    with pytest.raises(TypeError, match="unexpected keyword argument 'runs'"):
        bnexp.Place(runs=Path("other"))  # type: ignore[call-arg]


def test_a_place_that_cannot_be_is_refused_with_all_that_is_wrong() -> None:
    with pytest.raises(UserError) as raised:
        bnexp.Place(launcher="locla", workers=0)  # type: ignore[arg-type]
    assert str(raised.value).splitlines() == [
        "No launcher is called 'locla'. Did you mean 'local'? Good names: local, ray.",
        "workers is 0; expected 1 or more, or None for one on each core.",
    ]


def test_a_clusters_workers_are_as_many_as_it_has_or_as_asked_for_and_a_machines_as_many_as_have_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launch = Mock()
    monkeypatch.setattr("bnexp.executors.workers", launch)
    for place in (
        bnexp.Place(launcher="ray", address="far:1"),
        bnexp.Place(launcher="ray", address="far:1", workers=2),
        bnexp.Place(workers=4),
    ):
        place.launched(3, print)
    assert launch.mock_calls == [
        call("ray", None, "far:1", warn=print),
        call("ray", 2, "far:1", warn=print),
        call("local", 3, None, warn=print, sharing=4),
    ]


def test_who_stops_a_study_hears_what_is_kept(place: Path) -> None:
    for told in (
        "Stopped before anything was finished; nothing is kept.",
        f"Stopped: {place / 's'} keeps what is finished; the same command goes on.",
    ):
        with pytest.raises(StoppedError) as raised, studies._goes_on(place / "s"):
            raise KeyboardInterrupt
        assert str(raised.value) == told
        (place / "s").mkdir(exist_ok=True)


def test_nothing_to_check_or_train_is_refused_in_words_that_fit_both() -> None:
    for function in (bnexp.check, bnexp.train):
        with pytest.raises(UserError, match=r"^No config is named; expected one or more\. Name one, such as bn for "):
            function([])


def test_what_is_checked_tells_what_may_mislead() -> None:
    (checked,) = bnexp.check("bn")
    assert len(checked.warnings) == 1
    assert checked.warnings[0].startswith("BatchNormalization's moving averages have not converged: after 4 steps")
    assert bnexp.check("nobn")[0].warnings == []


def test_the_api_is_loaded_when_it_is_used_and_tensorflow_only_to_train() -> None:
    code = (
        "import sys, bnexp; assert 'bnexp.api' not in sys.modules and 'numpy' not in sys.modules;"
        "assert {'compare', 'train', 'load_run'} <= set(dir(bnexp));"
        "bnexp.list_runs(); bnexp.check; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=ENVIRONMENT)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'bnexp' has no attribute 'compair'"):
        getattr(bnexp, "compair".strip())
