"""Faithful to the tutorial: one training of its script in plain Keras and one seed of bnexp are drawn alike."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from experiments import build_for, train_many_seeds
from scipy import stats
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from bnexp import config
from bnexp.data import prepare

TRAININGS = 20
BN = Path(__file__).parent.parent / "configs" / "bn.yaml"


def by_plain_keras(seed: int) -> dict[str, float]:
    """Train the tutorial's network once, written as the tutorial writes it; give the last epoch's metrics.

    The batches come from tf.data, which shuffles anew in every epoch: given arrays and a global
    seed, `model.fit` would replay one order, which no reader of the tutorial without a seed gets.
    """
    keras.utils.set_random_seed(1000 + seed)
    x, y = make_classification(n_samples=1000, n_features=20, n_classes=2, random_state=42)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    batches = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(800, seed=seed).batch(32)
    model = keras.Sequential(
        [
            keras.layers.Dense(64, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(batches, epochs=50, validation_data=(x_test, y_test), verbose=0, shuffle=False)
    return {name: values[-1] for name, values in history.history.items()}


@pytest.mark.slow
def test_twenty_tutorials_and_twenty_seeds_have_the_same_distribution() -> None:
    plain = [by_plain_keras(seed) for seed in range(TRAININGS)]
    bn = config.load(BN)
    seeds = tuple(range(TRAININGS))
    data = prepare(bn.dataset, seeds)
    built = build_for(bn, data)
    history = train_many_seeds(
        built.model, data, bn.training, seeds, built.initial.draw(seeds), lambda history: False
    ).history
    for metric in ("val_accuracy", "val_loss", "loss"):
        ours_S, keras_S = history.final(metric), np.array([values[metric] for values in plain])
        standard_error = np.hypot(stats.sem(ours_S), stats.sem(keras_S))
        test = stats.ks_2samp(ours_S, keras_S)
        print(
            f"{metric}: bnexp {ours_S.mean():.4f}, plain Keras {keras_S.mean():.4f}, "
            f"difference {(ours_S.mean() - keras_S.mean()) / standard_error:+.2f} standard errors, "
            f"Kolmogorov-Smirnov p = {test.pvalue:.2f}"
        )
        assert abs(ours_S.mean() - keras_S.mean()) < 2 * standard_error, metric
        assert test.pvalue > 0.05, metric
