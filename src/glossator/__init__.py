"""Glossator: text-rich images and one caption each, turned into an instruction-tuning data set to trust."""
