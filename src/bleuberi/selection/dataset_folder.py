"""Data set folders: found again, refused, saved."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi import made
from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, read_manifest, write_json
from bleuberi.atomic_files import fresh_folder
from bleuberi.errors import MissingExtraError, UserError

log = logging.getLogger(__name__)

KIND: Final = "dataset"
CURE: Final = "Choose another --output_dataset_name or --output_dir, or replace it with --overwrite."
_NAME_BYTES: Final = 250  # file systems take 255; the pairs of a data set get its name with _SFT


class MadeDataset(NamedTuple):
    """A finished data set that lies on disk."""

    folder: Path
    rows: int
    reward_signature: str | None


def check_dataset_name(name: str) -> None:
    """Refuse a name that is a path, or climbs out of its folder."""
    # Hidden names are those of unfinished folders.
    if not name or name.startswith(".") or any(char in name for char in "/\\\0") or len(name.encode()) > _NAME_BYTES:
        raise UserError(
            f"The data set name {name!r:.80} is not a plain folder name.",
            f"Give a name without slashes or a leading dot, of at most {_NAME_BYTES} bytes; "
            "the place is chosen with --output_dir.",
        )


def find_made(parent: Path, request: Mapping[str, Any], name: str | None) -> MadeDataset | None:
    """The data set that an equal request made: the one of that name, or, with a generated name, any in the folder.

    Errors: `UserError` if the name is taken by another request or program, or if the data set was changed since.
    """
    if name is not None:
        return _found(parent / name, made.find(parent / name, KIND, request, CURE))
    for folder in sorted(parent.glob("[!.]*/")):  # hidden ones are unfinished
        try:
            manifest = read_manifest(folder)
        except UserError:
            continue  # a broken data set that was not asked for is no reason to stop
        if manifest is not None and made.is_equal(manifest.get("config", {}), request):
            return _found(folder, made.find(folder, KIND, request, CURE))
    return None


def _found(folder: Path, manifest: dict[str, Any] | None) -> MadeDataset | None:
    if manifest is None:
        return None
    rows = manifest.get("rows_out")
    if not isinstance(rows, int):
        raise UserError(f"{folder / MANIFEST} has no number of rows.", "Move the folder away and run again.")
    log.info("The data set %s was made by an equal request and is reused", folder)
    return MadeDataset(folder, rows, manifest.get("reward_signature"))


def refuse_taken_name(parent: Path, request: Mapping[str, Any], before: str, after: str, count: int | None) -> None:
    """Refuse, before anything is answered or scored, a generated name `{before}{rows}{after}` of another request.

    How many rows there will be is not known without `count`: names of requests without a count are then compared.
    Errors: as `made.find`.
    """
    folders = [parent / f"{before}{count}{after}"] if count is not None else sorted(parent.glob("[!.]*/"))
    for folder in folders:
        rows = folder.name.removeprefix(before).removesuffix(after)
        if count is None and (folder.name != f"{before}{rows}{after}" or not rows.isdecimal()):
            continue
        manifest = read_manifest(folder) or {}
        if count is not None or (manifest and manifest.get("config", {}).get("num_examples") is None):
            made.find(folder, KIND, request, CURE)


def save_dataset(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    request: Mapping[str, Any],
    *,
    overwrite: bool,
    records: Mapping[str, object] | None = None,  # file name -> JSON that lies beside the data
    draw: Callable[[Path], None] | None = None,  # adds figures to the folder, so that no kill can leave them out
    **facts: object,
) -> Path:
    """Save rows as a `DatasetDict` with `train`, its manifest last; whole or not at all."""
    try:
        from datasets import Dataset, DatasetDict, disable_progress_bars
    except ImportError as error:
        raise MissingExtraError("datasets", "train", "Saving a data set") from error
    if not overwrite:
        made.find(folder, KIND, request, CURE)
    names = dict.fromkeys(name for row in rows for name in row)  # `from_list` drops what the first row has not
    table = {name: [row.get(name) for row in rows] for name in names}
    disable_progress_bars()  # saving takes less time than reading its bar
    with fresh_folder(folder) as partial:
        DatasetDict({"train": Dataset.from_dict(table)}).save_to_disk(str(partial))
        for name, record in (records or {}).items():
            write_json(partial / name, record)
        if draw is not None:
            draw(partial)
        hashes = {str(path.relative_to(partial)): file_hash(path) for path in sorted(partial.rglob("*.arrow"))}
        write_json(partial / MANIFEST, make_manifest(KIND, request, rows=len(rows), files_sha256=hashes, **facts))
    return folder
