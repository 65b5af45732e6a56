"""The review page: a local server on which people look at pairs, judge them, and move thresholds."""
