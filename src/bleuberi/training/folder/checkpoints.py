"""Checkpoints that are whole, and those that a kill cut short.

A trainer writes straight into `checkpoint-N`, and with several processes the one that writes `trainer_state.json` does
not wait for the others' parts. So a mark with every file's size is written last, when all processes are through and all
bytes are on disk. A folder without its mark, or with other files than it names, is never loaded.
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
    """The number of training steps behind a checkpoint; -1 where the folder's name has none."""
    number = checkpoint.name.removeprefix(_PREFIX)
    return int(number) if checkpoint.name.startswith(_PREFIX) and number.isdecimal() else -1


def mark_complete(checkpoint: Path, settings: dict[str, Any]) -> None:
    """Say that the folder is whole; `settings` made it. Its bytes are on disk first, so a power cut cannot lie."""
    sizes = _sizes(checkpoint)
    for name in sizes:
        with (checkpoint / name).open("rb") as stream:
            os.fsync(stream.fileno())
    write_json(checkpoint / MARK, {"files": sizes, "settings": settings})


def read_mark(checkpoint: Path) -> dict[str, Any] | None:
    """The mark of a whole checkpoint; None where it has none, or where its files are not those that it names."""
    try:
        mark = json.loads((checkpoint / MARK).read_text(encoding="utf-8"))
        whole = mark["files"] == _sizes(checkpoint)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(mark) if whole else None


def find_checkpoints(folder: Path) -> list[Path]:
    """Every `checkpoint-N`, whole or not, from the first step to the last."""
    return sorted((path for path in folder.glob(f"{_PREFIX}*") if step_of(path) >= 0 and path.is_dir()), key=step_of)


def checkpoint_at(folder: Path, step: int) -> Path | None:
    """The checkpoint of that step, complete or not; None if there is none."""
    path = folder / f"{_PREFIX}{step}"
    return path if path.is_dir() else None


def nearest_checkpoint(folder: Path, step: int) -> Path | None:
    """The complete checkpoint nearest to a step, the earlier one of two; None if there is none."""
    whole = [path for path in find_checkpoints(folder) if read_mark(path) is not None]
    return min(whole, key=lambda path: abs(step_of(path) - step), default=None)


def set_aside_incomplete(folder: Path, but: Path | None = None) -> list[Path]:
    """Rename what a kill cut short to `incomplete-checkpoint-N`, where no trainer looks; `but` stays. New places."""
    moved = []
    for checkpoint in find_checkpoints(folder):
        if checkpoint != but and read_mark(checkpoint) is None:
            place = checkpoint.with_name(f"incomplete-{checkpoint.name}")
            if place.exists():
                shutil.rmtree(place)
            checkpoint.replace(place)
            log.warning("%s is incomplete: it is set aside as %s", checkpoint, place.name)
            moved.append(place)
    return moved


def checkpoint_callback(folder: Path, args: Any, settings: dict[str, Any]) -> TrainerCallback:  # noqa: ANN401
    """A callback that marks checkpoints, and lets an old one go only then.

    It takes `save_total_limit` over from the trainer, which would delete the old checkpoint before the new one is
    marked. It also lets the trainer log at each checkpoint: averages over several steps would start anew behind it.
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
