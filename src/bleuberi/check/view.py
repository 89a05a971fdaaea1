"""The page's part on a pool check. Reads `check.json` and its manifest; checks nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bleuberi.view.charts import bars
from bleuberi.view.parts import Cell, Chart, Fact, Notice, Section, Table, count, share
from bleuberi.view.reading import read_object


def pool_check_section(folder: Path, id_: str, name: str) -> Section:
    """Flags with their counts, and what was dropped for them."""
    check, manifest = read_object(folder / "check.json"), read_object(folder / "manifest.json")
    rows = int(check["rows"])
    flags = {entry["flag"]: entry for entry in check["table"]}
    found = {flag: int(entry["rows"]) for flag, entry in flags.items() if entry["rows"]}
    worst = max(found, key=lambda flag: found[flag], default=None)
    lead = f"{rows:,} rows checked; " + (
        f"the commonest flag is {worst} ({found[worst]:,} rows)." if worst else "no flag was raised."
    )
    facts = [Fact("rows", f"{rows:,}"), Fact("flags raised", f"{len(found)} of {len(flags)}")]
    dropped = {reason: int(rows_) for reason, rows_ in manifest.get("dropped", {}).items() if rows_}
    if manifest:
        facts.append(Fact("kept", f"{int(manifest['rows_out']):,}", f"of {int(manifest['rows_in']):,}"))
        if manifest.get("rows_held_out"):
            facts.append(Fact("held out", f"{int(manifest['rows_held_out']):,}"))
    charts = []
    if found:
        ordered = dict(sorted(found.items(), key=lambda item: -item[1]))
        charts.append(Chart("flags", "Rows by flag", bars(ordered, "rows"), "flags that no row carries are left out"))
    if dropped:
        note = f"kept {manifest['rows_out']:,} of {manifest['rows_in']:,}; a row counts by the first of its flags"
        charts.append(Chart("dropped", "Dropped rows", bars(dropped, "rows"), note))
    signatures = {
        label: str(check[key])
        for key, label in (
            ("agreement", "disagreeing_reference"),
            ("near_duplicates", "near_duplicate_prompt"),
            ("reference_lengths", "lengths"),
        )
        if check.get(key)
    }
    notices = [] if manifest else [Notice("warning", "This folder has no manifest: the check was not finished.")]
    return Section(
        id_,
        "pool check",
        "Pool check",
        name,
        lead,
        facts,
        notices,
        charts,
        [flag_table(check["table"])],
        [],
        signatures,
    )


def flag_table(entries: Sequence[Mapping[str, Any]]) -> Table:
    """Every flag with its rows and references."""
    return Table(
        "flags",
        "Every flag",
        ["flag", "meaning", "rows", "share of rows", "references", "for example"],
        [
            [Cell(entry["flag"]), Cell(entry["meaning"]), count(entry["rows"]), share(entry["share"]),
             Cell("") if entry["references"] is None else count(entry["references"]),
             Cell(", ".join(map(str, entry["examples"])))]
            for entry in entries
        ],
        note="A row can carry several flags; references counts single references.",
        words=("for example",),
        details=("for example",),
    )  # fmt: skip
