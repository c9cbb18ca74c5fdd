"""run.json: the whole record of a run, the part that a list shows, and the part that a comparison needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from bnexp.config.section import Task
from bnexp.metrics import HEADLINES
from bnexp.store.network_record import Network
from bnexp.store.records import Digests, Extensible, FileName, Metric, Number, Record, Seconds, Seeds
from bnexp.system.numbers import Count

MEASURES_NOT_KEPT = "The measures of each held-out row are not kept"
PREDICTIONS_NOT_KEPT = "The predictions for each held-out row are not kept"
"""The beginning of a note that rows.npz, or a part of it, was not written because it would have been too large."""
Ended = Literal["running", "finished", "interrupted", "failed"]
Score = Annotated[float, Field(ge=0, le=1)]


class Summary(Extensible):
    """A metric's mean over seeds at the last and at the best epoch; null if no seed has a value."""

    final: Number = None
    best: Number = None


def _with_headline(metrics: dict[str, Summary]) -> dict[str, Summary]:
    if not set(HEADLINES) & set(metrics):
        raise ValueError(f"no metric stands for the run; expected one of {', '.join(HEADLINES)}")
    return metrics


Summaries = Annotated[dict[Metric, Summary], AfterValidator(_with_headline)]


class RunHead(Record):
    """The part of run.json with which runs are listed and found."""

    name: str | None = None
    status: Ended | None = None
    config_digest: str | None = None
    seeds: Seeds | None = None
    overrides: list[str] = []
    metrics: Summaries | None = None


class Started(Record):
    """The time at which a run was begun, from run.json."""

    started: str


class DataFacts(Extensible):
    """The facts about the data: the rows, their parts and classes, and the accuracy of guessing."""

    name: str = ""
    task: Task | None = None
    kind: str | None = None
    rows: Count | None = None
    shape: list[Count] | None = None
    classes: list[str] | None = None
    rows_per_class: list[Count] | None = None
    training_rows: Count | None = None
    validation_rows: Count | None = None
    test_rows: Count | None = None
    commonest_class_share: Number = None
    guessing: dict[str, Score] = {}
    """Part -> its majority-class baseline: the accuracy of always answering the training part's commonest class."""
    one_class: dict[str, Score] | None = None
    """Part -> the accuracy of the best single answer; null in older runs."""
    rarest_held_out: dict[str, Count] = {}
    """Held-out part -> number of rows of its rarest class, in the seed with the fewest."""
    error_unit: Literal["target"] | None = None
    """`target` if the target is scaled for training, but mae and mse are in its own unit. In older runs with a scaled
    target, it is null, and mae and mse are in standard deviations of the training part."""
    split: str | None = None
    has_own_parts: bool = False
    """Whether the dataset has held-out parts of its own. A config with a `test_size` splits all rows anew."""
    samples_per_second: int | None = None
    log_mel: dict[str, JsonValue] | None = None
    texts_without_words: dict[str, JsonValue] | None = None
    files_left_out: dict[str, int] | None = None
    runs_left_out: list[str] | None = None
    """Folders with bnexp's runs inside the folder of the data."""
    arrays_left_out: list[str] | None = None
    one_hot_classes: Count | None = None
    """The length of each target, if targets are one-hot vectors."""
    target: str | None = None
    """The name of the column to be predicted, in a table."""
    target_range: list[float] | None = None
    """The lowest and the highest target of a regression."""
    id_like_columns: list[str] | None = None
    warnings: list[str] | None = None
    title: str | None = None
    licence: str | None = None
    attribution: str | None = None
    openml_id: int | None = None
    duplicates_dropped: Count | None = None
    duplicates_of_parts: Count | None = None
    """How many of these rows are of held-out parts that repeat rows of the parts before them. A warning names them."""
    cells_filled: Count | None = None
    """Number of missing values of a table that `dataset.missing` filled."""
    codes: str | None = None
    """Which inputs are codes and therefore not scaled."""
    columns_filled: Count | None = None
    rows_before_limit: Count | None = None
    source_sha256: str | None = None
    """The sha256 of the user's own files; null for synthetic and known data sets."""
    digest: str | None = None
    """The sha256 of the rows."""

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, facts: Any) -> Any:
        """Set `has_own_parts` from the text of `split`, because older runs record it only there."""
        is_said = isinstance(facts, dict) and str(facts.get("split")).startswith("the set's own")
        return {"has_own_parts": True, **facts} if is_said else facts


class Parameters(Extensible):
    """The number of a model's parameters."""

    trainable: Count
    non_trainable: Count = 0


class Trainer(Extensible):
    """The engine that trained, and the reason if it was not the fast one."""

    name: str
    reason: str | None = None


class Machine(Extensible):
    """The machine that trained a run. Older runs did not record GPUs."""

    system: str | None = None
    cores: int | None = None
    gpus: list[str] | None = None


class Git(Extensible):
    """The git commit of the folder in which a run was begun, and whether files differ from it; null if unknown."""

    commit: str | None = None
    dirty: bool | None = None


class TrainedSeeds(Extensible):
    """Seeds that were trained together: in which run, when, and on what machine."""

    seeds: Seeds
    run: str | None = None
    started: str | None = None
    duration_seconds: Seconds = None
    machine: Machine = Machine()


class Resumed(Extensible):
    """One continuation of an interrupted run. A run can be interrupted several times, for any reason."""

    started: str
    epoch: Count
    """The epoch after which training went on, for the seeds that were not finished."""
    seeds_finished: Count
    changed: list[str] = []
    """Package versions that had changed meanwhile, but do not affect the numbers."""


class Pairing(Extensible):
    """Digests of what must be equal in two arms for their seeds to be paired: seed -> digest."""

    splits: Digests = {}
    batches: dict[Literal["first_epoch", "all_epochs"], Digests] = {}
    kernels: dict[str, Digests] = {}

    def of(self, seeds: Iterable[int]) -> Pairing:
        """Return the digests of some seeds. None of their digests may be missing (see `lacks`)."""
        names = [str(seed) for seed in seeds]
        found = {key: {name: digests[name] for name in names} for key, digests in self._by_key().items()}
        return Pairing(
            splits=found["splits"],
            batches={span: found[f"batches.{span}"] for span in self.batches},
            kernels={kernel: found[f"kernels.{kernel}"] for kernel in self.kernels},
        )

    def lacks(self, seeds: Iterable[int]) -> str | None:
        """Return the first key of run.json that lacks the digest of one of these seeds; None if none is missing.

        >>> Pairing(splits={"0": "s"}, kernels={"output/kernel": {"0": "k", "1": "l"}}).lacks((0, 1))
        'pairing.splits has no seed 1'
        """
        several, numbers = self._by_key().items(), list(seeds)
        lost = (f"pairing.{key} has no seed {seed}" for key, of in several for seed in numbers if str(seed) not in of)
        return next(lost, None)

    def _by_key(self) -> dict[str, Digests]:
        return {
            "splits": self.splits,
            **{f"batches.{span}": digests for span, digests in self.batches.items()},
            **{f"kernels.{kernel}": digests for kernel, digests in self.kernels.items()},
        }


class RunRecord(Extensible):
    """The contents of run.json. A key that is not set was not known yet, or not to the bnexp that wrote the file."""

    format: Literal[1] = 1
    id: str | None = None
    name: str = ""
    status: Ended | None = None
    config_digest: str | None = None
    """The digest of what each seed measures: `config.digest`, or in older runs `config.former_digest`."""
    started: str | None = None
    seeds: Seeds | None = None
    trained: list[TrainedSeeds] = []
    """Which seeds were trained when. The first seeds may be from another run with fewer seeds. Empty in older runs."""
    rounding: str | None = None
    """How much numbers may differ from training all seeds at once; null if all seeds were trained at once."""
    resumed: list[Resumed] = []
    """Each time that training went on after an interruption."""
    trainer: Trainer | None = None
    network: Network | None = None
    """The user's own network; null for bnexp's own networks."""
    dataset: DataFacts = DataFacts()
    parameters: Parameters | None = None
    versions: dict[str, str] = {}
    machine: Machine = Machine()
    git: Git | None = None
    overrides: list[str] = []
    pairing: Pairing = Pairing()
    models: dict[FileName, str] = {}
    """File of a saved model -> its sha256."""
    rows_sha256: str | None = None
    """The sha256 of rows.npz; null if the file was not written, and in older runs."""
    duration_seconds: Seconds = None
    """The time for training all seeds, including seeds that another run trained."""
    seed_epoch_seconds: Seconds = None
    """The time for one epoch of one seed; null if it could not be measured."""
    diverged: dict[str, int] = {}
    """Seed -> the epoch in which its loss became infinite or NaN."""
    metrics: Summaries | None = None
    warnings: list[str] = []
    not_kept: list[str] = []
    """What could not be stored beside the history, and why."""


class ComparedData(DataFacts):
    """The facts about the data that are required for a comparison."""

    task: Task
    digest: str


class ComparedPairing(Pairing):
    """The digests for pairing. A comparison requires all."""

    splits: Digests
    batches: Annotated[dict[Literal["first_epoch", "all_epochs"], Digests], Field(min_length=2)]
    kernels: dict[str, Digests]


class ComparedRecord(RunRecord):
    """The contents of run.json, with all keys required that a comparison reads."""

    seeds: Seeds
    trainer: Trainer
    dataset: ComparedData
    parameters: Parameters
    versions: dict[str, str]
    machine: Machine
    pairing: ComparedPairing
    seed_epoch_seconds: Seconds
    warnings: list[str]
