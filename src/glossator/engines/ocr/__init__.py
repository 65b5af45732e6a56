"""The package `engines/ocr`."""
