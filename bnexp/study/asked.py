"""hypotheses.json of a study's directory: which hypotheses were asked before any result was known.

A hypothesis is its question and the trials that it reads. If only the text of its claim changes, it is the same
hypothesis. With another direction, smallest effect, endpoint, level or arm, it is another one.

The file also records when the study was begun in this directory, and when it first had an answer there. The times of
the other files do not show this: rewording a claim rewrites study.yaml, and a copied directory has new times.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from bnexp import store
from bnexp.config.study import Hypothesis
from bnexp.errors import RunError
from bnexp.store.asked_document import AskedDocument, AskedHypothesis
from bnexp.store.study_document import StudyDocument
from bnexp.study.digests import question_digest
from bnexp.study.grid import matches
from bnexp.study.plan import Plan, holds_results, refuse_other_format

FILE = "hypotheses.json"


def asked(planned: Plan) -> AskedDocument:
    """Return the hypotheses of hypotheses.json, followed by those that are asked now for the first time.

    A new hypothesis counts as asked after results if the directory holds a trial. If the file was lost, this applies to
    every hypothesis. Results of the same study with fewer seeds count, too, unless the hypothesis was asked there
    before these results. Earlier answers with fewer seeds are added until this study has its own answer.

    Raises:
        RunError: if the file was written by a bnexp with another format.
    """
    known = _kept(planned.directory / FILE)
    is_answered = with_times(planned.directory, known).answered is not None
    found = dict(known.by_digest())
    for claim in planned.file.study.claims():
        digest = _digest(planned, claim)
        before = found.get(digest)
        if before is None or not is_answered:
            found[digest] = _asked(planned, claim, digest, before)
    return known.model_copy(update={"asked": list(found.values())})


def _asked(planned: Plan, claim: Hypothesis, digest: str, before: AskedHypothesis | None) -> AskedHypothesis:
    """Return the record of a hypothesis that has no answer yet. `before` is its record in the file, if there is one."""
    looks = set[int]() if before is None else {*before.earlier_seeds}
    asked_then, with_results = [], [one for one in planned.earlier if holds_results(one.directory)]
    for study in with_results:
        known = _known(study.directory).by_digest().get(_digest(planned, claim, study.digests))
        if known is not None:
            asked_then.append(known)
            answered = times(study.directory).answered is not None
            looks |= {*known.earlier_seeds, *([len(study.seeds)] if answered else [])}
    if before is not None:
        return before.model_copy(update={"earlier_seeds": sorted(looks)})
    in_time = not with_results or any(not known.after_results for known in asked_then)
    late = holds_results(planned.directory) or not in_time
    return AskedHypothesis(
        digest=digest, claim=claim.claim, after_results=late, earlier_seeds=sorted(looks), first_answer=None
    )


def asked_now(planned: Plan) -> list[AskedHypothesis]:
    """Return the record of each hypothesis of the study, which says what was known when it was asked."""
    known = asked(planned).by_digest()
    return [known[_digest(planned, claim)] for claim in planned.file.study.claims()]


def keep_asked(planned: Plan, answer: StudyDocument | None = None) -> None:
    """Write hypotheses.json: which hypotheses are asked, when the study was begun and answered, and the first answers.

    It is called before anything more is trained, and again with the study's answer.
    """
    path, document = planned.directory / FILE, with_times(planned.directory, asked(planned))
    if answer is not None:
        document = _with_first_answers(planned, document, [one.verdict.word for one in answer.hypotheses])
    if document != _kept(path):
        store.write_json(path, document.model_dump(mode="json"))


def _with_first_answers(planned: Plan, document: AskedDocument, words: Sequence[str]) -> AskedDocument:
    """Return the record with the words of verdicts, in the study's order, for hypotheses without an earlier answer."""
    now = {_digest(planned, claim): word for claim, word in zip(planned.file.study.claims(), words, strict=True)}
    several = [
        one.model_copy(update={"first_answer": one.first_answer or now.get(one.digest)}) for one in document.asked
    ]
    return document.model_copy(update={"asked": several})


def times(directory: Path) -> AskedDocument:
    """Read when the study in a directory was begun and answered. It may be another study, or of an older bnexp."""
    return with_times(directory, _known(directory))


def _known(directory: Path) -> AskedDocument:
    """Read hypotheses.json of any study; return an empty record if it cannot be read."""
    try:
        return AskedDocument.model_validate_json(store.content(directory / FILE))
    except (RunError, ValidationError):
        return AskedDocument()


def with_times(directory: Path, known: AskedDocument) -> AskedDocument:
    """Return the record with missing times added: the times of study.yaml (begun) and of study.json (answered)."""
    begun = known.begun or _time_of(directory / "study.yaml")
    return known.model_copy(update={"begun": begun, "answered": known.answered or _time_of(directory / "study.json")})


def _time_of(path: Path) -> datetime | None:
    """Return when a file was written; None if there is no file, or if its time is outside the calendar."""
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return None


def _kept(path: Path) -> AskedDocument:
    try:
        return AskedDocument.model_validate_json(store.content(path))
    except RunError:
        return AskedDocument()
    except ValidationError:
        refuse_other_format(path)
        return AskedDocument()


def _digest(planned: Plan, claim: Hypothesis, digests: Mapping[str, str] | None = None) -> str:
    """Return the digest of a hypothesis; with `digests`, for an earlier study whose trials have these digests."""
    sides = {"at": claim.at} if claim.minus is None else {"at": claim.at, "minus": claim.minus}
    roles = {"treated": claim.treated, "baseline": claim.baseline}
    read = [
        f"{side} {role} {trial.digest if digests is None else digests[trial.digest]}"
        for side, at in sides.items()
        for role, arm in roles.items()
        for trial in planned.trials
        if trial.arm == arm and matches(trial.cell, at)
    ]
    return question_digest(claim, read)
