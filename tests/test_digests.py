"""Digests of studies, trials and questions: they outlive the bnexp that wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from studies import SMALL, claim, planned

from bnexp.config import study
from bnexp.study.digests import question_digest

WIDTH = {"over": {"factor": "x", "take": "width"}, "wins": True}
EPOCHS = {"metric": {"metric": "val_accuracy", "epochs_to": 0.9}, "smallest": 1.2, "direction": "lower"}


@pytest.mark.parametrize(
    ("keys", "digest"),
    [
        ({}, "5e14f116500a6a4d5a719359bb9062636576fdaa01845af998c85d786e38f354"),
        (
            {**EPOCHS, "at": {"x": [1, 2]}, "minus": {"x": 3}},
            "04526a9d044c94732be256af1e77dcf4cf9200e95dd6954e958f0cfe8cffba3d",
        ),
        (WIDTH, "a75c6b878f5ff85b067c5b470a9f64f5b46c9dc78fddd1f4e36c6f7593266a4a"),
    ],
)
def test_the_digest_of_a_question_is_the_one_of_the_first_bnexp_of_this_format(
    keys: dict[str, Any], digest: str
) -> None:
    assert question_digest(claim(**keys), ["b", "a"]) == digest


def test_a_key_that_a_later_bnexp_adds_is_no_part_of_a_digest_while_it_has_its_default() -> None:
    class Endpoint(study.Endpoint):
        later: int = 7

    class Hypothesis(study.Hypothesis):
        metric: Endpoint  # type: ignore[assignment]
        added: bool = False

    known = {**claim().model_dump(), "metric": {"metric": "test_accuracy"}}
    assert question_digest(Hypothesis.model_validate(known), []) == question_digest(claim(), [])
    for changed in ({"added": True}, {"metric": {"metric": "test_accuracy", "later": 8}}):
        assert question_digest(Hypothesis.model_validate({**known, **changed}), []) != question_digest(claim(), [])


def test_the_digests_of_a_study_and_of_its_trials_are_those_of_the_first_bnexp_of_this_format(tmp_path: Path) -> None:
    tuned = SMALL + "tune: {key: training.learning_rate, values: [0.01, 0.1], metric: val_loss}\n"
    for text, digests in ((SMALL, PLAIN), (tuned, TUNED)):
        plan = planned(tmp_path, text)
        assert [plan.digest, *(trial.digest for trial in plan.trials)] == digests, "all trials would be trained again"


PLAIN = [
    "ab4765c1b61cc9136dff9b1a2a1e206f266cb3d8c4004d5cc7790c2cc35764dc",
    "61f85dd4bf85bb4b34dc50967558b7ac57e2ca28807e8f1432ff582d91632fe1",
    "f37ac5159b866ca85c762445743e6f0bf43a8bc61ab4256855060ea7903e4d34",
]
TUNED = [
    "ed3f82562c3f1ca12faaf65c2d373f68533cc236cb0559790dc471ab8f37ac58",
    "ec01cf8636686fbced575396d12d56f66aa55ffaeb68057b110f8e6cce46fffb",
    "399a8bde2f85d7a69667027688a575ab547610d818028f12bea34df6ecb3be3e",
]
