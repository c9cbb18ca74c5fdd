"""Experiments: prepared, checked, trained and kept in run directories; what their names mean."""
