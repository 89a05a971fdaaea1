"""Six families: SFT and GRPO run, ask one prompt, learn to end a turn, and leave the base plus the adapter."""

import json

import pytest

from tests.end_to_end.training import PROMPTS, bleuberi, save_data, strict_lines, train_words
from tests.families import FAMILIES, save_family

pytest.importorskip("trl")

TURN_ENDS = {
    "qwen2_5": "<|im_end|>", "qwen3": "<|im_end|>", "llama3": "<|eot_id|>", "gemma": "<end_of_turn>", "mistral": "</s>",
    "phi3": "<|end|>",
}  # fmt: skip
LORA = ["--use_peft", "true", "--learning_rate", "1e-2", "--max_steps", "2", "--warmup_steps", "0"]
OVERLONG = "trl.rewards:get_soft_overlong_punishment(max_completion_len=8, soft_punish_cache=4)"
REWARDS = ["tests.end_to_end.vowel_reward:Vowels", OVERLONG, "trl.rewards:think_format_reward"]
GRPO = ["--reward_funcs", *REWARDS, "--sample_every", "2", "--dev_prompts", "2", "--save_steps", "0.5"]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    save_data(folder)
    save_family(request.param, folder / "model")
    return request.param, folder


def off_by(model, base):
    """|exported - (base + adapter)| / |adapter|, in float32."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    told = json.loads((model / "adapter/adapter_config.json").read_text())
    adapter = load_file(model / "adapter/adapter_model.safetensors")
    exported = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).state_dict()
    before = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).state_dict()
    learnt, off = {}, 0.0
    for name in adapter:
        if name.endswith("lora_A.weight"):
            place = name.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
            other = adapter[name.replace("lora_A", "lora_B")]
            learnt[place] = (told["lora_alpha"] / told["r"]) * (other.float() @ adapter[name].float())
    assert learnt
    for place, weight in exported.items():
        part = learnt.get(place, torch.zeros(()))
        off += float((weight - before[place] - part).pow(2).sum())
    return (off / sum(float(part.pow(2).sum()) for part in learnt.values())) ** 0.5


@pytest.mark.slow
def test_both_methods_train_what_is_asked(family, monkeypatch):
    name, folder = family
    monkeypatch.chdir(folder)
    base = folder / "model"
    for method, more in (("sft", ["--dtype", "bfloat16"]), ("grpo", GRPO)):
        if name == "qwen3":
            more = [*more, "--chat_template_kwargs", '{"enable_thinking": false}']
        assert bleuberi(*train_words(method, folder, base, folder / f"run_{method}", *LORA, *more)) == 0
        assert off_by(folder / f"run_{method}", base) < 0.01, method
        steps = [line for line in strict_lines(folder / f"run_{method}/metrics.jsonl") if "loss" in line]
        assert len(steps) == 2
        assert any(line["grad_norm"] > 0 for line in steps)

    from transformers import AutoTokenizer, GenerationConfig

    left = folder / "run_grpo"
    assert (left / "checkpoint-1/complete.json").is_file()
    assert all(-1 <= line["rewards/soft_overlong_punishment_reward/mean"] <= 0 for line in steps)
    assert all("rewards/think_format_reward/mean" in line for line in steps)
    tokenizer = AutoTokenizer.from_pretrained(left)
    assert tokenizer.eos_token == TURN_ENDS[name]
    ends = GenerationConfig.from_pretrained(left).eos_token_id
    assert tokenizer.eos_token_id in (ends if isinstance(ends, list) else [ends])
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert [line["step"] for line in strict_lines(left / "dev.jsonl")] == [0, 1, 2]


def test_sft_learns_the_response_and_one_end_token(family):
    from bleuberi.generation.chat_format import prompt_ids
    from bleuberi.training.model_loading import load_policy_tokenizer
    from bleuberi.training.sft_tokens import SftEncoder

    name, folder = family
    kwargs = {"enable_thinking": False} if name == "qwen3" else {}
    tokenizer = load_policy_tokenizer(str(folder / "model"), template_kwargs=kwargs)
    asked = [{"role": "user", "content": PROMPTS[0]}]
    tokens = SftEncoder(tokenizer)(asked, [{"role": "assistant", "content": "It is two."}])
    start = tokens.completion_mask.index(1)
    assert tokens.input_ids[:start] == prompt_ids(tokenizer, asked)
    learnt = tokenizer.decode(tokens.input_ids[start:])
    assert learnt.lstrip() == "It is two." + TURN_ENDS[name]
    assert all(tokens.completion_mask[start:])


def test_the_doctor_reads_each_family(family, monkeypatch, capsys):
    name, folder = family
    monkeypatch.chdir(folder)
    run = train_words("grpo", folder, folder / "model", folder / "doctored", *LORA)[2:]
    assert bleuberi("doctor", *run, "--json", "--max_prompt_tokens", "400") in (0, 2)
    findings = {one["topic"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    for topic in ("template", "end tokens", "round trip"):
        assert findings[topic]["verdict"] == "ok", (name, findings[topic])


def test_hand_overs_to_vllm_leave_the_base_as_it_was(family):
    import torch

    from bleuberi.training.merge import keep_base_exact
    from tests.unit.training.test_merge import base_weights, delta, drift, hand_over, tuned

    _, folder = family
    model = tuned(folder / "model", torch.bfloat16)
    before, learnt = base_weights(model), delta(model)
    keep_base_exact(model)
    for _ in range(10):
        hand_over(model)
    assert drift(before, base_weights(model), learnt) == 0.0
