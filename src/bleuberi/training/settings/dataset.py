"""Check that a run's prompts are rendered like those that its data set was scored with."""

from __future__ import annotations

from bleuberi.folders import DatasetFolder
from bleuberi.training.settings.read import RunSettings


def other_prompts(settings: RunSettings) -> str:
    """The difference if the data set's responses were generated with other chat template arguments; empty if there is
    none.

    Empty also for a data set without responses, or of another tool.
    """
    dataset = DatasetFolder.load(settings.run.dataset_path).config
    if not dataset.model:
        return ""
    before, now = dataset.chat_template_kwargs or {}, settings.chat_template_kwargs
    if before == now:
        return ""
    return f"the data set's responses were made with chat_template_kwargs {before}, and this run has {now}"
