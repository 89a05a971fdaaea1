"""Rows of Parquet files, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bleuberi.data import bounds
from bleuberi.data.raw_row import RawRow
from bleuberi.errors import MissingExtraError, UserError

_ROWS: Final = 256  # at once
_BATCH_BYTES: Final = 64 << 20


def parquet_rows(path: Path) -> Iterator[RawRow]:
    """The rows. Errors: `UserError` for a damaged file, a repeated column, a small file that unpacks to far more."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "report", "Reading Parquet") from error
    try:
        number = 0
        content: Any = path
        if bounds.packer_of(path):  # Parquet is read from its end, so a packed one has to be unpacked as a whole
            with bounds.packing_errors(path), bounds.open_bounded(path) as stream:
                content = pa.BufferReader(bounds.read_whole(path, stream))
        table = pq.ParquetFile(content)
        names = table.schema_arrow.names
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise UserError(f"{path.name} has two columns {twice[0]}.", "Rename one of them.")
        ratio = bounds.Ratio(path, always=True)
        for batch in table.iter_batches(batch_size=_batch_rows(path, table.metadata)):
            rows = batch.to_pylist()
            # A dictionary's texts are stored once in a batch, but once per row here.
            ratio.add(
                max(batch.nbytes, sum(len(cell) for row in rows for cell in row.values() if isinstance(cell, str)))
            )
            for values in rows:
                number += 1
                place = f"{path.name}, row {number}"
                bounds.check_row_size(place, values)
                yield RawRow(place, values)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a readable Parquet file: {error}", "Write the file again.") from error


def _batch_rows(path: Path, metadata: Any) -> int:  # noqa: ANN401 - pyarrow's FileMetaData
    """The number of rows to read at once, so that a text that is stored once and repeated does not fill memory.

    Based on the sizes of row groups: pyarrow ends the whole process if the sizes of a damaged file's columns are read
    (pyarrow 26.0.1). Errors: `UserError` for implausible row groups.
    """
    largest = 1
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group)
        largest = max(largest, part.total_byte_size)
        if part.total_byte_size > bounds.MAX_WHOLE_BYTES * max(part.num_columns, 1):
            raise UserError(
                f"{path.name}: row group {group} unpacks to more than {bounds.MAX_WHOLE_BYTES >> 30} GiB per column.",
                "Write it again in smaller row groups, or as .jsonl.",
            )
    # No text is longer than its row group; an honest file is not packed much tighter than to an eighth.
    return max(1, min(_ROWS, max(_BATCH_BYTES, 8 * path.stat().st_size) // largest))
