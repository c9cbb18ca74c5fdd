"""Random small experiments: any layers in any order, any optimizer, schedule and rule. A number gives the same one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

FEATURES = 12
Layers = list[dict[str, dict[str, Any]]]


def random_experiment(number: int) -> dict[str, Any]:
    """Return a config as plain values, with 60 to 120 rows and 3 epochs."""
    draw = random.Random(number)
    task = draw.choice(["binary", "multiclass", "regression"])
    return {
        "name": f"random-{number}",
        "dataset": dataset(draw, task, number),
        "model": {"name": "sequential", "layers": [*body(draw), head(task)]},
        "training": training(draw, task),
    }


def dataset(draw: random.Random, task: str, number: int) -> dict[str, Any]:
    keys: dict[str, Any] = {"samples": draw.randrange(60, 121), "features": FEATURES, "seed": number}
    keys |= {"scale": draw.choice(["none", "standard", "minmax"]), "resample": draw.choice([False, True])}
    keys |= draw.choice([{}, {"validation_size": 0.25, "test_size": 0.3}])
    if task == "regression":
        return {"name": "regression", "informative": 5, "noise": 1.0, **keys}
    return {"name": "classification", "informative": 5, "classes": 2 if task == "binary" else 3, **keys}


def head(task: str) -> dict[str, Any]:
    units, activation = {"binary": (1, "sigmoid"), "multiclass": (3, "softmax"), "regression": (1, "linear")}[task]
    return {"Dense": {"units": units, "activation": activation}}


def body(draw: random.Random) -> Layers:
    """Return two to five layers over rows, frames or pixels, then what makes rows of them again."""
    start = draw.choice(["flat", "frames", "pixels"])
    kinds = {"flat": flat, "frames": frames, "pixels": pixels}[start]
    layers = [kinds(draw) for _ in range(draw.randrange(2, 5))]
    if start == "frames":
        end = draw.choice([{"GlobalAveragePooling1D": {}}, {"GlobalMaxPooling1D": {}}, {"Flatten": {}}, last(draw)])
        return [{"Reshape": {"target_shape": [6, 2]}}, *layers, end]
    if start == "pixels":
        end = draw.choice([{"GlobalAveragePooling2D": {}}, {"GlobalMaxPooling2D": {}}, {"Flatten": {}}])
        return [{"Reshape": {"target_shape": [3, 2, 2]}}, *layers, end]
    return layers


def last(draw: random.Random) -> dict[str, Any]:
    return {draw.choice(["GRU", "LSTM", "SimpleRNN"]): {"units": 3}}


def dense(draw: random.Random) -> dict[str, Any]:
    return {
        "units": draw.randrange(2, 7),
        "activation": draw.choice(["relu", "tanh", "selu", "gelu", "linear", "swish"]),
        "use_bias": draw.random() < 0.8,
        **draw.choice([{}, {}, {"kernel_regularizer": "l2"}, {"activity_regularizer": "l2"}]),
        **draw.choice([{}, {}, {}, {}, {"kernel_constraint": "max_norm"}]),
    }


def normalization(draw: random.Random) -> dict[str, Any]:
    return draw.choice(
        [
            {"BatchNormalization": {"momentum": draw.choice([0.5, 0.9, 0.99]), "epsilon": 1e-3}},
            {"BatchNormalization": {"center": draw.random() < 0.5, "scale": draw.random() < 0.5}},
            {"BatchNormalization": {"momentum": 0.9, "synchronized": True}},
            {"LayerNormalization": {}},
            {"RMSNormalization": {}},
            {"UnitNormalization": {}},
            {"UnitNormalization": {"axis": 0}},
        ]
    )


def anywhere(draw: random.Random) -> dict[str, Any]:
    return draw.choice(
        [
            {"Dropout": {"rate": 0.3}},
            {"GaussianNoise": {"stddev": 0.2}},
            {"GaussianDropout": {"rate": 0.2}},
            {"Activation": {"activation": draw.choice(["softsign", "elu", "hard_sigmoid"])}},
            {"LeakyReLU": {}},
            {"PReLU": {}},
            {"Rescaling": {"scale": 0.5, "offset": 0.1}},
        ]
    )


def flat(draw: random.Random) -> dict[str, Any]:
    return draw.choice([lambda: {"Dense": dense(draw)}, lambda: normalization(draw), lambda: anywhere(draw)])()


def frames(draw: random.Random) -> dict[str, Any]:
    def recurrent() -> dict[str, Any]:
        noise = draw.choice([{}, {}, {"dropout": 0.3}, {"recurrent_dropout": 0.2}])
        return {draw.choice(["GRU", "LSTM", "SimpleRNN"]): {"units": 3, "return_sequences": True, **noise}}

    def convolution() -> dict[str, Any]:
        kind = draw.choice(["Conv1D", "SeparableConv1D"])
        padding = draw.choice(["same", "causal"] if kind == "Conv1D" else ["same"])
        return {kind: {"filters": draw.randrange(2, 5), "kernel_size": 2, "padding": padding, "activation": "relu"}}

    kinds = [recurrent, convolution, lambda: {"Dense": dense(draw)}, lambda: normalization(draw)]
    return draw.choice([*kinds, lambda: anywhere(draw), lambda: {"SpatialDropout1D": {"rate": 0.2}}])()


def pixels(draw: random.Random) -> dict[str, Any]:
    def convolution() -> dict[str, Any]:
        kind = draw.choice(["Conv2D", "SeparableConv2D", "Conv2DTranspose"])
        return {kind: {"filters": draw.randrange(2, 5), "kernel_size": 2, "padding": "same", "activation": "relu"}}

    kinds = [convolution, lambda: {"DepthwiseConv2D": {"kernel_size": 2, "padding": "same"}}]
    kinds += [lambda: {"Dense": dense(draw)}, lambda: normalization(draw), lambda: anywhere(draw)]
    pooling = draw.choice(["MaxPooling2D", "AveragePooling2D"])
    return draw.choice([*kinds, lambda: {pooling: {"pool_size": 2, "strides": 1, "padding": "same"}}])()


def training(draw: random.Random, task: str) -> dict[str, Any]:
    initial = draw.choice([0.001, 0.01])
    schedules = [
        {"name": "constant", "initial": initial},
        {"name": "cosine", "initial": initial, "warmup_epochs": draw.choice([0.0, 1.0]), "final_share": 0.1},
        {"name": "step", "initial": initial, "every_epochs": 1.0, "factor": 0.5},
        {"name": "exponential", "initial": initial, "factor": 0.5},
        {"name": "warmup", "initial": initial, "warmup_epochs": 1.5},
    ]
    stopping = draw.choice([None, None, {"patience": 1}, {"patience": 1, "restore_best": False}])
    return {
        "epochs": 3,
        "seeds": 3,
        "batch_size": draw.choice([8, 16, 25]),
        "drop_last": draw.random() < 0.3,
        "batch_order": draw.choice(["shuffled", "shuffled", "repeated", "sorted"]),
        "optimizer": dict(optimizers(draw)),
        "learning_rate": draw.choice(schedules),
        "refresh_statistics": draw.random() < 0.3,
        # a loss of ten thousand hardly moves in three epochs, and rounding would decide when to stop
        "early_stopping": None if task == "regression" else stopping,
    }


def optimizers(draw: random.Random) -> Iterator[tuple[str, Any]]:
    name = draw.choice(["sgd", "adam", "adamw", "rmsprop", "nadam", "adamax", "adagrad", "adadelta", "ftrl", "lamb"])
    yield "name", name
    if name == "sgd":
        yield "momentum", draw.choice([0.0, 0.9])
    yield from draw.choice([(), (), (("clipvalue", 0.1),), (("clipnorm", 0.5),), (("loss_scale_factor", 8.0),)])
