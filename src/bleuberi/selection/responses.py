"""Get a response for every example: from a file, from a cache, from a model. Knows where outputs come from."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bleuberi.artifacts import file_hash
from bleuberi.columns import MAX_FILE_NAME_BYTES, model_short_name
from bleuberi.data.made_responses import join_responses, no_response_fits, read_responses
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import NOT_ANSWERED, Sampling
from bleuberi.records import Example

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """Responses by example id, why others have none, and where they came from (for the manifest)."""

    text_by_id: dict[str, str]
    dropped: dict[str, int] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    generated_now: int = 0


def answers_from_file(examples: Sequence[Example], path: Path, model: str | None) -> Answers:
    """Responses that were made elsewhere; examples without one are counted. Errors: `UserError` where none fits."""
    made = join_responses(examples, read_responses(path, model))
    if not made.by_id:
        raise no_response_fits(path)
    if made.repeated:
        log.info("%d further outputs for ids that had one already were left aside", made.repeated)
    text_by_id = {row_id: rows[0].text for row_id, rows in made.by_id.items()}
    return Answers(
        text_by_id,
        {"without an output": len(examples) - len(text_by_id)},
        {"from": path.name, "sha256": file_hash(path), "repeated_ids": made.repeated},
    )


def answers_from_model(
    examples: Sequence[Example],
    model: str,
    sampling: Sampling,
    engine: str,
    cache_folder: Path,
    options: EngineOptions | None = None,
) -> Answers:
    """Responses of `model`: imported ones first, cached ones next, the rest generated now."""
    imported, provenance = _imported_answers(examples, model, cache_folder)
    asked = [row for row in examples if row.id not in imported]
    text_by_id = dict(imported)
    dropped: Counter[str] = Counter()
    generated_now = 0
    if asked:
        engine_with_cache = cached_engine(model, engine, cache_folder, options or EngineOptions())
        outputs = engine_with_cache.answer([row.conversation for row in asked], sampling)
        for row_id, output in outputs.items():
            if output.finish_reason in NOT_ANSWERED:
                dropped[NOT_ANSWERED[output.finish_reason]] += 1
            else:
                text_by_id[row_id] = output.text
        generated_now = engine_with_cache.answered_now
        provenance |= {
            "model": engine_with_cache.identity.settings(),
            "sampling": sampling.settings(),
            "sampling_signature": sampling.signature(),
            "cut_at_max_new_tokens": sum(output.finish_reason == "length" for output in outputs.values()),
            "refused": sum(output.finish_reason == "refused" for output in outputs.values()),
        }
    in_pool_order = {row.id: text_by_id[row.id] for row in examples if row.id in text_by_id}
    return Answers(in_pool_order, dict(dropped), provenance, generated_now)


def _imported_answers(
    examples: Sequence[Example], model: str, cache_folder: Path
) -> tuple[dict[str, str], dict[str, Any]]:
    """The `{model}_inference_results.csv` that users of the original tool have."""
    for name in dict.fromkeys((model_short_name(model), model.replace("/", "_"))):
        path = cache_folder / f"{name}_inference_results.csv"
        if len(path.name.encode()) <= MAX_FILE_NAME_BYTES and path.is_file():
            made = join_responses(examples, read_responses(path))
            found = {row_id: rows[0].text for row_id, rows in made.by_id.items()}
            log.info("Imported %d outputs from %s (made elsewhere: its sampling is not known)", len(found), path)
            return found, {"imported_from": path.name, "imported_sha256": file_hash(path), "imported_rows": len(found)}
    return {}, {}
