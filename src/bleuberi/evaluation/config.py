"""What an evaluation is asked to do, and whether a folder holds another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi import made
from bleuberi.artifacts import read_state
from bleuberi.data.reasoning import REASONING_PROMPT
from bleuberi.evaluation.controls import CONTROLS
from bleuberi.evaluation.models import EvaluatedModel, Primary
from bleuberi.generation import EngineOptions
from bleuberi.generation.base import Sampling
from bleuberi.generation.judge import JudgeConfig

RESULT: Final = "evaluation.json"
ANSWERS: Final = "answers.jsonl"
JUDGMENTS: Final = "judgments.jsonl"
SCORES: Final = ("bleu", "rouge", "meteor")
TRAINED_ON: Final = ("bleu",)


_ADDITIONS: Final = ("judge", "controls", "retention")


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
    trained_on: tuple[str, ...] = TRAINED_ON  # the rewards of groups of which they are not known
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
            **({"trained_on": list(self.trained_on)} if self.trained_on != TRAINED_ON else {}),
            **self.engine_options.deciding(),
            **({"reasoning": REASONING_PROMPT} if self.reasoning else {}),
        }


def refuse_other_evaluation(config: EvaluationConfig, settings: Mapping[str, Any]) -> bool:
    """Whether the folder holds this evaluation, judged already; it is then kept until it is made again.

    Errors: `UserError` if it holds one with different settings.
    """
    path = config.output_dir / RESULT
    content = {} if config.overwrite else read_state(path)
    existing = content.get("config")
    if not isinstance(existing, dict) or not existing:
        return False
    # A file may be elsewhere; a judge, retention, the first control or a further score is an addition, and an older
    # evaluation names the one control that is always computed now.
    free = {"prompts", "length_control"} | {name for name in _ADDITIONS if not existing.get(name)}
    if set(existing.get("metrics", ())) <= set(settings["metrics"]):
        free.add("metrics")
    existing, requested = (
        {name: _shown(name, value) for name, value in one.items() if name not in free} for one in (existing, settings)
    )
    cure = "Choose another --output_dir, or replace it with --overwrite; responses that fit are reused."
    made.refuse_other(f"The evaluation in {config.output_dir}", existing, requested, cure)
    return bool(content.get("judge"))


def _shown(name: str, value: Any) -> Any:  # noqa: ANN401 - any setting
    """The setting; a control without a file differs from none."""
    return {one: file or "from the base" for one, file in value.items()} if name == "controls" and value else value
