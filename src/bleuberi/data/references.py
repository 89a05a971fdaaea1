"""Join the references that were chosen. Knows pool rows; knows nothing of files, scores or models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bleuberi.data.pool import Pool
from bleuberi.errors import UserError
from bleuberi.records import Example, Tally


def join_references(pool: Pool, ref_models: Sequence[str]) -> tuple[list[Example], Tally]:
    """The rows that have every chosen reference, in the pool's order; the others are counted by what they lack.

    `references` holds gold first, then the order of `ref_models`. A blank reference counts as none.
    Errors: `UserError` where no row is left.
    """
    ordered = order_references(ref_models)
    examples: list[Example] = []
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


def order_references(ref_models: Sequence[str]) -> list[str]:
    """Gold first, then the given order; each once."""
    return list(dict.fromkeys([model for model in ref_models if model == "gold"] + list(ref_models)))
