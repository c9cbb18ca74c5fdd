"""The processes of the tests are like bnexp's own: on a GPU they share its memory and compute in float32."""

from __future__ import annotations

import gc
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from stored_runs import CONFIG
from tasks import HereAndNow

from bnexp.cli import COLLECTED_AFTER

os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
gc.set_threshold(*COLLECTED_AFTER)  # tracing makes many objects: a tenth of the time (measured)

COSTLY = ("cli", "ray", "readme", "study_command")
"""Files whose tests share a fixture that takes many seconds: one worker runs all of such a file, before all others."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a scheduler that keeps costly files together; `--dist loadgroup` of pytest-xdist 3.8 does not with pytest 9."""
    from xdist.scheduler import LoadScopeScheduling

    whole = {f"tests/test_{name}.py" for name in COSTLY}

    class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if path in whole else nodeid

    return Scheduler(config, log)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with configs/a.yaml, in which the test runs."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def workers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do a study's work in this process, where its workers are not the point: each takes seconds to start."""
    monkeypatch.setattr("bnexp.api.studies.Place.launched", lambda place, jobs, warn: nullcontext(HereAndNow()))
