"""bnexp: does batch normalization help your network on your data, and why?

What each command does is a function here, too: `check`, `train`, `compare`, `run_study`, `claims`, `load_run`,
`list_runs` and `plot`. They are loaded when they are first used.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

EXPORTED = {
    "Comparison": "comparisons",
    "Observer": "observer",
    "Place": "studies",
    "Question": "comparisons",
    "check": "experiments",
    "claims": "studies",
    "compare": "comparisons",
    "list_runs": "stored",
    "load_run": "stored",
    "outlook": "studies",
    "plan_study": "studies",
    "plot": "stored",
    "run_study": "studies",
    "train": "experiments",
}
"""Name -> the file of `bnexp/api/` that has it."""


def __getattr__(name: str) -> Any:
    """Return a function or class of the API."""
    import importlib

    if name not in EXPORTED:
        raise AttributeError(f"module 'bnexp' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bnexp.api.{EXPORTED[name]}"), name)


def __dir__() -> list[str]:
    """List what is exported."""
    return sorted([*globals(), *EXPORTED])
