"""Choose references of a pool and join them to its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bleuberi.columns import ALL_REFERENCES, REFERENCE_PREFIX, REFERENCES, asks_all
from bleuberi.data.pool import Pool
from bleuberi.errors import UserError
from bleuberi.on_disk import Spilled
from bleuberi.records import Example, Tally


def join_references(
    pool: Pool, ref_models: Sequence[str], min_references: int | None = None
) -> tuple[Sequence[Example], Tally]:
    """The rows with enough of the chosen references, in the pool's order, in a temporary file; other rows are counted.

    `references` contains gold first, then the others in the order of `ref_models` (for `all`: of the pool's columns).
    `min_references`: how many of the chosen references a row needs; None means each of them, or one for `all`. A blank
    reference counts as missing. Errors: `UserError` if no row remains.
    """
    if min_references is not None or asks_all(ref_models):
        return _join_at_least(pool, order_references(ref_models), min_references or 1)
    ordered = order_references(ref_models)
    examples: Spilled[Example] = Spilled()
    dropped: Counter[str] = Counter()
    for row in pool.rows:
        missing = next((model for model in ordered if model not in row.reference_by_model), None)
        if missing is not None:
            dropped[f"without {missing}"] += 1
            continue
        references = [row.reference_by_model[model] for model in ordered]
        examples.append(
            Example(row.id, row.source, row.messages, row.prompt, row.ground_truth or references[0], references)
        )
    tally = Tally(len(pool.rows), len(examples), dict(dropped))
    if not examples:
        raise UserError(
            f"No row of the pool {pool.name} has all of the references {', '.join(ordered)}: {tally.sentence()}.",
            "Choose fewer reference models with --ref_models.",
        )
    return examples, tally


def _join_at_least(pool: Pool, ordered: Sequence[str], needed: int) -> tuple[Sequence[Example], Tally]:
    if asks_all(ordered):
        ordered = order_references(pool.reference_models)
    examples: Spilled[Example] = Spilled()
    for row in pool.rows:
        references = [row.reference_by_model[model] for model in ordered if model in row.reference_by_model]
        if len(references) >= needed:
            gold = row.ground_truth or references[0]
            examples.append(Example(row.id, row.source, row.messages, row.prompt, gold, references))
    if not ordered:
        raise UserError(
            f"The pool {pool.name} has no references.",
            "Add a column ref_output_NAME, convert the file with bleuberi data import, or run bleuberi references.",
        )
    lacking = len(pool.rows) - len(examples)
    tally = Tally(len(pool.rows), len(examples), {f"with fewer than {needed} references": lacking})
    if not examples:
        raise UserError(
            f"No row of the pool {pool.name} has {needed} references of {', '.join(ordered)}: {tally.sentence()}.",
            "Lower --min_references, or choose other reference models with --ref_models.",
        )
    return examples, tally


def references_in(values: Mapping[str, object]) -> dict[str, str]:
    """The references in a row of a table, by model: `ref_output_*`, else a list `references`, else `reference`. Blank
    ones are left out."""
    by_model = {
        name.removeprefix(REFERENCE_PREFIX): value
        for name, value in values.items()
        if name.startswith(REFERENCE_PREFIX) and isinstance(value, str) and value.strip()
    }
    listed = values.get(REFERENCES, values.get("reference"))
    if not by_model and isinstance(listed, str) and listed.strip():
        by_model = {"1": listed}
    if not by_model and isinstance(listed, list):
        by_model = {
            f"{number}": text for number, text in enumerate(listed, 1) if isinstance(text, str) and text.strip()
        }
    return by_model


def shuffle_references(examples: Sequence[Example], seed: int) -> list[Example]:
    """Exchange the examples' references: a placebo, in which a reference says nothing about its prompt.

    Whole sets of references are exchanged, each with its gold answer, and no example gets a text that it had before.
    The same seed and examples give the same result. Errors: `UserError` if too many examples share a reference for
    that.
    """
    # RandomState's stream is frozen, that of numpy's newer generators is not.
    drawn: list[int] = np.random.RandomState(seed).permutation(len(examples)).tolist()
    source = dict(zip(drawn, drawn[1:] + drawn[:1], strict=True))  # one cycle: nobody is its own successor
    own = [frozenset(row.references) for row in examples]
    for place in drawn:
        if own[place] & own[source[place]]:
            other = next((one for one in drawn if _can_swap(place, one, source, own)), None)
            if other is None:
                raise UserError(
                    f"The references of {len(examples)} examples cannot be shuffled: {examples[place].id!r} shares a "
                    "reference with too many others.",
                    "Use more examples, or drop those with equal references (bleuberi data check).",
                )
            source[place], source[other] = source[other], source[place]
    return [
        replace(row, references=examples[source[place]].references, ground_truth=examples[source[place]].ground_truth)
        for place, row in enumerate(examples)
    ]


def _can_swap(one: int, other: int, source: Mapping[int, int], own: Sequence[frozenset[str]]) -> bool:
    return not own[one] & own[source[other]] and not own[other] & own[source[one]]


def check_reference_choice(ref_models: Sequence[str], min_references: int | None) -> None:
    """Reject a choice of references that no row could meet. Errors: `UserError`."""
    if ALL_REFERENCES in ref_models and not asks_all(ref_models):
        raise UserError(
            "--ref_models has `all` together with other names.", "Give `all` alone, or the names without it."
        )
    if min_references is None:
        return
    if min_references < 1:
        raise UserError(f"--min_references is {min_references}.", "Ask for at least one reference.")
    chosen = order_references(ref_models)
    if not asks_all(chosen) and min_references > len(chosen):
        raise UserError(
            f"--min_references is {min_references}, but only {len(chosen)} reference models are chosen.",
            "Lower it, or choose more with --ref_models (or `--ref_models all`).",
        )


def order_references(ref_models: Sequence[str]) -> list[str]:
    """The reference models with gold first, then in the given order, each once."""
    return list(dict.fromkeys([model for model in ref_models if model == "gold"] + list(ref_models)))
