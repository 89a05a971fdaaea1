"""Whether a run asks the prompts that its data set was scored with."""

from __future__ import annotations

from bleuberi.folders import DatasetFolder
from bleuberi.training.settings.read import RunSettings


def other_prompts(settings: RunSettings) -> str:
    """What differs if the data set's responses were made with other arguments of the chat template; empty if none do.

    A data set without responses, or of another tool, says nothing.
    """
    dataset = DatasetFolder.load(settings.run.dataset_path)
    if not dataset.model:
        return ""
    before, now = dataset.chat_template_kwargs or {}, settings.chat_template_kwargs
    if before == now:
        return ""
    return f"the data set's responses were made with chat_template_kwargs {before}, and this run has {now}"
