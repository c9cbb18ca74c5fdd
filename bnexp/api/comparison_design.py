"""The design of a comparison: its question and its arms, checked before anything is trained or written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bnexp import config, store
from bnexp.api.experiments import checked
from bnexp.api.observer import Held, Observer
from bnexp.api.seed_counts import refuse_fewer_seeds, refuse_other_seeds, typed_seeds
from bnexp.comparison import Arm, Question, refuse_impossible_alone, refuse_too_few
from bnexp.config.training import first_seeds
from bnexp.errors import Problems
from bnexp.experiment import resolve
from bnexp.experiment.arm_names import distinctly_named, with_baseline
from bnexp.experiment.config_names import Name as ArmName
from bnexp.experiment.config_names import config_source
from bnexp.experiment.own_arms import refuse_unfit_arms
from bnexp.experiment.prepare import Checked, ToTrain
from bnexp.experiment.run import Finished
from bnexp.metrics import HEADLINES
from bnexp.report.about_data import imbalance
from bnexp.report.about_network import arms_lines, one_by_one_lines
from bnexp.report.styles import of_arms


@dataclass(frozen=True)
class Work:
    """The arguments of one call of `compare`, and the runs that it has trained so far."""

    names: Sequence[ArmName]
    overrides: Sequence[str]
    question: Question
    runs: Path
    observer: Observer
    notes: Sequence[str] = ()
    """Notes on how the arms were chosen, which `designed` tells once nothing is refused."""
    trained: list[Finished] = field(default_factory=list)


@dataclass(frozen=True)
class Design:
    """A checked comparison: its question, its arms, the arms that are stored, and the checks of the arms to train."""

    question: Question
    planned: Sequence[resolve.Planned]
    stored: Mapping[str, Arm]
    checked: Mapping[str, Checked]

    def of_first(self, seeds: int) -> Design:
        """Return the design with only the first seeds of each stored arm. `seeds` is their number."""
        stored = {name: replace(arm, history=arm.history.of(first_seeds(seeds))) for name, arm in self.stored.items()}
        return replace(self, stored=stored)

    def of_typed(self, overrides: Sequence[str]) -> Design:
        """Return the design with only as many seeds of each stored arm as the overrides ask for; all if they do not."""
        return replace(self, stored=typed_seeds(self.stored, overrides))


def designed(work: Work, seeds: int | None = None, *, digests: bool = False) -> Design:
    """Return the checked design of a comparison. Nothing is trained or written.

    `seeds` is the number of seeds of a look. If None, the configs set the number. With `digests`, the checks of the
    arms include digests of the rows.

    Raises:
        UserError: with all that is wrong with the comparison.
    """
    problems, notes, checked_arms, held = Problems(), list[str](), None, Held(work.observer)
    with problems.noted():
        if seeds is not None:
            refuse_other_seeds(work.overrides)
    with problems.noted():
        refuse_too_few(work.names)
    with problems.noted():
        store.refuse_unwritable(work.runs)
        planned = _planned(work, seeds, notes.append)
        question = with_baseline(work.question, planned)
        stored = resolve.stored(planned)
        if seeds is not None:
            refuse_fewer_seeds(stored, seeds)
        checked_arms = _checked(planned, held, digests=digests)
    with problems.noted():
        if checked_arms is None:
            refuse_impossible_alone(work.question)
        else:
            resolve.refuse_unanswerable(question, planned, stored, checked_arms)
            refuse_unfit_arms(planned, stored, checked_arms)
    problems.refuse()
    assert checked_arms is not None
    for text in (*work.notes, *held.notes, *notes):
        work.observer.info(text)
    of_data = [imbalance(one.data, question.metric or HEADLINES[0]) for one in checked_arms.values() if not digests]
    for text in filter(None, dict.fromkeys([*of_data, *held.warnings])):
        work.observer.warn(text)
    return Design(question, planned, stored, checked_arms)


def refuse_alone(runs: Path, overrides: Sequence[str], question: Question) -> None:
    """Raise UserError with all that is wrong with a comparison whose arms are not known."""
    problems = Problems()
    with problems.noted():
        if question.looks:
            refuse_other_seeds(overrides)
    with problems.noted():
        store.refuse_unwritable(runs)
    with problems.noted():
        refuse_impossible_alone(question)
    problems.refuse()


def _planned(work: Work, seeds: int | None, note: Callable[[str], None]) -> list[resolve.Planned]:
    """Return what each name means. `note` is called for overrides that do not apply and for runs with more seeds."""
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
    """Check all arms that are to be trained; return the result of each by its name."""
    names, asked = [], []
    for item in planned:
        if item.experiment is not None and item.config is not None:
            names.append(item.name)
            asked.append(ToTrain(item.experiment, partial(config.where, item.config, item.overrides)))
    if not asked:
        return {}
    with_digests = digests or resolve.needs_digests(planned)
    found = dict(zip(names, checked(asked, observer, digests=with_digests), strict=True))
    if not digests:  # a plan, which asks for digests, lists the networks and the warnings itself
        slow = one_by_one_lines([(name, facts.one_by_one) for name, facts in found.items()])
        for line in (*arms_lines([(name, facts.network) for name, facts in found.items()]), *slow):
            observer.info(line.plain)
        for text in of_arms((name, text) for name, facts in found.items() for text in facts.doubts):
            observer.warn(text)
    return found
