"""`bleuberi COMMAND ...`: finds the command and runs it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from bleuberi import __version__
from bleuberi.cli.parser import Command, hide_secrets_in_tracebacks, prepare_streams, run
from bleuberi.cli.stopping import leave
from bleuberi.errors import UserError
from bleuberi.plain_text import say


class Entry(NamedTuple):
    """Where a command lives, and what it does in one line."""

    target: str
    summary: str


COMMANDS: Final = {
    "data import": Entry("bleuberi.cli.data_import:main", "instruction files in any common shape -> a pool"),
    "data generate": Entry("bleuberi.cli.data_generate:main", "a generated pool with checkable facts; no download"),
    "references": Entry("bleuberi.cli.references:main", "answers of a strong model as reference answers of a pool"),
    "data check": Entry("bleuberi.cli.data_check:main", "what is wrong with a pool; drop it, hold rows out"),
    "data grpo": Entry(
        "bleuberi.cli.create_training_data:grpo", "pool -> outputs -> scores -> selection: a GRPO data set"
    ),
    "data sft": Entry("bleuberi.cli.create_training_data:sft", "GRPO data set -> prompt-response pairs for SFT"),
    "data bestof": Entry("bleuberi.cli.data_best:bestof", "scored samples -> the best of each prompt, for SFT"),
    "data pairs": Entry("bleuberi.cli.data_best:pairs", "scored samples -> best against worst, for DPO"),
    "headroom": Entry("bleuberi.cli.headroom:main", "is there anything to gain on a pool? samples, no training"),
    "doctor": Entry("bleuberi.cli.doctor:main", "check a training run before it starts: does it fit? no GPU needed"),
    "train grpo": Entry("bleuberi.cli.train:grpo", "train with a reference-based reward (TRL's GRPO)"),
    "train sft": Entry("bleuberi.cli.train:sft", "train on prompt-response pairs (TRL's SFT)"),
    "explain": Entry("bleuberi.cli.explain:main", "take one score apart: matched n-grams, brevity penalty, smoothing"),
    "agreement": Entry("bleuberi.cli.agreement:main", "does this reward agree with people on your data? no GPU needed"),
    "evaluate": Entry("bleuberi.cli.evaluate:main", "answers of several models, scored, with paired differences"),
    "compare": Entry("bleuberi.cli.compare:main", "run an experiment: arms x seeds of a protocol, one evaluation"),
    "benchmark answers": Entry(
        "bleuberi.cli.benchmark:answers", "answer files for MT-Bench, Arena-Hard, WildBench and AlpacaEval"
    ),
    "benchmark scores": Entry("bleuberi.cli.benchmark:scores", "what those harnesses' judges said, with intervals"),
    "report": Entry("bleuberi.cli.report:main", "one page about data, runs and evaluations, to open from disk"),
    "cache ls": Entry("bleuberi.cli.cache:ls", "which outputs are cached, of which models and settings"),
    "cache explain": Entry("bleuberi.cli.cache:explain", "which rows of a pool are cached, and why others are not"),
    "cache prune": Entry("bleuberi.cli.cache:prune", "remove damaged files, or the outputs of a model"),
    "demo": Entry("bleuberi.cli.demo:main", "the whole method on this machine, in minutes"),
}


def usage() -> str:
    """The help text: the chain of commands in the order in which they are used."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{entry.summary}" for name, entry in COMMANDS.items()]
    return "\n".join(
        [
            "Align a language model with a reference-based reward (BLEU by default).",
            "",
            "usage: bleuberi COMMAND [flags]      bleuberi COMMAND --help      bleuberi --version",
            "",
            *lines,
            "",
            "New here? Type: bleuberi demo",
        ]
    )


def next_step(folder: Path) -> str:
    """What to type next, by what lies in the folder and in the places that the README's commands fill."""
    places = (folder, folder / "..")
    models = [path for place in places for path in sorted(place.glob("checkpoints/*/manifest.json"))]
    if models:
        return f"Next, for {models[-1].parent}: bleuberi evaluate --models base=BASE trained={models[-1].parent} ..."
    made = [path for place in places for path in sorted(place.glob("data/data_grpo/[!.]*/manifest.json"))]
    if made:
        return (
            f"Next, for {made[-1].parent}: bleuberi train grpo --config grpo_cpu --dataset_path {made[-1].parent} ..."
        )
    pools = [path for pattern in ("*.jsonl", "*.jsonl.gz", "*.parquet") for path in sorted(folder.glob(pattern))]
    if pools:
        return f"Next, for {pools[0]}: bleuberi data check {pools[0]}"
    return "Next, with a file of your own: bleuberi data check FILE.jsonl"


def find_command(argv: Sequence[str]) -> tuple[Command, Sequence[str]]:
    """The command that the words name, and its own words. Errors: `UserError` that suggests the nearest."""
    for words in (2, 1):
        name = " ".join(argv[:words])
        if name in COMMANDS:
            module, _, function = COMMANDS[name].target.partition(":")
            command: Command = getattr(import_module(module), function)
            return command, argv[words:]
    typed = " ".join(word for word in argv[:2] if not word.startswith("-"))
    family = [name for name in COMMANDS if typed == name.split()[0]]
    near = ", ".join(
        f"bleuberi {name}" for name in family or difflib.get_close_matches(typed, COMMANDS, n=1, cutoff=0.4)
    )
    raise UserError(
        f"There is no command {typed!r}.",
        (f"Did you mean: {near}? " if near else "") + "See bleuberi --help.",
    )


def main() -> None:
    """Entry of the `bleuberi` command."""
    hide_secrets_in_tracebacks()
    prepare_streams()
    argv = sys.argv[1:]
    if not argv:
        say(usage() + "\n" + next_step(Path()))
        sys.exit(0)
    if argv[0] in ("-h", "--help", "help"):
        say(usage())
        sys.exit(0)
    if argv[0] in ("-V", "--version"):
        from bleuberi.rewards.backend import describe

        say(f"bleuberi {__version__} (BLEU and ROUGE-L: {describe()})")
        sys.exit(0)

    def command(words: Sequence[str]) -> int:
        found, rest = find_command(words)
        return found(rest)

    leave(run(command, argv))


if __name__ == "__main__":
    main()
