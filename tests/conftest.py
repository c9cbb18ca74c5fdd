"""The processes of the tests are like bnexp's own: on a GPU they share its memory and compute in float32."""

from __future__ import annotations

import functools
import gc
import os
import random
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import CONFIG
from tasks import HereAndNow

from bnexp.cli import COLLECTED_AFTER
from bnexp.experiment import prepare
from bnexp.system import backend, spelling

os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)  # bnexp sets it for its workers, and a test looks whether it does
gc.set_threshold(*COLLECTED_AFTER)  # tracing makes many objects: a tenth of the time (measured)

SPLIT = ("layers", "masks", "networks", "normalization", "random_models", "training")
"""Files whose tests are divided among the workers. One worker runs all of any other file, since they share what it
builds: a fixture, a traced program. Files come first, those of many tests before others, and single tests last."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a scheduler that keeps files together; `--dist loadgroup` of pytest-xdist 3.8 does not with pytest 9."""
    from xdist.scheduler import LoadScopeScheduling

    split = {f"tests/test_{name}.py" for name in SPLIT}

    class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return nodeid if path in split else path

    return Scheduler(config, log)


PROGRAMS = 64
"""How many programs and models are kept: bnexp keeps fewer, and tests of one file come back to theirs."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep more of what bnexp keeps anyway: to trace a program takes most of a test's training."""
    prepare._built = functools.lru_cache(PROGRAMS)(prepare._built.__wrapped__)  # type: ignore[assignment]
    if many_seeds := sys.modules.get("bnexp.training.many_seeds"):
        many_seeds._program = functools.lru_cache(PROGRAMS)(many_seeds._program.__wrapped__)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Collect garbage once. pytest does it five times more, which takes two seconds if all objects are looked at."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Let what a test draws without a seed be the same in every run: Keras takes the seeds of layers from `random`."""
    random.seed(0)
    np.random.seed(0)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with configs/a.yaml, in which the test runs."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def by_command() -> Iterator[None]:
    """Let messages name the options of a command, where a test calls what a command calls."""
    with spelling.by_command():
        yield


@pytest.fixture
def seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train seed by seed, so that one program serves all. TensorFlow is loaded as bnexp does it: without a word."""
    backend.load()
    from bnexp.training import memory

    monkeypatch.setattr(memory, "WORKING_SET_BYTES", 1)


PAINTED = (
    "api_own", "cli", "damage", "difference_figure", "experiment", "fonts", "plots", "study_command", "study_figure",
)  # fmt: skip
"""Files in which figures are painted. In the others they are not the point."""


@pytest.fixture(scope="module", autouse=True)
def figures_unpainted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Write the texts of figures alone, where figures are not the point: to paint one takes as long as a training."""

    def texts(figure: Any, format: str) -> bytes:
        return "\n".join(
            [format, *(text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")))]
        ).encode()

    with pytest.MonkeyPatch.context() as patch:
        if request.path.stem not in {f"test_{name}" for name in PAINTED}:
            patch.setattr("bnexp.report.plots.render", texts)
        yield


@pytest.fixture
def workers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do a study's work in this process, where its workers are not the point: each takes seconds to start."""
    monkeypatch.setattr("bnexp.api.studies.Place.launched", lambda place, jobs, warn: nullcontext(HereAndNow()))
