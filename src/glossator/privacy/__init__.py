"""What some sets must not hold: personal data, other languages and scripts, profanity. Pure functions over texts.

What is found counts as raw data; the stages `inspect`, `mask` and `filter` decide what becomes of it.
"""
