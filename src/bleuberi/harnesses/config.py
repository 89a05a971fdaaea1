"""The settings of `benchmark answers`. Loads nothing heavy, because they are also flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bleuberi.flags import SPLIT, flag
from bleuberi.generation.options import AUTO, EngineOptions

if TYPE_CHECKING:
    from bleuberi.evaluation.models import EvaluatedModel

NAMES: Final = "mt_bench, arena_hard_v1, arena_hard_v2, wildbench, alpaca_eval"


@dataclass(frozen=True, slots=True)
class HarnessConfig:
    """Settings: models, harness, questions and output."""

    harness: str = field(metadata={"help": NAMES, "metavar": "NAME"})
    questions: str = field(metadata={"help": "the harness's question file", "metavar": "FILE"})
    models: tuple[EvaluatedModel, ...] = field(
        metadata={"help": "hub ids or folders; NAME becomes the file name", "metavar": "NAME=MODEL"}
    )
    output_dir: Path = field(metadata={"help": "output folder, in the harness's layout"})
    split: str = flag("train", SPLIT)
    max_new_tokens: int | None = flag(None, "maximum tokens per response (default: the harness's limit)")
    greedy: bool = flag(False, "never sample, even if the harness does (MT-Bench, by category)")
    cache_dir: Path | None = flag(None, "cache folder (default: OUTPUT_DIR/inference_outputs)")
    engine: str = AUTO
    engine_options: EngineOptions = field(default_factory=EngineOptions)
