"""Lines for the terminal about networks: which layers of a user's own were swapped for an arm, and slow trainings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from bnexp.errors import counted, listed
from bnexp.store.network_record import Network
from bnexp.system.terminal import plain

MOST_NAMED = 4
"""The most layers that a line lists by name; run.json lists all."""


def arms_lines(networks: Sequence[tuple[str, Network | None]]) -> Iterator[Text]:
    """Yield the lines of several arms, each with the arm's name. A note that all arms share comes once, at the end."""
    own = [network for _, network in networks if network is not None]
    is_of_all = 1 < len(own) == len(networks)
    shared = [text for text in own[0].notes if all(text in one.notes for one in own)] if is_of_all else []
    for name, network in networks:
        if network is not None:
            notes = [text for text in network.notes if text not in shared]
            yield from network_lines(network.model_copy(update={"notes": notes}), name)
    yield from (Text(plain(f"all arms: {text}")) for text in shared)


def one_by_one_lines(reasons: Sequence[tuple[str, str | None]]) -> Iterator[Text]:
    """Yield why arms train one seed after the other, each with the arm's name; one line if all have the same reason."""
    shared = {reason for _, reason in reasons}
    told = [("all arms", shared.pop())] if 1 == len(shared) < len(reasons) else reasons
    for name, reason in told:
        if reason is not None:
            yield Text(plain(f"{name}: trained by keras_fit, one seed after the other: {reason}"))


def network_lines(network: Network | None, prefix: str = "network") -> Iterator[Text]:
    """Yield a line for each kind of swap of normalization layers, with the paths of the layers; then the notes."""
    if network is None:
        return
    prefix = plain(prefix)
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
