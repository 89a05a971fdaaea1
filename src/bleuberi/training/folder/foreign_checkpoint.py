"""Check that a checkpoint in the output folder comes from the model that is to be trained.

Loads no weights: a checkpoint's `config.json` or `adapter_config.json` identifies its model.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.made import named_differences
from bleuberi.training.folder.checkpoints import find_checkpoints

# What two models of one kind can differ in; the vocabulary can grow by padding, so it tells nothing.
_SHAPE: Final = ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")


def refuse_foreign_checkpoint(asked: Mapping[str, Any]) -> None:
    """Refuse to resume from a checkpoint that another model left in the output folder, or that does not exist.

    `asked`: the fields `output_dir`, `resume_from_checkpoint`, `model_name_or_path` and `model_revision`, as far as
    they are given. Errors: `UserError` that names the difference between the two models.
    """
    model = str(asked.get("model_name_or_path"))
    named = asked.get("resume_from_checkpoint")
    if isinstance(named, str) and named.lower() not in ("true", "false", "none"):
        checkpoint: Path | None = Path(named)
        if not Path(named).is_dir():
            raise UserError(
                f"Checkpoint folder {named} does not exist.",
                "Omit resume_from_checkpoint; interrupted runs resume automatically.",
            )
    else:
        found = find_checkpoints(Path(str(asked.get("output_dir") or "trainer_output")))
        checkpoint = found[-1] if found else None
    if checkpoint is None:
        return
    difference = _difference(checkpoint, model, asked.get("model_revision"))
    if difference:
        raise UserError(
            f"{checkpoint} is a checkpoint of another model than {model}: {difference}.",
            "Choose another --output_dir, or move the checkpoints away.",
        )


def _difference(checkpoint: Path, model: str, revision: str | None) -> str | None:
    """The difference in words, e.g. `hidden_size: existing 576, requested 32`; None if the models agree, or if one is
    unknown."""
    if (adapter := _read(checkpoint / "adapter_config.json")) is not None:
        base = adapter.get("base_model_name_or_path")
        if isinstance(base, str) and _same_place(base) != _same_place(model):
            return f"its base is {base}"
        return None
    there, asked = _read(checkpoint / "config.json"), _model_config(model, revision)
    if there is None or asked is None:
        return None
    known = [name for name in _SHAPE if name in there and name in asked]
    return named_differences({name: there[name] for name in known}, {name: asked[name] for name in known}) or None


def _model_config(model: str, revision: str | None) -> dict[str, Any] | None:
    """The model's `config.json`, of a folder or of a hub model that is cached here."""
    folder = Path(model)
    if folder.is_dir():
        return _read(folder / "config.json")
    with contextlib.suppress(ImportError, ValueError):  # no hub library; no hub name
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(model, "config.json", revision=revision)
        if isinstance(cached, str):
            return _read(Path(cached))
    return None


def _same_place(model: str) -> str:
    return str(Path(model).resolve()) if Path(model).exists() else model


def _read(path: Path) -> dict[str, Any] | None:
    """Read a JSON object, or None: damaged checkpoints are handled elsewhere."""
    with contextlib.suppress(OSError, ValueError):
        value = json.loads(path.read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else None
    return None
