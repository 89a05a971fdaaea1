"""Sizes from a config alone are those of the model itself; estimates follow the settings as memory does."""

import types

import pytest

from bleuberi.doctor.memory import Batches, Zero, estimate_memory
from bleuberi.doctor.model import MetaModel

pytest.importorskip("trl")


def model_settings(model, **fields):
    from trl import ModelConfig

    return ModelConfig(
        model_name_or_path=str(model), **{"dtype": "float32", "lora_target_modules": ["q_proj", "v_proj"], **fields}
    )


@pytest.fixture(scope="module")
def meta(tiny_model):
    return MetaModel(model_settings(tiny_model), "float32")


def test_the_counts_are_the_models_own(meta, tiny_model):
    from transformers import AutoModelForCausalLM

    real = AutoModelForCausalLM.from_pretrained(tiny_model)
    sizes = meta.sizes()
    assert sizes.parameters == sizes.trainable == sum(weight.numel() for weight in real.parameters())
    assert sizes.weight_bytes == 4 * sizes.parameters
    assert sizes.head == real.get_output_embeddings().weight.numel() == sizes.largest_layer
    cache = real(real.dummy_inputs["input_ids"], use_cache=True).past_key_values
    rows, tokens = real.dummy_inputs["input_ids"].shape
    held = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert sizes.cache_values_per_token == held / (rows * tokens)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_what_autograd_keeps_is_what_was_counted(meta, tiny_model, checkpointing):
    import torch
    from transformers import AutoModelForCausalLM

    real = AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="sdpa").train()
    if checkpointing:
        real.gradient_checkpointing_enable({"use_reentrant": False})
    own, kept = {weight.untyped_storage().data_ptr() for weight in real.parameters()}, {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    ids = torch.ones(4, 48, dtype=torch.long)
    padded = torch.ones_like(ids)
    padded[0, :5] = 0
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        held = real.base_model(input_ids=ids, attention_mask=padded, use_cache=False)
    really = sum(storage.nbytes() for storage in kept.values())
    del held
    counted = meta.activation_bytes(4, 48, checkpointing)
    if checkpointing:  # the count has one layer in full on top
        counted -= meta.activation_bytes(4, 48, False) // 2
    assert counted == pytest.approx(really, rel=0.1)


def test_lora_trains_little_and_four_bits_weigh_little(tiny_model, meta):
    lora = MetaModel(model_settings(tiny_model, use_peft=True, lora_r=4), "float32").sizes()
    assert lora.trainable == 2 * 4 * ((32 + 32) + (32 + 16))  # two layers; r x in and out x r, for q and v
    assert lora.parameters == meta.parameters
    assert not lora.head_trains
    quantised = MetaModel(model_settings(tiny_model, use_peft=True, load_in_4bit=True), "float32").sizes()
    others = quantised.parameters - quantised.linear
    assert quantised.weight_bytes == int(quantised.linear * 0.5625) + 4 * others


def settings(method="grpo", use_peft=False, **fields):
    args = {
        "use_cpu": False, "bf16": True, "fp16": False, "optim": "adamw_torch", "beta": 0.0, "use_vllm": False,
        "vllm_mode": "colocate", "vllm_gpu_memory_utilization": 0.3, "vllm_enable_sleep_mode": False, "top_p": 1.0,
        "top_k": 0, "ds3_gather_for_generation": True, "gradient_checkpointing": False,
    }  # fmt: skip
    args |= fields
    model = types.SimpleNamespace(use_peft=use_peft)
    return types.SimpleNamespace(method=method, args=types.SimpleNamespace(**args), model=model)


BATCHES = Batches(rows=4, generated_rows=8, prompt=32, completion=16)


def test_each_setting_moves_the_estimate_as_it_moves_memory(meta):
    def peak(processes=1, **fields):
        return estimate_memory(settings(**fields), meta, BATCHES, Zero(), processes, gpu_memory=1e9)

    plain = peak()
    assert peak(beta=0.04).peak - plain.peak == 4 * meta.parameters  # the start model
    assert peak(gradient_checkpointing=True).phases["loss"]["activations"] < plain.phases["loss"]["activations"]
    assert peak(processes=2).static["gradient buckets"] == 4 * meta.parameters
    assert peak(optim="adamw_bnb_8bit").static["optimizer"] == 2 * meta.parameters
    vllm = peak(use_vllm=True)
    assert vllm.phases["generation"] == {"vLLM's reserved share": 0.3e9}
    assert "vLLM's reserved share" in vllm.phases["loss"]
    assert "vLLM's reserved share" not in peak(use_vllm=True, vllm_enable_sleep_mode=True).phases["loss"]


def test_fsdp_splits_what_a_plain_run_holds_whole(meta):
    def static(processes, **fields):
        return estimate_memory(settings(beta=0.04, **fields), meta, BATCHES, Zero(), processes, fsdp=True).static

    whole = estimate_memory(settings(beta=0.04), meta, BATCHES, Zero(), 1).static
    for part in ("weights", "gradients", "optimizer", "start model for the KL term"):
        assert static(4)[part] == whole[part] / 4 > 0
    assert static(4)["layers gathered from all GPUs"] == 2 * 4 * meta.sizes().largest_layer
    assert "gradient buckets" not in static(4)


def test_model_states_are_deepspeeds_own_estimate(meta):
    zero3 = pytest.importorskip("deepspeed.runtime.zero.stage3")
    zero2 = pytest.importorskip("deepspeed.runtime.zero.stage_1_and_2")
    sizes, name = meta.sizes(), "model states (DeepSpeed's estimate)"
    both = Zero(3, offload_optimizer=True, offload_parameters=True)
    made = estimate_memory(settings(), meta, BATCHES, both, processes=4)
    host, gpu, _ = zero3.estimate_zero3_model_states_mem_needs(sizes.parameters, sizes.largest_layer, 4, 1, True, True)
    assert (made.host[name], made.static[name]) == (host, gpu)
    assert made.phases["generation"]["weights gathered from all GPUs"] == 2 * sizes.parameters
    made = estimate_memory(settings(), meta, BATCHES, Zero(2), processes=4)
    host, gpu = zero2.estimate_zero2_model_states_mem_needs(sizes.parameters, 4, 1, False)
    assert (made.host[name], made.static[name]) == (host, gpu)
    assert "weights gathered from all GPUs" not in made.phases["generation"]
