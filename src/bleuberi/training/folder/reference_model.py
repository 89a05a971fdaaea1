"""Store the reference model that `sync_ref_model` changes in checkpoints, because a run cannot resume exactly without
it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bleuberi.errors import UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback

REFERENCE: Final = "reference_model.safetensors"


def reference_callback(folder: Path, checkpoint: str | None) -> TrainerCallback:
    """Create a callback that writes the reference model into every checkpoint, and loads it from the checkpoint of a
    resumed run.

    Set its `trainer` before the training; add it before the callback that marks checkpoints. Errors (when the training
    begins): `UserError` for a checkpoint without it.
    """
    from safetensors.torch import load_model, save_model
    from transformers import TrainerCallback

    class Reference(TrainerCallback):  # type: ignore[misc]
        trainer: Any = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            if checkpoint is None:
                return
            path = Path(checkpoint) / REFERENCE
            if not path.is_file():
                raise UserError(
                    f"{checkpoint} has no reference model, which sync_ref_model has changed since the start.",
                    "Start again with another --output_dir, or write --sync_ref_model false.",
                )
            load_model(self.trainer.ref_model, path)

        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            if args.should_save:
                save_model(self.trainer.ref_model, str(folder / f"checkpoint-{state.global_step}" / REFERENCE))

    return Reference()
