"""The package `stages`."""
