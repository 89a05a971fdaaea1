"""Rewards: score a response against reference texts. Importing this package does not import torch.

`from bleuberi.rewards import Bleu, RougeL, load_reward`

- base.py: the contract, and the base class of the rewards here.
- bleu.py, rouge.py, meteor.py, chrf.py, combined.py: the text rewards. scoring.py passes their texts to the compiled
  extension (_native.cpp, native/) or to bleu_python.py, rouge_python.py, meteor_python.py, chrf_python.py; both give
identical bits. references.py caches compiled references; arrow.py scores from Arrow.
- tokens.py, scripts.py, porter.py: tokens, words of every script, stems. blindness.py: data that a reward cannot read.
- explanations.py: how a score is made up.
- encoder.py, bertscore.py, embedding.py, reward_model.py, served_model.py, bleu_rm.py: rewards that run a model.
- tags.py, cached.py, on_cluster.py, adapters.py: rewards on tagged answers, with a cache, on Ray, in other trainers.
- function.py: reward functions written for TRL. graders/: graders of hosted fine-tuning.
- judge.py: a judge compares the response with the references; chat_server.py asks it, as graders/ does.

To add a reward: subclass `TextReward` (not another reward, whose explanation it would get) with `name`, `signature()`
and `score_batch()` (0.0 for a blank response; None if every reference is blank), and `blind_to()` if it can read some
scripts only. Plain Python is enough. All commands load it by its name in `REWARDS`. Also add it to `_FAMILIES` and,
for scores from 0 to 1, `_SHARES` in evaluation/measures.py; to ALL_TEXT_REWARDS in cli/agreement.py; if nothing is
smoothed, to selection/measures.py; to tests/contracts/test_reward_laws.py, docs/rewards.md and CHANGELOG.md.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from typing import Any

from bleuberi.errors import UserError
from bleuberi.rewards.base import Reward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.chrf import Chrf, ChrfPlusPlus
from bleuberi.rewards.combined import BleuRougeF1
from bleuberi.rewards.meteor import Meteor
from bleuberi.rewards.references import References
from bleuberi.rewards.rouge import Rouge1, Rouge2, RougeL, RougeLsum

__all__ = [
    "REWARDS", "Bleu", "BleuRougeF1", "Chrf", "ChrfPlusPlus", "Meteor", "References", "Reward", "Rouge1", "Rouge2",
    "RougeL", "RougeLsum", "load_reward",
]  # fmt: skip

REWARDS = {
    "bleu": "bleuberi.rewards.bleu:Bleu",
    "rouge": "bleuberi.rewards.rouge:RougeL",
    "rouge1": "bleuberi.rewards.rouge:Rouge1",
    "rouge2": "bleuberi.rewards.rouge:Rouge2",
    "rougeLsum": "bleuberi.rewards.rouge:RougeLsum",
    "chrf": "bleuberi.rewards.chrf:Chrf",
    "chrf++": "bleuberi.rewards.chrf:ChrfPlusPlus",
    "meteor": "bleuberi.rewards.meteor:Meteor",
    "bleu_rouge_f1": "bleuberi.rewards.combined:BleuRougeF1",
    "bertscore": "bleuberi.rewards.bertscore:BertScore",
    "emb": "bleuberi.rewards.embedding:Embedding",
    "rm": "bleuberi.rewards.reward_model:RewardModel",
    "bleu_rm": "bleuberi.rewards.bleu_rm:BleuRm",
    "format": "bleuberi.rewards.tags:TagFormat",
    "length": "bleuberi.rewards.length:LengthRatio",
    "bleu_plain_unigrams": "bleuberi.rewards.bleu:BleuPlainUnigrams",
    "bleu_closest": "bleuberi.rewards.bleu:BleuClosest",
    "bleu_short_f1": "bleuberi.rewards.bleu:BleuShortF1",
}
"""Names -> classes that are called without arguments.

Users may also pass `package.module:Class`, `package.module:function` (a reward function in TRL's format), or
`package.module:make(size=3)`, which calls `make` and uses its return value.
"""

OPTIONS: dict[str, dict[str, object]] = {
    "auto": {"tokens": "auto"},
    "mean": {"references": "mean"},
    "stem": {"stem": True},
}
"""Options after a reward's name, e.g. `rouge2:stem:mean`, and the keyword argument each one sets."""

WITH_MODEL = ("bertscore", "emb", "rm", "bleu_rm")
"""Names that take a model after a colon: a folder, a name on the hub or (last two) a URL."""


def load_reward(name: str) -> Reward:
    """Return the reward of that name or dotted path. `emb:FOLDER` selects a model; `answer:bleu` scores only the text
    between answer tags; `grader:FILE.json` is a grader, `judge:MODEL` a judge. Errors: `UserError` with all names."""
    kind, _, argument = name.partition(":")
    if kind == "answer" and argument:
        from bleuberi.rewards.tags import OnAnswer

        return OnAnswer(load_reward(argument))
    if kind == "grader" and argument:
        from bleuberi.rewards.graders.reward import GraderReward

        return GraderReward(argument)
    if kind == "judge":
        from bleuberi.rewards.judge import named_judge

        return named_judge(name, argument)
    if kind in WITH_MODEL and name != kind:
        if not argument.strip():
            raise UserError(
                f"The reward {name!r} has no model after the colon.",
                f"Write {kind}:MODEL. If it comes from a shell variable, check that the variable is set.",
            )
        return _with_model(kind, argument)
    options = argument.split(":") if kind in REWARDS and argument else []
    module_name, _, attribute = REWARDS.get(kind, name).partition(":")
    if attribute:
        return _imported(name, module_name, attribute, options)
    raise UserError(
        f"Unknown reward or metric {name!r}.",
        f"Available: {', '.join(REWARDS)}, judge:MODEL, grader:FILE.json. "
        "Your own: package.module:Class or package.module:function.",
    )


def reward_name(signature: str) -> str | None:
    """The name by which `load_reward` gives the text reward of that signature; None if it needs more than a name."""
    names = [name for name in REWARDS if name not in WITH_MODEL]
    words = (word for name in names for word in (name, f"{name}:auto", f"answer:{name}"))
    return next((word for word in words if _has_signature(word, signature)), None)


def _has_signature(word: str, wanted: str) -> bool:
    try:
        return load_reward(word).signature() == wanted
    except UserError:  # an option that it does not have, or a library that is not installed
        return False


def _imported(name: str, module_name: str, attribute: str, options: list[str]) -> Reward:
    """Import the reward, reward class or reward function of a dotted path."""
    attribute, parenthesis, rest = attribute.partition("(")
    try:
        found = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"The reward {name!r} could not be loaded: {error}",
            "Check the path package.module:Class, and that the package is installed.",
        ) from error
    if parenthesis:
        found = found(**_arguments(name, "f(" + rest))
    elif isinstance(found, type):
        found = found(**_keywords(name, found, options))
    if callable(found) and hasattr(found, "signature"):
        reward: Reward = found
        return reward
    if not callable(found):
        raise UserError(
            f"{name!r} is not a reward.", "Pass a class with name and signature(), or a reward function for TRL."
        )
    from bleuberi.rewards.function import FunctionReward

    return FunctionReward(found, name)


def _arguments(name: str, call: str) -> dict[str, Any]:
    """Parse the keyword arguments of `f(size=3, ...)`; values must be literals. Errors: `UserError`."""
    try:
        parsed = ast.parse(call, mode="eval").body
        if not isinstance(parsed, ast.Call) or parsed.args:
            raise ValueError
        return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in parsed.keywords}
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"The arguments of the reward {name!r} cannot be parsed.", "Write package.module:make(size=3, name='a')."
        ) from error


def _keywords(name: str, of_class: Callable[..., object], options: list[str]) -> dict[str, object]:
    """Translate the options after a reward's name into keyword arguments of its class."""
    if not options:
        return {}
    taken = signature(of_class).parameters
    allowed = {option: given for option, given in OPTIONS.items() if given.keys() <= taken.keys()}
    found: dict[str, object] = {}
    for option in options:
        if option not in allowed or allowed[option].keys() & found.keys():
            raise UserError(
                f"The reward {name!r} has an unknown or repeated option: {option!r}.",
                f"Options of {name.partition(':')[0]}: {', '.join(allowed) or 'none'}.",
            )
        found |= allowed[option]
    return found


def _with_model(kind: str, model: str) -> Reward:
    if kind == "bertscore":
        from bleuberi.rewards.bertscore import BertScore

        return BertScore(model)
    if kind == "emb":
        from bleuberi.rewards.embedding import Embedding

        return Embedding(model)
    from bleuberi.rewards.bleu_rm import BleuRm
    from bleuberi.rewards.reward_model import RewardModel
    from bleuberi.rewards.served_model import ServedRewardModel

    judge = ServedRewardModel(model) if model.startswith(("http://", "https://")) else RewardModel(model)
    return judge if kind == "rm" else BleuRm(judge)
