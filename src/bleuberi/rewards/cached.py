"""A score cache on disk, keyed by content.

The key contains the reward's signature and the row's texts, so a changed setting or model never reads old
scores. Useful for rewards that run a model; BLEU and ROUGE-L are faster than the cache. Every batch is one
transaction, so a killed run keeps its finished batches.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol, runtime_checkable

from bleuberi.artifacts import set_aside
from bleuberi.errors import UserError
from bleuberi.rewards.base import Scores, TextReward, finite_scores, traits_of, warn_of_not_finite
from bleuberi.strict_json import is_finite

log = logging.getLogger(__name__)

ROWS_A_TRANSACTION = 256
_TROUBLE = ("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")
"""Errors caused by the disk or another process; any other error means a damaged file."""
_SCHEMA = "CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, score REAL) WITHOUT ROWID"


class CachedReward(TextReward):
    """A reward that scores each row once. Several processes may share the file."""

    def __init__(self, reward: TextReward, path: str | Path) -> None:
        if traits_of(reward).over_whole_pool:
            raise UserError(
                f"The reward {reward.name} depends on the whole pool, so its rows cannot be cached one by one.",
                "Cache its parts instead: CachedReward(part, path) for each of reward.parts.",
            )
        self.reward, self.path, self.name = reward, str(path), reward.name
        self.needs_references, self.needs_prompts = reward.needs_references, reward.needs_prompts

    def signature(self) -> str:
        return self.reward.signature()

    def blind_to(self, text: str) -> bool:
        return self.reward.blind_to(text)

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        signature = self.signature()
        asked = prompts or [""] * len(responses)
        keys = [_key(signature, *row) for row in zip(asked, responses, references, strict=True)]
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        known: dict[bytes, float | None] = {}
        for is_last in (False, True):
            try:
                self._fill(known, keys, prompts, responses, references)
                break
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorname", "").startswith(_TROUBLE):
                    raise UserError(
                        f"The scores in {self.path} could not be written: {error}.",
                        "Check free space and permissions, and that no other run uses the file; then rerun.",
                    ) from error
                if is_last:
                    raise
                self._set_aside(error)
        return [known[key] for key in keys]

    def _fill(
        self,
        known: dict[bytes, float | None],  # receives the scores
        keys: Sequence[bytes],
        prompts: Sequence[str],
        responses: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> None:
        with closing(sqlite3.connect(self.path, timeout=60)) as store:
            with store:
                store.execute(_SCHEMA)
            known |= _find(store, [key for key in keys if key not in known])
            todo = list({key: row for row, key in enumerate(keys) if key not in known}.values())
            asked_rows = (
                [prompts[row] for row in todo] if prompts else (),
                [responses[row] for row in todo],
                [references[row] for row in todo],
            )
            not_finite = 0
            for places, given in score_in_parts(self.reward, *asked_rows):
                scores, odd = finite_scores(self.name, given, len(places))
                not_finite += odd
                made = {keys[todo[place]]: score for place, score in zip(places, scores, strict=True)}
                known |= made
                # Non-finite scores are not stored: the next run computes them again and warns again.
                kept = [(keys[todo[place]], score) for place, score, raw in zip(places, scores, given, strict=True)
                        if raw is None or score is not None]  # fmt: skip
                with store:
                    store.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?)", kept)
            warn_of_not_finite(self.name, not_finite, len(todo))

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Rename a damaged cache file together with SQLite's auxiliary files."""
        log.warning("%s cannot be read (%s); its rows are scored again", self.path, error)
        for ending in ("", "-journal", "-wal", "-shm"):
            if (path := Path(self.path + ending)).exists():
                set_aside(path)


@runtime_checkable
class PartScorer(Protocol):
    """A reward that implements scoring in parts itself, e.g. in parallel."""

    def score_parts(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Iterator[tuple[range, Scores]]:
        """Yield the indices and scores of finished rows until all rows are scored."""
        ...


def score_in_parts(
    reward: TextReward, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
) -> Iterator[tuple[range, Scores]]:
    """Yield scores in parts of `ROWS_A_TRANSACTION` rows, or in the reward's own parts; `prompts` may be empty."""
    if isinstance(reward, PartScorer):
        yield from reward.score_parts(prompts, responses, references)
        return
    for start in range(0, len(responses), ROWS_A_TRANSACTION):
        part = range(start, min(start + ROWS_A_TRANSACTION, len(responses)))
        span = slice(part.start, part.stop)
        yield part, reward.score_rows(prompts[span], responses[span], references[span])


def _find(store: sqlite3.Connection, keys: Sequence[bytes]) -> Iterable[tuple[bytes, float | None]]:
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        found = store.execute(f"SELECT key, score FROM scores WHERE key IN ({','.join('?' * len(part))})", part)
        # Older versions may have stored infinities or text: those rows are scored again.
        yield from ((key, score) for key, score in found if score is None or is_finite(score))


def _key(signature: str, prompt: str, response: str, references: Sequence[str]) -> bytes:
    # JSON keeps texts separate and escapes lone surrogates.
    text = json.dumps([signature, prompt, response, list(references)])  # noqa: TID251 - hashed, not written
    return hashlib.sha256(text.encode()).digest()
