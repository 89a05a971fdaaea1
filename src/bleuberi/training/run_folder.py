"""What a training run leaves on disk: metrics as they come, checkpoints, the finished model. Knows no algorithm."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.artifacts import MANIFEST, make_manifest, read_manifest, write_json
from bleuberi.errors import UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)

METRICS = "metrics.jsonl"


def finished_run(folder: Path, decided: dict[str, Any], parents: dict[str, Any]) -> bool:
    """Whether the folder holds this very run, finished. Errors: `UserError` where it holds another one."""
    manifest = read_manifest(folder)
    if manifest is None:
        return False
    before = {**manifest["config"], **manifest.get("parents", {})}
    asked = {**decided, **parents}
    differing = [name for name in {**before, **asked} if before.get(name) != asked.get(name)]
    if differing:
        said = "; ".join(f"{name}: {before.get(name)!s:.40} there, {asked.get(name)!s:.40} asked" for name in differing)
        raise UserError(
            f"{folder} holds a finished run with other settings ({said}).",
            "Choose another --output_dir, or move it away.",
        )
    return True


def metrics_callback(folder: Path) -> TrainerCallback:
    """A callback that appends every log entry of the trainer to `metrics.jsonl` at once, so a crashed run has them."""
    from transformers import TrainerCallback

    class MetricsLog(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: object) -> None:  # noqa: ANN401
            if state.is_world_process_zero and logs:
                folder.mkdir(parents=True, exist_ok=True)
                with (folder / METRICS).open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({"step": state.global_step, **logs}) + "\n")

    return MetricsLog()


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint to go on from; None for a fresh start."""
    from transformers.trainer_utils import get_last_checkpoint

    found = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if found is not None:
        log.info("Going on from %s", found)
    return str(found) if found is not None else None


def save_finished(trainer: Any, tokenizer: Any, folder: Path, decided: dict[str, Any], facts: dict[str, Any]) -> None:  # noqa: ANN401
    """Leave a plain model folder: safetensors, tokenizer and chat template; LoRA is merged; the manifest comes last.

    Every process has to call it: split weights are gathered from all of them.
    """
    if hasattr(trainer.model, "merge_and_unload"):
        model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
        if trainer.is_world_process_zero():
            model.save_pretrained(folder)
    else:
        trainer.save_model(str(folder))
    if trainer.is_world_process_zero():
        tokenizer.save_pretrained(folder)
        write_json(folder / MANIFEST, make_manifest("model", decided, steps=trainer.state.global_step, **facts))
        log.info("The model is in %s", folder)
