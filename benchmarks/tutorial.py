"""The tutorial as its reader would write it: plain Keras, one training, two figures. bnexp is measured against it."""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tensorflow.keras import Input, Sequential
from tensorflow.keras.layers import BatchNormalization, Dense

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("."), help="directory for the two figures")
arguments = parser.parse_args()

X, y = make_classification(n_samples=1000, n_features=20, n_classes=2, random_state=42)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

model = Sequential(
    [
        Input((20,)),
        Dense(64, activation="relu"),
        BatchNormalization(),
        Dense(64, activation="relu"),
        BatchNormalization(),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(X_train, y_train, epochs=50, batch_size=32, validation_data=(X_test, y_test), verbose=0)

for name in ("accuracy", "loss"):
    plt.figure()
    plt.plot(history.history[name])
    plt.plot(history.history[f"val_{name}"])
    plt.title(f"Model {name}")
    plt.xlabel("Epoch")
    plt.ylabel(name.capitalize())
    plt.legend(["Train", "Test"])
    plt.savefig(arguments.out / f"{name}.png")
