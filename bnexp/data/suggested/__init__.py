"""Suggestions for the config of a file or folder, from its contents: the keys of `dataset`, each with its reason."""
