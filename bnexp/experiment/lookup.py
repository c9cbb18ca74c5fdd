"""Which stored run a name means: an experiment's newest finished run, or a directory by its name or path."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from bnexp import config, store
from bnexp.checkpoint import Head
from bnexp.comparison import error_unit_of
from bnexp.config import Experiment
from bnexp.errors import RunError, UserError, counted
from bnexp.experiment.own_files import OwnFiles, own_files
from bnexp.store.records import Seeds
from bnexp.system.listeners import Warn


def finished(runs: Path) -> Iterator[tuple[store.Run, store.RunHead]]:
    """Yield all finished runs, the newest first."""
    for run in store.runs_in(runs):
        state = run.state()
        if state.kind == "run" and state.status == "finished" and isinstance(state.head, store.RunHead):
            yield run, state.head


def whole(runs: Path, experiment: Experiment) -> Iterator[tuple[store.Run, Seeds]]:
    """Yield the finished runs of a config that hold all its seeds, the newest first, each with its seeds."""
    return _of_config(runs, experiment, set(experiment.training.all_seeds()).issubset)


def answering(runs: Path, experiment: Experiment) -> tuple[store.Run, Seeds] | None:
    """Find the newest finished run of a config that holds all its seeds and, if the config keeps rows, rows.npz.

    Return the run and its seeds; None if there is none.
    """
    return next((found for found in whole(runs, experiment) if not lacks_rows(found[0], experiment)), None)


def lacks_rows(run: store.Run, experiment: Experiment) -> bool:
    """Return True if a run lacks rows.npz, although the config keeps rows and they are not too large.

    The file was deleted, or the run did not keep rows, or an older bnexp trained it, which kept none.
    """
    if not experiment.training.keep_rows or (run.directory / store.ROWS).exists():
        return False
    try:
        return not any(text.startswith(store.MEASURES_NOT_KEPT) for text in run.record().not_kept)
    except RunError:  # reading the run later reports why
        return False


def with_fewer_seeds(runs: Path, experiment: Experiment) -> list[tuple[store.Run, Seeds]]:
    """List the finished runs of a config that hold its first seeds, the most seeds first.

    Each run comes with those seeds of the config that it holds, up to the first gap. The list is empty if a run holds
    all seeds and lacks no rows.
    """
    asked = experiment.training.all_seeds()
    found = [
        (run, tuple(itertools.takewhile(set(seeds).__contains__, asked)))
        for run, seeds in _of_config(runs, experiment, lambda seeds: asked[0] in seeds)
    ]
    if any(seeds == asked and not lacks_rows(run, experiment) for run, seeds in found):
        return []
    return sorted((pair for pair in found if pair[1] != asked), key=lambda pair: -len(pair[1]))


def _of_config(runs: Path, experiment: Experiment, fits: Callable[[Seeds], bool]) -> Iterator[tuple[store.Run, Seeds]]:
    """Yield the finished runs of a config for whose seeds `fits` is true, the newest first.

    The user's own files must have the same contents as when the run was trained.
    """
    is_of_config, files = of_config(experiment), cache(partial(own_files, experiment))
    for run, head in finished(runs):
        if (
            head.name == experiment.name
            and head.seeds is not None
            and fits(head.seeds)
            and is_of_config(head)
            and is_of(run, files())
            and not has_older_unit(run, experiment)
        ):
            yield run, head.seeds


def of_config(experiment: Experiment) -> Callable[[store.RunHead], bool]:
    """Return a function that returns True for a run of a config.

    The digest in older runs includes their number of seeds.
    """
    digest, former_digest = config.digest(experiment), cache(partial(config.former_digest, experiment))
    return lambda head: head.config_digest in (digest, former_digest(len(head.seeds or ())))


def is_of(run: store.Run, files: OwnFiles) -> bool:
    """Return True if a run has read files with these sha256. A damaged record counts as other files."""
    return files_of(run) == files


def files_of(run: store.Run) -> OwnFiles | None:
    """Return the sha256 of the user's own files that a run has read; None if its record is damaged."""
    try:
        record = run.record()
    except RunError:
        return None
    return OwnFiles(record.dataset.source_sha256, record.network.sha256 if record.network else None)


def has_older_unit(run: store.Run, experiment: Experiment) -> bool:
    """Return True if an older bnexp measured mae and mse of a scaled target in standard deviations."""
    try:
        return error_unit_of(experiment, run.record().dataset) not in (None, "target")
    except RunError:
        return False


def resumable(runs: Path, experiment: Experiment) -> tuple[store.Run, Head] | None:
    """Find the newest interrupted run of a config that can continue and has the config's seeds, or some of them.

    A run is skipped if a newer run has finished all its seeds. Return the run and the head of its checkpoint; None if
    there is none.
    """
    asked, is_of_config = experiment.training.all_seeds(), of_config(experiment)
    finished_seeds: list[set[int]] = []
    for run in store.runs_in(runs):
        if run.stem != store.slug(experiment.name):  # checked before any file is read: there may be thousands of runs
            continue
        state = run.state()
        found = state.head
        if not isinstance(found, store.RunHead) or found.name != experiment.name or not is_of_config(found):
            continue
        seeds = set(found.seeds or ())
        if state.status == "finished":
            finished_seeds.append(seeds)
        if any(map(set(asked).issubset, finished_seeds)):
            return None
        is_wanted = state.status == "interrupted" and seeds <= set(asked)
        if is_wanted and not any(map(seeds.issubset, finished_seeds)) and (head := run.checkpoint()) is not None:
            return (run, head) if is_of(run, own_files(experiment)) else None
    return None


def offer(runs: Path, experiment: Experiment, *, compared: bool = False) -> str | None:
    """Return how an interrupted run of the same config goes on; None if there is none.

    `compared` is True if the experiment is an arm of a comparison, which comes after it.
    """
    if (stopped := resumable(runs, experiment)) is None:
        return None
    run, head = stopped
    seeds = experiment.training.seeds
    left = seeds - head.seeds
    text = f"{experiment.name}: an interrupted run of this config is at {head.place}"
    if not left and not compared:
        return f"{text}; it is trained anew. To go on instead: {run.going_on}"
    if not left:
        return f"{text}; it is trained anew. To go on instead: first `{run.going_on}`, then the same again."
    return (
        f"{text}, with {head.seeds:,} of the {seeds:,} seeds, which are trained anew. To keep them: "
        f"first `{run.going_on}`, then the same again, which trains only the {counted(left, 'missing seed')}."
    )


def newest(runs: Path, name: str) -> store.Run | None:
    """Find the newest finished run of the experiment with this name; None if there is none."""
    return _newest(runs, name)[0]


def damage(runs: Path, name: str) -> list[str]:
    """List the damaged runs of an experiment that are newer than its newest finished one, each with the reason."""
    return _newest(runs, name)[1]


def _newest(runs: Path, name: str) -> tuple[store.Run | None, list[str]]:
    damaged: list[str] = []
    for run in store.runs_in(runs):
        state = run.state()
        if state.kind != "run" or not _is_called(run, state, name):
            continue
        if state.status == "finished":
            return run, damaged
        if state.status == "damaged":
            damaged.append(f"{run.id} is damaged ({state.reason.rstrip('.')})")
    return None, damaged


def _is_called(run: store.Run, state: store.State, name: str) -> bool:
    """Return True for a run of the experiment with this name; if no record can be read, the directory's name counts."""
    if isinstance(state.head, store.RunHead):
        return state.head.name == name
    return state.status == "damaged" and run.stem == store.slug(name)


def named(runs: Path, name: str, warn: Warn = lambda text: None) -> store.Run | None:
    """Find the run that a name means; None if nothing has this name.

    `warn` is called for damaged runs of an experiment that are skipped, and for its older runs with other settings.

    Raises:
        RunError: if the name means several runs, or an experiment whose finished runs are all damaged.
    """
    run, damaged = _newest(runs, name)
    own = next((one for one in store.runs_in(runs) if one.id == name), None)
    if run is not None and own is not None and own != run:
        raise RunError(
            f"{name!r} is the name of an experiment and of the directory {own.directory}; expected a name with one "
            f"meaning. Name {own.directory}, or {run.id} for the experiment's newest run."
        )
    if run is None and own is None and damaged:
        raise RunError(f"{name} has no finished run: {'; '.join(damaged)}. Name another, or train it again.")
    if run is None:
        return store.find(runs, name)
    for text in damaged:
        warn(f"{text}; the newest finished run of {name} is used: {run.id}.")
    if run != own and (keys := _keys_that_differ(runs, run)):
        warn(f"{run.id} is used, the newest finished run of {name}; older ones differ in {', '.join(keys)}.")
    return run


def _keys_that_differ(runs: Path, newest: store.Run) -> list[str]:
    """List the keys, without the seeds, in which other finished runs of an experiment differ from its newest one."""
    found: dict[str, None] = {}
    heads = [(run, head) for run, head in finished(runs) if head.name == _name_of(newest)]
    digests = {head.config_digest: run for run, head in reversed(heads)}  # the newest run of each config
    for run in digests.values():
        with suppress(UserError):  # a config that cannot be read hides no other one
            found |= dict.fromkeys(config.differences(config.load(run.config), config.load(newest.config)))
    found.pop("training.seeds", None)
    return list(found)


def _name_of(run: store.Run) -> str | None:
    head = run.state().head
    return head.name if isinstance(head, store.RunHead) else None
