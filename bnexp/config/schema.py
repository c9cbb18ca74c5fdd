"""The schema of a whole config. Each section is in the file of its name; `loading.py` reads configs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bnexp.config.dataset import Dataset, has_test_part
from bnexp.config.model import Model
from bnexp.config.section import Section, Task
from bnexp.config.training import Training
from bnexp.metrics import names


class Experiment(Section):
    """What one config file describes: a dataset, a model, how to train it, and a name."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    dataset: Dataset
    model: Model
    training: Training = Training()

    def evaluated_parts(self) -> list[str]:
        """List the parts of the data that are evaluated at the end of each epoch."""
        test = ["test"] if has_test_part(self.dataset) else []
        return ["val", *test, *(["train"] if self.training.evaluate_train else [])]

    def measured(self, task: Task) -> list[str]:
        """List the metrics that are measured at each epoch, in order."""
        return names(task, self.evaluated_parts(), self.training.epoch_metrics)
