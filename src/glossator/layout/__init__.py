"""The package `layout`."""
