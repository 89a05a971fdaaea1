"""What a reward is.

One call scores a batch and serves two callers: our own keyword contract (`prompts`, `responses`, `references`)
and TRL's reward functions (`prompts`, `completions`, every column of the data set, further keywords), so a reward
goes into `GRPOTrainer(reward_funcs=...)` as it is.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, SupportsFloat, runtime_checkable

from bleuberi.errors import UserError
from bleuberi.records import Message
from bleuberi.strict_json import as_finite

log = logging.getLogger(__name__)

Completion = str | Sequence[Message]
Scores = list[float | None]  # None = cannot be scored
DEFAULT_SETTINGS = ("", "13a", "ascii", "best")


class Reward(Protocol):
    """Scores responses against references; higher is better. Small, picklable, without state between calls."""

    name: str  # log key and file-name part

    def __call__(
        self,
        *,
        prompts: Sequence[str],  # N, the user's text
        responses: Sequence[str],  # N
        references: Sequence[Sequence[str]],  # N, each 1..K, ragged
    ) -> list[float | None]:  # N; None = cannot be scored
        """Score N responses, each against its own 1 to K references; None for a response that cannot be scored."""
        ...

    def signature(self) -> str:
        """Every setting that decides the number, e.g. `bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1`."""
        ...


class Traits(NamedTuple):
    """The optional attributes of a reward; each default counts for a reward without the attribute."""

    needs_references: bool = True
    needs_prompts: bool = False
    over_whole_pool: bool = False  # a call brings the whole pool, since scores depend on the other rows


def traits_of(reward: object) -> Traits:
    """The optional attributes of any reward, a user's own too."""
    return Traits(**{name: getattr(reward, name) for name in Traits._fields if hasattr(reward, name)})


@runtime_checkable
class OverPool(Protocol):
    """A reward over the whole pool whose parts a trainer gets instead, as rewards that it standardises itself."""

    over_whole_pool: bool
    parts: Sequence[Reward]


class TextReward:
    """Base of the rewards here. A subclass says `name`, `signature` and `score_batch` (or, where it reads the prompts,
    `score_rows`)."""

    name: str
    needs_references = Traits().needs_references
    needs_prompts = Traits().needs_prompts

    @property
    def __name__(self) -> str:
        """TRL logs a reward function under its `__name__`."""
        return self.name

    def variant(self, *settings: str) -> str:
        """The name with those settings that are not the default ones, e.g. `meteor_mean`."""
        return "_".join([type(self).name, *(setting for setting in settings if setting not in DEFAULT_SETTINGS)])

    def signature(self) -> str:
        raise UserError(f"The reward {type(self).__name__} has no signature.", "Define signature() in its class.")

    def blind_to(self, text: str) -> bool:
        """Whether this reward cannot tell such a text from others, because its tokens are made for other scripts."""
        return False

    def score_batch(
        self,
        responses: Sequence[str],  # N
        references: Sequence[Sequence[str]],  # N, each 1..K
    ) -> Scores:  # N
        """The scores, one a response; None where no number can be given."""
        raise UserError(f"The reward {type(self).__name__} scores nothing.", "Define score_batch() in its class.")

    def score_rows(
        self,
        prompts: Sequence[str],  # N, or none at all
        responses: Sequence[str],  # N
        references: Sequence[Sequence[str]],  # N, each 0..K
    ) -> Scores:  # N
        """What `__call__` hands its checked texts to. It may give NaN or infinities: `__call__` makes them None."""
        return self.score_batch(responses, references)

    def __call__(
        self,
        prompts: Sequence[Completion] | None = None,  # N
        responses: Sequence[str | None] | None = None,  # N; None (no answer) has no score
        references: Sequence[Sequence[str]] | None = None,  # N, each 1..K
        *,
        completions: Sequence[Completion] | None = None,  # N; TRL's word for responses
        **_: object,  # TRL hands over every column of the data set and its trainer's state
    ) -> Scores:
        """Score a batch. Errors: `UserError` where texts are missing, differ in number or are none."""
        if responses is None and completions is not None:
            responses = [completion_text(completion) for completion in completions]
        if responses is None:
            raise UserError(f"The reward {self.name} got no responses.", "Pass responses=[...] or completions=[...].")
        if not self.needs_references:
            references = [()] * len(responses)
        if references is None:
            raise UserError(
                f"The reward {self.name} got no references.",
                "Give the data set a column `references`: for every row a list of reference answers.",
            )
        if len(references) != len(responses):
            raise UserError(
                f"The reward {self.name} got {len(responses)} responses and {len(references)} lists of references.",
                "Pass one list of references for every response.",
            )
        if self.needs_prompts and len(prompts or ()) != len(responses):
            raise UserError(
                f"The reward {self.name} got {len(responses)} responses and {len(prompts or ())} prompts.",
                "Pass one prompt for every response.",
            )
        check_references(references)
        missing = check_responses(responses)
        asked = [completion_text(prompt) for prompt in prompts or ()] if self.needs_prompts else ()
        given = self.score_rows(asked, [text or "" for text in responses], references)
        scores = checked_scores(self.name, given, len(responses))
        for row in missing:
            scores[row] = None
        return scores


def score_responses(
    reward: Reward,
    *,
    prompts: Sequence[str],  # N
    responses: Sequence[str],  # N
    references: Sequence[Sequence[str]],  # N, each 0..K
) -> Scores:  # N, finite numbers or None
    """The scores of any reward, a user's own too, checked. Errors: `UserError` as `finite_scores`."""
    given = reward(prompts=prompts, responses=responses, references=references)
    return checked_scores(reward.name, given, len(responses))


def checked_scores(name: str, given: Iterable[object], count: int) -> Scores:
    """The scores that the reward `name` gave, with None for NaN and infinities, and a warning that counts them."""
    scores, not_finite = finite_scores(name, given, count)
    warn_of_not_finite(name, not_finite, count)
    return scores


def finite_scores(name: str, given: Iterable[object], count: int) -> tuple[Scores, int]:
    """The scores as finite numbers or None, and how many were NaN, infinite or too large for a float.

    Errors: `UserError` for another number of scores than responses, or a score that is not a number.
    """
    scores: Scores = []
    not_finite = 0
    for row, score in enumerate(given):
        if score is None or (type(score) is float and math.isfinite(score)):  # nearly always: kept fast
            scores.append(score)
            continue
        if not isinstance(score, SupportsFloat):
            raise UserError(
                f"The reward {name} gave {score!r:.60} for row {row}, which is not a number.",
                "A reward returns one number for every response, or None if it cannot be scored.",
            )
        scores.append(as_finite(score))
        not_finite += scores[-1] is None
    if len(scores) != count:
        raise UserError(
            f"The reward {name} gave {len(scores)} scores for {count} responses.",
            "A reward returns one number for every response, or None if it cannot be scored.",
        )
    return scores, not_finite


def warn_of_not_finite(name: str, not_finite: int, count: int) -> None:
    """Say how many responses have no score because the reward gave NaN or an infinity; nothing if there are none."""
    if not_finite:
        log.warning(
            "The reward %s gave no finite number for %d of %d responses: they have no score", name, not_finite, count
        )


def completion_text(completion: Completion) -> str:
    """The text of a TRL completion or prompt, plain or conversational (the last turn's content)."""
    if isinstance(completion, str):
        return completion
    if not completion:
        return ""
    content = completion[-1].get("content")
    return content if isinstance(content, str) else ""


def check_responses(responses: Sequence[str | None]) -> list[int]:
    """The rows without a response. Errors: `UserError` naming the row where something else than text stands."""
    missing = [row for row, text in enumerate(responses) if not isinstance(text, str)]
    for row in missing:
        if responses[row] is not None:
            raise UserError(
                f"The response of row {row} is not a text: {responses[row]!r:.80}",
                "Give every row a string, or None where there is no answer.",
            )
    return missing


def check_references(references: Sequence[Sequence[str]]) -> None:
    """Refuse what silently scores wrong: a bare string in place of a list is read letter by letter."""
    for row, texts in enumerate(references):
        if (
            isinstance(texts, str)
            or not isinstance(texts, Iterable)
            or not all(isinstance(text, str) for text in texts)
        ):
            raise UserError(
                f"The references of row {row} are not a list of texts: {texts!r:.80}",
                "Give every row a list of strings, also where there is only one reference.",
            )
