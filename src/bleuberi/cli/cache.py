"""`bleuberi cache ls|explain|prune`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.data.config import ReferencesConfig
from bleuberi.flags import OUTPUT_DIR
from bleuberi.generation.base import Sampling
from bleuberi.plain_text import say
from bleuberi.records import Conversation


def _parser(name: str, description: str) -> Parser:
    parser = Parser(f"bleuberi cache {name}", description)
    parser.add_argument("folder", type=Path, nargs="?", default=OUTPUT_DIR, help="an --output_dir or cache folder")
    return parser


def ls(argv: Sequence[str]) -> int:
    """List all caches."""
    parser = _parser("ls", "List cached responses by model and settings.")
    parser.add_argument("--json", action="store_true", help="print the list as one JSON document")
    arguments = parser.parse_args(argv)
    from bleuberi.generation.cache_view import cache_root, list_caches

    caches = list_caches(cache_root(arguments.folder))
    if arguments.json:
        say_json({"caches": [asdict(cache) for cache in caches]})
        return 0
    for cache in caches:
        model = cache.settings.get("model", {})
        written = datetime.fromtimestamp(cache.last_written).strftime("%Y-%m-%d %H:%M")
        say(f"{cache.path.name}  {cache.rows:,} rows, {cache.shards:,} shards, {cache.bytes / 1e6:,.1f} MB, {written}")
        say(f"    {model.get('model')} ({model.get('revision', '')[:60]})  {cache.settings.get('sampling_signature')}")
        if cache.waiting_rows:
            say(f"    {cache.waiting_rows:,} rows of an interrupted run are not merged yet")
        if cache.leftovers:
            folder = shlex.quote(str(arguments.folder))
            say(f"    {len(cache.leftovers)} damaged or unfinished files: bleuberi cache prune {folder}")
    return 0


def explain(argv: Sequence[str]) -> int:
    """Report which rows of a pool are cached, and why others are not."""
    parser = _parser(
        "explain",
        "Show which rows of a pool are cached for a model and sampling settings, and why others are not. "
        "Give the settings of the command that did not use the cache; `bleuberi evaluate` has temperature 0.",
    )
    add_flags(parser, ReferencesConfig, ["hf_dataset_path", "split", "model"])
    add_flags(parser, Sampling, ["max_new_tokens"], prefix="inference_")
    add_flags(parser, Sampling, ["temperature", "top_p", "seed"])
    parser.add_argument("--rows", type=int, default=0, metavar="N", help="list the first N missing rows, one per line")
    add_engine_flags(parser)
    arguments = vars(parser.parse_args(argv))
    from bleuberi.data.pool import read_questions
    from bleuberi.generation import cache_view as view
    from bleuberi.generation import cached_engine
    from bleuberi.generation.turns import Folded

    take_engine_options(arguments)
    root = view.cache_root(arguments["folder"])
    sampling = take(arguments, Sampling, max_new_tokens=arguments.pop("inference_max_new_tokens"))
    sampling.check()
    engine = cached_engine(arguments["model"], arguments["engine"], root, arguments["engine_options"])
    questions: Iterable[Conversation] = (
        question for _, question in read_questions(arguments["hf_dataset_path"], arguments["split"])
    )
    if arguments["engine_options"].fold_system:
        questions = Folded(questions)
    folder = engine.folder(sampling)
    found, misses = view.explain(root, folder, engine.identity, sampling, questions)
    say(f"{found:,} of {found + len(misses):,} rows are cached in {folder}{'' if folder.is_dir() else ' (missing)'}")
    for reason, count, first in view.count_reasons(misses):
        say(f"{count:,} missing, e.g. {first}: {reason}")
    for miss in misses[: arguments["rows"]]:
        say(f"  {miss.row}: {miss.reason}")
    return 0


def prune(argv: Sequence[str]) -> int:
    """Remove damaged files or entire caches."""
    parser = _parser("prune", "Remove damaged or unfinished files, or entire caches (--model, --older_than_days).")
    parser.add_argument("--model", help="remove all caches of this model or folder name")
    parser.add_argument(
        "--older_than_days", type=float, metavar="DAYS", help="remove caches not written to for DAYS days"
    )
    parser.add_argument("--yes", action="store_true", help="actually remove (default: only list)")
    arguments = parser.parse_args(argv)
    from bleuberi.generation import cache_view as view

    caches = view.list_caches(view.cache_root(arguments.folder))
    paths = view.to_prune(caches, arguments.model, arguments.older_than_days)
    for path in paths:
        say(path)
    if arguments.yes:
        view.remove(paths)
    verb = "removed" if arguments.yes else "would be removed; add --yes to remove them"
    say(f"{len(paths)} {verb}" if paths else "Nothing to remove.")
    return 0
