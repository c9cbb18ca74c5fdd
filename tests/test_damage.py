"""Damaged documents: every key of every stored file lost, or of a wrong type, is one message and never a traceback.

The documents are those that bnexp writes, of hand-made results.
"""

from __future__ import annotations

import copy
import io
import json
import random
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arms import BN, NOBN, measured, rows_right
from cases import slow
from rich.console import Console
from studies import result

from bnexp import config, store
from bnexp.api.comparisons import plan_comparison
from bnexp.cli import commands
from bnexp.comparison import Arm, Question, compare
from bnexp.comparison.first_question import JudgedBy
from bnexp.comparison.looks import with_looks
from bnexp.config.study_reading import read_study
from bnexp.errors import RunError, UserError
from bnexp.experiment import lookup
from bnexp.experiment.earlier_looks import Before, known_arms
from bnexp.experiment.resume import interrupted_run
from bnexp.report import run_list, study_table
from bnexp.store.looks import EarlierLook, Look, Looks
from bnexp.study import plan as study_plan
from bnexp.study.asked import keep_asked
from bnexp.study.document import document, table
from bnexp.study.grid import cells_of
from bnexp.study.outlook import plan_document
from bnexp.study.plan import Plan

NO_QUESTION = Question()
LOST, RENAMED = object(), object()
WRONG = (
    LOST, RENAMED, None, True, -1, 0, 10**400, 1e308, float("nan"), "x", "", "a\0b", "..",
    "\x1b[31m../../x", [], [None], [[1]], {}, {"a": {}},
)  # fmt: skip
STUDY = (
    "name: s\nexperiment: {dataset: {name: moons, validation_size: 0.2}, model: {name: mlp}}\n"
    "arms: {bn: {}, none: {model.normalization: none}}\nvary: {model.activation: [relu, tanh]}\nseeds: 10\n"
    "hypothesis: {claim: It helps., treated: bn, baseline: none, metric: test_accuracy, direction: higher, "
    "smallest: 0.01}\n"
)


def keep_run(runs: Path, arm: Arm) -> None:
    """Write the run of an arm as training does."""
    directory = runs / f"{arm.name}-20260101-000000"
    directory.mkdir()
    final = {name: {"final": float(values[:, -1].mean()), "best": None} for name, values in arm.history.metrics.items()}
    record = {"format": 1, "id": directory.name, "name": arm.name, "status": "finished"}
    dataset = {
        **arm.record.dataset.as_json(), "name": "moons", "rows": 200, "training_rows": 160, "validation_rows": 40,
        "test_rows": 0, "split": "random", "duplicates_dropped": 1, "rows_before_limit": 300,
        "files_left_out": {".txt": 2}, "id_like_columns": ["id"], "commonest_class_share": 0.5,
    }  # fmt: skip
    record |= {
        **arm.record.as_json(),
        "dataset": dataset,
        "metrics": final,
        "config_digest": config.digest(arm.experiment),
        "duration_seconds": 1.5,
        "diverged": {},
        "git": None,
    }
    store.write_json(directory / "run.json", record)
    store.write_json(directory / "history.json", arm.history.to_json())
    store.write(directory / "config.yaml", config.dump(arm.experiment))
    if arm.held_out is not None:
        store.write(directory / "rows.npz", arm.held_out.to_npz())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory with two runs, their comparison, a study and a sweep."""
    place = tmp_path_factory.mktemp("whole")
    runs = place / "runs"
    runs.mkdir()
    for arm in ARMS:
        keep_run(runs, arm)
    compared = runs / "bn-vs-nobn-20260101-000000"
    compared.mkdir()
    store.write_histories(compared, {arm.name: arm.history for arm in ARMS})
    document = compare(ARMS, NO_QUESTION)
    document.looks = Looks(
        planned=[5, 8],
        taken=[Look(seeds=5, level=0.97, words={"bn": "helps"}), Look(seeds=8, level=0.97)],
        earlier=[EarlierLook(seeds=4, level=0.95, arm="bn")],
        error=0.06,
    )
    store.write_record(compared / "comparison.json", document)
    keep_answer(runs / "s-study-0123456789", place / "s.yaml", STUDY)
    keep_answer(runs / "w-study-0123456789", place / "w.yaml", STUDY.partition("hypothesis")[0], "test_accuracy")
    return runs


def judged_on_rows(one: Arm, share: float, draw: int) -> Arm:
    """An arm as its run keeps it, with what each held-out row measured."""
    on_rows = measured(one.name, rows_right(share, hard=0.1, seeds=10, rows=40, draw=draw))
    experiment = one.experiment.model_copy(update={"name": one.name})
    return replaced(replace(on_rows, experiment=experiment, run=f"{one.name}-20260101-000000"))


def keep_answer(answered: Path, path: Path, text: str, metric: str | None = None) -> None:
    """Write the answer of a study as a run of it does; of a sweep, the metric that it shows."""
    path.write_text(text)
    file = read_study(path)
    cells = cells_of(file)
    results = {
        (cell.number, arm): result(cell.number, arm, [0.8 + 0.01 * seed for seed in range(10)])
        for cell in cells
        for arm in file.study.arms
    }
    answered.mkdir()
    store.write(answered / "study.yaml", file.text())
    answer = document(file, cells, "0" * 64, results, metric=metric)
    store.write_json(answered / "study.json", answer.model_dump(mode="json"))


def replaced(arm: Arm) -> Arm:
    """An arm with all that training measures, so that nothing but the damage is refused."""
    metrics = dict(arm.history.metrics)
    for quantity in ("loss", "accuracy"):
        metrics |= {name: metrics[f"val_{quantity}"] for name in (quantity, f"train_{quantity}")}
    return replace(arm, history=replace(arm.history, metrics=metrics))


def places(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of a document, of lists the first two entries."""
    yield at
    keys: list[Any] = list(document) if isinstance(document, dict) else []
    if isinstance(document, list):
        keys = list(range(len(document)))[:2]
    for key in keys[:24]:
        yield from places(document[key], (*at, key))


def changed(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return {} if value in (LOST, RENAMED) else value
    document = copy.deepcopy(document)
    inner = document
    for key in at[:-1]:
        inner = inner[key]
    if value is LOST:
        del inner[at[-1]]
    elif value is RENAMED:
        if isinstance(inner, dict):
            inner["../../x"] = inner.pop(at[-1])
    else:
        inner[at[-1]] = value
    return document


def refused_at_most(work: Any, *arguments: Any, **options: Any) -> None:
    """Let a command work, or refuse with a line for each run."""
    try:
        with np.errstate(all="ignore"):  # of numbers that no training gives
            work(*arguments, **options)
    except UserError as error:
        assert len(str(error).splitlines()) <= 2


ARMS = [judged_on_rows(BN, 0.9, 0), judged_on_rows(NOBN, 0.8, 1)]
FILES = [
    ("bn-20260101-000000", "run.json"),
    ("bn-20260101-000000", "history.json"),
    ("bn-vs-nobn-20260101-000000", "comparison.json"),
    ("bn-vs-nobn-20260101-000000", "histories.json"),
    ("s-study-0123456789", "study.json"),
    ("w-study-0123456789", "study.json"),
]


def try_damages(
    runs: Path, directory: str, name: str, monkeypatch: pytest.MonkeyPatch, *, most: int = 10_000, tries: int = 1
) -> None:
    monkeypatch.setattr("bnexp.report.plots.render", lambda figure, format: b"")
    path, chance = runs / directory / name, random.Random(name)
    document = json.loads(path.read_text())
    before = sorted(runs.parent.rglob("*"))
    everywhere = list(places(document))
    for at in chance.sample(everywhere, min(most, len(everywhere))):
        for value in chance.sample(WRONG, tries):
            path.write_text(json.dumps(changed(document, at, value)))
            rows = {row.run: row.status for row in map(run_list.row, store.runs_in(runs))}
            assert rows.pop(directory) in ("finished", "interrupted", "damaged")
            assert set(rows.values()) == {"finished"}
            refused_at_most(commands.plot, str(runs / directory), format="png", out=runs / "figures", runs=runs)
            if name in ("run.json", "history.json"):
                refused_at_most(
                    commands.compare, [directory, "nobn-20260101-000000"], NO_QUESTION, seeds=None, runs=runs,
                    quiet=False, as_json=False,
                )  # fmt: skip
    path.write_text(json.dumps(document))
    made = {path for path in runs.parent.rglob("*") if path not in before}
    kept = {path for path in made if path.is_relative_to(runs / "figures") or "vs-nobn" in str(path)}
    assert made - kept <= {runs / "latest"}, "nothing is written elsewhere"


@pytest.mark.parametrize(("directory", "name"), FILES)
def test_a_key_that_is_lost_or_of_a_wrong_type_is_one_message(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, name: str
) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    try_damages(tmp_path / "runs", directory, name, monkeypatch, most=12)


@pytest.mark.slow
@pytest.mark.parametrize(("directory", "name"), FILES)
def test_any_key_may_be_lost_or_of_any_wrong_type(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, name: str
) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    try_damages(tmp_path / "runs", directory, name, monkeypatch, tries=len(WRONG))


# --- numbers that a later command computes with ------------------------------------------------

EXTREME = (0, 1, -1, 2**53 - 1, 5e-324, 1e-300, 0.5, 1 - 2**-53, 1e99, 1e103, 1e206, 1e308, -1e308)
"""Numbers that JSON can hold, and that a document may not, or barely."""


def numbers(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every number of a document, of lists those of the first two entries."""
    if isinstance(document, int | float) and not isinstance(document, bool):
        yield at
    for key in (
        document if isinstance(document, dict) else range(min(2, len(document))) if isinstance(document, list) else ()
    ):
        yield from numbers(document[key], (*at, key))


def before(runs: Path) -> Before:
    """What stored comparisons asked of the arms."""
    return Before(runs, known_arms(ARMS), [(ARMS[0].name, ARMS[1].name)])


def compared_later(runs: Path) -> None:
    """Compare the same arms again, with what is stored of their comparison."""
    document = compare(ARMS, NO_QUESTION)
    taken = [Look(seeds=10, level=0.95)]
    known = before(runs)
    document = with_looks(document, taken, (), known.looks(document.primary.metric, taken))
    known.exploratory(JudgedBy.of("val_loss", None, "new-rows"))
    store.json_text(document.as_json())
    plan_comparison([str(arm.run) for arm in ARMS], runs=runs)


def try_extremes(runs: Path, work: Any, name: str, directory: str, *, most: int) -> None:
    path, chance = runs / directory / name, random.Random(name)
    document = json.loads(path.read_text())
    everywhere = [(at, value) for at in numbers(document) for value in EXTREME]
    for at, value in chance.sample(everywhere, min(most, len(everywhere))):
        path.write_text(json.dumps(changed(document, at, value)))
        refused_at_most(work, runs)
    path.write_text(json.dumps(document))


RUN_AT = ("arms", 0, "run")


@pytest.mark.parametrize("run", ["a\0b", "", ".", "..", "../runs/bn-20260101-000000", "/tmp", "a\\b"])
def test_an_earlier_comparison_whose_run_is_no_name_is_passed_over(whole: Path, tmp_path: Path, run: str) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    path = tmp_path / "runs" / "bn-vs-nobn-20260101-000000" / "comparison.json"
    path.write_text(json.dumps(changed(json.loads(path.read_text()), RUN_AT, run)))
    document, taken = compare(ARMS, NO_QUESTION), [Look(seeds=10, level=0.95)]
    assert before(tmp_path / "runs").looks(document.primary.metric, taken) == []
    plan = plan_comparison([str(arm.run) for arm in ARMS], runs=tmp_path / "runs")
    assert plan.detectable.rests_on != path.parent.name
    with pytest.raises(RunError, match=r"arms\.0\.run: .* is no name in a directory; expected one without a path"):
        store.Run(path.parent).comparison()


@pytest.mark.parametrize(
    "at", [("arms", 0, "run"), ("contrasts", 0, "arm"), slow(("arms", 1, "name")), slow(("baseline",))], ids=str
)
def test_any_value_of_a_name_in_an_earlier_comparison_is_compared_with_or_refused(
    whole: Path, tmp_path: Path, at: tuple[Any, ...]
) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    path = tmp_path / "runs" / "bn-vs-nobn-20260101-000000" / "comparison.json"
    document = json.loads(path.read_text())
    for value in WRONG:
        path.write_text(json.dumps(changed(document, at, value)))
        refused_at_most(compared_later, tmp_path / "runs")


LOOKS_AT = [("looks", "taken", 0, "seeds"), ("looks", "taken", 1, "level")]
NEW_ROWS_AT = [
    ("contrasts", 0, "metrics", "val_accuracy", "new_rows", key)
    for key in ("count", "seed_variance", "row_variance", "rest_variance", "farthest")
]


@pytest.mark.parametrize("at", [*LOOKS_AT, *NEW_ROWS_AT[:2], *map(slow, NEW_ROWS_AT[2:])], ids=lambda at: at[-1])
def test_any_number_of_an_earlier_comparison_is_computed_with_or_refused(
    whole: Path, tmp_path: Path, at: tuple[Any, ...]
) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    path = tmp_path / "runs" / "bn-vs-nobn-20260101-000000" / "comparison.json"
    document = json.loads(path.read_text())
    for value in EXTREME:
        path.write_text(json.dumps(changed(document, at, value)))
        refused_at_most(compared_later, tmp_path / "runs")


def test_an_earlier_comparison_that_is_whole_is_computed_with(whole: Path) -> None:
    document, taken = compare(ARMS, NO_QUESTION), [Look(seeds=10, level=0.95)]
    assert [one.seeds for one in before(whole).looks(document.primary.metric, taken)] == [5, 8]
    told = plan_comparison([str(arm.run) for arm in ARMS], runs=whole).detectable
    assert told.rests_on == "bn-vs-nobn-20260101-000000"


@pytest.mark.slow
@pytest.mark.parametrize(("directory", "name"), FILES)
def test_any_number_of_any_document_may_be_extreme(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, name: str
) -> None:
    shutil.copytree(whole, tmp_path / "runs")

    def used(runs: Path) -> None:
        list(map(run_list.row, store.runs_in(runs)))
        refused_at_most(commands.plot, str(runs / directory), format="png", out=runs / "figures", runs=runs)
        names = [str(arm.run) for arm in ARMS]
        refused_at_most(commands.compare, names, NO_QUESTION, seeds=None, runs=runs, quiet=False, as_json=False)
        plan_comparison(names, runs=runs)
        for one in runs.glob("bn-vs-nobn-*"):
            if not one.name.endswith("-20260101-000000"):
                shutil.rmtree(one)

    monkeypatch.setattr("bnexp.report.plots.render", lambda figure, format: b"")
    try_extremes(tmp_path / "runs", used, name, directory, most=60)


# --- files of arrays -----------------------------------------------------------------------------


def arrays_of(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content)) as file:
        return dict(file)


def packed(arrays: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


WRONG_ARRAYS: tuple[Any, ...] = (
    LOST, np.float32(1), np.ones(3, "f4"), np.ones((10, 0), "f4"), np.full((10, 40), 1e300), np.ones((10, 40), "f4"),
    np.full((10, 40), np.nan, "f4"), np.full((10, 40), np.finfo("f4").max), np.ones((10, 40, 3), "f2"),
    np.ones((10, 7), "f4"), np.ones((10, 40), bool), np.full((10, 40), 2**63 - 1), np.array([["x"]]),
)  # fmt: skip


@pytest.mark.parametrize("tries", [4, slow(len(WRONG_ARRAYS))])
def test_rows_of_another_kind_are_compared_with_or_refused(whole: Path, tmp_path: Path, tries: int) -> None:
    chance = random.Random(0)
    shutil.copytree(whole, tmp_path / "runs")
    path = tmp_path / "runs" / "bn-20260101-000000" / "rows.npz"
    arrays, names = arrays_of(path.read_bytes()), [str(arm.run) for arm in ARMS]
    for name in arrays:
        for value in chance.sample(WRONG_ARRAYS, tries):
            others = {key: kept for key, kept in arrays.items() if key != name}
            path.write_bytes(packed(others if value is LOST else others | {name: value}))
            for metric in ("val_accuracy", "val_loss"):
                question = Question(metric=metric)
                refused_at_most(
                    commands.compare, names, question, seeds=None, runs=tmp_path / "runs", quiet=False, as_json=False
                )


@pytest.mark.parametrize("tries", [5, slow(len(WRONG))])
def test_a_checkpoint_with_any_key_of_a_wrong_type_is_none_to_go_on_from(
    whole: Path, tmp_path: Path, tries: int
) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    run, names = store.Run(tmp_path / "runs" / "bn-20260101-000000"), ("head.json", "sha256")
    record = json.loads((run.directory / "run.json").read_text())
    (run.directory / "run.json").write_text(json.dumps(record | {"status": "interrupted", "metrics": None}))
    head = {
        "run": run.id, "config_digest": record["config_digest"], "finished": [0, 1], "processor": "x", "epoch": 1,
        "epochs": 2, "seeds_finished": 2, "seeds": 10, "together": 2, "seconds": 1.5, "paces": [0.1], "engine": None,
    }  # fmt: skip

    def write(facts: Any) -> None:
        with zipfile.ZipFile(run.directory / "checkpoint.npz", "w") as archive:
            for name, text in zip(names, (json.dumps(facts), "0" * 64), strict=True):
                archive.writestr(name, text)

    write(head)
    assert interrupted_run(tmp_path / "runs", run.id).head.finished == [0, 1]
    chance = random.Random(0)
    for at in places(head):
        for value in chance.sample(WRONG, tries):
            write(changed(head, at, value))
            run.checkpoint()
            refused_at_most(interrupted_run, tmp_path / "runs", run.id)
            refused_at_most(lookup.resumable, tmp_path / "runs", ARMS[0].experiment)


# --- what a study keeps of its trials ------------------------------------------------------------

TUNED = STUDY.replace("validation_size: 0.2", "validation_size: 0.2, resample: validation") + (
    "tune: {key: training.learning_rate, values: [0.01, 0.1], metric: val_loss}\n"
)
CLAIMS = {
    "an accuracy": STUDY.replace("validation_size: 0.2", "validation_size: 0.2, resample: true"),
    "an accuracy, tuned": TUNED,
    "a ratio": TUNED.replace("metric: test_accuracy", "metric: {metric: test_loss, ratio: true}").replace(
        "direction: higher, smallest: 0.01", "direction: lower, smallest: 1.2"
    ),
    "epochs": STUDY.replace("metric: test_accuracy", "metric: {metric: val_accuracy, epochs_to: 0.7}").replace(
        "direction: higher, smallest: 0.01", "direction: lower, smallest: 1.2"
    ),
    "a loss with a penalty": TUNED.replace("name: mlp", "name: mlp, l2: 0.1").replace("test_accuracy", "test_loss"),
}


def kept_trials(place: Path, text: str) -> Plan:
    """A study whose trials are all kept, with all that training keeps of them."""
    (place / "s.yaml").write_text(text)
    plan = study_plan.plan(place / "s.yaml", place / "runs")
    tune = plan.file.study.tune
    for trial in plan.trials:
        values = [0.8 + 0.01 * seed for seed in range(10)]
        one = result(
            *trial.key, values, trial=trial.digest, together=[trial.short_digest], levels=dict(trial.cell.levels),
            rows={"train": 120, "val": 40, "test": 40}, one_class={"train": 0.5, "val": 0.5, "test": 0.5},
            resample=trial.cell.candidates[trial.arm][0].experiment.dataset.resample, diverged={"3": 2},
            bests={"val_accuracy": [{"epochs": [1, 4], "values": [0.5, 0.9]}] * 10}, versions={"keras": "3"},
            tuned=None if tune is None else {"key": tune.key, "value": 0.1, "means": [0.5, None]},
        )  # fmt: skip
        plan.path(trial).parent.mkdir(parents=True, exist_ok=True)
        plan.path(trial).write_text(one.model_dump_json())
    assert study_plan.finished(plan).keys() == {trial.key for trial in plan.trials}
    return plan


def answered(plan: Plan) -> None:
    """Do all that is done with the trials that are kept: what is damaged is trained again, the rest is an answer."""
    with np.errstate(all="ignore"):  # of numbers that no training gives
        done = study_plan.finished(plan)
        left = study_plan.pending(plan, done)
        plan_document(plan, 1, done).model_dump(mode="json")
        if left:
            assert any(trial.key not in done for job in left for trial in job.trials)
            return
        answer = document(plan.file, plan.cells, plan.digest, done)
        store.json_text(answer.model_dump(mode="json"))
        table(plan.file, plan.cells, done)
        Console(file=io.StringIO()).print(study_table.study(answer))


@pytest.mark.parametrize("tries", [3, slow(len(WRONG))])
def test_hypotheses_with_a_key_that_is_lost_or_of_a_wrong_type_are_asked_anew_or_harmless(
    tmp_path: Path, tries: int
) -> None:
    plan = kept_trials(tmp_path, STUDY)
    keep_asked(plan)
    path, done = plan.directory / "hypotheses.json", study_plan.finished(plan)
    whole = json.loads(path.read_text())
    chance = random.Random(0)
    for at in places(whole):
        for value in chance.sample(WRONG, tries):
            path.write_text(json.dumps(changed(whole, at, value)))
            try:
                plan_document(plan, 1, done).model_dump(mode="json")
                keep_asked(plan)
            except RunError as error:
                assert at in ((), ("format",)) and "expected 5, the one of this bnexp" in str(error)


def try_trials(place: Path, text: str, *, most: int, tries: int) -> None:
    plan, chance = kept_trials(place, text), random.Random(text)
    path = plan.path(plan.trials[0])
    whole = json.loads(path.read_text())
    everywhere = list(places(whole))
    for at in chance.sample(everywhere, min(most, len(everywhere))):
        for value in chance.sample(WRONG, tries):
            path.write_text(json.dumps(changed(whole, at, value)))
            try:
                answered(plan)
            except RunError as error:
                assert at in ((), ("format",)) and "expected 5, the one of this bnexp" in str(error)


@pytest.mark.parametrize("text", CLAIMS.values(), ids=CLAIMS)
def test_a_trial_with_a_key_that_is_lost_or_of_a_wrong_type_is_trained_again_or_harmless(
    tmp_path: Path, text: str
) -> None:
    try_trials(tmp_path, text, most=30, tries=2)


@pytest.mark.slow
@pytest.mark.parametrize("text", CLAIMS.values(), ids=CLAIMS)
def test_any_key_of_a_trial_may_be_lost_or_of_any_wrong_type(tmp_path: Path, text: str) -> None:
    try_trials(tmp_path, text, most=10_000, tries=len(WRONG))


def test_whole_documents_are_listed_and_drawn(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {(row.kind, row.status) for row in map(run_list.row, store.runs_in(whole))} == {
        ("run", "finished"), ("comparison", "finished"), ("study", "finished"),
    }  # fmt: skip
    for name, figures in (
        ("bn-2026", ["loss", "accuracy"]),
        ("bn-vs", ["loss", "accuracy", "difference"]),
        ("s-", ["figure"]),
    ):
        commands.plot(name, format="svg", out=tmp_path, runs=whole)
        assert sorted(capsys.readouterr().out.split()) == sorted(str(tmp_path / f"{figure}.svg") for figure in figures)


def test_the_figures_of_a_run_without_its_config_are_drawn_with_a_warning(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    (tmp_path / "runs" / "bn-20260101-000000" / "config.yaml").unlink()
    commands.plot("bn-20260101-000000", format="svg", out=tmp_path, runs=tmp_path / "runs")
    told = capsys.readouterr()
    assert told.out.split() == [str(tmp_path / "loss.svg"), str(tmp_path / "accuracy.svg")]
    assert told.err == (
        "WARNING  bn-20260101-000000 is damaged (config.yaml: is missing. Restore the file, or train again). "
        "Its figures are drawn from what is left.\n"
    )


@pytest.mark.usefixtures("by_command")
def test_a_place_for_figures_that_cannot_be_written_is_told_with_its_own_option(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out, told in (
        (tmp_path / "file", "is a file; expected a directory. Move it, or use --out DIR."),
        (
            tmp_path / "file" / "x",
            ": cannot be written (Not a directory). Expected a writable directory: use --out DIR.",
        ),
    ):
        with pytest.raises(UserError) as caught:
            commands.plot("bn-2026", format="svg", out=out, runs=whole)
        assert str(caught.value).replace(f"{out} ", "").replace(str(out), "") == told


@pytest.mark.parametrize("metric", ["../../x", "/elsewhere/x", "val_../../x", "x", "../loss"])
@pytest.mark.parametrize("name", ["history.json", "histories.json"])
def test_a_metric_that_is_not_measured_names_no_figure(whole: Path, tmp_path: Path, metric: str, name: str) -> None:
    shutil.copytree(whole, tmp_path / "a" / "b" / "runs")
    runs = tmp_path / "a" / "b" / "runs"
    directory = next(path.parent for path in runs.glob(f"bn-*/{name}"))
    text = (directory / name).read_text().replace('"val_loss"', json.dumps(metric))
    (directory / name).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as caught:
        commands.plot(str(directory), format="png", out=None, runs=runs)
    assert str(caught.value).startswith(f"{directory / name}: ")
    assert f"{metric!r} is no metric of bnexp; it measures loss, accuracy, mse, mae, r2" in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
