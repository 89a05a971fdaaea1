"""The settings of `data import`, `references` and `data export`. Loads nothing heavy, because they are also flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bleuberi import columns
from bleuberi.errors import UserError
from bleuberi.flags import POOL, PUBLIC, PUSH, REWARDS, SPLIT, flag
from bleuberi.generation.base import Sampling
from bleuberi.generation.options import AUTO, EngineOptions

if TYPE_CHECKING:
    from bleuberi.data.layouts import Layout

REFERENCE_TOKENS: Final = 2048
DPO: Final = "dpo"
_FILES: Final = (".jsonl", ".parquet")


def _layout() -> Layout:
    from bleuberi.data.layouts import Layout

    return Layout()


@dataclass(frozen=True, slots=True)
class ImportConfig:
    """The files to import, the meaning of their columns if it is not detected, and the pool's path."""

    files: tuple[str, ...] = field(
        metadata={
            "help": "hub id, folder, .jsonl/.json/.csv/.tsv/.parquet file, also compressed",
            "metavar": "FILE", "positional": True,
        }
    )  # fmt: skip
    output: Path = field(metadata={"help": "the new pool, .jsonl", "metavar": "POOL"})
    layout: Layout = field(default_factory=_layout)
    new_ids: bool = flag(False, "derive ids from the prompts, even if the files have ids")
    subset: str | None = flag(None, "subset, for hub data sets with subsets", metavar="NAME")
    split: str = flag("train", SPLIT)
    limit: int | None = flag(None, "read only the first N rows of each file; a hub data set is streamed", metavar="N")
    overwrite: bool = flag(False, "replace a POOL that has different settings")


@dataclass(frozen=True, slots=True)
class ReferencesConfig:
    """The model whose responses become references, their pool, and the path of the new pool."""

    hf_dataset_path: str = field(metadata={"help": POOL, "metavar": "POOL"})
    model: str = field(metadata={"help": "hub id, model folder, or the model's name on the server"})
    output: Path = field(metadata={"help": "the new pool, .jsonl", "metavar": "FILE"})
    name: str | None = flag(None, "name of the reference model (default: from --model)")
    sampling: Sampling = field(default_factory=lambda: Sampling(max_new_tokens=REFERENCE_TOKENS))
    engine: str = AUTO
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    cache_dir: Path | None = flag(None, "cache folder (default: inference_outputs next to FILE)")
    cut_thoughts: bool = flag(False, "remove a reasoning model's <think> ... </think>")
    overwrite: bool = flag(False, "replace a FILE that has different settings")
    split: str = flag("train", SPLIT)

    @property
    def ref_model(self) -> str:
        return self.name or columns.model_short_name(self.model)

    def check(self) -> None:
        """Reject invalid settings before anything is read. Errors: `UserError`."""
        from bleuberi.data.pool_file import check_pool_path
        from bleuberi.generation import check_engine

        check_pool_path(self.output)
        self.sampling.check()
        check_engine(self.model, self.engine, self.engine_options)


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """The source of an export, its format and its path."""

    source: str = field(
        metadata={
            "help": "pool (hub id, folder, file) or the folder of a GRPO data set",
            "metavar": "SOURCE", "positional": True,
        }
    )  # fmt: skip
    to: str = field(metadata={"help": "who reads it", "choices": ("trl", "verl", "openrlhf", "verifiers", DPO)})
    output: Path = field(metadata={"help": ".jsonl or .parquet; for verifiers a folder", "metavar": "PATH"})
    ref_models: tuple[str, ...] = flag((), "references of a pool (default: all that a row has)", metavar="NAME")
    metric: str = flag("bleu", f"verifiers: its reward; dpo: ranks the responses; {REWARDS}")
    outputs: Path | None = flag(None, "dpo: responses of the model to train; the worst is rejected", metavar="FILE")
    chosen: str = flag(
        "reference", "dpo: the first reference is chosen, or the best response", choices=("reference", "response")
    )
    split: str = flag("train", SPLIT)
    overwrite: bool = flag(False, "replace a PATH that was made with different settings")
    push_to_hub: str | None = flag(None, PUSH, metavar="OWNER/NAME")
    hub_public: bool = flag(False, PUBLIC)

    def check(self) -> None:
        """Errors: `UserError` for settings that do not fit together, before anything is read."""
        from bleuberi.data.export.pairs import CHOSEN
        from bleuberi.data.export.rows import TARGETS
        from bleuberi.data.export.taskset import package_name
        from bleuberi.hub import check_push
        from bleuberi.rewards import load_reward

        names = [*TARGETS, DPO]
        if self.to not in names:
            raise UserError(f"--to {self.to} is not a known format.", f"Give one of: {', '.join(names)}.")
        if self.to == "verifiers":
            package_name(self.output)
        elif self.output.suffix not in _FILES:
            raise UserError(f"--output {self.output} is not a .jsonl or .parquet file.", "Use one of those endings.")
        if (self.outputs is not None) != (self.to == DPO):
            raise UserError(
                "--outputs is missing: pairs need responses."
                if self.to == DPO
                else f"--outputs is for --to dpo, not for --to {self.to}.",
                "Give the responses of the model that is to be trained with --to dpo --outputs FILE.",
            )
        if self.push_to_hub is not None and self.to == "verifiers":
            raise UserError(
                "--push_to_hub cannot push a package.", "Push the package with the tools of the verifiers library."
            )
        check_push(self.push_to_hub, self.hub_public)
        if self.chosen not in CHOSEN:
            raise UserError(f"--chosen {self.chosen} is unknown.", f"Give one of: {', '.join(CHOSEN)}.")
        load_reward(self.metric)
