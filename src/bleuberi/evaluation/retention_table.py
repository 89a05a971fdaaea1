"""Retention as a table and notes of an evaluation's section."""

from __future__ import annotations

from bleuberi.view.parts import Cell, Table, estimated
from bleuberi.view.reading import Json

_COLUMNS = ["model", "KL to base per token", "drift: BLEU with base", "same response", "diversity", "difference"]


def retention_table(content: Json) -> list[Table]:
    """One row per model; no table without `--retention`."""
    record = content.get("retention")
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


def retention_notes(content: Json) -> list[str]:
    """Why KL is missing, if it is."""
    rows = (content.get("retention") or {"models": []})["models"]
    reasons = dict.fromkeys(row["kl_missing"] for row in rows if row.get("kl_missing"))
    return [f"No KL to the base: {reason}." for reason in reasons]
