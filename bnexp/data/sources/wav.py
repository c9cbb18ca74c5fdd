"""The chunks of a WAV file: checks that the samples end where the header says, and repairs of unfinished headers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Literal

STREAMED = 0x7FFF_F000
"""The lowest size that programs write while it is unknown: sox 0x7FFFF000, arecord 0x80000000, ffmpeg 0xFFFFFFFF."""
UNKNOWN_LONG = 0, 2**64 - 1
"""Sizes in the long header (`ds64`) that mean that the size was unknown when it was written."""

Order = Literal["little", "big"]


def mended_wav(path: Path, order: Order) -> bytes | None:
    """Return the content with the size written into the header, if the header states none; else None.

    Raises:
        ValueError: if there are no samples, or they do not end where the header says.
    """
    with open(path, "rb") as file:
        there = path.stat().st_size
        file.seek(12)
        align, long_at, long = 1, 0, 0
        while (name := file.read(4)) != b"data":
            length = file.read(4)
            if len(length) < 4:
                raise ValueError("it ends before its samples begin")
            skipped, begins = int.from_bytes(length, order), file.tell()
            body = file.read(min(skipped, 64))
            if name == b"fmt ":
                align = int.from_bytes(body[12:14], order)
            elif name == b"ds64":
                long_at, long = begins + 8, int.from_bytes(body[8:16], order)
            file.seek(begins + skipped + skipped % 2)
        size_at = file.tell()
        declared = int.from_bytes(file.read(4), order)
        there -= size_at + 4
        is_long = long_at > 0 and declared == 0xFFFF_FFFF
        is_unknown = declared == 0 or (is_long and long in UNKNOWN_LONG)
        if is_unknown and _are_chunks(file, there, order):
            raise ValueError("its header reports no samples")
        samples = there if is_unknown or (declared >= STREAMED and not is_long) else long if is_long else declared
        if samples > there:
            raise ValueError(f"it ends before the {samples:,} bytes of samples that its header reports")
        if align and samples % align:
            raise ValueError("its last sample is incomplete")
        return _with_size(path, samples, size_at, long_at, order) if is_unknown else None


def _are_chunks(file: BinaryIO, size: int, order: Order) -> bool:
    """Return True if the rest of a file is empty or consists of other chunks, so that it holds no samples."""
    while size > 0:
        head = file.read(8)
        length = int.from_bytes(head[4:], order)
        length += length % 2
        if len(head) < 8 or not head[:4].isascii() or not head[:4].decode().isprintable() or length > size - 8:
            return False
        file.seek(length, 1)
        size -= 8 + length
    return True


def _with_size(path: Path, size: int, size_at: int, long_at: int, order: Order) -> bytes:
    """Return the content of a file with the size of its samples in its header, or in its long header if it has one."""
    content, sign = bytearray(path.read_bytes()), "<" if order == "little" else ">"
    struct.pack_into(f"{sign}I", content, size_at, 0xFFFF_FFFF if long_at else size)
    if long_at:
        struct.pack_into(f"{sign}QQ", content, long_at - 8, len(content) - 8, size)
    return bytes(content)
