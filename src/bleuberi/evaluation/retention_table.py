"""Retention as a table and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bleuberi.statistics.shown import EstimateJson, bounds, difference, number

HEADER: Final = ("model", "KL to base per token", "drift: BLEU with base", "same response", "diversity", "difference")


def retention_rows(evaluation: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and cells: a row per model; no rows if no retention was measured."""
    rows = (evaluation.get("retention") or {"models": []})["models"]
    return list(HEADER), [
        [
            row["name"],
            _shown(row.get("kl")),
            _shown(row.get("similarity")),
            _shown(row.get("same")),
            _shown(row["diversity"]),
            difference(row["diversity_difference"]) if row.get("diversity_difference") else "",
        ]
        for row in rows
    ]


def retention_notes(evaluation: Mapping[str, Any]) -> list[str]:
    """Sentences under the tables; none if no retention was measured."""
    record = evaluation.get("retention")
    if not record:
        return []
    said = [
        f"Retention: {record['prompts']:,} prompts that are not the evaluation's; {record['samples']} samples each."
    ]
    reasons = dict.fromkeys(row["kl_missing"] for row in record["models"] if row.get("kl_missing"))
    return said + [f"No KL to the base: {reason}." for reason in reasons]


def _shown(estimate: EstimateJson | None) -> str:
    return f"{number(estimate['value'])} {bounds(estimate, '.3f')}" if estimate is not None else ""
