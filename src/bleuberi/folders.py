"""What rooms may know of each other's folders: typed records that tolerate missing parts.

A room that needs one more fact of another room's manifest adds a field here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bleuberi.artifacts import read_manifest


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A finished training run, as far as its manifest says."""

    config: Mapping[str, Any]  # the settings that differ from their defaults
    reward_signatures: tuple[str, ...]  # empty for SFT
    data_sha256: str | None
    steps: int | None
    rows: int | None

    @classmethod
    def load(cls, folder: str | Path) -> Self | None:
        """None if no training left the folder. Errors: `UserError` for a damaged manifest."""
        manifest = _manifest(folder)
        parents = manifest.get("parents")
        if manifest.get("kind") != "model" or not isinstance(parents, dict):
            return None
        return cls(
            config=manifest.get("config", {}),
            reward_signatures=tuple(str(signature) for signature in parents.get("reward_signatures", ())),
            data_sha256=parents.get("data_sha256"),
            steps=manifest.get("steps"),
            rows=manifest.get("rows_used"),
        )

    @property
    def label(self) -> str:
        """E.g. `GRPO(bleu)`, `SFT`."""
        signatures = [signature.partition("|")[0] for signature in self.reward_signatures]
        names = self.config.get("reward_funcs") or signatures
        return f"GRPO({'+'.join(str(name) for name in names)})" if signatures else "SFT"

    @property
    def base_model(self) -> str | None:
        """`name`, or `name@revision` if a revision was asked for."""
        name, revision = self.config.get("model_name_or_path"), self.config.get("model_revision")
        return f"{name}@{revision}" if name and revision else name

    @property
    def dataset(self) -> Path | None:
        """The folder of the data set, if it still exists."""
        path = self.config.get("dataset_path")
        folder = Path(str(path)).expanduser() if path else None
        return folder if folder is not None and folder.is_dir() else None

    @property
    def seed(self) -> int | None:
        return self.config.get("seed")


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """A data set, as far as its manifest says; empty if it has none."""

    model: str | None = None  # whose responses were scored
    chat_template_kwargs: Mapping[str, Any] | None = None  # that its prompts were rendered with
    reasoning: bool = False  # its prompts ask for thoughts in tags
    input_sha256: str | None = None  # of SFT pairs: the rows of the GRPO data set that they come from
    files_sha256: Mapping[str, str] | None = None

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Errors: `UserError` for a damaged manifest."""
        manifest = _manifest(folder)
        request = manifest.get("config", {})
        return cls(
            model=request.get("model"),
            chat_template_kwargs=request.get("chat_template_kwargs"),
            reasoning=bool(request.get("reasoning")),
            input_sha256=request.get("input_sha256"),
            files_sha256=manifest.get("files_sha256"),
        )


def _manifest(folder: str | Path) -> dict[str, Any]:
    path = Path(folder).expanduser()
    return (read_manifest(path) if path.is_dir() else None) or {}
