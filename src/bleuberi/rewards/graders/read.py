"""Read a grader's JSON: every field is checked before anything is scored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.rewards.chat_server import ChatModel
from bleuberi.rewards.graders.checks import OPERATIONS, StringCheck
from bleuberi.rewards.graders.formula import FUNCTIONS, Formula
from bleuberi.rewards.graders.model import ScoreModel
from bleuberi.rewards.graders.multi import Multi
from bleuberi.rewards.graders.similarity import METRICS, TextSimilarity
from bleuberi.rewards.graders.templates import Grader, Template
from bleuberi.strict_json import is_finite

_SAMPLING: Final = {
    "temperature": "temperature", "top_p": "top_p", "seed": "seed", "reasoning_effort": "reasoning_effort",
    "max_completions_tokens": "max_tokens", "max_completion_tokens": "max_tokens", "max_tokens": "max_tokens",
}  # fmt: skip
_ROLES: Final = {"user": "user", "system": "system", "developer": "system", "assistant": "assistant"}
_MOST_BYTES: Final = 1 << 20


def read_grader(path: Path) -> tuple[str, Grader]:
    """The grader's name and the grader. A file `{"grader": {...}}`, as in a job's settings, is accepted too.

    Errors: `UserError` for a file that cannot be read, a field that is missing, or a kind that is not run here.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path} is too large for a grader.", "Give a grader's JSON, not a data set.")
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(f"Grader file {path} does not exist.", "Check the path in grader:FILE.json.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}", "Write one JSON object with a `type`.") from error
    if isinstance(value, dict) and "type" not in value and isinstance(value.get("grader"), dict):
        value = value["grader"]
    grader = _grader(value, str(path))
    name = value.get("name")
    return (name if isinstance(name, str) and name.strip() else path.stem), grader


def _grader(value: object, where: str) -> Grader:
    if not isinstance(value, dict):
        raise UserError(f"{where} is not a grader: {value!r:.60}", "Write a JSON object with a `type`.")
    kind = value.get("type")
    if kind == "python":
        raise UserError(
            f"{where} is a python grader, and code from a file of data is not run here.",
            "Write its function into a module of yours and name it as a reward: package.module:function.",
        )
    if not isinstance(kind, str) or kind not in _KINDS:
        raise UserError(f"{where} has the type {kind!r:.40}, which is not read.", f"Types: {', '.join(_KINDS)}.")
    return _KINDS[kind](value, where)


def _string_check(value: Mapping[str, Any], where: str) -> Grader:
    return StringCheck(
        _one_of(value, "operation", list(OPERATIONS), where),
        Template(_text(value, "input", where), f"{where}: input"),
        Template(_text(value, "reference", where), f"{where}: reference"),
    )


def _text_similarity(value: Mapping[str, Any], where: str) -> Grader:
    encoder = _text(value, "encoder", where) if "encoder" in value else ""
    return TextSimilarity(
        _one_of(value, "evaluation_metric", list(METRICS), where),
        encoder,
        Template(_text(value, "input", where), f"{where}: input"),
        Template(_text(value, "reference", where), f"{where}: reference"),
    )


def _multi(value: Mapping[str, Any], where: str) -> Grader:
    given = value.get("graders")
    if not isinstance(given, dict) or not given:
        raise UserError(f"{where} has no `graders`.", 'Write "graders": {"NAME": {...}}.')
    for name, inner in given.items():
        if not name.isidentifier() or name in FUNCTIONS:
            raise UserError(f"{where} has a grader named {name!r}.", "Name graders with letters, digits and _.")
        if isinstance(inner, dict) and inner.get("type") == "multi":
            raise UserError(f"{where} has a multi grader inside a multi grader.", "Write one formula over all of them.")
    graders = {name: _grader(inner, f"{where}: {name}") for name, inner in given.items()}
    return Multi(graders, Formula(_text(value, "calculate_output", where), list(graders)))


def _score_model(value: Mapping[str, Any], where: str) -> Grader:
    given = value.get("input")
    if not isinstance(given, list) or not given:
        raise UserError(f"{where} has no `input`.", 'Write "input": [{"role": "user", "content": "..."}].')
    turns = [_turn(turn, f"{where}: input[{number}]") for number, turn in enumerate(given)]
    sampling = value.get("sampling_params") or {}
    if not isinstance(sampling, dict) or (unknown := sorted(sampling.keys() - _SAMPLING.keys())):
        named = ", ".join(unknown) if isinstance(sampling, dict) else repr(sampling)
        raise UserError(f"{where} has sampling_params that are not read: {named}.", f"Known: {', '.join(_SAMPLING)}.")
    settings = {"temperature": 0.0, **{_SAMPLING[name]: one for name, one in sampling.items() if one is not None}}
    low, high = _range(value.get("range", [0, 1]), where)
    url, key_env = (_text(value, name, where) if name in value else "" for name in ("base_url", "api_key_env"))
    chat = ChatModel(_text(value, "model", where), url, key_env or "OPENAI_API_KEY", settings)
    return ScoreModel(chat, turns, low, high)


def _turn(turn: object, where: str) -> tuple[str, Template]:
    content = turn.get("content") if isinstance(turn, dict) else None
    if isinstance(content, dict):
        content = content.get("text")  # {"type": "input_text", "text": ...}
    if not isinstance(turn, dict) or turn.get("role") not in _ROLES or not isinstance(content, str):
        raise UserError(f"{where} is not a turn of text: {turn!r:.60}", 'Write {"role": "user", "content": "..."}.')
    return _ROLES[turn["role"]], Template(content, where)


def _range(value: object, where: str) -> tuple[float, float]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or not all(map(is_finite, numbers)) or not numbers[0] < numbers[1]:
        raise UserError(f"{where} has the range {value!r:.40}.", "Write two numbers, the lower one first: [0, 1].")
    return float(numbers[0]), float(numbers[1])


def _text(value: Mapping[str, Any], name: str, where: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found.strip():
        raise UserError(f"{where} has no text `{name}`: {found!r:.40}", f'Write "{name}": "...".')
    return found


def _one_of(value: Mapping[str, Any], name: str, known: Sequence[str], where: str) -> str:
    found = value.get(name)
    if found not in known:
        raise UserError(f"{where} has the {name} {found!r:.40}, which is not known.", f"Known: {', '.join(known)}.")
    return str(found)


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Grader]]] = {
    "string_check": _string_check,
    "text_similarity": _text_similarity,
    "score_model": _score_model,
    "multi": _multi,
}
