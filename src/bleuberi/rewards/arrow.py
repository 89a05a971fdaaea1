"""Scores straight from Arrow.

BLEU, ROUGE and chrF read the UTF-8 where Arrow stores it, without Python's strings, if the extension was built; other
rewards and `auto` tokens get strings. Batches are scored one after the other, so memory does not grow with the number
of rows. Needs `pyarrow` (in the extra `report`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.rewards import backend
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.chrf import Chrf
from bleuberi.rewards.references import BLEU, CHRF, ROUGE, ROUGE_OPTIONS
from bleuberi.rewards.rouge import RougeL

if TYPE_CHECKING:
    import pyarrow as pa

Scores = list[float | None]


def score_arrow(
    reward: TextReward,
    batches: Iterable[pa.RecordBatch],
    *,
    response: str = "response",
    references: str = "references",
    threads: int | None = None,
) -> Iterator[Scores]:
    """The scores of each record batch, in order. `response` names a column of strings, `references` one of lists of
    strings; a missing response or list has no score (None), a missing reference is left out."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError("pyarrow", "report", "Scoring from Arrow") from error
    for batch in batches:
        for name in (response, references):
            if name not in batch.schema.names:
                raise UserError(
                    f"No column {name} in the record batch. Columns found: {', '.join(batch.schema.names)}.",
                    "Name the columns with response=... and references=...",
                )
        lists = batch.column(references)
        if not (pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)):
            raise UserError(f"The column {references} holds {lists.type}.", "It must hold lists of strings.")
        given = batch.column(response)
        native = backend.native()
        direct = _direct(reward)
        gaps = given.null_count or lists.null_count or lists.flatten().null_count
        if native is None or gaps or direct is None:
            yield _score_objects(reward, given.to_pylist(), lists.to_pylist())
            continue
        metric, flags = direct
        lists = lists.cast(pa.large_list(pa.large_string()))
        yield native.score_arrow(
            metric, *_text_buffers(given.cast(pa.large_string())), _offsets(lists), *_text_buffers(lists.flatten()),
            threads or backend.available_threads(), flags,
        )  # fmt: skip


def _direct(reward: TextReward) -> tuple[int, int] | None:
    """The metric and the flags of a reward that reads the texts unchanged; None for the others."""
    if isinstance(reward, Bleu) and reward.tokens == "13a" and not reward.token_f1_when_short:
        return BLEU, reward.flags
    if isinstance(reward, RougeL):
        return None if reward.tokens == "auto" else (ROUGE_OPTIONS, reward.flags) if reward.flags else (ROUGE, 0)
    return (CHRF, reward.flags) if isinstance(reward, Chrf) else None


def read_arrow(path: Path, *, columns: list[str] | None = None, rows: int = 1024) -> Iterator[pa.RecordBatch]:
    """The record batches of a Parquet or an Arrow IPC file, `rows` at a time at the most."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as table:
            yield from table.iter_batches(batch_size=rows, columns=columns)
        return
    with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows).select(columns or batch.schema.names)


def _score_objects(reward: TextReward, given: list[str | None], lists: list[list[str | None] | None]) -> Scores:
    """The same by way of Python's strings, for batches with gaps and where the extension was not built."""
    kept = [[text for text in row or [] if text is not None] for row in lists]
    return reward(responses=given, references=kept)


def _offsets(array: pa.Array) -> memoryview:
    """The 64-bit offsets of a large string or large list array, from its first row to its last."""
    if not len(array):  # may lack the buffer
        return memoryview(bytes(8))
    return memoryview(array.buffers()[1])[8 * array.offset : 8 * (array.offset + len(array) + 1)]


def _text_buffers(array: pa.Array) -> tuple[memoryview, memoryview]:
    """Offsets and UTF-8; an array without any text may lack the buffer."""
    data = array.buffers()[2]
    return _offsets(array), memoryview(b"" if data is None else data)
