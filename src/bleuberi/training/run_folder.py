"""What a training run leaves on disk: metrics as they come, checkpoints, the finished model. Knows no algorithm."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.artifacts import MANIFEST, make_manifest, read_manifest, write_json, write_text
from bleuberi.errors import UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)

METRICS = "metrics.jsonl"
STARTED = "started.json"


def finished_run(folder: Path, decided: dict[str, Any], parents: dict[str, Any]) -> bool:
    """Whether the folder holds this very run, finished. Errors: `UserError` where it holds another one."""
    manifest = read_manifest(folder)
    if manifest is None:
        return False
    _refuse_other(folder, "finished", {**manifest["config"], **manifest.get("parents", {})}, {**decided, **parents})
    return True


def start_run(folder: Path, args: Any, decided: dict[str, Any], parents: dict[str, Any]) -> str | None:  # noqa: ANN401
    """The checkpoint to go on from, None for a fresh start; `args` are the trainer's. Leaves a note of the settings.

    The metrics behind that checkpoint are cut off: they come again. Errors: `UserError` where the checkpoints were
    made with other settings or data, since going on from them would mix two runs.
    """
    if args.resume_from_checkpoint is not None:
        return str(args.resume_from_checkpoint)
    checkpoint = last_checkpoint(folder)
    asked = {**decided, **parents}
    note = folder / STARTED
    if checkpoint is not None and note.is_file():
        _refuse_other(folder, "killed", json.loads(note.read_text(encoding="utf-8")), asked)
    if args.process_index == 0:
        write_json(note, asked)
        _cut_metrics(folder / METRICS, int(checkpoint.rpartition("-")[2]) if checkpoint else 0)
    return checkpoint


def _cut_metrics(path: Path, last_step: int) -> None:
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]  # a kill can leave half a line
        write_text(path, "".join(line for line in whole if 0 < json.loads(line)["step"] <= last_step))


def _refuse_other(folder: Path, state: str, before: dict[str, Any], asked: dict[str, Any]) -> None:
    differing = [name for name in {**before, **asked} if before.get(name) != asked.get(name)]
    if differing:
        said = "; ".join(f"{name}: {before.get(name)!s:.40} there, {asked.get(name)!s:.40} asked" for name in differing)
        raise UserError(
            f"{folder} holds a {state} run with other settings ({said}).",
            "Choose another --output_dir, or move it away.",
        )


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
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle; the manifest has the settings
        write_json(folder / MANIFEST, make_manifest("model", decided, steps=trainer.state.global_step, **facts))
        log.info("The model is in %s", folder)
