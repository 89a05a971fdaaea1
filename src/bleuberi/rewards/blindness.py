"""Find data in scripts that a reward cannot read.

Such a reward still returns numbers: 0.0 for identical Russian texts, equal scores for right and wrong Chinese ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bleuberi.errors import UserError
from bleuberi.rewards.base import Reward, TextReward
from bleuberi.rewards.scripts import script_of

SOME_ROWS = 0.01  # warn from this share on
MOST_ROWS = 0.5  # above this share it is an error if the reward is used to train or select


class Blindness(NamedTuple):
    """The rows that a reward cannot read."""

    reward: str
    rows: int
    of: int
    script: str  # the most frequent one, as Unicode names it

    @property
    def sentence(self) -> str:
        """The problem as a sentence, e.g. `The reward rouge cannot read 40 of 50 rows (80%), mostly Cyrillic.`"""
        return (
            f"The reward {self.reward} cannot read {self.rows:,} of {self.of:,} rows "
            f"({self.rows / self.of:.0%}), mostly {self.script}."
        )


CURE = "Add the option auto, e.g. bleu:auto or rouge:auto, or use chrf."


def blindness(reward: Reward, references: Iterable[Sequence[str]]) -> Blindness | None:
    """Rows without a readable reference; None if they are under 1 % or the reward is not a `TextReward`."""
    if not isinstance(reward, TextReward):
        return None
    count = 0
    scripts: Counter[str] = Counter()
    for texts in references:
        count += 1
        if texts and all(map(reward.blind_to, texts)):
            scripts[script_of(texts[0])] += 1
    rows = scripts.total()
    return Blindness(reward.name, rows, count, scripts.most_common(1)[0][0]) if rows > SOME_ROWS * count else None


def blind_warnings(rewards: Iterable[Reward], references: Sequence[Sequence[str]]) -> list[str]:
    """One warning per reward that cannot read at least 1 % of the rows."""
    found = [blindness(reward, references) for reward in rewards]
    return [f"{one.sentence} {CURE}" for one in found if one is not None]


def refuse_blind(reward: Reward, references: Sequence[Sequence[str]]) -> str | None:
    """A warning, or None. Errors: `UserError` if the reward cannot read most of the rows."""
    found = blindness(reward, references)
    if found is None:
        return None
    if found.rows > MOST_ROWS * found.of:
        raise UserError(found.sentence, CURE)
    return f"{found.sentence} {CURE}"
