"""bnexp: does batch normalization help your network on your data, and why?

Most commands are also functions here: `check`, `train`, `compare`, `run_study`, `claims`, `load_run`,
`list_runs`, `plot`, `list_data` and `fetch_data`. They are loaded when they are first used.
From a network to an answer:

    import bnexp
    result = bnexp.compare(build, data=(x, y), arms=["batch", "none"], seeds=20, epochs=30)
    result.verdict.word, result.verdict.sentence
    result.frame()             # pandas: a row for each arm, seed, epoch and metric
    result.figure("accuracy")  # matplotlib
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

EXPORTED = {
    "BnexpWarning": "names",
    "CheckedExperiment": "experiments",
    "Claims": "studies",
    "Comparison": "results",
    "ComparisonPlan": "comparisons",
    "ConfigError": "names",
    "DataSet": "data_sets",
    "FetchError": "names",
    "Observer": "observer",
    "Place": "studies",
    "Plan": "studies",
    "PlanDocument": "studies",
    "Progress": "progress",
    "Question": "comparisons",
    "RunError": "names",
    "StoppedError": "names",
    "StorageError": "names",
    "StoredRun": "results",
    "Study": "results",
    "Trained": "results",
    "TrainedRun": "results",
    "UntrainedError": "names",
    "UserError": "names",
    "WorkError": "names",
    "check": "experiments",
    "claims": "studies",
    "compare": "comparisons",
    "fetch_data": "data_sets",
    "list_data": "data_sets",
    "list_runs": "stored",
    "load_run": "stored",
    "outlook": "studies",
    "plan_comparison": "comparisons",
    "plan_study": "studies",
    "plot": "stored",
    "run_study": "studies",
    "train": "experiments",
}
"""Name -> the file of `bnexp/api/` that defines or re-exports it."""

if TYPE_CHECKING:  # the same names once more, so that editors and type checkers know them
    from bnexp.api.comparisons import ComparisonPlan as ComparisonPlan
    from bnexp.api.comparisons import Question as Question
    from bnexp.api.comparisons import compare as compare
    from bnexp.api.comparisons import plan_comparison as plan_comparison
    from bnexp.api.data_sets import DataSet as DataSet
    from bnexp.api.data_sets import fetch_data as fetch_data
    from bnexp.api.data_sets import list_data as list_data
    from bnexp.api.experiments import CheckedExperiment as CheckedExperiment
    from bnexp.api.experiments import check as check
    from bnexp.api.experiments import train as train
    from bnexp.api.names import BnexpWarning as BnexpWarning
    from bnexp.api.names import ConfigError as ConfigError
    from bnexp.api.names import FetchError as FetchError
    from bnexp.api.names import RunError as RunError
    from bnexp.api.names import StoppedError as StoppedError
    from bnexp.api.names import StorageError as StorageError
    from bnexp.api.names import UntrainedError as UntrainedError
    from bnexp.api.names import UserError as UserError
    from bnexp.api.names import WorkError as WorkError
    from bnexp.api.observer import Observer as Observer
    from bnexp.api.progress import Progress as Progress
    from bnexp.api.results import Comparison as Comparison
    from bnexp.api.results import StoredRun as StoredRun
    from bnexp.api.results import Study as Study
    from bnexp.api.results import Trained as Trained
    from bnexp.api.results import TrainedRun as TrainedRun
    from bnexp.api.stored import list_runs as list_runs
    from bnexp.api.stored import load_run as load_run
    from bnexp.api.stored import plot as plot
    from bnexp.api.studies import Claims as Claims
    from bnexp.api.studies import Place as Place
    from bnexp.api.studies import Plan as Plan
    from bnexp.api.studies import PlanDocument as PlanDocument
    from bnexp.api.studies import claims as claims
    from bnexp.api.studies import outlook as outlook
    from bnexp.api.studies import plan_study as plan_study
    from bnexp.api.studies import run_study as run_study
else:

    def __getattr__(name: str) -> object:
        """Return a function or class of the API."""
        import importlib

        if name not in EXPORTED:
            raise AttributeError(f"module 'bnexp' has no attribute {name!r}")
        return getattr(importlib.import_module(f"bnexp.api.{EXPORTED[name]}"), name)


def __dir__() -> list[str]:
    """List what is exported."""
    return sorted([*globals(), *EXPORTED])
