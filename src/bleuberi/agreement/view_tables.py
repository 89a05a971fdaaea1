"""The tables of an agreement: every score, numbers of references, expected orders, and the choice of a reward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.agreement.record import AnyAgreement, OnPairs, OnReferences, OnSystems
from bleuberi.agreement.record_parts import Comparison, Figure1Entry, Pick, Score
from bleuberi.statistics.shown import Estimated
from bleuberi.view.parts import Cell, Table, count, estimated, p_value, share

KINDS: Final = {"reward": "reward", "column": "score made elsewhere", "mix": "mix", "baseline": "baseline"}
OWN: Final = ("reward", "column")  # kinds of scores that can be trained on


def agreement_tables(result: AnyAgreement) -> list[Table]:
    """All tables of an agreement of any kind; empty ones are left out."""
    how = result.how
    if isinstance(result, OnReferences):
        versus = _versus_table(result.rewards, result.comparisons, how, "by planted damage")
        tables = [_damage_table(result, how), _bias_table(result, how), versus]
    else:
        versus = _versus_table(result.rewards, result.balanced_comparisons, how, "length-balanced")
        if isinstance(result, OnPairs):
            tables = [_pair_table(result, how), _curve_table(result), _judge_table(result, how)]
            tables += [_figure_1_table(result), _choice_table(result, how), versus]
        else:
            tables = [_system_table(result, how), _order_table(result), _choice_table(result, how), versus]
            tables.append(_best_of_table(result))
    return [table for table in tables if table.rows]


def _pair_table(result: OnPairs, how: str) -> Table:
    """Every reward and baseline: agreement and its lead over the length baseline."""
    lead = {one.other: one for one in result.comparisons if one.base == result.length_baseline}
    counts = result.counts
    rows = []
    for one in result.rewards:
        ahead = lead.get(one.name)
        rows.append(
            [
                Cell(one.name),
                Cell(KINDS.get(one.kind, one.kind)),
                _percent(one.agreement),
                _points(None if ahead is None else ahead.difference),
                p_value(None if ahead is None else ahead.p_value),
                count(one.metric_ties),
                _percent_alone(one.subsets.length_matched),
                _percent_alone(one.agreement_with_ties),
                Cell(one.signature),
            ]
        )
    wide = ("ties", "equal length", "all 3 answers")
    return Table(
        "scores",
        f"Agreement with people: {counts.decisive_pairs:,} decisive pairs, {counts.prompts:,} prompts, %",
        ["score", "kind", "agrees", f"ahead of {result.length_baseline}", "p", *wide, "signature"],
        rows,
        f"{how}, over prompts; p corrected for all comparisons; ties of a metric count half",
        details=("kind", "signature"),
        wide=wide,
    )


def _curve_table(result: OnPairs) -> Table:
    """Agreement by number of references."""
    counts = sorted({one.references for one in result.curves})
    at = {(one.reward, one.references): one for one in result.curves}
    pairs = max((one.agreement.n if one.agreement else 0 for one in result.curves), default=0)
    last = counts[-1] if counts else 0
    rows = [
        [
            Cell(name),
            *(_percent(at[name, number].agreement) for number in counts),
            _points(at[name, last].more_than_with_one),
        ]
        for name in dict.fromkeys(one.reward for one in result.curves)
    ]
    title = f"Agreement by number of references: {pairs:,} pairs with {last}, %"
    columns = ["reward", *(f"{number} ref" for number in counts), f"{last} more than 1"]
    return Table("references", title, columns, rows, "mean over sampled orders")


def _judge_table(result: OnPairs, how: str) -> Table:
    """Agreement by the number of questions to the judge; empty without a judge."""
    rows = [[Cell(f"{one.questions:,}"), Cell(f"{one.share:.0%}"), _percent(one)] for one in result.judge.curve]
    title = "A judge on the pairs of smallest margin: cost against agreement, %"
    return Table("judge", title, ["questions", "pairs asked", "agrees"], rows, f"{how}, over prompts")


def _figure_1_table(result: OnPairs) -> Table:
    """The paper's Figure 1: the same winner as people by number of references, beside the published number."""
    entries = result.figure_1
    counts = sorted({one.references for one in entries if one.references})
    at = {(one.score, one.references): one for one in entries}
    rows = [
        [Cell(name), *(_beside_paper(at.get((name, number))) for number in (*counts, None))]
        for name in dict.fromkeys(one.score for one in entries)
    ]
    title = "Figure 1 of the paper: the same winner as people, % of all pairs"
    note = "people's ties count as a winner of their own; (published number)"
    return Table("figure_1", title, ["score", *(f"{number} ref" for number in counts), "without"], rows, note)


def _beside_paper(entry: Figure1Entry | None) -> Cell:
    if entry is None:
        return Cell("")
    found = _percent(entry.same_winner)
    return found if entry.paper is None else found._replace(text=f"{found.text} ({entry.paper:.1f})")


def _system_table(result: OnSystems, how: str) -> Table:
    """Every reward and baseline: rank correlation of models' mean scores with their label."""
    rows = [
        [
            Cell(one.name),
            Cell(KINDS.get(one.kind, one.kind)),
            estimated(one.spearman.both, ".2f"),
            p_value(one.follows_label.p_value),
            estimated(one.spearman_minus_length, "+.2f"),
            _percent(one.answer_pairs),
            estimated(one.kendall.both, ".2f"),
            estimated(one.spearman.systems, ".2f"),
            Cell(one.signature),
        ]
        for one in result.rewards
    ]
    judged = any(one.answer_pairs for one in result.rewards)
    columns = ["score", "kind", "Spearman", "p", "less length's", "answer pairs, %", "Kendall", "Spearman, models"]
    table = Table(
        "scores",
        f"{result.counts.systems} models by mean score against {result.label}",
        [*columns, "signature"],
        rows,
        f"{how}, over prompts and models (last column: models)",
        details=("kind", "signature"),
        wide=(*(["less length's"] if judged else []), "Kendall", "Spearman, models"),
    )
    return table if judged else table.without(["answer pairs, %"])


def _order_table(result: OnSystems) -> Table:
    """Expected orders of models, step by step."""
    rows = [
        [
            Cell(order.reward if not place else ""),
            Cell(step.lower),
            Cell(step.higher),
            estimated(step.difference, "+.3g"),
            share(order.share_of_resamples) if not place else Cell(""),
        ]
        for order in result.orders
        for place, step in enumerate(order.steps)
    ]
    columns = ["score", "lower", "higher", "difference", "whole order holds in resamples"]
    return Table("orders", "Expected orders of models", columns, rows, "of mean scores, later minus earlier")


def _damage_table(result: OnReferences, how: str) -> Table:
    """How often each score falls by kind of damage, and the mean over kinds."""
    kinds = list(result.damage_kinds)
    rows = [
        [Cell(one.name), _percent(one.sees), *(_percent_alone(one.damage[kind].falls) for kind in kinds)]
        for one in result.rewards
    ]
    title = "How often a score falls if the answer is damaged, %"
    return Table("damage", title, ["score", "sees damage", *kinds], rows, how)


def _bias_table(result: OnReferences, how: str) -> Table:
    """How often each score prefers the longer and the more copied text, how its halves agree, and its headroom."""
    rows = []
    for one in result.rewards:
        spreads = one.headroom.in_spreads
        rows.append(
            [
                Cell(one.name),
                *(_percent(found) for found in (one.longer, one.copied, one.halves)),
                Cell("") if spreads is None else Cell(f"{spreads:+.2f}", spreads),
                share(one.headroom.confirmed_share, 0),
            ]
        )
    columns = ["score", "prefers longer, %", "prefers copied, %", "halves agree, %", "headroom, SD", "confirmed"]
    return Table("bias", "What else a score prefers, and whether it tells answers apart", columns, rows, how)


def _choice_table(result: OnPairs | OnSystems, how: str) -> Table:
    """Plain and length-balanced agreement of every score by quarter of its margin, of pairs or of judged answers."""
    rows = [
        [
            Cell(one.name),
            _percent(balanced),
            _percent(plain),
            share(one.prefers_longer, 0),
            *(_percent_alone(part.agreement) for part in one.margin_quarters),
        ]
        for one in result.rewards
        for plain, balanced in [one.on_pairs]
        if plain and balanced and one.margin_quarters
    ]
    columns = ["score", "length-balanced", "plain", "prefers longer", "smallest margins", "2nd", "3rd", "largest"]
    return Table("choice", "Length-balanced agreement, and agreement by quarter of margin, %", columns, rows, how)


def _versus_table(scores: Sequence[Score], compared: Sequence[Comparison], how: str, by: str) -> Table:
    """Each reward minus each other one in points, with corrected p values; length-balanced, or of planted damage."""
    kinds = {one.name: one.kind for one in scores}
    rows = [
        [Cell(one.other), Cell(one.base), _points(one.difference), p_value(one.p_value)]
        for one in compared
        if kinds.get(one.base) in OWN and kinds.get(one.other) in OWN
    ]
    return Table("versus", f"Rewards against each other, {by}", ["score", "minus", "points", "p, corrected"], rows, how)


def _best_of_table(result: OnSystems) -> Table:
    """Mean label and words of the answer that each score picks from n."""
    found = result.best_of_n
    counts = sorted({one.n for one in found.curves})
    at = {(one.reward, one.n): one for one in found.curves}
    rows = [
        [
            Cell(name),
            *(_pick(at[name, number]) for number in counts),
            Cell(f"at {turn.peak}" if turn.turned else ""),
        ]
        for name, turn in found.turns.items()
    ]
    columns = ["picked by", *(f"best of {number}" for number in counts), "turns"]
    return Table("best_of_n", f"Mean {result.label} (words) of the pick from n answers", columns, rows)


def _pick(one: Pick) -> Cell:
    return Cell(f"{one.label.value:.3g} ({one.words.value:.0f})", one.label.value)


def _percent(estimate: Estimated | None) -> Cell:
    return estimated(estimate, ".1f", 100.0)


def _percent_alone(estimate: Estimated | None) -> Cell:
    """A share in per cent without its interval, for tables with many of them."""
    found = _percent(estimate)
    return found if found.value is None else Cell(f"{found.value:.1f}", found.value)


def _points(estimate: Estimated | None) -> Cell:
    return estimated(estimate, "+.1f", 100.0)
