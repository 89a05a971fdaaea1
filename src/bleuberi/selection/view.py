"""The report section of a selection. Reads `selection.json` and the examples beside it; selects nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bleuberi.artifacts import read_record
from bleuberi.errors import UserError
from bleuberi.selection.examples import SELECTION_EXAMPLES, SelectionExamples
from bleuberi.selection.record import SELECTION_RECORD, Distribution, Mix, SelectionRecord, Signal
from bleuberi.selection.view_examples import selection_browser
from bleuberi.statistics import shown
from bleuberi.view.charts import bar_pairs, bars, histogram
from bleuberi.view.parts import Cell, Chart, Fact, Notice, Section, Table, number

_QUANTITIES: Final = {  # of the record -> title, axis
    "score": ("Score", "score"),
    "length_ratio": ("Length ratio", "tokens of the response / of the shortest reference"),
    "brevity_penalty": ("Brevity penalty", "brevity penalty (1: none)"),
    "floor_distance": ("Distance to the floor", "score - what smoothing alone gives"),
}
_MOST_KINDS: Final = 12
_FEW_KINDS: Final = 6  # that stand beside another chart


def selection_section(folder: Path, id_: str, name: str) -> Section:
    """The section of a selection: distributions before and after, mixes, drops, examples."""
    record = SelectionRecord.load(folder)
    if record is None:
        raise UserError(f"{folder} has no {SELECTION_RECORD}.", "Give a data set that bleuberi data grpo made.")
    signature = record.reward_signature or ""
    kept, rows_in, mode = record.kept, record.rows_in, record.selection_mode
    facts = [Fact("mode", mode), Fact("kept", f"{kept:,}", f"of {rows_in:,} rows")]
    score, signal = record.distributions.get("score"), record.signal
    if score:
        scored = f"scored rows: {shown.number(score.pool.median)}"
        facts.append(Fact("median score", shown.number(score.picked.median), scored))
    if signal and signal.split_half_reliability is not None:
        facts.append(
            Fact("split-half reliability", f"{signal.split_half_reliability:.2f}", "1: the same ranking again")
        )
    browser = selection_browser(read_record(SelectionExamples, folder / SELECTION_EXAMPLES), record)
    return Section(
        id_,
        "selection",
        "Selection",
        name,
        f"{mode} kept {kept:,} of {rows_in:,} rows"
        + (f" by {signature.split('|')[0]}." if signature else ", unscored."),
        facts,
        _notices(record, browser is None, folder),
        selection_charts(record),
        [_summary_table(record.distributions, signature)] if record.distributions else [],
        [browser] if browser else [],
        _signatures(signature, signal),
    )


def selection_charts(record: SelectionRecord) -> list[Chart]:
    """The charts of a selection."""
    kept = record.kept
    charts = _distribution_charts(record.distributions, record.reward_signature or "")
    charts += _mix_chart("source_mix", "Sources", record.source_mix, kept)
    charts += _mix_chart("reference_length_mix", "Lengths of the references", record.reference_length_mix, kept)
    if dropped := {reason: rows for reason, rows in record.dropped.items() if rows}:
        note = f"kept {kept:,} of {record.rows_in:,}"
        charts.append(Chart("drops", "Where the rows went", bars({**dropped, "kept": kept}, "rows"), note))
    return charts


def _distribution_charts(distributions: Mapping[str, Distribution], signature: str) -> list[Chart]:
    charts = []
    for key, values in distributions.items():
        title, axis = _QUANTITIES.get(key, (key.replace("_", " ").capitalize(), key.replace("_", " ")))
        counts = {"scored": values.pool_counts, "picked": values.picked_counts}
        middle = values.picked.median
        note = f"median: scored {shown.number(values.pool.median, '.3g')}" + (
            f", picked {middle:.3g}" if middle is not None else ""
        )
        charts.append(
            Chart(key, title, histogram(values.edges, counts, axis), f"{note}; last bar: all above", signature)
        )
    return charts


def _mix_chart(key: str, title: str, mix: Mapping[str, Mix], kept: int) -> list[Chart]:
    if not mix:
        return []
    total = sum(kind.pool for kind in mix.values())
    # Lengths come in their order; of many sources the largest are shown, first.
    kinds = sorted(mix, key=lambda kind: -mix[kind].pool) if key == "source_mix" else list(mix)
    drawn = {kind: (mix[kind].pool, mix[kind].picked) for kind in kinds[:_MOST_KINDS]}
    hidden = len(kinds) - len(drawn)
    note = f"{len(kinds)} kinds" + (f", the {hidden} smallest not shown" if hidden > 0 else "")
    spec = bar_pairs(drawn, ("pool", "picked"), (total, kept))
    words = {"kind": "source"} if key == "source_mix" else {}
    return [Chart(key, title, spec, note, wide=len(drawn) > _FEW_KINDS, words=words)]


def _summary_table(distributions: Mapping[str, Distribution], signature: str) -> Table:
    names = ("rows", "min", "q25", "median", "q75", "max", "mean")
    rows = [
        [
            Cell(f"{_QUANTITIES.get(key, (key, ''))[0]}, {label}"),
            *(number(asdict(of)[name], 0 if name == "rows" else 3) for name in names),
        ]
        for key, values in distributions.items()
        for of, label in ((values.pool, "scored"), (values.picked, "picked"))
    ]
    return Table("summary", "In numbers", ["quantity", *names], rows, signature=signature)


def _notices(record: SelectionRecord, no_examples: bool, folder: Path) -> list[Notice]:
    notices = []
    if not record.distributions:
        notices.append(Notice("note", "Nothing was scored for this selection, so there are no distributions."))
    if no_examples:
        text = f"This folder has no {SELECTION_EXAMPLES}, so no examples are shown."
        notices.append(Notice("note", text, shared=""))
    if not (folder / "manifest.json").is_file():
        notices.append(Notice("warning", "This folder has no manifest: the data set was not finished."))
    return notices


def _signatures(signature: str, signal: Signal | None) -> dict[str, str]:
    found = {"score": signature} if signature else {}
    if signal is None:
        return found
    found |= {"signal": signal.rank, "at the floor": signal.at_floor, "near-duplicates": signal.near_duplicates}
    if drawn := signal.drawn_with:
        found["samples"] = (
            ", ".join(f"{name}: {value}" for name, value in drawn.items()) if isinstance(drawn, dict) else str(drawn)
        )
    return found
