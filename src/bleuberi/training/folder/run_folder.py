"""The output folder of a training run: its lock, the checkpoint to resume from, and the metrics logged so far."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi import made
from bleuberi.artifacts import read_manifest, write_json
from bleuberi.atomic_files import folder_lock
from bleuberi.errors import UserError
from bleuberi.training.folder.checkpoints import MARK, find_checkpoints, read_mark, set_aside_incomplete, step_of
from bleuberi.training.folder.log import append_entries, cut_entries, read_entries
from bleuberi.training.watch.dev import cut_dev
from bleuberi.training.watch.samples import cut_samples

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)

_CURE = "Choose another --output_dir, or move it away."
_OF_THE_MODEL = ("model_name_or_path", "model_revision", "use_peft", "lora_r", "lora_target_modules")
METRICS = "metrics.jsonl"
STARTED = "started.json"


@contextmanager
def hold_folder(args: Any) -> Iterator[None]:  # noqa: ANN401 - transformers.TrainingArguments
    """Lock the output folder, if the run has one. Errors: `UserError` if another run trains into it."""
    folder = Path(args.output_dir)
    with folder_lock(folder) if args.process_index == 0 and folder.is_dir() else nullcontext():
        yield


def finished_run(folder: Path, decided: dict[str, Any], parents: dict[str, Any]) -> bool:
    """Whether the folder contains this run, finished. Errors: `UserError` if it contains a run with different
    settings."""
    manifest = read_manifest(folder)
    if manifest is None:
        return False
    existing = {**manifest["config"], **manifest.get("parents", {})}
    made.refuse_other(f"The finished run {folder}", existing, {**decided, **parents}, _CURE)
    log.info("%s was made by an equal request and is reused", folder)
    return True


def checkpoint_settings(args: Any, decided: dict[str, Any], parents: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """The settings that must be equal to resume from a checkpoint. `args` are the trainer's."""
    return {**decided, **parents, "processes": args.world_size}


def start_run(folder: Path, args: Any, asked: dict[str, Any]) -> str | None:  # noqa: ANN401
    """Return the checkpoint to resume from, or None for a fresh start. Call it before the model is loaded.

    `args` are the trainer's; `asked` comes from `checkpoint_settings`. Metrics logged after that checkpoint are
    deleted, because the resumed run logs them again. Errors: `UserError` if the checkpoints were made with different
    settings or data, since resuming from them would mix two runs.
    """
    named = args.resume_from_checkpoint
    if named is not None and str(named).lower() != "true":
        checkpoint: Path | None = Path(named)
        check_named_checkpoint(Path(named), asked)
    else:
        whole = [(place, mark) for place in find_checkpoints(folder) if (mark := read_mark(place)) is not None]
        # A checkpoint of the weights alone cannot be gone on from.
        checkpoint, mark = whole[-1] if whole and not args.save_only_model else (None, None)
        if mark is not None:
            made.refuse_other(f"The unfinished run {folder}", mark["settings"], asked, _CURE)
    if args.process_index == 0:
        with hold_folder(args):  # what looks cut short may be a living run's
            set_aside_incomplete(folder, but=checkpoint)
            inside = checkpoint is not None and checkpoint.resolve().parent == folder.resolve()
            last_step = step_of(checkpoint) if checkpoint and inside else None
            cut_entries(folder / METRICS, lambda entry: 0 < entry["step"] <= (last_step or 0) and not _closes(entry))
            cut_samples(folder, last_step)
            cut_dev(folder, last_step)
        write_json(folder / STARTED, asked)  # until the manifest is there, it tells a reader what runs here
        if checkpoint is not None:
            log.info("Going on from %s", checkpoint)
    return str(checkpoint) if checkpoint is not None else None


def check_named_checkpoint(checkpoint: Path, asked: dict[str, Any]) -> None:
    """Reject a `--resume_from_checkpoint` that is not a checkpoint, is incomplete, or comes from another model."""
    if not (checkpoint / "trainer_state.json").is_file():
        raise UserError(
            f"{checkpoint} is not a checkpoint.", "Give a checkpoint-N folder, or leave --resume_from_checkpoint out."
        )
    mark = read_mark(checkpoint)
    if mark is None:
        # Plain trainers leave no mark; what has one that does not fit was cut short.
        if (checkpoint / MARK).exists():
            raise UserError(f"The checkpoint {checkpoint} is incomplete.", "Take an earlier one.")
        log.warning("%s is not marked as complete", checkpoint)
        return
    before, now = ({name: settings.get(name) for name in _OF_THE_MODEL} for settings in (mark["settings"], asked))
    if differing := made.named_differences(before, now):
        raise UserError(
            f"{checkpoint} is a checkpoint of another model ({differing}).",
            "Give the model that it was made with, or omit --resume_from_checkpoint.",
        )


def _closes(entry: dict[str, Any]) -> bool:
    """Whether it is the last entry of an ended run. Such an entry is dropped if the run resumes, e.g. after the monitor
    stopped it."""
    return "train_runtime" in entry


def metrics_callback(folder: Path) -> TrainerCallback:
    """Create a callback that appends every log entry of the trainer to `metrics.jsonl` immediately, so entries survive
    a crash."""
    from transformers import TrainerCallback

    class MetricsLog(TrainerCallback):  # type: ignore[misc]
        resumed = False

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            self.resumed = state.global_step > 0

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: object) -> None:  # noqa: ANN401
            if state.is_world_process_zero and logs:
                entry = {"step": state.global_step, **logs}
                if self.resumed:
                    entry.pop("train_loss", None)  # a sum since the checkpoint, divided by all steps
                append_entries(folder / METRICS, [entry])

    return MetricsLog()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The log entries of a run so far, each with its `step`; a line cut short by a kill is left out."""
    return read_entries(folder / METRICS)
