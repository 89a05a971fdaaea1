"""The policy ends its answers where its template ends a turn, and so says the folder it is saved to."""

import types

import pytest

from bleuberi.errors import UserError
from bleuberi.training.model_loading import fast_dtype, load_policy, load_policy_tokenizer

pytest.importorskip("torch")


def wanted(model, **settings):
    return types.SimpleNamespace(
        model_name_or_path=str(model),
        dtype="float32",
        model_revision="main",
        attn_implementation=None,
        **{"load_in_4bit": False, **settings},
    )


@pytest.fixture
def base_model(tiny_model, tmp_path):
    """The tiny model as a base: no template, and <|endoftext|> as its end."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_model), AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template, tokenizer.eos_token, tokenizer.pad_token = None, "<|endoftext|>", None
    model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def test_a_qwen_like_base_learns_to_end_its_turn(base_model):
    from transformers import GenerationConfig

    tokenizer = load_policy_tokenizer(str(base_model))
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    model = load_policy(wanted(base_model), tokenizer)
    ends = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"])
    assert model.generation_config.eos_token_id == sorted(ends)
    assert model.config.eos_token_id == ends[1]
    assert model.config.pad_token_id == model.generation_config.pad_token_id == ends[0]
    model.save_pretrained(base_model.parent / "trained")
    saved = GenerationConfig.from_pretrained(base_model.parent / "trained")
    assert (saved.eos_token_id, saved.pad_token_id) == (sorted(ends), ends[0])


def test_a_chat_models_own_padding_stays(tiny_model):
    tokenizer = load_policy_tokenizer(str(tiny_model))
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")


def test_damaged_weights_are_told(base_model):
    tokenizer = load_policy_tokenizer(str(base_model))
    (base_model / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match="could not be loaded"):
        load_policy(wanted(base_model), tokenizer)


@pytest.mark.parametrize(
    ("known", "dtype"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"neon": True, "bf16": True}, "bfloat16"),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False}, "float32"),
        ({"neon": True, "bf16": False}, "float32"),
    ],
)
def test_weights_are_bfloat16_only_where_the_processor_multiplies_it(monkeypatch, known, dtype):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: known)
    assert fast_dtype() == dtype


def test_an_older_torch_that_knows_no_processor_takes_float32(monkeypatch):
    monkeypatch.delattr("torch.cpu.get_capabilities")
    assert fast_dtype() == "float32"
