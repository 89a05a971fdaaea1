"""Controls of an evaluation: what a cheap explanation of a gain would score on the same prompts.

`cut`: the base's responses cut to the lengths of the trained model's. `echo`: the last words of the prompt, as many as
the trained model wrote. `brief` and `long`: the base asked again (`base_controls`). `placebo`: a model trained on
shuffled references. A gain over one of them is more than what it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import local_path
from bleuberi.errors import UserError
from bleuberi.evaluation.comparison import ScoreComparison, to_json
from bleuberi.evaluation.models import Group
from bleuberi.records import Example

CUT, ECHO, BRIEF, LONG, PLACEBO = "cut", "echo", "brief", "long", "placebo"
CONTROLS: Final = (ECHO, CUT, BRIEF, LONG)
NONE: Final = "none"
FROM_FILES: Final = (BRIEF, LONG)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Control:
    """The texts of one control. A control of each trained model has a text per model, one of the base a single one.

    `reason` says why it was not computed; it has no texts then.
    """

    name: str
    how: str
    base: str  # the model or group that the texts are of
    reason: str | None = None
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by trained model, or by `base`
    shortened: Mapping[str, float] = field(default_factory=dict)  # by trained model, of `cut`
    missing: int = 0  # prompts without a response, for which the base's own stands in

    def column(self, model: str) -> str:
        """The name of the scores to compare a trained model's with. No model can have it: names have no colon."""
        return f":{self.name}:{model if model in self.texts else self.base}"


def read_controls(words: Sequence[str] | None) -> dict[str, Path | None]:
    """The controls to compute by name, with the file of responses of those that have one. None: all.

    Errors: `UserError` for an unknown name, or `none` beside others.
    """
    if words is None:
        return dict.fromkeys(CONTROLS)
    if list(words) == [NONE]:
        return {}
    found: dict[str, Path | None] = {}
    for word in words:
        name, given, file = word.partition("=")
        if name not in CONTROLS or name in found or (given and (name not in FROM_FILES or not file)):
            raise UserError(
                f"--controls got {word!r}.",
                f"Name each once: {', '.join(CONTROLS)}, brief=FILE or long=FILE with responses; or only {NONE}.",
            )
        found[name] = local_path(file) if given else None
    return found


def cut_to_words(text: str, words: int) -> str:
    """The text up to the end of its word of that number, spaces kept; the whole text if it has no more words."""
    if words <= 0:
        return ""
    for count, match in enumerate(_WORD.finditer(text), 1):
        if count == words:
            return text[: match.end()]
    return text


def last_words(text: str, words: int) -> str:
    """The text from the beginning of its last word but so many, spaces kept; the whole text if it has no more words."""
    starts = [match.start() for match in _WORD.finditer(text)]
    if words <= 0:
        return ""
    return text if words >= len(starts) else text[starts[-words] :]


def cut_control(base: str, base_texts: Sequence[str], others: Mapping[str, Sequence[str]]) -> Control:
    """The base's responses, each cut to the word count of the other's. `others`: texts by trained model."""
    texts = {name: _cut_like(base_texts, column) for name, column in others.items()}
    how = f"responses of {base}, each cut to the words of the response that it is compared with"
    shortened = {name: shortened_share(base_texts, column) for name, column in texts.items()}
    return Control(CUT, how, base, texts=texts, shortened=shortened)


def echo_control(base: str, examples: Sequence[Example], others: Mapping[str, Sequence[str]]) -> Control:
    """The prompt's last words, as many as the other's response has. `others`: texts by trained model."""
    texts = {
        name: [last_words(row.prompt, _count(text)) for row, text in zip(examples, column, strict=True)]
        for name, column in others.items()
    }
    how = "the last words of the prompt, as many as the response that it is compared with has"
    return Control(ECHO, how, base, texts=texts)


def placebo_controls(placebos: Sequence[str]) -> list[Control]:
    """One control per group that was trained on shuffled references; its texts are those of the group.

    Without such a group, one that was not computed.
    """
    if not placebos:
        return [Control(PLACEBO, "", "", "no group trained on shuffled references is named with --placebo")]
    return [Control(PLACEBO, f"the group {name}, trained on shuffled references", name) for name in placebos]


def control_records(
    controls: Sequence[Control], groups: Sequence[Group], compared: ScoreComparison
) -> list[dict[str, Any]]:
    """The entries of `evaluation.json`, for each group but the base."""
    by_name = {group.name: group for group in groups}
    return [
        _record(control, by_name.get(control.base), group, compared)
        for group in groups[1:]
        for control in controls
        if control.base != group.name
    ]


def shortened_share(base: Sequence[str], cut: Sequence[str]) -> float:
    """The share of responses that lost words."""
    lost = sum(_count(left) > _count(right) for left, right in zip(base, cut, strict=True))
    return lost / len(base) if base else 0.0


def _record(control: Control, placebo: Group | None, group: Group, compared: ScoreComparison) -> dict[str, Any]:
    entry = {
        "name": control.name, "base": control.base, "other": group.name, "computed": control.reason is None,
        "reason": control.reason, "how": control.how, "mean": None, "difference": None, "shortened": None,
        "mean_words": None, "missing": control.missing,
    }  # fmt: skip
    if control.reason is not None:
        return entry
    if control.name == PLACEBO and placebo is not None:
        mean, difference = compared.mean(placebo), compared.difference(placebo, group)
    else:
        columns = [control.column(name) for name in group.members]
        mean = compared.mean(Group(control.name, tuple(dict.fromkeys(columns))))
        difference = compared.gain(list(zip(group.members, columns, strict=True)))
    if control.shortened:
        entry["shortened"] = sum(control.shortened[name] for name in group.members) / len(group.members)
    return entry | {
        "mean": to_json(mean), "difference": to_json(difference), "mean_words": mean["words"].value,
    }  # fmt: skip


def _cut_like(base: Sequence[str], other: Sequence[str]) -> list[str]:
    return [cut_to_words(text, _count(like)) for text, like in zip(base, other, strict=True)]


def _count(text: str) -> int:
    return len(_WORD.findall(text))
