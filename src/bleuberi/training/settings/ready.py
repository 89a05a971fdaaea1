"""Trouble that is found before the model is loaded: packages, a quantised base, positions, LoRA that does not fit."""

from __future__ import annotations

from typing import Any

from bleuberi.errors import UserError
from bleuberi.generation.model_identity import model_unavailable
from bleuberi.training.model_loading import whole_weights, with_lora
from bleuberi.training.settings.installed import missing_packages, values_of
from bleuberi.training.settings.read import RunSettings


def refuse_unready(settings: RunSettings, longest: int) -> None:
    """`longest`: tokens of the longest text that the model will see. Errors: `UserError`."""
    for _, error in missing_packages(values_of((settings.run, settings.args, settings.model))):
        raise error
    config = base_config(settings)
    for trouble in (quantised_base(settings, config), beyond_positions(config, longest)):
        if trouble is not None:
            raise trouble
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


def quantised_base(settings: RunSettings, config: Any) -> UserError | None:  # noqa: ANN401 - of `base_config`
    """The error for weights that are stored quantised: neither they nor LoRA on them can be saved as a plain model."""
    stored = getattr(config, "quantization_config", None)
    if not stored:
        return None
    values = stored if isinstance(stored, dict) else stored.to_dict()
    how = values.get("quant_method", "unknown method")
    return UserError(
        f"{settings.model.model_name_or_path} is stored quantised ({how}), and no trained model can be saved from it.",
        "Take the model that it was made from; --load_in_4bit true --use_peft true quantises it while it is loaded.",
    )


def beyond_positions(config: Any, longest: int) -> UserError | None:  # noqa: ANN401 - of `base_config`
    """The error for texts that are longer than the model's positions, if it has a limit."""
    limit = None if config is None else getattr(config.get_text_config(), "max_position_embeddings", None)
    if not limit or longest <= limit:
        return None
    return UserError(
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
