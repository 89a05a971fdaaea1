"""The finished model as a plain folder: weights, tokenizer, card, manifest. Knows sharded and LoRA models only.

The manifest comes last, so a folder with one is whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import MANIFEST, make_manifest, write_json, write_text
from bleuberi.errors import UserError
from bleuberi.training.early_stop import refuse_unfinished
from bleuberi.training.folder.model_card import model_card
from bleuberi.training.folder.run_folder import read_metrics
from bleuberi.training.model_loading import load_policy, name_base
from bleuberi.training.settings.read import RunSettings

log = logging.getLogger(__name__)

ADAPTER: Final = "adapter"


def save_finished(
    trainer: Any,  # noqa: ANN401 - any TRL trainer
    tokenizer: Any,  # noqa: ANN401
    settings: RunSettings,
    decided: dict[str, Any],
    facts: dict[str, Any],
) -> None:
    """Leave a plain model folder: safetensors, tokenizer and chat template; LoRA is merged, its adapter kept beside.

    Every process has to call it: split weights are gathered from all of them. Errors: `UserError` if the run stopped
    before its last step, or if the written files cannot be read back as this model.
    """
    folder = Path(settings.args.output_dir)
    refuse_unfinished(folder, trainer.state)
    if trainer.is_fsdp_enabled:  # its checkpoints may be split; a model folder is not
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(folder / ADAPTER if settings.model.use_peft else folder))
    if trainer.is_world_process_zero():
        with _whole_weights():
            if settings.model.use_peft:
                name_base(folder / ADAPTER, settings.model.model_name_or_path, settings.model.model_revision)
                _merged(trainer, tokenizer, settings).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            # The trainer's pickle tells paths of this machine; PEFT's own card does too.
            for name in ("training_args.bin", f"{ADAPTER}/training_args.bin", f"{ADAPTER}/README.md"):
                (folder / name).unlink(missing_ok=True)
            check_model_folder(folder, settings.args.trust_remote_code)
        processes = trainer.accelerator.num_processes
        manifest = make_manifest("model", decided, steps=trainer.state.global_step, processes=processes, **facts)
        card = model_card(folder.absolute().name, settings.method, manifest, read_metrics(folder))
        write_text(folder / "README.md", card)
        write_json(folder / MANIFEST, manifest)
        log.info("The model is in %s", folder)
    trainer.accelerator.wait_for_everyone()


def check_model_folder(folder: Path, trust_remote_code: bool = False) -> None:
    """Read the weights back, tensor by tensor, and compare them with the model that the folder's config describes.

    Errors: `UserError` for missing, strange, misshapen or non-finite weights.
    """
    import torch
    from safetensors import SafetensorError, safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    trouble, found = [], set()
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as weights:
                for name in weights.keys():  # noqa: SIM118 - it is no dictionary
                    tensor = weights.get_tensor(name)
                    found.add(name)
                    if wanted.get(name) != tuple(tensor.shape):
                        trouble.append(f"{name} is {tuple(tensor.shape)}, not {wanted.get(name)}")
                    elif not torch.isfinite(tensor).all():
                        trouble.append(f"{name} has values that are no numbers")
        except SafetensorError as error:
            trouble.append(f"{path.name}: {error}")
    trouble += [f"{name} is missing" for name in sorted(wanted.keys() - found - tied)]
    if trouble:
        raise UserError(
            f"The model in {folder} is not whole: {'; '.join(trouble[:3])}.",
            "Run the same command again, which goes on from the last checkpoint; where values diverged, lower "
            "--learning_rate.",
        )


def _merged(trainer: Any, tokenizer: Any, settings: RunSettings) -> Any:  # noqa: ANN401
    """The whole model with its LoRA weights merged: from memory, or from the adapter's files where it is split."""
    if not trainer.is_fsdp_enabled and not hasattr(next(trainer.model.parameters()), "ds_id"):  # ZeRO-3 gives ids
        tuned = trainer.accelerator.unwrap_model(trainer.model)
        if next(tuned.parameters()).device.type == "cpu":
            tuned = tuned.float()  # bfloat16 would round away much of a small change, and a CPU answers in float32
        return tuned.merge_and_unload()
    from peft import PeftModel

    base = load_policy(settings.model, tokenizer, settings.args.trust_remote_code)
    return PeftModel.from_pretrained(base, str(Path(settings.args.output_dir) / ADAPTER)).merge_and_unload()


@contextmanager
def _whole_weights() -> Iterator[None]:
    """Load models unsplit for a while, though the process trains under ZeRO-3."""
    from transformers.integrations import deepspeed

    before = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = before
