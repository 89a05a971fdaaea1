"""The files of one output cache: shards, and a journal for single rows.

Rows are written once and never changed. A shard is written atomically, with a checksum. Engines that generate row by
row append each row to the journal immediately, with its own checksum; a full journal is sealed as a shard. The next run
seals a killed run's journal, without the truncated last line.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeGuard, TypeVar, get_args

from bleuberi.artifacts import content_hash, shard_body, write_shard
from bleuberi.atomic_files import clear_abandoned, disk_errors
from bleuberi.errors import UserError
from bleuberi.generation.base import MOST_TOKENS, FinishReason, Output
from bleuberi.generation.key_index import KeyIndex, Place
from bleuberi.strict_json import strict_json

T = TypeVar("T")

log = logging.getLogger(__name__)

JOURNAL: Final = "journal.open"
SEAL_ROWS: Final = 1024
_MARK_BYTES: Final = 16
_KEY: Final = re.compile("[0-9a-f]{32,}")
_KEPT_REASONS: Final = frozenset(get_args(FinishReason)) - {"no_answer", "unknown"}


class AnswerStore:
    """Answers by prompt key in one folder. Only their positions are kept in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index = KeyIndex()
        self._files: list[Path] = []
        self._number: dict[Path, int] = {}
        self._journal: int | None = None  # file descriptor, open while rows arrive
        self._unsealed: dict[str, Output] = {}
        self.unusable: set[str] = set()  # keys of invalid rows, which older versions could write
        self.refresh()

    def __len__(self) -> int:
        return len(self._index) + len(self._unsealed)

    def refresh(self) -> None:
        """Index new shards. A shard with a wrong checksum is set aside with a warning; an invalid row is ignored with a
        warning, so that it is generated again."""
        known = set(self.unusable)
        for path in shard_paths(self.folder):
            if path not in self._number:
                self._take_in(path)
        fresh = list(self.unusable - known)
        _warn_of_unusable(sum(self.missing(fresh)), self.folder)  # others were already generated again

    def missing(self, keys: Sequence[str]) -> list[bool]:
        """Per key, whether its answer is missing."""
        return [
            place is None and key not in self._unsealed for key, place in zip(keys, self._index.find(keys), strict=True)
        ]

    def read(self, keys: Sequence[str]) -> list[Output | None]:
        """The answer per key, or None. Each shard is opened only once."""
        outputs = [self._unsealed.get(key) for key in keys]
        wanted = [(place, row) for row, place in enumerate(self._index.find(keys)) if place is not None]
        for file, group in groupby(sorted(wanted), key=lambda pair: pair[0].file):
            with self._open(file) as stream:
                for place, row in group:
                    stream.seek(place.offset)
                    outputs[row] = to_output(json.loads(stream.readline()))
        return outputs

    def write(self, name: str, keys: Sequence[str], outputs: Sequence[Output]) -> None:
        """Store a complete shard."""
        path = self.folder / f"{name}.jsonl"
        write_shard(path, [to_row(key, output) for key, output in zip(keys, outputs, strict=True)])
        self._take_in(path)

    def append(self, key: str, output: Output) -> None:
        """Store one answer immediately. A kill after this call does not lose it."""
        path = self.folder / JOURNAL
        with disk_errors(path):
            if self._journal is None:
                self._journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            line = journal_line(to_row(key, output))
            if os.write(self._journal, line) < len(line):
                raise OSError(28, "No space left on device")  # a full disk first shows as a short write
        self._unsealed[key] = output
        if len(self._unsealed) >= SEAL_ROWS:
            self.seal()

    def seal(self) -> None:
        """Convert the journal to a shard."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None
        if self._unsealed:
            keys = list(self._unsealed)
            self.write(content_hash(*keys)[:16], keys, list(self._unsealed.values()))
            self._unsealed = {}
        with disk_errors(self.folder):
            (self.folder / JOURNAL).unlink(missing_ok=True)

    def has_journal(self) -> bool:
        """Whether a journal exists: from a running or killed run."""
        return (self.folder / JOURNAL).is_file()

    def recover(self) -> int:
        """Remove killed runs' partial files and keep their finished rows. Call under the folder's lock.

        Returns the number of rows recovered from the journal.
        """
        with disk_errors(self.folder):
            clear_abandoned(self.folder)
        for leftover in self.folder.glob(".*.partial.*"):
            with disk_errors(leftover):
                leftover.unlink(missing_ok=True)
        rows = list(read_journal(self.folder / JOURNAL))
        fresh = {row["key"]: to_output(row) for row in rows}
        gone = self.missing(list(fresh))
        self._unsealed = {key: fresh[key] for key, is_new in zip(fresh, gone, strict=True) if is_new}
        recovered = len(self._unsealed)
        self.seal()
        return recovered

    def close(self) -> None:
        """Close the journal; the next run seals it."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def _open(self, file: int) -> BinaryIO:
        try:
            return self._files[file].open("rb")
        except FileNotFoundError as error:
            raise UserError(
                f"The shard {self._files[file]} disappeared while it was read.", "Rerun to generate its rows again."
            ) from error

    def _take_in(self, path: Path) -> None:
        body = shard_body(path)
        if body is None:
            log.warning("The shard %s is damaged; it is renamed and its rows are regenerated.", path)
            return
        number = self._number.setdefault(path, len(self._files))
        if number == len(self._files):
            self._files.append(path)
        keys, places, offset = [], [], 0
        for line in body.splitlines(keepends=True):
            row = _parsed(line)
            if is_answer(row):
                keys.append(row["key"])
                places.append(Place(number, offset))
            elif isinstance(row, dict) and _is_key(row.get("key")):
                self.unusable.add(row["key"])
            offset += len(line)
        self._index.add(keys, places)


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a cache folder; unfinished files start with a dot."""
    return sorted(path for path in folder.glob("*.jsonl") if not path.name.startswith("."))


def to_row(key: str, output: Output) -> dict[str, Any]:
    """An answer as a row of a shard. Errors: `TypeError` if it is invalid, which is a bug in an engine."""
    row = {"key": key, **{name: value for name, value in output._asdict().items() if value != ""}, "text": output.text}
    if not is_answer(row):
        raise TypeError(f"an engine returned an invalid answer: {row!r:.300}")
    return row


def is_answer(row: object) -> TypeGuard[dict[str, Any]]:
    """Whether all fields of a row have valid types; servers may send anything."""
    if not isinstance(row, dict):
        return False
    reason, tokens = row.get("finish_reason"), row.get("tokens")
    return (
        _is_key(row.get("key"))
        and isinstance(row.get("text"), str)
        and isinstance(reason, str)
        and reason in _KEPT_REASONS
        and isinstance(tokens, int)
        and not isinstance(tokens, bool)
        and 0 <= tokens <= MOST_TOKENS
        and all(isinstance(row.get(name, ""), str) for name in ("served_model", "served_on"))
    )


def to_output(row: dict[str, Any]) -> Output:
    """The answer in a row of a shard."""
    return Output(**{name: value for name, value in row.items() if name in Output._fields})


def journal_line(row: dict[str, Any]) -> bytes:
    """A row preceded by its checksum, so that each line can be verified separately."""
    text = strict_json(row, ascii_only=True)
    return f"{content_hash(text)[:_MARK_BYTES]} {text}\n".encode()


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The valid rows of a journal. A line truncated by a kill or a full disk is skipped; an invalid row is skipped with
    a warning."""
    if not path.is_file():
        return
    unusable = 0
    with path.open("rb") as stream:
        for line in stream:
            mark, _, text = line.rstrip(b"\n").partition(b" ")
            if content_hash(text)[:_MARK_BYTES].encode() == mark:
                row = _parsed(text)
                if is_answer(row):
                    yield row
                else:
                    unusable += 1
    _warn_of_unusable(unusable, path)


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def _parsed(line: bytes) -> object:
    """The JSON value of a line, or None if it is not JSON."""
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value


def _warn_of_unusable(count: int, place: Path) -> None:
    if count:
        log.warning("%d rows in %s are unusable answers (e.g. not a text); they are regenerated", count, place)


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Runs of `size` items, the last one shorter."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
