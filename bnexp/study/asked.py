"""Which hypotheses were asked before any result was there: hypotheses.json of a study's directory.

A hypothesis is the question and the trials that it reads. Another text of the claim is no other hypothesis. Another
direction, smallest effect, endpoint, level or arm is one.

The file also says when the study was begun in this directory, and when it first had an answer there. Times of files
do not say it: a claim that is reworded rewrites study.yaml, and a copy of a directory has new ones.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from bnexp import store
from bnexp.config.study import Hypothesis
from bnexp.errors import RunError
from bnexp.store.asked_document import AskedDocument, AskedHypothesis
from bnexp.study.digests import question_digest
from bnexp.study.grid import matches
from bnexp.study.plan import Plan, has_results, refuse_other_format

FILE = "hypotheses.json"


def asked(planned: Plan) -> AskedDocument:
    """Return what stands in hypotheses.json, and behind it the hypotheses that are asked now for the first time.

    They are asked after results if the directory holds a trial. So is every hypothesis of a file that was lost.

    Raises:
        RunError: if the file was written by a bnexp of another format.
    """
    known, late = _kept(planned.directory / FILE), has_results(planned)
    found = dict(known.by_digest())
    for claim in planned.file.study.claims():
        digest = _digest(planned, claim)
        found.setdefault(digest, AskedHypothesis(digest=digest, claim=claim.claim, after_results=late))
    return known.model_copy(update={"asked": list(found.values())})


def asked_after_results(planned: Plan) -> list[bool]:
    """Return for each hypothesis whether results were there before it was asked as it stands."""
    known = asked(planned).by_digest()
    return [known[_digest(planned, claim)].after_results for claim in planned.file.study.claims()]


def keep_asked(planned: Plan) -> None:
    """Write down which hypotheses are asked, before anything more is trained; and when it was begun and answered."""
    path, document = planned.directory / FILE, with_times(planned.directory, asked(planned))
    if document != _kept(path):
        store.write_json(path, document.model_dump(mode="json"))


def times(directory: Path) -> AskedDocument:
    """Read when a study was begun and answered in a directory, which may be of another study or of an older bnexp."""
    try:
        known = AskedDocument.model_validate_json(store.content(directory / FILE))
    except (RunError, ValidationError):
        known = AskedDocument()
    return with_times(directory, known)


def with_times(directory: Path, known: AskedDocument) -> AskedDocument:
    """Add the times that are not written down yet: the times of the files that a study begins and ends with."""
    begun = known.begun or _time_of(directory / "study.yaml")
    return known.model_copy(update={"begun": begun, "answered": known.answered or _time_of(directory / "study.json")})


def _time_of(path: Path) -> datetime | None:
    """Return when a file was written; None if it is not there, or the calendar does not have its time."""
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


def _digest(planned: Plan, claim: Hypothesis) -> str:
    sides = {"at": claim.at} if claim.minus is None else {"at": claim.at, "minus": claim.minus}
    roles = {"treated": claim.treated, "baseline": claim.baseline}
    read = [
        f"{side} {role} {trial.digest}"
        for side, at in sides.items()
        for role, arm in roles.items()
        for trial in planned.trials
        if trial.arm == arm and matches(trial.cell, at)
    ]
    return question_digest(claim, read)
