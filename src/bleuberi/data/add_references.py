"""Add a model's answers to a pool as references.

The rows stream through: a pool of any size takes the same memory.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi import columns
from bleuberi.data.config import ReferencesConfig
from bleuberi.data.pool import pool_name, read_questions
from bleuberi.data.pool_file import made_before, write_pool
from bleuberi.data.raw_row import row_bytes
from bleuberi.data.refusals import is_refusal
from bleuberi.data.thoughts import has_thoughts, without_thoughts
from bleuberi.errors import UserError
from bleuberi.generation import cached_engine
from bleuberi.generation.base import Output
from bleuberi.generation.cached import CachedEngine
from bleuberi.made import refuse_input
from bleuberi.records import Conversation

FLAG_PREFIX: Final = "ref_flag_"
NO_ANSWER: Final = "no answer"


@dataclass(frozen=True, slots=True)
class References:
    """The new pool, and counts of its new references by flag."""

    path: Path
    rows: int
    flags: dict[str, int]
    reused: bool
    generated_now: int


@dataclass(slots=True)
class _Found:
    """Counts collected while rows stream through."""

    rows: int = 0
    texts: int = 0  # that are not blank
    flags: Counter[str] = field(default_factory=Counter)
    served: dict[str, dict[str, Any]] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        return {"rows": self.rows, "flags": dict(self.flags), "served_models": self.served}

    def note(self, output: Output, flag: str | None) -> None:
        self.rows += 1
        self.texts += bool(output.text.strip()) and not output.unanswered
        if flag is not None:
            self.flags[flag] += 1
        if output.served_model:
            days = self.served.setdefault(output.served_model, {"rows": 0, "first": output.served_on, "last": ""})
            days["rows"] += 1
            days["first"] = min(days["first"], output.served_on)
            days["last"] = max(days["last"], output.served_on)


class _Questions:
    """A pool's prompts, read again for each iteration."""

    def __init__(self, source: str, split: str) -> None:
        self._source, self._split = source, split

    def __iter__(self) -> Iterator[Conversation]:
        return (question for _, question in read_questions(self._source, self._split))


def add_references(config: ReferencesConfig) -> References:
    """Write the pool with `ref_output_{name}` and `ref_flag_{name}`, or reuse an equal result. Errors: `UserError`."""
    config.check()
    refuse_input(config.output, [config.engine_options.answers])  # of the pool, no column is lost
    pool_sha256 = _check_pool(config)
    cache = config.cache_dir or config.output.parent / "inference_outputs"
    engine = cached_engine(config.model, config.engine, cache, config.engine_options)
    request: dict[str, Any] = {
        "pool": pool_name(config.hf_dataset_path),
        "pool_sha256": pool_sha256,
        "ref_model": config.ref_model,
        "model": engine.identity.settings(),
        "sampling": config.sampling.settings(),
        "sampling_signature": config.sampling.signature(),
    }
    if config.cut_thoughts:
        request["cut_thoughts"] = True
    if config.engine_options.fold_system:
        request["fold_system"] = True
    made = made_before(config.output, request, overwrite=config.overwrite)
    if made is not None:
        return References(config.output, int(made["rows"]), dict(made["flags"]), True, 0)
    found = _write(config, engine, request)
    return References(config.output, found.rows, dict(found.flags), False, engine.answered_now)


def flag_of(output: Output) -> str | None:
    """Why a response is doubtful as a reference, e.g. `truncated`; None if nothing is wrong with it."""
    if output.finish_reason == "prompt_too_long":
        return "prompt too long"
    if output.finish_reason == "no_answer":
        return NO_ANSWER
    if output.finish_reason == "refused":
        return "refused"
    if output.finish_reason == "length":
        return "truncated"
    if not output.text.strip():
        return "empty"
    if has_thoughts(output.text):
        return "holds thoughts"
    return "reads like a refusal" if is_refusal(output.text) else None


def _check_pool(config: ReferencesConfig) -> str:
    """A hash of the pool's content. Errors: `UserError` for a bad row, or a pool that has the column already."""
    column = columns.reference_column(config.ref_model)
    digest = hashlib.sha256()
    rows = 0
    for raw, _ in read_questions(config.hf_dataset_path, config.split):
        if column in raw.values:
            raise UserError(
                f"The pool {config.hf_dataset_path} already has a column {column}.",
                "Give the new references another name with --name.",
            )
        digest.update(row_bytes(raw))
        rows += 1
    if not rows:
        raise UserError(f"The pool {config.hf_dataset_path} has no rows.", "Check the path.")
    return digest.hexdigest()


def _write(config: ReferencesConfig, engine: CachedEngine, request: dict[str, Any]) -> _Found:
    found = _Found()
    write_pool(config.output, _answered_rows(config, engine, found), "references", request, found.facts)
    return found


def _answered_rows(config: ReferencesConfig, engine: CachedEngine, found: _Found) -> Iterator[dict[str, Any]]:
    column, flag_column = columns.reference_column(config.ref_model), FLAG_PREFIX + config.ref_model
    answers = engine.answer_each(_Questions(config.hf_dataset_path, config.split), config.sampling)
    for (raw, _), (_, output) in zip(read_questions(config.hf_dataset_path, config.split), answers, strict=True):
        if config.cut_thoughts:
            output = output._replace(text=without_thoughts(output.text))
        flag = flag_of(output)
        found.note(output, flag)
        text = None if output.unanswered else output.text
        # A blank in the first row tells readers that take its types for those of all (`load_dataset("json")`) that a
        # text follows; it counts as none.
        none = "" if found.rows == 1 else None
        yield {**raw.values, column: none if text is None else text, flag_column: none if flag is None else flag}
    if not found.texts:
        counts = ", ".join(f"{count} {flag}" for flag, count in found.flags.items())
        raise UserError(
            f"{config.model} gave no usable answer to any of {found.rows} prompts ({counts}).",
            "Check --model and --base_url; the warnings above quote what the server sent. If the prompts are too long, "
            "give a smaller --max_new_tokens or another model.",
        )
