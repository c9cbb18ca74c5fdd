"""The machine: its resources, signals, streams, and the loading of TensorFlow. Nothing here depends on experiments."""
