"""An engine that never answers the same question twice. Knows cache keys and what is missing; knows no model.

Where an engine answers shards, a shard holds the answers of a fixed run of rows. It is written whole, so a killed run
loses at most the shard in work; its seed comes from its rows, so that doing it again gives the same texts where the
engine is deterministic. Where an engine answers one by one, each answer is kept as it comes, its seed its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bleuberi.artifacts import content_hash, json_hash, write_json
from bleuberi.atomic_files import folder_lock
from bleuberi.columns import model_short_name
from bleuberi.errors import UserError
from bleuberi.generation.answer_store import AnswerStore, in_batches
from bleuberi.generation.base import (
    AnyEngine,
    Engine,
    JudgesByAnswers,
    OnOutput,
    Output,
    Request,
    Sampling,
    Shard,
    ShardingEngine,
    StreamingEngine,
)
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.progress import answer_progress
from bleuberi.generation.turns import Folded
from bleuberi.plain_text import storable
from bleuberi.records import Conversation

log = logging.getLogger(__name__)

_LOOKUP_ROWS = 1024
_COUNT_ROWS = 16_384


class CachedEngine:
    """Answers from `cache_folder` where it can; loads the engine only where an answer is missing."""

    def __init__(
        self,
        identity: ModelIdentity,
        make_engine: Callable[[], AnyEngine],
        cache_folder: Path,
        *,
        fold_system: bool = False,  # ask without system turns, their text in the user's turns
    ) -> None:
        self.identity = identity
        self._make_engine = make_engine
        self._engine: AnyEngine | None = None
        self._cache_folder = cache_folder
        self._fold_system = fold_system
        self.answered_now = 0  # rows that this object had to generate
        self._unanswered: dict[str, Output] = {}  # by prompt key; they are asked again by the next run

    def folder(self, sampling: Sampling) -> Path:
        """Where answers of this model with this sampling lie; the name is for people, the hash decides."""
        key = json_hash([self.identity.key(), sampling.signature()])
        return self._cache_folder / f"{model_short_name(self.identity.model)}_{key[:12]}"

    def answer(self, conversations: Sequence[Conversation], sampling: Sampling) -> dict[str, Output]:
        """The answers by conversation id. Errors: `UserError` where another run fills the same cache."""
        return {conversation.id: output for conversation, output in self.answer_each(conversations, sampling)}

    def answer_each(
        self, conversations: Iterable[Conversation], sampling: Sampling
    ) -> Iterator[tuple[Conversation, Output]]:
        """The answers in the order of the questions; memory does not grow with their number.

        `conversations` is walked several times, so it must begin anew each time. Texts come out as valid text, whatever
        an engine gave or an older cache holds. Errors: as `answer`.
        """
        if self._fold_system:
            conversations = Folded(conversations)
        store = AnswerStore(self.folder(sampling))
        asked, missing = _count(conversations, store)
        if missing:
            if self._engine is None:  # before the folder is made: a model that cannot be loaded leaves nothing behind
                self._engine = self._make_engine()
            with folder_lock(store.folder):
                recovered = store.recover()
                store.refresh()  # another run may have finished meanwhile
                if recovered:
                    log.info("%d outputs of an interrupted run are taken over", recovered)
                asked, missing = _count(conversations, store)
                if missing:
                    self._fill(self._engine, store, conversations, sampling, asked, missing)
        else:
            log.info("All %d outputs come from the cache %s", asked, store.folder)
            _tidy(store)
        mended = 0
        for batch in in_batches(conversations, _LOOKUP_ROWS):
            outputs = store.read([prompt_key(conversation) for conversation in batch])
            for conversation, kept in zip(batch, outputs, strict=True):
                output = kept or self._unanswered.get(prompt_key(conversation))
                if output is None:
                    raise LookupError(f"no answer for {conversation.id}: the questions changed while they were walked")
                text = storable(output.text)
                mended += text != output.text
                yield conversation, output if text == output.text else output._replace(text=text)
        if mended:
            log.warning("%d outputs held half of a surrogate pair, which no file can hold: shown as U+FFFD", mended)

    def answer_samples(
        self, conversations: Sequence[Conversation], sampling: Sampling, num_samples: int
    ) -> dict[str, list[Output]]:
        """`num_samples` answers to each conversation, by its id. Errors: as `answer`.

        Every sample is an ordinary run with a seed of its own, so samples are cached, shared and resumed as answers
        are, and asking for more of them later keeps those that are there. Sample 0 has the plain seed.
        """
        samples: dict[str, list[Output]] = {conversation.id: [] for conversation in conversations}
        for sample in range(num_samples):
            log.info("Sample %d of %d", sample + 1, num_samples)
            drawn = replace(sampling, seed=sample_seed(sampling.seed, sample))
            for row, output in self.answer(conversations, drawn).items():
                samples[row].append(output)
        return samples

    def _fill(
        self,
        engine: AnyEngine,
        store: AnswerStore,
        conversations: Iterable[Conversation],
        sampling: Sampling,
        asked: int,
        missing: int,
    ) -> None:
        write_json(
            store.folder / "cache.json",
            {
                "schema_version": 1,
                "kind": "outputs",
                "model": self.identity.settings(),
                "sampling": sampling.settings(),
                "sampling_signature": sampling.signature(),
            },
        )
        log.info("Generating %d of %d outputs (%d are cached)", missing, asked, asked - missing)
        with answer_progress(self.identity.model, missing) as on_output:
            if isinstance(engine, StreamingEngine):
                self._fill_as_they_come(engine, store, conversations, sampling, on_output)
            else:
                self._fill_by_shards(engine, store, conversations, sampling, on_output)

    def _fill_by_shards(
        self,
        engine: Engine | ShardingEngine,
        store: AnswerStore,
        conversations: Iterable[Conversation],
        sampling: Sampling,
        on_output: OnOutput,
    ) -> None:
        in_work: set[str] = set()

        def shards() -> Iterator[Shard]:
            for batch in in_batches(conversations, engine.shard_rows):
                keys = [prompt_key(conversation) for conversation in batch]
                # One question may stand twice in a pool; it is asked once.
                asked = {
                    key: row
                    for key, row, new in zip(keys, batch, store.missing(keys), strict=True)
                    if new and key not in in_work
                }
                if asked:
                    in_work.update(asked)
                    name = content_hash(str(sampling.seed), *asked)
                    yield Shard(name[:16], list(asked), list(asked.values()), int(name[:8], 16))

        for shard, outputs in _answer_shards(engine, shards(), sampling, on_output):
            store.write(shard.name, shard.keys, outputs)
            in_work.difference_update(shard.keys)
            self.answered_now += len(shard.keys)

    def _fill_as_they_come(
        self,
        engine: StreamingEngine,
        store: AnswerStore,
        conversations: Iterable[Conversation],
        sampling: Sampling,
        on_output: OnOutput,
    ) -> None:
        in_work: set[str] = set()
        unanswered = 0
        if isinstance(engine, JudgesByAnswers) and len(store):
            engine.has_answered = True

        def requests() -> Iterator[Request]:
            for row in conversations:
                key = prompt_key(row)
                if key not in in_work and store.missing([key])[0]:
                    in_work.add(key)
                    yield Request(key, row, row_seed(sampling, key))

        try:
            for request, output in engine.stream(requests(), sampling):
                if output.finish_reason == "no_answer":
                    self._unanswered[request.key] = output
                    unanswered += 1
                    continue
                store.append(request.key, output)
                in_work.discard(request.key)
                self.answered_now += 1
                on_output(output)
            store.seal()
        finally:
            store.close()
        if unanswered:
            log.warning("%d prompts got no usable answer; the next run asks them again", unanswered)


def _tidy(store: AnswerStore) -> None:
    """Clear the journal of a run that was killed between sealing it and removing it."""
    if store.has_journal():
        # A cache that is read-only, or that another run fills, serves as it is.
        with contextlib.suppress(UserError), folder_lock(store.folder):
            store.recover()


def _answer_shards(
    engine: Engine | ShardingEngine, shards: Iterable[Shard], sampling: Sampling, on_output: OnOutput
) -> Iterator[tuple[Shard, list[Output]]]:
    if isinstance(engine, ShardingEngine):
        for shard, outputs in engine.answer_shards(shards, sampling):
            for output in outputs:
                on_output(output)
            yield shard, outputs
    else:
        for shard in shards:
            yield shard, engine.generate(shard.conversations, sampling, shard.seed, on_output)


def sample_seed(seed: int, sample: int) -> int:
    """The seed of a prompt's sample of that number; a hash, so that samples of neighbouring seeds do not meet."""
    return seed if sample == 0 else int(content_hash(str(seed), str(sample))[:8], 16)


def prompt_key(conversation: Conversation) -> str:
    """What names a question in the cache: the bytes of its turns, not its id."""
    return content_hash(*(part for turn in conversation.messages for part in (turn["role"], turn["content"])))


def row_seed(sampling: Sampling, key: str) -> int:
    """The seed of one row of a stream: it hangs on the question alone, not on its neighbours. Below 2^31."""
    return int(content_hash(str(sampling.seed), key)[:8], 16) >> 1


def _count(conversations: Iterable[Conversation], store: AnswerStore) -> tuple[int, int]:
    """How many questions there are, and how many of them have no answer; one that stands twice nearby counts once."""
    asked = missing = 0
    for batch in in_batches(map(prompt_key, conversations), _COUNT_ROWS):
        keys = list(dict.fromkeys(batch))
        asked += len(keys)
        missing += sum(store.missing(keys))
    return asked, missing
