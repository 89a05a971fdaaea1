"""Data set folders: found again, refused, saved. Knows manifests and `save_to_disk`; knows nothing of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, read_manifest, write_json
from bleuberi.atomic_files import fresh_folder
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.redaction import redact_value

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
    """The data set that the same request made: the one of that name, or, with a generated name, any."""
    folders = [parent / name] if name is not None else sorted(parent.glob("[!.]*/"))  # hidden ones are unfinished
    for folder in folders:
        try:
            manifest = read_manifest(folder)
        except UserError:
            if name is not None:
                raise
            continue  # a broken data set that was not asked for is no reason to stop
        if manifest is not None and manifest.get("config") == redact_value(request):
            rows = manifest.get("rows_out")
            if not isinstance(rows, int):
                raise UserError(f"{folder / MANIFEST} has no number of rows.", "Move the folder away and run again.")
            return MadeDataset(folder, rows, manifest.get("reward_signature"))
    return None


def refuse_other(folder: Path, request: Mapping[str, Any]) -> None:
    """Refuse to replace a folder that another request made, and say what differs."""
    if not folder.exists():
        return
    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(
            f"{folder} already exists; it has no manifest, so this tool did not make it.",
            "Move that folder away, or give another name or --output_dir.",
        )
    before = manifest.get("config", {})
    names = [name for name in {**before, **request} if before.get(name) != request.get(name)]
    difference = "; ".join(f"{name}: {before.get(name)!s:.40} there, {request.get(name)!s:.40} asked" for name in names)
    raise UserError(
        f"The data set {folder} is there already, made otherwise ({difference}).",
        "Choose another --output_dataset_name, or replace it with --overwrite.",
    )


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
        refuse_other(folder, request)
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
        write_json(partial / MANIFEST, make_manifest("dataset", request, rows=len(rows), files_sha256=hashes, **facts))
    return folder
