"""Find files and data sets of the method's original program in an output folder, by the names that it used.

A file or folder counts as the original's if it has no manifest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bleuberi.artifacts import MANIFEST
from bleuberi.columns import MAX_FILE_NAME_BYTES, model_short_name, names_same_references
from bleuberi.selection.dataset_folder import MadeDataset

log = logging.getLogger(__name__)

_SAVED = ("dataset_dict.json", "state.json")  # of a DatasetDict or a Dataset that `save_to_disk` wrote


def original_response_file(folder: Path, model: str) -> Path | None:
    """`{model}_inference_results.csv` with the model's responses, or None."""
    for name in dict.fromkeys((model_short_name(model), model.replace("/", "_"))):
        path = folder / f"{name}_inference_results.csv"
        if len(path.name.encode()) <= MAX_FILE_NAME_BYTES and path.is_file():
            return path
    return None


def original_dataset(folders: Iterable[Path], read: Callable[[Path], Sequence[Any]]) -> MadeDataset | None:
    """The first of the folders that is a data set without a manifest, whatever its rows, or None. A
    warning says that it is used.

    `read` returns a data set's rows. Errors: `UserError` if it is a data set of another kind, or cannot be read.
    """
    for folder in folders:
        if any((folder / name).is_file() for name in _SAVED) and not (folder / MANIFEST).exists():
            rows = len(read(folder))
            log.warning(
                "The data set %s was made by another program (it has no manifest): its %d rows are used as they are, "
                "and the other settings of this command are ignored", folder, rows,
            )  # fmt: skip
            return MadeDataset(folder, rows, None)
    return None


def same_names(folder: Path, before: str, ref_models: Sequence[str], after: str) -> list[Path]:
    """The paths in the folder named `{before}_{references}{after}`, with the references in any order and with our names
    or the original's short names for them."""
    start = before + "_"
    return [
        path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if path.name.startswith(start)
        and path.name.endswith(after)
        and names_same_references(path.name[len(start) : len(path.name) - len(after)], ref_models)
    ]
