"""The package `engines/loss`."""
