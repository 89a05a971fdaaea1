"""Several training runs side by side. Only curves measured in the same way share an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bleuberi.training.view import Run, ends
from bleuberi.training.view_charts import series
from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Cell, Chart, Notice, Section, Table, count, number

_UNKNOWN: Final = "signature unknown"


def runs_section(runs: Sequence[Run], id_: str) -> Section:
    """A table of the runs, and their curves by signature."""
    rewarded = [run for run in runs if series(run.entries, "reward")]
    by_signature: dict[str, list[Run]] = {}
    for run in rewarded:
        by_signature.setdefault(_signature(run), []).append(run)
    charts: list[Chart] = []
    for place, (signature, group) in enumerate(by_signature.items(), start=1):
        title = "Reward" if len(by_signature) == 1 else f"Reward: {_reward_name(group[0], place)}"
        charts.append(_curves(f"reward_{place}", title, "reward", group, "reward", ".3f", signature))
    for name, title, label, form in (
        ("completions/mean_length", "Completion length", "tokens", ",.0f"),
        ("completions/clipped_ratio", "Completions cut off", "share of completions", ".0%"),
    ):
        having = [run for run in runs if series(run.entries, name)]
        if having:
            charts.append(_curves(name.rpartition("/")[2], title, label, having, name, form, ""))
    losses = [run for run in runs if run.method == "SFT" and series(run.entries, "loss")]
    if losses:
        charts.append(_curves("sft_loss", "SFT loss", "loss, nats a token", losses, "loss", ".3f", ""))
    return Section(
        id_,
        "side by side",
        "Runs side by side",
        "",
        f"{len(runs)} runs: {', '.join(run.name for run in runs)}.",
        [],
        _notices(by_signature),
        charts,
        [_table(runs)],
        [],
        {run.name: _signature(run) for run in rewarded},
    )


def _reward_name(run: Run, place: int) -> str:
    return " + ".join(run.signatures) or f"unknown, {place}"


def _signature(run: Run) -> str:
    return " + ".join(run.signatures.values()) or _UNKNOWN


def _notices(by_signature: dict[str, list[Run]]) -> list[Notice]:
    notices = []
    if len(by_signature) > 1:
        told = "; ".join(
            f"{', '.join(run.name for run in group)}: {signature}" for signature, group in by_signature.items()
        )
        notices.append(
            Notice(
                "warning",
                "These rewards are not drawn on one axis, since they were made in different ways and their "
                f"numbers do not compare ({told}).",
            )
        )
    if len(by_signature.get(_UNKNOWN, [])) > 1:
        names = ", ".join(run.name for run in by_signature[_UNKNOWN])
        notices.append(Notice("warning", f"Nothing tells how the rewards of {names} were made: they may not compare."))
    return notices


def _curves(name: str, title: str, label: str, runs: Sequence[Run], metric: str, form: str, signature: str) -> Chart:
    values: list[dict[str, Any]] = [
        {"step": step, "series": run.name, "value": value}
        for run in runs
        for step, value in series(run.entries, metric)
    ]
    note = runs[0].name if len(runs) == 1 else ""  # a single line has no legend
    return Chart(name, title, lines(values, label, form=form), note, signature)


def _table(runs: Sequence[Run]) -> Table:
    rows = []
    for run in runs:
        start, end = ends(run.entries, "reward")
        _, length = ends(run.entries, "completions/mean_length")
        _, cut = ends(run.entries, "completions/clipped_ratio")
        _, loss = ends(run.entries, "loss")
        state = "finished" if run.manifest else "not finished"
        rows.append(
            [
                Cell(run.name),
                Cell(run.method),
                Cell(state),
                count(run.last_step),
                number(start),
                number(end),
                number(length, 0),
                number(cut, 2),
                number(loss),
                count(len(run.warnings)),
                Cell(_signature(run) if run.signatures else ""),
            ]
        )
    columns = [
        "run",
        "method",
        "state",
        "steps",
        "reward, first tenth",
        "reward, last tenth",
        "length",
        "cut off",
        "loss",
        "warnings",
        "signature of the reward",
    ]
    return Table(
        "runs", "The runs", columns, rows, note="numbers of the last tenth of the steps where not said otherwise"
    )
