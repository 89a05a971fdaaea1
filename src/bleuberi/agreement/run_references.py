"""Read a pool and samples, score references and damaged references, and write `agreement.json`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import bleuberi
from bleuberi.agreement.config import ReferencesConfig
from bleuberi.agreement.from_references import analyse_trials, make_trials, score_trials
from bleuberi.agreement.record import SCHEMA, find_agreement, request_of, write_result
from bleuberi.agreement.references_verdict import references_verdict, references_warnings
from bleuberi.agreement.run_pairs import fingerprint
from bleuberi.agreement.scores import named_rewards
from bleuberi.artifacts import local_path
from bleuberi.data.made_responses import responses_to
from bleuberi.data.pool import read_pool
from bleuberi.data.references import join_references
from bleuberi.errors import UserError
from bleuberi.records import Example
from bleuberi.redaction import redact_words
from bleuberi.rewards.baselines import BASELINES, LENGTH_BASELINE
from bleuberi.rewards.blindness import blind_warnings

Log = Callable[[str], None]


def run_references(config: ReferencesConfig, command: Sequence[str], log: Log) -> dict[str, Any]:
    """Compare rewards by references only; write `agreement.json` and return its content."""
    if not config.rewards:
        raise UserError("There are no rewards to compare.", "Give --rewards.")
    rewards = named_rewards(config.rewards)
    request = request_of(config, "references", rewards)
    if (there := find_agreement(config, request, log)) is not None:
        return there
    asked = list(config.ref_models) or ["all"]
    examples, tally = join_references(read_pool(config.pool, asked), asked, 1)
    log(f"{config.pool}: {tally.sentence()} rows")
    samples = _samples(config, examples, log) if config.outputs else None
    if samples is not None:
        examples = [row for row in examples if len(samples.get(row.id, ())) > 1]
    seed = config.sureness.seed
    if len(examples) > config.num_examples:
        drawn = set(random.Random(seed).sample(range(len(examples)), config.num_examples))
        examples = [row for place, row in enumerate(examples) if place in drawn]
    examples = [replace(row, references=row.references[: config.max_references]) for row in examples]
    trials = make_trials(examples, samples, seed)
    scored = []
    for name, reward in rewards.items():
        log(f"scoring {len(trials):,} prompts with {name}")
        scored.append(score_trials(name, "reward", reward, trials))
    scored += [score_trials(one.name, "baseline", one(), trials) for one in BASELINES]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "references",
        "command": redact_words(command),
        "version": bleuberi.__version__,
        "inputs": {
            "pool": fingerprint(config.pool),
            "outputs": fingerprint(config.outputs) if config.outputs else None,
            "rows": {"in": tally.rows_in, "kept": len(examples), "dropped": dict(tally.dropped)},
            "references_used": {
                "models": list(config.ref_models) or "in the order of the columns",
                "most": config.max_references,
                "mean": sum(len(row.references) for row in examples) / len(examples),
            },
        },
        "sureness": asdict(config.sureness),
        "length_baseline": LENGTH_BASELINE,
        **analyse_trials(trials, scored, config.sureness),
    }
    blind = blind_warnings(rewards.values(), [row.references for row in examples])
    document["warnings"] = [*blind, *references_warnings(document)]
    document["verdict"] = references_verdict(document)
    write_result(document, config.output_dir, request)
    return document


def _samples(config: ReferencesConfig, examples: Sequence[Example], log: Log) -> dict[str, list[str]]:
    path = local_path(config.outputs or "")
    made = responses_to(examples, path, config.model).by_id
    samples = {row: [one.text for one in rows] for row, rows in made.items()}
    several = sum(len(texts) > 1 for texts in samples.values())
    log(f"{config.outputs}: samples of {len(samples):,} prompts, two or more of {several:,}")
    if not several:
        raise UserError(
            f"{path.name} has one sample per prompt, but headroom measures differences between samples.",
            "Give at least two per prompt (8 is a good number), or omit --outputs.",
        )
    return samples
