"""Sound files: WAV, FLAC, OGG and MP3, checked to be whole and read by libsndfile. Axes: T samples, C channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bnexp.errors import SettingError

if TYPE_CHECKING:
    from soundfile import SoundFile

Floats = NDArray[np.float32]

SOUND_ENDINGS = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3")
FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
"""What libsndfile calls the formats whose end is checked here."""
BLOCK = 65_536
"""Samples of each channel that are decoded at a time."""
STREAMED = 0x7FFF_F000
"""The lowest size that programs write into the header of a WAV file before they know its length."""
LOUDEST = 2**31
"""The largest sample of floats, if whole numbers of 32 bits were kept in them as they are; 1 is full scale."""
UNKNOWN = 2**63 - 1
"""What libsndfile takes for the length of a FLAC file that was written as a stream."""
LARGEST_OGG_PAGE = 65_307
MP3_LENGTHS = (b"Xing", b"Info", b"VBRI")
"""How the frame begins in which an MP3 file tells its length."""
BEGINNING = 8_192


class _FaultyError(Exception):
    """Why a file is no whole recording."""


def length_and_rate(path: Path) -> tuple[int, int]:
    """Return the number of samples of each channel, and the samples a second; the whole file is decoded for it.

    Raises:
        SettingError: if it is of another format, is empty, not whole, or holds samples that are no numbers.
    """
    with _opened(path) as sound:
        length = 0
        for block_TC in _blocks(sound):
            length += len(block_TC)
            if not np.isfinite(block_TC).all():
                raise _FaultyError("it holds samples that are infinite or no numbers")
            if np.abs(block_TC).max() > LOUDEST:
                raise _FaultyError(f"it holds samples above {LOUDEST:,}, though 1 is full scale")
        if length < sound.frames < UNKNOWN:
            raise _FaultyError(f"it ends before the {sound.frames:,} samples that its header tells of")
        if not length:
            raise _FaultyError("it holds no samples")
        return length, int(sound.samplerate)


def read_sound(path: Path, most: int | None = None) -> Floats:
    """Return the samples, (T,), whole numbers as -1 to 1, the mean over channels; no more than `most` of them.

    Raises:
        SettingError: if it is of another format, or not whole.
    """
    with _opened(path) as sound:
        blocks = [block_TC.mean(axis=1) for block_TC in _blocks(sound, most)]
    return np.concatenate(blocks) if blocks else np.empty(0, "float32")


def _blocks(sound: SoundFile, most: int | None = None) -> Iterator[Floats]:
    left = most
    while left is None or left > 0:
        block_TC = sound.read(BLOCK if left is None else min(BLOCK, left), dtype="float32", always_2d=True)
        if not len(block_TC):
            return
        yield block_TC
        left = None if left is None else left - len(block_TC)


@contextmanager
def _opened(path: Path) -> Iterator[SoundFile]:
    """Yield an opened sound file, and turn all that is found wrong with it into a SettingError."""
    from soundfile import LibsndfileError, SoundFile

    try:
        _refuse_cut(path)
        with SoundFile(str(path)) as sound:
            if sound.format not in FORMATS:
                raise _FaultyError(f"its format is {sound.format}")
            sound.seekable = lambda: False  # soundfile would seek after each block, which MP3 cannot do exactly
            yield sound
    except (OSError, ValueError, RuntimeError, _FaultyError) as error:
        why = error.error_string if isinstance(error, LibsndfileError) else str(error)
        why = "its format is none that libsndfile knows" if "not recognised" in why else why.rstrip(". ")
        raise SettingError(
            "dataset.path",
            f"holds {path}, which is no recording that can be read: {why}. Expected a whole WAV, FLAC, OGG or MP3. "
            "Write it anew, as by `ffmpeg -i OLD NEW.wav`, or take it away.",
        ) from error


def _refuse_cut(path: Path) -> None:
    """Raise _FaultyError if a file ends early, of those kinds whose end libsndfile takes as it comes."""
    with open(path, "rb") as file:
        match file.read(4):
            case b"RIFF" | b"RF64":
                _refuse_cut_wav(file, "little", path.stat().st_size)
            case b"RIFX":
                _refuse_cut_wav(file, "big", path.stat().st_size)
            case b"OggS":
                _refuse_cut_ogg(file, path.stat().st_size)
            case beginning if beginning[:3] == b"ID3" or beginning[:1] == b"\xff":
                _refuse_mp3_without_length(file)


def _refuse_cut_wav(file: BinaryIO, order: str, size: int) -> None:
    """Raise _FaultyError unless the samples end where the header says, or the header was written for a stream."""
    file.seek(12)
    align, long = 1, 0
    while (name := file.read(4)) != b"data":
        length = file.read(4)
        if len(length) < 4:
            raise _FaultyError("it ends before its samples begin")
        skipped = _number(length, order)
        body = file.read(min(skipped, 64))
        if name == b"fmt ":
            align = _number(body[12:14], order)
        elif name == b"ds64":
            long = _number(body[8:16], order)
        file.seek(skipped + skipped % 2 - len(body), 1)
    told, there = _number(file.read(4), order), size - file.tell()
    if long and told == 0xFFFF_FFFF:
        told = long
    elif told >= STREAMED:
        told = min(told, there)
    if not told:
        raise _FaultyError("its header tells of no samples")
    if told > there:
        raise _FaultyError(f"it ends before the {told:,} bytes of samples that its header tells of")
    if align and told % align:
        raise _FaultyError("its last sample is not whole")


def _refuse_cut_ogg(file: BinaryIO, size: int) -> None:
    """Raise _FaultyError unless the file ends with a whole page that is marked as the last."""
    file.seek(max(0, size - LARGEST_OGG_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    if not page[:6].startswith(b"OggS") or len(page) != 27 + len(segments) + sum(segments) or not page[5] & 4:
        raise _FaultyError("it ends before the page that is marked as its last")


def _refuse_mp3_without_length(file: BinaryIO) -> None:
    """Raise _FaultyError if no first frame tells the length: libsndfile would guess it, and stop there."""
    file.seek(0)
    head = file.read(10)
    tag = sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:]))) + 10 if head[:3] == b"ID3" else 0
    file.seek(tag)
    beginning = file.read(BEGINNING)
    if not beginning.startswith(b"fLaC") and not any(word in beginning for word in MP3_LENGTHS):
        raise _FaultyError("its header does not tell its length")


def _number(content: bytes, order: str) -> int:
    return int.from_bytes(content, "big" if order == "big" else "little")
