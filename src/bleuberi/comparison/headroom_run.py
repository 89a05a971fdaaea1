"""`bleuberi headroom`: reads or draws the samples, asks for greedy and brief responses, and measures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bleuberi.artifacts import make_manifest, write_json
from bleuberi.comparison.headroom import Headroom, Row, measure
from bleuberi.data.made_responses import join_responses, no_response_fits, read_responses
from bleuberi.errors import UserError
from bleuberi.generation import cached_engine
from bleuberi.records import Conversation, Example, Message
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.selection.scored_samples import SamplesConfig, SampleSource, find_source, read_scored

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeadroomConfig:
    """Which samples to measure. `greedy` and `brief`: files of responses; drawn if the samples are a model's."""

    samples: SamplesConfig
    greedy: Path | None = None
    brief: Path | None = None
    num_prompts: int | None = None  # evenly spaced; None: all
    output: Path | None = None  # a JSON file


def headroom(config: HeadroomConfig) -> Headroom:
    """Measure, and write `output` if it is asked for. Errors: `UserError`."""
    source = find_source(config.samples)
    metric = source.config.metric
    if metric is None:
        raise UserError("No reward is named, and the controls have to be scored.", "Add --metric bleu.")
    if config.num_prompts is not None:
        if config.num_prompts < 1:
            raise UserError(f"--num_prompts is {config.num_prompts}.", "Give at least 1; 100 are a good number.")
        source = replace(source, examples=_evenly(source.examples, config.num_prompts))
    scored = read_scored(source)
    cluster = source.config.engine_options.cluster if source.config.engine == "ray" else None
    reward = load_reward_on(metric, cluster)
    kept = [row for row in source.examples if len(scored.by_id.get(row.id, ())) > 1]
    if not kept:
        raise UserError("No prompt has two samples with a score.", "Draw more samples, or check --outputs.")
    greedy = _responses(source, kept, config.greedy, "")
    brief = _responses(source, kept, config.brief, _brief(kept))
    if lost := [row for row in kept if (greedy and row.id not in greedy) or (brief and row.id not in brief)]:
        log.warning("%d prompts without a greedy or brief response are left out", len(lost))
        gone = {row.id for row in lost}
        kept = [row for row in kept if row.id not in gone]
        if not kept:
            raise UserError("No prompt has both samples and a greedy response.", "Check --greedy and --brief.")
    rows = [Row(row, scored.by_id[row.id], greedy.get(row.id), brief.get(row.id)) for row in kept]
    found = measure(rows, reward)
    if config.output is not None:
        facts = {"headroom": found.to_json(), "rows_in": source.rows_in, "outputs": scored.provenance}
        write_json(config.output, make_manifest("headroom", source.request(), **facts))
    return found


def _evenly(examples: Sequence[Example], count: int) -> list[Example]:
    """`count` examples, evenly spaced over the pool; all if there are not more."""
    if count >= len(examples):
        return list(examples)
    return [examples[place * len(examples) // count] for place in range(count)]


def _brief(examples: Sequence[Example]) -> str:
    """The instruction to be as brief as the references; empty without references."""
    lengths = [len(text.split()) for row in examples for text in row.references]
    return f"Answer in at most {max(1, round(median(lengths)))} words." if lengths else ""


def _responses(
    source: SampleSource, examples: Sequence[Example], path: Path | None, instruction: str
) -> dict[str, str]:
    """Greedy responses by id: of the file, or drawn; empty if there is neither a file nor a model."""
    if path is not None:
        rows = join_responses(examples, read_responses(path, flag="--greedy or --brief")).by_id
        if not rows:
            raise no_response_fits(path)
        return {row: found[0].text for row, found in rows.items()}
    if source.config.outputs is not None:
        return {}
    engine = cached_engine(
        str(source.config.model),
        source.config.engine,
        source.output_dir / "inference_outputs",
        source.config.engine_options,
    )
    asked = [Conversation(row.id, _with_instruction(row.messages, instruction)) for row in examples]
    outputs = engine.answer(asked, replace(source.sampling, temperature=0.0, top_p=1.0, top_k=0))
    return {row: output.text for row, output in outputs.items() if not output.unanswered}


def _with_instruction(messages: Sequence[Message], instruction: str) -> list[Message]:
    """The turns, with the sentence at the end of the last user turn."""
    if not instruction:
        return list(messages)
    last = max(place for place, turn in enumerate(messages) if turn["role"] == "user")
    turns = list(messages)
    turns[last] = Message(role="user", content=f"{turns[last]['content']}\n\n{instruction}")
    return turns
