"""What each command does, with plain arguments: work, print, and give the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from bnexp import arms, cautions, config, store, study_plan
from bnexp.comparison import Arm, Question, refuse_impossible, refuse_too_few
from bnexp.comparison import compare as compare_arms
from bnexp.config import Experiment
from bnexp.errors import (
    DIVERGED,
    DONE,
    INTERRUPTED,
    ConfigError,
    RunError,
    SettingError,
    StoppedError,
    UserError,
    nearest,
)
from bnexp.experiment import Finished, train_experiment
from bnexp.metrics import headline, number, with_unit
from bnexp.preparing import prepared
from bnexp.show import console as show
from bnexp.show import figures
from bnexp.show.about_data import class_list, left_out
from bnexp.show.progress import Reporter, own_stderr

WIDEST_PIPE = 200
"""Columns for tables where there is no terminal to fit."""


def train(arguments: Sequence[str], *, seeds: int | None, runs: Path, dry_run: bool, quiet: bool, as_json: bool) -> int:
    """Train every config named; give the worst exit code."""
    names, overrides = _sorted_arguments(arguments, seeds)
    if not names:
        raise UserError("train was given no config; expected one or more. For example: bnexp train configs/bn.yaml")
    paths = [config_path(name) for name in names]
    experiments = [config.load(path, overrides) for path in paths]
    if dry_run:
        for path, experiment in zip(paths, experiments, strict=True):
            with _line_told(path, overrides):
                _print_plan(experiment)
        return DONE
    finished: list[Finished] = []
    for path, experiment in zip(paths, experiments, strict=True):
        with _line_told(path, overrides):
            finished.append(_train(experiment, runs, quiet=quiet or as_json))
        if not as_json:
            _print_run(finished[-1], quiet=quiet)
        if finished[-1].interrupted:
            break
    if as_json:
        records = [one.record for one in finished]
        print_json(records[0] if len(paths) == 1 else records)
    return max(_exit_code(one) for one in finished)


def config_path(name: str) -> Path:
    """Let `bn` stand for configs/bn.yaml, as it does for `compare`."""
    return arms.config_file(name) or Path(name)


@contextmanager
def _line_told(path: Path, overrides: Sequence[str]) -> Iterator[None]:
    """Add file and line to a mistake that shows itself only when the data are drawn or the model is built."""
    try:
        yield
    except SettingError as error:
        lines = [f"{config.where(path, overrides, key)}: {key} {text}" for key, text in error.problems]
        raise ConfigError(lines) from error


def _sorted_arguments(arguments: Sequence[str], seeds: int | None) -> tuple[list[str], list[str]]:
    """Tell names from KEY=VALUE overrides; `--seeds` is one of them."""
    names = [argument for argument in arguments if "=" not in argument or Path(argument).exists()]
    overrides = [argument for argument in arguments if argument not in names]
    return names, overrides + ([f"training.seeds={seeds}"] if seeds is not None else [])


def _train(experiment: Experiment, runs: Path, *, quiet: bool) -> Finished:
    epochs, seeds = experiment.training.epochs, experiment.training.seeds
    reporter = Reporter(own_stderr(), experiment.name, epochs=epochs, seeds=seeds, quiet=quiet)
    try:
        with reporter.live():
            return train_experiment(experiment, runs, watch=reporter.watch, note=reporter.note)
    except KeyboardInterrupt:
        raise StoppedError(f"Stopped at once: a run of {show.plain(experiment.name)} is not finished.") from None


def _exit_code(finished: Finished) -> int:
    if finished.interrupted:
        return INTERRUPTED
    return DIVERGED if finished.history.diverged_at else DONE


def _print_run(finished: Finished, *, quiet: bool) -> None:
    if quiet:
        print(finished.run.directory)
    else:
        print_answer(show.run_summary(finished.record, finished.history))
        print(f"{finished.record['status']}: {finished.run.directory}")


def _print_plan(experiment: Experiment) -> None:
    """Print what would be trained, and what may mislead in it."""
    training, data = experiment.training, prepared(experiment)
    print(config.dump(experiment), end="")
    test = f", {data.parts['test'].shape[1]} for the test" if "test" in data.parts else ""
    print(f"# {data.train_SR.shape[1]} training rows, {data.validation_SR.shape[1]} for validation{test}: {data.split}")
    told = data.told()
    for line in filter(None, (class_list(told), left_out(told))):
        print(f"# {line}")
    print(f"# {training.seeds} seeds x {training.epochs} epochs; nothing was trained or written")
    steps = training.epochs * data.steps(training.batch_size, training.drop_last)
    for text in (*told.get("warnings", ()), *cautions.cautions(experiment, steps)):
        print(f"# WARNING  {show.plain(text)}")


def compare(
    arguments: Sequence[str], question: Question, *, seeds: int | None, runs: Path, quiet: bool, as_json: bool
) -> int:
    """Compare the arms named, training those that need it; keep and print the comparison."""
    names, overrides = _sorted_arguments(arguments, seeds)
    refuse_too_few(names)
    fitting = arms.fitting_overrides(names, overrides)
    planned = [arms.plan(name, runs, fitting[name]) for name in names]
    for name in names:
        for override in overrides if not quiet else ():
            if override not in fitting[name]:
                print(f"{show.plain(name)}: {show.plain(override)} does not apply there", file=sys.stderr)
    arms.refuse_twice(planned)
    refuse_impossible(question, arms.known_as(planned), arms.measured(planned, _task_of))
    found = arms.ready(planned, partial(_train_arm, runs=runs, quiet=quiet or as_json))
    document = compare_arms(found, question)
    run = _keep_comparison(runs, found, document)
    if as_json:
        print_json(document)
    elif quiet:
        print(run.directory)
    else:
        print_answer(show.comparison(document))
        print(f"kept: {run.directory}")
    return DIVERGED if any(arm.history.diverged_at for arm in found) else DONE


def _task_of(item: arms.Planned) -> str:
    """Read the data of an arm that is to be trained, so that what is wrong with them shows before any training."""
    assert item.experiment is not None
    assert item.config is not None
    with _line_told(item.config, item.overrides):
        return prepared(item.experiment).task


def _train_arm(item: arms.Planned, *, runs: Path, quiet: bool) -> Finished:
    assert item.experiment is not None
    assert item.config is not None
    if not quiet:
        print(f"training {show.plain(item.name)}: {item.reason}", file=sys.stderr)
    with _line_told(item.config, item.overrides):
        finished = _train(item.experiment, runs, quiet=quiet)
    if finished.interrupted:
        raise StoppedError(f"Interrupted: {finished.run.directory} keeps the epochs so far. Nothing was compared.")
    return finished


def _keep_comparison(runs: Path, found: Sequence[Arm], document: dict[str, Any]) -> store.Run:
    """Write the comparison, the histories behind it and its figures into a directory of its own."""
    with store.new_directory(runs, "-vs-".join(arm.name for arm in found)) as directory:
        histories = {"format": 1, "arms": {arm.name: arm.history.to_json() for arm in found}}
        store.write_json(directory / "histories.json", histories)
        store.write_json(directory / "comparison.json", document)
        run = store.Run(directory)
        figures.draw(run)
    return run


def plot(name: str, *, format: str, out: Path | None, runs: Path) -> int:
    """Redraw the figures of a run, comparison or study and print where they are."""
    run = arms.newest(runs, name) or store.find(runs, name)
    if run is None:
        raise RunError(
            f"No run is called {name!r}; expected a directory, an id or latest. {store.existing(runs, name)}"
        )
    for path in figures.draw(run, format=format, out=out):
        print(path)
    return DONE


def list_runs(runs: Path, *, as_json: bool) -> int:
    """Print all runs, the newest first; a damaged one is named and hides no other."""
    rows = [_row(run) for run in store.runs_in(runs)]
    if as_json:
        print_json(rows)
    else:
        print_answer(show.run_list(rows) if rows else f"There are no runs in {runs}.")
    return DONE


def _row(run: store.Run) -> dict[str, Any]:
    row = {"run": run.id, "kind": run.kind, "status": run.status(), "seeds": "-", "result": "-"}
    try:
        row |= _row_of_kind(run)
    except (RunError, AttributeError, TypeError, KeyError, ValueError):
        row["status"] = "damaged"
    return row


def _row_of_kind(run: store.Run) -> dict[str, Any]:
    match run.kind:
        case "comparison":
            return _verdicts(run)
        case "study":
            return _study_verdict(run)
    return _result(run.record())


def _study_verdict(run: store.Run) -> dict[str, Any]:
    if not (run.directory / "study.json").exists():
        finished = len(list((run.directory / study_plan.CELLS).glob("*.json")))
        return {"result": f"{finished} cells and arms finished"}
    document = store.read_json(run.directory / "study.json")
    return {"seeds": document["seeds"], "result": str(document["verdict"])}


def _result(record: dict[str, Any]) -> dict[str, Any]:
    if "metrics" not in record:
        return {"seeds": record["seeds"]}
    metric = headline(record["metrics"])
    value = number(metric, record["metrics"][metric]["final"])
    return {"seeds": record["seeds"], "result": f"{with_unit(metric)} {value}"}


def _verdicts(run: store.Run) -> dict[str, Any]:
    document = store.read_json(run.directory / "comparison.json")
    words = [contrast["verdict"]["word"] for contrast in document["contrasts"]]
    return {"seeds": len(document["seeds"]), "result": "; ".join(words)}


def list_data(*, as_json: bool) -> int:
    """Print all known data sets and whether they are here."""
    from bnexp.data.catalogue import KNOWN
    from bnexp.data.known import is_here

    rows = [
        {
            "name": one.name, "kind": one.kind, "rows": one.rows, "classes": one.classes, "here": is_here(one),
            "what": one.what, "licence": one.licence, "attribution": one.attribution,
        }
        for one in KNOWN.values()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        print_answer(show.data_list(rows))
    return DONE


def fetch_data(names: Sequence[str]) -> int:
    """Bring the data sets named here, one after the other; print a line for each."""
    from bnexp.data.catalogue import KNOWN
    from bnexp.data.known import bring, is_here

    for name in names:
        if name not in KNOWN:
            raise UserError(f"No data set is called {name!r}. {nearest(name, KNOWN)}")
    for name in names:
        bring(KNOWN[name], partial(_print_step, name))
        print(f"{name}: {'here' if is_here(KNOWN[name]) else 'missing'}")
    return DONE


def _print_step(name: str, step: str) -> None:
    print(f"{name}: {show.plain(step)}", file=sys.stderr)


def print_answer(what: RenderableType) -> None:
    """Print for a person; where stdout is no terminal, wide enough that no row breaks."""
    out = Console(width=None if sys.stdout.isatty() else WIDEST_PIPE, highlight=False)
    out.print(what, soft_wrap=False)


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, allow_nan=False, indent=1))
