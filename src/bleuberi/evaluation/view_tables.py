"""The tables of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.evaluation.record import EvaluationRecord, GroupMeans, Means, Model
from bleuberi.statistics import Estimate
from bleuberi.statistics.shown import finite, numbers, percent
from bleuberi.view.parts import Cell, Table, count, estimated, number, share

_UNKNOWN = Cell("?")


def measure_table(record: EvaluationRecord, names: Sequence[str], *, scores: bool) -> Table:
    """A row for each measure and group with the paired difference to the base: of scores, or of all other measures."""
    models, between = {model.name: model for model in record.models}, record.between()
    rows = []
    for metric in names:
        for group in record.groups:
            own = [models[name] for name in group.members if name in models]
            mean = group.mean.get(metric)
            change = between.get((record.base, group.name), {}).get(metric)
            _, low, high = numbers(mean)
            spread = Cell("") if low is None or high is None else Cell(f"[{low:.3f}, {high:.3f}]")
            runs = f" ({len(own)} seeds)" if len(own) > 1 else ""
            rows.append(
                [
                    Cell(f"{group.name}{runs}"), Cell(metric), _mean(group.mean, metric), spread,
                    estimated(change, "+.3f"), _words(group, own), _cut(own), Cell(record.signatures[metric]),
                ]
            )  # fmt: skip
    columns = ["model", "metric", "mean", "interval", f"difference to {record.base} [95 %]", "words", "cut"]
    note = "differences are paired by prompt; words: mean per response; cut: share that reached the token limit"
    name, title = ("models", "Models") if scores else ("measures", "Other measures")
    details = ("interval", "signature")
    return Table(name, title, [*columns, "signature"], rows, note, details=details, only_page=not scores)


def _mean(means: Means | None, metric: str, digits: int = 3) -> Cell:
    return number(numbers((means or {}).get(metric))[0], digits)


def _words(group: GroupMeans, own: Sequence[Model]) -> Cell:
    """Mean words of a response; without that measure, as counted by model."""
    if "words" in group.mean or not own:
        return _mean(group.mean, "words", 0)
    return number(sum(model.mean_words for model in own) / len(own), 0)


def _cut(own: Sequence[Model]) -> Cell:
    shares = [model.cut_share for model in own if model.cut_share is not None]
    return share(sum(shares) / len(shares), 0) if shares else _UNKNOWN


def part_table(record: EvaluationRecord) -> list[Table]:
    """BLEU's factors by group: which factor of the score a model improved."""
    parts = [one.name for one in record.metrics if one.role == "part"]
    rows = [[Cell(group.name), *(_mean(group.mean, part) for part in parts)] for group in record.groups]
    columns = ["model", *(part.replace("_", " ") for part in parts)]
    return [Table("parts", "Factors of the score", columns, rows)] if parts else []


def control_table(record: EvaluationRecord, metric: str) -> list[Table]:
    """Every computed control of every group; only on the page, also the reasons why other controls were not
    computed."""
    rows = [
        [
            Cell(one.other),
            Cell(one.name),
            _mean(one.mean, metric),
            estimated((one.difference or {}).get(metric), "+.3f"),
            number(one.mean_words, 0),
            Cell(one.how),
        ]
        for one in record.controls
        if one.reason is None
    ]
    left_out = [
        [Cell(one.other), Cell(one.name), Cell(one.reason)] for one in record.controls if one.reason is not None
    ]
    columns = ["model", "against the control", f"its {metric}", "gain over it [95 %]", "its words", "what it is"]
    note, signature = "a gain that is not above zero may be what the control stands for", record.signatures[metric]
    tables = [
        Table("controls", "Controls", columns, rows, note, signature, details=("what it is",)),
        Table("left_out", "Controls not computed", ["model", "control", "reason"], left_out, only_page=True),
    ]
    return [table for table in tables if table.rows]


def gain_table(record: EvaluationRecord) -> list[Table]:
    """The copied share of each group and how its gain is distributed over the prompts; the references' own share
    last."""
    gains = {row.other: row for row in record.gain}
    own = record.copied.references if record.copied else None
    if own is None and not gains:
        return []
    rows = []
    for group in record.groups:
        gain = gains.get(group.name)
        halves = gain.by_overlap if gain else None
        rows.append(
            [
                Cell(group.name),
                _copied(group.mean.get("copied")),
                share(gain.top10_share if gain else None, 0),
                estimated(halves.above if halves else None, "+.3f"),
                estimated(halves.below if halves else None, "+.3f"),
            ]
        )
    if own is not None:
        rows.append([Cell("references"), _copied(own), Cell(""), Cell(""), Cell("")])
    columns = ["model", "copied", "top 10 prompts", "gain if references overlap", "gain if less"]
    note = (
        "copied: 4-grams of the response that are in the prompt; top 10 prompts: their share of the gain; overlap: "
        "references copy more of the prompt than the median"
    )
    return [Table("gain", "Copying, and where the gain sits", columns, rows, note)]


def _copied(found: Estimate | None) -> Cell:
    return share(numbers(found)[0], 0)


def verdict_table(record: EvaluationRecord, metric: str) -> list[Table]:
    """A row for each role: base, SFT, GRPO with this reward and with that."""
    rows = [
        [
            Cell("base" if one.role == "base" else one.label),
            Cell(one.group),
            _mean(one.mean, metric),
            estimated((one.difference or {}).get(metric), "+.3f"),
            Cell("" if one.steps is None else (one.data or "?")[:8]),
            Cell("" if one.steps is None else str(one.steps), finite(one.steps)),
        ]
        for one in (record.verdict.table if record.verdict else ())
    ]
    columns = ["trained with", "model", metric, f"difference to {record.base} [95 %]", "data", "steps"]
    note, signature = "data: the hash of the prompts", record.signatures[metric]
    return [Table("verdict", "Was it worth it?", columns, rows, note, signature)] if rows else []


def judge_table(record: EvaluationRecord) -> list[Table]:
    """Each pair's verdicts; only those that are equal in both orders count."""
    rows = []
    for pair in record.judge.pairs if record.judge else ():
        won, lost, tied = (pair.counts.get(name, 0) for name in ("other", "base", "tie"))
        none = sum(pair.counts.get(name, 0) for name in ("unparsable", "no_answer", "refused", "too_long"))
        win_rate = estimated(pair.win_rate, ".0f", 100.0)
        rows.append(
            [
                Cell(f"{pair.other} : {pair.base}"),
                Cell(f"{won}/{lost}/{tied}", float(won)),
                Cell("none") if pair.win_rate is None else win_rate._replace(text=percent(pair.win_rate, 0)),
                count(pair.counts.get("inconsistent", 0)),
                count(none),
                number(pair.mean_words.winner if pair.mean_words else None, 0),
                number(pair.mean_words.loser if pair.mean_words else None, 0),
                share(pair.longer_won),
            ]
        )
    columns = ["judged", "won/lost/tied", "win rate [95 %]", "inconsistent", "none"]
    columns += ["words of winners", "words of losers", "longer won"]
    note = "only verdicts that held in both orders count; ties count half; none: no readable verdict"
    signature = record.judge.signature if record.judge else ""
    return [Table("judge", "What the judge preferred", columns, rows, note, signature)] if rows else []
