"""The package `prompts`."""
