"""The controls for which the base writes again: told to be brief, with a longer limit. Files may stand in."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.controls import BRIEF, FROM_FILES, Control
from bleuberi.evaluation.response_files import ResponseFile, cut_share, read_response_file
from bleuberi.generation.base import Output
from bleuberi.generation.cached import CachedEngine
from bleuberi.records import Conversation, Example, Message

log = logging.getLogger(__name__)

LONGER: Final = 4  # times the limit of the evaluation
FEW_CUT: Final = 0.05  # of the base's responses: a longer limit would change hardly anything
MOST_MISSING: Final = 0.05  # of the prompts


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The base's further responses by prompt id, or the reason why there are none."""

    how: str
    outputs: Mapping[str, Output] = field(default_factory=dict)
    reason: str | None = None


def write_again(
    config: EvaluationConfig,
    examples: Sequence[Example],
    own: Mapping[str, Output],  # the base's responses
    engine: CachedEngine | None,  # None: the base is a file
    files: Mapping[str, ResponseFile],  # by control
) -> dict[str, Rewritten]:
    """What the base writes for `brief` and `long`, as far as they are asked for. Errors: `UserError` of the engine."""
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
        name: read_response_file(path, examples, flag="--controls")
        for name, path in controls.items()
        if path is not None
    }


def rewritten_controls(
    rewritten: Mapping[str, Rewritten], base: str, examples: Sequence[Example], own: Mapping[str, Output]
) -> list[Control]:
    """The controls on the prompts of `examples`. A prompt without a further response keeps the base's own."""
    controls = []
    for name, found in rewritten.items():
        usable = {
            row.id: found.outputs[row.id].text
            for row in examples
            if row.id in found.outputs and not found.outputs[row.id].unanswered
        }
        missing = len(examples) - len(usable)
        reason = found.reason
        if reason is None and missing > MOST_MISSING * len(examples):
            reason = f"{missing} of {len(examples)} prompts have no response"
        texts = {base: [usable.get(row.id, own[row.id].text) for row in examples]} if reason is None else {}
        controls.append(Control(name, found.how, base, reason, texts, missing=missing if reason is None else 0))
    return controls


def _no_brief(examples: Sequence[Example]) -> str | None:
    return None if any(row.references for row in examples) else "there are no references, so no length to ask for"


def _no_long(own: Mapping[str, Output], base: str) -> str | None:
    share = cut_share(list(own.values()))
    if share is None:
        return f"it is not known how many responses of {base} were cut at the limit"
    if share <= FEW_CUT:
        return f"not needed, since {share:.0%} of the responses of {base} were cut at the limit"
    return None


def _ask_brief(
    config: EvaluationConfig, examples: Sequence[Example], own: Mapping[str, Output], engine: CachedEngine
) -> Rewritten:
    words = round(statistics.median(len(text.split()) for row in examples for text in row.references))
    instruction = f"Answer in at most {max(1, words)} words."
    asked = [Conversation(row.id, _with_instruction(row.messages, instruction)) for row in examples]
    how = f'{config.models[0].name} asked with the further instruction "{instruction}"'
    return Rewritten(how, engine.answer(asked, config.sampling))


def _ask_long(
    config: EvaluationConfig, examples: Sequence[Example], own: Mapping[str, Output], engine: CachedEngine
) -> Rewritten:
    limit = LONGER * config.max_new_tokens
    cut = [row.conversation for row in examples if own[row.id].finish_reason == "length"]
    # Greedy responses that ended by themselves are the same with any higher limit.
    again = engine.answer(cut, replace(config.sampling, max_new_tokens=limit))
    return Rewritten(f"{config.models[0].name} with at most {limit:,} tokens per response", {**own, **again})


def _with_instruction(messages: Sequence[Message], instruction: str) -> list[Message]:
    """The turns with the sentence at the end of the last user turn."""
    last = max(place for place, turn in enumerate(messages) if turn["role"] == "user")
    turns = list(messages)
    turns[last] = Message(role="user", content=f"{turns[last]['content']}\n\n{instruction}")
    return turns
