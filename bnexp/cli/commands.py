"""The work of `train`, `check`, `compare`, `plot` and `runs`: call the API, print, and return the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypedDict

from bnexp import config
from bnexp.api import comparisons, experiments, stored
from bnexp.api.experiments import CheckedExperiment
from bnexp.api.progress import Progress
from bnexp.cli.arguments import sorted_arguments
from bnexp.cli.output import print_answer, print_json, working
from bnexp.cli.terminal import RunTables
from bnexp.comparison import Question
from bnexp.errors import DIVERGED, DONE, INTERRUPTED
from bnexp.experiment.run import Finished
from bnexp.report import check_table, comparison_table, plan_table, run_list
from bnexp.report.about_data import data_lines
from bnexp.report.about_network import network_lines
from bnexp.report.styles import warning
from bnexp.system.terminal import plain


class Own(TypedDict):
    """The options for networks of the user's own (`api.own_networks`)."""

    data: str | None
    target: str | None
    arms: list[str] | None


class Numbers(TypedDict):
    """The options that set a key of `training`; None leaves it as the config has it."""

    seeds: int | None
    epochs: int | None


NONE_OWN: Own = {"data": None, "target": None, "arms": None}


def train(
    arguments: Sequence[str],
    *,
    own: Own = NONE_OWN,
    seeds: int | None,
    epochs: int | None = None,
    runs: Path,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    resume: str | None = None,
) -> int:
    """Train every named config, or the rest of an interrupted run; return the highest exit code."""
    names, overrides = sorted_arguments(arguments)
    numbers: Numbers = {"seeds": seeds, "epochs": epochs}
    if dry_run:
        return _check(
            names, overrides, own=own, numbers=numbers, runs=runs, resume=resume, quiet=quiet, as_json=as_json
        )
    terminal = RunTables(quiet=quiet, as_json=as_json)
    with working(lambda: [one.record.as_json() for one in terminal.finished], as_json=as_json):
        finished = experiments.train(names, overrides, **own, **numbers, runs=runs, resume=resume, observer=terminal)
    if as_json:
        _print_each([one.record.as_json() for one in finished], names)
    return max(_exit_code(one) for one in finished)


def _check(
    names: Sequence[str],
    overrides: Sequence[str],
    *,
    own: Own,
    numbers: Numbers,
    runs: Path,
    resume: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Check every named config, and print what would be trained. With `quiet`, print nothing, as nothing is stored."""
    with working(list, as_json=as_json):
        checked = experiments.check(
            names, overrides, **own, **numbers, runs=runs, resume=resume, observer=Progress(quiet=True)
        )
    if as_json:
        _print_each([one.as_json() for one in checked], names)
    elif not quiet:
        for one in checked:
            _print_plan(one)
    return DONE


def _print_each(documents: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Print one JSON document: the single document, or a list if several configs are named."""
    print_json(documents[0] if len(names) <= 1 and len(documents) == 1 else documents)


def _exit_code(finished: Finished) -> int:
    if finished.interrupted:
        return INTERRUPTED
    return DIVERGED if finished.history.diverged_at else DONE


def _print_plan(checked: CheckedExperiment) -> None:
    """Print the config that would be trained, with its data, network, warnings and plan as comments."""
    print(config.dump(checked.experiment), end="")
    facts = checked.facts
    told = [*data_lines(facts.data, measured=checked.experiment.training.metrics)]
    told += [*network_lines(facts.network), *map(warning, checked.warnings)]
    told += plan_table.experiment_plan(checked.experiment, checked.seeds, checked.goes_on_at)
    for line in told:
        print(f"# {line.plain}")


def check(
    arguments: Sequence[str],
    *,
    own: Own = NONE_OWN,
    seeds: int | None,
    epochs: int | None,
    runs: Path,
    as_json: bool,
) -> int:
    """Check every named config; print it with its data, its network, and the memory and time of its training.

    Each is printed once its first steps are timed, because several configs can take minutes.
    """
    names, overrides = sorted_arguments(arguments)
    numbers: Numbers = {"seeds": seeds, "epochs": epochs}
    with working(list, as_json=as_json):
        checked = experiments.check(names, overrides, **own, **numbers, runs=runs, observer=Progress(quiet=True))
    found: list[dict[str, Any]] = []
    for one in checked:
        with working(lambda: found, as_json=as_json):
            more = experiments.inspect(one)
        found.append({**one.as_json(), **more.as_json()})
        if not as_json:
            print(config.dump(one.experiment))
            plan = plan_table.experiment_plan(one.experiment, one.seeds, one.goes_on_at)
            measured = one.experiment.training.metrics
            print_answer(check_table.check_table(one.facts, more, plan, one.warnings, measured=measured))
    if as_json:
        _print_each(found, names)
    return DONE


def compare(
    arguments: Sequence[str],
    question: Question,
    *,
    own: Own = NONE_OWN,
    seeds: int | None,
    epochs: int | None = None,
    runs: Path,
    dry_run: bool = False,
    quiet: bool,
    as_json: bool,
) -> int:
    """Compare the named arms, and train missing ones; store and print the comparison."""
    names, overrides = sorted_arguments(arguments)
    numbers: Numbers = {"seeds": seeds, "epochs": epochs}
    if dry_run:
        return _plan_comparison(
            names, overrides, question, own=own, numbers=numbers, runs=runs, quiet=quiet, as_json=as_json
        )
    progress = Progress(quiet=quiet or as_json)
    with working(lambda: [one.record.as_json() for one in progress.finished], as_json=as_json):
        found = comparisons.compare(names, overrides, question=question, **own, **numbers, runs=runs, observer=progress)
    if as_json:
        print_json(found.document.as_json())
    elif quiet:
        print(found.run.directory)
    else:
        print_answer(comparison_table.comparison(found.document))
        print(f"kept: {found.run.directory}")
    return DIVERGED if found.diverged else DONE


def _plan_comparison(
    names: Sequence[str],
    overrides: Sequence[str],
    question: Question,
    *,
    own: Own,
    numbers: Numbers,
    runs: Path,
    quiet: bool,
    as_json: bool,
) -> int:
    """Check the named arms; print which would be trained and the detectable difference, or nothing if `quiet`."""
    with working(list, as_json=as_json):
        found = comparisons.plan_comparison(
            names, overrides, question=question, **own, **numbers, runs=runs, observer=Progress(quiet=quiet or as_json)
        )
    if as_json:
        print_json(found.as_json())
    elif not quiet:
        print_answer(plan_table.comparison_plan(found))
    return DONE


def plot(name: str, *, format: Literal["png", "svg", "pdf"], out: Path | None, runs: Path) -> int:
    """Redraw the figures of a run, comparison or study, and print the paths of the files."""
    for path in stored.plot(name, format=format, out=out, runs=runs, observer=Progress(quiet=False)):
        print(plain(path) if sys.stdout.isatty() else path)
    return DONE


def list_runs(runs: Path, *, as_json: bool) -> int:
    """Print all runs, the newest first. A damaged run is listed with the reason."""
    rows = [run_list.row(run) for run in stored.list_runs(runs=runs)]
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        print(run_list.table(rows) if rows else f"There are no runs in {plain(runs)}.")
    return DONE
