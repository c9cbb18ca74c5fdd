"""run.json: what is kept of a run, what a list shows of it, and what a comparison asks of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from bnexp.config.section import Task
from bnexp.metrics import HEADLINES
from bnexp.store.records import Digests, Extensible, FileName, Metric, Number, Record, Seconds, Seeds
from bnexp.system.numbers import Count

MEASURES_NOT_KEPT = "The measures of each held-out row are not kept"
PREDICTIONS_NOT_KEPT = "The predictions for each held-out row are not kept"
"""How a note begins that says why rows.npz, or a part of it, was not written: it would have been too large."""
Ended = Literal["running", "finished", "interrupted"]
Score = Annotated[float, Field(ge=0, le=1)]


class Summary(Extensible):
    """A metric's mean over seeds at the last and at the best epoch; null where no seed has a value."""

    final: Number = None
    best: Number = None


def _with_headline(metrics: dict[str, Summary]) -> dict[str, Summary]:
    if not set(HEADLINES) & set(metrics):
        raise ValueError(f"no metric stands for the run; expected one of {', '.join(HEADLINES)}")
    return metrics


Summaries = Annotated[dict[Metric, Summary], AfterValidator(_with_headline)]


class RunHead(Record):
    """What the list of runs shows of a run, and what finds it."""

    name: str | None = None
    status: Ended | None = None
    config_digest: str | None = None
    seeds: Seeds | None = None
    overrides: list[str] = []
    metrics: Summaries | None = None


class Started(Record):
    """When a run was begun, as run.json says it."""

    started: str


class DataFacts(Extensible):
    """What the measured numbers are about: the rows, their parts and classes, and what guessing would score."""

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
    """Part -> the accuracy of answering the training part's commonest class."""
    one_class: dict[str, Score] | None = None
    """Part -> the accuracy of the best single answer; null in runs of before it was recorded."""
    rarest_held_out: dict[str, Count] = {}
    """Held-out part -> its rows of the rarest class, in the seed with the fewest."""
    error_unit: Literal["target"] | None = None
    """Of mae and mse of a target that is scaled for training: its own. Older runs have null, and the scaled one."""
    split: str | None = None
    has_own_parts: bool = False
    """Whether the set itself holds rows out. A config with a `test_size` splits them anew."""
    samples_per_second: int | None = None
    log_mel: dict[str, JsonValue] | None = None
    texts_without_words: dict[str, JsonValue] | None = None
    files_left_out: dict[str, int] | None = None
    arrays_left_out: list[str] | None = None
    one_hot_classes: Count | None = None
    """Of targets that are one-hot: how many numbers each has."""
    target: str | None = None
    """The column of a table that is predicted."""
    target_range: list[float] | None = None
    """Of a regression: the lowest and the highest target."""
    id_like_columns: list[str] | None = None
    warnings: list[str] | None = None
    title: str | None = None
    licence: str | None = None
    attribution: str | None = None
    openml_id: int | None = None
    duplicates_dropped: Count | None = None
    cells_filled: Count | None = None
    """Empty ones of a table, by `dataset.missing`."""
    columns_filled: Count | None = None
    """That these cells are of."""
    rows_before_limit: Count | None = None
    source_sha256: str | None = None
    """Of the files that were read; null for data that are drawn, or that bnexp knows."""
    digest: str | None = None
    """Of the rows."""

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, facts: Any) -> Any:
        """Read from its split whether a set has parts of its own: older runs say it there alone."""
        is_said = isinstance(facts, dict) and str(facts.get("split")).startswith("the set's own")
        return {"has_own_parts": True, **facts} if is_said else facts


class SwappedLayer(Extensible):
    """A layer of the user's own network that was changed for this arm."""

    path: str
    was: str
    now: str


class Network(Extensible):
    """The user's own network, as it was built."""

    sha256: str | None = None
    """Of the function's file, the user's files and the package versions that it imports; or of the .keras file."""
    normalizations: dict[str, int] = {}
    """Kind of normalization layer -> how many the network has in this arm."""
    architecture: str | None = None
    """The sha256 of its layers: two arms with the same one do not differ."""
    swapped: list[SwappedLayer] = []
    """What its normalization layers became."""
    notes: list[str] = []
    adds_penalty: bool = False
    """Whether a regularizer adds to its loss."""


class Parameters(Extensible):
    """How many numbers a model has."""

    trainable: Count
    non_trainable: Count = 0


class Trainer(Extensible):
    """Which engine trained, and why not the fast one."""

    name: str
    reason: str | None = None


class Machine(Extensible):
    """Where a run was trained; runs of before GPUs were recorded name none."""

    system: str | None = None
    cores: int | None = None
    gpus: list[str] | None = None


class Git(Extensible):
    """The commit of the folder in which a run was begun, and whether files differ from it; null where unknown."""

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
    """When an interrupted run went on: by whatever it was stopped, and however often."""

    started: str
    epoch: Count
    """After which it went on, of the seeds that were at work."""
    seeds_finished: Count
    changed: list[str] = []
    """What was different then, and changes no number."""


class Pairing(Extensible):
    """Digests of what must be equal in two arms for their seeds to be paired: seed -> digest."""

    splits: Digests = {}
    batches: dict[Literal["first_epoch", "all_epochs"], Digests] = {}
    kernels: dict[str, Digests] = {}

    def of(self, seeds: Iterable[int]) -> Pairing:
        """Return the digests of some seeds; each of them has every digest (`lacks`)."""
        names = [str(seed) for seed in seeds]
        found = {key: {name: digests[name] for name in names} for key, digests in self._by_key().items()}
        return Pairing(
            splits=found["splits"],
            batches={span: found[f"batches.{span}"] for span in self.batches},
            kernels={kernel: found[f"kernels.{kernel}"] for kernel in self.kernels},
        )

    def lacks(self, seeds: Iterable[int]) -> str | None:
        """Return the first digest that one of these seeds has not, as run.json names it; None if none is missing.

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
    """run.json. What is not set was not known yet, or not to the bnexp that wrote it."""

    format: Literal[1] = 1
    id: str | None = None
    name: str = ""
    status: Ended | None = None
    config_digest: str | None = None
    """Of what each seed measures: `config.digest`, or in older runs `config.former_digest`."""
    started: str | None = None
    seeds: Seeds | None = None
    trained: list[TrainedSeeds] = []
    """Which seeds were trained when. The first ones may be another run's, which had fewer; older runs list none."""
    rounding: str | None = None
    """How numbers may differ from training all seeds at once; null where they were trained so."""
    resumed: list[Resumed] = []
    """Each time that training went on after an interruption."""
    trainer: Trainer | None = None
    network: Network | None = None
    """null of bnexp's own networks."""
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
    """Of rows.npz; null where what each held-out row measured is not kept, and in older runs."""
    duration_seconds: Seconds = None
    """Of training all seeds, in whichever run."""
    seed_epoch_seconds: Seconds = None
    """What an epoch of one seed took; null where it could not be measured."""
    diverged: dict[str, int] = {}
    """Seed -> the epoch in which its loss ceased to be finite."""
    metrics: Summaries | None = None
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

    seeds: Seeds
    trainer: Trainer
    dataset: ComparedData
    parameters: Parameters
    versions: dict[str, str]
    machine: Machine
    pairing: ComparedPairing
    seed_epoch_seconds: Seconds
    warnings: list[str]
