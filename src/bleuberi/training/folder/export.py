"""Write the finished model as a plain folder: weights, tokenizer, card, and the manifest last."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import MANIFEST, make_manifest, write_json, write_text
from bleuberi.errors import UserError
from bleuberi.training.folder.model_card import model_card
from bleuberi.training.folder.run_folder import read_metrics
from bleuberi.training.folder.tracker import read_links
from bleuberi.training.merge import merged_model
from bleuberi.training.model_loading import name_base, whole_weights
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
    """Write a plain model folder: safetensors, tokenizer and chat template. LoRA is merged into the base's own files in
    float32, and the adapter is kept in `adapter/`.

    `facts` are stored in the manifest; its `steps` is the last step unless `facts` has another one. Every process has
    to call this function: split weights are gathered from all of them. Errors: `UserError` if the files cannot be read
    back as this model.
    """
    folder = Path(settings.args.output_dir)
    if trainer.is_fsdp_enabled:  # its checkpoints may be split; a model folder is not
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(folder / ADAPTER if settings.model.use_peft else folder))
    if trainer.is_world_process_zero():
        with whole_weights():
            if settings.model.use_peft:
                name_base(folder / ADAPTER, settings.model.model_name_or_path, settings.model.model_revision)
                trusted = settings.args.trust_remote_code
                merged_model(settings.model, folder / ADAPTER, tokenizer, trusted).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            # The trainer's pickle tells paths of this machine; PEFT's own card does too.
            for name in ("training_args.bin", f"{ADAPTER}/training_args.bin", f"{ADAPTER}/README.md"):
                (folder / name).unlink(missing_ok=True)
            check_model_folder(folder, settings.args.trust_remote_code)
        processes = trainer.accelerator.num_processes
        facts = {
            "method": settings.method, "steps": trainer.state.global_step, "processes": processes, **facts
        }  # fmt: skip
        facts |= {"trackers": links} if (links := read_links(folder)) else {}
        manifest = make_manifest("model", decided, **facts)
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
            f"The model in {folder} is incomplete: {'; '.join(trouble[:3])}.",
            "Run the same command again, which goes on from the last checkpoint; where values diverged, lower "
            "--learning_rate.",
        )
