"""Read responses from a file: for dry runs of a pipeline, and for responses from a service without an engine here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from bleuberi.artifacts import content_hash, file_hash
from bleuberi.columns import TEXT_COLUMNS
from bleuberi.errors import UserError
from bleuberi.generation.answer_store import in_batches
from bleuberi.generation.base import Output, Request, Sampling
from bleuberi.generation.key_index import KeyIndex, Place

_ROWS_AT_ONCE: Final = 1024
_NAMES = ("id", "prompt")


class CannedFileEngine:
    """Answers from JSON lines with `id` or `prompt`, and `response`. Only their positions are kept in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._index = KeyIndex()
        with path.open("rb") as stream:
            for batch in in_batches(_named_places(path, stream), _ROWS_AT_ONCE):
                self._index.add(*zip(*batch, strict=True))

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        with self._path.open("rb") as stream:
            for request in requests:
                conversation = request.conversation
                values = zip(_NAMES, (conversation.id, conversation.messages[-1]["content"]), strict=True)
                found = self._index.find([content_hash(name, value) for name, value in values])
                place = next((place for place in found if place is not None), None)
                if place is None:
                    raise _no_answer(conversation.id)
                stream.seek(place.offset)
                row = json.loads(stream.readline())
                text = next(row[name] for name in TEXT_COLUMNS if name in row)
                yield request, Output(text, "stop", len(text.split()))


def answers_revision(path: Path) -> str:
    """A file's revision for cache keys. Errors: `UserError` if the file does not exist."""
    if not path.is_file():
        raise UserError(f"File {path} does not exist.", "Check the path given with --answers.")
    return f"answers:{file_hash(path)}"


def _named_places(path: Path, stream: BinaryIO) -> Iterator[tuple[str, Place]]:
    """Yield each name of each row (its id, its prompt) with the position of its line."""
    offset = 0
    for number, line in enumerate(stream, 1):
        row = _row(path, number, line) if line.strip() else {}
        for name in _NAMES:
            if name in row:
                yield content_hash(name, str(row[name])), Place(0, offset)
        offset += len(line)


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"{path.name}, line {number} is not valid JSON: {error}", "Correct that line.") from error
    text = next((row[name] for name in TEXT_COLUMNS if name in row), None) if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(text, str) or not any(name in row for name in _NAMES):
        raise UserError(
            f"{path.name}, line {number} has no `id` (or `prompt`) or no text in `response`.",
            'Write each answer as {"id": "...", "response": "..."}.',
        )
    return row


def _no_answer(row_id: str) -> UserError:
    return UserError(f"Row {row_id} has no canned answer.", "Add it to the file given with --answers.")
