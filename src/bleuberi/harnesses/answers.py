"""Generate models' answers to a harness's questions and write them as its files.

Later turns follow the model's own earlier answers, so turns run one after the other, each for all questions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, readable_json, write_json, write_text
from bleuberi.columns import safe_name
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.generation import cached_engine
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import CachedEngine
from bleuberi.harnesses.config import HarnessConfig
from bleuberi.harnesses.formats import Harness, Question, find_harness
from bleuberi.harnesses.style import CountTokens, token_counter
from bleuberi.records import Conversation, Message

log = logging.getLogger(__name__)


def write_harness_answers(config: HarnessConfig) -> list[Path]:
    """Generate answers and write one file per model, in the harness's layout. Errors: `UserError`."""
    harness = find_harness(config.harness)
    limit = harness.max_new_tokens if config.max_new_tokens is None else config.max_new_tokens
    Sampling(max_new_tokens=limit).check()
    questions = [harness.read(raw) for raw in read_rows(config.questions, config.split)]
    if not questions or len({question.id for question in questions}) < len(questions):
        raise UserError(
            f"{config.questions} has no questions, or has the same question id twice.",
            "Give the question file that comes with the harness.",
        )
    names = [entry.name for entry in config.models]
    if len({safe_name(name) for name in names}) < len(names):
        raise UserError("Two models have the same name.", "Give them different names; each name becomes a file name.")
    cache = config.cache_dir or config.output_dir / "inference_outputs"
    engines = {
        entry.name: cached_engine(entry.model, config.engine, cache, config.engine_options) for entry in config.models
    }
    count, tokens_of = token_counter(harness.encodings)
    if harness.encodings and tokens_of != f"tiktoken's {harness.encodings[0]}":
        log.warning(
            "%s counts an answer's tokens with tiktoken's %s, which is not cached here: token_len counts %s, so its "
            "style- or length-controlled table is not comparable with other models' tables",
            harness.title, harness.encodings[0], tokens_of,
        )  # fmt: skip
    files: list[Path] = []
    empty: dict[str, int] = {}
    for name in names:
        answers = _answer(engines.pop(name), questions, limit, greedy=config.greedy)
        empty[name] = sum(not output.text.strip() for turns in answers.values() for output in turns)
        if empty[name]:
            log.warning("%s gave no answer to %d turns (too long, refused, unusable or empty)", name, empty[name])
        files.append(config.output_dir / harness.answer_file.format(model=safe_name(name)))
        _write(harness, name, questions, answers, files[-1], count)
    settings = {
        "harness": config.harness, "questions": config.questions, "max_new_tokens": limit, "greedy": config.greedy,
        "models": {entry.name: entry.model for entry in config.models},
    }  # fmt: skip
    counted = {"token_len_counts": tokens_of} if harness.encodings else {}
    facts = {"format": harness.checked, **counted, "questions_asked": len(questions), "empty_turns": empty,
             "files_sha256": {str(path.relative_to(config.output_dir)): file_hash(path) for path in files}}  # fmt: skip
    write_json(config.output_dir / MANIFEST, make_manifest("harness_answers", settings, **facts))
    return files


def _answer(
    engine: CachedEngine, questions: Sequence[Question], limit: int, *, greedy: bool
) -> dict[str, list[Output]]:
    """One answer per turn, by question; turns after a missing answer are skipped."""
    asked = {question.id: list(question.opening) for question in questions}
    answers: dict[str, list[Output]] = {question.id: [] for question in questions}
    for turn in range(1 + max(len(question.later) for question in questions)):
        now = [question for question in questions if turn <= len(question.later)]
        for question in now if turn else ():
            last = answers[question.id][-1].text
            asked[question.id] += [
                Message(role="assistant", content=last), Message(role="user", content=question.later[turn - 1]),
            ]  # fmt: skip
        for temperature in sorted({0.0 if greedy else question.temperature for question in now}):
            drawn = [question for question in now if (0.0 if greedy else question.temperature) == temperature]
            alive = [row for row in drawn if not turn or answers[row.id][-1].text.strip()]
            sampling = Sampling(max_new_tokens=limit, temperature=temperature, top_p=1.0)
            found = engine.answer([Conversation(row.id, asked[row.id]) for row in alive], sampling) if alive else {}
            for row in drawn:
                answers[row.id].append(found.get(row.id, Output("", "stop", 0)))
    return answers


def _write(
    harness: Harness,
    model: str,
    questions: Sequence[Question],
    answers: dict[str, list[Output]],
    path: Path,
    count: CountTokens,
) -> None:
    rows = [harness.write(model, question, answers[question.id], count) for question in questions]
    if path.suffix == ".jsonl":
        write_text(path, "".join(readable_json(row) + "\n" for row in rows))
    else:
        write_json(path, rows)
