"""The paper's Figure 1 from its released files: pairs of Chatbot Arena, references and reward-model scores by id.

The figure shows `same_winner`: the share of pairs in which a score and people have the same winner: a, b or tie.
A score ties only if both scores are equal, so it is wrong on nearly all pairs with ties of people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from bleuberi import columns
from bleuberi.agreement.config import Sureness
from bleuberi.agreement.pairs import PreferencePair
from bleuberi.agreement.scores import FloatArray, Scored, score_pairs
from bleuberi.agreement.tables import Row, read_rows
from bleuberi.agreement.votes import people_signs
from bleuberi.data import tables
from bleuberi.errors import UserError
from bleuberi.records import Tally
from bleuberi.rewards import Reward
from bleuberi.statistics import resampled_means
from bleuberi.strict_json import as_finite

PAIRS: Final = "arena_1k_final"
REFERENCES: Final = "ref_outputs"
JUDGMENTS: Final = "arena_1k_final_results/rm_judgments_all.csv"
BOTH_BAD: Final = "tie (bothbad)"
ORDER: Final = (
    "gemini-2.5-pro-exp-03-25", "deepseek-chat-v3-0324", "o4-mini-2025-04-16", "claude-3-7-sonnet@20250219", "qwen-max",
)  # fmt: skip
"""The references of Figure 1 in the order in which they were added."""
PUBLISHED: Final[Mapping[tuple[str, int | None], float]] = {
    ("bleu", 1): 72.3, ("bleu", 5): 74.2, ("longer_chars", None): 65.1,
}  # fmt: skip
"""(score, number of references) -> per cent in the paper, if stated there."""


class Arena(NamedTuple):
    """The released pairs with references and scores as columns, and reasons for dropped rows."""

    rows: list[Row]
    dropped: dict[str, int]
    score_columns: tuple[str, ...]  # reward models, e.g. rm_8b
    ref_models: tuple[str, ...]  # Figure 1's models first


def read_arena(folder: Path) -> Arena:
    """Join the files below `folder` by `id`: `arena_1k_final` (saved by `save_to_disk`), a CSV file per reference model
    in `ref_outputs`, and the reward models' scores in `arena_1k_final_results`. If `ref_outputs` or the score file is
    missing, CSV files anywhere below `folder` are recognized by their columns.

    As in the paper, rows without a reference of every model are dropped, and so are rows for which people found both
    responses bad. Errors: `UserError` for a missing file or column, or if no row is left.
    """
    pairs = folder / PAIRS
    if not pairs.is_dir():
        raise UserError(
            f"{folder} has no data set {PAIRS}.", "Give the folder arena_analysis of the paper's repository."
        )
    by_model = {path.stem: _references(path) for path in _files(folder, f"{REFERENCES}/*.csv", _has_references)}
    if not by_model:
        raise UserError(
            f"{folder} has no CSV files of references.", f"Put a file {REFERENCES}/MODEL.csv with id and output there."
        )
    scores = _scores(_files(folder, JUDGMENTS, _score_columns))
    names = tuple(dict.fromkeys(name for row in scores.values() for name in row))
    kept: list[Row] = []
    dropped: Counter[str] = Counter()
    for row in read_rows(str(pairs)):
        row_id = str(row.get(columns.ID))
        texts = {model: by_id[row_id] for model, by_id in by_model.items() if row_id in by_id}
        if row.get("winner") == BOTH_BAD:
            dropped["on which people found both responses bad"] += 1
        elif len(texts) < len(by_model):
            dropped["without a reference of every model"] += 1
        else:
            own = scores.get(row_id, {})
            table = {f"{name}_{side}": own.get(name, (None, None))[place] for name in names
                     for place, side in enumerate("ab")}  # fmt: skip
            kept.append(
                {
                    **row,
                    **_first_exchange(row),
                    **{columns.reference_column(model): text for model, text in texts.items()},
                    **table,
                }
            )
    if not kept:
        raise UserError(f"No pair in {pairs} can be used ({dict(dropped)}).", "Check that the files have the same ids.")
    ordered = [model for name in ORDER for model in by_model if model.startswith(name)]
    return Arena(kept, dict(dropped), names, (*ordered, *(model for model in by_model if model not in ordered)))


def _first_exchange(row: Row) -> Row:
    """Cut the conversations after the first response, which the paper compares."""
    talks = {name: row.get(name) for name in ("conversation_a", "conversation_b")}
    return {name: talk[:2] for name, talk in talks.items() if isinstance(talk, list)}


def figure_1(
    pairs: Sequence[PreferencePair],  # N
    references: Sequence[Sequence[str]],  # N, in the order in which they are added
    rewards: Mapping[str, Reward],
    scored: Sequence[Scored],  # with all references
    sureness: Sureness,
    log: Callable[[str], None],
) -> list[dict[str, object]]:
    """One entry per score and number of references: `{score, references, same_winner, paper}`.

    `references` is null for scores without references. `same_winner` is an estimate, `paper` the published % or null.
    """
    most = max(map(len, references))
    found: dict[tuple[str, int | None], Scored] = {}
    for name, reward in rewards.items():
        for count in range(1, most):
            log(f"{name} with {count} of {most} references")
            found[name, count] = score_pairs(reward, pairs, [texts[:count] for texts in references], name=name)
    for one in scored:
        uses = one.name in rewards or one.kind == "mix" or one.name in ("brevity_penalty", "bleu_no_bp")
        if one.name != "random":  # a coin toss would tie on every pair
            found[one.name, most if uses else None] = one
    people = people_signs(pairs)
    outcome = np.column_stack([_same_winner(one.margins, people) for one in found.values()])
    prompts = [pair.prompt for pair in pairs]
    means = resampled_means(outcome, prompts, resamples=sureness.resamples, seed=sureness.seed)
    return [
        {"score": name, "references": count, "same_winner": asdict(means.estimate(column, sureness.confidence)),
         "paper": PUBLISHED.get((name, count))}
        for column, (name, count) in enumerate(found)
        if means.counts[column]
    ]  # fmt: skip


def with_dropped(read: Tally, dropped: Mapping[str, int]) -> Tally:
    """Add earlier dropped rows to a tally."""
    return Tally(read.rows_in + sum(dropped.values()), read.kept, {**dropped, **read.dropped})


def _same_winner(margins: FloatArray, people: FloatArray) -> FloatArray:  # N, N -> N
    return np.where(np.isnan(margins), np.nan, np.sign(margins) == people)


def _files(folder: Path, place: str, fits: Callable[[Row], object]) -> list[Path]:
    """The CSV files matching the pattern `place`, else those below `folder` whose first row has an id and fits."""
    firsts = ((path, next(tables.read_rows(str(path)), None)) for path in sorted(folder.rglob("*.csv")))
    return sorted(folder.glob(place)) or [
        path for path, first in firsts if first is not None and columns.ID in first.values and fits(first.values)
    ]


def _has_references(row: Row) -> bool:
    return any(name in row for name in columns.TEXT_COLUMNS) and not _score_columns(row)


def _score_columns(row: Row) -> dict[str, str]:
    """Reward model -> the stem of its columns, which end in `_a` and `_b`: NAME_score_a, NAME_score_b."""
    stems = [name.removesuffix("_a") for name in row if name.endswith("_a") and f"{name.removesuffix('_a')}_b" in row]
    return {stem.removesuffix("_score"): stem for stem in stems if _number(row[f"{stem}_a"]) is not None}


def _references(path: Path) -> dict[str, str]:
    """The texts of a reference model by id, without blank ones; for duplicate ids the last is used."""
    texts: dict[str, str] = {}
    for raw in tables.read_rows(str(path)):
        column = next((name for name in columns.TEXT_COLUMNS if name in raw.values), None)
        if columns.ID not in raw.values or column is None:
            raise UserError(f"{raw.place} has no `id` or `output`.", "Give a file with id and output.")
        text = raw.values[column]
        if isinstance(text, str) and text.strip():
            texts[str(raw.values[columns.ID])] = text
    return texts


def _scores(paths: Sequence[Path]) -> dict[str, dict[str, tuple[float | None, float | None]]]:
    """The scores of both responses, by id and reward model."""
    found: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for path in paths:
        for row in read_rows(str(path)):
            own = found.setdefault(str(row.get(columns.ID)), {})
            for name, stem in _score_columns(row).items():
                own[name] = (_number(row[f"{stem}_a"]), _number(row[f"{stem}_b"]))
    return found


def _number(cell: object) -> float | None:
    try:
        return as_finite(float(str(cell)))
    except ValueError:
        return None
