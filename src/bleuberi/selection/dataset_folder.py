"""Find, check and save the folders of data sets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi import made
from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, read_manifest, write_json, write_text
from bleuberi.atomic_files import fresh_folder
from bleuberi.data.written_datasets import write_dataset
from bleuberi.errors import UserError
from bleuberi.selection.card import CARD, folder_card

log = logging.getLogger(__name__)

KIND: Final = "dataset"
CURE: Final = "Choose another --output_dataset_name or --output_dir, or replace it with --overwrite."
_NAME_BYTES: Final = 250  # file systems take 255; the pairs of a data set get its name with _SFT


class MadeDataset(NamedTuple):
    """A finished data set on disk."""

    folder: Path
    rows: int
    reward_signature: str | None


def check_dataset_name(name: str) -> None:
    """Reject a name that is a path, or that leads out of its folder."""
    # Hidden names are those of unfinished folders.
    if not name or name.startswith(".") or any(char in name for char in "/\\\0") or len(name.encode()) > _NAME_BYTES:
        raise UserError(
            f"The data set name {name!r:.80} is not a simple folder name.",
            f"Give a name without slashes or a leading dot, of at most {_NAME_BYTES} bytes; "
            "the place is chosen with --output_dir.",
        )


def find_made(parent: Path, request: Mapping[str, Any], name: str | None) -> MadeDataset | None:
    """The data set that an equal request made: with that name, or, if the name is generated, any in the folder.

    Errors: `UserError` if another request or program made a data set of that name, or if the data set was changed
    since.
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
        raise UserError(f"{folder / MANIFEST} lacks the number of rows.", "Move the folder away and rerun.")
    log.info("The data set %s was made by an equal request and is reused", folder)
    return MadeDataset(folder, rows, manifest.get("reward_signature"))


def refuse_taken_name(parent: Path, request: Mapping[str, Any], before: str, after: str, count: int | None) -> None:
    """Before anything is generated or scored, reject a generated name `{before}{rows}{after}` that another request has
    used.

    Without `count` the number of rows is not known yet; names of requests without a count are then compared. Errors: as
    `made.find`.
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
    inputs: Iterable[str | Path | None],  # which the folder must not replace
    add: Callable[[Path], None] | None = None,  # adds files to the folder, so that no kill can leave them out
    **facts: object,
) -> Path:
    """Save rows atomically as a `DatasetDict` with `train`, with a card, and the manifest last."""
    if not overwrite:
        made.find(folder, KIND, request, CURE)
    made.refuse_input(folder, inputs, CURE)
    with fresh_folder(folder) as partial:
        names = write_dataset(partial, rows)
        if add is not None:
            add(partial)
        hashes = {str(path.relative_to(partial)): file_hash(path) for path in sorted(partial.rglob("*.arrow"))}
        manifest = make_manifest(KIND, request, rows=len(rows), files_sha256=hashes, **facts)
        write_text(partial / CARD, folder_card(folder.name, manifest, names))
        write_json(partial / MANIFEST, manifest)
    return folder
