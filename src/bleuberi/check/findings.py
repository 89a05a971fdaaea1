"""The flags of a pool's rows and the table of them. Knows names, rows and counts; knows no metric and no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bleuberi.check.prompt_overlap import TestPrompts
from bleuberi.data.near_duplicates import near_duplicate_groups, same_prompt_key
from bleuberi.data.refusals import is_refusal
from bleuberi.data.text_checks import has_control_tokens, is_damaged, is_looping, is_truncated
from bleuberi.data.thoughts import has_thoughts
from bleuberi.records import PoolRow

FLAGS: Final = {
    "duplicate_prompt": "the same prompt stands earlier",
    "near_duplicate_prompt": "a prompt almost like it stands earlier",
    "in_test_prompts": "holds most of a prompt of --against",
    "no_reference": "none of the reference models answered",
    "refusal": "a reference declines to answer",
    "thoughts": "a reference begins with a model's thoughts",
    "truncated_reference": "a reference stops in the middle",
    "looping_reference": "half of a reference repeats itself",
    "encoding_damage": "signs of a wrong encoding",
    "control_tokens": "tokens of a chat format, as <|im_end|>",
    "disagreeing_reference": "a reference is unlike all others",
    "short_reference": "5 tokens or fewer: a wrong word gets 0.841",
    "long_reference": "all are longer than a completion may be",
}
"""Flag -> what it says, in the order of the table."""

TEXT_FLAGS: Final = {
    "refusal": is_refusal,
    "thoughts": has_thoughts,
    "truncated_reference": is_truncated,
    "looping_reference": is_looping,
    "encoding_damage": is_damaged,
    "control_tokens": has_control_tokens,
}
PROMPT_FLAGS: Final = ("encoding_damage", "control_tokens")
"""Flags of texts that concern prompts too."""
_EXAMPLES: Final = 3


@dataclass(slots=True)
class Findings:
    """What was found in a pool: flag -> ids of rows, in the pool's order, and how many references it concerns."""

    rows: int
    references: int
    row_ids: dict[str, list[str]] = field(default_factory=lambda: {flag: [] for flag in FLAGS})
    reference_counts: Counter[str] = field(default_factory=Counter)
    group_by_id: dict[str, str] = field(default_factory=dict)  # id -> id of the first of its near-duplicates

    def mark(self, flag: str, row_id: str, references: int = 0) -> None:
        self.row_ids[flag].append(row_id)
        self.reference_counts[flag] += references

    def flags_by_id(self) -> dict[str, list[str]]:
        """Id -> its flags in the table's order; rows without any are left out."""
        flags: dict[str, list[str]] = {}
        for flag, ids in self.row_ids.items():
            for row_id in ids:
                flags.setdefault(row_id, []).append(flag)
        return flags

    def table(self) -> list[dict[str, object]]:
        """One entry a flag: how many rows, what share, how many references, and a few ids."""
        return [
            {
                "flag": flag,
                "rows": len(ids),
                "share": len(ids) / self.rows,
                "references": self.reference_counts[flag] or None,
                "examples": ids[:_EXAMPLES],
                "meaning": FLAGS[flag],
            }
            for flag, ids in self.row_ids.items()
        ]


def prompt_text(row: PoolRow) -> str:
    """Everything that a model is asked: all turns."""
    return "\n".join(turn["content"] for turn in row.messages)


def check_texts(rows: Sequence[PoolRow], test_prompts: TestPrompts | None) -> Findings:
    """What can be told from the texts alone: duplicates, overlap, refusals, cut or looping texts, damage."""
    findings = Findings(len(rows), sum(len(row.reference_by_model) for row in rows))
    _check_duplicates(rows, findings)
    for row in rows:
        if test_prompts is not None and test_prompts.is_in(prompt_text(row)):
            findings.mark("in_test_prompts", row.id)
        _check_references(row.id, row.reference_by_model, findings)
        for flag in PROMPT_FLAGS:
            if row.id not in findings.row_ids[flag][-1:] and TEXT_FLAGS[flag](prompt_text(row)):
                findings.mark(flag, row.id)
    return findings


def _check_duplicates(rows: Sequence[PoolRow], findings: Findings) -> None:
    texts = [prompt_text(row) for row in rows]
    seen: set[bytes] = set()
    for place, first in enumerate(near_duplicate_groups(texts)):
        row_id = rows[place].id
        findings.group_by_id[row_id] = rows[first].id
        key = same_prompt_key(texts[place])
        if key in seen:
            findings.mark("duplicate_prompt", row_id)
        elif first != place:
            findings.mark("near_duplicate_prompt", row_id)
        seen.add(key)


def _check_references(row_id: str, reference_by_model: Mapping[str, str], findings: Findings) -> None:
    if not reference_by_model:
        findings.mark("no_reference", row_id)
    for flag, check in TEXT_FLAGS.items():
        if found := sum(map(check, reference_by_model.values())):
            findings.mark(flag, row_id, found)
