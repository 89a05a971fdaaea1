"""An evaluation's examples, the largest differences first."""

from __future__ import annotations

from typing import Any, Final

from bleuberi.plain_text import one_line
from bleuberi.statistics.shown import finite
from bleuberi.view.charts import ranked
from bleuberi.view.highlight import marked, unmarked
from bleuberi.view.parts import Block, Browser, Chart, Example
from bleuberi.view.reading import Json

_MOST_CHARACTERS: Final = 1_000_000
_MOST_EXAMPLES: Final = 300
_MOST_POINTS: Final = 1000  # of one model in the chart


def difference_chart(rows: list[Json], base: str, metric: str, signature: str) -> Chart | None:
    """Every prompt's difference to the base, largest first; evenly spaced prompts if there are many."""
    values: list[dict[str, Any]] = []
    names = list(dict.fromkeys(name for row in rows for name in row.get("scores", {}) if name != base))
    for name in names:
        found = [
            (difference, str(row.get("id")))
            for row in rows
            if (difference := _difference(row, name, base, metric)) is not None
        ]
        found.sort(key=lambda pair: -pair[0])
        step = max(1, -(-len(found) // _MOST_POINTS))
        values += [
            {"rank": place + 1, "series": f"{name} - {base}", "value": difference, "id": id_}
            for place, (difference, id_) in enumerate(found) if place % step == 0
        ]  # fmt: skip
    if not values:
        return None
    return Chart(
        "by_example",
        f"{metric}, example by example",
        ranked(values, f"difference of {metric}"),
        "a point a prompt",
        signature,
        words={"id": "prompt"},
    )


def evaluation_browser(rows: list[Json], base: str, metric: str, signature: str) -> Browser | None:
    """Prompts with every model's answer, the largest differences to the base first; None without answers."""
    rows = [row for row in rows if isinstance(row.get("answers"), dict) and isinstance(row.get("prompt"), str)]
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows for name in row["answers"]))
    others = [name for name in names if name != base]
    rows.sort(key=lambda row: -max((abs(_difference(row, name, base, metric) or 0.0) for name in others), default=0.0))
    shown: list[Example] = []
    size = 0
    for row in rows[:_MOST_EXAMPLES]:
        size += len(row["prompt"]) + sum(map(len, [*row["answers"].values(), *(row.get("references") or [])]))
        if size > _MOST_CHARACTERS and shown:
            break
        shown.append(_example(row, names, base, metric))
    columns = [f"{name} - {base}" for name in others] + ([] if others else [base])
    note = f"{len(shown):,} of {len(rows):,} prompts, the largest differences in {metric} first. "
    note += "Marked: n-grams that answer and references share, as BLEU counts them. "
    note += "Points of the chart above tell ids to search for."
    return Browser("answers", "Answers, example by example", columns, shown, note, signature)


def _difference(row: Json, name: str, base: str, metric: str) -> float | None:
    scores = row.get("scores", {})
    own, other = (finite((scores.get(one) or {}).get(metric)) for one in (name, base))
    return None if own is None or other is None else own - other


def _example(row: Json, names: list[str], base: str, metric: str) -> Example:
    references = [str(text) for text in row.get("references") or []]
    blocks = [Block("prompt", "prompt", unmarked(row["prompt"]))]
    for name in names:
        score = finite((row.get("scores", {}).get(name) or {}).get(metric))
        note = "not scored" if score is None else f"{metric} {score:.4f}"
        if (row.get("finish") or {}).get(name) == "length":
            note += ", cut off"
        blocks.append(Block("response", name, marked(str(row["answers"].get(name, "")), references), note))
    answers = [str(text) for text in row["answers"].values()]
    for place, reference in enumerate(references, start=1):
        label = "reference" if len(references) == 1 else f"reference {place}"
        blocks.append(Block("reference", label, marked(reference, answers)))
    others = [name for name in names if name != base]
    numbers = {f"{name} - {base}": _difference(row, name, base, metric) for name in others}
    if not others:
        numbers = {base: finite((row.get("scores", {}).get(base) or {}).get(metric))}
    return Example(one_line(str(row.get("id", "")), 80), one_line(row["prompt"], 160), "", numbers, blocks)
