"""Resolve a GRPO data command: its reward, its request, the names of its files, and the original program's files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bleuberi.artifacts import file_hash
from bleuberi.columns import model_short_name, pool_label, reference_label, safe_name
from bleuberi.data.grpo_rows import read_grpo_rows
from bleuberi.data.pool import Pool, pool_name
from bleuberi.data.reasoning import REASONING_PROMPT
from bleuberi.data.references import order_references
from bleuberi.generation import local_revision
from bleuberi.rewards import Reward, load_reward
from bleuberi.selection.config import GrpoDataConfig
from bleuberi.selection.dataset_folder import MadeDataset
from bleuberi.selection.modes import MODES
from bleuberi.selection.original_files import original_dataset, same_names
from bleuberi.selection.scores import imported_signature, original_score_file


@dataclass(frozen=True, slots=True)
class Plan:
    """A config with its names resolved, each once."""

    config: GrpoDataConfig  # its metric reads the answer alone, if the config asks for thoughts
    reward: Reward | None
    metric: str | None  # the reward's name, for columns and files
    imported: Path | None = None  # the original program's score file, in place of responses

    @property
    def label(self) -> str:
        """`{pool}_{metric}_{model}_{n}ref-{names}`, or `{pool}_{n}ref-{names}` without a metric or a model."""
        ref_models = order_references(self.config.ref_models)
        return pool_label([self.stem, reference_label(ref_models, self.config.min_references)])

    @property
    def stem(self) -> str:
        """The label without the references."""
        config = self.config
        model = config.model or (config.outputs.name.split(".")[0] if config.outputs else "")
        scored = [self.metric, model_short_name(model)] if model and self.metric else []
        return "_".join([pool_name(config.hf_dataset_path), *scored])

    @property
    def scores_path(self) -> Path | None:
        """The file for the scores; None if nothing is scored."""
        return self.config.output_dir / "scored_outputs" / f"{self.label}.json" if self.config.scores_needed else None


def resolve(config: GrpoDataConfig) -> Plan:
    """Check the config, build its reward, and look for scores of the original program. Errors: `UserError`."""
    config = replace(config, metric=config.answer_metric)
    config.check()
    reward = None if config.metric is None else load_reward(config.metric)
    plan = Plan(config, reward, None if reward is None else safe_name(reward.name))
    return replace(plan, imported=_scored_by_original(plan))


def request_of(plan: Plan, pool: Pool) -> dict[str, Any]:
    """Everything that decides the rows: settings, and hashes of the content behind paths. Commands with equal requests
    share a data set."""
    config = plan.config
    request: dict[str, Any] = {
        "pool": pool.name,
        "pool_sha256": pool.content_sha256,
        "ref_models": order_references(config.ref_models),
        "min_references": config.min_references,
        "selection_mode": config.selection_mode,
        "num_examples": config.num_examples,
        "metric": config.metric if config.scores_needed else None,
        "model": _named_model(config),
        "inference_max_new_tokens": None,
        "seed": config.seed,
        "outputs_sha256": None,
        "model_revision": None,
        "output_dataset_name": config.output_dataset_name,
    }
    request |= config.engine_options.deciding()
    if config.scores_needed and plan.reward is not None:
        request["metric"] = imported_signature(plan.imported) if plan.imported else plan.reward.signature()
        if config.outputs is not None:
            if config.outputs.is_file():
                request["outputs_sha256"] = file_hash(config.outputs)
        elif config.model is not None:
            request["inference_max_new_tokens"] = config.inference_max_new_tokens
            request["model_revision"] = local_revision(config.model, config.engine, config.engine_options)
            if (request["model_revision"] or "").startswith("files:"):
                request["model"] = model_short_name(config.model)
    if config.reasoning:
        request["reasoning"] = REASONING_PROMPT
    if config.shuffle_references is not None:
        request["shuffle_references"] = config.shuffle_references
    if config.generate_missing:
        request["generate_missing"] = True
    if MODES[config.selection_mode].takes_samples:
        request["inference_max_new_tokens"] = config.inference_max_new_tokens  # bounds the references too
        request["signal"] = config.signal_settings.settings()
    return request


def _named_model(config: GrpoDataConfig) -> str | None:
    """The model as the request names it; for a random draw without scores, only the part that appears in file names."""
    if config.scores_needed or config.model is None:
        return config.model if config.scores_needed else None
    return model_short_name(config.model) if config.metric is not None else None


def made_by_original(plan: Plan, parent: Path, count: int | None) -> MadeDataset | None:
    """A data set that the original program made, with the requested name or with the name that it would generate."""
    config = plan.config
    if config.overwrite or config.reasoning or config.shuffle_references is not None:  # theirs is neither
        return None
    if config.output_dataset_name is not None:
        return original_dataset([parent / config.output_dataset_name], read_grpo_rows)
    if count is None or config.outputs is not None:
        return None
    ending = f"_{config.selection_mode}_{count}"
    exact = parent / f"{plan.label}{ending}"
    return original_dataset([exact, *same_names(parent, plan.stem, config.ref_models, ending)], read_grpo_rows)


def _scored_by_original(plan: Plan) -> Path | None:
    """The original program's score file, used instead of responses; None if responses have to be scored here."""
    config, mode = plan.config, MODES[plan.config.selection_mode]
    if config.outputs is not None or plan.metric is None or not mode.needs_scores or mode.takes_samples:
        return None
    folder = config.output_dir / "scored_outputs"
    exact = folder / f"{plan.label}.json"
    return original_score_file([exact, *same_names(folder, plan.stem, config.ref_models, ".json")], plan.metric)
