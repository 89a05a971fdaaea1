"""Tables that answer which reward to train on, for the terminal, the page and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bleuberi.statistics import shown

Entry = Mapping[str, Any]
OWN = ("reward", "column")  # kinds of scores that can be trained on
Rows = tuple[list[str], list[list[str]]]


def damage_rows(result: Entry) -> Rows:
    """How often each score falls by kind of damage, and the mean over kinds."""
    kinds = list(result["damage_kinds"])
    rows = [
        [one["name"], _interval(one["sees"]), *(_share(one["damage"][kind]["falls"]) for kind in kinds)]
        for one in result["rewards"]
    ]
    return ["score", "sees damage, %", *kinds], rows


def bias_rows(result: Entry) -> Rows:
    """How often each score prefers the longer and the more copied text, how its halves agree, and its headroom."""
    rows = []
    for one in result["rewards"]:
        room = one["headroom"] or {}
        rows.append(
            [
                one["name"], _interval(one["longer"]), _interval(one["copied"]), _interval(one["halves"]),
                _number(room.get("in_spreads"), "+.2f"), _number(room.get("confirmed_share"), ".0%"),
            ]
        )  # fmt: skip
    header = ["score", "prefers longer, %", "prefers copied, %", "halves agree, %", "headroom, SD", "confirmed"]
    return header, rows


def choice_rows(result: Entry) -> Rows:
    """Plain and length-balanced agreement of every score, by quarter of its margin; of pairs or of judged answers."""
    pairs = result["kind"] == "pairs"
    plain, balanced = ("agreement", "balanced") if pairs else ("answer_pairs", "answer_pairs_balanced")
    rows = [
        [
            one["name"], _interval(one[balanced]), _interval(one[plain]),
            _number(one.get("prefers_longer"), ".0%"), *(_share(part["agreement"]) for part in one["margin_quarters"]),
        ]
        for one in result["rewards"]
        if one.get(plain) and one.get("margin_quarters") and one.get(balanced)
    ]  # fmt: skip
    header = ["score", "length-balanced, %", "plain, %", "prefers longer", "smallest margins", "2nd", "3rd", "largest"]
    return header, rows


def judge_rows(result: Entry) -> Rows:
    """Agreement after so many questions to the judge; empty without one."""
    rows = [
        [f"{one['questions']:,}", f"{100 * one['share']:.0f}", _interval(one)]
        for one in result.get("judge", {}).get("curve", [])
    ]
    return ["questions", "pairs asked, %", "agreement, %"], rows


def versus_rows(result: Entry) -> Rows:
    """Each reward minus each other one in points, with corrected p values; length-balanced, or of planted damage."""
    chosen = result["comparisons"] if result["kind"] == "references" else result.get("balanced_comparisons", [])
    kinds = {one["name"]: one["kind"] for one in result["rewards"]}
    rows = [
        [one["other"], one["base"], _points(one["difference"]), f"{one['p_value']:.2g}"]
        for one in chosen
        if kinds.get(one["base"]) in OWN and kinds.get(one["other"]) in OWN
    ]
    return ["score", "minus", "points", "p, corrected"], rows


def best_of_rows(result: Entry) -> Rows:
    """Label and words of each score's pick from n answers."""
    found = result.get("best_of_n") or {}
    if not found:
        return [], []
    counts = sorted({one["n"] for one in found["curves"]})
    at = {(one["reward"], one["n"]): one for one in found["curves"]}
    rows = [
        [
            name,
            *(f"{at[name, n]['label']['value']:.3g} ({at[name, n]['words']['value']:.0f})" for n in counts),
            f"at {turn['peak']}" if turn["turned"] else "",
        ]
        for name, turn in found["turns"].items()
    ]
    return ["picked by", *(f"best of {n}" for n in counts), "turns"], rows


def tables_of(result: Entry) -> list[tuple[str, str, Rows]]:
    """Name, title and content of every table that answers which reward to train on; empty ones are left out."""
    if result["kind"] == "references":
        tables = [
            ("damage", "How often a score falls if the answer is damaged, %", damage_rows(result)),
            ("bias", "What else a score prefers, and whether it tells answers apart", bias_rows(result)),
            ("versus", "Rewards against each other, by planted damage", versus_rows(result)),
        ]
    else:
        label = result.get("label", "label")
        tables = [
            ("choice", "Length-balanced agreement, and agreement by quarter of margin, %", choice_rows(result)),
            ("versus", "Rewards against each other, length-balanced", versus_rows(result)),
            ("judge", "A judge on the pairs of smallest margin: cost against agreement", judge_rows(result)),
            ("best_of_n", f"Mean {label} (words) of the pick from n answers", best_of_rows(result)),
        ]
    return [one for one in tables if one[2][1]]


def markdown(result: Entry) -> str:
    """The same tables in Markdown, with the verdict."""
    parts = [f"{result['verdict']}"]
    if result.get("choice"):
        parts.append(result["choice"])
    for _, title, (header, rows) in tables_of(result):
        lines = [f"**{title}**", "", _line(header), _line(["---"] * len(header)), *map(_line, rows)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _share(estimate: Entry | None) -> str:
    return "" if estimate is None or estimate["value"] is None else f"{100 * estimate['value']:.1f}"


def _interval(estimate: Entry | None) -> str:
    if estimate is None or estimate["value"] is None:
        return ""
    return f"{_share(estimate)} {shown.bounds(estimate, '.1f', 100.0)}"


def _points(estimate: Entry) -> str:
    return f"{100 * estimate['value']:+.1f} {shown.bounds(estimate, '+.1f', 100.0)}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
