"""Comparisons by name: `compare` and `plan_comparison`. An arm is a stored run, or a config that is trained first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bnexp import comparison, store
from bnexp.api.comparison_design import Design, Work, designed, refuse_alone
from bnexp.api.experiments import train_one
from bnexp.api.given_files import unused_files_removed
from bnexp.api.given_networks import Networks
from bnexp.api.names import RUNS, Arms, Name, NormalizationArm, Overrides, arms_listed, with_keywords
from bnexp.api.observer import Held, Observer, Silent
from bnexp.api.own_networks import OwnNetworks
from bnexp.api.results import Comparison, StoredRun
from bnexp.comparison import Arm, Question
from bnexp.comparison.first_question import JudgedBy
from bnexp.comparison.looks import is_over, look_of, with_looks
from bnexp.comparison.question import asked
from bnexp.config.overrides import seeds_typed
from bnexp.errors import Problems, StoppedError, work_begun
from bnexp.experiment import comparison_plan, earlier_comparison, resolve
from bnexp.experiment.config_names import Name as ArmName
from bnexp.experiment.earlier_looks import Before, known_arms
from bnexp.experiment.run import Finished
from bnexp.report import figures
from bnexp.report.page_part import in_python
from bnexp.store import ComparisonDocument
from bnexp.store.looks import Look
from bnexp.store.plan_document import ComparisonPlan
from bnexp.system.process_state import process_state_kept
from bnexp.system.spelling import spelt

__all__ = ["ComparisonPlan", "Question", "compare", "plan_comparison"]


@process_state_kept()
@unused_files_removed()
def compare(
    names: Networks,
    overrides: Overrides = (),
    *,
    question: Question | None = None,
    metric: str | None = None,
    margin: float | None = None,
    data: Any = None,
    target: str | None = None,
    arms: Arms | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> Comparison:
    """Compare two arms or more, paired by seed; train missing ones. Each arm is compared with the last one.

    A name is a config (`bn` for configs/bn.yaml, or a dict), an experiment, or a run's directory or id. An override
    applies to every arm that has its key. `metric` is the metric that decides, `margin` the smallest difference that
    matters, in the metric's unit: 0.01 of an accuracy is one point. `question` can set both, a value to `reach`,
    another baseline, and `until_settled`, which adds seeds (see `Question`).

    A name may also be a network of your own: a function that returns a `keras.Model`, a `keras.Model`,
    `my_net.py:build` or `my_net.keras`. It is compared in several `arms`, such as `["batch", "layer", "none"]` or
    `[{"name": "batch", "momentum": 0.9}, "batch"]`. The default arms are: as written, with layer normalization, and
    without normalization. If your function has a parameter `normalization`, it receives a function that makes the
    layers. In any other network, the normalization layers are swapped. A single config takes `arms`, too; an arm
    of its own kind keeps its options.

    Your network needs `data`. It may be (x, y), with x of shape (rows, ...) and one number or text for each row in y.
    It may be two of these pairs, as from `keras.datasets`; the second is held out. It may be a DataFrame, with the
    column to be learned as `target`; or a file, a folder, the name of a known set, or a config's `dataset`. Arrays and
    models are kept, so each run can be repeated from the command line. x of rank 2 is a table, of rank 3 sequences, of
    rank 4 images (rows, height, width, channels). `seeds` (20) and `epochs` (50) set the keys of `training`.

        result = bnexp.compare(build, data=(x, y), arms=["batch", "none"], seeds=20, epochs=30)
        result.verdict.word, result.verdict.sentence

    Raises:
        UserError: before anything is trained, with all that is wrong.
        WorkError: if the work cannot go on.
        StoppedError: if the user stops it.
    """
    own = OwnNetworks(data, target, arms_listed(arms), Path(runs))
    work = _begun(names, overrides, asked(question, metric, margin), own, seeds, epochs, observer)
    if work.question.looks:
        return _until_settled(work)
    compared, document = _look(work, designed(work).of_typed(work.overrides))
    with work_begun(when=bool(work.trained)):
        return _stored(work, compared, _with_earlier(work, compared, document, [look_of(document)]))


@process_state_kept()
@unused_files_removed()
def plan_comparison(
    names: Networks,
    overrides: Overrides = (),
    *,
    question: Question | None = None,
    metric: str | None = None,
    margin: float | None = None,
    data: Any = None,
    target: str | None = None,
    arms: Arms | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> ComparisonPlan:
    """Check what `compare` would do, and return which arms it would train and which difference it can detect.

    The arguments are the same as for `compare`. Nothing is trained. Only arrays and models that are given in
    Python are written to files.

    Raises:
        UserError: with all that is wrong.
    """
    own = OwnNetworks(data, target, arms_listed(arms), Path(runs))
    work = _begun(names, overrides, asked(question, metric, margin), own, seeds, epochs, observer)
    looks = work.question.looks
    design = designed(work, looks[-1] if looks else None, digests=True)
    design = design.of_first(looks[-1]) if looks else design.of_typed(work.overrides)
    plan = comparison_plan.plan(work.runs, design.planned, design.stored, design.checked, design.question)
    return in_python(plan)


def _begun(
    names: Networks,
    overrides: Overrides,
    question: Question,
    own: OwnNetworks,
    seeds: int | None,
    epochs: int | None,
    observer: Observer | None,
) -> Work:
    """Return the work, in which each of the user's own networks is replaced by its arms.

    Raises:
        UserError: with all mistakes of the overrides and of the networks. If there are any, all else is checked, too.
    """
    observer, arms, problems = observer or Observer(), list[ArmName](), Problems()
    held = Held(observer)
    changes = with_keywords(overrides, seeds, epochs, problems)
    with problems.noted():
        arms = own.arms_of(names, changes, held)
    if problems.found:
        with problems.noted():
            if arms:
                designed(Work(arms, changes, question, own.runs, held))
            else:
                refuse_alone(own.runs, changes, question)
    problems.refuse()
    if question.baseline is None and len(arms) == len(own.arms or ()):
        held.notes += _other_baseline(own.arms or ())
    return Work(arms, changes, question, own.runs, observer, held.notes)


def _other_baseline(arms: Sequence[NormalizationArm]) -> Iterator[str]:
    """Yield how to make `none` the baseline, if it is among a network's arms and another arm is the last.

    >>> list(_other_baseline(["none", "layer"]))
    ['The baseline is layer, the last arm. To compare each arm with none, name it last: arms=["layer", "none"].']
    >>> list(_other_baseline(["layer", "none"]))
    []
    """
    names = [str(arm.get("name", "arm")) if isinstance(arm, Mapping) else str(arm) for arm in arms]
    if "none" not in names[:-1] or names[-1] == "none":
        return
    last = spelt("arms", [*(name for name in names if name != "none"), "none"])
    example = "" if any(isinstance(arm, Mapping) for arm in arms) else f": {last}"
    yield f"The baseline is {names[-1]}, the last arm. To compare each arm with none, name it last{example}."


def _look(work: Work, design: Design) -> tuple[list[Arm], ComparisonDocument]:
    """Train the arms that are not stored, and compare all arms; return the arms and the comparison."""
    arms = resolve.trained_arms(design.planned, design.stored, partial(_train, work=work))
    with work_begun(when=bool(work.trained)):
        return arms, comparison.compare(arms, design.question)


def _until_settled(work: Work) -> Comparison:
    """Compare with more and more seeds until the question is settled; store and return the last comparison."""
    looks, taken, observer = work.question.looks, list[Look](), work.observer
    designed(work, looks[-1])
    for seeds in looks:
        with work_begun(when=bool(work.trained)):
            design = designed(replace(work, observer=Silent()), seeds)
        arms, document = _look(work, design.of_first(seeds))
        taken.append(look_of(document, looks))
        observer.looked(taken[-1], looks)
        if is_over(document):
            break
    with work_begun(when=bool(work.trained)):
        return _stored(work, arms, _with_earlier(work, arms, document, taken))


def _with_earlier(
    work: Work, arms: Sequence[Arm], document: ComparisonDocument, taken: Sequence[Look]
) -> ComparisonDocument:
    """Return a comparison with its looks, the earlier looks at these arms, and cautions about earlier questions."""
    pairs = [(contrast.arm, contrast.baseline) for contrast in document.contrasts]
    before = Before(work.runs, known_arms(arms), pairs)
    metric, looks = document.primary.metric, work.question.looks
    stored = before.looks(metric, taken, even_later=True)
    document = with_looks(document, taken, looks, before.looks(metric, taken), stored=stored)
    asked, classes = document.asked, document.dataset.classes
    told = before.exploratory(JudgedBy.of(document.primary.metric, asked.margin, asked.about, classes))
    others = before.on_other_rows(metric, taken)
    for contrast in document.contrasts:
        contrast.cautions += [one[contrast.arm] for one in (told, others) if contrast.arm in one]
    return document


def _train(item: resolve.Planned, *, work: Work) -> Finished:
    assert item.experiment is not None
    trained = work.trained
    work.observer.info(f"training {item.name}: {item.reason}")
    with work_begun(when=bool(trained)):
        trained.append(train_one(item.experiment, _typed(item, work.question), work.runs, work.observer, compared=True))
    if trained[-1].interrupted:
        kept = trained[-1].run.directory
        raise StoppedError(f"Interrupted: {kept} keeps the epochs so far. Nothing was compared.")
    for text in trained[-1].record.not_kept:
        work.observer.warn(f"{item.name}: {text}")
    return trained[-1]


def _typed(item: resolve.Planned, question: Question) -> list[str]:
    """Return the overrides without the number of seeds, which a look has set and not the user."""
    return [one for one in item.overrides if not question.looks or seeds_typed([one]) is None]


def _stored(work: Work, arms: Sequence[Arm], document: ComparisonDocument) -> Comparison:
    """Write the comparison, the histories of its arms and its figures into a new directory; return the comparison.

    If the same comparison of these runs is already stored, return that one, and let `latest` point to it.
    """
    if (same := earlier_comparison.same_comparison(work.runs, document)) is not None:
        store.point_latest(work.runs, same.directory)
        work.observer.info(f"{same.id} is the same comparison, so no new one is written")
        return Comparison(StoredRun(same.directory), document, arms)
    with store.new_directory(work.runs, "-vs-".join(arm.name for arm in arms)) as directory, work_begun():
        store.write_histories(directory, {arm.name: arm.history for arm in arms})
        store.write_record(directory / "comparison.json", document)
        run = StoredRun(directory)
        for text in figures.drawn(run):
            work.observer.warn(text)
    return Comparison(run, document, arms)
