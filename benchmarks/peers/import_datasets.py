"""Alpaca's JSONL to a JSONL of prompts and references, in Hugging Face datasets: IN OUT. Prints the number of rows."""

import sys
import tempfile
from typing import Any

from datasets import Dataset


def to_row(row: dict[str, Any], number: int) -> dict[str, Any]:
    """One row of the pool."""
    parts = [row["instruction"], row["input"]] if row["input"] else [row["instruction"]]
    return {"id": number, "prompt": "\n\n".join(parts), "ref_output_gold": row["output"]}


source, target = sys.argv[1:]
with tempfile.TemporaryDirectory() as cache:
    rows = Dataset.from_json(source, cache_dir=cache)
    rows = rows.filter(lambda row: row["output"].strip() != "")
    rows = rows.map(to_row, with_indices=True, remove_columns=rows.column_names)
    rows.to_json(target)
    print(len(rows))
