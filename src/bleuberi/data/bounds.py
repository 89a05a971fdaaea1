"""How much of a file is read before it is called absurd. Knows bytes and packers; knows no rows.

Pools come from strangers. A row of gigabytes, or a small file that unpacks to terabytes, is told in two lines before
memory or patience ends.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from bleuberi.errors import UserError

MAX_ROW_BYTES: Final = 32 << 20  # a long book, its answers and more
MAX_WHOLE_BYTES: Final = 2 << 30  # of what has to be held as a whole: a JSON array, a packed Parquet file
MAX_RATIO: Final = 200  # text packs to a tenth; only made-up content packs to a 200th
RATIO_COUNTS_FROM: Final = 256 << 20

_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_BLOCK: Final = 1 << 20
GZIP_DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error)


def refuse_pointer(path: Path) -> None:
    """Refuse what Git leaves in a file's place if its content was not fetched. Errors: `UserError`."""
    with path.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise UserError(f"{path} is a Git LFS pointer, not the file itself.", "Fetch the files with: git lfs pull")


def open_bounded(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where its name ends in `.gz`."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def bounded_lines(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream that `open_bounded` gave. Errors: `UserError` for an absurd one, or a packed bomb."""
    packed_bytes, read_bytes = path.stat().st_size, 0
    number = 0
    while line := stream.readline(MAX_ROW_BYTES + 1):
        number += 1
        read_bytes += len(line)
        if len(line) > MAX_ROW_BYTES:
            raise UserError(
                f"{path.name}, line {number} is longer than {MAX_ROW_BYTES >> 20} MiB.",
                "Write one row a line, and leave out rows of that size: no model can read them.",
            )
        if path.suffix == ".gz":
            refuse_bomb(path, packed_bytes, read_bytes)
        yield line


def first_visible_byte(path: Path, stream: IO[bytes]) -> bytes:
    """The first byte that is no blank and no byte order mark; none in an empty file. Errors: a packed bomb."""
    packed_bytes, read_bytes = path.stat().st_size, 0
    while block := stream.read(_BLOCK):
        if not read_bytes:
            block = block.removeprefix(b"\xef\xbb\xbf")
        read_bytes += len(block)
        if visible := block.lstrip():
            return visible[:1]
        if path.suffix == ".gz":
            refuse_bomb(path, packed_bytes, read_bytes)
    return b""


def read_whole(path: Path, stream: IO[bytes]) -> bytes:
    """The rest of a stream. Errors: `UserError` where it is more than MAX_WHOLE_BYTES, or a packed bomb."""
    packed_bytes, blocks, read_bytes = path.stat().st_size, [], 0
    while block := stream.read(_BLOCK):
        read_bytes += len(block)
        if read_bytes > MAX_WHOLE_BYTES:
            raise UserError(
                f"{path.name} holds more than {MAX_WHOLE_BYTES >> 30} GiB in one piece.",
                "Write it as .jsonl, one object a line: that is read row by row.",
            )
        if path.suffix == ".gz":
            refuse_bomb(path, packed_bytes, read_bytes)
        blocks.append(block)
    return b"".join(blocks)


def refuse_bomb(path: Path, packed_bytes: int, read_bytes: int) -> None:
    """Errors: `UserError` where a file has unpacked to far more than text can."""
    if read_bytes > RATIO_COUNTS_FROM and read_bytes > MAX_RATIO * packed_bytes:
        raise UserError(
            f"{path.name} unpacks to more than {MAX_RATIO} times its size: no ordinary text does.",
            "Unpack it by hand if you trust it, and look at what is inside.",
        )


def check_row_size(place: str, values: Any) -> None:  # noqa: ANN401 - any row
    """Errors: `UserError` for a row whose texts are longer than MAX_ROW_BYTES."""
    size = sum(len(value) for value in values.values() if isinstance(value, str))
    if size > MAX_ROW_BYTES:
        raise UserError(
            f"{place} holds {size:,} characters, more than {MAX_ROW_BYTES:,}.", "Leave out rows of that size."
        )


def damaged_gzip(path: Path, error: Exception) -> UserError:
    """The error for a packed file that ends early or is no gzip."""
    return UserError(f"{path} is not a whole gzip file: {error}", "Fetch or compress the file again.")
