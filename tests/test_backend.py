"""Loading TensorFlow: quietly, once, and without what bnexp has no use for."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import gc, sys
from bnexp import backend
backend.load()
assert {"keras", "tensorflow"} <= set(sys.modules)
print([name for name in backend.NOT_NEEDED if name in sys.modules], gc.isenabled())
frozen = gc.get_freeze_count()
backend.load()
print(gc.get_freeze_count() == frozen)
import pandas, matplotlib.pyplot
print(pandas.DataFrame({"a": [1]}).shape)
"""


def test_loading_is_quiet_and_later_loads_freeze_nothing_and_what_was_hidden_can_be_imported() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[] True", "True", "(1, 1)"]
