"""Known and synthetic data sets: what each is, how it is downloaded, and how its rows are read."""
