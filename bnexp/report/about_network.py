"""What a person reads about a network of their own: which layers were swapped for this arm, and what was added."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from bnexp.errors import counted, listed
from bnexp.store.run_record import Network
from bnexp.system.terminal import plain

MOST_NAMED = 4
"""Layers that a line names; run.json lists all."""


def network_lines(network: Network | None, arm: str | None = None) -> Iterator[Text]:
    """Yield lines on what the normalization layers of a network became: one for each change, with the layers' paths."""
    if network is None:
        return
    prefix = "network" if arm is None else plain(arm)
    changes: dict[tuple[str, str], list[str]] = {}
    for one in network.swapped:
        changes.setdefault((one.was, one.now), []).append(one.path)
    for (was, now), paths in changes.items():
        count = counted(len(paths), "layer")
        yield Text(plain(f"{prefix}: {was} -> {now}, {count}: {listed(paths, MOST_NAMED)}"))
    if not network.swapped:
        kinds = ", ".join(counted(number, f"{kind} layer") for kind, number in network.normalizations.items())
        yield Text(plain(f"{prefix}: as written, {kinds or 'no normalization layer'}"))
    yield from (Text(plain(f"{prefix}: {text}")) for text in network.notes)
