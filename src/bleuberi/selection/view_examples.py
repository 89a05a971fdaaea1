"""A selection's examples for the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from bleuberi.plain_text import one_line
from bleuberi.selection.examples import SelectionExamples, ShownRow
from bleuberi.selection.record import SelectionRecord
from bleuberi.statistics.shown import finite
from bleuberi.view.highlight import marked, unmarked
from bleuberi.view.parts import Block, Browser, Example

MOST_CHARACTERS: Final = 1_200_000
"""Of all texts together, so that a page of long answers stays small and quick to open."""


def selection_browser(content: SelectionExamples | None, record: SelectionRecord) -> Browser | None:
    """As many examples as fit on a page, or None."""
    if content is None or not content.rows:
        return None
    values = {row.get("id"): row for row in record.rows}
    columns = [name for name in record.distributions if any(name in row for row in values.values())]
    scored = bool(record.distributions)
    examples = [_example(row, {**asdict(row), **values.get(row.id, {})}, columns) for row in _fitting(content.rows)]
    examples.sort(key=lambda row: row.numbers.get("score") or 0.0)
    picked = sum(row.tag == "picked" for row in examples)
    note = (
        f"{picked:,} of {content.picked:,} picked rows and {len(examples) - picked:,} of "
        f"{content.others:,} others, "
        f"{'evenly spaced by score' if scored else 'evenly spaced'}."
    )
    if scored:
        note += " Marked: n-grams that response and references share, as BLEU counts them."
    return Browser("examples", "Examples", columns, examples, note, record.reward_signature or "")


def _fitting(rows: Sequence[ShownRow]) -> Sequence[ShownRow]:
    """All rows, or every n-th one, so that their texts fit on the page."""
    size = sum(len(row.prompt) + sum(map(len, row.references)) for row in rows)
    size += sum(len(sample.response or "") for row in rows for sample in row.samples)
    step = max(1, -(-size // MOST_CHARACTERS))
    return rows[::step]


def _example(row: ShownRow, values: Mapping[str, Any], columns: list[str]) -> Example:
    responses = [sample.response for sample in row.samples if sample.response is not None]
    blocks = [Block("prompt", "prompt", unmarked(row.prompt))]
    for place, sample in enumerate(row.samples, start=1):
        label = "response" if len(row.samples) == 1 else f"response {place}"
        note = f"score {sample.score:.4f}"
        if sample.response is None:
            blocks.append(Block("response", label, [("(the text was not kept: its score was imported)", 0)], note))
        else:
            blocks.append(Block("response", label, marked(sample.response, row.references), note))
    for place, reference in enumerate(row.references, start=1):
        label = "reference" if len(row.references) == 1 else f"reference {place}"
        blocks.append(Block("reference", label, marked(reference, responses)))
    numbers = {name: finite(values.get(name)) for name in columns}
    tag = "picked" if row.picked else "not picked"
    return Example(one_line(row.id, 80), one_line(row.prompt, 160), tag, numbers, blocks)
