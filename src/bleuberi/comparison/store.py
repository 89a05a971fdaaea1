"""The store shared by experiments on one machine: pools, data sets, trainings, responses, each under its key.

It is not needed to read a committed experiment, and everything in it can be recreated.
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
    """A folder of entries, each named by the hash of the settings that determine its content."""

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
    """One model, trained or not: weights (temporarily), training records and responses."""

    folder: Path

    @property
    def weights(self) -> Path:
        return self.folder / "model"

    @property
    def trained(self) -> Path:
        """Written last, after training."""
        return self.folder / "trained.json"

    def responses(self, decides: Any) -> Path:  # noqa: ANN401 - plain values
        """The folder of its responses to the given prompts."""
        return self.folder / "responses" / json_hash(decides)[:_KEY_LETTERS]

    def drop_weights(self) -> None:
        """Remove the model and its checkpoints, but keep its record."""
        if self.weights.is_dir() and self.trained.is_file():
            shutil.rmtree(self.weights)


@contextmanager
def held_if_free(folder: Path) -> Iterator[bool]:
    """Lock a folder; False if another process has locked it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(folder))
        except UserError:
            if not os.access(folder, os.W_OK):  # not locked, because locking is impossible
                raise
            yield False
            return
        yield True


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Wait for a folder's lock and take it; for short work such as creating data."""
    while True:
        with held_if_free(folder) as ours:
            if ours:
                yield
                return
        time.sleep(_WAIT_SECONDS)
