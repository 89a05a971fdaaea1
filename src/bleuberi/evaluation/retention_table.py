"""Retention as a table and notes of an evaluation's section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bleuberi.view.parts import Cell, Table, estimated

_COLUMNS = ["model", "KL to base per token", "drift: BLEU with base", "same response", "diversity", "difference"]


def retention_table(record: Mapping[str, Any]) -> list[Table]:
    """One row per model; no table without `--retention`."""
    if not record:
        return []
    rows = [
        [Cell(str(row["name"]))]
        + [estimated(row.get(name), ".3f") for name in ("kl", "similarity", "same", "diversity")]
        + [estimated(row.get("diversity_difference"), "+.3f")]
        for row in record["models"]
    ]
    note = f"{record['prompts']:,} prompts that are not the evaluation's; {record['samples']} samples per prompt"
    return [
        Table("retention", "Retention: responses to other prompts", list(_COLUMNS), rows, note, record["similarity"])
    ]


def retention_notes(record: Mapping[str, Any]) -> list[str]:
    """Sentences that say why KL is missing for a model, if it is."""
    rows = record.get("models", [])
    reasons = dict.fromkeys(row["kl_missing"] for row in rows if row.get("kl_missing"))
    return [f"No KL to the base: {reason}." for reason in reasons]
