"""A local reward model as a reward: a sequence classifier with one output. Reads prompts, not references.

The model's chat template formats the conversation; without one, prompt and response are encoded as a pair.
Long conversations are cut at the beginning, so the model always sees the end of the response.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from bleuberi.errors import UserError
from bleuberi.rewards.base import Scores, TextReward
from bleuberi.rewards.encoder import load_config, model_identity, require_transformers

DEFAULT_MODEL = "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2"


class RewardModel(TextReward):
    """The output of a reward model: any number, higher is better; bf16 on a GPU, batched by length."""

    name = "rm"
    needs_references = False
    needs_prompts = True

    def __init__(self, model: str = DEFAULT_MODEL, *, batch_size: int = 8, max_tokens: int = 4096) -> None:
        self.model, self.batch_size, self.max_tokens = model, batch_size, max_tokens

    def signature(self) -> str:
        return f"rm|model:{model_identity(self.model)}|max:{self.max_tokens}|v:2"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        if not responses:
            return []
        import torch

        tokenizer, model, limit = load_reward_model(self.model)
        limit = min(limit, self.max_tokens)
        rows = [encode(tokenizer, *pair, limit) for pair in zip(prompts, responses, strict=True)]
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]["input_ids"]))
        scores: Scores = [None] * len(rows)
        for start in range(0, len(order), self.batch_size):
            part = order[start : start + self.batch_size]
            padded = tokenizer.pad([rows[row] for row in part], return_tensors="pt").to(model.device)
            with torch.inference_mode():
                logits = model(**padded).logits[:, 0].float().tolist()
            for row, value in zip(part, logits, strict=True):
                scores[row] = value
        return scores


def encode(tokenizer: Any, prompt: str, response: str, limit: int) -> dict[str, list[int]]:  # noqa: ANN401
    """The token ids of one conversation, cut at its beginning."""
    if tokenizer.chat_template is None:
        room = limit - tokenizer.num_special_tokens_to_add(pair=True)
        fills = len(tokenizer(response, add_special_tokens=False, verbose=False)["input_ids"]) >= room
        asked, cut = ("", "only_second") if fills or not prompt else (prompt, "only_first")
        return dict(tokenizer(asked, response, truncation=cut, max_length=limit))
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    # The template has already added the special tokens.
    row = dict(tokenizer(text, add_special_tokens=False))
    return {key: value[-limit:] for key, value in row.items()}


@lru_cache(maxsize=1)
def load_reward_model(name: str) -> tuple[Any, Any, int]:
    """Tokenizer, model and its maximum number of tokens. Errors: `UserError` if it is not a reward model."""
    require_transformers(f"The reward model {name}")
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    config = load_config(name)
    if config.num_labels != 1:
        raise UserError(f"The model {name} has {config.num_labels} outputs, not one.", "Choose a reward model.")
    on_gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if on_gpu else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    model = AutoModelForSequenceClassification.from_pretrained(
        name, dtype=dtype, use_safetensors=True, trust_remote_code=False
    ).eval()
    model.to("cuda" if on_gpu else "cpu")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side, tokenizer.truncation_side = "right", "left"
    model.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer, model, int(getattr(config, "max_position_embeddings", 1 << 30))
