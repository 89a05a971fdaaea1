"""Read the prompts and references of a GRPO data set or a pool, for samples that are drawn or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bleuberi import columns
from bleuberi.artifacts import json_rows_hash, read_manifest
from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.data.pool import pool_name, read_pool
from bleuberi.data.references import join_references
from bleuberi.data.tables import read_rows
from bleuberi.on_disk import Spilled
from bleuberi.records import Example


def read_examples(
    source: str, split: str, ref_models: Sequence[str], min_references: int | None
) -> tuple[str, Sequence[Example], int, Mapping[str, int], Mapping[str, Any] | None]:
    """Name, examples (in a temporary file), rows, dropped rows by reason, and for a data set its manifest with
    `rows_sha256`. Errors: `UserError`."""
    name = pool_name(source)
    first = next(iter(read_rows(source, split)), None)
    if first is not None and {columns.REFERENCES, columns.MESSAGES} <= first.values.keys():
        rows = Spilled(dict(raw.values) for raw in read_rows(source, split))
        examples = Spilled(
            Example(
                str(row[columns.ID]),
                row.get(columns.SOURCE) or name,
                prompt_messages(row),
                row[columns.PROMPT],
                row.get(columns.GROUND_TRUTH) or "",
                list(row[columns.REFERENCES]),
            )
            for row in rows
        )
        manifest = read_manifest(Path(source)) if Path(source).is_dir() else None
        return name, examples, len(rows), {}, manifest and {**manifest, "rows_sha256": json_rows_hash(rows)}
    pool = read_pool(source, ref_models, split)
    joined, tally = join_references(pool, ref_models, min_references)
    return name, joined, len(pool.rows), tally.dropped, None
