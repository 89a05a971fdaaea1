"""Get a response for every example: from a file, from a cache, from a model."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bleuberi.artifacts import file_hash
from bleuberi.data.made_responses import read_responses, responses_to
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Sampling
from bleuberi.on_disk import Looked, Mapped, Numbers, Spilled
from bleuberi.records import Example
from bleuberi.selection.original_files import original_response_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """Responses by example id, counts of examples without one by reason, and the responses' origin for the manifest."""

    text_by_id: Mapping[str, str]
    dropped: dict[str, int] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    generated_now: int = 0


def answers_from_file(examples: Sequence[Example], path: Path, model: str | None) -> Answers:
    """Read existing responses from a file; examples without one are counted. Errors: `UserError` if no row of it
    fits."""
    made = responses_to(examples, path, model)
    if made.repeated:
        log.info("%d further outputs for ids that had one already were left aside", made.repeated)
    text_by_id = Looked(made.by_id, lambda _, rows: rows[0].text)
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
    *,
    generate_missing: bool = False,
) -> Answers:
    """Get the responses of `model`: cached ones first, the rest generated now.

    If the cache folder has a response file of the original program, its responses are used. Examples without one are
    dropped, as in that program, or generated with `generate_missing`. Errors: `UserError` if no example has a response.
    """
    path = original_response_file(cache_folder, model)
    if path is None:
        return _generate(examples, model, sampling, engine, cache_folder, options)
    imported = _import(examples, path)
    asked = [row for row in examples if row.id not in imported.text_by_id]
    if not asked:
        return imported
    # Said now: a model that is not at hand takes the hub's library many retries to find out.
    said = f"{path} has no response to {len(asked)} of {len(examples)} rows"
    if not generate_missing:
        if not imported.text_by_id:
            raise UserError(
                f"No id in {path} is an id of the pool.",
                "Check that it was created from this pool, or add --generate_missing to generate the responses.",
            )
        log.warning("%s: they are dropped (--generate_missing generates them)", said)
        return Answers(imported.text_by_id, {f"without a response in {path.name}": len(asked)}, imported.provenance)
    log.info("%s: %s generates them now", said, model)
    rest = _generate(asked, model, sampling, engine, cache_folder, options)
    text_by_id = {**imported.text_by_id, **rest.text_by_id}
    in_pool_order = {row.id: text_by_id[row.id] for row in examples if row.id in text_by_id}
    return Answers(in_pool_order, rest.dropped, imported.provenance | rest.provenance, rest.generated_now)


def _generate(
    examples: Sequence[Example],
    model: str,
    sampling: Sampling,
    engine: str,
    cache_folder: Path,
    options: EngineOptions | None,
) -> Answers:
    cached = cached_engine(model, engine, cache_folder, options or EngineOptions())
    texts: Spilled[str] = Spilled()
    places: Numbers[str] = Numbers()
    dropped: Counter[str] = Counter()
    reasons: Counter[str | None] = Counter()
    for asked, output in cached.answer_each(Mapped(examples, lambda row: row.conversation), sampling):
        reasons[output.finish_reason] += 1
        if output.unanswered:
            dropped[output.unanswered] += 1
        else:
            places.add(asked.id, len(texts))
            texts.append(output.text)
    provenance = {
        "model": cached.identity.settings(),
        "sampling": sampling.settings(),
        "sampling_signature": sampling.signature(),
        "cut_at_max_new_tokens": reasons["length"],
        "refused": reasons["refused"],
    }
    text_by_id = Looked(places, lambda _, found: texts[found[0]])
    return Answers(text_by_id, dict(dropped), provenance, cached.answered_now)


def _import(examples: Sequence[Example], path: Path) -> Answers:
    """The original's responses, as it reads them itself: by id, and of two rows with one id the last counts."""
    made = {row.id: row.text for row in read_responses(path)}
    found = {row.id: made[row.id] for row in examples if row.id in made}
    log.info("Imported %d outputs from %s (made elsewhere: its sampling is not known)", len(found), path)
    facts = {"imported_from": path.name, "imported_sha256": file_hash(path), "imported_rows": len(found)}
    return Answers(found, provenance=facts)
