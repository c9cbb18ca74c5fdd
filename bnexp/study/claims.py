"""Puts claims to the test: runs studies one after the other and keeps their answers, on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from bnexp import store
from bnexp.errors import ConfigError, RunError, UntrainedError, UserError, nearest
from bnexp.executors import Workers
from bnexp.experiment.resolve import STUDIES, no_studies
from bnexp.study import Result, plan, run
from bnexp.study.plan import Plan
from bnexp.study.words import about, effect


class Observer(Protocol):
    """Hears how a study goes."""

    def show(self, facts: Mapping[str, Any]) -> None:
        """Show the plan of the study that is about to run."""

    def tell(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Report a cell and arm that has just been finished."""


@dataclass(frozen=True)
class Answer:
    """The answer of a study: its plan and the document of study.json, or why there is none of either."""

    path: Path
    planned: Plan | None = None
    document: dict[str, Any] | None = None
    failure: str = ""

    @property
    def name(self) -> str:
        """Return the study's name, or that of its file."""
        return self.path.stem if self.planned is None else self.planned.file.study.name

    @property
    def seconds(self) -> float:
        """Count the seconds of training so far, of all workers."""
        return sum(result.seconds for result in plan.finished(self.planned).values()) if self.planned else 0.0


def find_studies(names: Sequence[str]) -> list[Path]:
    """Return the studies of these names, in this order; all that lie in configs/studies if there are none.

    A name is `tutorial`, or `studies/tutorial` as `train` and `compare` spell what lies in configs/, or a file.

    Raises:
        UserError: if there is no study of this name, or none at all.
    """
    known = {path.stem: path for path in sorted(STUDIES.glob("*.yaml"))}
    if not names and not known:
        raise UserError(no_studies())
    found = []
    for name in names or known:
        path = known.get(name.removeprefix(f"{STUDIES.name}/"), Path(name))
        if path.suffix not in (".yaml", ".yml"):
            hint = f"{nearest(name, known)} Or give a .yaml file." if known else no_studies()
            raise UserError(f"No study is called {name!r}. {hint}")
        found.append(path)
    return list(dict.fromkeys(found))


def plan_studies(paths: Sequence[Path], runs: Path) -> list[Answer]:
    """Plan the studies; one that cannot be run, such as for want of its data, says why.

    Raises:
        ConfigError: if none of them can.
    """
    answers = [_planned(path, runs) for path in paths]
    if all(one.planned is None for one in answers):
        raise ConfigError(one.failure for one in answers)
    return answers


def _planned(path: Path, runs: Path) -> Answer:
    try:
        return Answer(path, plan.plan(path, runs))
    except (ConfigError, RunError) as error:
        return Answer(path, failure=str(error))


def answer_study(one: Answer, workers: Workers, observer: Observer) -> Answer:
    """Run a study that could be planned; one that cannot be answered, in whole or in part, stops no other.

    Raises:
        UserError, WorkError: if there are no workers to be had, which no other study would have either.
    """
    if one.planned is None:
        return one
    observer.show(run.facts(one.planned, workers.at_once))
    try:
        return replace(one, document=run.run(one.planned, workers, observer.tell))
    except (UntrainedError, ConfigError, RunError) as error:
        return replace(one, failure=str(error))


def claim_rows(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return a row for each hypothesis: study, claim, verdict, effect with interval, seeds, the study's seconds."""
    return [row for one in answers for row in _rows(one)]


def _rows(one: Answer) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {
        "study": one.name,
        "verdict": "failed",
        "sentence": one.failure,
        "effect": None,
        "level": None,
        "speaks_of": None,
    }
    if one.planned is None:
        yield {**row, "claim": "", "about": "", "seeds": 0, "seconds": 0.0}
        return
    study, seconds = one.planned.file.study, round(one.seconds, 1)
    for number, claim in enumerate(study.claims()):
        row |= {"claim": claim.claim, "about": about(claim), "seeds": study.seeds, "seconds": seconds}
        if one.document is not None:
            facts = one.document["hypotheses"][number]
            verdict, found = facts["verdict"], None if facts["difference"] is None else effect(facts)
            row |= {"verdict": verdict["word"], "sentence": verdict["sentence"], "effect": found}
            row |= {"level": facts["level"], "speaks_of": facts["speaks_of"]}
        yield dict(row)


def page_sections(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return what a page shows of each study: its notes, its rows, its figures (bytes of PNG)."""
    return [
        {
            "name": one.name,
            "notes": _notes(one.path),
            "rows": list(_rows(one)),
            "directory": one.path.stem if one.planned is None else one.planned.directory.name,
            "versions": {} if one.document is None else one.document["versions"],
            "figures": [] if one.planned is None or one.document is None else _figures(one.planned.directory),
        }
        for one in answers
    ]


def _figures(directory: Path) -> list[bytes]:
    """Return the figures of a finished study, one for each hypothesis."""
    paths = sorted(directory.glob("figure*.png"), key=lambda path: (len(path.name), path.name))
    return [store.content(path) for path in paths]


def _notes(path: Path) -> list[str]:
    """Return the comment at the head of a study's file, line by line."""
    notes: list[str] = []
    if not path.is_file():
        return notes
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("#"):
            break
        notes.append(line.lstrip("# "))
    return notes
