"""Caveats about a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.evaluation.model_facts import TrainingFacts
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.responses import ModelAnswers
from bleuberi.folders import DatasetFolder, ModelFolder
from bleuberi.records import Example
from bleuberi.statistics import text_digests

MUCH_CUT: Final = 0.1
FEW_PROMPTS: Final = 30
NO_UNTRAINED: Final = (
    "Every score here is one that a model was trained on, or a sibling of one, so a gain shows that training worked. "
    "Add a score of another kind: --metrics bleu meteor, or bertscore."
)


def answer_warnings(
    answers: ModelAnswers,
    tokenizers: Mapping[str, str | None],
    cut_share: Mapping[str, float | None],
    repeated: Sequence[str] = (),  # sentences on runs that repeat another of their group
) -> list[str]:
    """Caveats about files, tokenizers, cut responses, equal models and few prompts."""
    said = [sentence for file in answers.files.values() if (sentence := file.sentence()) is not None]
    known: dict[str, list[str]] = defaultdict(list)
    for name, tokenizer in tokenizers.items():
        if tokenizer is not None:
            known[tokenizer].append(name)
    if len(known) > 1:
        sides = " against ".join(", ".join(names) for names in known.values())
        said.append(
            f"The models have different tokenizers ({sides}): scores and words are counted on texts and compare, "
            "but the token limit cuts their answers at different lengths."
        )
    cut = ", ".join(f"{name} {share:.0%}" for name, share in cut_share.items() if (share or 0.0) >= MUCH_CUT)
    if cut:
        said.append(f"Answers that reached the token limit, so that scores are those of cut answers: {cut}.")
    models: dict[str, str] = {}
    for name, identity in answers.identities.items():
        first = models.setdefault(identity.key(), name)
        if first != name and not any(f"{first} and {name} " in sentence for sentence in repeated):
            same = "have the same responses" if name in answers.files else "are the same model"
            said.append(f"{first} and {name} {same}.")
    said += repeated
    if len(answers.examples) < FEW_PROMPTS:
        said.append(f"Only {len(answers.examples)} prompts: a difference has to be large to be seen.")
    return said


def training_warnings(
    groups: Sequence[Group],
    facts: Mapping[str, TrainingFacts | None],  # by model
    models: Mapping[str, str],  # name -> folder
    examples: Sequence[Example],
    reasoning: bool = False,  # whether these prompts ask for tags
) -> list[str]:
    """Caveats about seeds that were trained differently, prompts that were trained on, and prompts without the
    reasoning turn."""
    said = []
    thinking = [name for name, fact in facts.items() if fact is not None and _trained_to_reason(models[name])]
    if thinking and not reasoning:
        said.append(f"{', '.join(thinking)}: trained with --reasoning, but not asked for tags here: add --reasoning.")
    for group in groups:
        kinds = {
            None if fact is None else (fact.label, fact.steps, fact.prompts_sha256, fact.base_model)
            for fact in (facts[name] for name in group.members)
        }
        if len(kinds) > 1:
            said.append(f"The members of {group.name} were not trained alike: they are no seeds of one training.")
    folders = {name: _dataset(model) for name, model in models.items()}
    asked = np.unique(text_digests(row.prompt.strip() for row in examples if any(folders.values())))
    found = {  # seeds of one training share their data set
        folder: len(np.intersect1d(asked, prompts_in(folder)))
        for folder in folders.values() if folder is not None
    }  # fmt: skip
    for name, folder in folders.items():
        if folder is not None and (seen := found[folder]):
            said.append(
                f"{name} was trained on {seen} of the {len(asked)} prompts, so its scores on them are not a test. "
                "Hold prompts out with: bleuberi data check."
            )
    return said


def _dataset(model: str) -> Path | None:
    trained = ModelFolder.load(model)
    return None if trained is None else trained.dataset


def _trained_to_reason(model: str) -> bool:
    """Whether the training, or the creation of its data set, used `--reasoning`."""
    trained = ModelFolder.load(model)
    if trained is None:
        return False
    data = None if trained.dataset is None else DatasetFolder.load(trained.dataset).config
    return bool(trained.settings.reasoning or (data and data.reasoning))


def prompts_in(folder: Path) -> NDArray[np.bytes_]:
    """The `text_digests` of the prompts in a data set's rows; none if the folder no longer contains that data set."""
    try:
        rows = (raw.values for raw in read_rows(str(folder)))
        return text_digests(_asked(row).strip() for row in rows if row.get("messages") or row.get("prompt"))
    except UserError:
        return text_digests(())


def _asked(row: Mapping[str, Any]) -> str:
    return str(row.get("prompt") or prompt_messages(row)[-1]["content"])
