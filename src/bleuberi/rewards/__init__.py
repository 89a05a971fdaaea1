"""Rewards: numbers that say how good a response is, given references. Needs no torch.

`from bleuberi.rewards import Bleu, RougeL, load_reward`
"""

from __future__ import annotations

from importlib import import_module

from bleuberi.errors import UserError
from bleuberi.rewards.base import Reward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.combined import BleuRougeF1
from bleuberi.rewards.rouge import RougeL

__all__ = ["REWARDS", "Bleu", "BleuRougeF1", "Reward", "RougeL", "load_reward"]

REWARDS = {
    "bleu": "bleuberi.rewards.bleu:Bleu",
    "bleu_plain_unigrams": "bleuberi.rewards.bleu:BleuPlainUnigrams",
    "bleu_closest": "bleuberi.rewards.bleu:BleuClosest",
    "bleu_short_f1": "bleuberi.rewards.bleu:BleuShortF1",
    "rouge": "bleuberi.rewards.rouge:RougeL",
    "bleu_rouge_f1": "bleuberi.rewards.combined:BleuRougeF1",
}
"""Names -> classes that are called without arguments. A dotted path `package.module:Class` works in a name's place."""


def load_reward(name: str) -> Reward:
    """The reward of that name, or of that dotted path. Errors: `UserError` listing the names there are."""
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
