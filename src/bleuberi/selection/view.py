"""The page's part on a selection. Reads `selection.json` and the examples beside it; selects nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bleuberi.selection.view_examples import selection_browser
from bleuberi.view.charts import bar_pairs, bars, histogram
from bleuberi.view.parts import Cell, Chart, Fact, Notice, Section, Table, number
from bleuberi.view.reading import Json, finite, read_object

_QUANTITIES: Final = {  # of the record -> title, axis
    "score": ("Score", "score"),
    "length_ratio": ("Length ratio", "tokens of the response / of the shortest reference"),
    "brevity_penalty": ("Brevity penalty", "brevity penalty (1: none)"),
    "floor_distance": ("Distance to the floor", "score - what smoothing alone gives"),
}
_MOST_KINDS: Final = 12
_FEW_KINDS: Final = 6  # that stand beside another chart


def selection_section(folder: Path, id_: str, name: str) -> Section:
    """Distributions before and after, mixes, drops, examples."""
    record = read_object(folder / "selection.json")
    signature = record.get("reward_signature") or ""
    kept, rows_in, mode = int(record["kept"]), int(record["rows_in"]), str(record["selection_mode"])
    dropped = {reason: int(rows) for reason, rows in record["dropped"].items() if rows}
    charts = _distribution_charts(record["distributions"], signature)
    for key, title in (("source_mix", "Sources"), ("reference_length_mix", "Lengths of the references")):
        charts += _mix_chart(key, title, record.get(key, {}), kept)
    if dropped:
        note = f"kept {kept:,} of {rows_in:,}"
        charts.append(Chart("drops", "Where the rows went", bars({**dropped, "kept": kept}, "rows"), note))
    facts = [Fact("mode", mode), Fact("kept", f"{kept:,}", f"of {rows_in:,} rows")]
    score = record["distributions"].get("score")
    if score:
        facts.append(
            Fact(
                "median score",
                f"{score['picked'].get('median', float('nan')):.3f}",
                f"scored rows: {score['pool']['median']:.3f}",
            )
        )
    signal = record.get("signal") or {}
    if finite(signal.get("split_half_reliability")) is not None:
        facts.append(
            Fact("split-half reliability", f"{signal['split_half_reliability']:.2f}", "1: the same ranking again")
        )
    browser = selection_browser(read_object(folder / "selection_examples.json"), record)
    return Section(
        id_,
        "selection",
        "Selection",
        name,
        f"{mode} kept {kept:,} of {rows_in:,} rows"
        + (f" by {signature.split('|')[0]}." if signature else ", unscored."),
        facts,
        _notices(record, browser is None, folder),
        charts,
        [_summary_table(record["distributions"], signature)] if record["distributions"] else [],
        [browser] if browser else [],
        _signatures(signature, signal),
    )


def _distribution_charts(distributions: Json, signature: str) -> list[Chart]:
    charts = []
    for key, values in distributions.items():
        title, axis = _QUANTITIES.get(key, (key.replace("_", " ").capitalize(), key.replace("_", " ")))
        counts = {"scored": values["pool_counts"], "picked": values["picked_counts"]}
        middle = values["picked"].get("median")
        note = f"median: scored {values['pool']['median']:.3g}" + (
            f", picked {middle:.3g}" if middle is not None else ""
        )
        charts.append(
            Chart(key, title, histogram(values["edges"], counts, axis), f"{note}; last bar: all above", signature)
        )
    return charts


def _mix_chart(key: str, title: str, mix: dict[str, dict[str, int]], kept: int) -> list[Chart]:
    if not mix:
        return []
    total = sum(kind["pool"] for kind in mix.values())
    # Lengths come in their order; of many sources the largest are shown, first.
    kinds = sorted(mix, key=lambda kind: -mix[kind]["pool"]) if key == "source_mix" else list(mix)
    shown = {kind: (mix[kind]["pool"], mix[kind]["picked"]) for kind in kinds[:_MOST_KINDS]}
    hidden = len(kinds) - len(shown)
    note = f"{len(kinds)} kinds" + (f", the {hidden} smallest not shown" if hidden > 0 else "")
    spec = bar_pairs(shown, ("pool", "picked"), (total, kept))
    words = {"kind": "source"} if key == "source_mix" else {}
    return [Chart(key, title, spec, note, wide=len(shown) > _FEW_KINDS, words=words)]


def _summary_table(distributions: Json, signature: str) -> Table:
    names = ("rows", "min", "q25", "median", "q75", "max", "mean")
    rows = [
        [
            Cell(f"{_QUANTITIES.get(key, (key, ''))[0]}, {label}"),
            *(number(finite(values[of].get(name)), 0 if name == "rows" else 3) for name in names),
        ]
        for key, values in distributions.items()
        for of, label in (("pool", "scored"), ("picked", "picked"))
    ]
    return Table("summary", "In numbers", ["quantity", *names], rows, signature=signature)


def _notices(record: Json, no_examples: bool, folder: Path) -> list[Notice]:
    notices = []
    if not record["distributions"]:
        notices.append(Notice("note", "Nothing was scored for this selection, so there are no distributions."))
    if no_examples:
        text = "No examples lie beside this record: the data set was made by an older version."
        notices.append(Notice("note", text, shared=""))
    if not (folder / "manifest.json").is_file():
        notices.append(Notice("warning", "This folder has no manifest: the data set was not finished."))
    return notices


def _signatures(signature: str, signal: dict[str, Any]) -> dict[str, str]:
    found = {"score": signature} if signature else {}
    for key, label in (("rank", "signal"), ("at_floor", "at the floor"), ("near_duplicates", "near-duplicates")):
        if signal.get(key):
            found[label] = str(signal[key])
    if signal.get("drawn_with"):
        drawn = signal["drawn_with"]
        found["samples"] = (
            ", ".join(f"{name}: {value}" for name, value in drawn.items()) if isinstance(drawn, dict) else str(drawn)
        )
    return found
