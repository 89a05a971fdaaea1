"""Typed records of folders that one room wrote and another one reads; missing parts are allowed.

If a room needs one more fact of another room's manifest, add a field here, under the name that the manifest uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bleuberi.artifacts import MANIFEST, read_manifest
from bleuberi.records import from_json


@dataclass(frozen=True, slots=True)
class Parents:
    """The data that a model was trained on."""

    reward_signatures: tuple[str, ...] = ()  # what GRPO paid for; empty for SFT and DPO
    data_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The settings of a training that other rooms read."""

    reward_funcs: tuple[str, ...] = ()
    model_name_or_path: str | None = None
    model_revision: str | None = None
    dataset_path: str | None = None
    seed: int | None = None
    reasoning: Any = None


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A finished training run, as far as its manifest records it."""

    parents: Parents
    settings: TrainingSettings
    config: Mapping[str, Any]  # all settings that differ from their defaults
    method: str  # grpo, sft or dpo
    steps: int | None = None
    rows_used: int | None = None

    @classmethod
    def load(cls, folder: str | Path) -> Self | None:
        """Read the folder; None if it has no finished training. Errors: `UserError` for a damaged manifest."""
        manifest = _manifest(folder)
        if manifest.get("kind") != "model" or "parents" not in manifest:
            return None
        config = manifest.get("config", {})
        parents = from_json(Parents, manifest["parents"], f"{MANIFEST}.parents")
        method = manifest.get("method") or ("grpo" if parents.reward_signatures else "sft")
        return from_json(cls, {**manifest, "config": config, "settings": config, "method": method}, MANIFEST)

    @property
    def label(self) -> str:
        """The training in short, e.g. `GRPO(bleu)`, `SFT`, `DPO`."""
        signatures = [signature.partition("|")[0] for signature in self.parents.reward_signatures]
        return f"GRPO({'+'.join(self.settings.reward_funcs or signatures)})" if signatures else self.method.upper()

    @property
    def base_model(self) -> str | None:
        """`name`, or `name@revision` if the training requested a revision."""
        name, revision = self.settings.model_name_or_path, self.settings.model_revision
        return f"{name}@{revision}" if name and revision else name

    @property
    def dataset(self) -> Path | None:
        """The folder of the data set, if it still exists."""
        folder = Path(self.settings.dataset_path).expanduser() if self.settings.dataset_path else None
        return folder if folder is not None and folder.is_dir() else None


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """The request that created a data set."""

    model: str | None = None  # whose responses were scored
    chat_template_kwargs: Mapping[str, Any] | None = None  # that its prompts were rendered with
    reasoning: Any = None  # set if its prompts ask for thoughts in tags
    input_sha256: str | None = None  # of SFT pairs: the rows of the GRPO data set that they come from
    kind: str | None = None  # of data sets of samples: `data bestof` and `data pairs`


@dataclass(frozen=True, slots=True)
class DatasetParent:
    """The source from which a data set of samples was made."""

    rows_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """A data set, as far as its manifest records it; empty without a manifest."""

    config: DatasetRequest = field(default_factory=DatasetRequest)
    files_sha256: Mapping[str, str] | None = None
    parents: tuple[DatasetParent, ...] = ()
    reward_signature: str | None = None

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read the folder's manifest. Errors: `UserError` if it is damaged."""
        manifest = _manifest(folder)
        samples = manifest.get("config", {}).get("kind") is not None  # other folders have parents of other shapes
        return from_json(cls, manifest if samples else {**manifest, "parents": None}, MANIFEST)

    @property
    def input_sha256(self) -> str | None:
        """For SFT and DPO pairs: the hash of the GRPO rows that they were made from."""
        first = self.parents[0].rows_sha256 if self.parents else None
        return first if self.config.kind else self.config.input_sha256

    @property
    def chosen_by(self) -> str | None:
        """For `data bestof` and `data pairs`: the reward that chose among the samples."""
        return self.reward_signature if self.config.kind else None


def _manifest(folder: str | Path) -> dict[str, Any]:
    path = Path(folder).expanduser()
    return (read_manifest(path) if path.is_dir() else None) or {}
