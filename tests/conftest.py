"""On a GPU the processes of the tests share its memory and compute in float32, as bnexp's own do."""

import os

os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
