"""The settings of an evaluation, and the check whether a folder contains one with different settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bleuberi.flags import REWARDS, SPLIT, flag
from bleuberi.generation.options import AUTO, EngineOptions, JudgeConfig

if TYPE_CHECKING:
    from bleuberi.evaluation.models import EvaluatedModel, Primary
    from bleuberi.generation.base import Sampling

ANSWERS: Final = "answers.jsonl"
JUDGMENTS: Final = "judgments.jsonl"
SCORES: Final = ("bleu", "rouge", "meteor")
TRAINED_ON: Final = ("bleu",)

_ADDITIONS: Final = ("judge", "controls", "retention")


def _all_controls() -> dict[str, Path | None]:
    from bleuberi.evaluation.controls import read_controls

    return read_controls(None)


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """Which models answer which prompts, and how their answers are compared. The first model's group is the base."""

    models: tuple[EvaluatedModel, ...] = field(
        metadata={
            "help": "response files, hub ids or folders; first: the base; seeds of one training: grpo@0=... grpo@1=...",
            "metavar": "NAME=FILE|MODEL",
        }
    )
    prompts: str = field(metadata={"help": "prompts with references, in any pool format", "metavar": "POOL"})
    _: KW_ONLY
    split: str = flag("train", SPLIT)
    output_dir: Path = field(metadata={"help": "folder for evaluation.json, answers.jsonl, tables and figure"})
    ref_models: tuple[str, ...] = flag(("gold",), "reference models", metavar="NAME")
    min_references: int | None = flag(None, "references required per prompt (default: all named; all: 1)", metavar="N")
    # None: SCORES, or none with no_references.
    metrics: tuple[str, ...] | None = flag(
        None, f"default: bleu, rouge, meteor, and facts if the prompts have them; {REWARDS}", metavar="METRIC"
    )
    no_references: bool = flag(False, "for prompts without references: compare only length and judge")
    controls: Mapping[str, Path | None] = field(  # name -> its file
        default_factory=_all_controls,
        metadata={
            "help": "echo, cut, brief[=FILE], long[=FILE], or none (default: all; brief and long rerun the base)",
            "metavar": "NAME", "nargs": "+", "default": None,
        },
    )  # fmt: skip
    placebo: tuple[str, ...] = flag((), "groups trained on shuffled references", metavar="GROUP")
    # None: the first trained group, the base, the first metric.
    primary: Primary | None = flag(
        None, "the comparison tested at the full 5 % level (default: first trained group against the base)",
        metavar="OTHER:BASE[:METRIC]",
    )  # fmt: skip
    trained_on: tuple[str, ...] = flag(TRAINED_ON, "training rewards, if not recorded", metavar="METRIC")
    untrained: tuple[str, ...] = flag((), "groups that were not trained", metavar="GROUP")  # besides the base
    run_spread: float | None = flag(
        None, "assumed standard deviation of the first score between runs, for groups with one run", metavar="POINTS"
    )
    reasoning: bool = flag(
        False, "ask for <think> and <answer> (as data grpo --reasoning does) and compare the answers"
    )
    retention: str | None = flag(
        None, "prompts that have nothing to do with the training: KL to the base, drift and diversity on them",
        metavar="PROMPTS",
    )  # fmt: skip
    lm_eval: tuple[str, ...] = flag(
        (), "also run tasks of lm-evaluation-harness on each model, e.g. ifeval gsm8k (pip install lm_eval)",
        metavar="TASK",
    )  # fmt: skip
    lm_eval_args: str = flag("", 'further flags of lm_eval run, e.g. "--limit 100"', metavar="WORDS")
    max_new_tokens: int = flag(512, "maximum tokens per response")
    cache_dir: Path | None = flag(None, "cache folder (default: OUTPUT_DIR/inference_outputs)")
    overwrite: bool = flag(False, "replace an evaluation that has different settings; keep its cache")
    judge: JudgeConfig | None = None
    engine: str = AUTO
    engine_options: EngineOptions = field(default_factory=EngineOptions)

    @property
    def sampling(self) -> Sampling:
        from bleuberi.generation.base import Sampling

        return Sampling(max_new_tokens=self.max_new_tokens, temperature=0.0, top_p=1.0)

    @property
    def cache(self) -> Path:
        return self.cache_dir or self.output_dir / "inference_outputs"

    @property
    def scored_by(self) -> tuple[str, ...]:
        """The requested metrics; by default the usual scores, or none without references."""
        if self.metrics is not None:
            return self.metrics
        return () if self.no_references else SCORES

    def settings(self, pool_sha256: str, responses: Mapping[str, str]) -> dict[str, Any]:
        """The settings that affect the numbers, as the result records them. `responses`: content hashes of response
        files, by model name, and by `:name` for controls; a file may be moved."""
        from bleuberi.data.reasoning import REASONING_PROMPT

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
    """Refuse a folder with an evaluation of different settings. Return whether the folder contains this evaluation with
    the judge's results, which are kept until the new result replaces them.

    Errors: `UserError` if the folder contains an evaluation with different settings.
    """
    from bleuberi import made
    from bleuberi.artifacts import read_state
    from bleuberi.evaluation.record import RESULT

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
    """The setting for error messages; a control without a file differs from an omitted control."""
    return {one: file or "from the base" for one, file in value.items()} if name == "controls" and value else value
