"""Results shown: figures, terminal, report."""
