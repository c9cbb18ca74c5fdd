"""Known data sets and drawn ones: what each is, how it is fetched, and how its rows are read."""
