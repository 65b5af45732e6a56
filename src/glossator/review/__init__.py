"""The package `review`."""
