"""Align a language model with a reference-based reward. Knows its version; imports nothing heavy."""

__version__ = "0.1.0"
