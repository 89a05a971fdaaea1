"""`bleuberi COMMAND ...`: find and run a command."""

from __future__ import annotations

import atexit
import gc
import shlex
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from bleuberi import __version__
from bleuberi.cli.parser import Command, hide_secrets_in_tracebacks, prepare_streams, run
from bleuberi.cli.stopping import leave
from bleuberi.errors import UserError
from bleuberi.plain_text import say


class Entry(NamedTuple):
    """A command's function and one-line description."""

    target: str
    summary: str


COMMANDS: Final = {
    "data import": Entry("bleuberi.cli.data_import:main", "convert instruction files in any common format to a pool"),
    "data generate": Entry("bleuberi.cli.data_generate:main", "generate a pool with checkable facts; no download"),
    "references": Entry("bleuberi.cli.references:main", "add a strong model's responses to a pool as references"),
    "data check": Entry("bleuberi.cli.data_check:main", "find problems in a pool; drop rows or hold rows out"),
    "data grpo": Entry(
        "bleuberi.cli.create_training_data:grpo", "create a GRPO data set: responses, scores, selection"
    ),
    "data sft": Entry("bleuberi.cli.create_training_data:sft", "create SFT pairs from a GRPO data set"),
    "data export": Entry(
        "bleuberi.cli.data_export:main", "write a pool or a GRPO data set for TRL, verl, OpenRLHF, ..."
    ),
    "data bestof": Entry("bleuberi.cli.data_best:bestof", "create SFT pairs from the best of several scored samples"),
    "data pairs": Entry("bleuberi.cli.data_best:pairs", "create DPO pairs from scored samples: best against worst"),
    "headroom": Entry("bleuberi.cli.headroom:main", "check from samples whether a pool leaves anything to gain"),
    "doctor": Entry("bleuberi.cli.doctor:main", "check a training run before it starts: does it fit? no GPU needed"),
    "train grpo": Entry("bleuberi.cli.train:grpo", "train with a reference-based reward (TRL's GRPO)"),
    "train sft": Entry("bleuberi.cli.train:sft", "train on prompt-response pairs (TRL's SFT)"),
    "train dpo": Entry("bleuberi.cli.train:dpo", "train on chosen and rejected responses (TRL's DPO)"),
    "explain": Entry("bleuberi.cli.explain:main", "explain one score: matched n-grams, brevity penalty, smoothing"),
    "agreement": Entry("bleuberi.cli.agreement:main", "does a reward agree with people on your data? no GPU needed"),
    "evaluate": Entry("bleuberi.cli.evaluate:main", "score several models' responses and compare them pairwise"),
    "compare": Entry("bleuberi.cli.compare:main", "run an experiment: arms x seeds, one evaluation"),
    "card": Entry("bleuberi.cli.card:main", "add an evaluation to a trained model's card; upload the model"),
    "benchmark answers": Entry(
        "bleuberi.cli.benchmark:answers", "write response files for MT-Bench, Arena-Hard, WildBench and AlpacaEval"
    ),
    "benchmark scores": Entry("bleuberi.cli.benchmark:scores", "read those harnesses' judge results, with intervals"),
    "report": Entry("bleuberi.cli.report:main", "create one HTML page about data, runs and evaluations"),
    "cache ls": Entry("bleuberi.cli.cache:ls", "list cached responses by model and settings"),
    "cache explain": Entry("bleuberi.cli.cache:explain", "show which rows of a pool are cached and why others are not"),
    "cache prune": Entry("bleuberi.cli.cache:prune", "remove damaged files, or a model's responses"),
    "demo": Entry("bleuberi.cli.demo:main", "run the whole method on this machine, in minutes"),
}


def usage() -> str:
    """The help text; commands are listed in their usual order of use."""
    return "\n".join(
        [
            "Align a language model with a reference-based reward (BLEU by default).",
            "",
            "usage: bleuberi COMMAND [flags]      bleuberi COMMAND --help      bleuberi --version",
            "",
            *_listed(COMMANDS),
            "",
            "To start, run: bleuberi demo",
        ]
    )


def _listed(names: Collection[str]) -> list[str]:
    width = max(map(len, names)) + 2
    return [f"  {name:<{width}}{COMMANDS[name].summary}" for name in names]


def next_step(folder: Path) -> str:
    """Suggest the next command, based on files in the folder and in the README's output folders."""
    places = (folder, folder / "..")
    models = [path for place in places for path in sorted(place.glob("checkpoints/*/manifest.json"))]
    if models:
        model = models[-1].parent
        return f"Next, for {model}: bleuberi evaluate --models base=BASE {shlex.quote(f'trained={model}')} ..."
    made = [path for place in places for path in sorted(place.glob("data/data_grpo/[!.]*/manifest.json"))]
    if made:
        data = made[-1].parent
        return f"Next, for {data}: bleuberi train grpo --config grpo_cpu --dataset_path {shlex.quote(str(data))} ..."
    pools = [path for pattern in ("*.jsonl", "*.jsonl.gz", "*.parquet") for path in sorted(folder.glob(pattern))]
    if pools:
        return f"Next, for {pools[0]}: bleuberi data check {shlex.quote(str(pools[0]))}"
    return "Next, with your own file: bleuberi data check FILE.jsonl"


def find_command(argv: Sequence[str]) -> tuple[Command, Sequence[str]]:
    """Split the words into a command and its arguments. Errors: `UserError` with the nearest command."""
    for words in (2, 1):
        name = " ".join(argv[:words])
        if name in COMMANDS:
            module, _, function = COMMANDS[name].target.partition(":")
            command: Command = getattr(import_module(module), function)
            return command, argv[words:]
    family = [name for name in COMMANDS if name.startswith(f"{argv[0]} ")]
    if family and argv[1:2] in (["-h"], ["--help"]):
        return lambda _: _say_family(argv[0], family), []
    import difflib

    typed = " ".join(word for word in argv[:2] if not word.startswith("-"))
    near = ", ".join(
        f"bleuberi {name}"
        for name in (
            family if family and typed == argv[0] else difflib.get_close_matches(typed, COMMANDS, n=1, cutoff=0.4)
        )
    )
    raise UserError(
        f"Unknown command {typed!r}.",
        (f"Did you mean: {near}? " if near else "") + "See bleuberi --help.",
    )


def _say_family(name: str, commands: Collection[str]) -> int:
    say(f"usage: bleuberi {name} COMMAND [flags]      bleuberi {name} COMMAND --help\n")
    say("\n".join(_listed(commands)))
    return 0


def main() -> None:
    """Entry point of `bleuberi`."""
    gc.freeze()  # modules stay until the end: later collections, and those at exit, need not walk them
    atexit.register(gc.freeze)
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
