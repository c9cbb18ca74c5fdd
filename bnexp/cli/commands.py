"""What each command does, with plain arguments: work, print, and return the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from bnexp import config, store
from bnexp.cli.arguments import config_path, config_paths, sorted_arguments
from bnexp.cli.output import print_answer, print_json, told_in_json, warn
from bnexp.comparison import Arm, Question, refuse_too_few
from bnexp.comparison import compare as compare_arms
from bnexp.config import Experiment
from bnexp.errors import (
    DIVERGED,
    DONE,
    INTERRUPTED,
    Problems,
    RunError,
    StoppedError,
    UserError,
    work_begun,
)
from bnexp.experiment import lookup, resolve
from bnexp.experiment.arm_names import told_apart, with_baseline
from bnexp.experiment.prepare import Asked, Checked, preflight
from bnexp.experiment.run import Finished, train_experiment
from bnexp.experiment.warnings import cautions
from bnexp.report import comparison_table, console, figures, run_list
from bnexp.report.about_data import data_lines
from bnexp.report.progress import Reporter, own_stderr
from bnexp.report.styles import warning
from bnexp.system.terminal import plain


def train(arguments: Sequence[str], *, seeds: int | None, runs: Path, dry_run: bool, quiet: bool, as_json: bool) -> int:
    """Train every config named; return the worst exit code."""
    names, overrides = sorted_arguments(arguments, seeds)
    if not names:
        raise UserError("train was given no config; expected one or more. For example: bnexp train bn")
    asked = _asked(names, overrides, runs)
    checked = _preflight(asked, quiet=quiet or as_json or dry_run)
    if dry_run:
        for one, facts in zip(asked, checked, strict=True):
            _print_plan(one.experiment, facts)
        return DONE
    finished: list[Finished] = []
    with told_in_json(lambda: [one.record.as_json() for one in finished], as_json=as_json):
        for one in asked:
            with work_begun() if finished else nullcontext():
                finished.append(_train(one.experiment, runs, overrides, quiet=quiet or as_json))
            if not as_json:
                _print_run(finished[-1], quiet=quiet)
            if finished[-1].interrupted:
                break
    if as_json:
        records = [one.record.as_json() for one in finished]
        print_json(records[0] if len(asked) == 1 else records)
    return max(_exit_code(one) for one in finished)


def _asked(names: Sequence[str], overrides: Sequence[str], runs: Path) -> list[Asked]:
    """Read the configs; refuse what is wrong with any of them, with the names and with the place, all at once."""
    found: list[Asked] = []
    problems = Problems()
    with problems.noted():
        store.refuse_unwritable(runs)
    with problems.noted():
        config_paths(names, overrides, runs)
    paths = [path for path in map(config_path, names) if os.path.isfile(path)]
    with problems.noted():
        experiments = config.load_all(paths, overrides)
        wheres = [partial(config.where, path, overrides) for path in paths]
        found = [Asked(*pair) for pair in zip(experiments, wheres, strict=True)]
    problems.refuse()
    return found


def _preflight(asked: Sequence[Asked], *, quiet: bool, digests: bool = False) -> list[Checked]:
    """Check all that is to be trained, and say on stderr what takes its time."""
    title = ", ".join(dict.fromkeys(one.experiment.name for one in asked))
    try:
        with own_stderr() as stderr, Reporter(stderr, title, epochs=1, seeds=1, quiet=quiet).live() as reporter:
            return preflight(asked, digests=digests, note=reporter.note)
    except KeyboardInterrupt:
        raise StoppedError("Stopped before anything was trained; nothing is kept.") from None


def _train(experiment: Experiment, runs: Path, overrides: Sequence[str], *, quiet: bool) -> Finished:
    epochs, seeds = experiment.training.epochs, experiment.training.seeds
    try:
        with own_stderr() as stderr:
            reporter = Reporter(stderr, experiment.name, epochs=epochs, seeds=seeds, quiet=quiet)
            with reporter.live():
                watch, note = reporter.watch, reporter.note
                finished = train_experiment(experiment, runs, watch=watch, note=note, overrides=overrides)
                finished.record.not_kept += figures.drawn(finished.run)
                return finished
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
        print_answer(console.run_summary(finished.record, finished.history))
        print(f"{finished.record.status}: {finished.run.directory}")


def _print_plan(experiment: Experiment, checked: Checked) -> None:
    """Print what would be trained, and what may mislead in it."""
    training = experiment.training
    print(config.dump(experiment), end="")
    for line in (
        *data_lines(checked.told),
        *map(warning, cautions(experiment, training.epochs * checked.steps)),
    ):
        print(f"# {line.plain}")
    print(f"# {training.seeds} seeds x {training.epochs} epochs; nothing was trained or written")


def compare(
    arguments: Sequence[str], question: Question, *, seeds: int | None, runs: Path, quiet: bool, as_json: bool
) -> int:
    """Compare the arms named, training those that need it; keep and print the comparison."""
    names, overrides = sorted_arguments(arguments, seeds)
    refuse_too_few(names)
    store.refuse_unwritable(runs)
    fitting = resolve.fitting_overrides(names, overrides)
    planned = resolve.plan_arms(names, runs, fitting, warn)
    for name in names:
        for override in overrides if not quiet else ():
            if override not in fitting[name]:
                print(f"{plain(name)}: {plain(override)} does not apply there", file=sys.stderr)
    resolve.refuse_twice(planned)
    _print_more_seeds(planned, quiet=quiet)
    planned = told_apart(planned)
    question = with_baseline(question, planned)
    stored, trained = resolve.stored(planned), list[Finished]()
    resolve.refuse_unanswerable(question, planned, stored, _checked(planned, quiet=quiet or as_json))
    with told_in_json(lambda: [one.record.as_json() for one in trained], as_json=as_json):
        train = partial(_train_arm, runs=runs, quiet=quiet or as_json, trained=trained)
        found = resolve.ready(planned, stored, train)
        with work_begun() if trained else nullcontext():
            document = compare_arms(found, question)
            run = _keep_comparison(runs, found, document)
    if as_json:
        print_json(document.as_json())
    elif quiet:
        print(run.directory)
    else:
        print_answer(comparison_table.comparison(document))
        print(f"kept: {run.directory}")
    return DIVERGED if any(arm.history.diverged_at for arm in found) else DONE


def _print_more_seeds(planned: Sequence[resolve.Planned], *, quiet: bool) -> None:
    """Name on stderr the stored runs that hold more seeds than were asked for."""
    for item in planned:
        if item.run is not None and item.reason and not quiet:
            print(f"{plain(item.name)}: {plain(item.reason)}", file=sys.stderr)


def _checked(planned: Sequence[resolve.Planned], *, quiet: bool) -> dict[str, Checked]:
    """Check all arms that are to be trained, by name."""
    names, asked = [], []
    for item in planned:
        if item.experiment is not None and item.config is not None:
            names.append(item.name)
            asked.append(Asked(item.experiment, partial(config.where, item.config, item.overrides)))
    if not asked:
        return {}
    facts = _preflight(asked, quiet=quiet, digests=resolve.needs_digests(planned))
    return dict(zip(names, facts, strict=True))


def _train_arm(item: resolve.Planned, *, runs: Path, quiet: bool, trained: list[Finished]) -> Finished:
    assert item.experiment is not None
    if not quiet:
        print(f"training {plain(item.name)}: {item.reason}", file=sys.stderr)
    with work_begun() if trained else nullcontext():
        finished = _train(item.experiment, runs, item.overrides, quiet=quiet)
    trained.append(finished)
    if finished.interrupted:
        raise StoppedError(f"Interrupted: {finished.run.directory} keeps the epochs so far. Nothing was compared.")
    return finished


def _keep_comparison(runs: Path, found: Sequence[Arm], document: store.ComparisonDocument) -> store.Run:
    """Write the comparison, the histories behind it and its figures into a directory of its own."""
    with store.new_directory(runs, "-vs-".join(arm.name for arm in found)) as directory, work_begun():
        histories = {"format": 1, "arms": {arm.name: arm.history.to_json() for arm in found}}
        store.write_json(directory / "histories.json", histories)
        store.write_record(directory / "comparison.json", document)
        run = store.Run(directory)
        for text in figures.drawn(run):
            warn(text)
    return run


def plot(name: str, *, format: str, out: Path | None, runs: Path) -> int:
    """Redraw the figures of a run, comparison or study and print where they are."""
    from bnexp.report.fonts import missing_told, noting_missing

    run = lookup.named(runs, name, warn)
    if run is None:
        raise RunError(
            f"No run is called {name!r}; expected a directory, an id or latest. {store.nearest_runs(runs, name)}"
        )
    with noting_missing() as letters:
        paths = figures.draw(run, format=format, out=out)
    if (state := run.state()).status == "damaged":
        warn(f"{run.id} is damaged ({state.reason.rstrip('.')}). Its figures are drawn from what is left.")
    for path in paths:
        print(plain(path) if sys.stdout.isatty() else path)
    if (told := missing_told(letters)) is not None:
        warn(told)
    return DONE


def list_runs(runs: Path, *, as_json: bool) -> int:
    """Print all runs, the newest first; a damaged one is named with its reason, and hides no other."""
    rows = [run_list.row(run) for run in store.runs_in(runs)]
    if as_json:
        print_json(rows)
    else:
        print(run_list.table(rows) if rows else f"There are no runs in {plain(runs)}.")
    return DONE
