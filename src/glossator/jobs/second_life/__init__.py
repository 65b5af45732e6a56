"""A second life for what a set has beside its kept pairs: see docs/second-life.md."""
