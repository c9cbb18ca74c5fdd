"""What a config should say of a file or folder, by what it holds: the keys of `dataset`, each with its reason."""
