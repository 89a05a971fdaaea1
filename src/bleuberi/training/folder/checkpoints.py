"""Distinguish complete checkpoints from those that a kill cut short.

A trainer writes directly into `checkpoint-N`. With several processes, the one that writes `trainer_state.json` does not
wait for the others' parts. So a mark with every file's size is written last, when all processes are done and all bytes
are on disk. A folder without this mark, or with other files than the mark lists, is never loaded.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bleuberi.artifacts import write_json
from bleuberi.training.model_loading import name_base

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)

MARK: Final = "complete.json"
_PREFIX: Final = "checkpoint-"


def step_of(checkpoint: Path) -> int:
    """The number of training steps in the checkpoint folder's name; -1 if the name has none."""
    number = checkpoint.name.removeprefix(_PREFIX)
    return int(number) if checkpoint.name.startswith(_PREFIX) and number.isdecimal() else -1


def mark_complete(checkpoint: Path, settings: dict[str, Any]) -> None:
    """Mark the checkpoint as complete and record the `settings` it was made with. All its bytes are flushed to disk
    first, so the mark is true even after a power cut."""
    sizes = _sizes(checkpoint)
    for name in sizes:
        with (checkpoint / name).open("rb") as stream:
            os.fsync(stream.fileno())
    write_json(checkpoint / MARK, {"files": sizes, "settings": settings})


def read_mark(checkpoint: Path) -> dict[str, Any] | None:
    """The mark of a complete checkpoint. None without a mark, or if the files differ from the ones that it lists."""
    try:
        mark = json.loads((checkpoint / MARK).read_text(encoding="utf-8"))
        whole = mark["files"] == _sizes(checkpoint)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(mark) if whole else None


def find_checkpoints(folder: Path) -> list[Path]:
    """Every `checkpoint-N` of the folder, complete or not, ordered by step."""
    return sorted((path for path in folder.glob(f"{_PREFIX}*") if step_of(path) >= 0 and path.is_dir()), key=step_of)


def checkpoint_at(folder: Path, step: int) -> Path | None:
    """The checkpoint of that step, complete or not, or None."""
    path = folder / f"{_PREFIX}{step}"
    return path if path.is_dir() else None


def nearest_checkpoint(folder: Path, step: int) -> Path | None:
    """The complete checkpoint nearest to a step, the earlier one of two, or None."""
    whole = [path for path in find_checkpoints(folder) if read_mark(path) is not None]
    return min(whole, key=lambda path: abs(step_of(path) - step), default=None)


def set_aside_incomplete(folder: Path, but: Path | None = None) -> list[Path]:
    """Rename incomplete checkpoints, except `but`, to `incomplete-checkpoint-N`, which no trainer loads. Returns the
    new paths."""
    moved = []
    for checkpoint in find_checkpoints(folder):
        if checkpoint != but and read_mark(checkpoint) is None:
            place = checkpoint.with_name(f"incomplete-{checkpoint.name}")
            if place.exists():
                shutil.rmtree(place)
            checkpoint.replace(place)
            log.warning("%s is incomplete; it was renamed to %s", checkpoint, place.name)
            moved.append(place)
    return moved


def checkpoint_callback(folder: Path, args: Any, settings: dict[str, Any]) -> TrainerCallback:  # noqa: ANN401
    """Create a callback that marks each new checkpoint as complete, and only then deletes an old one.

    It replaces the trainer's `save_total_limit`, which would delete the old checkpoint before the new one is marked. It
    also makes the trainer log at each checkpoint: a resumed run would restart averages that span several steps.
    """
    from accelerate import PartialState
    from transformers import TrainerCallback
    from transformers.trainer_utils import rotate_checkpoints

    limit, args.save_total_limit = args.save_total_limit, None

    class Marks(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> Any:  # noqa: ANN401
            control.should_log |= control.should_save
            return control

        on_epoch_end = on_step_end

        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            PartialState().wait_for_everyone()
            if args.should_save:
                checkpoint = folder / f"{_PREFIX}{state.global_step}"
                name_base(checkpoint, str(settings.get("model_name_or_path")), settings.get("model_revision"))
                mark_complete(checkpoint, settings)
                rotate_checkpoints(str(folder), limit, state.best_model_checkpoint)

    return Marks()


def _sizes(checkpoint: Path) -> dict[str, int]:
    """Bytes of each file, by its path within the folder."""
    files = (path for path in checkpoint.rglob("*") if path.is_file() and path.name != MARK)
    return {path.relative_to(checkpoint).as_posix(): path.stat().st_size for path in sorted(files)}
