"""`--push_to_hub`: the finished folder goes to the hub, after a look whether it may.

The trainer's own pushes would send an adapter, or a half-trained model, into the same repository.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.training.settings.read import RunSettings

log = logging.getLogger(__name__)

# The files of a model by name, and no other: prompts of the data set may be in any other file of the folder, and paths
# of this machine are in the manifest.
_MODEL: Final = (
    "README.md", "config.json", "generation_config.json", "model.safetensors", "model-*-of-*.safetensors",
    "model.safetensors.index.json",
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
    """The repository that the model will go to, made where it is missing; None where none is asked for.

    Takes the task from the trainer. Errors: `UserError` without access, long before anything is trained.
    """
    if not args.push_to_hub:
        return None
    args.push_to_hub = False
    name = args.hub_model_id or Path(args.output_dir).absolute().name
    if args.process_index > 0:
        return str(name)
    from huggingface_hub import HfApi

    with _hub_errors(name):
        made = HfApi(token=args.hub_token).create_repo(name, private=args.hub_private_repo, exist_ok=True)
        return str(made.repo_id)


def publish(folder: Path, repository: str | None, settings: RunSettings) -> None:
    """Upload the model of a finished folder, and no other file of it, if a repository was opened for it."""
    if repository is None or settings.args.process_index > 0:
        return
    from huggingface_hub import HfApi

    allowed = [*_MODEL, *_TOKENIZER, *(_OWN_CODE if settings.args.trust_remote_code else ())]
    # The adapter of a base in a local folder tells where that lies.
    allowed += () if Path(settings.model.model_name_or_path).is_dir() else _ADAPTER
    # `glob` keeps a pattern within its folder; the hub's own patterns do not.
    files = [path.relative_to(folder).as_posix() for pattern in allowed for path in folder.glob(pattern)]
    with _hub_errors(repository):
        commit = HfApi(token=settings.args.hub_token).upload_folder(
            repo_id=repository,
            folder_path=folder,
            revision=settings.args.hub_revision,
            allow_patterns=files,
            commit_message="The trained model",
        )
    log.info("The model is on the hub: %s", commit)


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    import httpx

    try:
        yield
    except (OSError, httpx.HTTPError, ValueError) as error:  # the hub's own errors are among them
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"The hub repository {repository} cannot be written: {first}",
            "Log in with: hf auth login, check --hub_model_id, or leave --push_to_hub out.",
        ) from error
