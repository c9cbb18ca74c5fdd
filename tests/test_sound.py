"""Sound files: samples against the standard library's `wave`, all kinds that people have, and every way to be cut."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bnexp.data.sources.sound import length_and_rate, read_sound
from bnexp.errors import SettingError

TONE = (0.5 * np.sin(np.arange(80_000) / 8)).astype("float32")


def pcm(samples: np.ndarray, *, width: int = 2, channels: int = 1, rate: int = 8000) -> bytes:
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(samples.astype({1: "u1", 2: "<i2", 4: "<i4"}[width]).tobytes())
    return kept.getvalue()


def encoded(format: str, subtype: str, samples: np.ndarray = TONE, **options: Any) -> bytes:
    kept = io.BytesIO()
    soundfile.write(kept, samples, 8000, format=format, subtype=subtype, **options)
    return kept.getvalue()


def claimed(content: bytes, size: int) -> bytes:
    """The same file with another size of its samples in the header."""
    at = content.index(b"data") + 4
    return content[:at] + struct.pack("<I", size) + content[at + 4 :]


def why_refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(SettingError) as raised:
        length_and_rate(path)
    before, _, after = str(raised.value).partition("which cannot be read as a recording: ")
    assert before == f"dataset.path holds {path}, "
    cure = ". Expected a whole WAV, FLAC, OGG or MP3. Convert it again, for example with `ffmpeg -i OLD NEW.wav`, or remove it."
    assert after.endswith(cure)
    return after.removesuffix(cure)


@pytest.mark.parametrize(("width", "kind", "center"), [(1, "u1", 128), (2, "<i2", 0), (4, "<i4", 0)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_pcm_of_8_16_and_32_bits_is_bit_by_bit_what_wave_reads(
    tmp_path: Path, width: int, kind: str, center: int, channels: int
) -> None:
    limits = np.iinfo(kind)
    samples = np.random.default_rng(0).integers(limits.min, limits.max, 30_000, endpoint=True)
    samples[:4] = limits.min, limits.max, center, center + 1
    (tmp_path / "x.wav").write_bytes(pcm(samples, width=width, channels=channels))
    with wave.open(str(tmp_path / "x.wav")) as file:
        numbers = np.frombuffer(file.readframes(-1), kind).astype("float32")
    expected = ((numbers - center) / 2.0 ** (8 * width - 1)).reshape(-1, channels).mean(axis=1)
    seen = read_sound(tmp_path / "x.wav")
    assert seen.dtype == expected.dtype == np.dtype("float32")
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_array_equal(read_sound(tmp_path / "x.wav", 70), expected[:70])
    assert length_and_rate(tmp_path / "x.wav") == (30_000 // channels, 8000)


@pytest.mark.parametrize(
    ("format", "subtype", "tolerance"),
    [
        ("WAV", "PCM_24", 2**-23), ("WAV", "FLOAT", 0), ("WAV", "DOUBLE", 0), ("WAV", "ULAW", 0.02), ("RF64", "PCM_16", 2**-15),
        ("WAVEX", "PCM_16", 2**-15), ("WAVEX", "PCM_24", 2**-23), ("WAVEX", "FLOAT", 0), ("WAV", "MS_ADPCM", 0.1),
        ("FLAC", "PCM_16", 2**-15), ("FLAC", "PCM_24", 2**-23), ("OGG", "VORBIS", 0.1), ("OGG", "OPUS", 0.1), ("MP3", "MPEG_LAYER_III", 0.1),
    ],
)  # fmt: skip
def test_every_common_kind_is_read_whole_and_refused_if_it_is_cut(
    tmp_path: Path, format: str, subtype: str, tolerance: float
) -> None:
    path, content = tmp_path / "x.sound", encoded(format, subtype)
    path.write_bytes(content)
    assert length_and_rate(path) == (80_000, 8000)
    seen = read_sound(path)
    assert seen.shape == (80_000,)
    np.testing.assert_allclose(seen[100:-1000], TONE[100:-1000], rtol=0, atol=tolerance)
    np.testing.assert_array_equal(read_sound(path, 70_000), seen[:70_000])
    for cut in (len(content) - 1, 9 * len(content) // 10, len(content) // 2, 200, 20):
        assert why_refused(path, content[:cut])


def test_a_cut_file_is_refused_with_what_its_header_tells_of(tmp_path: Path) -> None:
    path, whole = tmp_path / "x.wav", pcm(np.arange(1400))
    assert why_refused(path, whole[:-2]) == "it ends before the 2,800 bytes of samples that its header reports"
    assert why_refused(path, whole[:45]) == "it ends before the 2,800 bytes of samples that its header reports"
    assert why_refused(path, whole[:44]) == "it ends before the 2,800 bytes of samples that its header reports"
    assert why_refused(path, whole[:20]) == "it ends before its samples begin"
    odd = bytearray(pcm(np.full(301, 128), width=1))
    odd[32:36] = struct.pack("<HH", 2, 16)
    assert why_refused(path, bytes(odd)) == "its last sample is incomplete"
    mp3 = encoded("MP3", "MPEG_LAYER_III")
    assert why_refused(path, mp3[: len(mp3) // 2]) == "it ends before the 80,000 samples that its header reports"
    ogg = encoded("OGG", "VORBIS")
    for cut in (ogg[:-1], ogg[: ogg.rindex(b"OggS")]):
        assert why_refused(path, cut) == "it ends before the page that is marked as its last"


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x8000_0000, 0x7FFF_FFFF, 0x7FFF_F000])
def test_a_header_written_before_the_length_was_known_is_read_to_the_end_of_the_file(tmp_path: Path, size: int) -> None:
    samples = np.random.default_rng(0).integers(-9000, 9000, 2343)
    (tmp_path / "x.wav").write_bytes(claimed(pcm(samples), size))
    assert length_and_rate(tmp_path / "x.wav") == (2343, 8000)
    np.testing.assert_array_equal(read_sound(tmp_path / "x.wav"), (samples / 2**15).astype("float32"))
    assert why_refused(tmp_path / "x.wav", claimed(pcm(samples), size)[:-1]) == "its last sample is incomplete"


def test_flac_written_as_a_stream_is_read_to_its_end(tmp_path: Path) -> None:
    content = bytearray(encoded("FLAC", "PCM_16"))
    content[21] &= 0xF0  # the number of samples, 36 bits of it
    content[22:26] = bytes(4)
    (tmp_path / "x.flac").write_bytes(content)
    assert length_and_rate(tmp_path / "x.flac") == (80_000, 8000)
    np.testing.assert_allclose(read_sound(tmp_path / "x.flac"), TONE, rtol=0, atol=2**-15)
    assert why_refused(tmp_path / "x.flac", bytes(content[:-1]))


def test_what_holds_no_samples_or_none_that_are_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    assert why_refused(path, b"") == "libsndfile does not know its format"
    assert why_refused(path, b"hello") == "libsndfile does not know its format"
    assert why_refused(path, pcm(np.zeros(0))) == "its header reports no samples"
    assert why_refused(path, encoded("OGG", "VORBIS", TONE[:0])) == "it holds no samples"
    assert why_refused(path, encoded("AIFF", "PCM_16")) == "its format is AIFF"
    for number in (np.nan, np.inf):
        content = encoded("WAV", "FLOAT", np.array([0, number], "float32"))
        assert why_refused(path, content) == "it holds samples that are infinite or NaN"
    content = encoded("WAV", "FLOAT", np.array([0, -3e9], "float32"))
    assert why_refused(path, content) == "it holds samples above 2,147,483,648, though 1 is full scale"


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize(("rate", "channels", "samples"), [(8000, 1, 576), (22_050, 2, 576), (44_100, 2, 1152)])
def test_an_mp3_whose_header_tells_no_length_is_read_to_its_end(
    tmp_path: Path, mode: str, rate: int, channels: int, samples: int
) -> None:
    path, kept = tmp_path / "x.mp3", io.BytesIO()
    loud = np.concatenate([TONE[:40_000], np.random.default_rng(0).normal(0, 0.2, 40_000)]).astype("float32")
    options: dict[str, Any] = {"bitrate_mode": mode, "compression_level": 0.3}
    soundfile.write(kept, np.stack([loud] * channels, axis=1), rate, format="MP3", **options)
    content = kept.getvalue()
    first = max(content.find(b"Xing"), content.find(b"Info"))
    assert 0 < first < 64
    path.write_bytes(content)
    whole = read_sound(path)
    stripped = content[content.index(content[:2], first) :]
    tag = b"ID3\x03\0\0\0\0\x01\x48" + bytes(200)
    for stream in (stripped, tag + stripped, stripped + b"TAG" + bytes(125)):
        path.write_bytes(stream)
        length, its_rate = length_and_rate(path)
        assert (length % samples, its_rate) == (samples - 529, rate)  # mpg123 leaves out the decoder's delay
        assert 80_000 < length < 80_000 + 4 * samples
        seen = read_sound(path)
        assert len(seen) == length
        delay = min((528 + 576, 576, 1105), key=lambda at: np.abs(seen[at : at + 70_000] - whole[:70_000]).max())
        np.testing.assert_allclose(seen[delay : delay + 75_000], whole[:75_000], rtol=0, atol=1e-6)
    path.write_bytes(stripped[100 : len(stripped) // 2])  # cut out of a stream, within frames
    assert length_and_rate(path)[0] == len(read_sound(path)) < 80_000


def test_mp3_files_put_together_are_read_to_the_end_of_the_last(tmp_path: Path) -> None:
    path, content = tmp_path / "x.mp3", encoded("MP3", "MPEG_LAYER_III")
    path.write_bytes(content + content)
    assert 160_000 < length_and_rate(path)[0] < 165_000
    path.write_bytes(content)
    assert length_and_rate(path) == (80_000, 8000)


def test_what_is_called_mp3_and_has_few_of_its_frames_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(20_000)
    for content in (b"", noise, b"\xff" + noise, b"ID3\x03\0\0\0\0\0\x01 " + noise, b"hello"):
        assert why_refused(tmp_path / "x.mp3", content) == "it holds few frames of MP3, or none"


def test_an_mp3_with_tags_before_and_behind_is_read(tmp_path: Path) -> None:
    path, content = tmp_path / "x.mp3", encoded("MP3", "MPEG_LAYER_III")
    path.write_bytes(b"ID3\x03\0\0\0\0\x01\x48" + bytes(200) + content + b"TAG" + bytes(125))
    assert length_and_rate(path) == (80_000, 8000)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("riff", [0, 8, 36, 0xFFFF_FFFF])
def test_a_wav_whose_header_tells_of_no_samples_is_read_to_the_end_of_the_file(
    tmp_path: Path, riff: int, order: str
) -> None:
    path, sign = tmp_path / "x.wav", "<" if order == "little" else ">"
    samples = np.random.default_rng(0).integers(-9000, 9000, 2343)
    kind = struct.pack(f"{sign}IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    head = (b"RIFF" if order == "little" else b"RIFX") + struct.pack(f"{sign}I", riff) + b"WAVEfmt " + kind
    path.write_bytes(head + b"data" + bytes(4) + samples.astype(f"{sign}i2").tobytes())
    assert length_and_rate(path) == (2343, 8000)
    np.testing.assert_array_equal(read_sound(path), (samples / 2**15).astype("float32"))
    assert why_refused(path, path.read_bytes()[:-1]) == "its last sample is incomplete"
    assert why_refused(path, head + b"data" + bytes(4)) == "its header reports no samples"
    note = b"LIST" + struct.pack(f"{sign}I", 5) + b"INFO!\0"
    assert why_refused(path, head + b"data" + bytes(4) + note) == "its header reports no samples"


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF])
@pytest.mark.parametrize("long", [0, 2**64 - 1])
def test_a_long_wav_written_to_a_pipe_is_read_to_the_end_of_the_file(tmp_path: Path, size: int, long: int) -> None:
    content = claimed(pcm(np.arange(300)), size)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, long, long, 0, 0)
    path = tmp_path / "x.wav"
    path.write_bytes(b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + content[12:])
    assert length_and_rate(path) == (300, 8000)
    np.testing.assert_array_equal(read_sound(path), np.arange(300, dtype="float32") / 2**15)


def test_chunks_before_and_behind_the_samples_are_passed_over(tmp_path: Path) -> None:
    content = pcm(np.arange(300))
    note = b"LIST" + struct.pack("<I", 5) + b"INFO!\0"
    (tmp_path / "x.wav").write_bytes(content[:12] + note + content[12:] + note)
    np.testing.assert_array_equal(read_sound(tmp_path / "x.wav"), np.arange(300, dtype="float32") / 2**15)
    assert length_and_rate(tmp_path / "x.wav") == (300, 8000)
