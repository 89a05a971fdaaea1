"""The flags of a judge, shared by `evaluate` and `agreement`."""

from __future__ import annotations

from typing import Any

from bleuberi.cli.parser import Parser, add_flags, take
from bleuberi.errors import UserError
from bleuberi.generation.options import OPENAI_KEY, EngineOptions, JudgeConfig


def add_judge_flags(parser: Parser, title: str, description: str, names: tuple[str, ...]) -> Any:  # noqa: ANN401
    """Add a group with the judge, its server, and the named fields of `JudgeConfig`; argparse's group is returned."""
    group = parser.add_argument_group(title, description)
    add = group.add_argument
    add("--judge", metavar="MODEL", help="the judge's name on its server")
    add("--judge_url", metavar="URL", help="address of an OpenAI-compatible server (default: api.openai.com)")
    add("--judge_api_key_env", default=OPENAI_KEY, metavar="NAME", help="environment variable with the key")
    add_flags(group, JudgeConfig, names, prefix="judge_", pairs=_pair)
    return group


def take_judge(arguments: dict[str, Any], engine: EngineOptions | None = None) -> JudgeConfig | None:
    """Take the judge's flags out of `arguments`. `engine`: its timeout and concurrency are the judge's, too.

    Errors: `UserError` for an invalid name or address, or for flags without `--judge`.
    """
    from bleuberi.generation.options import check_model_name
    from bleuberi.web.address import check_web_address

    model, url, key = (arguments.pop(name) for name in ("judge", "judge_url", "judge_api_key_env"))
    engine = engine or EngineOptions()
    options = EngineOptions(
        base_url=url, api_key_env=key, concurrency=engine.concurrency, timeout_seconds=engine.timeout_seconds
    )
    judge = take(arguments, JudgeConfig, "judge_", model=model, options=options)
    if model is not None:
        check_model_name(model, "--judge")
        if url is not None:
            check_web_address(url.strip(), "--judge_url")
        return judge
    for name, idle in (("url", url is not None), ("pairs", judge.pairs), ("references", judge.references)):
        if idle:
            raise UserError(f"--judge_{name} has no effect without --judge.", "Name the judge: --judge MODEL.")
    return None


def _pair(word: str) -> tuple[str, str]:
    other, _, base = word.partition(":")
    if not other or not base:
        raise UserError(f"Invalid --judge_pairs {word!r}.", "Write A:B, e.g. grpo:sft.")
    return other, base
