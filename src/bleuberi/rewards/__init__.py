"""Rewards: numbers that say how good a response is, given references. Needs no torch.

`from bleuberi.rewards import Bleu, RougeL, load_reward`

- base.py: the contract, and the base class of the rewards here.
- bleu.py, rouge.py, meteor.py, chrf.py, combined.py: the text rewards. scoring.py hands their texts to the compiled
  extension (_native.cpp, native/) or to bleu_python.py, rouge_python.py, meteor_python.py, chrf_python.py; both give
  equal bits. references.py keeps compiled references; arrow.py scores from Arrow.
- tokens.py, scripts.py, porter.py: tokens, words of every script, stems. blindness.py: data that a reward cannot read.
- explanations.py: why a response got its score.
- encoder.py, bertscore.py, embedding.py, reward_model.py, served_model.py, bleu_rm.py: rewards that run a model.
- tags.py, cached.py, on_cluster.py, adapters.py: rewards on tagged answers, with a cache, on Ray, in other trainers.
- function.py: reward functions written for TRL. graders/: graders of hosted fine-tuning; chat_server.py asks a judge.

To add a reward: subclass `TextReward` with `name`, `signature()` and `score_batch()` (a blank response gets 0.0; None
if no reference says anything), and `blind_to()` if its tokens are made for some scripts only. Name it in `REWARDS`,
which serves every command; add it to tests/contracts/test_reward_laws.py and docs/rewards.md. If an unrelated answer
gets 0.0, add the name to `selection/measures.py`, so that selections count rows at the floor.
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

Instead of a name, `package.module:Class` works, and `package.module:function` with a reward function as TRL takes it;
`package.module:make(size=3)` calls `make` and takes what it returns.
"""

OPTIONS: dict[str, dict[str, object]] = {
    "auto": {"tokens": "auto"},
    "mean": {"references": "mean"},
    "stem": {"stem": True},
}
"""What may follow a name behind colons, e.g. `rouge2:stem:mean`, and the keyword that it gives the class."""

WITH_MODEL = ("bertscore", "emb", "rm", "bleu_rm")
"""Names that take a model behind a colon: a folder, a name on the hub or, for the last two, a URL."""


def load_reward(name: str) -> Reward:
    """The reward of that name, or of a dotted path. `emb:folder` gives it a model, `answer:bleu` scores the text
    between answer tags, `grader:FILE.json` is a grader. Errors: `UserError` listing the names there are."""
    kind, _, argument = name.partition(":")
    if kind == "answer" and argument:
        from bleuberi.rewards.tags import OnAnswer

        return OnAnswer(load_reward(argument))
    if kind == "grader" and argument:
        from bleuberi.rewards.graders.reward import GraderReward

        return GraderReward(argument)
    if kind in WITH_MODEL and name != kind:
        if not argument.strip():
            raise UserError(
                f"The reward {name!r} names no model.",
                f"Write {kind}:MODEL. If it comes from a shell variable, check that the variable is set.",
            )
        return _with_model(kind, argument)
    options = argument.split(":") if kind in REWARDS and argument else []
    module_name, _, attribute = REWARDS.get(kind, name).partition(":")
    if attribute:
        return _imported(name, module_name, attribute, options)
    raise UserError(
        f"No metric or reward is called {name!r}.",
        f"There are: {', '.join(REWARDS)}; or give your own as package.module:Class or package.module:function.",
    )


def _imported(name: str, module_name: str, attribute: str, options: list[str]) -> Reward:
    """The object behind a dotted path: a reward, a class of rewards, or a reward function."""
    attribute, parenthesis, rest = attribute.partition("(")
    try:
        found = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"The reward {name!r} could not be loaded: {error}",
            "Check the dotted path package.module:Class, and that its package is installed.",
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
            f"{name!r} is not a reward.", "Name a class with name and signature(), or a function that TRL would take."
        )
    from bleuberi.rewards.function import FunctionReward

    return FunctionReward(found, name)


def _arguments(name: str, call: str) -> dict[str, Any]:
    """The keywords of `f(size=3, ...)`, whose values are literals. Errors: `UserError`."""
    try:
        parsed = ast.parse(call, mode="eval").body
        if not isinstance(parsed, ast.Call) or parsed.args:
            raise ValueError
        return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in parsed.keywords}
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"The arguments of the reward {name!r} cannot be read.", "Write package.module:make(size=3, name='a')."
        ) from error


def _keywords(name: str, of_class: Callable[..., object], options: list[str]) -> dict[str, object]:
    """The class's keywords for the options behind a reward's name."""
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
