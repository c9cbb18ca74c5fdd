"""The data that were prepared in this process. Arms with the same data, read or drawn, share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data.stored_rows import bytes_in_memory
from bnexp.system.listeners import Note

if TYPE_CHECKING:
    from bnexp.data import Data

KEPT_SHARE = 8
"""Earlier data are kept beside the newest if all together take at most the memory limit divided by this number."""


class KeptData:
    """Data that were prepared in this process, the newest last. Large data are not kept beside others."""

    def __init__(self) -> None:
        self._data: dict[tuple[str, tuple[int, ...], int, str | None], Data] = {}

    def data(self, dataset: str, seeds: tuple[int, ...], memory: int, source: str | None, note: Note) -> Data:
        """Return the data; prepare them if they are not kept. `source`, a file's sha256, changes if the file does."""
        from bnexp.data import prepare

        key = dataset, seeds, memory, source
        found = self._data.pop(key, None)
        if found is None:
            self._forget(memory)  # so that memory never holds two large sets at once
            found = prepare(TypeAdapter(Dataset).validate_json(dataset), seeds, memory, source, note)
        self._data[key] = found
        self._forget(memory, keep=1)
        return found

    def _forget(self, memory: int, *, keep: int = 0) -> None:
        """Forget the oldest data until the rest is small; the newest `keep` stay, whatever their size."""
        while len(self._data) > keep and self._bytes() > memory // KEPT_SHARE:
            del self._data[next(iter(self._data))]

    def _bytes(self) -> int:
        return sum({id(one.rows): bytes_in_memory(one.rows.x) for one in self._data.values()}.values())


KEPT = KeptData()
