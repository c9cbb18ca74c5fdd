"""`bnexp study`: what it trains, keeps, prints, refuses, and how it goes on after a kill."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from command import COMMAND, ENVIRONMENT, REPOSITORY, Done, bnexp, bnexp_process, imported
from tasks import HereAndNow, Task, cores_workers_and_size, said_nothing

from bnexp.api import studies
from bnexp.api.studies import Place
from bnexp.errors import StoppedError
from bnexp.store import own_directory

STUDY = """\
name: tiny batches
experiment: {extends: configs/bn.yaml, dataset: {validation_size: 0.25}, training: {epochs: 2}}
arms:
  bn: {model.normalization: batch}
  none: {model.normalization: none}
vary: {training.batch_size: [16, 64]}
tune: {key: training.learning_rate, values: [0.001, 0.01], seeds: 1}
seeds: 2
hypotheses:
  - {claim: It loses., metric: test_accuracy, treated: bn, baseline: none, direction: lower, smallest: 0.01}
  - claim: It is faster.
    metric: {metric: test_loss, epochs_to: 0.6}
    treated: bn
    baseline: none
    at: {training.batch_size: 16}
    direction: lower
    smallest: 1.2
"""
ROUGH = r"16 trainings in 4 jobs, 768 optimizer steps; about \d+ s, very roughly, by the size of the models"
CORE = {"BNEXP_CORES": "1"}
FINAL = ["figure-2.png", "figure.png", "results.csv", "study.json", "study.yaml"]


Studied = tuple[Path, Done]
"""A folder in which the study has been run, and what it said."""


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one worker by default: each takes seconds to start."""
    monkeypatch.setenv(*next(iter(CORE.items())))


def project(place: Path) -> Path:
    (place / "configs").mkdir()
    shutil.copy(REPOSITORY / "configs" / "bn.yaml", place / "configs")
    (place / "s.yaml").write_text(STUDY)
    return place


def directory(place: Path) -> Path:
    (found,) = (path for path in (place / "runs").iterdir() if not path.is_symlink())
    return found


def cells(kept: Path) -> dict[tuple[int, str], Path]:
    """The files of trials, by batch size and arm."""
    files = {path: json.loads(path.read_text()) for path in (kept / "cells").glob("*.json")}
    return {(facts["levels"]["training.batch_size"], facts["arm"]): path for path, facts in files.items()}


def finals(kept: Path) -> dict[str, bytes]:
    return {name: (kept / name).read_bytes() for name in FINAL}


def processes() -> set[int]:
    """All that run, but not those that have ended and nobody has asked about."""
    running = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if path.read_text().rpartition(")")[2].split()[0] != "Z":
                running.add(int(path.parent.name))
        except OSError:
            continue
    return running


def children(pid: int) -> set[int]:
    """The processes that this one has started."""
    found = set()
    for child in processes():
        try:
            if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1] == str(pid):
                found.add(child)
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    """A folder in which the study has been run without interruption, in this process, and what it said."""
    place = project(tmp_path_factory.mktemp("studied"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(CORE.items())))
        patch.setattr(Place, "launched", lambda place, jobs, warn: nullcontext(HereAndNow()))
        return place, bnexp("study", "s.yaml", cwd=place)


def copied(studied: Studied, place: Path) -> Path:
    shutil.copytree(studied[0], place, dirs_exist_ok=True, symlinks=True)
    return directory(place)


def test_a_study_tells_its_plan_and_progress_and_answers_on_stdout(
    studied: Studied,
) -> None:
    place, done = studied
    told = done.stderr.splitlines()
    plan = told[: told.index(f"to be kept in runs/{directory(place).name}")]
    assert plan[1].startswith("classification: 600 training rows, 200 for validation, 200 for the test (")
    assert plan.pop(2) == "2 classes: 0 (500 rows), 1 (500)" and plan.pop(1)
    assert plan[:3] == [
        "tiny batches: 2 cells x 2 arms (bn, none), 2 seeds",
        "training.batch_size: 16, 64",
        "training.learning_rate, tuned: 0.001, 0.01",
    ]
    assert re.fullmatch(ROUGH, plan[5])
    assert plan[3].endswith("is lower, by 1.00 or more)") and plan[4].startswith("claim: ")
    assert (
        plan[6]
        == "WARNING  2 seeds are too few for a verdict; 7 are the fewest, as 2 hypotheses share the risk of an error"
    )
    stale = "BatchNormalization's moving averages have not converged: after "
    assert plan[7].startswith(f"WARNING  bn in 2 cells, the worst at batch_size 64: {stale}")
    assert len(plan) == 8  # with too few seeds no difference is found, however large
    done_lines = told[len(plan) + 3 :]
    assert [line.partition(" ")[0] for line in done_lines] == ["1/4", "2/4", "3/4", "4/4"]
    parts = sorted(line.partition(" ")[2].partition(": test_accuracy (%) ")[0] for line in done_lines)
    assert parts == [f"training.batch_size={size}, {arm}" for size in (16, 64) for arm in ("bn", "none")]
    lines = done.stdout.splitlines()
    assert lines[0] == "tiny batches: 2 cells, 2 seeds"
    columns = ["training.batch_size", "arm", "training.learning_rate", "test_accuracy", "(%)", "epochs", "to", "test_loss", "0.6", "diverged"]  # fmt: skip
    assert lines[1].split() == columns
    assert [line.split()[:2] for line in lines[2:6]] == [["16", "bn"], ["16", "none"], ["64", "bn"], ["64", "none"]]
    few = "VERDICT  inconclusive  2 pairs are too few for a verdict, which needs 7: fewer can all agree by chance"
    assert sum(line.startswith(few) for line in lines) == 2
    assert "STUDY    inconclusive" in lines
    assert lines[-1] == f"kept: runs/{directory(place).name}"


def test_a_directory_holds_cells_a_tidy_table_the_answer_and_a_figure(
    studied: Studied,
) -> None:
    kept = directory(studied[0])
    assert sorted(path.name for path in kept.iterdir()) == [".lock", "cells", *sorted([*FINAL, "hypotheses.json"])]
    assert sorted(cells(kept)) == [(16, "bn"), (16, "none"), (64, "bn"), (64, "none")]
    rows = list(csv.DictReader(io.StringIO((kept / "results.csv").read_text())))
    assert [(row["cell"], row["arm"], row["seed"]) for row in rows[:3]] == [
        ("0", "bn", "0"),
        ("0", "bn", "1"),
        ("0", "none", "0"),
    ]
    cell = json.loads(cells(kept)[16, "bn"].read_text())
    assert [float(row["test_accuracy"]) for row in rows[:2]] == cell["final"]["test_accuracy"]
    assert cell["tuned"]["value"] in (0.001, 0.01) and len(cell["tuned"]["means"]) == 2
    document = json.loads((kept / "study.json").read_text())
    mean = document["cells"][0]["arms"]["bn"]["endpoints"][0]["mean"]
    assert mean == pytest.approx(sum(cell["final"]["test_accuracy"]) / 2)
    assert (document["format"], document["verdict"], document["seeds"]) == (5, "inconclusive", 2)
    assert document["digest"].startswith(kept.name[-10:])


@pytest.mark.slow
def test_the_same_command_trains_nothing_twice(studied: Studied, tmp_path: Path) -> None:
    kept = copied(studied, tmp_path)
    before = finals(kept)
    done = bnexp_process("study", "s.yaml", cwd=tmp_path, options=("-X", "importtime"))
    assert "tensorflow" not in imported(done)
    assert "finished already: 4 of 4 trials" in done.stderr
    assert done.stdout == studied[1].stdout
    assert finals(kept) == before


@pytest.mark.usefixtures("workers_here")
def test_lost_and_damaged_cells_are_trained_again_to_the_same_bytes(studied: Studied, tmp_path: Path) -> None:
    kept = copied(studied, tmp_path)
    before = finals(kept)
    cells(kept)[16, "none"].unlink()
    cells(kept)[64, "bn"].write_text('{"format": 5, "trial"')
    (kept / "cells" / ".0-none.json.ab.tmp").write_text("half a fi")
    (kept / "study.json").unlink()
    rows = json.loads(bnexp("runs", "--json", cwd=tmp_path).stdout)
    assert [(row["kind"], row["status"]) for row in rows] == [("study", "interrupted")]
    done = bnexp("study", "s.yaml", cwd=tmp_path)
    assert "finished already: 2 of 4 trials" in done.stderr
    assert "training.batch_size=16, bn" not in done.stderr
    assert finals(kept) == before
    assert [path.name for path in kept.rglob(".*")] == [".lock"]


def test_a_study_in_which_another_process_is_at_work_is_running_and_refused(studied: Studied, tmp_path: Path) -> None:
    kept = copied(studied, tmp_path)
    (kept / "study.json").unlink()
    with own_directory(kept):
        assert json.loads(bnexp("runs", "--json", cwd=tmp_path).stdout)[0]["status"] == "running"
        refused = bnexp("study", "s.yaml", cwd=tmp_path, code=2)
    assert "another process is at work in it" in refused.stderr
    assert not (kept / "study.json").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("workers_here")
def test_a_killed_study_goes_on_and_ends_in_the_same_bytes(studied: Studied, tmp_path: Path) -> None:
    project(tmp_path)
    running = subprocess.Popen([*COMMAND, "study", "s.yaml", "--quiet"], cwd=tmp_path, env=ENVIRONMENT | CORE)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/*/cells/*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGSTOP)  # so that it does not end meanwhile
    workers = children(running.pid)
    assert len(workers) > 0
    assert json.loads(bnexp("runs", "--json", cwd=tmp_path).stdout)[0]["status"] == "running"
    refused = bnexp("study", "s.yaml", cwd=tmp_path, code=2)
    assert "another process is at work in it" in refused.stderr
    running.send_signal(signal.SIGKILL)
    running.wait()
    while workers & processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not workers & processes(), "a worker outlives its driver"
    assert 0 < len(list(tmp_path.glob("runs/*/cells/*.json"))) < 4
    (directory(tmp_path) / "cells" / ".0-none.json.ab.tmp").write_text("half a fi")
    done = bnexp("study", "s.yaml", "--quiet", cwd=tmp_path)
    kept = directory(tmp_path)
    assert done.stdout == f"runs/{kept.name}\n"
    assert done.stderr == ""
    assert finals(kept) == finals(directory(studied[0]))
    assert [path.name for path in kept.rglob(".*")] == [".lock"]


def test_runs_lists_a_study_and_plot_redraws_its_figure(studied: Studied, tmp_path: Path) -> None:
    kept = copied(studied, tmp_path)
    rows = json.loads(bnexp("runs", "--json", cwd=tmp_path).stdout)
    assert rows == [
        {
            "run": kept.name,
            "kind": "study",
            "status": "finished",
            "seeds": 2,
            "result": "inconclusive",
            "overrides": "-",
            "options": "-",
        }
    ]
    before = (kept / "figure.png").read_bytes()
    (kept / "figure.png").unlink()
    place = Path("runs") / kept.name
    assert bnexp("plot", "latest", cwd=tmp_path).stdout == f"{place}/figure.png\n{place}/figure-2.png\n"
    assert (kept / "figure.png").read_bytes() == before
    (kept / "study.json").write_text('{"format": 6}')
    assert "has format 6; expected 1 to 5" in bnexp("plot", kept.name, cwd=tmp_path, code=2).stderr


def test_json_is_one_document_and_the_one_that_is_kept(studied: Studied, tmp_path: Path) -> None:
    kept = copied(studied, tmp_path)
    done = bnexp("study", "s.yaml", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == json.loads((kept / "study.json").read_text())
    assert done.stderr == ""


def test_quiet_prints_only_the_place(studied: Studied, tmp_path: Path) -> None:
    kept = copied(studied, tmp_path)
    done = bnexp("study", "s.yaml", "--quiet", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"runs/{kept.name}\n", "")


@pytest.mark.usefixtures("workers_here")
def test_a_dry_run_prints_the_plan_and_leaves_nothing_behind(tmp_path: Path) -> None:
    project(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = bnexp("study", "s.yaml", "--dry-run", cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines()[2] == "2 classes: 0 (500 rows), 1 (500)"
    assert re.fullmatch(ROUGH, done.stdout.splitlines()[7])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("workers_here")
def test_a_dry_run_prints_json_where_it_is_asked_for(tmp_path: Path) -> None:
    done = bnexp("study", "s.yaml", "--dry-run", "--json", cwd=project(tmp_path))
    assert json.loads(done.stdout)["trainings"] == 16
    assert not (tmp_path / "runs").exists()


def test_bad_input_is_one_message_and_leaves_nothing_behind(tmp_path: Path) -> None:
    project(tmp_path)
    refused = bnexp("study", "s.yaml", "--max-trainings", "15", cwd=tmp_path, code=2)
    assert refused.stdout == ""
    assert refused.stderr == (
        "s.yaml:6: the grid has 16 trainings; expected 15 or fewer. Give fewer levels or seeds, or --max-trainings.\n"
    )
    (tmp_path / "s.yaml").write_text(STUDY.replace("treated: bn", "treated: nb", 1))
    message = (
        "s.yaml:10: hypothesis 1: treated is 'nb'; expected one of the arms. Did you mean 'bn'? Good names: bn, none.\n"
    )
    assert bnexp("study", "s.yaml", cwd=tmp_path, code=2).stderr == message
    assert "t.yaml: is missing; expected a config file." in bnexp("study", "t.yaml", cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("workers_here")
def test_a_diverged_seed_is_kept_counted_and_told_by_the_exit_code(tmp_path: Path) -> None:
    project(tmp_path)
    study = STUDY.replace("[0.001, 0.01]", "[1e38, 1e37]").replace("epochs: 2", "epochs: 2, optimizer: sgd")
    (tmp_path / "s.yaml").write_text(study.replace("[16, 64]", "[16]"))
    done = bnexp("study", "s.yaml", cwd=tmp_path, code=3)
    assert "2 of 2" in done.stdout
    cell = json.loads(cells(directory(tmp_path))[16, "none"].read_text())
    assert list(cell["diverged"]) == ["0", "1"]
    assert cell["final"]["test_loss"] == [None, None]
    assert (
        cell["final"]["test_accuracy"] == [cell["final"]["test_accuracy"][0]] * 2 == pytest.approx([0.465] * 2)
    )  # of 200 rows, by the training part's commonest class
    assert cell["epochs_to"] == {"test_loss 0.6": [None, None]}


@pytest.mark.usefixtures("workers_here")
def test_what_shows_itself_only_when_a_model_is_built_is_told_at_its_line(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "s.yaml").write_text(STUDY.replace("epochs: 2", "epochs: 2, optimizer: lamb, trainer: many_seeds"))
    done = bnexp("study", "s.yaml", cwd=tmp_path, code=2)
    assert done.stderr.splitlines()[-1].startswith("s.yaml:2: training.trainer is many_seeds; ")
    assert not (tmp_path / "runs").exists()


def test_other_commands_tell_a_study_from_a_run(studied: Studied, tmp_path: Path) -> None:
    kept = copied(studied, tmp_path)
    refused = bnexp("compare", kept.name, "bn", cwd=tmp_path, code=2)
    assert refused.stderr == f"{kept.name} is a study; expected a run. Name a run, or a config to train.\n"


def ctrl_c(place: Path, begun: Callable[[subprocess.Popen[str]], bool]) -> str:
    """Interrupt a study, its workers too as a terminal does, once something has begun; give what it says last."""
    project(place)
    sizes = "[16, 48, 56, 64]"  # each has a program of its own to trace in each arm: seconds are left
    (place / "s.yaml").write_text(STUDY.replace("[16, 64]", sizes))
    running = subprocess.Popen(
        [*COMMAND, "study", "s.yaml"],
        cwd=place,
        env=ENVIRONMENT | CORE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not begun(running) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert (running.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr
    return stderr.splitlines()[-1]


@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_keeps_what_is_finished(tmp_path: Path) -> None:
    last = ctrl_c(tmp_path, lambda running: any(tmp_path.glob("runs/*/cells/*.json")))
    assert last == f"Stopped: runs/{directory(tmp_path).name} keeps what is finished; the same command goes on."
    assert json.loads(bnexp("runs", "--json", cwd=tmp_path).stdout)[0]["status"] == "interrupted"


def imports_numpy(pid: int) -> bool:
    try:
        return "numpy" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


@pytest.mark.slow
def test_ctrl_c_is_quiet_while_workers_start(tmp_path: Path) -> None:
    last = ctrl_c(tmp_path, lambda running: any(imports_numpy(child) for child in children(running.pid)))
    assert last == "Stopped before anything was finished; nothing is kept."


def test_a_share_of_memory_does_not_follow_how_many_jobs_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "most_workers", lambda: 3)
    for jobs, expected in ((None, "3"), (8, "8")):
        with Place(workers=jobs).launched(1, warn=said_nothing) as some:
            assert some.at_once == 1
            assert [answer for _, answer in some.each(cores_workers_and_size, [Task()])] == [("1", expected, 64)]


def test_a_study_stopped_before_it_has_a_directory_names_none(tmp_path: Path) -> None:
    with (
        pytest.raises(StoppedError, match=r"^Stopped before anything was finished; nothing is kept\.$"),
        studies._goes_on(tmp_path / "s-study-0123456789"),
    ):
        raise KeyboardInterrupt
