"""The stages of one run in the store: data set, training, responses. Finished stages are skipped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import (
    content_hash,
    file_hash,
    json_hash,
    read_json,
    read_manifest,
    write_json,
    write_text,
)
from bleuberi.comparison.answer import ANSWERED, RESPONSES, SPEC, read_responses
from bleuberi.comparison.arms import SAMPLED, TRAINERS, Run, start_of
from bleuberi.comparison.costs import Cost, Passes, cached_samples, dpo_cost, grpo_cost, sft_cost
from bleuberi.comparison.inputs import BaseModel, DataSet, Pool, make_data_set, training_config
from bleuberi.comparison.keys import Decides, model_decides, responses_decide, run_decides
from bleuberi.comparison.process import COMMAND, cpu_model, run_process, seconds_used
from bleuberi.comparison.protocol import Protocol
from bleuberi.comparison.store import ModelEntry, Store
from bleuberi.comparison.versions import versions
from bleuberi.data.pool import read_pool
from bleuberi.errors import UserError
from bleuberi.folders import ModelFolder
from bleuberi.generation.cached import prompt_key
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.generation.model_identity import load_tokenizer
from bleuberi.records import Conversation, from_json
from bleuberi.strict_json import strict_json

METRICS: Final = "metrics.jsonl"
_SAMPLES: Final = "completions.jsonl"
_ANSWER: Final = ("-m", "bleuberi.comparison.answer")


@dataclass(frozen=True, slots=True)
class Workshop:
    """The shared inputs of all runs of an experiment."""

    protocol: Protocol
    base: BaseModel
    pools: Mapping[str, Pool]
    store: Store
    known_rows: Mapping[str, str] = field(default_factory=dict)  # from past runs: hash of data settings -> hash of rows

    def entry(self, run: Run) -> ModelEntry:
        """The run's entry in the store."""
        return self.store.model(model_decides(run, self.protocol, self.base, self.pools))

    def decides(self, run: Run) -> Decides:
        """The same as `keys.run_decides`, after a JSON round trip."""
        decided: Decides = json.loads(strict_json(run_decides(run, self.protocol, self.base, self.pools)))
        return decided

    def responses(self, run: Run) -> Path:
        """The folder of the run's responses in the store."""
        return self.entry(run).responses(responses_decide(run, self.protocol, self.pools))


@dataclass(frozen=True, slots=True)
class Made:
    """A finished run in the store."""

    responses: list[dict[str, Any]]
    metrics: Path | None  # None for untrained arms
    trained: Mapping[str, Any] | None  # trained.json
    cost: Mapping[str, Mapping[str, Any]]  # by part, and `total`


def make_run(run: Run, workshop: Workshop) -> Made:
    """Execute a run, or reuse it. The caller must have locked the run's entry. Errors: `UserError`."""
    entry, into = workshop.entry(run), workshop.responses(run)
    if not (into / ANSWERED).is_file():
        model = _model(run, workshop)
        spec = {
            "model": model,
            "pool": str(workshop.pools[workshop.protocol.prompts].path),
            "max_new_tokens": workshop.protocol.max_new_tokens,
            "instruction": run.arm.instruction,
            "dtype": workshop.protocol.answer_dtype,
            "into": str(into),
        }
        spec |= {"chat_template_kwargs": dict(kwargs)} if (kwargs := workshop.protocol.chat_template_kwargs) else {}
        write_json(into / SPEC, spec)
        words = [*_ANSWER, str(into / SPEC)]
        run_process(words, name=f"{run.name}: responses", folder=into, threads=workshop.protocol.threads)
    answered = read_json(into / ANSWERED)
    trained = read_json(entry.trained) if run.arm.trained else None
    answering = from_json(Cost, {**answered["cost"], "seconds": _seconds(into)}, "cost")
    return Made(
        responses=read_responses(into / RESPONSES),
        metrics=entry.folder / METRICS if run.arm.trained else None,
        trained=trained,
        cost={**(trained["cost"] if trained else {}), "answering": answering.to_json()},
    )


def _model(run: Run, workshop: Workshop) -> str:
    """The folder (or hub id) of the run's model; trains it if missing."""
    if not run.arm.trained:
        return workshop.base.name
    entry = workshop.entry(run)
    if read_manifest(entry.weights) is None or not entry.trained.is_file():
        _train(run, workshop, entry)
    return str(entry.weights)


def _train(run: Run, workshop: Workshop, entry: ModelEntry) -> None:
    protocol, arm = workshop.protocol, run.arm
    start = start_of(run, protocol.arms)
    model = _model(start, workshop) if start else workshop.base.name
    settings = model_decides(run, protocol, workshop.base, workshop.pools)["data"]
    data = make_data_set(arm, settings, workshop.pools["train"], workshop.base, workshop.store, protocol.threads)
    _refuse_other_rows(run, data, workshop.known_rows.get(json_hash(settings)))
    config = training_config(arm, protocol)
    config_file = entry.folder / "config.yaml"
    write_text(config_file, _yaml({**config, "logging_steps": 1, "report_to": "none"}))
    words = ["train", TRAINERS[arm.kind], "--config", str(config_file), "--dataset_path", str(data.folder)]
    words += ["--model_name_or_path", model, "--output_dir", str(entry.weights), "--seed", str(run.seed)]
    words += [*(["--reward_funcs", *arm.rewards] if arm.kind == "grpo" else []), *workshop.base.template_words]
    name = f"{run.name}: training"
    run_process([*COMMAND, *words], name=name, folder=entry.folder, threads=protocol.threads)
    trained = ModelFolder.load(entry.weights)
    if trained is None or trained.parents.data_sha256 != data.sha256:
        raise UserError(
            f"{name} was trained on different data than {data.folder} has now.", f"Remove {entry.folder} and rerun."
        )
    weights = weights_hash(entry.weights)
    if entry.trained.is_file():  # its weights were removed and are needed again; keep its record
        if read_json(entry.trained)["weights_sha256"] != weights:
            raise UserError(
                f"{run.name} was retrained because its weights had been removed, but the new weights differ.",
                f"A different processor or library can cause this. Remove {entry.folder} to restart this run.",
            )
        return
    write_text(entry.folder / METRICS, (entry.weights / METRICS).read_text(encoding="utf-8"))
    write_json(
        entry.trained,
        {
            "data_sha256": data.sha256,
            "weights_sha256": weights,
            "steps": trained.steps,
            "config": {name: value for name, value in trained.config.items() if not _is_place(name)},
            "versions": versions(),
            "cpu": cpu_model(),
            "cost": _cost(run, workshop, data, config, trained, start),
        },
    )


def _refuse_other_rows(run: Run, data: DataSet, expected: str | None) -> None:
    if expected not in (None, data.sha256):
        raise UserError(
            f"{run.name}: the data set differs from the one that earlier runs of this experiment were trained on.",
            "The code that generates or selects rows has changed; check out the version recorded in those runs.",
        )


def _cost(
    run: Run,
    workshop: Workshop,
    data: DataSet,
    config: Mapping[str, Any],
    trained: ModelFolder,
    start: Run | None,
) -> dict[str, Any]:
    """The cost of the run's model by part: data, start (another run's total), training, and total."""
    entry = workshop.entry(run)
    metrics, samples = read_responses(entry.weights / METRICS), entry.weights / _SAMPLES
    if run.arm.kind == "grpo":
        drawn = read_responses(samples) if samples.is_file() else []
        training = grpo_cost(metrics, drawn, config, trained.steps or 0)
    else:
        count = dpo_cost if run.arm.kind == "dpo" else sft_cost
        training = count(metrics, config, trained.steps or 0, trained.rows_used or 0)
    seconds = Cost(seconds=seconds_used(entry.folder))
    parts = {"data": data_cost(data, workshop), "training": training + seconds}
    if start is not None:
        record = read_json(workshop.entry(start).trained)
        parts["start"] = from_json(Cost, record["cost"]["total"], "cost.total")
        if start.arm.examples == run.arm.examples and run.arm.kind not in SAMPLED:
            parts["data"] = Cost()  # the start's total has the same data
    total = sum(parts.values(), Cost())
    return {name: cost.to_json() for name, cost in {**parts, "total": total}.items()}


def data_cost(data: DataSet, workshop: Workshop) -> Cost:
    """The cost of creating a data set, including the samples if examples were selected by score."""
    samples = [sample for folder in data.samples for sample in cached_samples(folder)]
    seconds = sum((Cost(seconds=seconds_used(folder)) for folder in data.processes), Cost())
    if not samples:
        return seconds
    tokenizer = load_tokenizer(workshop.base.name, template_kwargs=workshop.base.template_kwargs)
    rows = read_pool(str(workshop.pools["train"].path), ()).rows
    asked = {prompt_key(Conversation(row.id, row.messages)): row.messages for row in rows}
    read = sum(len(prompt_ids(tokenizer, asked[key])) for key, _ in samples)
    written = Passes(len(samples), sum(tokens for _, tokens in samples))
    return seconds + Cost(generated=written, forward=Passes(written.sequences, written.tokens + read))


def weights_hash(folder: Path) -> str:
    """One hash over the files of a model's weights."""
    return content_hash(*(file_hash(path) for path in sorted(folder.glob("*.safetensors"))))


def _seconds(folder: Path) -> dict[str, float]:
    used = seconds_used(folder)
    return {"wall": used.wall, "cpu": used.cpu}


def _is_place(name: str) -> bool:
    return name in ("model_name_or_path", "dataset_path") or name.endswith(("_dir", "_path"))


def _yaml(config: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(config), sort_keys=False))
