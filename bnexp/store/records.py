"""The stored documents as they must stand: types of every key that is read. Keys that are not named here may be there.

Whatever is missing was not known yet, or to an older bnexp; what must be there for some work, that work asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bnexp.config.section import Task
from bnexp.errors import RunError
from bnexp.metrics import HEADLINES, LARGEST, QUANTITIES, is_measured
from bnexp.store.reading import content, cure, read_json


class Record(BaseModel):
    """A part of a stored document: its keys have these types, and no number is infinite."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def _known(metric: str) -> str:
    if not is_measured(metric):
        raise ValueError(f"{metric!r} is no metric of bnexp; expected {', '.join(QUANTITIES)}, of a part: val_loss")
    return metric


Metric = Annotated[str, AfterValidator(_known)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Share = Annotated[float, Field(gt=0, lt=1)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None
Digests = dict[str, str]


# --- run.json ---------------------------------------------------------------------------


class Summary(Record):
    """A metric's mean over seeds at the last and at the best epoch; null where no seed has a value."""

    final: Number = None
    best: Number = None


def _with_headline(metrics: dict[str, Summary]) -> dict[str, Summary]:
    if not set(HEADLINES) & set(metrics):
        raise ValueError(f"no metric stands for the run; expected one of {', '.join(HEADLINES)}")
    return metrics


class RunHead(Record):
    """What the list of runs shows of a run, and what finds it."""

    name: str | None = None
    status: Literal["running", "finished", "interrupted"] | None = None
    config_digest: str | None = None
    seeds: Annotated[int, Field(ge=1)] | None = None
    overrides: list[str] = []
    metrics: Annotated[dict[Metric, Summary], AfterValidator(_with_headline)] | None = None


class Started(Record):
    """When a run was begun, as run.json says it."""

    started: str


class DataFacts(Record):
    """What the measured numbers are about."""

    name: str | None = None
    task: Task | None = None
    digest: str | None = None
    split: str | None = None
    source_sha256: Any = None
    rows: Count | None = None
    training_rows: Count | None = None
    validation_rows: Count | None = None
    test_rows: Count | None = None
    duplicates_dropped: Count | None = None
    rows_before_limit: Count | None = None
    files_left_out: dict[str, int] | None = None
    id_like_columns: list[str] | None = None
    classes: list[str] | None = None
    rows_per_class: list[Count] | None = None
    arrays_left_out: list[str] | None = None
    warnings: list[str] | None = None
    commonest_class_share: Number = None
    guessing: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}


class Parameters(Record):
    """How many numbers a model has."""

    trainable: Count
    non_trainable: Count = 0


class Trainer(Record):
    """Which engine trained, and why not the fast one."""

    name: str
    reason: str | None = None


class Pairing(Record):
    """Digests of what must be equal in two arms for their seeds to be paired: seed -> digest."""

    splits: Digests = {}
    batches: dict[Literal["first_epoch", "all_epochs"], Digests] = {}
    kernels: dict[str, Digests] = {}


class RunRecord(RunHead):
    """run.json."""

    format: Literal[1] = 1
    id: str | None = None
    started: str | None = None
    trainer: Trainer | None = None
    dataset: DataFacts | None = None
    parameters: Parameters | None = None
    versions: dict[str, str] | None = None
    machine: dict[str, Any] | None = None
    git: dict[str, Any] | None = None
    pairing: Pairing | None = None
    models: dict[str, str] | None = None
    duration_seconds: Number = None
    seed_epoch_seconds: Number = None
    diverged: dict[str, int] | None = None
    warnings: list[str] = []
    not_kept: list[str] = []
    """What could not be kept beside the history, and why."""


class ComparedData(DataFacts):
    """What two runs must share to be compared."""

    task: Task
    digest: str


class ComparedPairing(Pairing):
    """All digests."""

    splits: Digests
    batches: Annotated[dict[Literal["first_epoch", "all_epochs"], Digests], Field(min_length=2)]
    kernels: dict[str, Digests]


class ComparedRecord(RunRecord):
    """run.json with all that a comparison reads."""

    seeds: Annotated[int, Field(ge=1)]
    seed_epoch_seconds: Number
    parameters: Parameters
    trainer: Trainer
    machine: dict[str, Any]
    versions: dict[str, str]
    dataset: ComparedData
    pairing: ComparedPairing
    warnings: list[str]


# --- comparison.json --------------------------------------------------------------------


class Interval(Record):
    """A mean with the bounds of its interval; all null where nothing has a value."""

    mean: Number
    low: Number
    high: Number


class Verdict(Record):
    """An answer in a word, and what it rests on."""

    word: str
    sentence: str = ""


class ContrastHead(Record):
    """What the list of runs shows of a contrast."""

    verdict: Verdict


class ArmHead(Record):
    """What the list of runs shows of an arm: what was overridden when it was trained; an older bnexp kept none."""

    name: str
    overrides: list[str] = []


class ComparisonHead(Record):
    """What the list of runs shows of a comparison."""

    seeds: Annotated[list[int], Field(min_length=1)]
    arms: list[ArmHead] = []
    contrasts: Annotated[list[ContrastHead], Field(min_length=1)]


class Contrast(ContrastHead):
    """One arm against the baseline."""

    arm: str
    baseline: str | None = None
    metrics: dict[Metric, Interval]
    pairs: list[Number]


class Primary(Record):
    """The metric that decides, and the smallest difference of it that matters."""

    metric: Metric
    margin: Annotated[float, Field(ge=0)]


class Target(Record):
    """The value that arms are to reach, if there is one."""

    metric: Metric | None = None
    value: Number = None
    rule: str = ""


class ComparisonRecord(ComparisonHead):
    """comparison.json."""

    format: Literal[1] = 1
    baseline: str
    level: Share
    task: Task | None = None
    dataset: DataFacts | None = None
    primary: Primary
    target: Target = Target()
    contrasts: Annotated[list[Contrast], Field(min_length=1)]  # type: ignore[assignment]


# --- study.json -------------------------------------------------------------------------


class StudyHead(Record):
    """What the list of runs shows of a study."""

    seeds: Annotated[int, Field(ge=1)]
    verdict: str


class Factor(Record):
    """What a study varies."""

    name: str
    levels: Annotated[list[Any], Field(min_length=1)]


class ArmOfCell(Record):
    """A cell's arm: the mean of each endpoint."""

    diverged: Count = 0
    warnings: list[str] = []
    endpoints: list[Interval]


class CellRecord(Record):
    """A cell: its levels, its arms, and the difference that each hypothesis is about."""

    cell: Count
    levels: dict[str, Any]
    arms: dict[str, ArmOfCell]
    differences: list[Interval]


class HypothesisRecord(Record):
    """A hypothesis and its verdict; `study.words` reads the rest of it."""

    claim: str
    level: Share
    verdict: Verdict
    difference: Interval | None
    other_sign: list[list[float]] = []


class StudyRecord(StudyHead):
    """study.json; its format is checked by who draws it."""

    name: str
    digest: str | None = None
    level: Share
    arms: Annotated[list[str], Field(min_length=1)]
    factors: list[Factor]
    cells: Annotated[list[CellRecord], Field(min_length=1)]
    hypotheses: Annotated[list[HypothesisRecord], Field(min_length=1)]


# --- reading ----------------------------------------------------------------------------

Kind = TypeVar("Kind", bound=Record)


def head(path: Path, kind: type[Kind]) -> Kind:
    """Read the little that a list shows, and check no more.

    Raises:
        RunError: if the file is missing, too large, no regular file, no JSON, or one of these keys is of a wrong type.
    """
    try:
        return kind.model_validate_json(content(path))
    except ValidationError as error:
        raise damaged(path, error) from error


def read_record(path: Path, kind: type[Record]) -> dict[str, Any]:
    """Read a document whole, and check all that is known of it.

    Raises:
        RunError: as `head` does.
    """
    document = read_json(path)
    try:
        kind.model_validate(document)
    except ValidationError as error:
        raise damaged(path, error) from error
    return document


def damaged(path: Path, error: ValidationError) -> RunError:
    """Return the refusal of a document that is not as it should be, with the first key at fault."""
    return RunError(f"{path}: {first_fault(error)}. It is damaged, or of another bnexp. {cure(path)}")


def first_fault(error: ValidationError) -> str:
    """Return the first key that is not as it should be, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place or 'the text'}: {first['msg'].removeprefix('Value error, ')}"
