"""What an evaluation is asked to do, and whether a folder holds another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import read_state
from bleuberi.data.reasoning import REASONING_PROMPT
from bleuberi.errors import UserError
from bleuberi.evaluation.controls import CONTROLS
from bleuberi.evaluation.judge import JudgeConfig
from bleuberi.evaluation.models import EvaluatedModel, Primary
from bleuberi.generation import EngineOptions
from bleuberi.generation.base import Sampling
from bleuberi.strict_json import strict_json

RESULT: Final = "evaluation.json"
ANSWERS: Final = "answers.jsonl"
JUDGMENTS: Final = "judgments.jsonl"
SCORES: Final = ("bleu", "rouge", "meteor")


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """Which models answer which prompts, and how their answers are compared. The first model's group is the base."""

    models: tuple[EvaluatedModel, ...]
    prompts: str
    output_dir: Path
    ref_models: tuple[str, ...] = ("gold",)
    min_references: int | None = None  # None: every chosen one
    metrics: tuple[str, ...] | None = None  # SCORES, or none with no_references
    no_references: bool = False
    max_new_tokens: int = 512
    controls: Mapping[str, Path | None] = field(default_factory=lambda: dict.fromkeys(CONTROLS))  # name -> its file
    placebo: tuple[str, ...] = ()  # groups that were trained on shuffled references
    primary: Primary | None = None  # None: the first trained group, the base, the first metric
    trained_on: tuple[str, ...] = ("bleu",)  # the rewards of groups of which they are not known
    untrained: tuple[str, ...] = ()  # groups that no training run stands behind, besides the base
    run_spread: float | None = None  # standard deviation between runs, in points of the first score
    judge: JudgeConfig | None = None
    engine: str = "auto"
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    cache_dir: Path | None = None
    overwrite: bool = False
    split: str = "train"  # of prompts that have splits
    retention: str | None = None  # a pool of prompts that have nothing to do with the training
    lm_eval: tuple[str, ...] = ()  # tasks of lm-evaluation-harness that each model is asked, too
    lm_eval_args: str = ""  # further flags of `lm_eval run`
    reasoning: bool = False  # the system turn of tags is added, and the tagged answers are compared

    @property
    def sampling(self) -> Sampling:
        return Sampling(max_new_tokens=self.max_new_tokens, temperature=0.0, top_p=1.0)

    @property
    def cache(self) -> Path:
        return self.cache_dir or self.output_dir / "inference_outputs"

    @property
    def scored_by(self) -> tuple[str, ...]:
        """The metrics asked for, or those that the prompts allow."""
        if self.metrics is not None:
            return self.metrics
        return () if self.no_references else SCORES

    def settings(self, pool_sha256: str, responses: Mapping[str, str]) -> dict[str, Any]:
        """What decides the numbers, as it goes into the result. `responses`: the content hash of each model that is a
        file, by name, and of each control that is one, by `:name`; a file's place does not count."""
        names = {entry.name for entry in self.models}
        return {
            "prompts": self.prompts,
            "pool_sha256": pool_sha256,
            "ref_models": [] if self.no_references else list(self.ref_models),
            "min_references": self.min_references,
            "metrics": list(self.scored_by),
            # None if every response was made elsewhere, so that nothing is known of their sampling.
            "sampling_signature": None if responses.keys() >= names else self.sampling.signature(),
            "models": {entry.name: responses.get(entry.name, entry.model) for entry in self.models},
            "controls": {name: responses.get(f":{name}") for name in self.controls},
            "placebo": list(self.placebo),
            "primary": None if self.primary is None else self.primary.word(),
            "untrained": list(self.untrained),
            "run_spread": self.run_spread,
            "judge": None if self.judge is None else self.judge.settings(),
            **({"fold_system": True} if self.engine_options.fold_system else {}),
            **({"reasoning": REASONING_PROMPT} if self.reasoning else {}),
        }


def refuse_other_evaluation(config: EvaluationConfig, settings: Mapping[str, Any]) -> bool:
    """Whether the folder holds this evaluation, judged already; it is then kept until it is made again.

    Errors: `UserError` where it holds one with other settings.
    """
    path = config.output_dir / RESULT
    if config.overwrite or not path.is_file():
        return False
    content = read_state(path)
    before = content.get("config")
    before = before if isinstance(before, dict) else {}
    asked = json.loads(strict_json(settings))
    # A file may be elsewhere, older versions lack some settings, and a judge or a further score is an addition.
    added = {name for name in ("judge", "controls") if not before.get(name)}
    if set(before.get("metrics", ())) <= set(asked["metrics"]):
        added.add("metrics")
    comparable = (before.keys() & asked.keys() - added - {"prompts"}) | {"fold_system", "reasoning"}
    names = [name for name in comparable if before.get(name) != asked.get(name)]
    if names:
        said = "; ".join(
            f"{name}: {before.get(name)!s:.60} there, {asked.get(name)!s:.60} asked" for name in sorted(names)
        )
        raise UserError(
            f"{config.output_dir} holds an evaluation with other settings ({said}).",
            "Choose another --output_dir, or replace it with --overwrite; answers that fit are reused.",
        )
    return bool(content.get("judge"))
