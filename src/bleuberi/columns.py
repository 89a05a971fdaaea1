"""The names of columns, reference models and files.

Pools have the columns of the Hugging Face data set `yapeichang/BLEUBERI-Tulu3-50k`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final

ID: Final = "id"
SOURCE: Final = "source"
MESSAGES: Final = "messages"
PROMPT: Final = "prompt"
GROUND_TRUTH: Final = "ground_truth"
REFERENCES: Final = "references"
REFERENCE_PREFIX: Final = "ref_output_"
ALL_REFERENCES: Final = "all"  # as the only name in --ref_models: all references of each row
GOLD: Final = "gold"
TEXT_COLUMNS: Final = ("output", "response", "model_output", "generated_text", "text", "completion", "answer")
"""Response columns in files from elsewhere; if a row has several, the first is used."""
MAX_NAME_BYTES: Final = 100
_CHECKPOINT: Final = re.compile(r"checkpoint-\d+")
_MARKED: Final = re.compile(r"-[0-9a-f]{8}$")
MAX_FILE_NAME_BYTES: Final = 255  # the limit of common file systems
MAX_LABEL_BYTES: Final = 200  # limit for generated names; endings are added, and file systems allow 255

SHORT_REFERENCE_NAMES: Final = {
    "gold": "gold",
    "claude-3-7-sonnet@20250219": "claude",
    "deepseek-chat-v3": "deepseek",
    "gemini-2.5-pro-exp-03-25": "gemini",
    "o4-mini-2025-04-16": "o4mini",
    "Llama-3.1-8B-Instruct": "llama",
}
"""Reference models of the published pool -> their short names in file names."""

_ORIGINAL_PARTS: Final = {
    "o4-mini": "o4mini", "deepseek": "deepseek", "claude": "claude", "gemini": "gemini", "llama": "llama",
}  # fmt: skip
"""Parts of names -> short names in the method's original program; the first match is used."""

RESERVED_BY_TRL: Final = frozenset(
    {
        "completion", "completions", "prompts", "completion_ids", "image", "images", "trainer_state",
        "log_extra", "log_metric", "environments",
    }
)  # fmt: skip
"""GRPOTrainer passes these keywords to reward functions itself; a column of that name would clash."""


def score_column(metric: str) -> str:
    """The column with a metric's score, e.g. `bleu_score`."""
    return f"{metric}_score"


def reference_column(ref_model: str) -> str:
    """The pool's column with a reference model's answers, e.g. `ref_output_gold`."""
    return REFERENCE_PREFIX + ref_model


def short_reference_name(ref_model: str) -> str:
    """A reference model's short form for generated names; unknown models keep their own name in lower case."""
    return SHORT_REFERENCE_NAMES.get(ref_model, safe_name(ref_model).lower())


def names_same_references(label: str, ref_models: Sequence[str]) -> bool:
    """Whether `label`, e.g. `2ref-claude-gold`, names exactly these references, in any order. Also accepts the short
    names of the method's original program, which match parts of names (any name with `llama` is `llama`)."""
    models = list(dict.fromkeys(ref_models))
    spellings = ([short(model) for model in models] for short in (short_reference_name, _original_short_name))
    return any(
        sorted(label.split("-")) == sorted(f"{len(models)}ref-{'-'.join(names)}".split("-")) for names in spellings
    )


def _original_short_name(ref_model: str) -> str:
    name = ref_model.lower()
    return next((short for part, short in _ORIGINAL_PARTS.items() if part in name), name)


def reference_label(ref_models: Sequence[str], min_references: int | None = None) -> str:
    """E.g. `2ref-gold-claude`: number and names of references; `min2ref-all` if they may differ between rows."""
    short = "-".join(short_reference_name(model) for model in ref_models)
    if min_references is not None or asks_all(ref_models):
        return f"min{min_references or 1}ref-{short}"
    return f"{len(ref_models)}ref-{short}"


def asks_all(ref_models: Sequence[str]) -> bool:
    """Whether all references of each row are requested."""
    return list(ref_models) == [ALL_REFERENCES]


def safe_name(text: str) -> str:
    """Turn `text` into a safe, unique path component: odd characters become `_`, long texts are shortened, and changed
    texts get a hash of the original."""
    kept = "".join(char if char.isalnum() or char in "._-+@" else "_" for char in text).lstrip(".") or "unnamed"
    if kept == text and not _MARKED.search(text):  # a text that ends like a hash mark could collide with another
        return _shortened(kept, MAX_NAME_BYTES)
    return _shortened(f"{kept.rstrip('_') or 'unnamed'}-{_mark(text)}", MAX_NAME_BYTES)


def model_short_name(model: str) -> str:
    """A model's short name for file names: the last component of a hub id or a path, e.g. `Qwen2.5-7B`.

    Checkpoints include their run's name (`run1_checkpoint-250`), and so do paths that contain `ckpts`, as in the
    method's original program. Models of two owners may share a name, so files found by name are checked by content.
    """
    parts = model.rstrip("/").split("/")
    if _CHECKPOINT.fullmatch(parts[-1]):
        parts = os.path.abspath(model).split("/")  # the typed path may not include the run's folder
    elif "ckpts" not in model:
        parts = parts[-1:]
    return safe_name("_".join(parts[-2:]))


def pool_label(parts: Sequence[str]) -> str:
    """Parts of a generated name joined by `_`, kept short enough for any file system."""
    return _shortened("_".join(parts), MAX_LABEL_BYTES)


def _shortened(name: str, max_bytes: int) -> str:
    """Shorten a name; a hash keeps shortened names distinct."""
    if len(name.encode()) <= max_bytes:
        return name
    return name.encode()[: max_bytes - 9].decode(errors="ignore") + "-" + _mark(name)


def _mark(text: str) -> str:
    import hashlib  # slow to load

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
