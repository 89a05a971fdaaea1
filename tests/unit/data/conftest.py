"""A pool to export, as a file."""

import json

import pytest

from tests.unit.data.exported_rows import POOL


@pytest.fixture
def pool(tmp_path):
    """The pool of the tests of exports."""
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in POOL))
    return path
