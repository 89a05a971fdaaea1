"""Detect files whose content does not match their names: pointers of Git LFS, web pages, other encodings, other
formats."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bleuberi.errors import UserError

_LOOKED_AT: Final = 512  # bytes
_FEW: Final = 8  # bytes
_LFS: Final = b"version https://git-lfs.github.com/spec/"
_PAGES: Final = (b"<!doctype", b"<html", b"<head", b"<?xml")
_FORMATS: Final = {  # first bytes -> what the file is, and the endings under which it is read
    b"PAR1": ("a Parquet file", (".parquet",)),
    b"\x1f\x8b": ("packed with gzip", (".gz",)),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", (".zst",)),
    b"BZh9": ("packed with bzip2", (".bz2",)),
    b"\xfd7zXZ": ("packed with xz", (".xz",)),
    b"PK\x03\x04": ("a zip archive (or an Excel file)", ()),
    b"SQLite format 3": ("an SQLite database", ()),
    b"ARROW1": ("an Arrow file", ()),
}


def refuse_disguised(path: Path) -> None:
    """Errors: `UserError` if the first bytes show that the content does not match the file's name."""
    with path.open("rb") as stream:
        head = stream.read(_LOOKED_AT)
    if head.startswith(_LFS):
        raise UserError(
            f"{path} is a Git LFS pointer, not the file itself.",
            "Fetch the files with: git lfs pull",
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGES):
        raise UserError(
            f"{path} is a web page, not data.",
            "The address was probably a page about the file, or a login page. Download the file itself.",
        )
    if coding := _unmarked_coding(head):
        raise UserError(
            f"{path} is {coding} text without a byte order mark.",
            f"Save it as UTF-8, e.g. iconv -f {coding} -t UTF-8 {path.name}",
        )
    for begin, (what, endings) in _FORMATS.items():
        if head.startswith(begin) and not path.name.lower().endswith(endings):
            cure = (
                f"Give its name the ending {endings[0]}" if endings else "Export its rows as .jsonl, .csv or .parquet"
            )
            raise UserError(f"{path} is {what}.", f"{cure}, then rerun.")


def _unmarked_coding(head: bytes) -> str | None:
    """UTF-16 of a text in Latin letters: every second byte is zero."""
    if len(head) >= _FEW and not any(head[1::2]) and all(head[::2]):
        return "UTF-16LE"
    return "UTF-16BE" if len(head) >= _FEW and not any(head[::2]) and all(head[1::2]) else None
