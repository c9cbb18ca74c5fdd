"""The same study with fewer seeds, in its own directory. The current study need not train these seeds again.

That directory does not change. Its results are joined with the new seeds' results, in the current study's directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from bnexp import store
from bnexp.config.study import Endpoint, StudyFile
from bnexp.config.training import first_seeds
from bnexp.data.fingerprint import Sources
from bnexp.errors import RunError
from bnexp.held_out import HeldOut
from bnexp.store.records import Record, Seeds
from bnexp.study.digests import digest_of, study_facts, trial_facts
from bnexp.study.grid import tuning_seeds
from bnexp.study.jobs import Trial, trial_path
from bnexp.study.result import Result
from bnexp.study.trial_rows import holds_rows, kept_rows, rows_path, with_computed
from bnexp.study.words import endpoint_name
from bnexp.system.machine import changed_versions


@dataclass(frozen=True)
class EarlierStudy:
    """The same study with fewer seeds."""

    directory: Path
    seeds: tuple[int, ...]
    digests: Mapping[str, str]
    """A trial's digest in the current study -> its digest there."""


@dataclass(frozen=True)
class EarlierResults:
    """Results of earlier studies for trials that are not finished with all seeds."""

    results: Mapping[str, Result] = field(default_factory=dict)
    """Digest of a trial in the current study -> its earlier result, without the values of held-out rows."""
    paths: Mapping[str, Path] = field(default_factory=dict)
    """Digest of a trial in the current study -> the file of its earlier result."""
    not_used: Sequence[str] = ()
    """The reasons why seeds of an earlier study are trained again."""

    def rows(self, digest: str) -> HeldOut | None:
        """Read the values of each held-out row from the earlier result of a trial; None if they are not stored.

        Raises:
            RunError: if the file is missing or damaged.
        """
        return kept_rows(self.paths[digest], self.results[digest])


def of_this_name(runs: Path, name: str) -> Iterator[Path]:
    """Yield the directories of all studies of this name."""
    own = re.compile(re.escape(store.slug(name)) + r"-study-[0-9a-f]{10}")
    yield from (path for path in sorted(runs.glob("*-study-*")) if own.fullmatch(path.name))


def directory_name(name: str, digest: str) -> str:
    """Return the name of the directory that keeps a study."""
    return f"{store.slug(name)}-study-{digest[:10]}"


def earlier_studies(file: StudyFile, trials: Sequence[Trial], sources: Sources, runs: Path) -> list[EarlierStudy]:
    """Return the earlier studies that are the same with fewer seeds, the one with the most seeds first.

    A study that was tuned on other seeds is not the same.
    """
    found = []
    for path in of_this_name(runs, file.study.name):
        count = _number_of_seeds(path)
        study = file.study.model_copy(update={"seeds": count})
        if not 0 < count < file.study.seeds or tuning_seeds(study) != tuning_seeds(file.study):
            continue
        if path.name == directory_name(study.name, digest_of(study_facts(file), study)):
            digests = {trial.digest: digest_of(trial_facts(trial.candidates, sources), study) for trial in trials}
            found.append(EarlierStudy(path, first_seeds(count), digests))
    return sorted(found, key=lambda one: -len(one.seeds))


class _Kept(Record):
    """The seeds in a trial's file."""

    seeds: Seeds


def _number_of_seeds(directory: Path) -> int:
    """Return the number of seeds of a directory's study, from its first trial that can be read; 0 if there is none."""
    for path in sorted((directory / store.CELLS).glob("*.json")):
        try:
            return len(store.read_head(path, _Kept).seeds)
        except RunError:
            continue
    return 0


def earlier_results(
    file: StudyFile, trials: Sequence[Trial], earlier: Sequence[EarlierStudy], asked: Sequence[Endpoint]
) -> EarlierResults:
    """Read the results of these trials from earlier studies, each from the usable one with the most seeds.

    They must hold what the endpoints ask for.
    """
    results, paths = dict[str, Result](), dict[str, Path]()
    not_used: dict[str, None] = {}
    for study in earlier:
        for trial in trials:
            result = None if trial.digest in results else _read(study, trial)
            if result is None:
                continue
            path = _path(study, trial)
            holds = holds_rows(path, result)
            result = with_computed(path, result, asked) if holds else result
            if why := "; ".join(_obstacles(file, path, result, asked, holds=holds)):
                not_used[f"the training of {study.directory.name} cannot be used: {why}"] = None
            else:
                results[trial.digest], paths[trial.digest] = result, path
    return EarlierResults(results, paths, list(not_used))


def _obstacles(file: StudyFile, path: Path, result: Result, asked: Sequence[Endpoint], *, holds: bool) -> Iterator[str]:
    """Yield why an earlier result cannot be joined with seeds that are trained now. `holds`: it has all its rows.

    The worker that trains them compares the GPU, too (`work`).
    """
    if holds and (lacking := [one for one in asked if not result.answers([one])]):
        yield f"it did not keep {', '.join(map(endpoint_name, lacking))}"
    if not result.is_tuned_by(file.study.tune):
        yield "it was tuned in another way"
    if not holds:
        yield f"{store.CELLS}/{rows_path(path).name} is missing or damaged"
    yield from changed_versions(result.versions)


def _read(study: EarlierStudy, trial: Trial) -> Result | None:
    """Read an earlier study's result of a trial, with a note where seeds were trained; None if it is not complete."""
    try:
        result = Result.model_validate_json(store.content(_path(study, trial)))
    except (RunError, ValidationError):
        return None
    if (result.trial, result.seeds) != (study.digests[trial.digest], study.seeds):
        return None
    before = {seed for seeds in result.trained_in.values() for seed in seeds}
    own = tuple(seed for seed in result.seeds if seed not in before)
    trained_in = {**result.trained_in, study.directory.name: own}
    return result.model_copy(update={"trained_in": trained_in})


def _path(study: EarlierStudy, trial: Trial) -> Path:
    """Return the file of a trial in an earlier study."""
    return trial_path(study.directory, study.digests[trial.digest])
