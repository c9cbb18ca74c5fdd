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

from bnexp import arms, cautions, config, store
from bnexp.arguments import config_paths, sorted_arguments
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
from bnexp.preparing import prepared
from bnexp.show import console as show
from bnexp.show import figures, run_list
from bnexp.show.about_data import class_list, left_out
from bnexp.show.progress import Reporter, own_stderr
from bnexp.terminal import plain

UNWRAPPED = 2**20
"""Columns where there is no terminal to fit: no line breaks, whoever searches it finds whole sentences."""


def train(arguments: Sequence[str], *, seeds: int | None, runs: Path, dry_run: bool, quiet: bool, as_json: bool) -> int:
    """Train every config named; give the worst exit code."""
    names, overrides = sorted_arguments(arguments, seeds)
    if not names:
        raise UserError("train was given no config; expected one or more. For example: bnexp train configs/bn.yaml")
    paths = config_paths(names, overrides, runs)
    experiments = config.load_all(paths, overrides)
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


@contextmanager
def _line_told(path: Path, overrides: Sequence[str]) -> Iterator[None]:
    """Add file and line to a mistake that shows itself only when the data are drawn or the model is built."""
    try:
        yield
    except SettingError as error:
        lines = [f"{config.where(path, overrides, key)}: {key} {text}" for key, text in error.problems]
        raise ConfigError(lines) from error


def _train(experiment: Experiment, runs: Path, *, quiet: bool) -> Finished:
    epochs, seeds = experiment.training.epochs, experiment.training.seeds
    reporter = Reporter(own_stderr(), experiment.name, epochs=epochs, seeds=seeds, quiet=quiet)
    try:
        with reporter.live():
            return train_experiment(experiment, runs, watch=reporter.watch, note=reporter.note)
    except KeyboardInterrupt:
        raise StoppedError(f"Stopped at once. `bnexp runs` lists what is kept of {experiment.name}.") from None


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
        print(f"# WARNING  {plain(text)}")


def compare(
    arguments: Sequence[str], question: Question, *, seeds: int | None, runs: Path, quiet: bool, as_json: bool
) -> int:
    """Compare the arms named, training those that need it; keep and print the comparison."""
    names, overrides = sorted_arguments(arguments, seeds)
    refuse_too_few(names)
    fitting = arms.fitting_overrides(names, overrides)
    planned = arms.plan_all(names, runs, fitting)
    for name in names:
        for override in overrides if not quiet else ():
            if override not in fitting[name]:
                print(f"{plain(name)}: {plain(override)} does not apply there", file=sys.stderr)
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
        print(f"training {plain(item.name)}: {item.reason}", file=sys.stderr)
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
        for text in figures.drawn(run):
            print(f"WARNING  {plain(text)}", file=sys.stderr)
    return run


def plot(name: str, *, format: str, out: Path | None, runs: Path) -> int:
    """Redraw the figures of a run, comparison or study and print where they are."""
    from bnexp.show.fonts import missing_told, noting_missing

    run = arms.newest(runs, name) or store.find(runs, name)
    if run is None:
        raise RunError(
            f"No run is called {name!r}; expected a directory, an id or latest. {store.existing(runs, name)}"
        )
    with noting_missing() as letters:
        paths = figures.draw(run, format=format, out=out)
    for path in paths:
        print(plain(path) if sys.stdout.isatty() else path)
    if (told := missing_told(letters)) is not None:
        print(f"WARNING  {told}", file=sys.stderr)
    return DONE


def list_runs(runs: Path, *, as_json: bool) -> int:
    """Print all runs, the newest first; a damaged one is named with its reason, and hides no other."""
    rows = [run_list.row(run) for run in store.runs_in(runs)]
    if as_json:
        print_json(rows)
    else:
        print(run_list.table(rows) if rows else f"There are no runs in {plain(runs)}.")
    return DONE


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
    print(f"{name}: {plain(step)}", file=sys.stderr)


def print_answer(what: RenderableType) -> None:
    """Print for a person; lines are wrapped in a terminal only."""
    Console(width=None if sys.stdout.isatty() else UNWRAPPED, highlight=False).print(what)


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, allow_nan=False, indent=1))
