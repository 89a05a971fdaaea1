"""An engine that never answers the same question twice. Knows cache keys and shards; knows no model.

A shard holds the answers of a fixed run of rows. It is written whole, so a killed run loses at most the shard in work;
its seed comes from its rows, so that doing it again gives the same texts where the engine is deterministic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from bleuberi.artifacts import content_hash, folder_lock, json_hash, read_shard, write_json, write_shard
from bleuberi.columns import model_short_name
from bleuberi.generation.base import Engine, Output, Sampling
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.progress import answer_progress
from bleuberi.records import Conversation

log = logging.getLogger(__name__)


class CachedEngine:
    """Answers from `cache_folder` where it can; loads the engine only where an answer is missing."""

    def __init__(self, identity: ModelIdentity, make_engine: Callable[[], Engine], cache_folder: Path) -> None:
        self.identity = identity
        self._make_engine = make_engine
        self._engine: Engine | None = None
        self._cache_folder = cache_folder
        self.answered_now = 0  # rows that this object had to generate

    def folder(self, sampling: Sampling) -> Path:
        """Where answers of this model with this sampling lie; the name is for people, the hash decides."""
        key = json_hash([self.identity.key(), sampling.signature()])
        return self._cache_folder / f"{model_short_name(self.identity.model)}_{key[:12]}"

    def answer(self, conversations: Sequence[Conversation], sampling: Sampling) -> dict[str, Output]:
        """The answers by conversation id. Errors: `UserError` where another run fills the same cache."""
        keys = {conversation.id: prompt_key(conversation) for conversation in conversations}
        folder = self.folder(sampling)
        known = read_answers(folder)
        if any(key not in known for key in keys.values()):
            if self._engine is None:  # before the folder is made: a model that cannot be loaded leaves nothing behind
                self._engine = self._make_engine()
            with folder_lock(folder):
                known = read_answers(folder)  # another run may have finished meanwhile
                self._fill(self._engine, folder, conversations, keys, known, sampling)
        else:
            log.info("All %d outputs come from the cache %s", len(keys), folder)
        return {row: known[key] for row, key in keys.items()}

    def _fill(
        self,
        engine: Engine,
        folder: Path,
        conversations: Sequence[Conversation],
        keys: dict[str, str],
        known: dict[str, Output],  # gains the new answers
        sampling: Sampling,
    ) -> None:
        write_json(
            folder / "cache.json",
            {
                "schema_version": 1,
                "kind": "outputs",
                "model": self.identity.settings(),
                "sampling": sampling.settings(),
                "sampling_signature": sampling.signature(),
            },
        )
        missing = sum(key not in known for key in set(keys.values()))
        log.info("Generating %d of %d outputs (%d are cached)", missing, len(keys), len(keys) - missing)
        with answer_progress(self.identity.model, missing) as on_output:
            size = engine.shard_rows
            for start in range(0, len(conversations), size):
                # One question may stand twice in a pool; it is asked once.
                asked = {keys[row.id]: row for row in conversations[start : start + size] if keys[row.id] not in known}
                if not asked:
                    continue
                shard = content_hash(str(sampling.seed), *asked)
                outputs = engine.generate(list(asked.values()), sampling, int(shard[:8], 16), on_output)
                rows = [{"key": key, **out._asdict()} for key, out in zip(asked, outputs, strict=True)]
                write_shard(folder / f"{shard[:16]}.jsonl", rows)
                known.update(zip(asked, outputs, strict=True))
                self.answered_now += len(asked)


def prompt_key(conversation: Conversation) -> str:
    """What names a question in the cache: the bytes of its turns, not its id."""
    return content_hash(*(part for turn in conversation.messages for part in (turn["role"], turn["content"])))


def read_answers(folder: Path) -> dict[str, Output]:
    """All answers in a cache folder by prompt key. Shards that fail their checksum are set aside and said."""
    known: dict[str, Output] = {}
    for path in sorted(folder.glob("[!.]*.jsonl")):  # hidden ones are unfinished
        rows = read_shard(path)
        if rows is None:
            log.warning("The shard %s was damaged; it is set aside and its rows are made again.", path)
            continue
        for row in rows:
            known[row["key"]] = Output(row["text"], row["finish_reason"], row["tokens"])
    return known
