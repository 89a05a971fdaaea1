"""`bleuberi demo`: the whole method on one machine, by calling the other commands in turn and saying what they do."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bleuberi.cli.parser import Parser
from bleuberi.plain_text import say

PROMPTS_PER_STEP: Final = 4  # 16 completions in groups of 4, as in the preset grpo_cpu
MAX_NEW_TOKENS: Final = 48
REFERENCES: Final = ("gold", "second")


def make_parser() -> Parser:
    """The flags."""
    parser = Parser("bleuberi demo", "The whole method on this machine: data, GRPO, SFT, evaluation, figures.")
    parser.add_argument("--steps", type=int, default=6, help="GRPO steps; each takes about half a minute on two cores")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/demo"), help="where everything goes")
    parser.add_argument("--model", help="hub id or model folder; by default SmolLM2-135M-Instruct from a PyPI package")
    return parser


@dataclass(frozen=True, slots=True)
class Places:
    """Where the demo's parts lie. Answers and scores are shared by runs of different lengths."""

    root: Path
    steps: int

    @property
    def run(self) -> Path:
        return self.root / f"steps-{self.steps}"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def dataset_name(self) -> str:
        return f"demo_{self.steps * PROMPTS_PER_STEP}"

    @property
    def grpo_data(self) -> Path:
        return self.data / "data_grpo" / self.dataset_name

    @property
    def sft_data(self) -> Path:
        return self.data / "data_sft" / f"{self.dataset_name}_SFT"


def main(argv: Sequence[str]) -> int:
    """Run the demo; what is done already is skipped."""
    arguments = make_parser().parse_args(argv)
    if arguments.steps < 1:
        make_parser().error("--steps is below 1")
    # Torch's waiting threads would spin beside the trainer's own work; its tokenizers warn of forks.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import datasets
    import transformers

    # Reading weights and mapping 60 rows take a second each; generation and training keep their bars.
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    began = time.monotonic()
    places = Places(arguments.output_dir, arguments.steps)
    _say(0, "The model", "A real 135M-parameter chat model is made ready as a normal model folder (once).")
    model = arguments.model or _demo_model()
    _make_data(places, model)
    _train(places, model)
    _evaluate(places, model)
    _finish(places, time.monotonic() - began)
    return 0


def _demo_model() -> str:
    from bleuberi.demo.model import demo_model_folder

    folder = demo_model_folder()
    say(f"The model is {folder}")
    return str(folder)


def _make_data(places: Places, model: str) -> None:
    from bleuberi.cli import create_training_data
    from bleuberi.demo.split import split_demo_pool

    train, _ = split_demo_pool(places.root / "pool")
    _say(1, "Data for GRPO", "The model answers every instruction; BLEU compares each answer with two references; "
         "the examples with the lowest scores, the hard ones, are kept.")  # fmt: skip
    words = ["--hf_dataset_path", str(train), "--ref_models", *REFERENCES, "--selection_mode", "hard"]
    words += ["--num_examples", str(places.steps * PROMPTS_PER_STEP), "--metric", "bleu", "--model", model]
    words += ["--inference_max_new_tokens", str(MAX_NEW_TOKENS), "--output_dir", str(places.data)]
    _run("data grpo", create_training_data.grpo, [*words, "--output_dataset_name", places.dataset_name])
    _say(2, "Data for SFT", "The same examples as prompt-response pairs: one pair for each reference.")
    words = ["--input_data_path", str(places.grpo_data), "--output_dir", str(places.data)]
    _run("data sft", create_training_data.sft, words)


def _train(places: Places, model: str) -> None:
    from bleuberi.cli import train

    _say(3, "GRPO", "For each prompt the model writes four answers; those with more BLEU than their siblings become "
         "likelier, the others less likely. No reward model, no labels: only the references.")  # fmt: skip
    words = ["--config", "grpo_cpu", "--dataset_path", str(places.grpo_data), "--model_name_or_path", model]
    words += ["--output_dir", str(places.run / "grpo"), "--max_steps", str(places.steps)]
    _run("train grpo", train.grpo, words)
    _say(4, "SFT", "For comparison: the model is trained to write the references themselves, on the same examples.")
    words = ["--config", "sft_cpu", "--dataset_path", str(places.sft_data), "--model_name_or_path", model]
    _run("train sft", train.sft, [*words, "--output_dir", str(places.run / "sft")])


def _evaluate(places: Places, model: str) -> None:
    from bleuberi.cli import evaluate

    _say(5, "Evaluation", "All three models answer 48 prompts that none was trained on; differences are taken prompt "
         "by prompt, with a 95 % interval.")  # fmt: skip
    words = ["--models", f"base={model}", f"grpo={places.run / 'grpo'}", f"sft={places.run / 'sft'}"]
    words += ["--prompts", str(places.root / "pool/held_out.jsonl"), "--ref_models", *REFERENCES]
    words += [
        "--max_new_tokens",
        str(MAX_NEW_TOKENS),
        "--cache_dir",
        str(places.data / "inference_outputs"),
    ]
    _run("evaluate", evaluate.main, [*words, "--output_dir", str(places.run / "evaluation")])


def _finish(places: Places, seconds: float) -> None:
    from bleuberi.demo.summary import write_run_summary
    from bleuberi.report.save import write_report

    summary = write_run_summary(
        places.run / "summary.md",
        grpo=places.run / "grpo",
        sft=places.run / "sft",
        evaluation=places.run / "evaluation",
        dataset=places.grpo_data,
    )
    _say(6, "What came out", "")
    say(summary.text)
    say(f"\nTook {seconds / 60:.1f} minutes. Everything is in {places.run}:")
    for path in summary.files:
        say(f"  {path}")
    title = f"The demo, {places.steps} {'step' if places.steps == 1 else 'steps'}"
    report = write_report([places.grpo_data, places.run], places.run / "report", title)
    say(f"\nAll of it on one page, with every example: {report.page}")
    say(f"Open it in a browser (it needs no network): {report.page.resolve().as_uri()}")
    say(f"\nTrain longer:  make demo STEPS={max(40, places.steps * 2)}     Your own data:  see README.md")


def _say(number: int, heading: str, text: str) -> None:
    say(f"\n=== {number}. {heading}", flush=True)
    if text:
        say(text, flush=True)


def _run(name: str, command: Callable[[Sequence[str]], int], words: Sequence[str]) -> None:
    say(f"$ bleuberi {name} {shlex.join(words)}", flush=True)
    command(words)
