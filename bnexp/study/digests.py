"""Digests that name a study's directory and its trials. They depend on what is measured, never on what is asked.

A study's digest has its base experiment, data, seeds and tuning. A trial's digest has all experiments that it may
train, with their data, seeds and tuning. So a study that gains a level, an arm or a hypothesis keeps its directory and
its trials.

Digests must stay the same in later versions of bnexp. So a key that a later version adds to a hypothesis or to tuning
is left out while it has its default (`_facts`). Otherwise, each upgrade would make every hypothesis a new one, asked
after results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bnexp import config
from bnexp.config import yaml
from bnexp.config.loading import experiment_of
from bnexp.config.own_model import OWN_NETWORKS
from bnexp.config.section import Section
from bnexp.config.study import Hypothesis, Study, StudyFile
from bnexp.data.fingerprint import Sources, source_sha256
from bnexp.errors import ConfigError
from bnexp.study.grid import Candidate, base_of, seeds_of, tuning_seeds

ALWAYS: dict[str, dict[str, Any]] = {
    "Hypothesis": {"at": {}, "minus": None, "over": None, "wins": False},
    "Endpoint": {"epochs_to": None, "failures_below": None, "ratio": False},
    "Over": {"within": 0.01},
    "Tune": {"seeds": 3, "metric": "val_accuracy"},
}
"""Section -> keys that are in every digest even with their defaults, because the first digests held them. It never
grows."""


def study_facts(file: StudyFile) -> dict[str, Any]:
    """Return what all grids of a study share: the base experiment and its data, without seeds and tuning."""
    try:
        base = experiment_of(base_of(file))
    except ConfigError:  # the base is complete only with levels or arms
        return {"base": yaml.plain(file.at("experiment"))}
    return {"base": config.digest(base), "source": source_sha256(base.dataset)}


def trial_facts(candidates: Sequence[Candidate], sources: Sources) -> dict[str, Any]:
    """Return what is measured in one cell's arm: experiments, data and own networks, without seeds and tuning."""
    experiments = [one.experiment for one in candidates]
    facts: dict[str, Any] = {
        "experiments": [config.digest(one) for one in experiments],
        "sources": [sources[one.dataset.model_dump_json()] for one in experiments],
    }
    own = [sources[one.model.model_dump_json()] for one in experiments if isinstance(one.model, OWN_NETWORKS)]
    return facts | ({"networks": own} if own else {})


def digest_of(facts: Mapping[str, Any], study: Study) -> str:
    """Return the sha256 of the facts of a study or of a trial, with the study's seeds and tuning."""
    return _sha256({**facts, **_seeds(study)})


def question_digest(claim: Hypothesis, read: Sequence[str]) -> str:
    """Return the sha256 of the question of a hypothesis, without its text, and of the trials that it reads."""
    return _sha256({"question": _facts(claim, {"claim"}), "trials": sorted(read)})


def _seeds(study: Study) -> dict[str, Any]:
    tune = None if study.tune is None else {**_facts(study.tune), "seeds": list(tuning_seeds(study))}
    return {"seeds": list(seeds_of(study)), "tune": tune}


def _facts(section: Section, left_out: Collection[str] = ()) -> dict[str, Any]:
    """Return the keys of a section that differ from their defaults, and the keys that are in every digest."""
    said = section.model_dump(mode="json", exclude_defaults=True)
    inner = {key: _facts(value) for key, value in section if isinstance(value, Section)}
    facts = {**ALWAYS.get(type(section).__name__, {}), **said, **inner}
    return {key: value for key, value in facts.items() if key not in left_out}


def _sha256(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
