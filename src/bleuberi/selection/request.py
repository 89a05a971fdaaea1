"""The request of a GRPO data command, the names of its files, and files of the original program with these names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bleuberi.artifacts import file_hash
from bleuberi.columns import model_short_name, pool_label, reference_label
from bleuberi.data.grpo_rows import read_grpo_rows
from bleuberi.data.pool import Pool, pool_name
from bleuberi.data.reasoning import REASONING_PROMPT
from bleuberi.data.references import order_references
from bleuberi.generation import local_revision
from bleuberi.rewards import load_reward
from bleuberi.selection.config import GrpoDataConfig
from bleuberi.selection.dataset_folder import MadeDataset
from bleuberi.selection.original_files import original_dataset, same_names
from bleuberi.selection.scores import imported_signature, original_score_file


def label_of(config: GrpoDataConfig) -> str:
    """`{pool}_{metric}_{model}_{n}ref-{names}`, or `{pool}_{n}ref-{names}` without a metric or a model."""
    return pool_label([_stem(config), reference_label(order_references(config.ref_models), config.min_references)])


def _stem(config: GrpoDataConfig) -> str:
    """The label without the references."""
    model = config.model or (config.outputs.name.split(".")[0] if config.outputs else "")
    scored = [config.metric_name, model_short_name(model)] if model and config.metric_name else []
    return "_".join([pool_name(config.hf_dataset_path), *scored])


def request_of(config: GrpoDataConfig, pool: Pool) -> dict[str, Any]:
    """What makes two commands the same: settings that decide rows, and the content behind the paths."""
    plain = replace(config, overwrite=False)
    request: dict[str, Any] = {
        "pool": pool.name,
        "pool_sha256": pool.content_sha256,
        "ref_models": order_references(plain.ref_models),
        "min_references": plain.min_references,
        "selection_mode": plain.selection_mode,
        "num_examples": plain.num_examples,
        "metric": plain.metric if plain.scores_needed else None,
        "model": _named_model(plain),
        "inference_max_new_tokens": None,
        "seed": plain.seed,
        "outputs_sha256": None,
        "model_revision": None,
        "output_dataset_name": plain.output_dataset_name,
    }
    request |= plain.engine_options.deciding()
    if plain.scores_needed and plain.metric:
        imported = scored_by_original(plain)
        request["metric"] = imported_signature(imported) if imported else load_reward(plain.metric).signature()
        if plain.outputs is not None:
            if plain.outputs.is_file():
                request["outputs_sha256"] = file_hash(plain.outputs)
        elif plain.model is not None:
            request["inference_max_new_tokens"] = plain.inference_max_new_tokens
            request["model_revision"] = local_revision(plain.model, plain.engine, plain.engine_options)
            if (request["model_revision"] or "").startswith("files:"):
                request["model"] = model_short_name(plain.model)
    if plain.reasoning:
        request["reasoning"] = REASONING_PROMPT
    if plain.shuffle_references is not None:
        request["shuffle_references"] = plain.shuffle_references
    if plain.generate_missing:
        request["generate_missing"] = True
    if plain.selection_mode == "signal":
        request["inference_max_new_tokens"] = plain.inference_max_new_tokens  # bounds the references too
        request["signal"] = plain.signal_settings.settings()
    return request


def _named_model(config: GrpoDataConfig) -> str | None:
    """The model as a request has it; of a random draw it is a part of the name alone."""
    if config.scores_needed or config.model is None:
        return config.model if config.scores_needed else None
    return model_short_name(config.model) if config.metric is not None else None


def made_by_original(config: GrpoDataConfig, parent: Path, count: int | None) -> MadeDataset | None:
    """A data set that the original program made: of the name that is asked for, or of the name that it generates."""
    if config.overwrite or config.reasoning or config.shuffle_references is not None:  # theirs is neither
        return None
    if config.output_dataset_name is not None:
        return original_dataset([parent / config.output_dataset_name], read_grpo_rows)
    if count is None or config.outputs is not None:
        return None
    ending = f"_{config.selection_mode}_{count}"
    exact = parent / f"{label_of(config)}{ending}"
    return original_dataset([exact, *same_names(parent, _stem(config), config.ref_models, ending)], read_grpo_rows)


def scored_by_original(config: GrpoDataConfig) -> Path | None:
    """The original's score file that the command takes in place of responses; None if it has to score them itself."""
    if config.outputs is not None or config.metric_name is None or config.selection_mode in ("random", "signal"):
        return None
    folder = config.output_dir / "scored_outputs"
    exact = folder / f"{label_of(config)}.json"
    return original_score_file(
        [exact, *same_names(folder, _stem(config), config.ref_models, ".json")], config.metric_name
    )
