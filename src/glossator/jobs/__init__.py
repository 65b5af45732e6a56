"""The package `jobs`."""
