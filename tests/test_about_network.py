"""The lines on networks of the user's own: of each arm what is its own, and once what holds for all."""

from __future__ import annotations

from bnexp.report.about_network import arms_lines
from bnexp.store.run_record import Network

KEPT = "Its weights are kept."


def network(*notes: str) -> Network:
    """A network as it is written, with notes."""
    return Network(normalizations={"BatchNormalization": 2}, swapped=[], notes=list(notes))


def test_a_note_that_all_arms_share_stands_once_and_one_of_a_single_arm_beside_it() -> None:
    found = [line.plain for line in arms_lines([("a", network(KEPT)), ("b", network(KEPT, "b's own"))])]
    written = "as written, 2 BatchNormalization layers"
    assert found == [f"a: {written}", f"b: {written}", "b: b's own", f"all arms: {KEPT}"]


def test_a_single_network_beside_arms_of_bnexp_keeps_its_notes() -> None:
    written = "as written, 2 BatchNormalization layers"
    found = [line.plain for line in arms_lines([("a", network(KEPT)), ("plain", None), ("b", network(KEPT))])]
    assert found == [f"a: {written}", f"a: {KEPT}", f"b: {written}", f"b: {KEPT}"]
