"""Everything that decides a GRPO data set, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bleuberi.cluster import ClusterOptions
from bleuberi.data.references import check_reference_choice
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, check_engine
from bleuberi.generation.base import Sampling
from bleuberi.selection.dataset_folder import check_dataset_name
from bleuberi.selection.modes import MODES
from bleuberi.selection.signal import SignalSettings


@dataclass(frozen=True, slots=True)
class GrpoDataConfig:
    """Everything that decides a GRPO data set, and where it goes."""

    hf_dataset_path: str = "yapeichang/BLEUBERI-Tulu3-50k"
    ref_models: tuple[str, ...] = ("gold",)
    min_references: int | None = None  # None: every chosen one
    selection_mode: str = "hard"
    num_examples: int | None = None
    metric: str | None = None
    model: str | None = None
    output_dir: Path = Path("../data")
    output_dataset_name: str | None = None
    inference_max_new_tokens: int = 512
    seed: int = 42
    engine: str = "auto"
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    outputs: Path | None = None
    generate_missing: bool = False  # beside a response file of the original program
    overwrite: bool = False
    split: str = "train"  # of a pool that has splits
    signal: SignalSettings | None = None  # of `signal` alone; its defaults where None
    shuffle_references: int | None = None  # a seed: the chosen rows get each other's references
    reasoning: bool = False  # a system turn asks for a thought and an answer in tags; the answer is scored

    @property
    def answer_metric(self) -> str | None:
        """The metric that scores: with `reasoning` the answer alone, unless the metric reads tags by itself."""
        if not self.reasoning or self.metric is None or self.metric.partition(":")[0] in ("answer", "format"):
            return self.metric
        return f"answer:{self.metric}"

    @property
    def signal_settings(self) -> SignalSettings:
        return self.signal or SignalSettings()

    @property
    def scores_needed(self) -> bool:
        """Whether responses are scored; `random` scores those that are given, and asks no model for any."""
        answered = self.outputs is not None or (self.model is not None and MODES[self.selection_mode].needs_scores)
        return self.metric is not None and answered

    @property
    def scoring_cluster(self) -> ClusterOptions | None:
        """Whose workers score; None where this process does."""
        return self.engine_options.cluster if self.engine == "ray" else None

    @property
    def sampling(self) -> Sampling:
        return Sampling(max_new_tokens=self.inference_max_new_tokens, seed=self.seed)

    def check(self) -> None:
        """Refuse what cannot work, before anything is read. Errors: `UserError`."""
        if self.selection_mode not in MODES:
            raise UserError(
                f"There is no selection mode {self.selection_mode!r}.", f"Choose one of {', '.join(MODES)}."
            )
        mode = MODES[self.selection_mode]
        check_reference_choice(self.ref_models, self.min_references)
        if self.num_examples is not None and self.num_examples < 1:
            raise UserError(f"--num_examples is {self.num_examples}.", "Ask for at least one example.")
        if mode.takes_samples:
            self.signal_settings.check()
        elif self.signal is not None:
            raise UserError(
                f"--selection_mode {self.selection_mode} takes one sample with the method's own settings.",
                "Leave out --num_samples, --stratify, --sample_* and --max_cut_share, or choose signal.",
            )
        if not mode.needs_scores:
            if self.num_examples is None:
                raise UserError(f"--selection_mode {self.selection_mode} needs a number.", "Add --num_examples N.")
        elif self.metric is None or (self.model is None and self.outputs is None):
            missing = "--metric" if self.metric is None else "--model (or --outputs)"
            raise UserError(
                f"--selection_mode {self.selection_mode} needs scores, and {missing} is not given.",
                "Add --metric bleu --model MODEL, or choose --selection_mode random.",
            )
        if self.inference_max_new_tokens < 1:
            raise UserError(
                "--inference_max_new_tokens is below 1.", "Give the most tokens an output may have, e.g. 512."
            )
        for name, seed in (("seed", self.seed), ("shuffle_references", self.shuffle_references or 0)):
            if not 0 <= seed < 2**32:
                raise UserError(f"--{name} {seed} is out of range.", "Give a whole number from 0 to 4294967295.")
        answering = self.model is not None and self.scores_needed and self.outputs is None
        check_engine(self.model if answering else None, self.engine, self.engine_options)
        if self.output_dataset_name is not None:
            check_dataset_name(self.output_dataset_name)
