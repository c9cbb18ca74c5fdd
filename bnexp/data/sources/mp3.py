"""The frames of an MP3 file. They show its length if its header does not, as in streams and in joined files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_HEADER = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]", re.DOTALL)
"""The first bytes of a layer III frame that states its bitrate."""
_LENGTH_TAG = re.compile(rb"(?:Xing|Info).{3}(?P<flags>.)(?P<frames>.{4})|VBRI.{10}(?P<of_vbri>.{4})", re.DOTALL)
"""The tag in the first frame that states how many frames follow."""
_KILOBITS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Layer III bitrates of MPEG 1 (True), and of MPEG 2 and 2.5 (False), ordered by their codes from 1 (ISO 11172-3)."""
_RATES = 44_100, 48_000, 32_000
"""Samples per second of MPEG 1. MPEG 2 has half of these rates, and MPEG 2.5 a quarter."""
_HAS_FRAME_COUNT = 1
"""The flag in a length tag that shows that the tag holds the number of frames."""


def is_mp3(beginning: bytes, ending: str) -> bool:
    """Return True if a file with these first bytes and this ending is MP3.

    The ending counts, too, because a file that was cut out of a stream may begin in the middle of a frame.
    """
    tag = _end_of_tag(beginning)
    return beginning[tag : tag + 4] != b"fLaC" and (tag > 0 or beginning[:1] == b"\xff" or ending.lower() == ".mp3")


def mended_mp3(content: bytes) -> bytes | None:
    """Return the frames of an MP3 file after a new frame with their number; None if the file already states it.

    Without this number, libsndfile guesses the length of a file from its first frames, and stops reading there.

    Raises:
        ValueError: if the content holds no frames, or consists mostly of other bytes.
    """
    start = _end_of_tag(content)
    frames = list(_frames(content, start))
    if 2 * sum(map(len, frames)) < len(content) - start or not frames:
        raise ValueError("it holds few frames of MP3, or none")
    declared = _frame_count(frames[0])
    behind = len(frames) - 1
    if declared is not None and declared + 1 >= behind:  # some programs also count the frame that holds the number
        return None
    return b"".join([_frame_with_length(frames), *frames])


def _frames(content: bytes, start: int) -> Iterator[bytes]:
    """Yield the complete frames from `start` on, and skip other bytes between them."""
    kind, at = b"", start
    while (match := _HEADER.search(content, at)) is not None:
        begins = match.start()
        ends = begins + _size(content[begins : begins + 4])
        whole = begins < ends <= len(content)
        alike = not kind or _kind(content[begins : begins + 4]) == kind
        if whole and alike and (begins == at != start or _HEADER.match(content, ends) or ends == len(content)):
            yield content[begins:ends]
            kind, at = _kind(content[begins : begins + 4]), ends
        else:
            at = begins + 1


def _size(header: bytes) -> int:
    """Return the size of a frame in bytes; 0 if its header is not valid."""
    if len(header) < 4 or header[2] >> 2 & 3 == 3:
        return 0
    is_first = header[1] >> 3 & 3 == 3
    return (144_000 if is_first else 72_000) * _KILOBITS[is_first][(header[2] >> 4) - 1] // _rate(header) + (
        header[2] >> 1 & 1
    )


def _rate(header: bytes) -> int:
    return _RATES[header[2] >> 2 & 3] // {3: 1, 2: 2, 0: 4}[header[1] >> 3 & 3]


def _kind(header: bytes) -> bytes:
    """Return the properties that all frames of a recording share: version, layer, sampling rate, and mono or not."""
    return bytes((header[1] & 0xFE, header[2] & 0x0C, header[3] & 0xC0 == 0xC0))


def _frame_count(first: bytes) -> int | None:
    """Return the number of frames after the first, if the first states it; else None."""
    tag = _LENGTH_TAG.search(first[:64])
    if tag is None or (tag["of_vbri"] is None and not tag["flags"][0] & _HAS_FRAME_COUNT):
        return None
    return int.from_bytes(tag["of_vbri"] or tag["frames"], "big")


def _frame_with_length(frames: list[bytes]) -> bytes:
    """Return a silent frame that has the kind of these frames and states their number."""
    largest = max(frames, key=len)
    head = bytes((largest[0], largest[1] | 1, *largest[2:4]))  # without a checksum
    is_mono = head[3] & 0xC0 == 0xC0
    side = (17 if is_mono else 32) if head[1] >> 3 & 3 == 3 else (9 if is_mono else 17)
    body = head + bytes(side) + struct.pack(">4sII", b"Xing", _HAS_FRAME_COUNT, len(frames))
    return body.ljust(len(largest), b"\0")


def _end_of_tag(content: bytes) -> int:
    """Return the position after the tag of titles (ID3v2) at the start of a file; 0 if there is none."""
    if content[:3] != b"ID3" or len(content) < 10:
        return 0
    return 10 + sum(byte << 7 * place for place, byte in enumerate(reversed(content[6:10])))
