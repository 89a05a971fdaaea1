"""The report section of a pool check. Reads `check.json` and its manifest; checks nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.check.record import CheckedRows, CheckRecord, FlagRow
from bleuberi.view.charts import bars
from bleuberi.view.parts import Cell, Chart, Fact, Notice, Section, Table, count, share


def pool_check_section(folder: Path, id_: str, name: str) -> Section:
    """Flags with their counts, and the number of rows dropped for each."""
    check, counted = CheckRecord.load(folder), CheckedRows.load(folder)
    rows = check.rows
    found = {entry.flag: entry.rows for entry in check.table if entry.rows}
    worst = max(found, key=lambda flag: found[flag], default=None)
    lead = f"{rows:,} rows checked; " + (
        f"the commonest flag is {worst} ({found[worst]:,} rows)." if worst else "no flag was raised."
    )
    facts = [Fact("rows", f"{rows:,}"), Fact("flags raised", f"{len(found)} of {len(check.table)}")]
    charts = []
    if found:
        ordered = dict(sorted(found.items(), key=lambda item: -item[1]))
        charts.append(Chart("flags", "Rows by flag", bars(ordered, "rows"), "flags that no row carries are left out"))
    if counted is not None:
        facts.append(Fact("kept", f"{counted.rows_out:,}", f"of {counted.rows_in:,}"))
        if counted.rows_held_out:
            facts.append(Fact("held out", f"{counted.rows_held_out:,}"))
        if dropped := {reason: count_ for reason, count_ in counted.dropped.items() if count_}:
            note = f"kept {counted.rows_out:,} of {counted.rows_in:,}; a row counts by the first of its flags"
            charts.append(Chart("dropped", "Dropped rows", bars(dropped, "rows"), note))
    made = {"disagreeing_reference": check.agreement, "near_duplicate_prompt": check.near_duplicates}
    made["lengths"] = check.reference_lengths
    signatures = {label: how for label, how in made.items() if how}
    unfinished = Notice("warning", "This folder has no manifest: the check was not finished.")
    notices = [] if counted else [unfinished]
    return Section(
        id_,
        "pool check",
        "Pool check",
        name,
        lead,
        facts,
        notices,
        charts,
        [flag_table(check.table)],
        [],
        signatures,
    )


def flag_table(entries: Sequence[FlagRow]) -> Table:
    """Every flag with its rows and references."""
    return Table(
        "flags",
        "Every flag",
        ["flag", "meaning", "rows", "share of rows", "references", "for example"],
        [
            [Cell(entry.flag), Cell(entry.meaning), count(entry.rows), share(entry.share),
             Cell("") if entry.references is None else count(entry.references), Cell(", ".join(entry.examples))]
            for entry in entries
        ],
        note="A row can carry several flags; references counts single references.",
        words=("for example",),
        details=("for example",),
    )  # fmt: skip
