"""The processes of the tests are like bnexp's own: on a GPU they share its memory and compute in float32."""

from __future__ import annotations

import gc
import os
from contextlib import nullcontext

import pytest
from tasks import HereAndNow

from bnexp.cli import COLLECTED_AFTER

os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
gc.set_threshold(*COLLECTED_AFTER)  # tracing makes many objects: a tenth of the time (measured)


@pytest.fixture
def workers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do a study's work in this process, where its workers are not the point: each takes seconds to start."""
    monkeypatch.setattr("bnexp.cli.study_commands.Place.workers", lambda place, jobs, warn: nullcontext(HereAndNow()))
