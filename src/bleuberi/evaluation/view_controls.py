"""Controls, copying and where a gain sits, as the page shows them. Reads `evaluation.json`."""

from __future__ import annotations

from typing import Any

from bleuberi.view.charts import intervals
from bleuberi.view.parts import Cell, Chart, Table, number, share
from bleuberi.view.reading import Json, estimate, finite


def control_chart(content: Json, metric: str, signature: str) -> list[Chart]:
    """What each group gains over each of its controls."""
    rows: list[dict[str, Any]] = []
    for control in _computed(content):
        value, low, high = estimate((control["difference"] or {}).get(metric))
        if value is not None:
            name = f"{control['other']} - {control['name']}"
            rows.append({"name": name, "value": value, "low": low, "high": high, "group": metric})
    note = "a gain that is more than its control's explanation lies right of 0; 95 % intervals"
    spec = intervals(rows, f"gain of {metric} over the control", form="+.3f", lines=[0])
    return [Chart("controls", "Gains over the controls", spec, note, signature)] if rows else []


def control_table(content: Json, metric: str, signature: str) -> list[Table]:
    """Every control of every group, with the reason if it was not computed."""
    rows = []
    for control in content.get("controls") or []:
        value, _, _ = estimate((control.get("mean") or {}).get(metric))
        gain, low, high = estimate((control.get("difference") or {}).get(metric))
        rows.append(
            [
                Cell(str(control["other"])),
                Cell(str(control.get("name", "cut"))),
                number(value),
                Cell("" if gain is None else f"{gain:+.3f}", gain),
                Cell("" if low is None or high is None else f"[{low:+.3f}, {high:+.3f}]"),
                number(finite(control.get("mean_words")), 0),
                Cell(
                    str(control.get("how") if control.get("reason") is None else f"not computed: {control['reason']}")
                ),
            ]
        )
    columns = ["model", "control", f"its {metric}", "gain over it", "interval", "its words", "what it is"]
    note = "a gain that is not above zero may be what the control stands for"
    return [Table("controls", "Controls", columns, rows, note, signature)] if rows else []


def gain_table(content: Json) -> list[Table]:
    """By group the copied share and where its gain sits; the references' own share last."""
    gains = {row["other"]: row for row in content.get("gain") or []}
    rows = []
    for group in content.get("groups") or []:
        copied, _, _ = estimate((group.get("mean") or {}).get("copied"))
        gain = gains.get(group["name"]) or {}
        overlap = gain.get("by_overlap") or {}
        rows.append(
            [Cell(str(group["name"])), share(copied, 0), share(finite(gain.get("top10_share")), 0)]
            + [_span(overlap.get(half)) for half in ("above", "below")]
        )
    own, _, _ = estimate((content.get("copied") or {}).get("references"))
    if own is None and not gains:
        return []
    rows.append([Cell("references"), share(own, 0), Cell(""), Cell(""), Cell("")])
    columns = ["model", "copied", "of its ten largest prompts", "gain if references overlap more", "less"]
    note = "copied: 4-grams that stand in the prompt; overlap: by the median copied share of the references"
    return [Table("gain", "Copying, and where the gain sits", columns, rows, note)]


def _computed(content: Json) -> list[Json]:
    return [control for control in content.get("controls") or [] if control.get("difference")]


def _span(found: object) -> Cell:
    value, low, high = estimate(found)
    if value is None:
        return Cell("")
    bounds = "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"
    return Cell(f"{value:+.3f}{bounds}", value)
