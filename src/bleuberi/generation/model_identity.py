"""Identify models, so that different ones are never confused. Does not load weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bleuberi.artifacts import content_hash, file_hash, json_hash, local_path
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.generation.chat_format import refuse_unfit_template, with_chat_template, with_template_kwargs

_WEIGHTS = ("*.safetensors", "*.gguf")
_PICKLED = ("*.bin", "*.pt", "*.pth")
_DECIDING = (*_WEIGHTS, *_PICKLED, "*.json", "*.jinja", "*.model", "*.txt", "*.py", "*.xml")
_EXPORTED = "openvino_model.xml"
_EXPORTED_WEIGHTS = "openvino_model.bin"  # not a pickle


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model's identity for cache keys: hub revision or hash of the folder's files, and chat template."""

    model: str
    revision: str
    chat_template_sha256: str

    def settings(self) -> dict[str, Any]:
        return asdict(self)

    def key(self) -> str:
        """The parts that determine responses. A moved local folder keeps its key; a hub model's includes its name."""
        name = "" if self.revision.startswith("files:") else self.model
        return json_hash([name, self.revision, self.chat_template_sha256])


def is_model_folder(model: str) -> bool:
    """Whether the name is a local folder. Errors: `UserError` if the folder does not contain a model."""
    path = local_path(model)
    if not path.is_dir():
        if model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise UserError(f"Model folder {model} does not exist.", "Check the path given with --model.")
        return False
    exported = is_exported(model)
    weights = (_EXPORTED_WEIGHTS,) if exported else _WEIGHTS
    has_weights = any(any(path.glob(pattern)) for pattern in weights)
    if not has_weights and not exported and (path / _EXPORTED_WEIGHTS).is_file():
        raise UserError(
            f"The folder {model} is exported for OpenVINO, but {_EXPORTED} is missing.", "Copy or export it again."
        )
    if not has_weights and not exported and any(any(path.glob(pattern)) for pattern in _PICKLED):
        raise UserError(
            f"The folder {model} has pickled weights, which can execute arbitrary code when loaded.",
            "If you trust it, load it with transformers and save it again: `save_pretrained` writes safetensors.",
        )
    if not (path / "config.json").is_file() or not has_weights:
        raise UserError(
            f"The folder {model} does not contain a model: config.json or the weights ({weights[0]}) are missing.",
            "Give a folder that `save_pretrained` wrote, or a Hugging Face hub id.",
        )
    return True


def is_exported(model: str) -> bool:
    """Whether the name is a local folder exported for OpenVINO, which only the openvino engine reads."""
    return (local_path(model) / _EXPORTED).is_file()


def refuse_exported(model: str, needed_for: str) -> None:
    """Errors: `UserError` if the model is a folder exported for OpenVINO."""
    if is_exported(model):
        raise UserError(
            f"{needed_for} cannot use {model}: the folder is exported for OpenVINO.",
            "Give the model from which it was exported.",
        )


def folder_revision(folder: Path) -> str:
    """`files:` plus a hash of the files that determine a model folder's responses."""
    files = sorted({path for pattern in _DECIDING for path in folder.glob(pattern)} - {folder / "manifest.json"})
    return "files:" + content_hash(*(part for path in files for part in (path.name, file_hash(path))))


def identify_model(
    model: str,
    trust_remote_code: bool = False,
    base_template: str = "plain",
    template_kwargs: Mapping[str, Any] | None = None,
) -> ModelIdentity:
    """Read configuration and tokenizer, but no weights. Errors: `UserError` if the model is not available."""
    tokenizer = load_tokenizer(model, trust_remote_code, base_template=base_template, template_kwargs=template_kwargs)
    template = content_hash(str(tokenizer.chat_template))
    if is_model_folder(model):
        return ModelIdentity(model, folder_revision(local_path(model)), template)
    from transformers import AutoConfig

    # A hub model's config contains the commit of its files.
    config = AutoConfig.from_pretrained(model, trust_remote_code=trust_remote_code)
    commit = getattr(config, "_commit_hash", None)
    return ModelIdentity(model, f"commit:{commit or 'unknown'}", template)


def load_tokenizer(
    model: str,
    trust_remote_code: bool = False,
    revision: str | None = None,  # for a hub model; None: main branch
    base_template: str = "plain",  # for a base model without a template: a name of BASE_TEMPLATES
    template_kwargs: Mapping[str, Any] | None = None,  # as in `with_template_kwargs`
) -> Any:  # noqa: ANN401 - any transformers tokenizer
    """The model's tokenizer with a chat template, padding on the left. Errors: `UserError` if the model is missing or
    brings untrusted code, or its template does not fit."""
    is_model_folder(model)
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("transformers", "train", "Answering with a language model") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            model, padding_side="left", trust_remote_code=trust_remote_code, revision=revision or "main"
        )
    except (OSError, ValueError, KeyError) as error:
        raise model_unavailable(model, error) from error
    tokenizer = with_chat_template(tokenizer, base_template)
    refuse_unfit_template(tokenizer)
    return with_template_kwargs(tokenizer, template_kwargs or {})


def model_eos(model: str, trust_remote_code: bool) -> int | list[int] | None:
    """The end tokens in the model's files, as the transformers engine finds them in the loaded model."""
    from transformers import AutoConfig, GenerationConfig

    try:
        eos: int | list[int] | None = GenerationConfig.from_pretrained(model).eos_token_id
    except OSError:  # the model has no generation_config.json
        eos = getattr(AutoConfig.from_pretrained(model, trust_remote_code=trust_remote_code), "eos_token_id", None)
    return eos


def model_unavailable(model: str, error: Exception) -> UserError:
    """The error for a model that is not available on disk or hub."""
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    if "trust_remote_code" in str(error):
        return UserError(
            f"The model {model} contains its own Python code, which is not run by default.",
            "Read that code; if you trust it, add --trust_remote_code (bleuberi train: --trust_remote_code true).",
        )
    return UserError(
        f"The model {model} could not be loaded: {reason}",
        "Check the name and the network, or give a local model folder with --model.",
    )
