"""The question and answer files of other harnesses.

`checked` names the evidence for a format: the harness's own code, or only descriptions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bleuberi.artifacts import content_hash
from bleuberi.data.raw_row import RawRow
from bleuberi.errors import UserError
from bleuberi.generation.base import Output
from bleuberi.harnesses.style import CountTokens, style_of
from bleuberi.records import Message

UNVERIFIED: Final = "unverified: written from the harness's source, compared with no real file"


class Question(NamedTuple):
    """A question: the turns before the first answer, and the user's later turns."""

    id: str
    opening: list[Message]
    later: list[str]
    temperature: float
    row: Mapping[str, Any]


class Harness(NamedTuple):
    """One harness: reader for its questions, and writer for a model's answers."""

    title: str
    checked: str
    max_new_tokens: int
    answer_file: str  # below the output folder, with {model}
    read: Callable[[RawRow], Question]
    write: Callable[[str, Question, Sequence[Output], CountTokens], dict[str, Any]]  # one output per turn
    encodings: tuple[str, ...] = ()  # tiktoken encodings it uses to count tokens, best first


MT_BENCH_TEMPERATURES: Final = {
    "writing": 0.7, "roleplay": 0.7, "extraction": 0.0, "math": 0.0, "coding": 0.0, "reasoning": 0.0, "stem": 0.1,
    "humanities": 0.1,
}  # fmt: skip
MT_BENCH_OTHER: Final = 0.7  # for categories without their own value


def _read_mt_bench(raw: RawRow) -> Question:
    turns = _field(raw, "turns", list)
    category = str(raw.values.get("category"))
    temperature = MT_BENCH_TEMPERATURES.get(category, MT_BENCH_OTHER)
    return _asked(raw, raw.values.get("question_id"), [str(turn) for turn in turns], temperature)


def _read_arena_v1(raw: RawRow) -> Question:
    turns = [turn.get("content") if isinstance(turn, dict) else turn for turn in _field(raw, "turns", list)]
    return _asked(raw, raw.values.get("question_id"), [str(turn) for turn in turns])


def _read_arena_v2(raw: RawRow) -> Question:
    return _asked(raw, raw.values.get("uid"), [_field(raw, "prompt", str)])


def _read_alpaca(raw: RawRow) -> Question:
    instruction = _field(raw, "instruction", str)
    return _asked(raw, content_hash(instruction)[:16], [instruction])


def _read_wildbench(raw: RawRow) -> Question:
    turns = [
        Message(role=str(turn["role"]), content=str(turn["content"]))
        for turn in _field(raw, "conversation_input", list)
        if isinstance(turn, dict) and "role" in turn and "content" in turn
    ]
    if not turns or turns[-1]["role"] != "user":
        raise _unlike(raw, "conversation_input that ends with a user turn")
    return Question(_id(raw, raw.values.get("session_id")), turns, [], 0.0, raw.values)


def _write_mt_bench(model: str, question: Question, answers: Sequence[Output], _: CountTokens) -> dict[str, Any]:
    return _choices(model, question, [output.text for output in answers])


def _write_arena_v1(model: str, question: Question, answers: Sequence[Output], count: CountTokens) -> dict[str, Any]:
    turns = [{"content": output.text, "token_len": count(output)} for output in answers]
    style = {"conv_metadata": style_of(answers[0].text, count(answers[0]))} if len(answers) == 1 else {}
    return {**_choices(model, question, turns), **style}


def _choices(model: str, question: Question, turns: Sequence[object]) -> dict[str, Any]:
    return {
        "question_id": question.row["question_id"],
        "answer_id": content_hash(model, question.id)[:22],
        "model_id": model,
        "choices": [{"index": 0, "turns": list(turns)}],
        "tstamp": time.time(),
    }


def _write_arena_v2(model: str, question: Question, answers: Sequence[Output], count: CountTokens) -> dict[str, Any]:
    (answer,) = answers
    return {
        "uid": question.row["uid"],
        "ans_id": content_hash(model, question.id)[:22],
        "model": model,
        "messages": [*question.opening, {"role": "assistant", "content": {"answer": answer.text}}],
        "tstamp": time.time(),
        "metadata": style_of(answer.text, count(answer)),
    }


def _write_alpaca(model: str, question: Question, answers: Sequence[Output], _: CountTokens) -> dict[str, Any]:
    (answer,) = answers
    row = question.row
    return {
        "dataset": row.get("dataset", ""), "instruction": row["instruction"], "output": answer.text, "generator": model,
    }  # fmt: skip


def _write_wildbench(model: str, question: Question, answers: Sequence[Output], _: CountTokens) -> dict[str, Any]:
    (answer,) = answers
    return {
        "session_id": question.row["session_id"],
        "chat_history": [turn["content"] for turn in question.opening],
        "output": [answer.text],
        "generator": model,
        "dataset": "wild_bench",
    }


HARNESSES: Final[Mapping[str, Harness]] = {
    "mt_bench": Harness(
        "MT-Bench (FastChat)", "the code of fschat 0.2.36 that writes and reads these files", 1024,
        "mt_bench/model_answer/{model}.jsonl", _read_mt_bench, _write_mt_bench,
    ),
    "arena_hard_v1": Harness(
        "Arena-Hard v1", UNVERIFIED, 4096, "arena-hard-v0.1/model_answer/{model}.jsonl", _read_arena_v1,
        _write_arena_v1, ("cl100k_base",),
    ),
    "arena_hard_v2": Harness(
        "Arena-Hard v2", UNVERIFIED, 4096, "arena-hard-v2.0/model_answer/{model}.jsonl", _read_arena_v2,
        _write_arena_v2, ("o200k_base", "cl100k_base"),
    ),
    "wildbench": Harness(
        "WildBench", UNVERIFIED, 4096, "wild_bench_v2/{model}.json", _read_wildbench, _write_wildbench
    ),
    "alpaca_eval": Harness(
        "AlpacaEval", "the code of alpaca-eval 0.6.6 that reads these files", 2048,
        "results/{model}/model_outputs.json", _read_alpaca, _write_alpaca,
    ),
}  # fmt: skip


def find_harness(name: str) -> Harness:
    """The harness of that name. Errors: `UserError` listing the available ones."""
    if name not in HARNESSES:
        raise UserError(f"Unknown harness {name!r}.", f"Choose one with --harness: {', '.join(HARNESSES)}.")
    return HARNESSES[name]


def _asked(raw: RawRow, row_id: object, turns: Sequence[str], temperature: float = 0.0) -> Question:
    if not turns or not all(turn.strip() for turn in turns):
        raise _unlike(raw, "user turn")
    opening = [Message(role="user", content=turns[0])]
    return Question(_id(raw, row_id), opening, list(turns[1:]), temperature, raw.values)


def _id(raw: RawRow, value: object) -> str:
    if not isinstance(value, str | int) or value == "":
        raise _unlike(raw, "question id")
    return str(value)


def _field(raw: RawRow, name: str, kind: type[Any]) -> Any:  # noqa: ANN401 - what the file holds
    value = raw.values.get(name)
    if not isinstance(value, kind):
        raise _unlike(raw, f"`{name}` ({kind.__name__})")
    return value


def _unlike(raw: RawRow, what: str) -> UserError:
    return UserError(
        f"{raw.place} has no {what}.",
        "Give the question file that comes with the harness, and the harness's name with --harness.",
    )
