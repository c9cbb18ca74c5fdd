"""What `study --dry-run --json` and `compare --dry-run --json` print: the planned training, and what it can detect."""

from __future__ import annotations

from typing import Any

from pydantic import field_serializer

from bnexp.config.study import Tune
from bnexp.metrics import About
from bnexp.store.network_record import Network
from bnexp.store.records import Metric, Number, Record, SeedCount
from bnexp.store.run_record import DataFacts
from bnexp.system.numbers import Count


class PlannedTie(Record):
    """A key whose value follows a factor, and the values that it gets."""

    follows: str
    values: list[float]


class PlannedClaim(Record):
    """A hypothesis: its claim, what would support it, and whether there were results before it was asked."""

    claim: str
    asks: str
    asked_after_results: bool = False
    earlier_seeds: list[SeedCount] = []
    """The numbers of seeds with which it was answered before, in other directories."""
    detectable: str | None = None
    """The difference that these seeds detect, in words, from variances of stored trials; null if too few are stored."""


class KeptTrials(Record):
    """Trials whose first seeds were trained by an earlier study, and where these are stored."""

    trials: Count
    seeds: Count
    directories: list[str]


class PlanDocument(Record):
    """A study's plan."""

    name: str
    data: list[DataFacts]
    cells: Count
    arms: list[str]
    seeds: Count
    factors: dict[str, list[Any]]
    ties: dict[str, PlannedTie]
    tune: Tune | None
    claims: list[PlannedClaim]
    trainings: Count
    """Trainings of the whole grid, including those for tuning."""
    trainings_left: Count
    jobs: Count
    """Jobs that are not finished yet."""
    steps: Count
    """Optimizer steps of all trainings, including those for tuning."""
    finished: Count
    """Trials that are finished."""
    of: Count
    """All trials of the study."""
    not_kept: list[str] = []
    """Endpoints that stored trials cannot answer, such as epochs to another target. These trials are trained again."""
    predictions_not_kept: list[str] = []
    """Metrics of classes that stored trials cannot answer, because they keep no predictions. They are trained again."""
    damaged: list[str] = []
    """Files of trials that are damaged, or missing although they were stored. These trials are trained again."""
    seconds_left: float | None
    is_rough: bool
    sweep_metric: str | None = None
    """The metric in the table of a study without a hypothesis; null for any other study."""
    metrics: list[str] = []
    """The metrics of the hypotheses; empty for a sweep."""
    fewest_seeds: Count
    """The fewest seeds with which there is a verdict; 0 for a sweep, which has no verdict."""
    detectable_deviations: float | None
    """The smallest detectable difference on the same rows, in standard deviations of the difference over seeds."""
    detectable_for_new_rows: list[str] = []
    """Sentences on the effect of held-out rows, in the worst case, for claims about new rows without stored trials."""
    directory: str
    other_answers: dict[str, str]
    """Directory of another study of this name that had an answer before this study was begun -> its verdict."""
    only_other_data: list[str] = []
    """Directories in `other_answers` whose studies asked the same question about other data."""
    seeds_kept: list[KeptTrials] = []
    """Stored trials of the same study with fewer seeds. Only the other seeds are trained."""
    seeds_not_used: list[str] = []
    """Why seeds of an earlier study are trained again."""
    warnings: list[str] = []
    """What may mislead in the trainings: one warning of each kind, for the cell where it is worst."""
    older_format: list[str] = []
    """Directories of this name that an earlier bnexp wrote, whose trials cannot be used."""

    @field_serializer("data")
    def _without_unset(self, data: list[DataFacts]) -> list[dict[str, Any]]:
        """Return the data sets as JSON objects, without keys that are not set."""
        return [one.as_json() for one in data]


class Detectable(Record):
    """The smallest difference that a comparison detects with 80% probability, known before it is made."""

    difference: Number
    """The difference in the metric's own unit; null if it is not known."""
    rests_on: str | None
    """The earlier comparison that the variances are from; null if they are assumed, or if nothing is known."""
    sentence: str


class PlannedSeeds(Record):
    """The seeds of an experiment: how many there will be, and how many a stored run already has."""

    seeds: Count
    seeds_kept: Count = 0
    """How many of the first seeds a stored run already has. They are not trained again."""
    kept_in: str | None = None
    """The run that has these seeds."""
    seeds_not_used: list[str] = []
    """Why stored seeds are trained again."""
    interrupted: str | None = None
    """How an interrupted run of the same config goes on, with its command; null if there is none."""


class PlannedArm(PlannedSeeds):
    """An arm: the stored run that its name means, or the planned training, and the reason for it."""

    name: str
    run: str | None
    epochs: Count
    reason: str
    one_by_one: str | None = None
    """Why its seeds are trained one after the other; null if they are trained at once, or stored."""
    warnings: list[str] = []
    """What may mislead in the training of the stored run, or in the planned training."""
    network: Network | None = None
    """The user's own network, as it is built; null for bnexp's own networks."""
    seconds: Number = None
    """A very rough estimate, from the model's size, of the training time; null if nothing is to be trained."""


class ComparisonPlan(Record):
    """A comparison's plan."""

    arms: list[PlannedArm]
    baseline: str
    metric: Metric
    about: About
    seeds: Count
    """The number of seeds that all arms will have. If there are several looks, it is the number at the last look."""
    looks: list[Count] = []
    """The numbers of seeds of all looks, if the arms are looked at until the question is settled."""
    data: DataFacts
    detectable: Detectable
    cautions: list[str] = []
    """How earlier looks at these arms raise the risk of an error."""

    @field_serializer("data")
    def _without_unset(self, data: DataFacts) -> dict[str, Any]:
        """Return the data's facts as a JSON object, without keys that are not set."""
        return data.as_json()
