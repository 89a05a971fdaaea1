"""Flag the rows of a pool, and count the flags in a table."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bleuberi.check.prompt_overlap import TestPrompts
from bleuberi.check.record import FlagRow
from bleuberi.columns import ID
from bleuberi.data.near_duplicates import prompt_groups
from bleuberi.data.refusals import is_refusal
from bleuberi.data.text_checks import has_control_tokens, is_damaged, is_looping, is_truncated
from bleuberi.data.thoughts import has_thoughts
from bleuberi.on_disk import Mapped
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
    """For N rows of a pool and each flag: the numbers of the flagged rows, ascending, and how many references are
    affected."""

    rows: Sequence[PoolRow]
    references: int
    places: dict[str, array[int]] = field(default_factory=lambda: {flag: array("q") for flag in FLAGS})
    reference_counts: Counter[str] = field(default_factory=Counter)
    groups: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # N: the first near-duplicate

    def mark(self, flag: str, place: int, references: int = 0) -> None:
        self.places[flag].append(place)
        self.reference_counts[flag] += references

    def first_of(self, flags: Sequence[str]) -> NDArray[np.int16]:  # N
        """For each row, the position in `flags` of the first flag that it has; -1 if it has none."""
        found = np.full(len(self.rows), -1, np.int16)
        for number, flag in reversed(list(enumerate(flags))):
            found[np.asarray(self.places[flag], np.int64)] = number
        return found

    def flag_rows(self) -> Iterator[dict[str, Any]]:
        """Yield each row's id, its flags as columns, and in `group` the id of its first near-duplicate."""
        bits = np.zeros(len(self.rows), np.int32)
        for number, places in enumerate(self.places.values()):
            bits[np.asarray(places, np.int64)] |= 1 << number
        for row, first, found in zip(self.rows, self.groups, bits, strict=True):
            flags = {flag: bool(found >> number & 1) for number, flag in enumerate(self.places)}
            yield {ID: row.id, **flags, "group": self.rows[int(first)].id}

    def table(self) -> tuple[FlagRow, ...]:
        """One entry per flag."""
        return tuple(
            FlagRow(
                flag=flag,
                rows=len(places),
                share=len(places) / len(self.rows),
                references=self.reference_counts[flag] or None,
                examples=tuple(self.rows[place].id for place in places[:_EXAMPLES]),
                meaning=FLAGS[flag],
            )
            for flag, places in self.places.items()
        )


def prompt_text(row: PoolRow) -> str:
    """The text of all turns of a row's prompt."""
    return "\n".join(turn["content"] for turn in row.messages)


def check_texts(rows: Sequence[PoolRow], test_prompts: TestPrompts | None) -> Findings:
    """Find problems that the texts show by themselves: duplicates, overlap, refusals, cut or looping texts, damage."""
    findings = Findings(rows, sum(len(row.reference_by_model) for row in rows))
    _check_duplicates(rows, findings)
    for place, row in enumerate(rows):
        asked = prompt_text(row)
        if test_prompts is not None and test_prompts.is_in(asked):
            findings.mark("in_test_prompts", place)
        _check_references(place, row.reference_by_model, findings)
        for flag in PROMPT_FLAGS:
            if place not in findings.places[flag][-1:] and TEXT_FLAGS[flag](asked):
                findings.mark(flag, place)
    return findings


def _check_duplicates(rows: Sequence[PoolRow], findings: Findings) -> None:
    same, findings.groups = prompt_groups(Mapped(rows, prompt_text))
    for place in np.flatnonzero(np.minimum(same, findings.groups) != np.arange(len(rows))):
        findings.mark("duplicate_prompt" if same[place] != place else "near_duplicate_prompt", int(place))


def _check_references(place: int, reference_by_model: Mapping[str, str], findings: Findings) -> None:
    if not reference_by_model:
        findings.mark("no_reference", place)
    for flag, check in TEXT_FLAGS.items():
        if found := sum(map(check, reference_by_model.values())):
            findings.mark(flag, place, found)
