"""A study: a grid of trials, what was measured in each, and the verdict on its hypotheses."""
