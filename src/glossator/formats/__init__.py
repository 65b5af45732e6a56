"""The package `formats`."""
