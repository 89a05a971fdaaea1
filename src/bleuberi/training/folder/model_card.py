"""The model card of a finished run, as text.

Paths of the machine that trained are cut down to their last name. The licence is left to whoever publishes the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from statistics import fmean
from typing import Any, Final

from bleuberi.hub import card, without_path

Entry = Mapping[str, Any]

_CURVES: Final = (
    "reward", "reward_std", "kl", "loss", "entropy", "mean_token_accuracy", "completions/mean_length",
    "completions/clipped_ratio", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected",
)  # fmt: skip
_TITLES: Final = {
    "grpo": "GRPO with a reference-based reward",
    "sft": "Supervised fine-tuning on references",
    "dpo": "DPO on scored responses",
}
_TOLD_ELSEWHERE: Final = frozenset({"model_name_or_path", "dataset_path", "deepspeed"})


def model_card(name: str, method: str, manifest: Mapping[str, Any], metrics: Sequence[Entry]) -> str:
    """Markdown with the hub's metadata block. `manifest`: a model folder's; `metrics`: log entries with `step`."""
    from huggingface_hub import ModelCardData

    config, parents = manifest["config"], manifest["parents"]
    base = str(config["model_name_or_path"])
    title = _TITLES[method]
    head = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["bleuberi", method, "trl"],
        base_model=base if without_path(base) == base and "/" in base else None,
    )
    data = f"`{without_path(str(config['dataset_path']), folder=True)}`"
    rows = f"{manifest['rows_used']} of {manifest['rows_in']} rows"
    parts = [
        f"# {name}", "",
        f"{title}, from `{without_path(base)}`{_revision(manifest)}, with [bleuberi](https://arxiv.org/abs/2505.11080) "
        "and TRL.", "",
        f"- Data set: {data}, {rows} (content sha256 `{parents['data_sha256']}`)",
        *[f"- Reward: `{signature}`" for signature in parents.get("reward_signatures", ())],
        f"- Training steps: {manifest['steps']}{_chosen(manifest)}",
        *[f"- Curves: [{name}]({link})" for name, link in sorted(manifest.get("trackers", {}).items())],
        *(["- LoRA, merged into the weights; the adapter alone is in `adapter/`"] if config.get("use_peft") else []),
        "", "## Curves", "", *_curve_table(metrics), "",
        "## Settings", "", "Those that differ from the defaults of TRL and transformers.", "",
        "| field | value |", "| --- | --- |",
        *[f"| {field} | `{_plain(config[field])}` |" for field in sorted(config.keys() - _TOLD_ELSEWHERE)],
        "",
        "Versions: " + ", ".join(f"{package} {number}" for package, number in sorted(manifest["versions"].items())),
        "", "## Use", "",
        "```python", "from transformers import pipeline", "",
        f'answer = pipeline("text-generation", "{name}")',
        'print(answer([{"role": "user", "content": "Hello"}])[0]["generated_text"][-1]["content"])', "```", "",
        "## Licence", "",
        "None is stated here. The terms of the base model and of the data hold; add yours before you publish.", "",
    ]  # fmt: skip
    return card(head, "\n".join(parts))


def _chosen(manifest: Mapping[str, Any]) -> str:
    """E.g. `, the best of 5 evaluations on 64 held-out dev prompts (30 steps were made)`."""
    made = manifest.get("dev", {})
    if not made.get("best"):
        return ""
    how = f", the best of {made['evaluations']} evaluations on {made['best']['prompts']} held-out dev prompts"
    return f"{how} by {made['best_by']} ({made['trained_steps']} steps were made)"


def _revision(manifest: Mapping[str, Any]) -> str:
    """E.g. ` (revision `v1`, commit `0a1b`)`, as far as they are known."""
    known = {"revision": manifest["config"].get("model_revision"), "commit": manifest.get("base_commit")}
    said = ", ".join(f"{name} `{value}`" for name, value in known.items() if value)
    return f" ({said})" if said else ""


def _plain(value: object) -> str:
    value = value.value if isinstance(value, Enum) else value
    text = without_path(value) if isinstance(value, str) and "/" in value else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _curve_table(metrics: Sequence[Entry]) -> list[str]:
    """First value, last value, and the mean over the last tenth of the steps, of each curve that there is."""
    rewards = sorted({name for entry in metrics for name in entry if name.startswith("rewards/") and "mean" in name})
    lines = ["| curve | first | last | mean of the last tenth |", "| --- | --- | --- | --- |"]
    for name in [*rewards, *_CURVES]:
        values = [float(entry[name]) for entry in metrics if isinstance(entry.get(name), int | float)]
        if values:
            tail = fmean(values[-max(len(values) // 10, 1) :])
            lines.append(f"| {name} | {values[0]:.4g} | {values[-1]:.4g} | {tail:.4g} |")
    return lines if len(lines) > 2 else ["No curve was logged."]
