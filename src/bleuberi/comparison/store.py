"""The store: what experiments share on one machine (pools, data sets, trainings, responses), each under its key.

Nothing in it is needed to read a committed experiment; everything in it can be made again.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import json_hash
from bleuberi.atomic_files import folder_lock
from bleuberi.errors import UserError

_KEY_LETTERS: Final = 20
_WAIT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of entries. An entry's name is the hash of everything that decides its content."""

    root: Path

    def pool(self, settings: Any) -> Path:  # noqa: ANN401 - plain values
        return self._entry("pools", settings)

    def data_set(self, settings: Any) -> Path:  # noqa: ANN401
        return self._entry("data", settings)

    def model(self, decides: Any) -> ModelEntry:  # noqa: ANN401
        return ModelEntry(self._entry("models", decides))

    def evaluation(self, decides: Any) -> Path:  # noqa: ANN401
        return self._entry("evaluations", decides)

    def _entry(self, kind: str, settings: Any) -> Path:  # noqa: ANN401
        return self.root / kind / json_hash(settings)[:_KEY_LETTERS]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model, trained or not: its weights (for a while), what its training left, and its responses."""

    folder: Path

    @property
    def weights(self) -> Path:
        return self.folder / "model"

    @property
    def trained(self) -> Path:
        """Written last, when a training has finished."""
        return self.folder / "trained.json"

    def responses(self, decides: Any) -> Path:  # noqa: ANN401 - plain values
        """The folder of its responses to certain prompts."""
        return self.folder / "responses" / json_hash(decides)[:_KEY_LETTERS]

    def drop_weights(self) -> None:
        """Remove the model and its checkpoints; its record stays."""
        if self.weights.is_dir() and self.trained.is_file():
            shutil.rmtree(self.weights)


@contextmanager
def held_if_free(folder: Path) -> Iterator[bool]:
    """Hold a folder for this process; False if another one holds it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(folder))
        except UserError:
            if not os.access(folder, os.W_OK):  # it is not held: it cannot be
                raise
            yield False
            return
        yield True


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Wait until a folder is free, and hold it: for what takes seconds, such as making data."""
    while True:
        with held_if_free(folder) as ours:
            if ours:
                yield
                return
        time.sleep(_WAIT_SECONDS)
