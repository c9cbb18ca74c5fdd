"""`dataset`: rows of real data, from your own files or from a known dataset."""

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
    """Keys of every dataset of real rows: which rows are used, and how they are split."""

    seed: RandomState = 42
    """Random state of the split and, if there is a limit, of the draw of rows."""
    test_size: Fraction | None = None
    """Share of the rows held out as validation data; null: the set's own test part, or 0.2 if it has none."""
    validation_size: Fraction | None = None
    """Share of the training rows used as validation data. The held-out rows then are a test part, for verdicts."""
    limit: Annotated[int, Field(ge=4)] | None = None
    """The number of rows to draw. In a set with its own test part, they are drawn from its training part."""
    test_limit: Annotated[int, Field(ge=1)] | None = None
    """The number of rows to draw from the set's own test part."""
    stratify: bool = True
    """Keep the shares of the classes equal in both parts."""
    resample: Resample = False
    """Draw a new split for every seed. `true` splits all rows, `validation` only the rows outside the test part."""
    duplicates: Literal["drop", "keep"] = "drop"
    """Whether rows that repeat an earlier row are dropped or kept before the split."""
    positive: ClassName | None = None
    """The positive one of two classes (scikit-learn's `pos_label`). `f1` and `pr_auc` are about it, and a network
    outputs its probability. It counts as the second class; null: the second by name."""


Scale = Literal["none", "standard", "minmax"]
"""How inputs are scaled, with statistics of the training part only."""


class _Numbers(RealDataset):
    """Rows of numbers."""

    scale: Scale = "standard"
    shift: Shift | None = None
    """A change of the test part, so that it differs from the training data."""


class _Table(_Numbers):
    """Rows of numbers and categories."""

    scale_target: bool = True
    """Standardize a regression's target with the training part's mean and standard deviation. The loss is the squared
    error in this unit; mae and mse use the target's own unit."""
    missing: Literal["refuse", "mean", "median"] = "refuse"
    """What replaces a missing number: the training part's mean or median. A missing category is a category of its own.
    In a CSV file, an empty cell is missing; among numbers, also ?, -, ., NA, N/A, NaN, None, null or an error of Excel.
    In sequences, NaN is padding: whole frames at the end."""


class _Image(_Numbers):
    """Images: numbers of height x width x channels."""

    scale: Scale = "minmax"


class _Text(RealDataset):
    """Texts, as the indices of their words."""

    vocabulary: Annotated[int, Field(ge=3)] = 10_000
    """Number of entries: the most frequent words of the training part, padding, and one entry for all other words."""
    length: AtLeastOne = 200
    """Number of words read from each text. Shorter texts are padded, and the padding is masked."""
    scale: Literal["none"] = "none"


class _Sequence(_Numbers):
    """Sequences of feature vectors."""

    length: AtLeastOne | None = None
    """Number of frames read from each sequence; null: as many as the longest has. Shorter sequences are padded. conv1d,
    rnn and transformer mask the padding; other models read zeros."""


class _Audio(_Sequence):
    """Recordings, as Keras's log-mel spectrogram (`keras.layers.MelSpectrogram`) or as the raw wave."""

    features: Literal["log_mel", "wave"] = "log_mel"
    mels: AtLeastOne = 40
    """Bands of the spectrogram, from 0 to half the sampling rate."""
    window_ms: Positive = 32.0
    stride_ms: Positive = 16.0


def _possible(path: str) -> str:
    """Refuse characters that a file name cannot have here, because system calls would raise other errors."""
    if "\0" in path:
        raise PydanticCustomError("nul", "a path; no file's name holds the character U+0000")
    if reason := outside_locale(path):
        raise PydanticCustomError("outside_locale", "a path; {reason}", {"reason": reason.rstrip(".")})
    return path


FileKind = TypeVar("FileKind", bound="_File")
Path = Annotated[Text, AfterValidator(_possible)]


class _File(Section):
    path: Path
    """Path of the file or folder, from the current directory."""
    validation_path: Path | None = None
    """Another file or folder of the same kind: its rows are the validation part."""
    test_path: Path | None = None
    """Another file or folder: its rows are the test part, or the validation part if there is no other."""

    @property
    def paths(self) -> dict[str, str]:
        """Map each key that is set to the file or folder that it names. The training part's key comes first."""
        named = {"path": self.path, "validation_path": self.validation_path, "test_path": self.test_path}
        return {key: path for key, path in named.items() if path is not None}

    @property
    def held_out_keys(self) -> dict[str, str]:
        """Map each held-out part that is given as data of its own to the key that names it."""
        return {key.removesuffix("_path"): key for key in self.paths if key != "path"}

    def each_part(self: FileKind) -> Iterator[tuple[str, FileKind]]:
        """Yield the key of each file or folder, and the dataset with that file or folder alone."""
        for key, path in self.paths.items():
            yield key, self.model_copy(update={"path": path, "validation_path": None, "test_path": None})


class _Columns(_File):
    """Keys for the roles of columns in a table."""

    target: Text
    """The column to be learned."""
    group: Text | None = None
    """Rows with the same value in this column stay in the same part of the split."""
    weight_column: Text | None = None
    """Column with each row's weight in the training loss: numbers of 0 or more, divided by their mean over the training
    rows. Only `loss` is weighted; metrics of the parts count every row once."""


class _FeatureColumns(_Columns, _Table):
    task: Literal["auto", "classification", "regression"] = "auto"
    """auto: text, booleans and up to 20 different whole numbers are classes; other numbers are a regression."""
    drop: list[Text] = []
    """Columns to leave out."""
    categories: list[Text] = []
    """Columns of numbers to read as categories. Columns of text always are categories."""
    dates: list[Text] = []
    """Columns of dates, to be read as numbers: year, month, day, weekday (0 is Monday), and hour if there are times."""


class CsvDataset(_FeatureColumns, CsvText):
    """A table in a text file. Its first line has the names of the columns."""

    name: Literal["csv"]
    decimal: Literal[".", ","] = "."
    """The decimal mark of a number."""
    thousands: Thousands | None = None
    """The thousands separator of a number, as in 1,234.5. A space means any kind of space."""


class ParquetDataset(_FeatureColumns):
    """A table in a Parquet file."""

    name: Literal["parquet"]


class OpenmlDataset(_Table):
    """A dataset of OpenML, given by its number or its name. scikit-learn's `fetch_openml` loads and caches it."""

    name: Literal["openml"]
    id: AtLeastOne | None = None
    """OpenML's number of the set, as in openml.org/d/61; null: the set is named by `data_name`."""
    data_name: Text | None = None
    """OpenML's name of the set, such as iris."""
    version: AtLeastOne | None = None
    """The version of the set; null: the first active one."""
    target: Text | None = None
    """The column to be learned; null: the target that OpenML names."""
    task: Literal["auto", "classification", "regression"] = "auto"
    drop: list[Text] = []
    categories: list[Text] = []
    dates: list[Text] = []


class NpzDataset(_File, _Table):
    """Arrays in a NumPy file: `x` has one row of any shape for each target in `y`."""

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
    """The array of groups: rows with the same value stay in the same part of the split."""
    task: Literal["auto", "classification", "regression"] = "auto"

    @property
    def held_out_keys(self) -> dict[str, str]:
        """Map each held-out part that is given as data of its own to the key that names it."""
        arrays = {part: f"x_{part}" for part in ("validation", "test") if getattr(self, f"x_{part}") is not None}
        return super().held_out_keys | arrays

    def each_part(self) -> Iterator[tuple[str, NpzDataset]]:
        """Yield the key of each file or array of inputs, and the dataset with that file or array alone."""
        alone = self.model_copy(update=dict.fromkeys(("x_validation", "y_validation", "x_test", "y_test")))
        yield from super(NpzDataset, alone).each_part()
        for part, key in self.held_out_keys.items():
            if key.startswith("x_"):
                arrays = {"x": getattr(self, key), "y": getattr(self, f"y_{part}")}
                yield key, alone.model_copy(update={**arrays, "validation_path": None, "test_path": None})


class ImageFolderDataset(_File, _Image):
    """Image files, with a folder for each class.

    Folders inside a class are read too, unless several classes have folders of the same names. Images are rotated as
    their EXIF data say. Transparent pixels become black, or white in all images if an image would be blank on black.
    Gray levels of 16 bits are read as 0 to 255, with fractions.
    """

    name: Literal["image_folder"]
    size: Annotated[list[AtLeastOne], Field(min_length=2, max_length=2)] | None = None
    """Height and width to which images are resized; null: all images must have the same size."""
    color: Literal["rgb", "grayscale"] = "rgb"


class TextCsvDataset(_Columns, _Text, CsvText):
    """Texts in a column of a CSV file."""

    name: Literal["text_csv"]
    text: Text = "text"
    """The column that holds the texts; each value of the target is a class."""


class WavFolderDataset(_File, _Audio):
    """Sound files, with a folder for each class: WAV (also of 24 bits or floats), FLAC, OGG and MP3.

    If a file's header has no length, as in streams, the file is decoded to find its length. Folders inside a class are
    read too, unless `group` is none and several classes have folders of the same names.
    """

    name: Literal["wav_folder"]
    group: Literal["none", "file"] = "none"
    """file: files with the same name stay in the same part of the split, even if their classes differ."""


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
    """Spoken digits: 13 mel-frequency cepstral coefficients per frame."""

    name: Literal["spoken_digits"]


class AsteriskLanguagesSet(_Audio):
    """Telephone prompts in five languages. A prompt stays in the same part of the split in all languages."""

    name: Literal["asterisk_lang"]
    length: AtLeastOne | None = 128
    """Number of frames read from each prompt, by default of 16 ms each; null: as many as the longest has."""


KnownSet = TableSet | ImageSet | TextSet | SpokenDigitsSet | AsteriskLanguagesSet
READ_WITH_KERAS = (_Text, _Audio)
"""Kinds whose rows are computed by Keras's layers, so that TensorFlow runs before training."""
OwnFile = CsvDataset | ParquetDataset | NpzDataset | ImageFolderDataset | TextCsvDataset | WavFolderDataset
Real = OwnFile | OpenmlDataset | KnownSet
