"""A third opinion on both trainers: one seed, trained by an eager loop over plain Keras layers.

It takes nothing from bnexp but the rows of each part and the initial weights.
Batches, scaling, losses, metrics, schedules, early stopping and refreshed
statistics are written out here once more, in NumPy and float64 where no gradient is needed.

Axes: R rows of one part, B rows of a batch, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn import metrics
from sklearn.preprocessing import MinMaxScaler, StandardScaler

Part = tuple[np.ndarray, np.ndarray]
CLIP = 1e-7
SCALERS = {"none": None, "standard": StandardScaler, "minmax": MinMaxScaler}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "nadam": "Nadam", "adamax": "Adamax",
              "adagrad": "Adagrad", "adadelta": "Adadelta", "lion": "Lion", "ftrl": "Ftrl", "lamb": "Lamb"}  # fmt: skip


def train(
    config: Mapping[str, Any], task: str, parts: Mapping[str, Part], initial: Sequence[np.ndarray], seed: int
) -> tuple[dict[str, list[float]], int]:
    """Return the history, and the epoch (from 1) whose weights are kept.

    `config` is an experiment as plain values with a `sequential` model. `parts` holds the unscaled inputs (R, D) and
    the targets (R,) of `train`, `val` and perhaps `test`.
    """
    training, parts = config["training"], scaled(parts, config["dataset"]["scale"])
    x, y = parts["train"]
    model = build(config["model"]["layers"], x.shape[1], initial)
    optimizer = make_optimizer(training["optimizer"])
    size, rows = training["batch_size"], len(x)
    steps = rows // size if training["drop_last"] else math.ceil(rows / size)
    history: dict[str, list[float]] = {}
    best, best_epoch, waited = None, 0, 0
    for epoch in range(training["epochs"]):
        values = train_epoch(model, optimizer, training, task, (x, y), np.array([seed, epoch]), steps)
        if training["refresh_statistics"]:
            refresh(model, x)
        for part in [name for name in ("val", "test", "train") if name in parts]:
            values |= {f"{part}_{name}": value for name, value in evaluate(model, task, *parts[part]).items()}
        for name, value in values.items():
            history.setdefault(name, []).append(value)
        if not (math.isfinite(values["loss"]) and math.isfinite(values["val_loss"])):
            break
        if (rule := training["early_stopping"]) is not None:
            sign = 1 if rule["monitor"].endswith(("accuracy", "r2")) else -1
            score = sign * values[rule["monitor"]]
            if best is None or score - rule["min_delta"] > best:
                best, best_epoch, waited = score, epoch + 1, 0
            else:
                waited += 1
                if waited >= max(rule["patience"], 1):
                    break
    restores = best_epoch and training["early_stopping"]["restore_best"]
    return history, best_epoch if restores else len(history["loss"])


def validation_loss(
    config: Mapping[str, Any], task: str, parts: Mapping[str, Part], weights: Sequence[np.ndarray]
) -> float:
    """Return the loss of the validation part with these weights."""
    x, y = scaled(parts, config["dataset"]["scale"])["val"]
    return evaluate(build(config["model"]["layers"], x.shape[1], weights), task, x, y)["loss"]


def scaled(parts: Mapping[str, Part], scale: str) -> dict[str, Part]:
    if SCALERS[scale] is None:
        return {part: (x.astype("float32"), y) for part, (x, y) in parts.items()}
    scaler = SCALERS[scale]().fit(parts["train"][0].astype("float64"))
    return {part: (scaler.transform(x.astype("float64")).astype("float32"), y) for part, (x, y) in parts.items()}


def build(layers: Sequence[Mapping[str, Any]], features: int, initial: Sequence[np.ndarray]) -> keras.Sequential:
    made = [getattr(keras.layers, layer["name"])(**layer["arguments"]) for layer in layers]
    model = keras.Sequential([keras.Input((features,)), *made])
    for variable, value in zip(model.variables, initial, strict=True):
        variable.assign(value)
    return model


def make_optimizer(options: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    given = {key: value for key, value in options.items() if key != "name" and value is not None}
    return getattr(keras.optimizers, OPTIMIZERS[options["name"]])(learning_rate=1.0, **given)


def rate(schedule: Mapping[str, Any], step: int, steps: int, epochs: int) -> float:
    """Return the learning rate of a step, counted from 0 over the whole training."""
    initial = schedule["initial"]
    match schedule["name"]:
        case "step":
            return initial * schedule["factor"] ** (step // max(1, round(schedule["every_epochs"] * steps)))
        case "exponential":
            return initial * schedule["factor"] ** (step / steps)
        case "warmup":
            return initial * min(1.0, step / max(1, round(schedule["warmup_epochs"] * steps)))
        case "cosine":
            warm = round(schedule["warmup_epochs"] * steps)
            if step < warm:
                return initial * step / warm
            share = min(1.0, (step - warm) / max(1, epochs * steps - warm))
            low = schedule["final_share"]
            return initial * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * share)))
    return initial


def train_epoch(
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    training: Mapping[str, Any],
    task: str,
    rows: Part,
    stream: np.ndarray,
    steps: int,
) -> dict[str, float]:
    """Take one epoch's steps; return the running means, in which each batch counts by its rows."""
    x, y = rows
    first = [stream[0], 0] if training["batch_order"] == "repeated" else stream
    order = np.random.default_rng(first).permutation(len(x))
    if training["batch_order"] == "sorted":
        order = order[np.argsort(y[order], kind="stable")]
    size, seen = training["batch_size"], []
    for step in range(steps):
        batch = order[step * size : (step + 1) * size]
        with tf.GradientTape() as tape:
            predicted = model(tf.constant(x[batch]), training=True)
            loss = batch_loss(task, y[batch], predicted) + sum(model.losses)
            scaled_loss = loss * (training["optimizer"]["loss_scale_factor"] or 1.0)  # the optimizer divides by it
        gradients = tape.gradient(scaled_loss, [variable.value for variable in model.trainable_variables])
        optimizer.learning_rate = rate(
            training["learning_rate"], int(stream[1]) * steps + step, steps, training["epochs"]
        )
        optimizer.apply(gradients, model.trainable_variables)
        seen.append((len(batch), y[batch], predicted.numpy(), float(loss)))
    measured = measures(task, np.concatenate([one[1] for one in seen]), np.concatenate([one[2] for one in seen]))
    count = sum(one[0] for one in seen)
    return {**measured, "loss": sum(one[0] * one[3] for one in seen) / count}


def batch_loss(task: str, y_B: np.ndarray, predicted_BC: Any) -> Any:
    """Return the mean loss of a batch as a tensor with a gradient."""
    if task == "regression":
        return tf.reduce_mean((predicted_BC[:, 0] - y_B.astype("float32")) ** 2)
    p_BC = tf.clip_by_value(predicted_BC, CLIP, 1 - CLIP)
    if task == "binary":
        y = y_B.astype("float32")
        return -tf.reduce_mean(y * tf.math.log(p_BC[:, 0]) + (1 - y) * tf.math.log(1 - p_BC[:, 0]))
    logs_BC = tf.math.log(p_BC)
    hit_B = tf.gather(logs_BC, y_B.astype("int32"), batch_dims=1)
    return tf.reduce_mean(tf.reduce_logsumexp(logs_BC, axis=1) - hit_B)


def evaluate(model: keras.Sequential, task: str, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Measure a part of at most 1,024 rows in inference mode; no random generator moves."""
    assert len(x) <= 1024
    generators = [(v, v.numpy()) for v in model.variables if v.path.endswith("seed_generator_state")]
    predicted = model(tf.constant(x), training=False).numpy()
    penalty = float(sum(model.losses))
    for variable, state in generators:
        variable.assign(state)
    found = measures(task, y, predicted)
    return {**found, "loss": found["loss"] + penalty}


def measures(task: str, y_R: np.ndarray, predicted_RC: np.ndarray) -> dict[str, float]:
    """Return loss and metrics in float64, as scikit-learn and NumPy compute them."""
    if not np.isfinite(predicted_RC).all():
        return dict.fromkeys(("loss", *({"regression": ("mse", "mae", "r2")}.get(task, ("accuracy",)))), math.nan)
    y_R, p_RC = y_R.astype("float64"), predicted_RC.astype("float64")
    if task == "regression":
        p_R = p_RC[:, 0]
        mse = metrics.mean_squared_error(y_R, p_R)
        return {"loss": mse, "mse": mse, "mae": metrics.mean_absolute_error(y_R, p_R), "r2": metrics.r2_score(y_R, p_R)}
    high = np.float64(np.float32(1) - np.float32(CLIP))
    clipped = np.clip(p_RC, CLIP, high)
    if task == "binary":
        p_R = clipped[:, 0]
        loss = -np.mean(y_R * np.log(p_R) + (1 - y_R) * np.log1p(-p_R))
        return {"loss": loss, "accuracy": metrics.accuracy_score(y_R, p_RC[:, 0] > 0.5)}
    logs = np.log(clipped)
    hit_R = logs[np.arange(len(y_R)), y_R.astype(int)]
    loss = np.mean(np.log(np.exp(logs).sum(axis=1)) - hit_R)
    return {"loss": loss, "accuracy": metrics.accuracy_score(y_R, p_RC.argmax(axis=1))}


def refresh(model: keras.Sequential, x: np.ndarray) -> None:
    """Return each batch normalization the mean and variance of what it sees of these rows, layer after layer."""
    generators = [(v, v.numpy()) for v in model.variables if v.path.endswith("seed_generator_state")]
    seen: Any = tf.constant(x)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            values = np.moveaxis(np.asarray(seen, "float64"), layer.axis, -1)
            values = values.reshape(-1, values.shape[-1])
            layer.moving_mean.assign(values.mean(axis=0))
            layer.moving_variance.assign(values.var(axis=0))
        seen = layer(seen, training=False)
    for variable, state in generators:
        variable.assign(state)
