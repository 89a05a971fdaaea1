"""DPO on pairs of a chosen and a rejected response (Rafailov et al. 2023, arXiv 2305.18290), with TRL's DPOTrainer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.columns import ID, PROMPT
from bleuberi.data.dpo_rows import CHOSEN, REJECTED, read_dpo_rows
from bleuberi.errors import UserError
from bleuberi.records import Tally
from bleuberi.training.offline import Encoded, Lengths, Recipe, Rows, train_offline
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.sft_tokens import SftEncoder

if TYPE_CHECKING:
    from datasets import Dataset


def train_dpo(settings: RunSettings) -> Path:
    """Train, or reuse a finished training; a killed run resumes from its last checkpoint. Returns the model folder.

    The reference model is the model that the training starts from. Errors: `UserError` for data or settings that do not
    fit, before the model is loaded.
    """
    return train_offline(settings, read_dpo_rows(Path(settings.run.dataset_path)), Recipe(encode_choices, _trainer))


def encode_choices(rows: Rows, tokenizer: Any, limit: int | None) -> Encoded:  # noqa: ANN401 - a transformers tokenizer
    """Convert the pairs to the trainer's tokens: the prompt as for generation, and each response with its end token.

    Errors: `UserError` if no pair is left.
    """
    encode = SftEncoder(tokenizer)
    dropped: Counter[str] = Counter()
    kept: Rows = []
    for row in rows:
        chosen, rejected = (encode(row[PROMPT], row[name], row.get(ID)) for name in (CHOSEN, REJECTED))
        start, other = chosen.completion_mask.index(1), rejected.completion_mask.index(1)
        if limit is not None and start >= limit:
            dropped[f"prompts that fill all {limit} tokens"] += 1
        elif chosen.input_ids[:start] != rejected.input_ids[:other]:  # one response has its own thought
            dropped["whose responses follow different prompts"] += 1
        elif chosen.input_ids[:limit] == rejected.input_ids[:limit]:
            dropped["with two equal responses" + ("" if limit is None else f" within {limit} tokens")] += 1
        else:
            ids = {"prompt_ids": chosen.input_ids[:start], "chosen_ids": chosen.input_ids[start:]}
            kept.append({**ids, "rejected_ids": rejected.input_ids[start:]})
    tally = Tally(len(rows), len(kept), dict(dropped))
    if not kept:
        raise UserError(
            f"No pair is left: {tally.sentence()}.",
            "Raise --max_length, or make pairs whose responses differ: bleuberi data pairs.",
        )
    sequences = [
        Lengths(len(row["prompt_ids"]) + len(row[name]), len(row["prompt_ids"]))
        for row in kept
        for name in ("chosen_ids", "rejected_ids")
    ]
    return Encoded(kept, tally, sequences, encode.note)


def _trainer(data: Dataset, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - trl.DPOTrainer
    from datasets import Dataset as Table
    from datasets import disable_progress_bars, enable_progress_bars
    from trl import DPOTrainer

    # The trainer would render and cut texts in its own way and drop rows without a word: it gets one empty row, and
    # then the tokens.
    empty = Table.from_list([{"prompt": "", "chosen": "", "rejected": ""}])
    disable_progress_bars()  # of the empty row
    trainer = DPOTrainer(train_dataset=empty, **arguments)
    enable_progress_bars()
    trainer.train_dataset = data
    return trainer
