"""Terminal output of `bleuberi explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from bleuberi.plain_text import one_line, plain
from bleuberi.rewards.chrf_explanation import ChrfExplanation
from bleuberi.rewards.explanation import Explanation
from bleuberi.rewards.meteor_explanation import MeteorExplanation, MeteorReference

if TYPE_CHECKING:
    from rich.console import Console

    from bleuberi.rewards.explanations import Explained, ScoresAlone
    from bleuberi.rewards.meteor_python import Match

STYLES = ("dim", "yellow", "cyan", "green", "bold green")  # by length of the longest matched n-gram around a token
STEM, EXACT = "yellow", "green"
MOST_CHUNKS = 30
TITLES = {"bleu": "BLEU", "rouge": "ROUGE", "meteor": "METEOR", "chrf": "chrF"}


def show(console: Console, prompt: str, found: Explained) -> None:
    """Print an explanation."""
    parts = found.parts
    if prompt:
        console.print("prompt  ", style="bold", end="")
        console.print(plain(prompt.strip()[:300]), markup=False)
    kind = found.signature.partition("|")[0]
    score = "no score: all references are blank" if parts.score is None else f"{parts.score:.4f}"
    console.print(f"{TITLES.get(kind, kind):7} {score}", style="bold")
    console.print(f"        {found.signature}\n", style="dim", markup=False)
    if isinstance(parts, Explanation):
        _show_bleu(console, parts)
    elif parts.score is None:
        return
    elif isinstance(parts, MeteorExplanation):
        _show_meteor(console, parts)
    elif isinstance(parts, ChrfExplanation):
        _show_chrf(console, parts)
    else:
        _show_alone(console, parts)


def _show_bleu(console: Console, found: Explanation) -> None:
    text = Text()
    for token, depth in zip(found.tokens, found.depth, strict=True):
        text.append(plain(token) + " ", style=STYLES[depth])
    console.print(text)
    console.print("longest match: ", style="dim", end="")
    for depth, style in enumerate(STYLES):
        console.print(f"{depth or 'none'} ", style=style, end="")
    console.print("\n")
    if found.score is None:
        return
    console.print(_orders_table(found))
    console.print(_references_table(found))
    console.print(
        f"brevity   {len(found.tokens)} tokens, shortest reference {found.reference_tokens}: "
        f"penalty {found.brevity_penalty:.3f}"
    )
    given = 1.0 - found.score_without_smoothing / found.score if found.score else 0.0
    console.print(f"smoothing {found.score_without_smoothing:.4f} without; it gives {max(0.0, given):.0%} of the score")
    fewer = 0.0 if found.score_with_fewer is None else found.score_with_fewer
    console.print(
        f"length    without its last 50 tokens: {fewer:.4f} ({fewer - found.score:+.4f}); "
        f"with 50 more that match nothing: {found.score_with_more:.4f} ({found.score_with_more - found.score:+.4f})"
    )


def _orders_table(found: Explanation) -> Table:
    table = Table("n-grams", "in the response", "matched", "precision", "from smoothing", box=None)
    for order in found.orders:
        table.add_row(
            str(order.order), str(order.candidates), str(order.matched), f"{order.precision:.3f}",
            f"{order.share_of_smoothing:.0%}",
        )  # fmt: skip
    return table


def _references_table(found: Explanation) -> Table:
    table = Table("reference", "tokens", "matches of 1/2/3/4 tokens", "matched only by it", "begins", box=None)
    for number, reference in enumerate(found.references, start=1):
        matched = "/".join(map(str, reference.matched_by_order))
        begin = Text(one_line(reference.text, 40))
        table.add_row(str(number), str(reference.tokens), matched, str(reference.only_here), begin)
    return table


def _show_meteor(console: Console, found: MeteorExplanation) -> None:
    best = max(range(len(found.references)), key=lambda place: found.references[place].score)
    exact = {match.response: match.exact for match in found.references[best].matches}
    text = Text()
    for place, token in enumerate(found.tokens):
        text.append(plain(token) + " ", style={True: EXACT, False: STEM, None: "dim"}[exact.get(place)])
    console.print(text)
    console.print(f"matched in reference {best + 1}: ", style="dim", end="")
    for word, style in (("exactly", EXACT), ("by stem", STEM), ("no match", "dim")):
        console.print(f"{word}  ", style=style, end="")
    console.print("\n")
    console.print(_chunk_table(found.tokens, found.references[best]))
    table = Table("ref", "tokens", "matched", "chunks", "precision", "recall", "penalty", "score", "begins", box=None)
    for number, one in enumerate(found.references, start=1):
        table.add_row(
            str(number), str(len(one.tokens)), str(len(one.matches)), str(one.chunks), f"{one.precision:.3f}",
            f"{one.recall:.3f}", f"{one.penalty:.3f}", f"{one.score:.4f}", Text(one_line(one.text, 12)),
        )  # fmt: skip
    console.print(table)


def _chunk_table(tokens: tuple[str, ...], reference: MeteorReference) -> Table:
    """The alignment: one line per chunk (tokens adjacent in both texts)."""
    chunks: list[list[Match]] = []
    for match in reference.matches:
        before = chunks[-1][-1] if chunks else None
        if before and match[:2] == (before.response + 1, before.reference + 1):
            chunks[-1].append(match)
        else:
            chunks.append([match])
    table = Table("at", "response", "at", "reference", box=None)
    for chunk in chunks[:MOST_CHUNKS]:
        own, other = Text(), Text()
        for match in chunk:
            style = EXACT if match.exact else STEM
            own.append(plain(tokens[match.response]) + " ", style=style)
            other.append(plain(reference.tokens[match.reference]) + " ", style=style)
        table.add_row(str(chunk[0].response + 1), own, str(chunk[0].reference + 1), other)
    if len(chunks) > MOST_CHUNKS:
        table.add_row("", f"... and {len(chunks) - MOST_CHUNKS} more chunks", "", "")
    return table


def _show_chrf(console: Console, found: ChrfExplanation) -> None:
    for number, reference in enumerate(found.references, start=1):
        console.print(Text(f"reference {number}: {reference.score:.4f}  {one_line(reference.text, 60)}"))
        table = Table("n-grams", "of", "response", "reference", "matched", "precision", "recall", box=None)
        for one in reference.orders:
            table.add_row(
                str(one.order), one.unit, str(one.own), str(one.other), str(one.matched), f"{one.precision:.3f}",
                f"{one.recall:.3f}",
            )  # fmt: skip
        console.print(table)
        counted = [one for one in reference.orders if one.own and one.other]
        if counted:
            precision = sum(one.precision for one in counted) / len(counted)
            recall = sum(one.recall for one in counted) / len(counted)
            console.print(f"mean precision {precision:.3f}, mean recall {recall:.3f} (weight 4)\n")


def _show_alone(console: Console, found: ScoresAlone) -> None:
    table = Table("reference", "score against it", "begins", box=None)
    for number, one in enumerate(found.references, start=1):
        score = "none" if one.score is None else f"{one.score:.4f}"
        table.add_row(str(number), score, Text(one_line(one.text, 40)))
    console.print(table)
