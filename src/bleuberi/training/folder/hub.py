"""`--push_to_hub`: check access before the training, and upload the finished folder after it.

The trainer's own pushes would send an adapter, or a half-trained model, into the same repository.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bleuberi import hub

if TYPE_CHECKING:
    from bleuberi.training.settings.read import RunSettings

log = logging.getLogger(__name__)

# The files of a model by name, and no other: prompts of the data set may be in any other file of the folder, and paths
# of this machine are in the manifest.
_MODEL: Final = (
    "README.md", "config.json", "generation_config.json", "model.safetensors", "model-*-of-*.safetensors",
    "model.safetensors.index.json", ".eval_results/*.yaml",
)  # fmt: skip
# Those that transformers' tokenizers save.
_TOKENIZER: Final = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "additional_chat_templates/*.jinja", "tokenizer.model", "sentencepiece.model", "sentencepiece.bpe.model",
    "spiece.model", "spm.model", "vocab.json", "vocab.txt", "vocab-src.json", "vocab-tgt.json", "merges.txt",
    "bpe.codes", "byte_maps.json", "emoji.json", "entity_vocab.json", "normalizer.json", "prophetnet.tokenizer",
    "word_pronunciation.json", "word_shape.json", "tekken.json",
)  # fmt: skip
_ADAPTER: Final = ("adapter/adapter_config.json", "adapter/adapter_model.safetensors")
_OWN_CODE: Final = ("*.py", "*.tiktoken")  # what a model with code of its own brings


def open_repository(args: Any) -> str | None:  # noqa: ANN401 - transformers.TrainingArguments
    """Open the repository for the model, creating it if missing; None if no push is requested.

    Turns off the trainer's own pushes. Everything that this run creates on the hub, including a tracker's Space, is
    private without `--hub_private_repo false`. Errors: `UserError`, as `hub.open_repository`, before anything is
    trained.
    """
    args.hub_private_repo = args.hub_private_repo is not False
    if not args.push_to_hub:
        return None
    args.push_to_hub = False
    name = str(args.hub_model_id or Path(args.output_dir).absolute().name)
    if args.process_index > 0:
        return name
    public = not args.hub_private_repo
    return hub.open_repository(
        name, "model", public=public, publish_flag="--hub_private_repo false", token=args.hub_token
    )


def model_files(folder: Path, *, own_code: bool, base: str) -> dict[str, Path]:
    """The files of a model folder that may be published, by their paths in it. `own_code`: the model comes with code;
    `base`: the model that it was trained from."""
    allowed = [*_MODEL, *_TOKENIZER, *(_OWN_CODE if own_code else ())]
    # The adapter of a base in a local folder contains its path.
    allowed += () if Path(base).expanduser().is_dir() else _ADAPTER
    # `glob` keeps a pattern within its folder.
    return {path.relative_to(folder).as_posix(): path for pattern in allowed for path in folder.glob(pattern)}


def publish(folder: Path, repository: str | None, settings: RunSettings) -> None:
    """Upload the model files of a finished folder, and no other file, if a repository was opened."""
    if repository is None or settings.args.process_index > 0:
        return
    own_code = bool(settings.args.trust_remote_code)
    files = model_files(folder, own_code=own_code, base=settings.model.model_name_or_path)
    token, revision = settings.args.hub_token, settings.args.hub_revision
    place = hub.upload(repository, "model", files, "The trained model", token=token, revision=revision)
    log.info("The model is on the hub: %s", place)
