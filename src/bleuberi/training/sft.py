"""SFT on prompt-response pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.columns import ID
from bleuberi.data.sft_rows import pair_of, read_sft_rows
from bleuberi.errors import UserError
from bleuberi.records import Tally
from bleuberi.training.offline import Encoded, Lengths, Recipe, Rows, train_offline
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.sft_tokens import SftEncoder, SftTokens

if TYPE_CHECKING:
    from datasets import Dataset


def train_sft(settings: RunSettings) -> Path:
    """Train, or reuse a finished training; a killed run resumes from its last checkpoint. Returns the model folder.

    Errors: `UserError` for data or settings that do not fit, before the model is loaded.
    """
    return train_offline(settings, read_sft_rows(Path(settings.run.dataset_path)), Recipe(encode_pairs, _trainer))


def encode_pairs(rows: Rows, tokenizer: Any, limit: int | None) -> Encoded:  # noqa: ANN401 - any transformers tokenizer
    """Convert the pairs to the trainer's tokens. Errors: `UserError` if no pair is left."""
    encode = SftEncoder(tokenizer)
    pairs = [pair_of(row) for row in rows]
    tokens = [encode(pair["prompt"], pair["completion"], row.get(ID)) for row, pair in zip(rows, pairs, strict=True)]
    kept, tally = drop_filled_by_prompt(tokens, limit)
    sequences = [Lengths(len(row.input_ids), row.completion_mask.index(1)) for row in kept]
    return Encoded([row._asdict() for row in kept], tally, sequences, encode.note)


def drop_filled_by_prompt(rows: list[SftTokens], limit: int | None) -> tuple[list[SftTokens], Tally]:
    """Keep the rows that have a token of their answer within `limit`; other rows have no loss. Errors: `UserError` if
    no row is left."""
    kept = [row for row in rows if any(row.completion_mask[:limit])]
    tally = Tally(len(rows), len(kept), {f"prompts that fill all {limit} tokens": len(rows) - len(kept)})
    if not kept:
        raise UserError(f"No pair is left: {tally.sentence()}.", "Raise --max_length.")
    return kept, tally


def _trainer(data: Dataset, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - trl.SFTTrainer
    from trl import SFTTrainer

    arguments["args"].completion_only_loss = True
    return SFTTrainer(train_dataset=data, **arguments)
