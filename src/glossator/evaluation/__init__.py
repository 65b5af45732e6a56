"""Measuring models on benchmarks: `glossator eval`."""
