"""The settings that decide a GRPO data set, checked before anything is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from bleuberi.cluster.options import ClusterOptions
from bleuberi.columns import ALL_REFERENCES, SHORT_REFERENCE_NAMES
from bleuberi.errors import UserError
from bleuberi.flags import OUTPUT_DIR, POOL, PUBLIC, PUSH, REWARDS, SPLIT, flag
from bleuberi.generation.options import AUTO, EngineOptions

if TYPE_CHECKING:
    from bleuberi.generation.base import Sampling

Kind = Literal["bestof", "pairs"]


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """The settings for drawing and picking samples. The default sampling is that of the preset grpo_paper."""

    num_samples: int = flag(8, "samples per prompt, at least 4")
    stratify: tuple[str, ...] = flag(
        ("source", "length"), "preserve the pool's distribution of these: source,length or none",
        metavar="KINDS", nargs=None,
    )  # fmt: skip
    sample_temperature: float = flag(0.9, "temperature of the planned training")
    sample_top_p: float = flag(1.0, "top_p of the planned training")
    sample_top_k: int = flag(50, "top_k of the planned training; 0 is off")
    max_cut_share: float = flag(0.0, "allowed share of empty or cut-off samples per prompt")

    def check(self) -> None:
        """Reject invalid settings. Errors: `UserError`."""
        from bleuberi.selection.pick_signal import check_strata
        from bleuberi.statistics.spread import MIN_SAMPLES

        check_strata(self.stratify)
        if self.num_samples < MIN_SAMPLES:
            raise UserError(
                f"--num_samples is {self.num_samples}: {'one sample has' if self.num_samples == 1 else 'so few have'} "
                "no spread to rank by.",
                f"Give {MIN_SAMPLES} or more (8 is a good number), or choose --selection_mode hard.",
            )
        if not self.sample_temperature > 0:
            raise UserError(
                f"--sample_temperature is {self.sample_temperature}, so all samples of a prompt would be equal.",
                "Give the temperature of the training, e.g. 0.9.",
            )
        if not 0 < self.sample_top_p <= 1 or self.sample_top_k < 0:
            raise UserError(
                f"--sample_top_p {self.sample_top_p} or --sample_top_k {self.sample_top_k} is out of range.",
                "Give a top_p above 0 and up to 1 (1: off), and a top_k of 0 (off) or more.",
            )
        if not 0 <= self.max_cut_share <= 1:
            raise UserError(f"--max_cut_share is {self.max_cut_share}.", "Give a share from 0 (none) to 1 (all).")

    def sampling(self, max_new_tokens: int, seed: int) -> Sampling:
        """The sampling settings of a prompt's first sample; `seed` is its seed."""
        from bleuberi.generation.base import Sampling

        return Sampling(max_new_tokens, self.sample_temperature, self.sample_top_p, self.sample_top_k, seed)

    def settings(self) -> dict[str, Any]:
        return {**asdict(self), "stratify": list(self.stratify)}


@dataclass(frozen=True, slots=True)
class GrpoDataConfig:
    """The settings that decide a GRPO data set, and its path."""

    hf_dataset_path: str = flag("yapeichang/BLEUBERI-Tulu3-50k", POOL, metavar="POOL")
    split: str = flag("train", SPLIT)
    ref_models: tuple[str, ...] = flag(
        ("gold",), f"reference models: columns ref_output_NAME ({', '.join(SHORT_REFERENCE_NAMES)}), or all",
        metavar="NAME",
    )  # fmt: skip
    min_references: int | None = flag(None, "references required per row (default: all named; all: 1)", metavar="N")
    selection_mode: str = flag(
        "hard", "hard: lowest scores; signal: prompts whose samples differ most",
        choices=("random", "easy", "medium", "hard", "signal"),
    )  # fmt: skip
    num_examples: int | None = flag(None, "number of examples to keep (default: all, sorted)")
    metric: str | None = flag(None, REWARDS)
    model: str | None = flag(
        None, "model whose responses are scored: hub id or folder; missing responses are generated"
    )
    output_dir: Path = flag(OUTPUT_DIR, "folder for data sets and caches")
    output_dataset_name: str | None = flag(None, "folder name in OUTPUT_DIR/data_grpo (default: generated)")
    inference_max_new_tokens: int = flag(512, "maximum tokens per response")
    seed: int = flag(42, "random seed for responses and random selection")
    outputs: Path | None = flag(None, "existing responses: JSONL, Parquet or CSV with id and response", metavar="FILE")
    generate_missing: bool = flag(
        False, "generate responses missing from {model}_inference_results.csv (default: drop those rows)"
    )
    shuffle_references: int | None = flag(
        None, "placebo: shuffle references among the selected rows, so that no row keeps its own", metavar="SEED"
    )
    reasoning: bool = flag(
        False, "add a system prompt that asks for <think> and <answer>; score the answer (answer:METRIC)"
    )
    overwrite: bool = flag(False, "replace a data set of that name with different settings")
    push_to_hub: str | None = flag(None, PUSH, metavar="OWNER/NAME")
    hub_public: bool = flag(False, PUBLIC)
    engine: str = AUTO
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    signal: SignalSettings | None = None  # only for `signal`; None: its defaults

    @property
    def answer_metric(self) -> str | None:
        """The metric that scores. With `reasoning` it scores only the answer, unless the metric reads tags itself."""
        if not self.reasoning or self.metric is None or self.metric.partition(":")[0] in ("answer", "format"):
            return self.metric
        return f"answer:{self.metric}"

    @property
    def signal_settings(self) -> SignalSettings:
        return self.signal or SignalSettings()

    @property
    def scores_needed(self) -> bool:
        """Whether responses are scored. `random` scores given responses, and does not generate any."""
        from bleuberi.selection.modes import MODES

        answered = self.outputs is not None or (self.model is not None and MODES[self.selection_mode].needs_scores)
        return self.metric is not None and answered

    @property
    def scoring_cluster(self) -> ClusterOptions | None:
        """The cluster whose workers score; None if this process scores."""
        return self.engine_options.cluster if self.engine == "ray" else None

    @property
    def sampling(self) -> Sampling:
        from bleuberi.generation.base import Sampling

        return Sampling(max_new_tokens=self.inference_max_new_tokens, seed=self.seed)

    def check(self) -> None:
        """Reject invalid settings before anything is read. Errors: `UserError`."""
        from bleuberi.data.references import check_reference_choice
        from bleuberi.generation import check_engine
        from bleuberi.selection.dataset_folder import check_dataset_name
        from bleuberi.selection.modes import MODES

        if self.selection_mode not in MODES:
            raise UserError(f"Unknown selection mode {self.selection_mode!r}.", f"Choose one of {', '.join(MODES)}.")
        mode = MODES[self.selection_mode]
        check_reference_choice(self.ref_models, self.min_references)
        if self.num_examples is not None and self.num_examples < 1:
            raise UserError(f"--num_examples is {self.num_examples}.", "Give at least 1.")
        if mode.takes_samples:
            self.signal_settings.check()
        elif self.signal is not None:
            raise UserError(
                f"--selection_mode {self.selection_mode} uses one sample, drawn with the method's settings.",
                "Leave out --num_samples, --stratify, --sample_* and --max_cut_share, or choose signal.",
            )
        if not mode.needs_scores:
            if self.num_examples is None:
                raise UserError(
                    f"--selection_mode {self.selection_mode} needs a number of examples.", "Add --num_examples N."
                )
        elif self.metric is None or (self.model is None and self.outputs is None):
            missing = "--metric" if self.metric is None else "--model (or --outputs)"
            raise UserError(
                f"--selection_mode {self.selection_mode} needs scores, and {missing} is not given.",
                "Add --metric bleu --model MODEL, or choose --selection_mode random.",
            )
        if self.inference_max_new_tokens < 1:
            raise UserError(
                "--inference_max_new_tokens is below 1.", "Give the maximum number of tokens per response, e.g. 512."
            )
        for name, seed in (("seed", self.seed), ("shuffle_references", self.shuffle_references or 0)):
            if not 0 <= seed < 2**32:
                raise UserError(f"--{name} {seed} is out of range.", "Give a whole number from 0 to 4294967295.")
        answering = self.model is not None and self.scores_needed and self.outputs is None
        check_engine(self.model if answering else None, self.engine, self.engine_options)
        if self.output_dataset_name is not None:
            check_dataset_name(self.output_dataset_name)


@dataclass(frozen=True, slots=True)
class SftDataConfig:
    """The GRPO data set to convert, and the path of the pairs."""

    input_data_path: Path = field(metadata={"help": "folder of a GRPO data set"})
    output_dir: Path = flag(OUTPUT_DIR, "the pairs go to OUTPUT_DIR/data_sft")
    overwrite: bool = flag(False, "replace a data set of that name with different settings")
    push_to_hub: str | None = flag(None, PUSH, metavar="OWNER/NAME")
    hub_public: bool = flag(False, PUBLIC)


_DRAWN: Final = {one.name: one.default for config in (SignalSettings, GrpoDataConfig) for one in fields(config)}


def _drawn(name: str, more: str = "") -> str:
    """The default of a sampling setting, for help texts."""
    return f"(default: {more}the data set's, else {_DRAWN[name]})"


@dataclass(frozen=True, slots=True)
class SamplesConfig:
    """The prompts, the samples and the reward for `data bestof`, `data pairs` and `headroom`.

    Settings that are None are taken from a `signal` data set; for other data, they have the defaults of `data grpo`.
    """

    input_data_path: str = field(metadata={"help": "a GRPO data set (folder), or a pool", "metavar": "DATA"})
    split: str = flag("train", SPLIT)
    ref_models: tuple[str, ...] = flag((ALL_REFERENCES,), "references of a pool", metavar="NAME")
    min_references: int | None = flag(None, "references required per row of a pool", metavar="N")
    outputs: Path | None = flag(
        None, "the samples: one row each with id and response; a column of scores is used if there is one",
        metavar="FILE",
    )  # fmt: skip
    model: str | None = flag(
        None, "whose samples: cached ones first, the rest drawn now; of a `signal` data set its own model"
    )
    metric: str | None = flag(None, f"{REWARDS}; without it the reward of the data set, or the column `score` of FILE")
    num_samples: int | None = flag(
        None, f"samples per prompt, the first of FILE {_drawn('num_samples', 'all of FILE; ')}"
    )
    sample_temperature: float | None = flag(None, f"temperature of drawn samples {_drawn('sample_temperature')}")
    sample_top_p: float | None = flag(None, f"top_p of drawn samples {_drawn('sample_top_p')}")
    sample_top_k: int | None = flag(None, f"top_k of drawn samples; 0 is off {_drawn('sample_top_k')}")
    inference_max_new_tokens: int | None = flag(None, f"maximum tokens per sample {_drawn('inference_max_new_tokens')}")
    seed: int | None = flag(None, f"random seed of drawn samples {_drawn('seed')}")
    output_dir: Path | None = flag(
        None, f"folder for data sets and caches (default: the GRPO data set's, else {OUTPUT_DIR})"
    )
    engine: str = AUTO
    engine_options: EngineOptions = field(default_factory=EngineOptions)


@dataclass(frozen=True, slots=True)
class BestConfig:
    """The samples, and the data set to make of them."""

    kind: Kind
    samples: SamplesConfig
    min_margin: float = flag(0.0, "smallest allowed difference of the two scores")  # of pairs
    output_dataset_name: str | None = flag(None, "folder name of the data set (default: generated)", metavar="NAME")
    overwrite: bool = flag(False, "replace a data set that has different settings")
    push_to_hub: str | None = flag(None, PUSH, metavar="OWNER/NAME")
    hub_public: bool = flag(False, PUBLIC)


@dataclass(frozen=True, slots=True)
class HeadroomConfig:
    """The samples to measure. `greedy` and `brief`: files of responses; without them, a given model generates these."""

    samples: SamplesConfig
    greedy: Path | None = flag(None, "greedy responses (default: drawn, if the samples are a model's)", metavar="FILE")
    brief: Path | None = flag(None, "responses of the model told to be brief (default: drawn likewise)", metavar="FILE")
    num_prompts: int | None = flag(None, "number of prompts, evenly spaced (default: all)", metavar="N")
    output: Path | None = flag(
        None, "write every number to this file; bleuberi report shows headroom.json", metavar="FILE"
    )
