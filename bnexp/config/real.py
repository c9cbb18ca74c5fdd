"""`dataset`: rows that were measured, whether in your own files or in a known set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from bnexp.config.csv_keys import CsvText, Thousands
from bnexp.config.section import AtLeastOne, ClassName, Fraction, Positive, RandomState, Resample, Section, Shift
from bnexp.errors import outside_locale

Text = Annotated[str, Field(min_length=1)]


class RealDataset(Section):
    """What every dataset of real rows has: which rows take part, and how they are split."""

    seed: RandomState = 42
    """Random state of the split, and of the draw where there is a limit."""
    test_size: Fraction | None = None
    """Share of the rows held out as validation data; null: the set's own test part, or 0.2 where it has none."""
    validation_size: Fraction | None = None
    """Share of the training rows set aside as validation data; the rows held out then are a test part, for verdicts."""
    limit: Annotated[int, Field(ge=4)] | None = None
    """The number of rows to draw. In a set with its own test part, they are drawn from its training part."""
    test_limit: Annotated[int, Field(ge=1)] | None = None
    """The number of rows to draw from the set's own test part."""
    stratify: bool = True
    """Keep the shares of the classes equal in both parts."""
    resample: Resample = False
    """Draw a new split for every seed: of all rows, or, with `validation`, of those outside the test part."""
    duplicates: Literal["drop", "keep"] = "drop"
    """What happens, before splitting, to a row that repeats an earlier one."""
    positive: ClassName | None = None
    """The class of two that `f1` and `pr_auc` are about, and whose probability a network gives: scikit-learn's
    `pos_label`. It is the second class; null: the second by name."""


Scale = Literal["none", "standard", "minmax"]
"""How inputs are scaled, with statistics of the training part only."""


class _Numbers(RealDataset):
    """Rows of numbers."""

    scale: Scale = "standard"
    shift: Shift | None = None
    """What sets the test part apart from what was trained on."""


class _Table(_Numbers):
    """Rows of numbers and categories."""

    scale_target: bool = True
    """Train on a regression's target in standard deviations of the training part from its mean. The loss is squared in
    this unit; mae and mse are in the target's own."""
    missing: Literal["refuse", "mean", "median"] = "refuse"
    """What stands in for a missing number: a statistic of the training part; a missing category is its own. In a CSV
    file an empty cell is missing and, among numbers, ?, -, ., NA, N/A, NaN, None, null or an error of Excel. In
    sequences NaN is padding, in whole frames at the end."""


class _Image(_Numbers):
    """Images: numbers of height x width x channels."""

    scale: Scale = "minmax"


class _Text(RealDataset):
    """Texts, as the numbers of their words."""

    vocabulary: Annotated[int, Field(ge=3)] = 10_000
    """Numbers for words: the commonest of the training part; two of them are for padding and for all other words."""
    length: AtLeastOne = 200
    """Words read of each text; shorter texts are padded, and the padding masked."""
    scale: Literal["none"] = "none"


class _Sequence(_Numbers):
    """Sequences of feature vectors."""

    length: AtLeastOne | None = None
    """Frames read of each sequence; null: as many as the longest has. Shorter ones are padded; conv1d, rnn and
    transformer mask that, the others read zeros."""


class _Audio(_Sequence):
    """Recordings, as Keras's log-mel spectrogram (`keras.layers.MelSpectrogram`) or as the wave itself."""

    features: Literal["log_mel", "wave"] = "log_mel"
    mels: AtLeastOne = 40
    """Bands of the spectrogram, from 0 to half the sampling rate."""
    window_ms: Positive = 32.0
    stride_ms: Positive = 16.0


def _possible(path: str) -> str:
    """Refuse characters that no file's name can hold here: the system's calls raise errors of their own."""
    if "\0" in path:
        raise PydanticCustomError("nul", "a path; no file's name holds the character U+0000")
    if reason := outside_locale(path):
        raise PydanticCustomError("outside_locale", "a path; {reason}", {"reason": reason.rstrip(".")})
    return path


FileKind = TypeVar("FileKind", bound="_File")
Path = Annotated[Text, AfterValidator(_possible)]


class _File(Section):
    path: Path
    """Where it lies, from the current directory."""
    validation_path: Path | None = None
    """Another one of its kind: its rows are the validation part."""
    test_path: Path | None = None
    """Another one: its rows are the test part, or what is validated on where there is no other part for it."""

    @property
    def paths(self) -> dict[str, str]:
        """Return the keys that name files or folders, and what they name: the training part's first."""
        named = {"path": self.path, "validation_path": self.validation_path, "test_path": self.test_path}
        return {key: path for key, path in named.items() if path is not None}

    @property
    def held_out_keys(self) -> dict[str, str]:
        """Return the parts that are held out as they are given, and the key that names each."""
        return {key.removesuffix("_path"): key for key in self.paths if key != "path"}

    def each_part(self: FileKind) -> Iterator[tuple[str, FileKind]]:
        """Yield the key of each file or folder, and the dataset as if that were its only one."""
        for key, path in self.paths.items():
            yield key, self.model_copy(update={"path": path, "validation_path": None, "test_path": None})


class _Columns(_File):
    """Which columns of a table are what."""

    target: Text
    """The column to be learned."""
    group: Text | None = None
    """Rows with one value in this column stay on one side of the split."""
    weight_column: Text | None = None
    """Column of numbers, 0 or more: how much a row counts in the training loss, divided by its mean over the training
    rows. Only `loss` is weighted; metrics of the parts count every row once."""


class _FeatureColumns(_Columns, _Table):
    task: Literal["auto", "classification", "regression"] = "auto"
    """auto: text, booleans and up to 20 different whole numbers are classes; other numbers are a regression."""
    drop: list[Text] = []
    """Columns to leave out."""
    categories: list[Text] = []
    """Columns of numbers to take as categories; columns of text are anyway."""
    dates: list[Text] = []
    """Columns of dates, to be read as numbers: year, month, day, weekday (0 is Monday), and hour if there are times."""


class CsvDataset(_FeatureColumns, CsvText):
    """A table in a text file, its first line the names of the columns."""

    name: Literal["csv"]
    decimal: Literal[".", ","] = "."
    """What stands before the decimals of a number."""
    thousands: Thousands | None = None
    """What stands between the thousands of a number, as in 1,234.5. A blank stands for any kind of blank."""


class ParquetDataset(_FeatureColumns):
    """A table in a Parquet file."""

    name: Literal["parquet"]


class OpenmlDataset(_Table):
    """A set of OpenML, by its number or its name, through scikit-learn's `fetch_openml` and its cache."""

    name: Literal["openml"]
    id: AtLeastOne | None = None
    """OpenML's number of the set, as in openml.org/d/61; null: it is named by `data_name`."""
    data_name: Text | None = None
    """OpenML's name of the set, such as iris."""
    version: AtLeastOne | None = None
    """The version of the set; null: the first active one."""
    target: Text | None = None
    """The column to be learned; null: the one that OpenML names."""
    task: Literal["auto", "classification", "regression"] = "auto"
    drop: list[Text] = []
    categories: list[Text] = []
    dates: list[Text] = []


class NpzDataset(_File, _Table):
    """Arrays in a NumPy file: x, one row of any shape for each y."""

    name: Literal["npz"]
    kind: Literal["auto", "table", "image", "sequence"] = "auto"
    """auto: x of rank 2 is a table, of rank 3 sequences, of rank 4 images."""
    x: Text = "x"
    y: Text = "y"
    x_validation: Text | None = None
    """The array of the validation part's inputs, in the same file; its targets are y_validation."""
    y_validation: Text | None = None
    x_test: Text | None = None
    """The array of the test part's inputs, in the same file; its targets are y_test."""
    y_test: Text | None = None
    group: Text | None = None
    """The array whose equal values keep rows on one side of the split."""
    task: Literal["auto", "classification", "regression"] = "auto"

    @property
    def held_out_keys(self) -> dict[str, str]:
        """Return the parts that are held out as they are given, and the key that names each."""
        arrays = {part: f"x_{part}" for part in ("validation", "test") if getattr(self, f"x_{part}") is not None}
        return super().held_out_keys | arrays

    def each_part(self) -> Iterator[tuple[str, NpzDataset]]:
        """Yield the key of each file, or of each array of inputs, and the dataset as if that were its only one."""
        alone = self.model_copy(update=dict.fromkeys(("x_validation", "y_validation", "x_test", "y_test")))
        yield from super(NpzDataset, alone).each_part()
        for part, key in self.held_out_keys.items():
            if key.startswith("x_"):
                arrays = {"x": getattr(self, key), "y": getattr(self, f"y_{part}")}
                yield key, alone.model_copy(update={**arrays, "validation_path": None, "test_path": None})


class ImageFolderDataset(_File, _Image):
    """Image files, a folder for each class. Folders inside it are read too, unless several classes have the same ones.
    Images are turned as their EXIF says. What lies behind transparency is black, or white if something would not show
    on black. Gray levels of 16 bits are read as 0 to 255, with their fractions."""

    name: Literal["image_folder"]
    size: Annotated[list[AtLeastOne], Field(min_length=2, max_length=2)] | None = None
    """Height and width to resize to; null: all must have one size."""
    color: Literal["rgb", "grayscale"] = "rgb"


class TextCsvDataset(_Columns, _Text, CsvText):
    """Texts in a column of a CSV file."""

    name: Literal["text_csv"]
    text: Text = "text"
    """The column that holds the texts; each value of the target is a class."""


class WavFolderDataset(_File, _Audio):
    """Sound files, a folder for each class: WAV (also of 24 bits, of floats), FLAC, OGG and MP3.
    A length that their header does not tell, as of streams, is found by decoding.
    Folders inside it are read too, unless several classes have the same ones, and `group` is none."""

    name: Literal["wav_folder"]
    group: Literal["none", "file"] = "none"
    """file: files of one name stay on one side of the split, whichever class they are in."""


class TableSet(_Table):
    """A known table."""

    name: Literal["breast_cancer", "wine", "iris", "diabetes", "image_segments", "penguins"]


class ImageSet(_Image):
    """A known set of images."""

    name: Literal["digits", "mnist5k", "fashion_mnist", "mnist", "cifar10", "cifar100"]


class TextSet(_Text):
    """A known set of texts."""

    name: Literal["spam_assassin", "sentiment_sentences", "imdb", "reuters"]


class SpokenDigitsSet(_Sequence):
    """Spoken digits: 13 mel-frequency cepstral coefficients a frame."""

    name: Literal["spoken_digits"]


class AsteriskLanguagesSet(_Audio):
    """Telephone prompts in five languages; one prompt stays on one side of the split in all of them."""

    name: Literal["asterisk_lang"]
    length: AtLeastOne | None = 128
    """Frames read of each prompt, of 16 ms each if nothing else is said; null: as many as the longest has."""


KnownSet = TableSet | ImageSet | TextSet | SpokenDigitsSet | AsteriskLanguagesSet
READ_WITH_KERAS = (_Text, _Audio)
"""Kinds whose rows are made by Keras's layers, so that TensorFlow is at work before training."""
OwnFile = CsvDataset | ParquetDataset | NpzDataset | ImageFolderDataset | TextCsvDataset | WavFolderDataset
Real = OwnFile | OpenmlDataset | KnownSet
