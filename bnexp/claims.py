"""Puts claims to the test: runs studies one after the other and keeps their answers, on one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnexp import store, studies
from bnexp.arms import STUDIES
from bnexp.errors import ConfigError, RunError, UntrainedError, UserError, nearest
from bnexp.launch import Workers
from bnexp.show.page import claims_page
from bnexp.studies import Plan, Tell
from bnexp.study.words import about, effect

PAGE = "claims.html"


@dataclass(frozen=True)
class Answer:
    """What became of a study: the document of study.json, or why there is none."""

    path: Path
    planned: Plan
    document: dict[str, Any] | None
    failure: str = ""


def files(names: Sequence[str]) -> list[Path]:
    """Give the studies of these names, in this order; all that lie in configs/studies if there are none.

    Raises:
        UserError: if there is no study of such a name, or none at all.
    """
    known = {path.stem: path for path in sorted(STUDIES.glob("*.yaml"))}
    if not names and not known:
        raise UserError(f"{STUDIES} holds no study; expected .yaml files there. Name some, or go to where it lies.")
    found = []
    for name in names or known:
        path = known.get(name, Path(name))
        if path.suffix not in (".yaml", ".yml"):
            raise UserError(f"No study is called {name!r}. {nearest(name, known)} Or give a .yaml file.")
        found.append(path)
    return found


def answer(path: Path, planned: Plan, workers: Workers, tell: Tell) -> Answer:
    """Run one study; one that cannot be answered, in whole or in part, says why and stops no other."""
    try:
        return Answer(path, planned, studies.run(planned, workers, tell))
    except (UntrainedError, ConfigError, RunError) as error:
        return Answer(path, planned, None, str(error))


def rows(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Give a row for each hypothesis: study, claim, verdict, effect with interval, seeds, seconds of training."""
    return [row for one in answers for row in _rows(one)]


def _rows(one: Answer) -> Iterator[dict[str, Any]]:
    seconds = sum(result.seconds for result in studies.finished(one.planned).values())
    for number, claim in enumerate(one.planned.file.study.claims()):
        facts = None if one.document is None else one.document["hypotheses"][number]
        yield {
            "study": one.planned.file.study.name,
            "claim": claim.claim,
            "verdict": "failed" if facts is None else facts["verdict"]["word"],
            "sentence": one.failure if facts is None else facts["verdict"]["sentence"],
            "about": about(claim),
            "effect": None if facts is None or facts["difference"] is None else effect(facts),
            "seeds": one.planned.file.study.seeds,
            "seconds": round(seconds, 1),
        }


def keep(runs: Path, answers: Sequence[Answer]) -> Path:
    """Write the page: what each study says, with its figure; give its path."""
    told = [
        {
            "name": one.planned.file.study.name,
            "notes": _notes(one.path),
            "rows": list(_rows(one)),
            "directory": one.planned.directory.name,
            "versions": {} if one.document is None else one.document["versions"],
            "figures": [] if one.document is None else _figures(one.planned.directory),
        }
        for one in answers
    ]
    path = runs / PAGE
    store.write(path, claims_page(told))
    return path


def _figures(directory: Path) -> list[bytes]:
    """Give the figures of a finished study, one for each hypothesis."""
    paths = sorted(directory.glob("figure*.png"), key=lambda path: (len(path.name), path.name))
    return [path.read_bytes() for path in paths]


def _notes(path: Path) -> list[str]:
    """Give the comment at the head of a study's file, line by line."""
    notes = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        notes.append(line.lstrip("# "))
    return notes
