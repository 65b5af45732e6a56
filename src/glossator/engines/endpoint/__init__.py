"""Driving OpenAI-compatible endpoints: how fast, what is tried again, when to stop, what it costs."""
