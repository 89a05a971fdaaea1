"""Rewards: numbers that say how good a response is, given references. Needs no torch.

`from bleuberi.rewards import Bleu, RougeL, load_reward`
"""

from __future__ import annotations

from importlib import import_module

from bleuberi.errors import UserError
from bleuberi.rewards.base import Reward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.combined import BleuRougeF1
from bleuberi.rewards.references import References
from bleuberi.rewards.rouge import RougeL

__all__ = ["REWARDS", "Bleu", "BleuRougeF1", "References", "Reward", "RougeL", "load_reward"]

REWARDS = {
    "bleu": "bleuberi.rewards.bleu:Bleu",
    "rouge": "bleuberi.rewards.rouge:RougeL",
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
"""Names -> classes that are called without arguments. A dotted path `package.module:Class` works in a name's place."""

WITH_MODEL = ("bertscore", "emb", "rm", "bleu_rm")
"""Names that take a model behind a colon: a folder, a name on the hub or, for the last two, a URL."""


def load_reward(name: str) -> Reward:
    """The reward of that name, or of a dotted path. `emb:folder` gives it a model, `answer:bleu` scores what stands
    between answer tags. Errors: `UserError` listing the names there are."""
    kind, _, argument = name.partition(":")
    if kind == "answer" and argument:
        from bleuberi.rewards.tags import OnAnswer

        return OnAnswer(load_reward(argument))
    if kind in WITH_MODEL and name != kind:
        if not argument.strip():
            raise UserError(
                f"The reward {name!r} names no model.",
                f"Write {kind}:MODEL. If it comes from a shell variable, check that the variable is set.",
            )
        return _with_model(kind, argument)
    module_name, _, attribute = REWARDS.get(name, name).partition(":")
    if not attribute:
        raise UserError(
            f"No metric or reward is called {name!r}.",
            f"There are: {', '.join(REWARDS)}; or give your own as package.module:Class.",
        )
    try:
        made = getattr(import_module(module_name), attribute)()
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"The reward {name!r} could not be loaded: {error}",
            "Check the dotted path package.module:Class, and that its package is installed.",
        ) from error
    if not callable(made) or not hasattr(made, "signature"):
        raise UserError(f"{name!r} is not a reward.", "A reward is callable and has name and signature().")
    reward: Reward = made
    return reward


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
