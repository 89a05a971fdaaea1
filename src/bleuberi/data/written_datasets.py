"""Write rows as a folder of the library `datasets`, as `save_to_disk` does, without holding them all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import content_hash, file_hash, read_json, write_json
from bleuberi.errors import MissingExtraError

ROWS_AT_ONCE: Final = 1000  # as the library writes them
_SHARD_BYTES: Final = 500_000_000  # the library's limit
_STATE: Final = "state.json"

Rows = Sequence[Mapping[str, Any]]


def write_dataset(folder: Path, rows: Rows) -> list[str]:
    """Write N rows as a `DatasetDict` with the split `train`. Returns the names of their columns. A row gets null for a
    column that it lacks.

    The rows are read three times; 1,000 of them are in memory. Errors: `MissingExtraError`; pyarrow's for a column of
    two types.
    """
    try:
        import pyarrow as pa
        from datasets import Dataset, DatasetDict, Features, disable_progress_bars
        from datasets.arrow_writer import ArrowWriter
    except ImportError as error:
        raise MissingExtraError("datasets", "train", "Saving a data set") from error
    disable_progress_bars()  # saving takes less time than reading its bar
    names = list(dict.fromkeys(name for row in rows for name in row))  # `from_list` drops what the first row lacks

    def made(part: Rows, features: Features | None = None) -> Any:  # noqa: ANN401 - a data set
        return Dataset.from_dict({name: [row.get(name) for row in part] for name in names}, features=features)

    schema, size = pa.schema([]), 0
    for part in _parts(rows, 0, len(rows)):
        found = made(part)
        schema = pa.unify_schemas([schema, found.features.arrow_schema.remove_metadata()], promote_options="permissive")
        size += found.data.nbytes
    features = Features.from_arrow_schema(schema) if names else None
    # The library writes the files around the rows.
    DatasetDict({"train": made(rows[:ROWS_AT_ONCE], features)}).save_to_disk(str(folder))
    if len(rows) <= ROWS_AT_ONCE:
        return names
    folder = folder / "train"
    for path in folder.glob("*.arrow"):
        path.unlink()
    shards = min(size // _SHARD_BYTES + 1, len(rows))
    files = [folder / f"data-{number:05}-of-{shards:05}.arrow" for number in range(shards)]
    for number, path in enumerate(files):
        writer = ArrowWriter(features=features, path=str(path))
        for part in _parts(rows, _begin(len(rows), shards, number), _begin(len(rows), shards, number + 1)):
            writer.write_table(made(part, features).with_format("arrow")[:])
        writer.finalize()
        writer.close()
    state = read_json(folder / _STATE)
    fingerprint = content_hash(*map(file_hash, files))[: len(state["_fingerprint"])]
    write_json(
        folder / _STATE,
        {**state, "_data_files": [{"filename": path.name} for path in files], "_fingerprint": fingerprint},
    )
    return names


def _parts(rows: Rows, begin: int, end: int) -> Iterator[Rows]:
    for start in range(begin, end, ROWS_AT_ONCE):
        yield rows[start : min(start + ROWS_AT_ONCE, end)]


def _begin(count: int, shards: int, number: int) -> int:
    """The first row of a shard: the first shards have one row more than the last ones, as in the library."""
    return number * (count // shards) + min(number, count % shards)
