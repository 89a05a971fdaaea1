"""The tables of an evaluation. Reads `evaluation.json` of any version."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.statistics.shown import percent
from bleuberi.view.parts import Cell, Table, count, estimated, number, share
from bleuberi.view.reading import Json, estimate, finite

_UNKNOWN = Cell("?")


def measure_table(result: Json, groups: Sequence[Json], to_base: Json, names: Sequence[str], *, scores: bool) -> Table:
    """A row for each measure and group with the paired difference to the base: of scores, or of all other measures."""
    models = {model["name"]: model for model in result["models"]}
    base, signatures = str(groups[0]["name"]), result["signatures"]
    rows = []
    for metric in names:
        for group in groups:
            own = [models[name] for name in group.get("members") or [group["name"]] if name in models]
            mean = (group.get("mean") or {}).get(metric)
            change = (to_base.get(group["name"]) or {}).get(metric)
            low, high = estimate(mean)[1:]
            spread = Cell("") if low is None or high is None else Cell(f"[{low:.3f}, {high:.3f}]")
            runs = f" ({len(own)} seeds)" if len(own) > 1 else ""
            rows.append(
                [
                    Cell(f"{group['name']}{runs}"), Cell(metric), number(estimate(mean)[0]), spread,
                    estimated(change, "+.3f"), _words(group, own), _cut(own), Cell(str(signatures[metric])),
                ]
            )  # fmt: skip
    columns = ["model", "metric", "mean", "interval", f"difference to {base} [95 %]", "words", "cut", "signature"]
    note = "differences are paired by prompt; words: mean per response; cut: share that reached the token limit"
    name, title = ("models", "Models") if scores else ("measures", "Other measures")
    return Table(name, title, columns, rows, note, details=("interval", "signature"), only_page=not scores)


def _words(group: Json, own: Sequence[Json]) -> Cell:
    """Mean words of a response; earlier versions wrote them by model alone."""
    value = estimate((group.get("mean") or {}).get("words"))[0]
    if value is None and own:
        value = sum(model["mean_words"] for model in own) / len(own)
    return number(value, 0)


def _cut(own: Sequence[Json]) -> Cell:
    shares = [model["cut_share"] for model in own if model["cut_share"] is not None]
    return share(sum(shares) / len(shares), 0) if shares else _UNKNOWN


def part_table(content: Json, groups: Sequence[Json]) -> list[Table]:
    """BLEU's factors by group: which of them a model gains by."""
    parts = [str(one["name"]) for one in content.get("metrics") or [] if one.get("role") == "part"]
    rows = [
        [Cell(str(group["name"])), *(number(estimate((group.get("mean") or {}).get(part))[0]) for part in parts)]
        for group in groups
    ]
    columns = ["model", *(part.replace("_", " ") for part in parts)]
    return [Table("parts", "Factors of the score", columns, rows)] if parts else []


def control_table(content: Json, metric: str, signature: str) -> list[Table]:
    """Every control of every group that was computed, and for the page the reasons why the others were not."""
    controls = content.get("controls") or []
    rows = [
        [
            Cell(str(control["other"])),
            Cell(str(control.get("name", "cut"))),
            number(estimate((control.get("mean") or {}).get(metric))[0]),
            estimated((control.get("difference") or {}).get(metric), "+.3f"),
            number(finite(control.get("mean_words")), 0),
            Cell(str(control.get("how"))),
        ]
        for control in controls
        if control.get("reason") is None
    ]
    left_out = [
        [Cell(str(control["other"])), Cell(str(control.get("name", "cut"))), Cell(str(control["reason"]))]
        for control in controls
        if control.get("reason") is not None
    ]
    columns = ["model", "against the control", f"its {metric}", "gain over it [95 %]", "its words", "what it is"]
    note = "a gain that is not above zero may be what the control stands for"
    tables = [
        Table("controls", "Controls", columns, rows, note, signature, details=("what it is",)),
        Table("left_out", "Controls not computed", ["model", "control", "reason"], left_out, only_page=True),
    ]
    return [table for table in tables if table.rows]


def gain_table(content: Json) -> list[Table]:
    """By group the copied share and where its gain sits; the references' own share last."""
    gains = {row["other"]: row for row in content.get("gain") or []}
    own = estimate((content.get("copied") or {}).get("references"))[0]
    if own is None and not gains:
        return []
    rows = []
    for group in content.get("groups") or []:
        copied, _, _ = estimate((group.get("mean") or {}).get("copied"))
        gain = gains.get(group["name"]) or {}
        overlap = gain.get("by_overlap") or {}
        rows.append(
            [Cell(str(group["name"])), share(copied, 0), share(finite(gain.get("top10_share")), 0)]
            + [estimated(overlap.get(half), "+.3f") for half in ("above", "below")]
        )
    if own is not None:
        rows.append([Cell("references"), share(own, 0), Cell(""), Cell(""), Cell("")])
    columns = ["model", "copied", "top 10 prompts", "gain if references overlap", "gain if less"]
    note = (
        "copied: 4-grams of the response that are in the prompt; top 10 prompts: their share of the gain; overlap: "
        "references copy more of the prompt than the median"
    )
    return [Table("gain", "Copying, and where the gain sits", columns, rows, note)]


def verdict_table(content: Json, metric: str, signature: str) -> list[Table]:
    """A row for each role: base, SFT, GRPO with this reward and with that."""
    rows = []
    for one in (content.get("verdict") or {}).get("table") or []:
        mean, change = (_of(one.get(name), metric) for name in ("mean", "difference"))
        steps = one.get("steps")
        rows.append(
            [
                Cell("base" if one.get("role") == "base" else str(one.get("label") or one.get("role") or "")),
                Cell(str(one.get("group") or "")),
                number(estimate(mean)[0]),
                estimated(change if isinstance(change, dict) else None, "+.3f"),
                Cell("" if steps is None else str(one.get("data") or "?")[:8]),
                Cell("" if steps is None else str(steps), finite(steps)),
            ]
        )
    columns = ["trained with", "model", metric, f"difference to {content.get('base')} [95 %]", "data", "steps"]
    note = "data: the hash of the prompts"
    return [Table("verdict", "Was it worth it?", columns, rows, note, signature)] if rows else []


def judge_table(content: Json) -> list[Table]:
    """Each pair's verdicts; only those that held in both orders count."""
    judge = content.get("judge") or {}
    rows = []
    for pair in judge.get("pairs") or []:
        rate, counts, words = pair.get("win_rate"), pair.get("counts") or {}, pair.get("mean_words") or {}
        won, lost, tied = (int(counts.get(name, 0)) for name in ("other", "base", "tie"))
        none = sum(int(counts.get(name, 0)) for name in ("unparsable", "no_answer", "refused", "too_long"))
        win_rate = estimated(rate, ".0f", 100.0)
        rows.append(
            [
                Cell(f"{pair['other']} : {pair['base']}"),
                Cell(f"{won}/{lost}/{tied}", float(won)),
                win_rate._replace(text=percent(rate, 0)) if win_rate.text else Cell("none"),
                count(int(counts.get("inconsistent", 0))),
                count(none),
                number(finite(words.get("winner")), 0),
                number(finite(words.get("loser")), 0),
                share(finite(pair.get("longer_won"))),
            ]
        )
    columns = ["judged", "won/lost/tied", "win rate [95 %]", "inconsistent", "none"]
    columns += ["words of winners", "words of losers", "longer won"]
    note = "only verdicts that held in both orders count; ties count half; none: no readable verdict"
    signature = str(judge.get("signature") or "")
    return [Table("judge", "What the judge preferred", columns, rows, note, signature)] if rows else []


def _of(by_metric: object, metric: str) -> object:
    """An estimate that may stand by metric or alone."""
    return by_metric.get(metric, by_metric) if isinstance(by_metric, dict) else None
