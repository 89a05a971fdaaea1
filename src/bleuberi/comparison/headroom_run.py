"""`bleuberi headroom`: read or draw the samples, get greedy and brief responses, and measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from bleuberi.artifacts import make_manifest, write_json
from bleuberi.comparison.headroom import Row, measure
from bleuberi.data.made_responses import responses_to
from bleuberi.errors import UserError
from bleuberi.generation import cached_engine
from bleuberi.records import Conversation, Example, Message, Tally
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.selection.config import HeadroomConfig
from bleuberi.selection.headroom_record import MEANINGS, Headroom
from bleuberi.selection.scored_samples import SampleSource, find_source, read_scored


def headroom(config: HeadroomConfig) -> tuple[Headroom, Tally]:
    """Measure the headroom, and write it to `output` if that is set. The tally counts the pool's rows. Errors:
    `UserError`."""
    source = find_source(config.samples)
    metric = source.config.metric
    if metric is None:
        raise UserError("No reward is given, but the controls have to be scored.", "Add --metric bleu.")
    if config.num_prompts is not None:
        if config.num_prompts < 1:
            raise UserError(f"--num_prompts is {config.num_prompts}.", "Give at least 1; 100 are a good number.")
        chosen = _evenly(len(source.examples), config.num_prompts)
        not_chosen = {"not among --num_prompts": len(source.examples) - len(chosen)}
        source = replace(
            source,
            examples=[source.examples[place] for place in chosen],
            found=[source.found[place] for place in chosen] if source.found else (),
            dropped={**source.dropped, **not_chosen},
        )
    scored = read_scored(source)
    cluster = source.config.engine_options.cluster if source.config.engine == "ray" else None
    reward = load_reward_on(metric, cluster)
    dropped = Counter({**source.dropped, **scored.dropped})
    samples = {row.id: found for row, found in zip(source.examples, scored.rows, strict=True) if found is not None}
    kept = [row for row in source.examples if len(samples.get(row.id, ())) > 1]
    dropped["with fewer than two scored samples"] = len(samples) - len(kept)
    if not kept:
        raise UserError("No prompt has two samples with a score.", "Draw more samples, or check --outputs.")
    greedy = _responses(source, kept, config.greedy, "")
    brief = _responses(source, kept, config.brief, _brief(kept))
    if lost := [row for row in kept if (greedy and row.id not in greedy) or (brief and row.id not in brief)]:
        dropped["without a greedy or brief response"] = len(lost)
        gone = {row.id for row in lost}
        kept = [row for row in kept if row.id not in gone]
        if not kept:
            raise UserError("No prompt has both samples and a greedy response.", "Check --greedy and --brief.")
    rows = [Row(row, samples[row.id], greedy.get(row.id), brief.get(row.id)) for row in kept]
    found = measure(rows, reward)
    tally = Tally(source.rows_in, len(rows), {why: count for why, count in dropped.items() if count})
    if config.output is not None:
        facts = {
            "headroom": found.to_json(),
            "meanings": MEANINGS,
            "rows_in": tally.rows_in,
            "rows_used": tally.kept,
            "dropped": tally.dropped,
            "unscored_samples": scored.unscored,
            "outputs": scored.provenance,
        }
        write_json(config.output, make_manifest("headroom", source.request(), **facts))
    return found, tally


def _evenly(examples: int, count: int) -> list[int]:
    """The places of `count` examples, evenly spaced over the pool; all if there are not more."""
    return [place * examples // count for place in range(count)] if count < examples else list(range(examples))


def _brief(examples: Sequence[Example]) -> str:
    """The instruction to be as brief as the references; empty without references."""
    lengths = [len(text.split()) for row in examples for text in row.references]
    return f"Answer in at most {max(1, round(median(lengths)))} words." if lengths else ""


def _responses(
    source: SampleSource, examples: Sequence[Example], path: Path | None, instruction: str
) -> dict[str, str]:
    """Greedy responses by id, from the file or generated; empty if neither a file nor a model is given."""
    if path is not None:
        rows = responses_to(examples, path, flag="--greedy or --brief").by_id
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
