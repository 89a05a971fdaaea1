"""The reward interface.

One call scores a batch. It accepts our own keywords (`prompts`, `responses`, `references`) and those of TRL's reward
functions (`prompts`, `completions`, all dataset columns and more), so `GRPOTrainer(reward_funcs=...)` accepts a reward
unchanged.
"""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, SupportsFloat, runtime_checkable

from bleuberi.errors import UserError
from bleuberi.records import Example, Message
from bleuberi.strict_json import as_finite

log = logging.getLogger(__name__)

Completion = str | Sequence[Message]
Scores = list[float | None]  # None = cannot be scored
_ROWS_AT_ONCE = 4096
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
        """Score N responses, each against its own 1 to K references; None if a response cannot be scored."""
        ...

    def signature(self) -> str:
        """All settings that affect the score, e.g. `bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1`."""
        ...


class Traits(NamedTuple):
    """The optional attributes of a reward, with the defaults for rewards that lack them."""

    needs_references: bool = True
    needs_prompts: bool = False
    over_whole_pool: bool = False  # a call brings the whole pool, since scores depend on the other rows


def traits_of(reward: object) -> Traits:
    """The optional attributes of any reward, including a user's own."""
    return Traits(**{name: getattr(reward, name) for name in Traits._fields if hasattr(reward, name)})


@runtime_checkable
class OverPool(Protocol):
    """A reward over the whole pool.

    Give a trainer this reward's `parts` instead of the reward: it takes them as separate rewards and standardises each.
    """

    over_whole_pool: bool
    parts: Sequence[Reward]


class TextReward:
    """Base class of our rewards. A subclass defines `name`, `signature` and `score_batch` (or `score_rows`, if it reads
    the prompts)."""

    name: str
    needs_references = Traits().needs_references
    needs_prompts = Traits().needs_prompts

    @property
    def __name__(self) -> str:
        """TRL logs a reward function under its `__name__`."""
        return self.name

    def variant(self, *settings: str) -> str:
        """The name plus all non-default settings, e.g. `meteor_mean`."""
        return "_".join([type(self).name, *(setting for setting in settings if setting not in DEFAULT_SETTINGS)])

    def signature(self) -> str:
        raise UserError(f"The reward {type(self).__name__} has no signature.", "Define signature() in its class.")

    def blind_to(self, text: str) -> bool:
        """Whether this reward cannot read the text because its tokenizer ignores the text's script."""
        return False

    def score_batch(
        self,
        responses: Sequence[str],  # N
        references: Sequence[Sequence[str]],  # N, each 1..K
    ) -> Scores:  # N
        """One score per response; None if a response cannot be scored."""
        raise UserError(f"The reward {type(self).__name__} cannot score.", "Define score_batch() in its class.")

    def score_rows(
        self,
        prompts: Sequence[str],  # N, or empty
        responses: Sequence[str],  # N
        references: Sequence[Sequence[str]],  # N, each 0..K
    ) -> Scores:  # N
        """Score texts that `__call__` has checked. May return NaN or infinities; `__call__` replaces them with None."""
        return self.score_batch(responses, references)

    def __call__(
        self,
        prompts: Sequence[Completion] | None = None,  # N
        responses: Sequence[str | None] | None = None,  # N; None (no response) gets no score
        references: Sequence[Sequence[str]] | None = None,  # N, each 1..K
        *,
        completions: Sequence[Completion] | None = None,  # N; TRL's word for responses
        **_: object,  # TRL passes all dataset columns and its trainer's state
    ) -> Scores:
        """Score a batch. Errors: `UserError` if texts are missing or not strings, or their numbers differ."""
        if responses is None and completions is not None:
            responses = [completion_text(completion) for completion in completions]
        if responses is None:
            raise UserError(f"The reward {self.name} got no responses.", "Pass responses=[...] or completions=[...].")
        if not self.needs_references:
            references = [()] * len(responses)
        if references is None:
            raise UserError(
                f"The reward {self.name} got no references.",
                "Add a column `references` to the data set: a list of reference answers per row.",
            )
        if len(references) != len(responses):
            raise UserError(
                f"The reward {self.name} got {len(responses)} responses and {len(references)} lists of references.",
                "Pass one list of references per response.",
            )
        if self.needs_prompts and len(prompts or ()) != len(responses):
            raise UserError(
                f"The reward {self.name} got {len(responses)} responses and {len(prompts or ())} prompts.",
                "Pass one prompt per response.",
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
    """Score with any reward, including a user's own, and check the scores. Errors: as `finite_scores`."""
    given = reward(prompts=prompts, responses=responses, references=references)
    return checked_scores(reward.name, given, len(responses))


def score_examples(reward: Reward, scored: Sequence[Example], responses: Sequence[str]) -> array[float]:
    """The scores of N responses, each against its example's references; NaN for none. Text rewards get a part of the
    rows at a time; rewards that need all rows, and other rewards, get all at once."""
    by_parts = isinstance(reward, TextReward) and not traits_of(reward).over_whole_pool
    rows_at_once = _ROWS_AT_ONCE if by_parts else max(1, len(scored))
    values = array("d")
    for start in range(0, max(1, len(scored)), rows_at_once):
        part = scored[start : start + rows_at_once]
        found = score_responses(
            reward,
            prompts=[row.prompt for row in part],
            responses=responses[start : start + rows_at_once],
            references=[row.references for row in part],
        )
        values.extend(math.nan if value is None else value for value in found)
    return values


def checked_scores(name: str, given: Iterable[object], count: int) -> Scores:
    """Replace NaN and infinities by None and log a warning with their count."""
    scores, not_finite = finite_scores(name, given, count)
    warn_of_not_finite(name, not_finite, count)
    return scores


def finite_scores(name: str, given: Iterable[object], count: int) -> tuple[Scores, int]:
    """Convert scores to finite numbers or None; also count those that were NaN, infinite or too large.

    Errors: `UserError` if the number of scores is wrong, or a score is not a number.
    """
    scores: Scores = []
    not_finite = 0
    for row, score in enumerate(given):
        if score is None or (type(score) is float and math.isfinite(score)):  # fast path for nearly all scores
            scores.append(score)
            continue
        if not isinstance(score, SupportsFloat):
            raise UserError(
                f"The reward {name} gave {score!r:.60} for row {row}, which is not a number.",
                "A reward must return one number per response, or None if it cannot be scored.",
            )
        scores.append(as_finite(score))
        not_finite += scores[-1] is None
    if len(scores) != count:
        raise UserError(
            f"The reward {name} gave {len(scores)} scores for {count} responses.",
            "A reward must return one number per response, or None if it cannot be scored.",
        )
    return scores, not_finite


def warn_of_not_finite(name: str, not_finite: int, count: int) -> None:
    """Log how many responses have no score because the reward returned NaN or an infinity."""
    if not_finite:
        log.warning(
            "The reward %s gave no finite number for %d of %d responses: they have no score", name, not_finite, count
        )


def completion_text(completion: Completion) -> str:
    """The text of a TRL completion or prompt, plain or conversational (content of the last turn)."""
    if isinstance(completion, str):
        return completion
    if not completion:
        return ""
    content = completion[-1].get("content")
    return content if isinstance(content, str) else ""


def check_responses(responses: Sequence[str | None]) -> list[int]:
    """The indices of rows without a response. Errors: `UserError` for a response that is not a string."""
    missing = [row for row, text in enumerate(responses) if not isinstance(text, str)]
    for row in missing:
        if responses[row] is not None:
            raise UserError(
                f"The response in row {row} is not a string: {responses[row]!r:.80}",
                "Give every row a string, or None if there is no response.",
            )
    return missing


def check_references(references: Sequence[Sequence[str]]) -> None:
    """Reject a string in place of a list: it would be scored letter by letter."""
    for row, texts in enumerate(references):
        if (
            isinstance(texts, str)
            or not isinstance(texts, Iterable)
            or not all(isinstance(text, str) for text in texts)
        ):
            raise UserError(
                f"The references in row {row} are not a list of strings: {texts!r:.80}",
                "Give every row a list of strings, even if it has only one reference.",
            )
