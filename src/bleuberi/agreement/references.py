"""Choose the references for scoring pairs.

A reference that equals one of the pair's responses, or comes from one of its models, would favour it: excluded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from bleuberi import columns
from bleuberi.agreement.pairs import PreferencePair, row_turns
from bleuberi.agreement.tables import Row
from bleuberi.data.cells import id_text
from bleuberi.data.references import references_in
from bleuberi.data.turns import conversation_key, last_user_text
from bleuberi.errors import UserError
from bleuberi.records import Tally

ReferencesByModel = Mapping[str, str]


def normalized_model(name: str) -> str:
    """A model's name without owner, case and punctuation, so `gpt4_1106_preview` equals `gpt-4-1106-preview`."""
    return re.sub(r"[^a-z0-9]", "", name.rsplit("/", 1)[-1].lower())


def pool_references(rows: Sequence[Row], key: str = columns.PROMPT) -> dict[str, dict[str, str]]:
    """References by model per prompt of a pool (or per `key`); for equal prompts the first row is used."""
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, 1):
        references = references_in(row)
        if not references:
            continue
        for name in _asked_keys(row, number) if key == columns.PROMPT else [id_text(row.get(key))]:
            if name is not None and name.strip():
                found.setdefault(name.strip(), references)
    if not found:
        raise UserError(
            f"The pool has no rows with {key} and references.",
            "Give rows with prompt and ref_output_<model> columns, or a list `references`.",
        )
    return found


def pool_prompts(rows: Sequence[Row], key: str) -> dict[str, str]:
    """The prompt of every row of a pool, by `key`."""
    found: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        name, prompt = id_text(row.get(key)), last_user_text(row_turns(row, number))
        if name is not None and prompt is not None and prompt.strip():
            found.setdefault(name.strip(), prompt)
    return found


def _asked_keys(row: Row, number: int) -> list[str]:
    """The keys of a row's input: the whole conversation with and without its system turn."""
    turns = row_turns(row, number)
    asked = [turn for turn in turns if turn["role"] != "system"]
    return [conversation_key(found) for found in (turns, asked) if found]


def choose_references(
    pairs: Sequence[PreferencePair],
    *,
    ref_models: Sequence[str] = (),
    max_references: int = 5,
    pool: Mapping[str, ReferencesByModel] | None = None,
) -> tuple[list[PreferencePair], list[list[str]], Tally]:
    """The pairs with references, and their references: the first `max_references` in the order of `ref_models`.

    The default order is that of the columns. Pairs without references are dropped and counted.
    """
    by_pair = [pair.reference_by_model if pool is None else pool.get(pair.asked.strip(), {}) for pair in pairs]
    known = dict.fromkeys(model for references in by_pair for model in references)
    unknown = [model for model in ref_models if model not in known]
    if unknown:
        raise UserError(
            f"No references by {', '.join(unknown)}. Available reference models: {', '.join(known) or 'none'}.",
            "Give --ref_models names from that list, or --pool with a file that has them.",
        )
    dropped: Counter[str] = Counter()
    kept, chosen = [], []
    for pair, references in zip(pairs, by_pair, strict=True):
        texts = _outside_the_pair(pair, references, ref_models or list(references))[:max_references]
        if not texts:
            dropped["without references"] += 1
            continue
        kept.append(pair)
        chosen.append(texts)
    if not kept:
        raise UserError(
            f"None of the {len(pairs):,} pairs have references.",
            "Give ref_output_<model> columns, or --pool with references for the same prompts.",
        )
    return kept, chosen, Tally(len(pairs), len(kept), dict(dropped))


def _outside_the_pair(pair: PreferencePair, references: ReferencesByModel, models: Sequence[str]) -> list[str]:
    own_models = {normalized_model(name) for name in pair.models if name}
    own_texts = {pair.response_a.strip(), pair.response_b.strip()}
    return [
        references[model]
        for model in models
        if model in references
        and normalized_model(model) not in own_models
        and references[model].strip() not in own_texts
    ]
