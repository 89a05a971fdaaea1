"""From a GRPO data set to prompt-response pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bleuberi.artifacts import json_hash
from bleuberi.data.grpo_rows import read_grpo_rows
from bleuberi.data.sft_rows import read_sft_rows, to_sft_rows
from bleuberi.folders import DatasetFolder
from bleuberi.selection.dataset_folder import find_made, save_dataset
from bleuberi.selection.original_files import original_dataset


@dataclass(frozen=True, slots=True)
class SftDataConfig:
    """Which GRPO data set, and where the pairs go."""

    input_data_path: Path
    output_dir: Path = Path("../data")
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class SftData:
    """Where an SFT data set lies."""

    folder: Path
    rows: int
    reused: bool


def create_sft_data(config: SftDataConfig) -> SftData:
    """One row for each prompt and reference, in `data_sft/{input name}_SFT`. Errors: `UserError`."""
    parent = config.output_dir / "data_sft"
    name = f"{config.input_data_path.resolve().name}_SFT"
    if not config.overwrite and (there := original_dataset([parent / name], read_sft_rows)) is not None:
        return SftData(there.folder, there.rows, True)
    rows = read_grpo_rows(config.input_data_path)
    request = {"input": config.input_data_path.resolve().name, "input_sha256": json_hash(rows)}
    if not config.overwrite and (made := find_made(parent, request, name)) is not None:
        return SftData(made.folder, made.rows, True)
    pairs = [pair for row in rows for pair in to_sft_rows(row)]
    folder = save_dataset(
        parent / name,
        pairs,
        request,
        overwrite=config.overwrite,
        rows_in=len(rows),
        rows_out=len(pairs),
        parents=[{"folder": request["input"], "files_sha256": DatasetFolder.load(config.input_data_path).files_sha256}],
    )
    return SftData(folder, len(pairs), False)
