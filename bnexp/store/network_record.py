"""The part of run.json about a network of the user's own."""

from __future__ import annotations

from bnexp.store.records import Extensible


class SwappedLayer(Extensible):
    """A layer of the user's own network that was changed for this arm."""

    path: str
    was: str
    now: str


class Network(Extensible):
    """The user's own network, as it was built."""

    sha256: str | None = None
    """The sha256 of the function's file, with the files and package versions that it imports; or of the .keras file."""
    normalizations: dict[str, int] = {}
    """Kind of normalization layer -> how many the network has in this arm."""
    architecture: str | None = None
    """The sha256 of its layers. If it is the same in two arms, their networks do not differ."""
    kernels: str | None = None
    """The sha256 of its kernels' shapes, which are the same in all arms of a comparison."""
    origins: dict[str, str] = {}
    """Name of each weight outside normalization layers -> a digest of its initializer, or of its constant value."""
    swapped: list[SwappedLayer] = []
    """The layers that were changed for this arm, each with its old and new kind."""
    notes: list[str] = []
    adds_penalty: bool = False
    """Whether a regularizer adds a penalty to its loss."""
