"""The machine: its resources, signals, streams, and the loading of TensorFlow. Nothing here knows of experiments."""
