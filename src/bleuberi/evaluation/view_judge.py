"""What a judge said, and the verdict on reinforcement learning against SFT. Reads what the evaluation wrote."""

from __future__ import annotations

from bleuberi.view.parts import Cell, Fact, Notice, Table, count, number, share
from bleuberi.view.reading import Json, estimate, finite


def verdict_notices(content: Json) -> list[Notice]:
    """Questions with their answers, then what is not equal between the models."""
    verdict = content.get("verdict") or {}
    notices = [Notice("verdict", f"{one['question']} {one['sentence']}") for one in verdict.get("questions") or []]
    return notices + [Notice("warning", str(text)) for text in verdict.get("unequal") or []]


def verdict_table(content: Json, metric: str, signature: str) -> list[Table]:
    """A row for each role: base, SFT, GRPO with this reward and with that."""
    rows = []
    for one in (content.get("verdict") or {}).get("table") or []:
        mean, change = (_of(one.get(name), metric) for name in ("mean", "difference"))
        value, low, high = estimate(mean)
        by, least, most = estimate(change)
        rows.append(
            [
                Cell(str(one.get("label") or one.get("role") or "")),
                Cell(str(one.get("group") or "")),
                number(value),
                _span(low, high),
                Cell("" if by is None else f"{by:+.3f}", by),
                _span(least, most, "+"),
                Cell(_words(one.get("data"))),
                Cell("" if one.get("steps") is None else str(one["steps"]), finite(one.get("steps"))),
            ]
        )
    columns = ["role", "model", f"mean {metric}", "interval", "difference to the base", "interval", "data", "steps"]
    return [Table("verdict", "Was it worth it?", columns, rows, signature=signature)] if rows else []


def judge_table(content: Json) -> list[Table]:
    """Each pair's verdicts; only those that held in both orders count."""
    judge = content.get("judge") or {}
    rows = []
    for pair in judge.get("pairs") or []:
        value, low, high = estimate(pair.get("win_rate"))
        counts, words = pair.get("counts") or {}, pair.get("mean_words") or {}
        rows.append(
            [
                Cell(f"{pair['other']} against {pair['base']}"),
                share(value),
                Cell("" if low is None or high is None else f"[{low:.1%}, {high:.1%}]"),
                *(count(int(counts.get(name, 0))) for name in ("other", "base", "tie", "inconsistent")),
                count(sum(int(counts.get(name, 0)) for name in ("unparsable", "no_answer"))),
                number(finite(words.get("winner")), 0),
                number(finite(words.get("loser")), 0),
                share(finite(pair.get("longer_won"))),
            ]
        )
    columns = [
        "pair",
        "win rate",
        "interval",
        "won",
        "lost",
        "ties",
        "inconsistent",
        "no verdict",
        "words of winners",
        "words of losers",
        "longer won",
    ]
    note = "only verdicts that held in both orders count; ties count half"
    return (
        [Table("judge", "What the judge preferred", columns, rows, note, str(judge.get("signature") or ""))]
        if rows
        else []
    )


def judge_facts(content: Json) -> list[Fact]:
    """Who judged."""
    judge = content.get("judge") or {}
    model = (judge.get("settings") or {}).get("model")
    return [Fact("judge", str(model))] if model else []


def _of(by_metric: object, metric: str) -> object:
    """An estimate that may stand by metric or alone."""
    return by_metric.get(metric, by_metric) if isinstance(by_metric, dict) else None


def _span(low: float | None, high: float | None, sign: str = "") -> Cell:
    return Cell("" if low is None or high is None else f"[{low:{sign}.3f}, {high:{sign}.3f}]")


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items() if one is not None)
    return "" if value is None else str(value)
