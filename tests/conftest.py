"""On a GPU the processes of the tests share its memory and compute in float32, as bnexp's own do."""

from __future__ import annotations

import os
from contextlib import nullcontext

import pytest
from tasks import HereAndNow

os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")


@pytest.fixture
def workers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do a study's work in this process, where its workers are not the point: each takes seconds to start."""
    monkeypatch.setattr("bnexp.cli.study_commands.Place.workers", lambda place, jobs, warn: nullcontext(HereAndNow()))
