"""run.json: what is kept of a run, and what a comparison asks of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bnexp.config.section import Task
from bnexp.metrics import HEADLINES
from bnexp.store.records import Count, Digests, Metric, Number, Record


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
