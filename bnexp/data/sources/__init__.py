"""Readers of your own files, one module for each kind: they check a file and turn it into rows."""
