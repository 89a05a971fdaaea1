"""Controls for which the base generates again: told to be brief, or with a longer limit. Response files may replace
this."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.controls import BRIEF, FROM_FILES, Control
from bleuberi.evaluation.response_files import ResponseFile, cut_share, read_response_file
from bleuberi.generation.base import Output
from bleuberi.generation.cached import CachedEngine
from bleuberi.on_disk import Mapped, Spilled
from bleuberi.records import Conversation, Example, Message

log = logging.getLogger(__name__)

LONGER: Final = 4  # times the limit of the evaluation
FEW_CUT: Final = 0.05  # of the base's responses: a longer limit would change hardly anything
MOST_MISSING: Final = 0.05  # of the prompts


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The base's responses for such a control, in the order of the prompts, or the reason why there are none."""

    how: str
    outputs: Sequence[Output | None] = ()  # N
    reason: str | None = None


def write_again(
    config: EvaluationConfig,
    examples: Sequence[Example],
    own: Sequence[Output | None],  # N, the base's responses
    engine: CachedEngine | None,  # None: the base is a file
    files: Mapping[str, ResponseFile],  # by control
) -> dict[str, Rewritten]:
    """Generate the base's responses for the requested ones of `brief` and `long`, or take them from files. Errors:
    `UserError` of the engine."""
    base = config.models[0].name
    found = {}
    for name in (name for name in FROM_FILES if name in config.controls):
        if name in files:
            found[name] = Rewritten(f"responses of {files[name].path.name}", files[name].outputs)
            continue
        reason = _no_brief(examples) if name == BRIEF else _no_long(own, base)
        if reason is None and (engine is None or config.engine == "canned"):
            reason = f"the responses of {base} come from a file, and none is given with --controls {name}=FILE"
        if reason is not None or engine is None:
            found[name] = Rewritten("", reason=reason)
        else:
            log.info("Answers of %s for the control %s", base, name)
            found[name] = (_ask_brief if name == BRIEF else _ask_long)(config, examples, own, engine)
    return found


def read_control_files(controls: Mapping[str, Path | None], examples: Sequence[Example]) -> dict[str, ResponseFile]:
    """The responses of `--controls brief=FILE long=FILE`, by control. Errors: `UserError`."""
    return {
        name: read_response_file(path, examples, flag="--controls", log_unknown=True)
        for name, path in controls.items()
        if path is not None
    }


def rewritten_controls(rewritten: Mapping[str, Rewritten], base: str, own: Sequence[Output]) -> list[Control]:
    """The controls on the prompts of the base's `own` responses; `rewritten` has those prompts in the same order. If a
    prompt lacks the additional response, the base's own is used."""
    controls = []
    for name, found in rewritten.items():
        missing = sum(_text(output) is None for output in found.outputs)
        reason = found.reason
        if reason is None and missing > MOST_MISSING * len(own):
            reason = f"{missing} of {len(own)} prompts have no response"
        texts = {base: _texts(found.outputs, own)} if reason is None else {}
        controls.append(Control(name, found.how, base, reason, texts, missing=missing if reason is None else 0))
    return controls


def _texts(outputs: Sequence[Output | None], own: Sequence[Output]) -> Sequence[str]:
    def text(place: int) -> str:
        found = _text(outputs[place])
        return own[place].text if found is None else found

    return Mapped(range(len(own)), text)


def _text(output: Output | None) -> str | None:
    return None if output is None or output.unanswered else output.text


def _no_brief(examples: Sequence[Example]) -> str | None:
    return None if any(row.references for row in examples) else "there are no references, so no length to ask for"


def _no_long(own: Sequence[Output | None], base: str) -> str | None:
    share = cut_share(output for output in own if output is not None)
    if share is None:
        return f"it is not known how many responses of {base} were cut at the limit"
    if share <= FEW_CUT:
        return f"not needed, since {share:.0%} of the responses of {base} were cut at the limit"
    return None


def _ask_brief(
    config: EvaluationConfig, examples: Sequence[Example], own: Sequence[Output | None], engine: CachedEngine
) -> Rewritten:
    words = round(float(np.median(array("q", (len(text.split()) for row in examples for text in row.references)))))
    instruction = f"Answer in at most {max(1, words)} words."
    asked = Mapped(examples, lambda row: Conversation(row.id, _with_instruction(row.messages, instruction)))
    how = f'{config.models[0].name} asked with the further instruction "{instruction}"'
    return Rewritten(how, Spilled(output for _, output in engine.answer_each(asked, config.sampling)))


def _ask_long(
    config: EvaluationConfig, examples: Sequence[Example], own: Sequence[Output | None], engine: CachedEngine
) -> Rewritten:
    limit = LONGER * config.max_new_tokens
    cut = array("q", (place for place, output in enumerate(own) if _is_cut(output)))
    asked = Mapped(cut, lambda place: examples[place].conversation)
    # Greedy responses that ended by themselves are the same with any higher limit.
    again = engine.answer_each(asked, replace(config.sampling, max_new_tokens=limit))
    outputs = Spilled(next(again)[1] if _is_cut(output) else output for output in own)
    return Rewritten(f"{config.models[0].name} with at most {limit:,} tokens per response", outputs)


def _is_cut(output: Output | None) -> bool:
    return output is not None and output.finish_reason == "length"


def _with_instruction(messages: Sequence[Message], instruction: str) -> list[Message]:
    """The turns with the sentence at the end of the last user turn."""
    last = max(place for place, turn in enumerate(messages) if turn["role"] == "user")
    turns = list(messages)
    turns[last] = Message(role="user", content=f"{turns[last]['content']}\n\n{instruction}")
    return turns
