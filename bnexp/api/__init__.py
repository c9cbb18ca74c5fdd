"""What each command does, as plain functions with typed results. Nothing is printed: an `Observer` hears of it."""
