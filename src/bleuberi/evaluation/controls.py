"""Controls of an evaluation: the scores that trivial explanations of a gain would get on the same prompts.

`cut`: the base's responses cut to the lengths of the trained model's. `echo`: the last words of the prompt, as many as
the trained model wrote. `brief` and `long`: new responses of the base (`base_controls`). `placebo`: a model trained on
shuffled references. A gain over a control shows that this explanation is not enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bleuberi.artifacts import local_path
from bleuberi.errors import UserError
from bleuberi.evaluation.comparison import ScoreComparison
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.record import ControlResult
from bleuberi.on_disk import Mapped
from bleuberi.records import Example

CUT, ECHO, BRIEF, LONG, PLACEBO = "cut", "echo", "brief", "long", "placebo"
CONTROLS: Final = (ECHO, CUT, BRIEF, LONG)
NONE: Final = "none"
FROM_FILES: Final = (BRIEF, LONG)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Control:
    """The texts of one control: one sequence per trained model, or a single one for controls of the base. They may be
    made at each access.

    `reason` says why the control was not computed; it has no texts then.
    """

    name: str
    how: str
    base: str  # the model or group that the texts are of
    reason: str | None = None
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by trained model, or by `base`
    shortened: Mapping[str, float] = field(default_factory=dict)  # by trained model, of `cut`
    missing: int = 0  # prompts without a response, for which the base's own stands in

    def column(self, model: str) -> str:
        """The name of the scores with which a trained model's are compared. It has a colon, so no model can have this
        name."""
        return f":{self.name}:{model if model in self.texts else self.base}"


def read_controls(words: Sequence[str] | None) -> dict[str, Path | None]:
    """The controls to compute, by name, each with its response file or None. All controls if `words` is None.

    Errors: `UserError` for an unknown name, or for `none` together with others.
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
    """The first `words` words of the text with their spaces; the whole text if it does not have more."""
    if words <= 0:
        return ""
    for count, match in enumerate(_WORD.finditer(text), 1):
        if count == words:
            return text[: match.end()]
    return text


def last_words(text: str, words: int) -> str:
    """The last `words` words of the text with their spaces; the whole text if it does not have more."""
    starts = [match.start() for match in _WORD.finditer(text)]
    if words <= 0:
        return ""
    return text if words >= len(starts) else text[starts[-words] :]


def cut_control(base: str, base_texts: Sequence[str], others: Mapping[str, Sequence[str]]) -> Control:
    """The base's responses, each cut to the word count of the trained model's response. `others`: texts by trained
    model."""
    texts = {name: _cut_like(base_texts, column) for name, column in others.items()}
    how = f"responses of {base}, each cut to the words of the response that it is compared with"
    shortened = {name: shortened_share(base_texts, column) for name, column in texts.items()}
    return Control(CUT, how, base, texts=texts, shortened=shortened)


def echo_control(base: str, examples: Sequence[Example], others: Mapping[str, Sequence[str]]) -> Control:
    """The last words of each prompt, as many as the trained model's response has. `others`: texts by trained model."""
    texts = {name: _echo_like(examples, column) for name, column in others.items()}
    how = "the last words of the prompt, as many as the response that it is compared with has"
    return Control(ECHO, how, base, texts=texts)


def placebo_controls(placebos: Sequence[str]) -> list[Control]:
    """One control for each group that was trained on shuffled references; its texts are that group's responses.

    Without such a group, a single control with the reason why it was not computed.
    """
    if not placebos:
        return [Control(PLACEBO, "", "", "no group trained on shuffled references is named with --placebo")]
    return [Control(PLACEBO, f"the group {name}, trained on shuffled references", name) for name in placebos]


def control_records(
    controls: Sequence[Control], groups: Sequence[Group], compared: ScoreComparison
) -> tuple[ControlResult, ...]:
    """The control records of every group except the base."""
    by_name = {group.name: group for group in groups}
    return tuple(
        _record(control, by_name.get(control.base), group, compared)
        for group in groups[1:]
        for control in controls
        if control.base != group.name
    )


def shortened_share(base: Sequence[str], cut: Sequence[str]) -> float:
    """The share of responses that became shorter."""
    lost = sum(_count(left) > _count(right) for left, right in zip(base, cut, strict=True))
    return lost / len(base) if base else 0.0


def _record(control: Control, placebo: Group | None, group: Group, compared: ScoreComparison) -> ControlResult:
    entry = ControlResult(
        name=control.name, base=control.base, other=group.name, computed=control.reason is None, reason=control.reason,
        how=control.how, missing=control.missing,
    )  # fmt: skip
    if control.reason is not None:
        return entry
    if control.name == PLACEBO and placebo is not None:
        mean, difference = compared.mean(placebo), compared.difference(placebo, group)
    else:
        columns = [control.column(name) for name in group.members]
        mean = compared.mean(Group(control.name, tuple(dict.fromkeys(columns))))
        difference = compared.gain(list(zip(group.members, columns, strict=True)))
    shares = [control.shortened[name] for name in group.members] if control.shortened else []
    shortened = sum(shares) / len(shares) if shares else None
    return replace(entry, mean=mean, difference=difference, shortened=shortened, mean_words=mean["words"].value)


def _cut_like(base: Sequence[str], other: Sequence[str]) -> Sequence[str]:
    return Mapped(range(len(base)), lambda place: cut_to_words(base[place], _count(other[place])))


def _echo_like(examples: Sequence[Example], other: Sequence[str]) -> Sequence[str]:
    return Mapped(range(len(examples)), lambda place: last_words(examples[place].prompt, _count(other[place])))


def _count(text: str) -> int:
    return len(_WORD.findall(text))
