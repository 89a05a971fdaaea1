"""The paper presets' batch on several processes: it grows with their number unless the settings are divided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bleuberi.training.settings.words import PRESETS, config_file, read_config_file, split_words


def grown_batch(argv: Sequence[str], args: Any, processes: int) -> tuple[str, str] | None:  # noqa: ANN401 - TRL's arguments
    """A message for a paper preset on several processes: how large the batch per step becomes, and how to keep the
    paper's.

    None if the config is not a paper's preset, or if the batch is the paper's already: the preset's on one process.
    """
    path = config_file(split_words(argv))
    if path is None or path.parent != PRESETS or not path.stem.endswith("_paper"):
        return None
    preset = read_config_file(path)
    paper = int(preset["per_device_train_batch_size"]) * int(preset["gradient_accumulation_steps"])
    batch, passes = args.per_device_train_batch_size, args.gradient_accumulation_steps
    whole = batch * passes * processes
    if whole == paper:
        return None
    text = (
        f"a step sees {whole} sequences ({batch} x {passes} passes x {processes} processes), {whole / paper:g} times "
    )
    text += f"the {paper} of the preset on one GPU, and an epoch has {paper / whole:.3g} of its steps"
    if paper % processes:
        return text, f"Take a number of processes that divides {paper} to keep the batch."
    share = paper // processes
    rows = next(size for size in range(min(batch, share), 0, -1) if share % size == 0)
    flags = f"--per_device_train_batch_size {rows} --gradient_accumulation_steps {share // rows}"
    return text, f"For the batch of one GPU: {flags}."
