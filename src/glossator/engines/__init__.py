"""The package `engines`."""
