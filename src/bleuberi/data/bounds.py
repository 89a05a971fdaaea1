"""Open files, and limit how much of one is read.

Pools are untrusted input. Oversized rows and small files that unpack to gigabytes are rejected before memory runs out.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from bleuberi.errors import MissingExtraError, UserError

MAX_ROW_BYTES: Final = 32 << 20  # a long book, its answers and more
MAX_WHOLE_BYTES: Final = 2 << 30  # of what has to be held as a whole: a packed Parquet file
MAX_RATIO: Final = 200  # text packs to a tenth; only made-up content packs to a 200th
RATIO_COUNTS_FROM: Final = 256 << 20
MAX_CONTAINERS: Final = 1_000_000  # lists and objects of a JSON row: empty ones take 30 times their text in memory

PACKERS: Final = (".gz", ".zst", ".bz2", ".xz")
_BLOCK: Final = 1 << 20
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),  # the first begins as UTF-16's does
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_LONGEST_MARK: Final = 4


def packer_of(path: Path) -> str:
    """The ending of a packed file, e.g. `.gz`; empty if it is not packed. Case does not count."""
    return next((ending for ending in PACKERS if path.name.lower().endswith(ending)), "")


def open_bounded(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked if its name ends in one of PACKERS; UTF-16 and UTF-32 with a mark become UTF-8."""
    stream = _unpacked(path)
    coding = marked_coding(stream.peek(_LONGEST_MARK))  # type: ignore[attr-defined]
    return io.BufferedReader(_Recoded(path, stream, coding)) if coding else stream


def marked_coding(head: bytes) -> str | None:
    """The codec named by a byte order mark, except UTF-8's: PowerShell and Excel write UTF-16."""
    return next((coding for mark, coding in _MARKS if head.startswith(mark)), None)


class _Recoded(io.RawIOBase):
    """A stream of UTF-16 or UTF-32 as UTF-8, block by block."""

    def __init__(self, path: Path, stream: IO[bytes], coding: str) -> None:
        self._path, self._stream, self._coding = path, stream, coding
        self._decoder = codecs.getincrementaldecoder(coding)()
        self._held = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - what io passes
        """Fill the buffer with as much text as there is. Errors: `UserError` for bytes that are not text."""
        while not self._held and not self._ended:
            block = self._stream.read(_BLOCK)
            self._ended = not block
            try:
                self._held = self._decoder.decode(block, final=self._ended).encode()
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{self._path} is not valid {self._coding.upper()} text: {error.reason}.", "Save it as UTF-8."
                ) from error
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _unpacked(path: Path) -> IO[bytes]:
    packer = packer_of(path)
    if packer == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if packer == ".bz2":
        return cast("IO[bytes]", bz2.open(path, "rb"))
    if packer == ".xz":
        return cast("IO[bytes]", lzma.open(path, "rb"))
    if packer == ".zst":
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtraError("pyarrow", "report", "Reading .zst files") from error
        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


@contextlib.contextmanager
def packing_errors(path: Path) -> Iterator[None]:
    """Errors: `UserError` for a packed file that ends early, or is not packed."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        packer = packer_of(path)
        if not packer or (isinstance(error, OSError) and error.errno is not None):  # the disk's
            raise
        kind = "gzip" if packer == ".gz" else packer
        raise UserError(
            f"{path} is an incomplete or damaged {kind} file: {error}", "Fetch or compress the file again."
        ) from error


def bounded_lines(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream from `open_bounded`. Errors: `UserError` for an oversized line, or a file that unpacks to
    far too much."""
    ratio = Ratio(path)
    number = 0
    while line := stream.readline(MAX_ROW_BYTES + 1):
        number += 1
        if len(line) > MAX_ROW_BYTES:
            raise UserError(
                f"{path.name}, line {number} is longer than {MAX_ROW_BYTES >> 20} MiB.",
                "Write one row per line, and leave out rows of that size: no model can read them.",
            )
        ratio.add(len(line))
        yield line


def first_visible_byte(path: Path) -> bytes:
    """The first byte that is not white space or a byte order mark; empty for an empty file. Errors: `UserError`, as
    `Ratio`."""
    ratio = Ratio(path)
    with open_bounded(path) as stream:
        block = stream.read(_BLOCK).removeprefix(b"\xef\xbb\xbf")
        while block:
            if visible := block.lstrip():
                return visible[:1]
            ratio.add(len(block))
            block = stream.read(_BLOCK)
    return b""


def bounded_blocks(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in blocks of at most 1 MiB. Errors: `UserError`, as `Ratio`."""
    ratio = Ratio(path)
    while block := stream.read(_BLOCK):
        ratio.add(len(block))
        yield block


def read_whole(path: Path, stream: IO[bytes]) -> bytes:
    """The rest of a stream. Errors: `UserError` for more than MAX_WHOLE_BYTES, and as `Ratio`."""
    blocks, read_bytes = [], 0
    for block in bounded_blocks(path, stream):
        read_bytes += len(block)
        if read_bytes > MAX_WHOLE_BYTES:
            raise UserError(
                f"{path.name} holds more than {MAX_WHOLE_BYTES >> 30} GiB in one piece.",
                "Write it as .jsonl, one object per line: that is read row by row.",
            )
        blocks.append(block)
    return b"".join(blocks)


class Ratio:
    """Compares the size of a packed file with what it has unpacked to. `always`: the format itself packs, as Parquet
    does."""

    def __init__(self, path: Path, *, always: bool = False) -> None:
        self._name = path.name
        self._packed_bytes = path.stat().st_size if always or packer_of(path) else None
        self._read_bytes = 0

    def add(self, count: int) -> None:
        """Count bytes that were read. Errors: `UserError` if the file has unpacked to far more than text can."""
        self._read_bytes += count
        if self._packed_bytes is None or self._read_bytes <= RATIO_COUNTS_FROM:
            return
        if self._read_bytes > MAX_RATIO * self._packed_bytes:
            raise UserError(
                f"{self._name} unpacks to more than {MAX_RATIO} times its size, which ordinary text never does.",
                "If you trust it, unpack it by hand and check its content.",
            )


def check_row_size(place: str, values: Any) -> None:  # noqa: ANN401 - any row
    """Errors: `UserError` for a row whose texts are longer than MAX_ROW_BYTES."""
    size = sum(len(value) for value in values.values() if isinstance(value, str))
    if size > MAX_ROW_BYTES:
        raise UserError(f"{place} holds {size:,} characters, more than {MAX_ROW_BYTES:,}.", "Remove rows of that size.")


def check_containers(place: str, text: str | bytes) -> None:
    """Errors: `UserError` for a long row whose JSON text consists mostly of brackets."""
    if len(text) <= MAX_CONTAINERS:  # of bytes or letters
        return
    brackets = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    if brackets > MAX_CONTAINERS:
        raise UserError(f"{place} holds more than {MAX_CONTAINERS:,} lists and objects.", "Remove rows of that size.")
