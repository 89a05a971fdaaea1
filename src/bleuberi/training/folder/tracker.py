"""Keep a run's identity with its tracker (W&B, trackio) over all resumes, and the link to its page."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bleuberi.artifacts import read_json, write_json

if TYPE_CHECKING:
    from transformers import TrainerCallback

TRACKER: Final = "tracker.json"
_SPACES: Final = "https://huggingface.co/spaces/"


@contextmanager
def one_identity(args: Any) -> Iterator[None]:  # noqa: ANN401 - transformers.TrainingArguments
    """In this context W&B continues the run that this folder began, and trackio uses the same run name.

    WANDB_RUN_ID, WANDB_RESUME and `run_name` are kept if the user set them.
    """
    if not {"wandb", "trackio"} & set(args.report_to) or args.process_index > 0:
        yield
        return
    path = Path(args.output_dir) / TRACKER
    kept = read_json(path) if path.is_file() else {"id": os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:12]}
    write_json(path, kept)
    if args.run_name is None:
        args.run_name = f"{Path(args.output_dir).absolute().name}-{kept['id'][:6]}"
    own = {"WANDB_RUN_ID": kept["id"], "WANDB_RESUME": "allow"}
    added = {name: value for name, value in own.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def link_callback() -> TrainerCallback:
    """Create a callback that saves the link to the tracker's page in the run's folder as soon as it is known."""
    from transformers import TrainerCallback

    class Link(TrainerCallback):  # type: ignore[misc]
        known = False

        def on_log(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            path = Path(args.output_dir) / TRACKER
            if not self.known and state.is_world_process_zero and path.is_file():
                self.known = True
                if links := _links():
                    write_json(path, {**read_json(path), "links": links})

    return Link()


def read_links(folder: Path) -> dict[str, str]:
    """The known links to the run's pages, by tracker."""
    path = folder / TRACKER
    return dict(read_json(path).get("links", {})) if path.is_file() else {}


def _links() -> dict[str, str]:
    """Links of the runs that are open in this process. Trackers that are not loaded are skipped."""
    found = {}
    run = getattr(sys.modules.get("wandb"), "run", None)
    if run is not None and run.url:
        found["wandb"] = str(run.url)
    trackio = sys.modules.get("trackio")
    space = trackio.context_vars.current_space_id.get() if trackio is not None else None
    if space:
        found["trackio"] = _SPACES + str(space)
    return found
