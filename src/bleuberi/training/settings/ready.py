"""Find problems before the model is loaded: missing packages, a quantised base, too few positions, LoRA that does not
fit."""

from __future__ import annotations

from typing import Any

from bleuberi.errors import UserError
from bleuberi.generation.model_identity import model_unavailable
from bleuberi.training.model_loading import whole_weights, with_lora
from bleuberi.training.settings.installed import missing_packages, values_of
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.settings.rules import Findings


def check_ready(settings: RunSettings, longest: int) -> Findings:
    """Run all these checks. `longest`: tokens of the longest text that the model will read. Errors: `UserError` if the
    model does not exist."""
    yield from missing_packages(values_of((settings.run, settings.args, settings.model)))
    config = base_config(settings)
    yield from check_stored(settings, config)
    yield from check_positions(config, longest)
    if settings.model.use_peft and config is not None:
        _try_lora(settings, config)


def base_config(settings: RunSettings) -> Any:  # noqa: ANN401 - a transformers config
    """The base model's config, without its weights; None for a LoRA adapter. Errors: `UserError`."""
    from transformers import AutoConfig
    from transformers.utils import find_adapter_config_file

    model = settings.model
    name, revision = model.model_name_or_path, model.model_revision
    try:
        if find_adapter_config_file(name, revision=revision) is not None:
            return None
        return AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=settings.args.trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise model_unavailable(name, error) from error


def check_stored(settings: RunSettings, config: Any) -> Findings:  # noqa: ANN401 - of `base_config`
    """Reject stored quantised weights: neither they nor LoRA on them can be saved as a plain model."""
    stored = getattr(config, "quantization_config", None)
    if not stored:
        return
    values = stored if isinstance(stored, dict) else stored.to_dict()
    how = values.get("quant_method", "unknown method")
    yield UserError(
        f"{settings.model.model_name_or_path} is stored quantised ({how}), so no trained model could be saved.",
        "Use the model that it was made from; --load_in_4bit true --use_peft true quantises it while it is loaded.",
    )


def check_positions(config: Any, longest: int) -> Findings:  # noqa: ANN401 - of `base_config`
    """Find texts that are longer than the model's number of positions, if it is limited."""
    limit = None if config is None else getattr(config.get_text_config(), "max_position_embeddings", None)
    if limit and longest > limit:
        yield UserError(
            f"Texts have up to {longest} tokens, and the model has {limit} positions.",
            "Lower --max_completion_length, --max_prompt_tokens or --max_length.",
        )


def _try_lora(settings: RunSettings, config: Any) -> None:  # noqa: ANN401 - of `base_config`
    """Put LoRA on the model without its weights. Errors: `UserError` if it does not fit."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with whole_weights(), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=settings.args.trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise model_unavailable(settings.model.model_name_or_path, error) from error
    with_lora(model, settings.model)
