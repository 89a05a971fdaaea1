"""Create prompt-response pairs from a GRPO data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bleuberi.artifacts import json_rows_hash, read_manifest
from bleuberi.data.grpo_rows import spilled_grpo_rows
from bleuberi.data.sft_rows import read_sft_rows, to_sft_rows
from bleuberi.folders import DatasetFolder
from bleuberi.on_disk import Spilled
from bleuberi.selection.card import open_dataset, push_dataset
from bleuberi.selection.config import SftDataConfig
from bleuberi.selection.dataset_folder import find_made, save_dataset
from bleuberi.selection.original_files import original_dataset


@dataclass(frozen=True, slots=True)
class SftData:
    """An SFT data set's folder and facts about its creation."""

    folder: Path
    rows: int
    reused: bool
    hub: str | None = None  # the address of the repository that it was pushed to


def create_sft_data(config: SftDataConfig) -> SftData:
    """Create one row per prompt and reference, in `data_sft/{input name}_SFT`. Errors: `UserError`."""
    repository = open_dataset(config.push_to_hub, config.hub_public)
    made = _create(config)
    return replace(made, hub=push_dataset(made.folder, repository))


def _create(config: SftDataConfig) -> SftData:
    parent = config.output_dir / "data_sft"
    name = f"{config.input_data_path.resolve().name}_SFT"
    if not config.overwrite and (there := original_dataset([parent / name], read_sft_rows)) is not None:
        return SftData(there.folder, there.rows, True)
    rows = spilled_grpo_rows(config.input_data_path)
    request = {"input": config.input_data_path.resolve().name, "input_sha256": json_rows_hash(rows)}
    if not config.overwrite and (made := find_made(parent, request, name)) is not None:
        return SftData(made.folder, made.rows, True)
    pairs = Spilled(pair for row in rows for pair in to_sft_rows(row))
    folder = save_dataset(
        parent / name,
        pairs,
        request,
        overwrite=config.overwrite,
        inputs=[config.input_data_path],
        rows_in=len(rows),
        rows_out=len(pairs),
        input_request=(read_manifest(config.input_data_path) or {}).get("config"),
        parents=[{"folder": request["input"], "files_sha256": DatasetFolder.load(config.input_data_path).files_sha256}],
    )
    return SftData(folder, len(pairs), False)
