"""Runs what the documents show: `python -m tests.documents.run` (make test-docs)."""
