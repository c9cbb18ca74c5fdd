"""What each command does, as plain functions with typed results. Nothing is printed; messages go to an `Observer`."""
