"""The lines on networks of the user's own: of each arm what is its own, and once what holds for all."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments import experiment

from bnexp import Observer
from bnexp.api import comparison_design
from bnexp.experiment.prepare import Checked
from bnexp.experiment.resolve import Planned
from bnexp.report.about_network import arms_lines, one_by_one_lines
from bnexp.store.network_record import Network

KEPT = "The network's weights are kept."


def network(*notes: str) -> Network:
    """A network as it is written, with notes."""
    return Network(normalizations={"BatchNormalization": 2}, swapped=[], notes=list(notes))


def test_a_note_that_all_arms_share_stands_once_and_one_of_a_single_arm_beside_it() -> None:
    found = [line.plain for line in arms_lines([("a", network(KEPT)), ("b", network(KEPT, "b's own"))])]
    written = "as written, 2 BatchNormalization layers"
    assert found == [f"a: {written}", f"b: {written}", "b: b's own", f"all arms: {KEPT}"]


def test_arms_that_train_seed_by_seed_are_told_with_the_reason() -> None:
    one = "trained by keras_fit, one seed after the other: lamb mixes"
    told = {
        (None, None): [], ("lamb mixes",): [f"a: {one}"], ("lamb mixes", None): [f"a: {one}"],
        ("lamb mixes", "lamb mixes"): [f"all arms: {one}"],
    }  # fmt: skip
    for reasons, expected in told.items():
        pairs = list(zip("ab", reasons, strict=False))
        assert [line.plain for line in one_by_one_lines(pairs)] == expected


def test_a_single_network_beside_arms_of_bnexp_keeps_its_notes() -> None:
    written = "as written, 2 BatchNormalization layers"
    found = [line.plain for line in arms_lines([("a", network(KEPT)), ("plain", None), ("b", network(KEPT))])]
    assert found == [f"a: {written}", f"a: {KEPT}", f"b: {written}", f"b: {KEPT}"]


def test_an_observer_of_warnings_alone_hears_what_may_mislead_in_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    class Warned(Observer):
        def warn(self, text: str) -> None:
            heard.append(text)

    heard = list[str]()
    facts = Checked("binary", 3, doubts=["beware"])
    monkeypatch.setattr(comparison_design, "checked", lambda asked, *args, **options: [facts for _ in asked])
    planned = [Planned(name, None, experiment(), Path("a.yaml")) for name in ("bn", "nobn")]
    assert comparison_design._checked(planned, Warned(), digests=False) == {"bn": facts, "nobn": facts}
    assert heard == ["bn, nobn: beware"]
