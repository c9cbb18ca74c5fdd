"""`dataset`: rows drawn by scikit-learn's generators."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnexp.config.section import AtLeastOne, Fraction, NonNegative, Positive, RandomState, Resample, Section, Shift


class _Drawn(Section):
    """Keys of every generated dataset: how many rows are drawn, and how they are split and scaled."""

    samples: Annotated[int, Field(ge=4, le=100_000_000)] = 1000
    """Total number of rows to draw. In `classification` and `regression`, another number draws another problem."""
    seed: RandomState = 42
    """Random state of the draw and, unless `resample`, of the split."""
    test_size: Fraction = 0.2
    """Share of the rows held out. Without `validation_size`, they are the validation data."""
    validation_size: Fraction | None = None
    """Share of the training rows used as validation data. The held-out rows then are a test part, for verdicts."""
    stratify: bool = False
    """Keep the shares of the classes equal in both parts."""
    scale: Literal["none", "standard", "minmax"] = "none"
    """How inputs are scaled, with statistics of the training part only."""
    shift: Shift | None = None
    """A change of the test part, so that it differs from the training data."""
    resample: Resample = False
    """Draw a new split for every seed. `true` splits all rows, `validation` only the rows outside the test part."""


class ClassificationDataset(_Drawn):
    """scikit-learn's `make_classification`."""

    name: Literal["classification"]
    features: AtLeastOne = 20
    informative: Annotated[int, Field(ge=1)] = 2
    redundant: Annotated[int, Field(ge=0)] = 2
    repeated: Annotated[int, Field(ge=0)] = 0
    classes: Annotated[int, Field(ge=2)] = 2
    clusters_per_class: AtLeastOne = 2
    weights: list[Fraction] | None = None
    """Shares of the classes; equal if not given."""
    flip_y: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of labels drawn at random."""
    class_sep: Positive = 1.0
    """Distance between clusters: larger is easier."""


class RegressionDataset(_Drawn):
    """scikit-learn's `make_regression`, one target."""

    name: Literal["regression"]
    features: AtLeastOne = 20
    informative: AtLeastOne = 10
    bias: float = 0.0
    noise: NonNegative = 0.0
    """Standard deviation of the noise on the target."""
    effective_rank: AtLeastOne | None = None
    tail_strength: Annotated[float, Field(ge=0, le=1)] = 0.5
    stratify: Literal[False] = False


class MoonsDataset(_Drawn):
    """scikit-learn's `make_moons`: two classes, two features."""

    name: Literal["moons"]
    noise: NonNegative = 0.2


class CirclesDataset(_Drawn):
    """scikit-learn's `make_circles`: two classes, two features."""

    name: Literal["circles"]
    noise: NonNegative = 0.1
    factor: Fraction = 0.5
    """Radius of the inner circle, as a share of the outer circle's."""


class BlobsDataset(_Drawn):
    """scikit-learn's `make_blobs`: one Gaussian cloud per class."""

    name: Literal["blobs"]
    features: AtLeastOne = 2
    classes: Annotated[int, Field(ge=2)] = 3
    cluster_std: Positive = 1.0
    center_box: Annotated[list[float], Field(min_length=2, max_length=2)] = [-10.0, 10.0]


Synthetic = ClassificationDataset | RegressionDataset | MoonsDataset | CirclesDataset | BlobsDataset
