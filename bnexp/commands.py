"""What each command does, with plain arguments: work, print, and give the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from bnexp import arms, cautions, config, store, study_plan
from bnexp.arm_names import told_apart, with_baseline
from bnexp.comparison import Arm, Question, refuse_too_few
from bnexp.comparison import compare as compare_arms
from bnexp.config import Experiment
from bnexp.errors import (
    BAD_INPUT,
    DIVERGED,
    DONE,
    INTERRUPTED,
    WORK_FAILED,
    Problems,
    RunError,
    StoppedError,
    UserError,
    nearest,
    work_begun,
)
from bnexp.experiment import Finished, train_experiment
from bnexp.metrics import headline, number, with_unit
from bnexp.preparing import Asked, Checked, preflight
from bnexp.show import console as show
from bnexp.show import figures
from bnexp.show.progress import Reporter, own_stderr

WIDEST_PIPE = 200
"""Columns for tables where there is no terminal to fit."""


def train(arguments: Sequence[str], *, seeds: int | None, runs: Path, dry_run: bool, quiet: bool, as_json: bool) -> int:
    """Train every config named; give the worst exit code."""
    names, overrides = _sorted_arguments(arguments, seeds)
    if not names:
        raise UserError("train was given no config; expected one or more. For example: bnexp train configs/bn.yaml")
    asked = _asked([config_path(name) for name in names], overrides, runs)
    checked = _preflight(asked, runs, quiet=quiet or as_json or dry_run)
    if dry_run:
        for one, facts in zip(asked, checked, strict=True):
            _print_plan(one.experiment, facts)
        return DONE
    finished: list[Finished] = []
    with told_in_json(lambda: [one.record for one in finished], as_json=as_json):
        for one in asked:
            with work_begun() if finished else nullcontext():
                finished.append(_train(one.experiment, runs, overrides, quiet=quiet or as_json))
            if not as_json:
                _print_run(finished[-1], quiet=quiet)
            if finished[-1].interrupted:
                break
    if as_json:
        records = [one.record for one in finished]
        print_json(records[0] if len(asked) == 1 else records)
    return max(_exit_code(one) for one in finished)


def _asked(paths: Sequence[Path], overrides: Sequence[str], runs: Path) -> list[Asked]:
    """Read the configs; refuse what is wrong with any of them and with the place, all at once."""
    found, problems = [], Problems()
    with problems.noted():
        store.refuse_unwritable(runs)
    for path in paths:
        with problems.noted():
            found.append(Asked(config.load(path, overrides), partial(config.where, path, overrides)))
    problems.refuse()
    return found


def _preflight(asked: Sequence[Asked], runs: Path, *, quiet: bool, digests: bool = False) -> list[Checked]:
    """Check all that is to be trained, and say on stderr what takes its time."""
    title = ", ".join(dict.fromkeys(one.experiment.name for one in asked))
    reporter = Reporter(own_stderr(), title, epochs=1, seeds=1, quiet=quiet)
    try:
        with reporter.live():
            return preflight(asked, runs, digests=digests, note=reporter.note)
    except KeyboardInterrupt:
        raise StoppedError("Stopped before anything was trained; nothing is kept.") from None


@contextmanager
def told_in_json(finished: Callable[[], list[dict[str, Any]]], *, as_json: bool) -> Iterator[None]:
    """Where the work fails half-way, print one JSON document with the error and with what was finished before."""
    try:
        yield
    except Exception as error:
        code = error.exit_code if isinstance(error, UserError) else WORK_FAILED
        if as_json and code != BAD_INPUT:
            told = str(error) if isinstance(error, UserError) else repr(error)
            print_json({"error": {"message": told, "exit_code": code}, "finished": finished()})
        raise


def config_path(name: str) -> Path:
    """Let `bn` stand for configs/bn.yaml, as it does for `compare`."""
    return arms.config_file(name) or Path(name)


def _sorted_arguments(arguments: Sequence[str], seeds: int | None) -> tuple[list[str], list[str]]:
    """Tell names from KEY=VALUE overrides; `--seeds` is one of them."""
    names = [argument for argument in arguments if "=" not in argument or Path(argument).exists()]
    overrides = [argument for argument in arguments if argument not in names]
    return names, overrides + ([f"training.seeds={seeds}"] if seeds is not None else [])


def _train(experiment: Experiment, runs: Path, overrides: Sequence[str], *, quiet: bool) -> Finished:
    epochs, seeds = experiment.training.epochs, experiment.training.seeds
    reporter = Reporter(own_stderr(), experiment.name, epochs=epochs, seeds=seeds, quiet=quiet)
    try:
        with reporter.live():
            watch, note = reporter.watch, reporter.note
            return train_experiment(experiment, runs, watch=watch, note=note, overrides=overrides)
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


def _print_plan(experiment: Experiment, checked: Checked) -> None:
    """Print what would be trained, and what may mislead in it."""
    training, rows = experiment.training, checked.rows
    print(config.dump(experiment), end="")
    test = f", {rows['test']} for the test" if "test" in rows else ""
    print(f"# {rows['train']} training rows, {rows['val']} for validation{test}: {checked.split}")
    print(f"# {training.seeds} seeds x {training.epochs} epochs; nothing was trained or written")
    for text in (*checked.warnings, *cautions.cautions(experiment, training.epochs * checked.steps)):
        print(f"# WARNING  {show.plain(text)}")


def compare(
    arguments: Sequence[str], question: Question, *, seeds: int | None, runs: Path, quiet: bool, as_json: bool
) -> int:
    """Compare the arms named, training those that need it; keep and print the comparison."""
    names, overrides = _sorted_arguments(arguments, seeds)
    refuse_too_few(names)
    store.refuse_unwritable(runs)
    fitting = arms.fitting_overrides(names, overrides)
    planned = arms.plan_all(names, runs, fitting)
    for name in names:
        for override in overrides if not quiet else ():
            if override not in fitting[name]:
                print(f"{show.plain(name)}: {show.plain(override)} does not apply there", file=sys.stderr)
    arms.refuse_twice(planned)
    planned = told_apart(planned)
    question = with_baseline(question, planned)
    stored, trained = arms.stored(planned), list[Finished]()
    arms.refuse_unanswerable(question, planned, stored, _checked(planned, runs, quiet=quiet or as_json))
    with told_in_json(lambda: [one.record for one in trained], as_json=as_json):
        train = partial(_train_arm, runs=runs, quiet=quiet or as_json, trained=trained)
        found = arms.ready(planned, stored, train)
        with work_begun() if trained else nullcontext():
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


def _checked(planned: Sequence[arms.Planned], runs: Path, *, quiet: bool) -> dict[str, Checked]:
    """Check all arms that are to be trained, by name."""
    names, asked = [], []
    for item in planned:
        if item.experiment is not None and item.config is not None:
            names.append(item.name)
            asked.append(Asked(item.experiment, partial(config.where, item.config, item.overrides)))
    if not asked:
        return {}
    facts = _preflight(asked, runs, quiet=quiet, digests=arms.needs_digests(planned))
    return dict(zip(names, facts, strict=True))


def _train_arm(item: arms.Planned, *, runs: Path, quiet: bool, trained: list[Finished]) -> Finished:
    assert item.experiment is not None
    if not quiet:
        print(f"training {show.plain(item.name)}: {item.reason}", file=sys.stderr)
    with work_begun() if trained else nullcontext():
        finished = _train(item.experiment, runs, item.overrides, quiet=quiet)
    trained.append(finished)
    if finished.interrupted:
        raise StoppedError(f"Interrupted: {finished.run.directory} keeps the epochs so far. Nothing was compared.")
    return finished


def _keep_comparison(runs: Path, found: Sequence[Arm], document: dict[str, Any]) -> store.Run:
    """Write the comparison, the histories behind it and its figures into a directory of its own."""
    with store.new_directory(runs, "-vs-".join(arm.name for arm in found)) as directory, work_begun():
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
    row = {"run": run.id, "kind": run.kind, "status": run.status(), "seeds": "-", "result": "-", "overrides": "-"}
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
    changed = " ".join(record.get("overrides", ())) or "-"
    if "metrics" not in record:
        return {"seeds": record["seeds"], "overrides": changed}
    metric = headline(record["metrics"])
    value = number(metric, record["metrics"][metric]["final"])
    return {"seeds": record["seeds"], "result": f"{with_unit(metric)} {value}", "overrides": changed}


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
