"""A comparison by names: each arm is a stored run, or a config that is trained first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bnexp import comparison, config, store
from bnexp.api.experiments import checked, train_one
from bnexp.api.names import RUNS, Name, Names, Overrides, as_list
from bnexp.api.observer import Observer
from bnexp.api.own_networks import OwnNetworks
from bnexp.comparison import Arm, Question, refuse_too_few
from bnexp.comparison.looks import is_over, look_of, tell_of_looks
from bnexp.comparison.question import FIRST_LOOK
from bnexp.config.training import first_seeds
from bnexp.errors import ComparisonError, Problems, StoppedError, counted, work_begun
from bnexp.experiment import comparison_plan, earlier_comparison, resolve
from bnexp.experiment.arm_names import distinctly_named, with_baseline
from bnexp.experiment.config_names import Name as ArmName
from bnexp.experiment.config_names import config_source
from bnexp.experiment.earlier_looks import earlier_looks
from bnexp.experiment.equal_networks import refuse_equal_networks
from bnexp.experiment.prepare import Asked, Checked
from bnexp.experiment.run import Finished
from bnexp.report import figures
from bnexp.report.about_network import network_lines
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import Look
from bnexp.store.plan_document import ComparisonPlan

__all__ = ["Comparison", "Question", "compare", "plan_comparison"]


@dataclass(frozen=True)
class Comparison:
    """A comparison that is kept: its directory, what comparison.json holds, and its arms."""

    run: store.Run
    document: ComparisonDocument
    arms: Sequence[Arm]

    @property
    def diverged(self) -> bool:
        """Return True if a seed of any arm diverged."""
        return any(arm.history.diverged_at for arm in self.arms)


def compare(
    names: Names,
    overrides: Overrides = (),
    question: Question | None = None,
    *,
    data: Name | None = None,
    target: str | None = None,
    arms: Names | None = None,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> Comparison:
    """Compare two arms or more, paired by seed; train those that need it. Each is compared with the last one.

    A name means a config (`bn` for configs/bn.yaml), an experiment, or a run by its directory or id. An override
    is for every arm that has its key. `question` may name the metric that decides, the margin that matters, a value
    to reach, and another baseline. With `question.until_settled`, more seeds are trained until the answer is settled.

    A name may also be a network of your own, `my_net.py:build` or `my_net.keras`. `data` is then a file, a folder or
    the name of a known set, and `target` the column to be learned. The network is compared in several `arms`, such as
    `["batch", "layer", "none"]`. If none are given: as it is written, with layer normalization, and without any.

    Raises:
        UserError: before anything is trained or written, with all that is wrong.
        WorkError: if the work cannot go on.
        StoppedError: if the user stops it.
    """
    own = OwnNetworks(data, target, None if arms is None else as_list(arms))
    work = _begun(
        _Work(as_list(names), as_list(overrides), question or Question(), Path(runs), observer or Observer()), own
    )
    if work.question.looks:
        return _until_settled(work)
    compared, document = _look(work, _designed(work))
    with work_begun(when=bool(work.trained)):
        taken = [look_of(document)]
        tell_of_looks(document, taken, (), earlier_looks(work.runs, compared, document, taken))
        return _kept(work, compared, document)


def plan_comparison(
    names: Names,
    overrides: Overrides = (),
    question: Question | None = None,
    *,
    data: Name | None = None,
    target: str | None = None,
    arms: Names | None = None,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> ComparisonPlan:
    """Check what `compare` would do, and return which arms it would train and which difference it can detect.

    Nothing is trained or written.

    Raises:
        UserError: with all that is wrong.
    """
    own = OwnNetworks(data, target, None if arms is None else as_list(arms))
    work = _begun(
        _Work(as_list(names), as_list(overrides), question or Question(), Path(runs), observer or Observer()), own
    )
    looks = work.question.looks
    design = _designed(work, looks[-1] if looks else None, digests=True)
    design = _of_first(design, looks[-1]) if looks else design
    return comparison_plan.plan(work.runs, design.planned, design.stored, design.checked, design.question)


def _begun(work: _Work, own: OwnNetworks) -> _Work:
    """Return the work with the arms of the user's own networks in their places."""
    return replace(work, names=own.arms_of([str(name) for name in work.names], work.overrides, work.observer))


@dataclass(frozen=True)
class _Work:
    """What is asked of `compare`, and what was trained for it so far."""

    names: Sequence[ArmName]
    overrides: Sequence[str]
    question: Question
    runs: Path
    observer: Observer
    trained: list[Finished] = field(default_factory=list)


def _look(work: _Work, design: _Designed) -> tuple[list[Arm], ComparisonDocument]:
    """Train what is missing, and compare."""
    arms = resolve.trained_arms(design.planned, design.stored, partial(_train, work=work))
    with work_begun(when=bool(work.trained)):
        return arms, comparison.compare(arms, design.question)


def _until_settled(work: _Work) -> Comparison:
    """Look at more and more seeds, and keep the first comparison that settles the question, or the last one."""
    looks, taken, observer = work.question.looks, list[Look](), work.observer
    _designed(work, looks[-1])
    for seeds in looks:
        with work_begun(when=bool(work.trained)):
            design = _designed(replace(work, observer=Observer()), seeds)
        arms, document = _look(work, _of_first(design, seeds))
        taken.append(look_of(document, looks))
        observer.looked(taken[-1], looks)
        if is_over(document):
            break
    with work_begun(when=bool(work.trained)):
        tell_of_looks(document, taken, looks, earlier_looks(work.runs, arms, document, taken))
        return _kept(work, arms, document)


def _of_first(design: _Designed, seeds: int) -> _Designed:
    """Return a comparison whose stored arms have their first seeds alone."""
    stored = {name: replace(arm, history=arm.history.of(first_seeds(seeds))) for name, arm in design.stored.items()}
    return replace(design, stored=stored)


@dataclass(frozen=True)
class _Designed:
    """A comparison that can be made: its question and its arms, stored ones and ones that were checked."""

    question: Question
    planned: Sequence[resolve.Planned]
    stored: Mapping[str, Arm]
    checked: Mapping[str, Checked]


def _designed(work: _Work, seeds: int | None = None, *, digests: bool = False) -> _Designed:
    """Find out what a comparison is of; refuse all that is wrong with it before anything is trained or written.

    `seeds` is how many seeds a look has; without it, the configs say how many. With `digests`, rows have their digest.
    """
    problems, notes = Problems(), list[str]()
    with problems.noted():
        if seeds is not None:
            _refuse_other_seeds(work.overrides)
    with problems.noted():
        refuse_too_few(work.names)
        store.refuse_unwritable(work.runs)
        planned = _planned(work, seeds, notes.append)
        asked = with_baseline(work.question, planned)
        stored = resolve.stored(planned)
        if seeds is not None:
            _refuse_fewer_seeds(stored, seeds)
        checked_arms = _checked(planned, work.observer, digests=digests)
        resolve.refuse_unanswerable(asked, planned, stored, checked_arms)
        refuse_equal_networks(planned, stored, checked_arms)
    problems.refuse()
    for text in notes:
        work.observer.info(text)
    return _Designed(asked, planned, stored, checked_arms)


def _refuse_other_seeds(overrides: Sequence[str]) -> None:
    """Raise ComparisonError if a number of seeds is asked for where the looks decide on it."""
    for override in overrides:
        key, _, seeds = override.partition("=")
        if key == "training.seeds":
            raise ComparisonError(
                f"training.seeds (--seeds) is {seeds}, and --until-settled takes more seeds at each look; expected one "
                f"of the two. Use --max-seeds {seeds} for the last look."
            )


def _refuse_fewer_seeds(stored: Mapping[str, Arm], seeds: int) -> None:
    """Raise ComparisonError if a stored run, which is not trained further, has too few seeds for the last look."""
    problems = Problems()
    for name, arm in stored.items():
        if not set(first_seeds(seeds)).issubset(arm.history.seeds):
            count = len(arm.history.seeds)
            fewer = f", or use --max-seeds {count}" if count >= FIRST_LOOK else ""
            with problems.noted():
                raise ComparisonError(
                    f"{name} is the stored run {arm.run} of {counted(count, 'seed')}; expected {seeds}, the seeds of "
                    f"the last look. Name its config{fewer}."
                )
    problems.refuse()


def _planned(work: _Work, seeds: int | None, note: Callable[[str], None]) -> list[resolve.Planned]:
    """Find out what the names mean; `note` takes which overrides do not apply, and which runs have more seeds."""
    names, observer = work.names, work.observer
    fitting = resolve.fitting_overrides(names, work.overrides)
    of_look = {name: [f"training.seeds={seeds}"] if seeds and config_source(name) else [] for name in names}
    changes = {name: [*fitting[name], *of_look[name]] for name in names}
    planned = resolve.plan_arms(names, work.runs, changes, observer.warn)
    for name in names:
        for override in work.overrides:
            if override not in fitting[name]:
                note(f"{name}: {override} does not apply there")
    resolve.refuse_twice(planned)
    for item in planned:
        if item.run is not None and item.reason and seeds is None:
            note(f"{item.name}: {item.reason}")
    return distinctly_named(planned)


def _checked(planned: Sequence[resolve.Planned], observer: Observer, *, digests: bool) -> dict[str, Checked]:
    """Check all arms that are to be trained, by name."""
    names, asked = [], []
    for item in planned:
        if item.experiment is not None and item.config is not None:
            names.append(item.name)
            asked.append(Asked(item.experiment, partial(config.where, item.config, item.overrides)))
    if not asked:
        return {}
    with_digests = digests or resolve.needs_digests(planned)
    found = dict(zip(names, checked(asked, observer, digests=with_digests), strict=True))
    for name, facts in found.items():
        for line in network_lines(facts.network, name):
            observer.info(line.plain)
        for text in facts.doubts:
            observer.warn(f"{name}: {text}")
    return found


def _train(item: resolve.Planned, *, work: _Work) -> Finished:
    assert item.experiment is not None
    trained = work.trained
    work.observer.info(f"training {item.name}: {item.reason}")
    with work_begun(when=bool(trained)):
        trained.append(train_one(item.experiment, _typed(item, work.question), work.runs, work.observer))
    if trained[-1].interrupted:
        kept = trained[-1].run.directory
        raise StoppedError(f"Interrupted: {kept} keeps the epochs so far. Nothing was compared.")
    return trained[-1]


def _typed(item: resolve.Planned, question: Question) -> list[str]:
    """Return the overrides that the user typed, without the number of seeds of a planned look."""
    return [one for one in item.overrides if not (question.looks and one.startswith("training.seeds="))]


def _kept(work: _Work, arms: Sequence[Arm], document: ComparisonDocument) -> Comparison:
    """Write the comparison, the histories behind it and its figures into a directory of its own.

    If the very same comparison of these runs is stored already, none is written, and `latest` points at that one.
    """
    if (same := earlier_comparison.same_comparison(work.runs, document)) is not None:
        store.point_latest(work.runs, same.directory)
        work.observer.info(f"{same.id} holds this very comparison, so no other is written")
        return Comparison(same, document, arms)
    with store.new_directory(work.runs, "-vs-".join(arm.name for arm in arms)) as directory, work_begun():
        store.write_histories(directory, {arm.name: arm.history for arm in arms})
        store.write_record(directory / "comparison.json", document)
        run = store.Run(directory)
        for text in figures.drawn(run):
            work.observer.warn(text)
    return Comparison(run, document, arms)
