"""QLoRA on a CPU: the base in 4 bits trains an adapter, and the finished model is the unquantised base plus it."""

import pytest

from tests.end_to_end.test_model_families import off_by
from tests.end_to_end.training import bleuberi, save_data, strict_lines, train_words

pytest.importorskip("trl")
pytest.importorskip("bitsandbytes")

QLORA = [
    "--load_in_4bit",
    "true",
    "--bnb_4bit_quant_type",
    "nf4",
    "--use_bnb_nested_quant",
    "true",
    "--use_peft",
    "true",
]
QUICK = ["--learning_rate", "1e-2", "--warmup_steps", "0", "--max_steps", "2"]


@pytest.fixture(scope="module")
def model(tiny_model, tmp_path_factory):
    """bitsandbytes' kernels for CPUs need rows of 64 weights and more."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("wider") / "model"
    config = LlamaConfig.from_pretrained(tiny_model, hidden_size=64, intermediate_size=128, head_dim=16)
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_an_adapter_is_trained_on_four_bits(method, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = save_data(tmp_path)
    more = ["--reward_funcs", "tests.end_to_end.vowel_reward:Vowels", "--dev_prompts", "2"] if method == "grpo" else []
    run = train_words(method, data, model, tmp_path / "run", *QUICK, *more, *QLORA)
    assert bleuberi(*run) == 0
    assert off_by(tmp_path / "run", model) < 0.01
    assert any(line.get("grad_norm", 0) > 0 for line in strict_lines(tmp_path / "run/metrics.jsonl"))
    assert bleuberi(*run) == 0
    assert "was made by an equal request and is reused" in capsys.readouterr().err


def test_a_base_that_bitsandbytes_saved_is_refused(tiny_model, tmp_path, monkeypatch, capsys):
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    settings = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(tiny_model, quantization_config=settings, device_map={"": "cpu"})
    model.save_pretrained(tmp_path / "stored")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "stored")
    monkeypatch.chdir(tmp_path)
    data = save_data(tmp_path)
    assert bleuberi(*train_words("sft", data, tmp_path / "stored", tmp_path / "run", *QUICK)) == 2
    assert "stored is stored quantised (bitsandbytes)" in capsys.readouterr().err
