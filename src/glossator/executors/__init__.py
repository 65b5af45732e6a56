"""The package `executors`."""
