"""Score record batches of Arrow.

With the compiled extension, BLEU, ROUGE and chrF read Arrow's UTF-8 buffers without creating Python strings; other
rewards and `auto` tokens get strings. Batches are scored one by one, so memory use does not depend on the number
of rows. Requires `pyarrow` (extra `report`).
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
    """The scores of each record batch, in order. `response` is the name of a string column, `references` of a column of
    string lists. Rows without a response or list get None; missing references are ignored."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError("pyarrow", "report", "Scoring from Arrow") from error
    for batch in batches:
        for name in (response, references):
            if name not in batch.schema.names:
                raise UserError(
                    f"The record batch has no column {name}. Available: {', '.join(batch.schema.names)}.",
                    "Pass the column names as response=... and references=...",
                )
        lists = batch.column(references)
        if not (pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)):
            raise UserError(f"The column {references} has type {lists.type}.", "It must contain lists of strings.")
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
    """The metric number and flags of a reward that uses the texts unchanged; None for other rewards."""
    if isinstance(reward, Bleu) and reward.tokens == "13a" and not reward.token_f1_when_short:
        return BLEU, reward.flags
    if isinstance(reward, RougeL):
        return None if reward.tokens == "auto" else (ROUGE_OPTIONS, reward.flags) if reward.flags else (ROUGE, 0)
    return (CHRF, reward.flags) if isinstance(reward, Chrf) else None


def read_arrow(path: Path, *, columns: list[str] | None = None, rows: int = 1024) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a Parquet or Arrow IPC file, at most `rows` rows each."""
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
    """Score through Python strings: for batches with missing values, or without the extension."""
    kept = [[text for text in row or [] if text is not None] for row in lists]
    return reward(responses=given, references=kept)


def _offsets(array: pa.Array) -> memoryview:
    """The 64-bit offsets of a large string or large list array, from its first row to its last."""
    if not len(array):  # may lack the buffer
        return memoryview(bytes(8))
    return memoryview(array.buffers()[1])[8 * array.offset : 8 * (array.offset + len(array) + 1)]


def _text_buffers(array: pa.Array) -> tuple[memoryview, memoryview]:
    """Offsets and UTF-8 bytes; an array without text may have no data buffer."""
    data = array.buffers()[2]
    return _offsets(array), memoryview(b"" if data is None else data)
