"""Rewards by name for TRL's own command line: `trl grpo --reward_funcs bleuberi.trl.bleu`.

Each name of `bleuberi.rewards.REWARDS` is an attribute (`chrf++` is `chrfpp`); it is loaded when it is first
used. The data set needs a column `references`: a list of texts per row.
"""

from __future__ import annotations

from bleuberi.errors import UserError
from bleuberi.rewards import Reward, load_reward


def __getattr__(name: str) -> Reward:
    """The reward of that name. Errors: `AttributeError` for an unknown name."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return load_reward("chrf++" if name == "chrfpp" else name)
    except UserError as error:
        raise AttributeError(f"{error.what} {error.cure}") from error
