"""What `study --dry-run --json` and `compare --dry-run --json` print: what is trained, and what it can detect."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_serializer

from bnexp.config.study import Tune
from bnexp.store.records import Metric, Number, Record, SeedCount
from bnexp.store.run_record import DataFacts, Network
from bnexp.system.numbers import Count


class PlannedTie(Record):
    """A key that follows a factor, and the values that this comes to."""

    follows: str
    values: list[float]


class PlannedClaim(Record):
    """A hypothesis: its claim, what would support it, and whether results were there before it was asked."""

    claim: str
    asks: str
    asked_after_results: bool = False
    earlier_seeds: list[SeedCount] = []
    """The numbers of seeds at which it had an answer before, in other directories."""
    detectable: str | None = None
    """Which difference these seeds detect, by the variances of stored trials; null where too few are stored."""


class KeptTrials(Record):
    """Trials whose first seeds an earlier study has trained."""

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
    """Of the whole grid, those for tuning included."""
    trainings_left: Count
    jobs: Count
    """That are left."""
    steps: Count
    """Optimizer steps of all trainings, those for tuning included."""
    finished: Count
    """Trials that are finished."""
    of: Count
    not_kept: list[str] = []
    """Targets that finished trials do not keep the epochs to: these trials are trained again."""
    damaged: list[str] = []
    """Files of trials that cannot be used: missing, though they were kept, or damaged. These are trained again."""
    seconds_left: float | None
    is_rough: bool
    sweep_metric: str | None = None
    """What the table of a study without a hypothesis shows; null for any other."""
    fewest_seeds: Count
    """With fewer there is no verdict; 0 for a sweep, which has none."""
    detectable_deviations: float | None
    """On the same rows, for other seeds."""
    detectable_for_new_rows: list[str] = []
    """How held-out rows count, by the worst case, for claims whose trials are not stored and that are for new rows."""
    directory: str
    other_answers: dict[str, str]
    """Directory of another study of this name, answered before this one was begun -> its verdict."""
    seeds_kept: list[KeptTrials] = []
    """Of the same study with fewer seeds: only the other seeds are trained."""
    seeds_not_used: list[str] = []
    """Why seeds of an earlier study are trained again."""
    warnings: list[str] = []
    """What may mislead in the trainings: each kind once, in the words of the cell that has it worst."""
    older_format: list[str] = []
    """Directories of this name that an earlier bnexp wrote, whose trials cannot be used."""

    @field_serializer("data")
    def _without_unset(self, data: list[DataFacts]) -> list[dict[str, Any]]:
        """Leave out what is not set of a data set."""
        return [one.as_json() for one in data]


class Detectable(Record):
    """The smallest difference that a comparison detects with 80% probability, known before it is made."""

    difference: Number
    """In the metric's own unit; null where it is not known."""
    rests_on: str | None
    """The earlier comparison whose variances it rests on; null where they are assumed, or nothing is known."""
    sentence: str


class PlannedSeeds(Record):
    """The seeds of an experiment: how many there will be, and how many of them a stored run keeps already."""

    seeds: Count
    seeds_kept: Count = 0
    """Of the first seeds, which are not trained again."""
    kept_in: str | None = None
    """The run that keeps them."""
    seeds_not_used: list[str] = []
    """Why stored seeds are trained again."""


class PlannedArm(PlannedSeeds):
    """An arm: the stored run that it means, or what will be trained, and why."""

    name: str
    run: str | None
    epochs: Count
    reason: str
    warnings: list[str] = []
    """What may mislead in its training: of a stored run, or as it is planned."""
    network: Network | None = None
    """Of a network of the user's own: what was made of it."""
    seconds: Number = None
    """To train what no run keeps, very roughly, by the size of the model; null where nothing is to be trained."""


class ComparisonPlan(Record):
    """A comparison's plan."""

    arms: list[PlannedArm]
    baseline: str
    metric: Metric
    about: Literal["new-rows", "these-rows"]
    seeds: Count
    """That all arms will have; at the last look, if there are several."""
    looks: list[Count] = []
    """The numbers of seeds of all looks, if the arms are looked at until the question is settled."""
    data: DataFacts
    detectable: Detectable
    cautions: list[str] = []
    """What earlier looks at these arms do to the error."""

    @field_serializer("data")
    def _without_unset(self, data: DataFacts) -> dict[str, Any]:
        """Leave out what is not set of the data."""
        return data.as_json()
