"""The package `engines/writer`."""
