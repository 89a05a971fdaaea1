"""Align a language model with a reference-based reward."""

__version__ = "0.1.0"
