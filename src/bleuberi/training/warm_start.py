"""SFT on the references first, then GRPO from that model: both with one command."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import json_hash, read_json, write_json
from bleuberi.data.sft_rows import to_sft_rows
from bleuberi.training.settings.read import RunSettings, read_settings
from bleuberi.training.sft import train_sft

log = logging.getLogger(__name__)

WARM_START: Final = "warm_start"
_SHARED: Final = ("seed", "use_cpu", "trust_remote_code")


def warm_start(settings: RunSettings, rows: Sequence[dict[str, Any]]) -> RunSettings:
    """Train SFT on every reference of these rows, in `warm_start/` of the run's folder. Returns the settings of a GRPO
    run that starts from the SFT model.

    `rows`: the rows that GRPO will be trained on. A finished SFT is not repeated, and a killed one resumes. Errors:
    `UserError`, as SFT.
    """
    folder = Path(settings.args.output_dir) / WARM_START
    with settings.args.main_process_first(local=False):  # the other processes find the data set made
        pairs = _save_pairs(rows, folder / "data")
    words = ["--config", settings.run.warm_start, "--dataset_path", str(pairs)]
    words += ["--model_name_or_path", settings.model.model_name_or_path, "--output_dir", str(folder / "model")]
    if settings.model.model_revision not in (None, "main"):
        words += ["--model_revision", settings.model.model_revision]
    words += [word for name in _SHARED for word in (f"--{name}", str(getattr(settings.args, name)).lower())]
    log.info("Warm start: SFT with %s", settings.run.warm_start)
    model = train_sft(read_settings("sft", words))
    started = copy.copy(settings.model)
    started.model_name_or_path, started.model_revision = str(model), None
    return replace(settings, model=started)


def _save_pairs(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """The SFT data set of a GRPO data set's rows, written once."""
    from datasets import Dataset, DatasetDict

    pairs = [pair for row in rows for pair in to_sft_rows(row)]
    mark, content = folder / "pairs.json", {"sha256": json_hash(pairs)}
    if not (mark.is_file() and read_json(mark) == content):
        DatasetDict({"train": Dataset.from_list(pairs)}).save_to_disk(str(folder))
        write_json(mark, content)  # last: without it the data set is written again
    return folder
