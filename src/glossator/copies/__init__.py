"""Copies of pictures and of texts: within a set, and of test sets. Pure functions; the stages put them to tables."""
